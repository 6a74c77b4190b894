"""What skops writes of an estimator, taken apart into JSON and arrays, and put together again.

It is a zip file. As that is taken apart when it is kept, no zip file of unknown origin is ever
opened: sizes, names and content of entries are checked first, and there is no compression.
"""

from __future__ import annotations

import importlib.util
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stackens.exceptions import ArchiveError, InvalidInputError, MissingExtraError
from stackens.public_names import public_module
from stackens.sklearn_parts._schema import SHARED, Schema
from stackens.sklearn_parts._types import ESTIMATORS
from stackens.vocabularies import Vocabulary, put_vocabularies, without_vocabularies

_ENTRY = re.compile(r"[0-9]{1,9}\.(npy|npz|bin)")
_SCHEMA_LIMIT = 1 << 26  # bytes
_CONTAINER_LIMIT = 2_000_000
# It looks at every name that it is given for every part of every tree.
_TRUSTED_BY_SKOPS = ESTIMATORS | {
    "builtins.bool",
    "builtins.float",
    "builtins.int",
    "builtins.list",
    "builtins.str",
    "builtins.tuple",
    "numpy.float64",
    "numpy.int64",
    "numpy.ndarray",
    "numpy.random.mtrand.RandomState",
}
# What some versions call modules of compiled code. The first is a name that any file could have.
_MODULES = {
    "_loss": "sklearn._loss._loss",
    "numpy.core._multiarray_umath": "numpy",
    "scipy.special._special_ufuncs": "scipy.special",
    "scipy.special._ufuncs": "scipy.special",
}


def pack_part(value: Any, add_array: Callable[[np.ndarray], str]) -> dict[str, Any]:
    """Write a part down.

    Parameters
    ----------
    value : object
        A fitted scikit-learn estimator, say; or one of ``TRANSFORMERS``.
    add_array : callable
        Takes an array to be kept, and returns its name there.

    Returns
    -------
    dict
        The part's node, in JSON.

    Raises
    ------
    InvalidInputError
        If skops cannot write it; the message says what is in it.
    MissingExtraError
        Without skops.
    """
    skops_io = _require_skops()
    try:
        small, vocabularies = without_vocabularies(value)
        data = skops_io.dumps(small)
    except Exception as error:  # whatever the many types in an estimator raise
        raise InvalidInputError(f"A {type(value).__name__} cannot be written: {error}") from error
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        schema = json.loads(file.read("schema.json"))
        names: dict[str, str] = {}
        schema = _normalize(schema, names, {})
        entries = {new: add_array(_entry_bytes(new, file.read(old))) for old, new in names.items()}
    text = json.dumps(schema, separators=(",", ":")).encode("ascii")
    schema_name = add_array(np.frombuffer(text, np.uint8))
    node: dict[str, Any] = {"is": "skops", "schema": schema_name, "entries": entries}
    if vocabularies:
        node["vocabularies"] = [
            {"path": one.path, **{name: add_array(a) for name, a in one.to_arrays().items()}}
            for one in vocabularies
        ]
    return node


def _normalize(node: Any, names: dict[str, str], shared: dict[int, Any]) -> Any:
    """Number files, and objects that others share; the same object gives the same bytes.

    Types are named by their rooms, and compiled code is named alike whatever the version.
    """
    if isinstance(node, list):
        return [_normalize(one, names, shared) for one in node]
    if not isinstance(node, dict):
        return node
    is_shared = node.get("__loader__") == SHARED
    if is_shared and node["__id__"] in shared:
        return shared[node["__id__"]]
    made = {key: _normalize(one, names, shared) for key, one in node.items() if key != "__id__"}
    if "__loader__" in node:
        module = node["__module__"]
        made["__module__"] = _MODULES.get(module, public_module(module))
    if isinstance(node.get("file"), str) and "__loader__" in node:
        suffix = node["file"].rpartition(".")[2]
        made["file"] = names.setdefault(node["file"], f"{len(names)}.{suffix}")
    if is_shared:
        shared[node["__id__"]] = made
        made["__id__"] = len(shared)
    return made


def _entry_bytes(name: str, data: bytes) -> np.ndarray:
    if name.endswith(".npz"):  # of a sparse matrix, which scipy compresses
        import scipy.sparse

        buffer = io.BytesIO()
        scipy.sparse.save_npz(buffer, scipy.sparse.load_npz(io.BytesIO(data)), compressed=False)
        data = buffer.getvalue()
    return np.frombuffer(data, np.uint8)


class Part:
    """A part from a file or a store: looked at, and nothing made of it yet.

    Parameters
    ----------
    node : mapping
        From ``pack_part``.
    arrays : mapping of str to ndarray
        Among which are those of the part.

    Attributes
    ----------
    names : set of str
        All types and functions in it.
    unknown : set of str
        Those among them that nobody vouches for, and a user must trust.

    Raises
    ------
    ArchiveError, KeyError, TypeError, ValueError
        If it is not what ``pack_part`` writes.
    """

    def __init__(self, node: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self._text, self._schema = _read_schema(node, arrays)
        self.names, self.unknown = self._schema.names, self._schema.unknown
        self._vocabularies = [
            (one["path"], {name: arrays[where] for name, where in one.items() if name != "path"})
            for one in node.get("vocabularies", ())
        ]

    def make(self) -> Any:
        """Make it; every name in ``unknown`` must be trusted.

        Returns
        -------
        object
            To be given to ``check_objects`` before it is used, with whatever it is a part of.

        Raises
        ------
        ArchiveError
            If it cannot be made.
        MissingExtraError
            Without skops.
        """
        skops_io = _require_skops()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
            for name, data in self._schema.entries.items():
                file.writestr(name, data)
            file.writestr("schema.json", self._text)
        trusted = sorted(self.names - _TRUSTED_BY_SKOPS | self.unknown)
        try:
            vocabularies = [Vocabulary.from_arrays(*one) for one in self._vocabularies]
            made = skops_io.loads(buffer.getvalue(), trusted=trusted)
            put_vocabularies(made, vocabularies)
        except Exception as error:  # whatever the many types in it raise
            kind, reason = _name(self._schema.root), f"{type(error).__name__}: {error}"
            raise ArchiveError(f"A {kind} in the file cannot be made: {reason}") from error
        return made


def _read_schema(node: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> tuple[bytes, Schema]:
    entries = {}
    for name, where in node["entries"].items():
        if not _ENTRY.fullmatch(name):
            raise ArchiveError(f"There is an entry {name!r}, which no part has.")
        entries[name] = _as_bytes(arrays[where])
    text = _as_bytes(arrays[node["schema"]])
    if len(text) > _SCHEMA_LIMIT or text.count(b"{") + text.count(b"[") > _CONTAINER_LIMIT:
        raise ArchiveError("A part of the file has too large a schema.")
    root = json.loads(text)
    try:
        return text, Schema(root, entries)
    except ArchiveError as error:
        raise ArchiveError(f"{error} It belongs to a {_name(root)}.") from error


def _name(root: Any) -> Any:
    return root.get("__class__") if isinstance(root, dict) else "thing"


def _as_bytes(array: np.ndarray) -> bytes:
    if array.dtype != np.uint8 or array.ndim != 1:
        raise ArchiveError("A part of the file is not made of bytes.")
    return array.tobytes()


def _require_skops() -> Any:
    if importlib.util.find_spec("skops") is None:
        raise MissingExtraError(
            "Parts of scikit-learn are saved and loaded by skops, which is not installed. Get it "
            "with: pip install 'stackens[store]'"
        )
    import skops.io

    return skops.io
