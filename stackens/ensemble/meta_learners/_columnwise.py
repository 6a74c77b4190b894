"""Level 1 of a target with several columns: a final estimator for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from stackens.ensemble._fit import adapt_learner
from stackens.ensemble._level_one import TakesBlocks
from stackens.exceptions import InvalidInputError
from stackens.parameters import all_or_nothing
from stackens.targets import check_numbers, read_target


class ColumnwiseRegressor(RegressorMixin, BaseEstimator):
    """Final estimator of a target with several columns: a regressor for each, or one for all.

    A column's regressor sees what the learners predict for that column alone: one regressor on all
    columns of all learners would have as many times more coefficients as there are target columns,
    and few rows to learn them from. A stack wraps its final estimator in this when the target has
    several columns, unless it is wrapped already.

    Parameters
    ----------
    estimator : estimator
        Regressor.
    share : bool, default=False
        Whether one regressor is fitted for all columns, on the rows of all of them: for few rows,
        and columns on one scale, such as the steps of a forecast.

    Attributes
    ----------
    estimators_ : list of estimators
        Fitted regressor of each column; the same one, if shared.
    n_features_in_ : int
        Columns that the learners predict, of all learners together.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression, Ridge
    >>> from stackens import ColumnwiseRegressor, StackingRegressor
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> final = ColumnwiseRegressor(LinearRegression(positive=True), share=True)
    >>> stack = StackingRegressor([("ridge", Ridge())], final).fit(X, X[:, :2] ** 2)
    >>> stack.predict(X).shape
    (60, 2)
    """

    def __init__(self, estimator: Any, *, share: bool = False) -> None:
        self.estimator = estimator
        self.share = share

    @all_or_nothing
    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        """Fit on what learners predict.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_learners * n_outputs)
            Columns of each learner in turn.
        y : ndarray of shape (n_samples, n_outputs)
            Target.
        **params : dict
            For ``fit`` of the regressor, e.g. ``sample_weight`` of shape (n_samples,).

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If ``X`` has not as many columns of each target.
        """
        y = read_target(y)
        check_numbers(y)
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self._is_flat = y.ndim == 1
        y = y.reshape(len(y), -1)
        n_outputs = y.shape[1]
        if X.shape[1] % n_outputs:
            raise InvalidInputError(
                f"`X` must have as many columns of each of the {n_outputs} targets; got "
                f"{X.shape[1]} columns."
            )
        blocks = [X[:, k::n_outputs] for k in range(n_outputs)]
        if self.share:
            repeated = {name: np.tile(value, n_outputs) for name, value in params.items()}
            one = clone(self.estimator).fit(np.concatenate(blocks), y.T.ravel(), **repeated)
            self.estimators_ = [one] * n_outputs
        else:
            self.estimators_ = [
                clone(self.estimator).fit(block, column, **params)
                for block, column in zip(blocks, y.T, strict=True)
            ]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict all columns.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_learners * n_outputs)
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        X, n_outputs = validate_data(self, X, dtype=np.float64, reset=False), len(self.estimators_)
        columns = [
            np.asarray(e.predict(X[:, k::n_outputs])) for k, e in enumerate(self.estimators_)
        ]
        return columns[0] if self._is_flat else np.column_stack(columns)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.regressor_tags.poor_score = True  # of columns in any order, it sees only some
        return tags


def for_columns(final_estimator: Any) -> Any:
    """Return what takes a target of several columns: itself, or one for each of them."""
    if isinstance(final_estimator, ColumnwiseRegressor | TakesBlocks):
        return final_estimator
    return ColumnwiseRegressor(final_estimator)


def takes_columns(estimators: Sequence[tuple[str, Any]]) -> bool:
    """Whether all learners take a target of several columns."""
    try:
        learners = [adapt_learner(e) for _, e in estimators if e != "drop"]
        return all(get_tags(e).target_tags.multi_output for e in learners)
    except (TypeError, ValueError, AttributeError):  # no list of learners: `fit` will say so
        return False
