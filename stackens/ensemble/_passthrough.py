"""What the final estimator sees of the input, beside the predictions of the learners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import _num_samples

from stackens.exceptions import InvalidInputError
from stackens.sequences import validate_sequences

__all__ = ["SUMMARIES", "passthrough_names", "passthrough_table"]


def _last(values: np.ndarray, lengths: np.ndarray, valid: np.ndarray) -> np.ndarray:
    last: np.ndarray = values[np.arange(len(values)), np.maximum(lengths - 1, 0)]
    return last


def _mean(values: np.ndarray, lengths: np.ndarray, valid: np.ndarray) -> np.ndarray:
    mean: np.ndarray = np.where(valid, values, 0).sum(axis=1) / np.maximum(lengths, 1)[:, None]
    return mean


def _summary(values: np.ndarray, lengths: np.ndarray, valid: np.ndarray) -> np.ndarray:
    mean = _mean(values, lengths, valid)
    spread = np.sqrt(_mean((values - mean[:, None]) ** 2, lengths, valid))
    least = np.where(valid, values, np.inf).min(axis=1)
    most = np.where(valid, values, -np.inf).max(axis=1)
    return np.hstack([mean, spread, least, most, _last(values, lengths, valid)])


# Each makes (n_samples, n_columns) of values (n_samples, n_timesteps, n_features), without
# learning anything: nothing can leak from one row to another.
SUMMARIES: dict[str, Callable[..., np.ndarray]] = {
    "last": _last,
    "mean": _mean,
    "summary": _summary,
}


def passthrough_table(X: Any, how: Any) -> Any:
    """Return what ``passthrough`` adds to the level-one matrix.

    Parameters
    ----------
    X : array-like
        Input of the stack.
    how : True, {"last", "mean", "summary"} or callable
        True is ``X`` itself.

    Returns
    -------
    array-like of shape (n_samples, n_columns)

    Raises
    ------
    InvalidInputError
        If a callable returns something else.
    """
    if how is True:
        return X
    if isinstance(how, str):
        batch = validate_sequences(BaseEstimator(), X, reset=True, dtype=np.float64)
        values = batch.values if batch.values.ndim == 3 else batch.values[:, :, None]
        valid = (np.arange(values.shape[1]) < batch.lengths[:, None])[:, :, None]
        return SUMMARIES[how](values, batch.lengths, valid)
    table = how(X)
    shape = getattr(table, "shape", np.shape(table))
    if len(shape) != 2 or shape[0] != _num_samples(X):
        raise InvalidInputError(
            f"`passthrough` must return a table of shape ({_num_samples(X)}, n_columns); got "
            f"{shape}."
        )
    return check_array(table, accept_sparse="csr", dtype="numeric", input_name="`passthrough`")


def passthrough_names(how: Any, n_columns: int) -> list[str]:
    """Name the columns of a table that is not ``X`` itself."""
    prefix = how if isinstance(how, str) else "passthrough"
    return [f"{prefix}{k}" for k in range(n_columns)]
