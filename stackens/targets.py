"""What comes beside the rows: targets, groups and weights, looked at before any training."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.frames import as_pandas, is_frame
from stackens.views import refuse_as_several

# scikit-learn is imported where it is called: `import stackens` must stay quick.

__all__ = [
    "check_numbers",
    "check_rows",
    "read_groups",
    "read_rows",
    "read_target",
    "read_weights",
    "refuse_missing",
    "refuse_ragged",
    "refuse_several_inputs",
    "refuse_times",
]

_ADVICE = (
    " Labels for every timestep are not supported; several labels of a row are columns of 0 and 1, "
    "which scikit-learn's MultiLabelBinarizer makes."
)
_MISSING_TYPES = ("NoneType", "NAType", "NaTType")


def check_rows(X: Any, *others: Any) -> None:
    """Refuse targets, groups or weights of another number of rows than ``X``; None is skipped."""
    from sklearn.utils import check_consistent_length

    try:
        check_consistent_length(X, *others)
    except ValueError as error:
        advice = (
            " If the table has a row for each timestep, `sequences_from_frame` makes a sequence of "
            "the rows of each id, and gives the targets in their order."
        )
        lengths = [len(other) for other in others if hasattr(other, "__len__")]
        is_long = hasattr(X, "columns") and len(X) > min(lengths, default=len(X))
        if is_long and getattr(getattr(X, "index", None), "nlevels", 1) > 1:  # as sktime's
            *ids, time = [name or f"level_{i}" for i, name in enumerate(X.index.names)]
            advice += (
                f" Here: `sequences_from_frame(X.reset_index(), id={ids if ids[1:] else ids[0]!r}, "
                f"time={time!r})`."
            )
        raise InvalidInputError(f"{error}.{advice if is_long else ''}") from None


def refuse_several_inputs(X: Any, y: Any) -> None:
    """Refuse a list with an array of all rows for each input, as Keras takes it.

    A dict of them is refused wherever sequences are read, and here for estimators of tables.
    """
    if isinstance(X, list | tuple) and hasattr(y, "__len__") and len(X) != len(y):
        lengths = {len(part) if np.ndim(part) > 1 else None for part in X if hasattr(part, "shape")}
        if lengths == {len(y)}:
            refuse_as_several(f"a {type(X).__name__} of {len(X)} arrays, each with {len(y)} rows")
    if isinstance(X, Mapping) and not hasattr(X, "tocsr"):
        refuse_as_several(f"a dict of {', '.join(map(repr, X))}")


def read_target(y: Any) -> Any:
    """Return a target as it is, a sparse one dense; refuse what is ragged or missing."""
    y = read_rows("y", y, advice=_ADVICE)
    refuse_missing("y", y)
    return y


def read_rows(name: str, values: Any, *, advice: str = "") -> Any:
    """Return a value, or several, for each row: as they are, sparse ones dense."""
    refuse_ragged(name, values, advice=advice)
    return values.toarray() if hasattr(values, "toarray") else values


def refuse_ragged(name: str, values: Any, *, advice: str = "") -> None:
    """Refuse rows of several lengths, and lists where single values are to be."""
    lengths = [] if hasattr(values, "toarray") else _lengths_if_ragged(values)
    if not lengths:
        return
    other = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    got = (
        f"lists of length {lengths[0]} for single values"
        if other is None
        else f"rows of lengths {lengths[0]} and {lengths[other]}, first in row {other}"
    )
    raise InvalidInputError(
        f"`{name}` must be 1-D or 2-D, with one row for each sample; got {got}.{advice}"
    )


def _lengths_if_ragged(values: Any) -> list[int]:
    """Return how many values each row has; nothing if they are an array of single values."""
    try:
        array = np.asarray(values)
    except ValueError:  # not rectangular
        return [_length(row) for row in values]
    if array.dtype != object or array.ndim == 0 or all(map(_is_single, array.ravel())):
        return []
    if array.ndim == 1:
        return [_length(row) for row in array]
    return [max(_length(one) for one in array.ravel() if not _is_single(one))]


def _is_single(value: Any) -> bool:
    is_sized = hasattr(value, "__len__") and getattr(value, "ndim", 1) > 0
    return isinstance(value, str | bytes) or not is_sized


def _length(row: Any) -> int:
    if _is_single(row):
        return 1
    return int(row.shape[0]) if hasattr(row, "shape") else len(row)


def refuse_missing(name: str, values: Any) -> None:
    """Refuse None and what stands for it among objects, such as labels or names of groups."""
    if values is None or hasattr(values, "toarray"):
        return
    refuse_ragged(name, values)
    array = np.asarray(values)
    if array.dtype != object or array.ndim == 0:
        return
    for row, value in enumerate(array):
        for one in np.ravel(value):
            if type(one).__name__ in _MISSING_TYPES or (isinstance(one, float) and one != one):
                raise InvalidInputError(
                    f"`{name}` holds {one} in row {row}, and every row needs a value there. Leave "
                    "such rows out, or fill them in."
                )


def read_groups(X: Any, groups: Any) -> np.ndarray | None:
    """Return the group of each row as one array; None is no groups.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        The rows.
    groups : array-like of shape (n_samples,) or (n_samples, 1) or None
        What names the group of each row.

    Raises
    ------
    InvalidInputError
        If there is not one group for each row, one is missing, or they cannot be compared.
    """
    from sklearn.utils.validation import _num_samples

    if groups is None:
        return None
    refuse_missing("groups", groups)
    array, n_rows = np.asarray(groups), _num_samples(X)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InvalidInputError(
            f"`groups` must be 1-D, with one group for each row; got shape {array.shape}. Where "
            "several columns name a group, join their names."
        )
    if len(array) != n_rows:
        raise InvalidInputError(
            f"Found inputs with inconsistent numbers of samples: `groups` has {len(array)}, and "
            f"`X` has {n_rows}. Give one group for each row."
        )
    missing = np.flatnonzero(array != array)
    if len(missing):
        raise InvalidInputError(
            f"`groups` holds {array[missing[0]]} in row {missing[0]}, and every row needs a value "
            "there. Leave such rows out, or fill them in."
        )
    try:
        np.unique(array)
    except TypeError:
        types = sorted({type(one).__name__ for one in array})
        raise InvalidInputError(
            f"`groups` must hold names of one type; got {' and '.join(types)}. Make all of them "
            "text, for example."
        ) from None
    return array


def refuse_times(name: str, values: Any) -> None:
    """Refuse dates, times and durations where numbers are to be: they would count as such."""
    columns = [values]
    if is_frame(values):
        frame = as_pandas(values)
        columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    for column in columns:
        array = np.asarray(column)
        times = [one for one in array.ravel() if _is_time(one)] if array.dtype == object else array
        if np.size(times) and (array.dtype == object or array.dtype.kind in "mM"):
            raise InvalidInputError(
                f"`{name}` holds times, such as {np.ravel(times)[0]}, where numbers are expected. "
                "Leave them out; for a forecaster set them as the index: "
                "pandas.Series(values, index=pandas.DatetimeIndex(times))."
            )


def _is_time(value: Any) -> bool:
    kinds = (date, time, timedelta, np.datetime64, np.timedelta64)
    return isinstance(value, kinds) or type(value).__name__ == "Period"


def _refuse_text(name: str, values: Any) -> None:
    """Refuse text where numbers are to be; that of a number, among objects, is one."""
    array = np.asarray(values)
    if array.dtype.kind not in "OSU" or array.ndim == 0:
        return
    for row, one in enumerate(array):
        for text in (part for part in np.ravel(one) if isinstance(part, str | bytes)):
            if array.dtype != object or not _is_number(text):
                raise InvalidInputError(
                    f"`{name}` must hold numbers; got the text {str(text)!r} in row {row}."
                )


def _is_number(text: str | bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_numbers(y: Any) -> None:
    """Refuse a target of times or text; None is another's error."""
    if y is not None:
        refuse_times("y", y)
        _refuse_text("y", y)


def read_weights(sample_weight: Any) -> np.ndarray | None:
    """Return weights as an array, of any library; refuse what are no numbers. None is none."""
    if sample_weight is None:
        return None
    refuse_ragged("sample_weight", sample_weight)
    array = np.asarray(sample_weight)
    if array.dtype.kind not in "biufO" or any(isinstance(one, str) for one in array.ravel()[:1]):
        raise InvalidInputError(
            "`sample_weight` must hold a number for each row; got "
            f"{'text' if array.dtype.kind in 'OUST' else f'values of type {array.dtype}'}."
        )
    refuse_missing("sample_weight", array)
    return array.astype(np.float64) if array.dtype == object else array
