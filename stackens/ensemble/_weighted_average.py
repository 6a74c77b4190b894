"""Level 1 that weighs learners, and nothing more."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from stackens.exceptions import InvalidInputError

__all__ = ["WeightedAverageRegressor"]


class WeightedAverageRegressor(RegressorMixin, BaseEstimator):
    """Predict a weighted average of the columns: weights are not negative and sum to 1.

    As a final estimator it can shift nothing and blow nothing up, which makes it the choice for
    few or dependent rows, such as the windows of a short series.

    Parameters
    ----------
    shrinkage : float, default=0.1
        Pull towards equal weights, in shares of the rows' mean squared disagreement; 0 is none.

    Attributes
    ----------
    weights_ : ndarray of shape (n_columns,)
        Weight of each column.
    n_features_in_ : int
        Columns.

    References
    ----------
    L. Breiman (1996), "Stacked regressions", Machine Learning 24: weights that are not negative.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import WeightedAverageRegressor
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> final = WeightedAverageRegressor(shrinkage=0).fit(X, X @ [0.75, 0.25])
    >>> final.weights_.round(3)
    array([0.75, 0.25])
    """

    def __init__(self, shrinkage: float = 0.1) -> None:
        self.shrinkage = shrinkage

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            What learners predict.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.

        Returns
        -------
        self
        """
        if not self.shrinkage >= 0:
            raise InvalidInputError(f"`shrinkage` must be >= 0; got {self.shrinkage!r}.")
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        rows = np.sqrt(_check_sample_weight(sample_weight, X, dtype=np.float64))
        n_columns = X.shape[1]
        # As the weights sum to 1, errors combine as predictions do; their scale is the problem's.
        errors = (X - np.asarray(y, np.float64)[:, None]) * rows[:, None]
        spread = X - X.mean(axis=1, keepdims=True)
        pull = np.sqrt(self.shrinkage * ((spread * rows[:, None]) ** 2).sum() / n_columns)
        size = max(np.abs(errors).max(), pull, np.finfo(float).tiny)
        system = np.vstack([errors, pull * (np.eye(n_columns) - 1 / n_columns)]) / size
        # Two steps: non-negative least squares with a heavy row for the sum, then exactly 1.
        heavy = 1e4 * np.sqrt(len(X))
        found, _ = nnls(
            np.vstack([system, np.full((1, n_columns), heavy)]),
            np.r_[np.zeros(len(system)), heavy],
        )
        self.weights_ = found / found.sum()
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Average the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        averages: np.ndarray = X @ self.weights_
        return averages

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # it cannot predict beyond its columns
        return tags
