"""Reader of the ``.ts`` format for time series.

aeon's ``load_from_ts_file`` is no extra here: it turns labels into lower case, does not say which
line of a file is wrong, and brings numba and pandas in place of these few lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array


def read_ts(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read a file of labelled series without timestamps.

    Parameters
    ----------
    path : path
        A file whose header lines begin with "@", and comments with "#"; after "@data" each line is
        one case: channels separated by ":", their values by ",", the label last. "?" is a missing
        value. Channels of a case have one length, cases may differ.

    Returns
    -------
    X : ndarray of shape (n_samples,), dtype object
        Float64 arrays of shape (T_i, n_channels).
    y : ndarray of str of shape (n_samples,)
        Labels.

    Raises
    ------
    InvalidInputError
        If the file is of a kind that is not understood, or a line contradicts the header or cannot
        be read; the message names file and line.
    """
    path = Path(path)
    lines = _numbered_lines(path)
    header = _read_header(lines, path)
    known = header["classlabel"].split()[1:]
    cases: list[np.ndarray] = []
    labels: list[str] = []
    for number, text in lines:
        where = f"{path.name}, line {number}"
        *channels, label = (part.strip() for part in text.split(":"))
        case = _read_case(channels, where)
        wanted = header.get("dimensions") or (cases[0].shape[1] if cases else len(channels))
        if len(channels) != int(wanted):
            raise InvalidInputError(f"{where}: expected {wanted} channels, got {len(channels)}.")
        if known and label not in known:
            raise InvalidInputError(f"{where}: the label must be one of {known}, got {label!r}.")
        cases.append(case)
        labels.append(label)
    if not cases:
        raise InvalidInputError(f"{path.name} has no case after its line '@data'.")
    return as_object_array(cases), np.asarray(labels)


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines that are neither empty nor comments."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            text = line.strip()
            if text and not text.startswith("#"):
                yield number, text


def _read_header(lines: Iterator[tuple[int, str]], path: Path) -> Mapping[str, str]:
    """Consume the lines to "@data", and return what they say, by lower-case name."""
    header = {"classlabel": "", "timestamps": "false"}
    for number, text in lines:
        name, _, value = text.removeprefix("@").partition(" ")
        if not text.startswith("@"):
            raise InvalidInputError(
                f"{path.name}, line {number}: expected a header line that begins with '@' (data "
                f"come after '@data'), got {text[:40]!r}."
            )
        if name.lower() == "data":
            _check_header(header, path)
            return header
        header[name.lower()] = value.strip()
    raise InvalidInputError(f"{path.name} has no line '@data'; is it a complete .ts file?")


def _check_header(header: Mapping[str, str], path: Path) -> None:
    if header["timestamps"].lower() != "false":
        raise InvalidInputError(f"{path.name} has timestamps; only series without are understood.")
    if not header["classlabel"].lower().startswith("true"):
        raise InvalidInputError(f"{path.name} has no class labels ('@classLabel true …').")
    if not header.get("dimensions", "1").isdecimal():
        raise InvalidInputError(
            f"{path.name}: '@dimensions' must be a whole number, got {header['dimensions']!r}."
        )


def _read_case(channels: list[str], where: str) -> np.ndarray:
    try:
        values = [
            [np.nan if value.strip() == "?" else float(value) for value in channel.split(",")]
            for channel in channels
        ]
    except ValueError as error:
        raise InvalidInputError(f"{where}: {error}.") from error
    lengths = [len(channel) for channel in values]
    if len(set(lengths)) != 1:
        raise InvalidInputError(
            f"{where}: all channels must have one length; got lengths {lengths}. Each line must be "
            "channels separated by ':', with the label last."
        )
    return np.array(values).T
