"""Data frames of several libraries, as those of pandas."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_pandas", "column_names", "is_frame"]


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


def _one_axis(column: Any) -> np.ndarray:
    values: np.ndarray = column.to_numpy()
    if values.ndim == 1:
        return values
    rows = np.empty(len(values), dtype=object)  # of a column of equally long sequences
    rows[:] = list(values)
    return rows
