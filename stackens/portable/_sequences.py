"""Input of predictors: sequences, tokens and tables, read as the estimators of the package do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from stackens.exceptions import InvalidInputError


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of one common width, and how long each one is.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_timesteps, n_features)
        Padded timesteps hold anything.
    lengths : ndarray of int of shape (n_samples,)
        Timesteps that are no padding.
    is_table : bool
        Whether they came as a 2-D table.
    """

    values: np.ndarray
    lengths: np.ndarray
    is_table: bool = False

    @property
    def mask(self) -> np.ndarray:
        """Boolean array of shape (n_samples, n_timesteps), True where a timestep is no padding."""
        return np.arange(self.values.shape[1]) < self.lengths[:, np.newaxis]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: slice) -> Sequences:
        """Return some of the rows."""
        return replace(self, values=self.values[rows], lengths=self.lengths[rows])

    def padded_with(self, value: float, dtype: Any) -> np.ndarray:
        """Return the values in a type of choice, padded timesteps holding ``value``."""
        with np.errstate(over="ignore"):
            values = self.values.astype(dtype, copy=False)
        if self.lengths.min() == values.shape[1]:
            return values
        return np.where(self.mask[:, :, np.newaxis], values, values.dtype.type(value))


def read_sequences(
    X: Any, *, is_table: bool, n_features: int, allow_missing: bool = False
) -> Sequences:
    """Read what a learner or transformer takes as ``X``.

    Parameters
    ----------
    X : Sequences or array-like
        A table of shape (n_samples, n_timesteps), an array of shape (n_samples, n_timesteps,
        n_features) whose trailing NaN timesteps are padding, or a list of sequences of shape
        (T_i, n_features) or (T_i,).
    is_table : bool
        Whether the estimator was fitted on a table.
    n_features : int
        Features of a timestep; of a table, its number of timesteps.
    allow_missing : bool, default=False
        Accept NaN inside sequences.

    Returns
    -------
    Sequences

    Raises
    ------
    InvalidInputError
        If the data are no such sequences.
    """
    found = X if isinstance(X, Sequences) else _recognise(X, is_table)
    width = found.values.shape[1] if is_table else found.values.shape[2]
    if found.is_table != is_table or width != n_features:
        kind = "a table of {} timesteps" if is_table else "sequences of {} feature(s)"
        raise InvalidInputError(
            f"Expected {kind.format(n_features)}, as in training; got data of shape "
            f"{found.values.shape[: 2 if found.is_table else 3]}."
        )
    if not isinstance(X, Sequences):
        _check_values(found, allow_missing)
    return found


def read_any_sequences(X: Any) -> Sequences:
    """Read sequences of any number of features, in float64; what is 2-D is a table."""
    array = _as_array(X)
    found = _recognise(array, array.dtype != object and array.ndim == 2)
    _check_values(found, allow_missing=False)
    return replace(found, values=found.values.astype(np.float64))


def _recognise(X: Any, is_table: bool) -> Sequences:
    if is_table:
        return _read_table(X)
    array = _as_array(X)
    is_dense = array.dtype != object and array.ndim == 3
    return find_lengths(_as_floats(array) if is_dense else _pad(array))


def read_tokens(X: Any, vocabulary_size: int) -> np.ndarray:
    """Read token ids, padded with 0.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_timesteps), or list of array-likes of shape (T_i,)
        Whole numbers.
    vocabulary_size : int
        Ids must be below it.

    Returns
    -------
    ndarray of int32 of shape (n_samples, n_timesteps)

    Raises
    ------
    InvalidInputError
        If the data are no such ids.
    """
    array = _as_array(X)
    if array.dtype == object:
        rows = [np.asarray(row) for row in array]
        if any(row.ndim != 1 or not len(row) for row in rows):
            raise InvalidInputError("Token ids must come as non-empty 1-D sequences of numbers.")
        array = np.zeros((len(rows), max(map(len, rows))), np.result_type(*rows))
        for place, row in zip(array, rows, strict=True):
            place[: len(row)] = row
    if array.ndim != 2 or not array.size or array.dtype.kind not in "biuf":
        _refuse_shape("token ids of shape (n_samples, n_timesteps)", array)
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.rint(array))).all():
        raise InvalidInputError("Token ids must be whole numbers; use an integer array.")
    if array.min() < 0 or array.max() >= vocabulary_size:
        raise InvalidInputError(
            f"Token ids must be from 0 to {vocabulary_size - 1}; got {array.min():.0f} to "
            f"{array.max():.0f}."
        )
    valid = array != 0
    lengths = array.shape[1] - valid[:, ::-1].argmax(axis=1)
    if not valid.any(axis=1).all() or (valid.sum(axis=1) != lengths).any():
        raise InvalidInputError(
            "Token 0 is padding after the last token; a row has it before, or nothing else."
        )
    return array.astype(np.int32, copy=False)


