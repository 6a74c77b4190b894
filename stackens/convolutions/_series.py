"""Rows laid out for convolutions, as they are or as their first differences."""

from __future__ import annotations

import numpy as np

from stackens.exceptions import InvalidInputError

__all__ = ["lay_out"]

_LARGEST = 1e30  # outputs of larger values, and their sums, could overflow float32


def lay_out(values: np.ndarray, lengths: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what is convolved, and how long each row of it is.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_timesteps, n_channels)
        Padded timesteps hold anything.
    lengths : ndarray of int of shape (n_samples,)
        Timesteps that are no padding.
    order : {0, 1}
        1 takes first differences; of a single timestep it is 0.

    Returns
    -------
    series : ndarray of float32 of shape (n_channels, n_steps, n_samples)
        0 where nothing is.
    lengths : ndarray of int of shape (n_samples,)
        In timesteps, at least 1.

    Raises
    ------
    InvalidInputError
        If values are so large that sums of them would overflow.
    """
    x = np.array(values.transpose(2, 1, 0), np.float32, order="C")
    if order:
        x = x[:, 1:] - x[:, :-1] if x.shape[1] > 1 else np.zeros_like(x)
    x[:, np.arange(x.shape[1])[:, np.newaxis] >= lengths - order] = 0
    if not np.abs(x).max() < _LARGEST:
        raise InvalidInputError(
            f"`X` must hold numbers within ±{_LARGEST:g}, as convolutions of larger ones would "
            "overflow; scale them first, e.g. by `SequenceScaler`."
        )
    return x, np.maximum(lengths - order, 1)
