"""What skops is about to make, read beforehand: which types, by which loader, from which bytes."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from stackens.exceptions import ArchiveError
from stackens.sklearn_parts._soundness import check_tree_arrays
from stackens.sklearn_parts._types import (
    ESTIMATORS,
    FUNCTIONS,
    INTERNALS,
    LOSSES,
    TRANSFORMERS,
    TREE,
)

_DEEPEST = 200
_PROTOCOLS = range(2, 100)  # older ones have other loaders; newer ones are for skops to refuse
_SCALARS = frozenset(
    f"numpy.{name}"
    for name in (
        "bool",
        "bool_",
        "complex128",
        "complex64",
        "float16",
        "float32",
        "float64",
        "int16",
        "int32",
        "int64",
        "int8",
        "str_",
        "uint16",
        "uint32",
        "uint64",
        "uint8",
    )
)
_BUILTINS = frozenset(f"builtins.{name}" for name in ("bool", "float", "int", "str"))
_CONTAINERS = frozenset(f"builtins.{name}" for name in ("dict", "list", "set", "tuple"))
# The splitters that a repeated one holds, to make one for each time.
_REPEATED = frozenset(f"sklearn.model_selection._split.{kind}KFold" for kind in ("", "Stratified"))
_SPARSE = frozenset(
    f"scipy.sparse._{kind}.{kind}_{form}" for kind in ("csc", "csr") for form in ("array", "matrix")
)

# Loader of skops -> the types that it may make without anybody being asked. Loaders that are not
# here call methods, or make classes of what a string says.
_LOADERS: dict[str, frozenset[str]] = {
    "BytearrayNode": frozenset({"builtins.bytearray"}),
    "BytesNode": frozenset({"builtins.bytes"}),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "DefaultDictNode": frozenset({"collections.defaultdict"}),
    "DictNode": frozenset(
        {"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}
    ),
    "FunctionNode": FUNCTIONS,
    "JsonNode": frozenset({"builtins.str"}),
    "ListNode": frozenset({"builtins.list"}),
    "LossNode": LOSSES,
    "MaskedArrayNode": frozenset({"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"}),
    "NdArrayNode": _SCALARS | {"numpy.ndarray"},
    "ObjectNode": ESTIMATORS | INTERNALS | TRANSFORMERS,
    "PartialNode": frozenset({"functools.partial"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "SetNode": frozenset({"builtins.frozenset", "builtins.set"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "SparseMatrixNode": _SPARSE,
    "TreeNode": frozenset({TREE}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "TypeNode": _BUILTINS | _CONTAINERS | _SCALARS | _REPEATED | {"collections.OrderedDict"},
}
# What trees of one ensemble have in common: it has a number, and is one object again.
SHARED = "RandomStateNode"
_SUFFIXES = {
    "BytearrayNode": ".bin",
    "BytesNode": ".bin",
    "NdArrayNode": ".npy",
    "SparseMatrixNode": ".npz",
}
_LENGTHS = {(1, 0): 2, (2, 0): 4}  # bytes that say how long the header of an array is
# What a user may trust beside these, by name.
_ON_TRUST = frozenset(
    {"ConstructorFromReduceNode", "DictNode", "FunctionNode", "ObjectNode", "TypeNode"}
)


class Schema:
    """A schema of skops with its entries, all of whose nodes have been looked at.

    Attributes
    ----------
    root : dict
        The schema.
    entries : dict of str to bytes
        The files that its nodes name, and no others.
    names : set of str
        All types and functions in it.
    unknown : set of str
        Those among them that a user must trust.
    """

    def __init__(self, root: Any, entries: Mapping[str, bytes]) -> None:
        if not isinstance(root, dict) or root.get("protocol") not in _PROTOCOLS:
            raise ArchiveError("A part of the file is of another format.")
        if not isinstance(root["protocol"], int) or isinstance(root["protocol"], bool):
            raise ArchiveError("A part of the file is of another format.")
        self.root, self.entries = root, dict(entries)
        self.names: set[str] = set()
        self.unknown: set[str] = set()
        self._arrays: dict[str, np.ndarray] = {}
        used: set[str] = set()
        nodes = list(_nodes(root))
        for node in nodes:
            self._look_at(node)
            if "file" in node:
                used.add(self._check_file(node))
        if used != set(entries):
            raise ArchiveError("A part of the file has entries that nothing names.")
        for node in nodes:  # after sizes and types of the arrays are known
            if node["__loader__"] == "TreeNode":
                self._check_tree(node)
            elif node["__loader__"] == SHARED:
                self._check_random_state(node)
            elif node["__loader__"] == "RandomGeneratorNode":
                self._check_random_generator(node)

    def _look_at(self, node: Mapping[str, Any]) -> None:
        loader, module, name = node["__loader__"], node["__module__"], node["__class__"]
        if not all(isinstance(text, str) for text in (loader, module, name)):
            raise ArchiveError("A part of the file has a type that is no name.")
        full = f"{module}.{name}"
        if loader not in _LOADERS and loader not in _ON_TRUST:
            raise ArchiveError(
                f"A part of the file asks for {loader} of {full}, which is not read."
            )
        self.names.add(full)
        if full not in _LOADERS.get(loader, ()):
            if loader not in _ON_TRUST:
                raise ArchiveError(f"A part of the file takes {full} for what {loader} makes.")
            self.unknown.add(full)

    # ---- entries -------------------------------------------------------------------------------

    def _check_file(self, node: Mapping[str, Any]) -> str:
        name, wanted = node["file"], _SUFFIXES.get(node["__loader__"])
        if not isinstance(name, str) or name not in self.entries:
            raise ArchiveError(
                f"A part of the file asks for an entry {name!r}, which is not there."
            )
        if wanted is None or not name.endswith(wanted):
            raise ArchiveError(f"A part of the file takes entry {name!r} for something else.")
        if wanted == ".npy":
            self._arrays[name] = _read_npy(self.entries[name])
        elif wanted == ".npz":
            _check_npz(self.entries[name])
        return name

    def _array(self, node: Any) -> np.ndarray:
        if node["__loader__"] != "NdArrayNode" or node.get("type") != "numpy":
            raise ArchiveError("A part of the file has no array where one belongs.")
        return self._arrays[node["file"]]

    @staticmethod
    def _number(node: Any) -> int:
        value = json.loads(node["content"])
        if node["__loader__"] != "JsonNode" or type(value) is not int:
            raise ArchiveError("A part of the file has no number where one belongs.")
        return value

    def _check_tree(self, node: Mapping[str, Any]) -> None:
        """Compiled code reads by these numbers, already when the tree is made."""
        arguments, state = node["__reduce__"]["args"], node["content"]
        if arguments["__loader__"] != "TupleNode" or state["__loader__"] != "DictNode":
            raise ArchiveError("A tree in the file is not what scikit-learn writes.")
        n_features, n_classes, n_outputs = arguments["content"]
        content = state["content"]
        if set(content) != {"max_depth", "node_count", "nodes", "values"}:
            raise ArchiveError("A tree in the file is not what scikit-learn writes.")
        check_tree_arrays(
            self._number(n_features),
            self._array(n_classes),
            self._number(n_outputs),
            self._number(content["node_count"]),
            self._array(content["nodes"]),
            self._array(content["values"]),
        )

    def _check_random_state(self, node: Mapping[str, Any]) -> None:
        """The position is where it reads next; from zeros it would draw without end."""
        content = node["content"]["content"]
        state = content["state"]["content"]
        is_known = json.loads(content["bit_generator"]["content"]) == "MT19937"
        key = self._array(state["key"])
        if not is_known or key.shape != (624,) or not 0 <= self._number(state["pos"]) <= 624:
            raise ArchiveError("A random state in the file is none.")
        if not key[1:].any():
            raise ArchiveError("A random state in the file is none: it consists of zeros.")

    def _check_random_generator(self, node: Mapping[str, Any]) -> None:
        """A sequence of seeds has a pool of the size that it says."""
        state, seeds = node["content"]["bit_generator"], node["content"]["seed_seq"]
        name = json.loads(state["content"]["bit_generator"]["content"])
        if name != "PCG64" or self._number(seeds["content"]["pool_size"]) != 4:
            raise ArchiveError("A random generator in the file is none.")


def _nodes(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Find everything that skops may take for a node, and more; copies once."""
    todo: list[tuple[dict[str, Any] | list[Any], int]] = [(root, 0)]
    shared: dict[int, dict[str, Any]] = {}
    while todo:
        one, depth = todo.pop()
        if depth > _DEEPEST:
            raise ArchiveError("A part of the file is nested too deeply.")
        if isinstance(one, dict):
            if "__id__" in one and _is_copy(one, shared):
                continue
            if "__loader__" in one:
                yield one
        inside = one.values() if isinstance(one, dict) else one
        todo += [(part, depth + 1) for part in inside if isinstance(part, dict | list)]


