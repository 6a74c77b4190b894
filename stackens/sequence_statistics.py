"""Statistics of each channel of sequences, padding left out; nothing is learnt from other rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stackens.sequences import SequenceBatch

__all__ = ["STATISTICS"]


def _masked(batch: SequenceBatch, fill: float) -> np.ndarray:
    return np.where(batch.mask[:, :, None], batch.values, fill)


def _mean(batch: SequenceBatch) -> np.ndarray:
    # In float64: a sum along the middle axis adds up its rounding timestep by timestep.
    return _masked(batch, 0.0).sum(axis=1, dtype=np.float64) / batch.lengths[:, None]


def _std(batch: SequenceBatch) -> np.ndarray:
    centred = np.where(batch.mask[:, :, None], batch.values - _mean(batch)[:, None], 0.0)
    return np.sqrt((centred**2).sum(axis=1) / batch.lengths[:, None])


def _last(batch: SequenceBatch) -> np.ndarray:
    return batch.values[np.arange(batch.n_samples), batch.lengths - 1]


def _slope(batch: SequenceBatch) -> np.ndarray:
    """Least-squares slope per timestep; 0 for a single timestep."""
    steps = np.arange(batch.n_timesteps) - (batch.lengths[:, None] - 1) / 2
    steps = np.where(batch.mask, steps, 0.0)
    squares = (steps**2).sum(axis=1)
    products = (steps[:, :, None] * _masked(batch, 0.0)).sum(axis=1)
    return products / np.where(squares == 0, 1.0, squares)[:, None]


# Each gives an array of shape (n_samples, n_columns).
STATISTICS: dict[str, Callable[[SequenceBatch], np.ndarray]] = {
    "mean": _mean,
    "std": _std,
    "min": lambda batch: _masked(batch, np.inf).min(axis=1),
    "max": lambda batch: _masked(batch, -np.inf).max(axis=1),
    "first": lambda batch: batch.values[:, 0],
    "last": _last,
    "slope": _slope,
    "length": lambda batch: batch.lengths[:, None],
}
