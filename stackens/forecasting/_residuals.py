"""Residuals of forecasts whose targets the models had not seen, and intervals from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from stackens.exceptions import InvalidInputError

__all__ = ["check_coverage", "cross_fit", "offsets"]


def check_coverage(coverage: Any) -> None:
    """Refuse what is no share between 0 and 1."""
    if not isinstance(coverage, float | np.floating) or not 0 < coverage < 1:
        raise InvalidInputError(f"`coverage` must be between 0 and 1; got {coverage!r}.")


def offsets(residuals: np.ndarray, coverage: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how far an interval reaches below and above a forecast, for each step and target.

    The ranks are those of split conformal prediction: a new residual, exchangeable with the n
    known ones, lies between the order statistics n + 1 - r and r with a probability of at least
    ``coverage``, where r = ceil((n + 1)(1 + coverage) / 2).

    Parameters
    ----------
    residuals : ndarray of shape (n_forecasts, horizon, n_targets)
        True less predicted.
    coverage : float
        Share of true values inside.

    Raises
    ------
    InvalidInputError
        If there are too few residuals for so high a coverage.
    """
    n = len(residuals)
    rank = math.ceil((n + 1) * (1 + coverage) / 2)
    if rank > n:
        needed = math.ceil((1 + coverage) / (1 - coverage))
        raise InvalidInputError(
            f"`coverage`={coverage} needs {needed} residuals for each step; there are {n}. Choose "
            "a smaller coverage, or fit on a longer series."
        )
    ordered = np.partition(residuals, (n - rank, rank - 1), axis=0)
    return ordered[n - rank], ordered[rank - 1]


def cross_fit(stack: Any, gap: int) -> tuple[np.ndarray, np.ndarray]:
    """Predict held-out rows of a stack by final estimators of the other held-out parts.

    The learners knew only earlier rows. The final estimator, which has few coefficients, is
    fitted on all other parts, as there is nothing earlier for the first one.

    Parameters
    ----------
    stack : StackingRegressor
        Fitted with splits from ``chain_forward``, without ``passthrough``; or the last step of a
        Pipeline.
    gap : int
        Rows around a part whose targets reach into it. They are left out where at least half of
        the held-out rows remain.

    Returns
    -------
    rows : ndarray of int of shape (n_held_out,)
        Rows of the training data.
    predictions : ndarray of shape (n_held_out, n_columns)
    """
    stack = stack.steps[-1][1] if isinstance(stack, Pipeline) else stack
    kept = stack.out_of_fold_predictions_
    covered, matrix = kept.row_index, kept.matrix
    parts = []
    for _, test in kept.splits:
        own = np.isin(covered, test)
        known = (covered < test[0] - gap) | (covered > test[-1] + gap)
        if 2 * known.sum() < len(covered):
            known = own if own.all() else ~own  # a time limit may leave one part
        final = clone(stack.final_estimator_).fit(matrix[known], kept.y[known])
        parts.append(np.reshape(final.predict(matrix[own]), (int(own.sum()), -1)))
    return covered, np.concatenate(parts)
