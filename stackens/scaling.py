"""Centre and scale of the channels of sequences; NumPy only."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["METHODS", "center_and_scale", "scale_each"]

METHODS = ("standard", "minmax", "robust")


def center_and_scale(values: np.ndarray, method: str, stored: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return what is subtracted from each channel, and what it is divided by then.

    Parameters
    ----------
    values : ndarray of shape (..., n_timesteps, n_channels)
        No padding.
    method : {"standard", "minmax", "robust"}
        By mean and standard deviation, by least and largest value, or by quartiles.
    stored : data type
        What varies by no more than the rounding of this type is constant, and has scale 1.

    Returns
    -------
    center, scale : ndarray of shape (..., n_channels), float64
    """
    values = values.astype(np.float64)
    if method == "standard":
        center, scale = values.mean(axis=-2), values.std(axis=-2)
    elif method == "minmax":
        center = values.min(axis=-2)
        scale = values.max(axis=-2) - center
    else:
        low, center, high = np.percentile(values, [25, 50, 75], axis=-2)
        scale = high - low
    # Rounding leaves a constant channel with a tiny deviation, which must not be blown up.
    constant = scale <= 10 * np.finfo(stored).eps * np.abs(center)
    return center, np.where(constant, 1.0, scale)


def scale_each(values: np.ndarray, lengths: np.ndarray, method: str) -> np.ndarray:
    """Scale each channel of each row by its own timesteps.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_timesteps, n_channels)
        Padded timesteps hold anything.
    lengths : ndarray of int of shape (n_samples,)
        Timesteps that are no padding.
    method : {"standard", "minmax", "robust"}
        As for `center_and_scale`.

    Returns
    -------
    ndarray of the same shape and type
        Padded timesteps hold 0.
    """
    result = np.zeros_like(values)
    for n in np.unique(lengths):
        rows = lengths == n
        own = values[rows, :n]
        center, scale = center_and_scale(own, method, own.dtype)
        result[rows, :n] = (own - center[:, np.newaxis]) / scale[:, np.newaxis]
    return result
