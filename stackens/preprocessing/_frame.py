"""Sequences from long tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.frames import as_pandas, column_names, is_frame
from stackens.sequences import as_object_array, name_channels


class FrameSequences(NamedTuple):
    """What ``sequences_from_frame`` returns."""

    X: np.ndarray
    y: np.ndarray | None
    groups: np.ndarray | None
    ids: np.ndarray


def sequences_from_frame(
    frame: Any,
    *,
    id: str | list[str],  # noqa: A002 - what such a column is called
    time: str,
    features: Sequence[str] | None = None,
    label: str | None = None,
    group: str | None = None,
    sort: bool = False,
) -> FrameSequences:
    """Collect the rows of a long table into sequences.

    Parameters
    ----------
    frame : data frame of pandas or polars, or table of Arrow
        One row for each timestep of each sequence.
    id : str or list of str
        Column that says which sequence a row belongs to; of several columns, such as
        ``["subject", "recording"]``, each combination is a sequence.
    time : str
        Column with the time of a row; must increase within a sequence. Numbers, dates, durations
        or ordered categories; text is refused, as "10:00" comes before "9:00" there.
    features : sequence of str, default=None
        Columns that are channels; None is all others, which must be numeric. Missing values
        become NaN, for ``SequenceImputer``.
    label : str, default=None
        Column with the target; must be constant within a sequence.
    group : str, default=None
        Column with the group, e.g. the subject; must be constant within a sequence.
    sort : bool, default=False
        Sort by time instead of refusing rows out of order.

    Returns
    -------
    X : ndarray of shape (n_sequences,), dtype object
        Arrays of shape (T_i, n_features), in the order in which the ids first appear. Its dtype
        says the names of the channels, in its ``metadata``: estimators keep them as
        ``feature_names_in_``, and refuse other names, or another order, at prediction.
    y, groups : ndarray of shape (n_sequences,) or None
        Target and group of each sequence.
    ids : ndarray of shape (n_sequences,)
        Id of each sequence; of several columns, a tuple of their values.

    Raises
    ------
    InvalidInputError
        If a column is missing or there twice, the label is also a channel, steps are duplicate or
        out of order, times are text, a label changes within a sequence, or a channel is not
        numeric; the message names the id or the column.

    Examples
    --------
    >>> import pandas as pd
    >>> from stackens import sequences_from_frame
    >>> frame = pd.DataFrame({"id": [7, 7, 9], "t": [0, 1, 0], "x": [1.0, 2.0, 3.0],
    ...                       "y": ["a", "a", "b"]})
    >>> X, y, groups, ids = sequences_from_frame(frame, id="id", time="t", label="y")
    >>> X[0].shape, y.tolist(), ids.tolist()
    ((2, 1), ['a', 'b'], [7, 9])
    """
    if not is_frame(frame):
        hint = "Call its `collect()`" if hasattr(frame, "collect") else "Convert it"
        raise InvalidInputError(
            "`frame` must be a data frame of pandas or polars, or a table of Arrow; got "
            f"{type(frame).__name__}. {hint} first."
        )
    names = column_names(frame)
    id_columns = list(id) if isinstance(id, list) else [id]
    roles = [c for c in (*id_columns, time, label, group) if c is not None]
    columns = [c for c in names if c not in roles] if features is None else list(features)
    _refuse_duplicates("features", columns, columns if features is not None else [])
    _refuse_duplicates("frame", names, [*roles, *columns])
    frame = as_pandas(frame)
    _check_columns(frame, [*roles, *columns])
    if label in columns:
        raise InvalidInputError(f"Column {label!r} cannot be both `label` and in `features`.")
    _check_numeric(frame, columns)
    for column in roles:
        if frame[column].isna().any():
            raise InvalidInputError(f"Column {column!r} must have no missing values.")
    rows = _order_rows(frame, id_columns, time, sort)
    values = frame[columns].to_numpy(float, na_value=np.nan)[rows.order]
    return FrameSequences(
        name_channels(as_object_array(np.split(values, rows.starts[1:])), columns),
        _constant(frame, rows, label),
        _constant(frame, rows, group),
        rows.ids,
    )


class _Rows(NamedTuple):
    """Where the rows of each sequence are: ``order`` puts them together, in time."""

    order: np.ndarray
    starts: np.ndarray  # in that order, of each sequence
    ids: np.ndarray
    keys: list[Any]  # the same, for messages


def _refuse_duplicates(what: str, names: list[Any], wanted: list[Any]) -> None:
    again = [name for name, count in Counter(names).items() if count > 1 and name in wanted]
    if again:
        raise InvalidInputError(
            f"`{what}` must name each column once; got {again} several times. Rename the columns, "
            "or leave them out."
        )


def _check_columns(frame: Any, wanted: list[str]) -> None:
    missing = [c for c in wanted if c not in frame.columns]
    if missing:
        raise InvalidInputError(
            f"The frame lacks the columns {missing}; it has {list(frame.columns)}."
        )
    if len(frame) == 0:
        raise InvalidInputError("The frame must have at least one row; it has none.")


def _check_numeric(frame: Any, columns: list[str]) -> None:
    if not columns:
        raise InvalidInputError("`features` must name at least one column.")
    text = [c for c in columns if frame[c].dtype.kind not in "biuf"]
    if text:
        raise InvalidInputError(
            f"Channels must be numeric; the columns {text} are not. Encode them, or choose "
            "`features`."
        )


def _order_rows(frame: Any, id_columns: list[str], time: str, sort: bool) -> _Rows:
    codes = frame.groupby(id_columns, sort=False, observed=True).ngroup().to_numpy()
    times = _number_times(frame[time])
    order = np.lexsort((times, codes))
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    first = frame[id_columns].iloc[order[starts]]
    if len(id_columns) == 1:
        keys = first.iloc[:, 0].tolist()
        ids = np.asarray(keys)
    else:
        keys = list(first.itertuples(index=False, name=None))
        ids = as_object_array(keys)
    again = _repeats(times[order], starts)
    if again.any():
        row = order[again.argmax()]
        step = frame[time].iloc[[row]].tolist()[0]
        raise InvalidInputError(
            f"Sequence {keys[codes[row]]!r} has the {time} {step!r} more than once."
        )
    moved = order != np.argsort(codes, kind="stable")
    if moved.any() and not sort:
        raise InvalidInputError(
            f"The rows of sequence {keys[codes[order[moved.argmax()]]]!r} are not in the order of "
            f"{time!r}; pass `sort=True` to sort them."
        )
    return _Rows(order, starts, ids, keys)


def _repeats(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Tell where a value is that of the row before, of the same sequence."""
    same = np.zeros(len(values), dtype=bool)
    same[1:] = values[1:] == values[:-1]
    same[starts] = False
    return same


