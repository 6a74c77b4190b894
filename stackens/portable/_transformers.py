"""Transformers of sequences, as they are after training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stackens.convolutions import Groups, Kernels, count_wins, pool_outputs
from stackens.exceptions import InvalidInputError
from stackens.portable._part import Part
from stackens.portable._sequences import Sequences, cut_or_pad, find_lengths, read_sequences
from stackens.scaling import scale_each


@dataclass(frozen=True, eq=False)
class SequenceTransformer(Part):
    """What the transformers of sequences have in common.

    Parameters
    ----------
    is_table : bool
        Whether it was fitted on a table.
    n_features : int
        Features of a timestep; of a table, its timesteps.
    """

    is_table: bool
    n_features: int

    def _read(self, X: Any, *, allow_missing: bool = False) -> Sequences:
        return read_sequences(
            X, is_table=self.is_table, n_features=self.n_features, allow_missing=allow_missing
        )


@dataclass(frozen=True, eq=False)
class SequenceScaler(SequenceTransformer):
    """Scales every channel.

    Parameters
    ----------
    center, scale : ndarray of shape (n_channels,)
        What is subtracted, then divided by.
    """

    center: np.ndarray
    scale: np.ndarray

    def transform(self, X: Any) -> Sequences:
        """Scale."""
        batch = self._read(X)
        with np.errstate(over="ignore", invalid="ignore"):  # of padding
            values = ((batch.values - self.center) / self.scale).astype(batch.values.dtype)
        return replace(batch, values=values)


@dataclass(frozen=True, eq=False)
class OwnScaler(SequenceTransformer):
    """Scales every channel of each sequence by the timesteps of that sequence.

    Parameters
    ----------
    method : {"standard", "minmax", "robust"}
        By mean and standard deviation, by least and largest value, or by quartiles.
    """

    method: str

    def transform(self, X: Any) -> Sequences:
        """Scale."""
        batch = self._read(X)
        return replace(batch, values=scale_each(batch.values, batch.lengths, self.method))


@dataclass(frozen=True, eq=False)
class SequenceImputer(SequenceTransformer):
    """Fills NaN inside sequences.

    Parameters
    ----------
    strategy : {"forward", "linear", "mean", "median", "constant"}
        From the value before, between the neighbours, or always from ``statistics``.
    statistics : ndarray of shape (n_channels,)
        Value of each channel to fall back on.
    """

    strategy: str
    statistics: np.ndarray

    def transform(self, X: Any) -> Sequences:
        """Fill."""
        batch = self._read(X, allow_missing=True)
        values = batch.values.copy()
        if self.strategy == "forward":
            for step in range(1, values.shape[1]):
                now, before = values[:, step], values[:, step - 1]
                np.copyto(now, before, where=np.isnan(now))
        elif self.strategy == "linear":
            _interpolate(values, batch.lengths)
        missing = np.isnan(values)
        values[missing] = np.broadcast_to(self.statistics, values.shape)[missing]
        return replace(batch, values=values)


def _interpolate(values: np.ndarray, lengths: np.ndarray) -> None:
    for row, channel in np.argwhere(np.isnan(values).any(axis=1)):
        series = values[row, : lengths[row], channel]  # a view
        gaps = np.isnan(series)
        if gaps.any() and not gaps.all():
            steps = np.arange(len(series))
            series[gaps] = np.interp(steps[gaps], steps[~gaps], series[~gaps])


@dataclass(frozen=True, eq=False)
class SequencePadder(SequenceTransformer):
    """Brings sequences to one length.

    Parameters
    ----------
    length : int
        Timesteps of the result.
    truncation : {"right", "left"}
        Which end of a longer sequence is cut off.
    """

    length: int
    truncation: str

    def transform(self, X: Any) -> Sequences:
        """Pad or cut."""
        batch = self._read(X)
        values = cut_or_pad(batch, self.length, np.nan, self.truncation)
        return Sequences(values, np.minimum(batch.lengths, self.length))


@dataclass(frozen=True, eq=False)
class SequenceDifferencer(SequenceTransformer):
    """Gives every timestep the change since an earlier one.

    Parameters
    ----------
    lag : int
        How many timesteps earlier.
    appends : bool
        Whether the values are kept, with the changes after them.
    """

    lag: int
    appends: bool

    def transform(self, X: Any) -> Sequences:
        """Subtract."""
        batch = self._read(X)
        values = batch.values
        changes = np.zeros_like(values)
        with np.errstate(over="ignore", invalid="ignore"):  # of padding
            changes[:, self.lag :] = values[:, self.lag :] - values[:, : -self.lag]
        result = np.concatenate([values, changes], axis=2) if self.appends else changes
        return Sequences(result, batch.lengths)


@dataclass(frozen=True, eq=False)
class SequencePatcher(SequenceTransformer):
    """Writes a few timesteps side by side as one.

    Parameters
    ----------
    size : int
        Timesteps of a patch.
    stride : int
        Timesteps from one patch to the next.
    """

    size: int
    stride: int

    def transform(self, X: Any) -> Sequences:
        """Write timesteps side by side."""
        batch = self._read(X)
        lengths = 1 + -(-np.maximum(0, batch.lengths - self.size) // self.stride)
        n_patches = 1 + -(-max(0, batch.values.shape[1] - self.size) // self.stride)
        steps = self.stride * np.arange(n_patches)[:, np.newaxis] + np.arange(self.size)
        wanted = np.minimum(steps, batch.lengths[:, np.newaxis, np.newaxis] - 1)
        values = batch.values[np.arange(len(batch))[:, np.newaxis, np.newaxis], wanted]
        return Sequences(values.reshape(*wanted.shape[:2], -1), lengths)


@dataclass(frozen=True, eq=False)
class SequenceFlattener(SequenceTransformer):
    """Writes all timesteps of a sequence side by side.

    Parameters
    ----------
    length : int
        Timesteps that are written.
    fill_value : float
        For padded timesteps.
    """

    length: int
    fill_value: float

    def transform(self, X: Any) -> np.ndarray:
        """Return a table of shape (n_samples, length * n_channels)."""
        batch = self._read(X)
        return cut_or_pad(batch, self.length, self.fill_value).reshape(len(batch), -1)


@dataclass(frozen=True, eq=False)
class SequenceSummarizer(SequenceTransformer):
    """Describes every sequence by statistics of its channels.

    Parameters
    ----------
    statistics : list of str
        Which.
    """

    statistics: list[str]

    def transform(self, X: Any) -> np.ndarray:
        """Return a table, statistic after statistic."""
        batch = self._read(X)
        parts = [STATISTICS[name](batch) for name in self.statistics]
        return np.hstack(parts).astype(batch.values.dtype)


@dataclass(frozen=True, eq=False)
class RandomConvolutions(SequenceTransformer):
    """Describes every sequence by random convolution kernels.

    Parameters
    ----------
    pooling : list of str
        What is said of outputs above a bias.
    orders, dilations, n_biases, channels, biases : ndarray
        As in :class:`stackens.RandomConvolutions`.
    """

    pooling: list[str]
    orders: np.ndarray
    dilations: np.ndarray
    n_biases: np.ndarray
    channels: np.ndarray
    biases: np.ndarray

    def transform(self, X: Any) -> np.ndarray:
        """Return a table, pooling after pooling."""
        batch = self._read(X)
        kernels = Kernels(self.orders, self.dilations, self.n_biases, self.channels, self.biases)
        return pool_outputs(batch.values, batch.lengths, kernels, self.pooling)


@dataclass(frozen=True, eq=False)
class HydraConvolutions(SequenceTransformer):
    """Describes every sequence by random convolution kernels that compete.

    Parameters
    ----------
    orders, dilations, channels, weights : ndarray
        As in :class:`stackens.HydraConvolutions`.
    """

    orders: np.ndarray
    dilations: np.ndarray
    channels: np.ndarray
    weights: np.ndarray

    def transform(self, X: Any) -> np.ndarray:
        """Return a table, group after group."""
        batch = self._read(X)
        groups = Groups(self.orders, self.dilations, self.channels, self.weights)
        return count_wins(batch.values, batch.lengths, groups)


def _masked(batch: Sequences, fill: float) -> np.ndarray:
    return np.where(batch.mask[:, :, np.newaxis], batch.values, fill)


def _mean(batch: Sequences) -> np.ndarray:
    return _masked(batch, 0.0).sum(axis=1, dtype=np.float64) / batch.lengths[:, None]


def _std(batch: Sequences) -> np.ndarray:
    centred = np.where(batch.mask[:, :, None], batch.values - _mean(batch)[:, None], 0.0)
    return np.sqrt((centred**2).sum(axis=1) / batch.lengths[:, None])


def _last(batch: Sequences) -> np.ndarray:
    return batch.values[np.arange(len(batch)), batch.lengths - 1]


def _slope(batch: Sequences) -> np.ndarray:
    """Least-squares slope per timestep; 0 for a single timestep."""
    steps = np.arange(batch.values.shape[1]) - (batch.lengths[:, None] - 1) / 2
    steps = np.where(batch.mask, steps, 0.0)
    squares = (steps**2).sum(axis=1)
    products = (steps[:, :, None] * _masked(batch, 0.0)).sum(axis=1)
    return products / np.where(squares == 0, 1.0, squares)[:, None]


STATISTICS: dict[str, Callable[[Sequences], np.ndarray]] = {
    "mean": _mean,
    "std": _std,
    "min": lambda batch: _masked(batch, np.inf).min(axis=1),
    "max": lambda batch: _masked(batch, -np.inf).max(axis=1),
    "first": lambda batch: batch.values[:, 0],
    "last": _last,
    "slope": _slope,
    "length": lambda batch: batch.lengths[:, None],
}


@dataclass(frozen=True, eq=False)
class View(Part):
    """Takes one view of the rows, or some of its channels, timesteps or columns.

    Parameters
    ----------
    name : str or None
        A view; None takes ``X`` as it is.
    channels, columns : int, list of int or dict, default=None
        What is kept; a dict holds start, stop and step of a slice. None is all.
    timesteps : dict, default=None
        Slice of the timesteps; None is all.
    """

    name: str | None
    channels: Any = None
    timesteps: Any = None
    columns: Any = None

    def transform(self, X: Any) -> Any:
        """Take the part."""
        X = X if self.name is None else _take_view(X, self.name)
        if self.columns is not None:
            return _as_table(X)[:, _as_index(self.columns)]
        if self.channels is None and self.timesteps is None:
            return X
        steps = slice(None) if self.timesteps is None else _as_index(self.timesteps)
        channels = slice(None) if self.channels is None else _as_index(self.channels)
        if isinstance(X, np.ndarray) and X.dtype != object:
            is_padded = X.dtype.kind == "f" and bool(np.isnan(X[:, -1:]).any())
            if not is_padded:
                return X[:, steps][:, :, channels]
            X = find_lengths(X)
        if isinstance(X, Sequences):
            X = [x[:n] for x, n in zip(X.values, X.lengths, strict=True)]
        rows = np.empty(len(X), object)
        for place, row in enumerate(X):
            row = np.asarray(row)
            row = row[:, np.newaxis] if row.ndim == 1 and self.channels is not None else row
            rows[place] = row[steps] if row.ndim == 1 else row[steps][:, channels]
            if not len(rows[place]):
                raise InvalidInputError(
                    f"Row {place} of `X` has {len(row)} timesteps, none of which are looked at."
                )
        return rows


def _as_table(X: Any) -> np.ndarray:
    if isinstance(X, Sequences):
        return X.values[:, :, 0]
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X)


def _as_index(index: Any) -> Any:
    if isinstance(index, dict):
        return slice(index["start"], index["stop"], index["step"])
    return [index] if isinstance(index, int) else index


def _take_view(X: Any, name: str) -> Any:
    """Return one view of a mapping of views, or of rows from ``stackens.make_views``."""
    if isinstance(X, Mapping):
        if name not in X:
            raise InvalidInputError(f"There is no view {name!r}; the views are {list(X)}.")
        return X[name]
    if isinstance(X, np.ndarray) and X.dtype == object and len(X) and hasattr(X[0], "views"):
        owners = {id(row.views): row.views for row in X}
        if len(owners) == 1:
            view = _take_view(X[0].views, name)
            return _rows_of(view, np.array([row.index for row in X]))
        taken = [_one_row(_take_view(row.views, name), row.index) for row in X]
        if len({np.shape(row) for row in taken}) == 1 and not isinstance(taken[0], str):
            return np.stack(taken)
        rows = np.empty(len(taken), object)
        rows[:] = taken
        return rows
    raise InvalidInputError(
        f"This predictor takes several inputs for each row: pass a dict with {name!r}, or rows of "
        f"`make_views({name}=…)`; got {type(X).__name__}."
    )


def _rows_of(view: Any, rows: np.ndarray) -> Any:
    return view.iloc[rows] if hasattr(view, "iloc") else view[rows]


def _one_row(view: Any, row: int) -> Any:
    """Return a row of an array, a data frame or a sparse matrix."""
    taken = _rows_of(view, np.array([row]))
    taken = taken.toarray() if hasattr(taken, "toarray") else taken
    return np.asarray(taken)[0] if hasattr(taken, "iloc") else taken[0]
