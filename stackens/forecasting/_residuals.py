"""Residuals of forecasts whose targets the models had not seen, and intervals from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError


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
