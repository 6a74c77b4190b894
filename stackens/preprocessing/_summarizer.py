"""Statistics of sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.preprocessing._base import SequenceTransformer, channel_names
from stackens.sequences import SequenceBatch

__all__ = ["SequenceSummarizer"]


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


_STATISTICS: dict[str, Callable[[SequenceBatch], np.ndarray]] = {
    "mean": _mean,
    "std": _std,
    "min": lambda batch: _masked(batch, np.inf).min(axis=1),
    "max": lambda batch: _masked(batch, -np.inf).max(axis=1),
    "first": lambda batch: batch.values[:, 0],
    "last": _last,
    "slope": _slope,
    "length": lambda batch: batch.lengths[:, None],
}


class SequenceSummarizer(SequenceTransformer):
    """Describe every sequence by statistics of its channels, for estimators of tables.

    Parameters
    ----------
    statistics : sequence of str, default=("mean", "std", "min", "max", "first", "last", "slope")
        Of each channel, padding left out; "slope" is per timestep, "length" is in timesteps.

    Attributes
    ----------
    n_features_in_ : int
        Channels; of a table, its timesteps.

    Examples
    --------
    >>> from stackens import SequenceSummarizer
    >>> SequenceSummarizer(["mean", "last"]).fit_transform([[[1.0], [3.0]], [[5.0]]])
    array([[2., 3.],
           [5., 5.]])
    """

    def __init__(
        self,
        statistics: Sequence[str] = ("mean", "std", "min", "max", "first", "last", "slope"),
    ) -> None:
        self.statistics = statistics

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the number of channels.

        Parameters
        ----------
        X : array-like
            Sequences of any form.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        names = [] if isinstance(self.statistics, str) else list(self.statistics)
        unknown = [name for name in names if name not in _STATISTICS]
        if unknown or not names or len(set(names)) < len(names):
            raise InvalidInputError(
                f"`statistics` must be a sequence of different names from {list(_STATISTICS)}; "
                f"got {self.statistics!r}."
            )
        self._read(X, reset=True)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Compute the statistics.

        Parameters
        ----------
        X : array-like
            Sequences of any form.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            Statistic after statistic, each for all channels.
        """
        batch = self._read(X, reset=False)
        with np.errstate(over="ignore"):  # of the padding value, which is masked
            parts = [_STATISTICS[name](batch) for name in self.statistics]
        return np.hstack(parts).astype(batch.values.dtype)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return a name for each column: channel and statistic.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of channels; a table's column names are checked, and not used.

        Returns
        -------
        ndarray of str
        """
        channels = channel_names(self, input_features)
        if self._input_kind == "table":
            channels = np.array(["series"], dtype=object)
        names = [
            "length" if statistic == "length" else f"{channel}_{statistic}"
            for statistic in self.statistics
            for channel in (channels[:1] if statistic == "length" else channels)
        ]
        return np.asarray(names, dtype=object)
