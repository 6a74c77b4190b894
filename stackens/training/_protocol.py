"""How level 1 meets level 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from stackens.training._job import TrainedNetwork
from stackens.training._row_job import Job

__all__ = ["HoldOut", "TowerLearner"]


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
