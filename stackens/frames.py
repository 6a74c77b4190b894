"""Data frames of several libraries, as those of pandas."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError

__all__ = ["as_pandas", "column_names", "find_nested", "is_frame", "join_cells"]


def is_frame(value: Any) -> bool:
    """Whether it is a data frame of pandas or polars, or a table of Arrow.

    Parameters
    ----------
    value : object
        Anything.
    """
    return hasattr(value, "shape") and hasattr(value, "columns")


def column_names(frame: Any) -> list[Any]:
    """Return the names of the columns; of Arrow's tables, ``columns`` are the data.

    Parameters
    ----------
    frame : data frame of pandas or polars, or table of Arrow
        Any frame.
    """
    return list(getattr(frame, "column_names", frame.columns))


def as_pandas(frame: Any) -> Any:
    """Return a data frame as one of pandas.

    Parameters
    ----------
    frame : data frame of pandas or polars, or table of Arrow
        One of pandas is returned itself.

    Examples
    --------
    >>> import polars as pl
    >>> from stackens.frames import as_pandas
    >>> as_pandas(pl.DataFrame({"x": [1, None]})).x.tolist()
    [1.0, nan]
    """
    if hasattr(frame, "iloc"):
        return frame
    import pandas as pd

    return pd.DataFrame({name: _one_axis(frame[name]) for name in column_names(frame)})


def find_nested(frame: Any) -> list[Any]:
    """Return the names of the columns whose cells are sequences: all, or none.

    Parameters
    ----------
    frame : data frame of pandas or polars, or table of Arrow
        Any frame.

    Raises
    ------
    InvalidInputError
        If some cells are sequences and others single values, there is no column, or two have the
        same name.
    """
    _check_columns(column_names(frame))
    if all(dtype.kind in "biufcmM" for dtype in as_pandas(frame[:1]).dtypes):
        return []
    frame = as_pandas(frame)
    columns = {name: frame.iloc[:, i] for i, name in enumerate(frame.columns)}
    nested = [name for name, column in columns.items() if _holds_sequences(column)]
    plain = [name for name in columns if name not in nested]
    if nested and plain:
        raise InvalidInputError(
            f"The columns {nested} of `X` hold sequences and {plain} single values. Select one "
            f"kind, or give both as views: make_views(sequences=X[{nested}], table=X[{plain}])."
        )
    return nested


def _check_columns(names: list[Any]) -> None:
    again = sorted({str(name) for name in names if names.count(name) > 1})
    if again or not names:
        got = f"{again} several times" if again else "none"
        raise InvalidInputError(f"`X` must have columns, each of its own name; got {got}.")


def join_cells(frame: Any) -> list[np.ndarray]:
    """Return the sequences in the cells of each row, side by side as channels.

    Parameters
    ----------
    frame : data frame of pandas or polars, or table of Arrow
        All cells are sequences.

    Raises
    ------
    InvalidInputError
        If a cell is empty, or those of a row do not go together.
    """
    frame = as_pandas(frame)
    columns = [frame.iloc[:, i].tolist() for i in range(frame.shape[1])]
    rows = []
    for row, cells in enumerate(zip(*columns, strict=True)):
        if not all(map(_is_sequence, cells)):
            raise InvalidInputError(f"Row {row} of `X` has a cell without a sequence: {cells}.")
        rows.append(cells[0] if len(cells) == 1 else _side_by_side(cells, row))
    return rows


def _side_by_side(cells: tuple[Any, ...], row: int) -> np.ndarray:
    channels = [np.asarray(cell) for cell in cells]
    if len({channel.shape for channel in channels}) > 1 or channels[0].ndim != 1:
        raise InvalidInputError(
            f"The cells of row {row} of `X` must be sequences of shape (T,), one for each channel "
            f"and equally long; got the shapes {[channel.shape for channel in channels]}."
        )
    return np.column_stack(channels)


def _holds_sequences(column: Any) -> bool:
    return column.dtype.kind == "O" and any(map(_is_sequence, column.dropna().iloc[:1]))


def _is_sequence(cell: Any) -> bool:
    return hasattr(cell, "__len__") and not isinstance(cell, str | bytes | dict | set)


def _one_axis(column: Any) -> np.ndarray:
    values: np.ndarray = column.to_numpy()
    if values.ndim == 1:
        return values
    rows = np.empty(len(values), dtype=object)  # of a column of equally long sequences
    rows[:] = list(values)
    return rows
