"""Predictors in files: arrays and JSON, checked byte for byte, and no code."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from stackens.archive import read_archive, write_archive
from stackens.exceptions import ArchiveError
from stackens.portable._part import Part

_KIND = "stackens predictor"
_FORMAT = 1
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def write_part(path: str | os.PathLike[str], part: Part, about: dict[str, Any]) -> int:
    """Write a part and all that it is made of.

    Parameters
    ----------
    path : path-like
        The file.
    part : Part
        What is written.
    about : dict
        JSON that goes with it.

    Returns
    -------
    int
        Size of the file in bytes.
    """
    writer = _Writer()
    tree = writer.encode(part, "root")
    meta = {"format": _FORMAT, "about": about, "root": tree}
    return write_archive(path, writer.arrays, meta, kind=_KIND, follow_symlinks=True)


def read_part(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """Read what ``write_part`` wrote.

    Returns
    -------
    part, about

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ArchiveError
        If it is damaged, no predictor, or of a version that is not understood.
    """
    archive = read_archive(path, kind=_KIND)
    found = archive.meta.get("format")
    if found != _FORMAT:
        raise ArchiveError(
            f"{path} is of format {found}; this version of stackens reads format {_FORMAT}. "
            "Install the version that wrote it, or export anew."
        )
    try:
        return _decode(archive.meta["root"], archive.arrays), dict(archive.meta["about"])
    except (KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ArchiveError(f"{path} holds no predictor that is understood: {error}") from error


class _Writer:
    """Turns parts into JSON, and collects their arrays, each of them once."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []  # so that no id is used twice

    def encode(self, value: Any, name: str) -> Any:
        if isinstance(value, Part):
            fields = {k: self.encode(v, f"{name}.{k}") for k, v in value.to_fields().items()}
            return {"part": type(value).__name__, "fields": fields}
        if isinstance(value, np.ndarray):
            return {"array": self._name(value, name)}
        if isinstance(value, dict):
            return {"dict": {k: self.encode(v, f"{name}.{k}") for k, v in value.items()}}
        if isinstance(value, list | tuple):
            return [self.encode(v, f"{name}.{k}") for k, v in enumerate(value)]
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and not math.isfinite(value):
            return {"number": str(value)}
        return value

    def _name(self, array: np.ndarray, name: str) -> str:
        if id(array) not in self._names:
            self._names[id(array)] = name
            self.arrays[name] = array
            self._kept.append(array)
        return self._names[id(array)]


def _decode(node: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(node, list):
        return [_decode(item, arrays) for item in node]
    if not isinstance(node, dict):
        return node
    if "part" in node:
        fields = {name: _decode(value, arrays) for name, value in node["fields"].items()}
        return Part.from_fields(node["part"], fields)
    if "array" in node:
        return arrays[node["array"]]
    if "number" in node:
        return _NOT_FINITE[node["number"]]
    return {name: _decode(value, arrays) for name, value in node["dict"].items()}
