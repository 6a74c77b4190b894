"""Estimators of other packages, and what makes learners of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["adapt", "register_adapter"]

# By names of classes, so that nothing is imported before an object of one is met.
_ADAPTERS: dict[str, Callable[[Any], Any]] = {}


def register_adapter(class_name: str, adapter: Callable[[Any], Any]) -> None:
    """Have estimators of a class wrapped before they train.

    Parameters
    ----------
    class_name : str
        Qualified name, "package.module.Class".
    adapter : callable
        Takes the estimator, and returns a :class:`stackens.training.TowerLearner`.
    """
    _ADAPTERS[class_name] = adapter


def adapt(estimator: Any) -> Any:
    """Return ``estimator``, or what the registered adapter of its class makes of it."""
    for cls in type(estimator).__mro__:
        adapter = _ADAPTERS.get(f"{cls.__module__}.{cls.__qualname__}")
        if adapter is not None:
            return adapter(estimator)
    return estimator
