"""What the final estimator sees of the input, beside the predictions of the learners."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import _num_samples

from stackens.exceptions import InvalidInputError
from stackens.sequence_statistics import STATISTICS
from stackens.sequences import refuse_tokens, validate_sequences

# What each becomes, statistic after statistic. None learns from other rows: nothing can leak.
SUMMARIES = {
    "last": ("last",),
    "mean": ("mean",),
    "summary": ("mean", "std", "min", "max", "last"),
}


def passthrough_table(X: Any, how: Any) -> Any:
    """Return what ``passthrough`` adds to the level-one matrix.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
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
        return np.hstack([STATISTICS[statistic](batch) for statistic in SUMMARIES[how]])
    table = how(X)
    shape = getattr(table, "shape", np.shape(table))
    if len(shape) != 2 or shape[0] != _num_samples(X):
        raise InvalidInputError(
            f"`passthrough` must return a table of shape ({_num_samples(X)}, n_columns); got "
            f"{shape}."
        )
    return check_array(table, accept_sparse="csr", dtype="numeric", input_name="`passthrough`")


def check_passthrough(X: Any, how: Any, final: Any) -> None:
    """Refuse, before training, a table that the final estimator cannot take after it.

    Parameters
    ----------
    X, how
        As for ``passthrough_table``; False is no table.
    final : estimator
        The final estimator.

    Raises
    ------
    InvalidInputError
        If there is no such table, ``X`` are token ids, or it holds NaN and the final estimator
        takes none.
    """
    if how is False:
        return
    if not callable(how):
        refuse_tokens(X)
    table = passthrough_table(X, how)
    values = np.asarray(table.tocsr().data if hasattr(table, "tocsr") else table)
    if values.dtype.kind != "f" or get_tags(final).input_tags.allow_nan:
        return
    if np.isnan(values).any():
        raise InvalidInputError(
            f"`passthrough` hands NaN on to the final estimator {type(final).__name__}, which does "
            "not take it. Impute `X` before, or choose a final estimator that takes NaN."
        )


def passthrough_names(how: Any, n_columns: int) -> list[str]:
    """Name the columns of a table that is not ``X`` itself."""
    prefix = how if isinstance(how, str) else "passthrough"
    return [f"{prefix}{k}" for k in range(n_columns)]
