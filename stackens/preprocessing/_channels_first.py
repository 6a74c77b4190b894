"""Sequences whose channels come before their timesteps, as other packages have them."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array


def from_channels_first(X: Any) -> np.ndarray:
    """Bring sequences of shape (n_channels, n_timesteps), as aeon and PyTorch have them, into ours.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels, n_timesteps), or list
        Of a list, each sequence is an array of shape (n_channels, T_i), or (T_i,) of one channel.

    Returns
    -------
    ndarray of shape (n_samples, n_timesteps, n_channels), or of arrays of shape (T_i, n_channels)
        An array is a view of what was given.

    Raises
    ------
    InvalidInputError
        If it has other axes.

    See Also
    --------
    to_channels_first : The reverse, for an estimator of such a package in a stack.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import from_channels_first
    >>> from_channels_first(np.zeros((20, 3, 100))).shape  # three channels, 100 timesteps
    (20, 100, 3)
    """
    return _swap(X, "(n_channels, n_timesteps)")


def to_channels_first(X: Any) -> np.ndarray:
    """Bring sequences of shape (n_timesteps, n_channels) into the form of aeon and PyTorch.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps, n_channels), or list
        Of a list, each sequence is an array of shape (T_i, n_channels), or (T_i,) of one channel.

    Returns
    -------
    ndarray of shape (n_samples, n_channels, n_timesteps), or of arrays of shape (n_channels, T_i)
        An array is a view of what was given.

    Raises
    ------
    InvalidInputError
        If it has other axes.

    See Also
    --------
    from_channels_first : The reverse.

    Examples
    --------
    In a stack, ``make_pipeline(FunctionTransformer(to_channels_first), RocketClassifier())`` is a
    learner beside networks.

    >>> import numpy as np
    >>> from stackens import to_channels_first
    >>> to_channels_first(np.zeros((20, 100, 3))).shape
    (20, 3, 100)
    """
    return _swap(X, "(n_timesteps, n_channels)", time_axis=0)


def _swap(X: Any, form: str, time_axis: int = 1) -> np.ndarray:
    array = X if isinstance(X, np.ndarray) else _stack(X)
    if array.dtype == object and array.ndim == 1:
        rows = [np.asarray(row) for row in array]
        rows = [np.expand_dims(row, 1 - time_axis) if row.ndim == 1 else row for row in rows]
        if all(row.ndim == 2 for row in rows):
            return as_object_array([row.T for row in rows])
    elif array.ndim == 3:
        return array.transpose(0, 2, 1)
    raise InvalidInputError(
        f"`X` must be an array of 3 axes, or a list of sequences of shape {form}; got "
        f"{type(X).__name__} of shape {array.shape}."
    )


def _stack(X: Any) -> np.ndarray:
    try:
        array = np.asarray(X)
    except ValueError:  # of several lengths
        return as_object_array(X)
    return as_object_array(X) if array.ndim == 2 else array  # rows of one channel