def _number_times(times: Any) -> np.ndarray:
    """Return numbers in the order of the times; refuse what has no order in time."""
    from pandas.api.types import infer_dtype

    if hasattr(times, "cat"):
        if times.cat.ordered:
            return times.cat.codes.to_numpy(int)
        times = times.astype(times.cat.categories.dtype)
    kind = infer_dtype(times, skipna=False)
    if kind in ("string", "bytes") or kind.startswith(("mixed", "unknown")):
        raise InvalidInputError(
            f"Column {times.name!r} must hold times that can be ordered; got {times.iloc[0]!r} in "
            f"values of type {kind}, whose order is that of the alphabet. Convert it first: "
            f"frame[{times.name!r}] = pandas.to_datetime(frame[{times.name!r}]); or "
            "pandas.to_numeric, or an ordered category."
        )
    if times.dtype.kind in "iuf" and isinstance(times.dtype, np.dtype):
        return times.to_numpy()
    return times.factorize(sort=True)[0]


def _constant(frame: Any, rows: _Rows, column: str | None) -> np.ndarray | None:
    if column is None:
        return None
    values = frame[column].iloc[rows.order]
    same = _repeats(values.factorize()[0], rows.starts)
    same[rows.starts] = True
    if not same.all():
        number = int(np.searchsorted(rows.starts, same.argmin(), side="right")) - 1
        own = values.iloc[slice(*[*rows.starts, len(values)][number : number + 2])]
        raise InvalidInputError(
            f"Column {column!r} must be constant within a sequence; sequence "
            f"{rows.keys[number]!r} has {own.unique()[:5].tolist()}."
        )
    return _as_array(values.iloc[rows.starts])


def _as_array(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return np.asarray(array.tolist()) if array.dtype == object else array
