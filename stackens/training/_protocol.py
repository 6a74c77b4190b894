"""How level 1 meets level 0, and how foreign estimators are made to fit."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from stackens.training._job import TrainedNetwork
from stackens.training._row_job import Job

__all__ = ["HoldOut", "TowerLearner", "adapt", "register_adapter"]


# Splits training rows in two: `hold_out(rows, fraction, seed)` returns the rows to train on, and
# about that fraction of them to watch.
HoldOut = Callable[[np.ndarray, float, int], tuple[np.ndarray, np.ndarray]]


@runtime_checkable
class TowerLearner(Protocol):
    """An estimator that hands over a job and takes back the trained weights."""

    def plan_job(
        self,
        X: Any,
        y: Any,
        *,
        rows: Any = None,
        sample_weight: Any = None,
        hold_out: HoldOut | None = None,
        name: str = "",
    ) -> Job:
        """Validate all of ``X`` and ``y``, and plan the training on ``rows`` (None = all).

        Who stops early takes the rows to watch from inside ``rows``: those that ``hold_out``
        says, unless they were chosen otherwise.
        """

    def adopt(self, trained: TrainedNetwork) -> Any:
        """Take the trained weights; the estimator is then fitted. Return it."""


# Qualified class name -> "module:function" that wraps an instance. Names, not classes, so that
# nothing is imported before an object of that class is met.
_ADAPTERS: dict[str, str] = {
    "scikeras.wrappers.KerasClassifier": "stackens.learners:adapt_scikeras",
    "scikeras.wrappers.KerasRegressor": "stackens.learners:adapt_scikeras",
}


def register_adapter(class_name: str, adapter: str) -> None:
    """Have estimators of a class wrapped before they train.

    Parameters
    ----------
    class_name : str
        Qualified name, "package.module.Class".
    adapter : str
        "package.module:function"; the function takes the estimator and returns a
        :class:`TowerLearner`.
    """
    _ADAPTERS[class_name] = adapter


def adapt(estimator: Any) -> Any:
    """Return ``estimator``, or what the registered adapter of its class makes of it."""
    for cls in type(estimator).__mro__:
        target = _ADAPTERS.get(f"{cls.__module__}.{cls.__qualname__}")
        if target is not None:
            module, function = target.split(":")
            return getattr(importlib.import_module(module), function)(estimator)
    return estimator
