"""Level 1 of a target with several columns: a final estimator for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import get_tags

from stackens.ensemble._fit import adapt_learner

__all__ = ["ColumnwiseRegressor", "takes_columns"]


class ColumnwiseRegressor(RegressorMixin, BaseEstimator):
    """Fit one regressor for each target column, on the columns that learners predict for it.

    One regressor on all columns of all learners would have as many times more coefficients as
    there are target columns, and few rows to learn them from.

    Parameters
    ----------
    estimator : estimator
        Regressor; not changed.
    n_outputs : int
        Columns of the target. The columns of ``Z`` are those of each learner in turn.
    """

    def __init__(self, estimator: Any, n_outputs: int) -> None:
        self.estimator = estimator
        self.n_outputs = n_outputs

    def fit(self, Z: Any, y: Any, **params: Any) -> Self:
        self.n_features_in_ = np.shape(Z)[1]
        self.estimators_ = [
            clone(self.estimator).fit(self._columns(Z, k), y[:, k], **params)
            for k in range(self.n_outputs)
        ]
        return self

    def predict(self, Z: Any) -> np.ndarray:
        columns = [e.predict(self._columns(Z, k)) for k, e in enumerate(self.estimators_)]
        return np.column_stack(columns)  # (n_samples, n_outputs)

    def _columns(self, Z: Any, k: int) -> np.ndarray:
        columns: np.ndarray = np.asarray(Z)[:, k :: self.n_outputs]
        return columns


def takes_columns(estimators: Sequence[tuple[str, Any]]) -> bool:
    """Whether all learners take a target of several columns."""
    try:
        learners = [adapt_learner(e) for _, e in estimators if e != "drop"]
        return all(get_tags(e).target_tags.multi_output for e in learners)
    except (TypeError, ValueError, AttributeError):  # no list of learners: `fit` will say so
        return False
