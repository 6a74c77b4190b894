"""Reader of the ``.ts`` format for time series."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array

__all__ = ["read_ts"]


def read_ts(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a file of labelled series without timestamps.

    Parameters
    ----------
    path : Path
        Header lines begin with "@" or "#"; after "@data" each line is one case: channels
        separated by ":", values by ",", the label last.

    Returns
    -------
    X : ndarray of shape (n_samples,), dtype object
        Float64 arrays of shape (T_i, n_channels).
    y : ndarray of str of shape (n_samples,)
        Labels.

    Raises
    ------
    InvalidInputError
        If a line cannot be read; the message names it.
    """
    cases, labels = [], []
    in_data = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not in_data:
            in_data = text.lower() == "@data"
            continue
        if not text or text.startswith("#"):
            continue
        *channels, label = text.split(":")
        cases.append(_read_case(channels, path, number))
        labels.append(label.strip())
    if not cases:
        raise InvalidInputError(f"{path.name} has no data after a line '@data'.")
    return as_object_array(cases), np.asarray(labels)


def _read_case(channels: list[str], path: Path, number: int) -> np.ndarray:
    try:
        values = [[float(v) if v != "?" else np.nan for v in c.split(",")] for c in channels]
    except ValueError as error:
        raise InvalidInputError(f"{path.name}, line {number}: {error}.") from error
    if not values or len({len(channel) for channel in values}) != 1:
        raise InvalidInputError(
            f"{path.name}, line {number}: channels must have one length; got "
            f"{[len(channel) for channel in values]}."
        )
    return np.array(values).T