def cut_or_pad(batch: Sequences, length: int, fill: float, side: str = "right") -> np.ndarray:
    """Return values of shape (n_samples, length, n_features), padded frames holding ``fill``.

    Parameters
    ----------
    batch : Sequences
        Floats.
    length : int
        Timesteps to return.
    fill : float
        For padded frames.
    side : {"left", "right"}, default="right"
        Where a longer sequence is cut.
    """
    n_kept = np.minimum(batch.lengths, length)[:, np.newaxis]
    start = batch.lengths[:, np.newaxis] - n_kept if side == "left" else np.zeros_like(n_kept)
    steps = np.arange(length)
    wanted = np.minimum(start + steps, batch.values.shape[1] - 1)  # (n_samples, length)
    result: np.ndarray = batch.values[np.arange(len(batch))[:, np.newaxis], wanted]
    result[steps >= n_kept] = fill
    return result


def _as_array(X: Any) -> np.ndarray:
    """Return an array of numbers, or a 1-D object array with an entry for each row."""
    if isinstance(X, np.ndarray):
        return X
    try:
        return np.asarray(X)
    except ValueError:  # not rectangular
        rows = np.empty(len(X), object)
        rows[:] = X
        return rows


def _as_floats(array: np.ndarray) -> np.ndarray:
    if array.dtype in (np.float32, np.float64):
        return array
    if array.dtype.kind not in "biufO":
        raise InvalidInputError(f"`X` must hold numbers; got values of type {array.dtype}.")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"`X` must hold numbers: {error}") from error


def _read_table(X: Any) -> Sequences:
    array = np.asarray(X)
    if array.ndim != 2 or not array.size:
        _refuse_shape("a table of shape (n_samples, n_timesteps)", array)
    values = _as_floats(array)
    return Sequences(values[:, :, np.newaxis], np.full(len(values), values.shape[1]), True)


def _pad(array: np.ndarray) -> np.ndarray:
    """Copy ragged sequences into one array whose other timesteps are NaN."""
    if array.ndim == 0 or not array.size or (array.ndim == 1 and array.dtype != object):
        _refuse_shape("sequences of shape (n_samples, n_timesteps, n_features)", array)
    rows = [_as_floats(np.asarray(row)) for row in array]
    rows = [row[:, np.newaxis] if row.ndim == 1 else row for row in rows]
    shapes = {row.shape[1:] for row in rows}
    if len(shapes) > 1 or rows[0].ndim != 2 or not all(row.size for row in rows):
        raise InvalidInputError(
            "Each sequence must have shape (T_i, n_features), T_i at least 1, with the same "
            f"number of features in all; got {sorted({row.shape for row in rows})[:5]}."
        )
    longest = max(map(len, rows))
    padded = np.full((len(rows), longest, rows[0].shape[1]), np.nan, np.result_type(*rows))
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded


def find_lengths(values: np.ndarray) -> Sequences:
    """Tell timesteps from padding: trailing ones that are NaN in every channel."""
    if not values.size:
        _refuse_shape("sequences of shape (n_samples, n_timesteps, n_features)", values)
    n_steps = values.shape[1]
    if not np.isnan(values[:, -1]).any():  # no row ends in padding
        return Sequences(values, np.full(len(values), n_steps))
    valid = ~np.isnan(values).all(axis=2)
    if not valid.any(axis=1).all():
        row = int(valid.any(axis=1).argmin())
        raise InvalidInputError(f"Row {row} of `X` is a sequence of length zero.")
    return Sequences(values, n_steps - valid[:, ::-1].argmax(axis=1))


def _check_values(batch: Sequences, allow_missing: bool) -> None:
    finite = np.isfinite(batch.values)
    if finite.all():
        return
    wrong = ~finite & batch.mask[:, :, np.newaxis]
    if allow_missing:
        wrong &= ~np.isnan(batch.values)
    wrong |= np.isinf(batch.values)
    if wrong.any():
        row, step, channel = np.argwhere(wrong)[0]
        raise InvalidInputError(
            f"`X` holds {batch.values[row, step, channel]} in row {row}, timestep {step}, channel "
            f"{channel}. Only trailing timesteps may be NaN, in all channels: they are padding."
        )


def _refuse_shape(expected: str, array: np.ndarray) -> NoReturn:
    raise InvalidInputError(f"Expected {expected}; got {array.dtype} of shape {array.shape}.")
