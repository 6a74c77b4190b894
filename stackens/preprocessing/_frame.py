"""Sequences from long tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array

__all__ = ["FrameSequences", "sequences_from_frame"]


class FrameSequences(NamedTuple):
    """What ``sequences_from_frame`` returns."""

    X: np.ndarray
    y: np.ndarray | None
    groups: np.ndarray | None
    ids: np.ndarray


def sequences_from_frame(
    frame: Any,
    *,
    id: str,  # noqa: A002 - what such a column is called
    time: str,
    features: Sequence[str] | None = None,
    label: str | None = None,
    group: str | None = None,
    sort: bool = False,
) -> FrameSequences:
    """Collect the rows of a long table into sequences.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row for each timestep of each sequence.
    id : str
        Column that says which sequence a row belongs to.
    time : str
        Column with the time of a row; must increase within a sequence.
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
        Arrays of shape (T_i, n_features), in the order in which the ids first appear.
    y, groups : ndarray of shape (n_sequences,) or None
        Target and group of each sequence.
    ids : ndarray of shape (n_sequences,)
        Id of each sequence.

    Raises
    ------
    InvalidInputError
        If a column is missing, the label is also a channel, steps are duplicate or out of order,
        a label changes within a sequence, or a channel is not numeric; the message names the id.

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
    if not hasattr(frame, "groupby"):
        raise InvalidInputError(
            f"`frame` must be a pandas.DataFrame; got {type(frame).__name__}. Convert it first."
        )
    roles = [c for c in (id, time, label, group) if c is not None]
    columns = [c for c in frame.columns if c not in roles] if features is None else list(features)
    _check_columns(frame, [*roles, *columns])
    if label in columns:
        raise InvalidInputError(f"Column {label!r} cannot be both `label` and in `features`.")
    _check_numeric(frame, columns)
    for column in roles:
        if frame[column].isna().any():
            raise InvalidInputError(f"Column {column!r} must have no missing values.")
    if sort:
        frame = frame.sort_values(time, kind="stable")
    parts = dict(list(frame.groupby(id, sort=False, observed=True)))
    for key, part in parts.items():
        _check_times(part[time], key, time)
    values = (part[columns].to_numpy(float, na_value=np.nan) for part in parts.values())
    return FrameSequences(
        as_object_array(values),
        _constant(parts, label),
        _constant(parts, group),
        np.asarray(list(parts)),
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


def _check_times(times: Any, key: Any, column: str) -> None:
    if times.duplicated().any():
        step = times[times.duplicated()].iloc[0]
        raise InvalidInputError(f"Sequence {key!r} has the {column} {step!r} more than once.")
    if not times.is_monotonic_increasing:
        raise InvalidInputError(
            f"The rows of sequence {key!r} are not in the order of {column!r}; pass `sort=True` "
            "to sort them."
        )


def _constant(parts: dict[Any, Any], column: str | None) -> np.ndarray | None:
    if column is None:
        return None
    for key, part in parts.items():
        if part[column].nunique() > 1:
            raise InvalidInputError(
                f"Column {column!r} must be constant within a sequence; sequence {key!r} has "
                f"{part[column].unique()[:5].tolist()}."
            )
    return np.asarray([part[column].iloc[0] for part in parts.values()])