def _is_copy(node: dict[str, Any], shared: dict[int, dict[str, Any]]) -> bool:
    """Look at a number: skops makes the first thing that has it, and takes that for the others."""
    number = node["__id__"]
    if isinstance(number, dict) and "__loader__" not in node:  # the contents of a dict
        return False
    if node.get("__loader__") != SHARED or type(number) is not int or number < 1:
        raise ArchiveError("A part of the file refers to itself.")
    first = shared.setdefault(number, node)
    if first != node:
        raise ArchiveError("A part of the file has one number for several things.")
    return first is not node


def _read_npy(data: bytes) -> np.ndarray:
    """Refuse an array that says it is larger than its bytes, or holds objects."""
    version = np.lib.format.read_magic(io.BytesIO(data[:8]))
    if version not in _LENGTHS:
        raise ArchiveError("An array in the file is of an unknown version.")
    start = 8 + _LENGTHS[version]
    end = start + int.from_bytes(data[8:start], "little")
    shape, is_fortran, dtype = _read_header(version, data[8:end])
    left = len(data) - end
    if dtype.hasobject or len(shape) > 32 or not all(0 <= n < 1 << 48 for n in shape):
        raise ArchiveError(f"An array in the file has shape {shape} and type {dtype}.")
    if math.prod(shape) * dtype.itemsize != left:
        raise ArchiveError(f"An array in the file has {left} bytes, which do not make {shape}.")
    return np.ndarray(shape, dtype, data, end, order="F" if is_fortran else "C")


@lru_cache(maxsize=256)  # the arrays of a forest are often of one size, and NumPy parses Python
def _read_header(version: tuple[int, int], head: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(io.BytesIO(head))
    return np.lib.format.read_array_header_2_0(io.BytesIO(head))


def _check_npz(data: bytes) -> None:
    """Refuse compression, and entries that are no arrays."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        for info in file.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ArchiveError("A sparse matrix in the file is compressed.")
            if info.flag_bits & 1 or not info.filename.endswith(".npy") or len(info.filename) > 20:
                raise ArchiveError(f"A sparse matrix in the file has an entry {info.filename!r}.")
        if sum(info.file_size for info in file.infolist()) > len(data):
            raise ArchiveError("A sparse matrix in the file has entries that overlap.")
        for info in file.infolist():
            _read_npy(file.read(info))
