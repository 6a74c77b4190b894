"""Digests of values by their content: equal content, equal digest, in every process.

What a value computes with is part of its content: of a function its code, defaults, closure and
the globals that it names; of an estimator its class and parameters; of an object its class and
state. What cannot be determined raises :class:`UncertainContentError`, so that nothing is ever
served by a digest that does not say everything.

``joblib.hash`` does not do: it sees a function as its name, hashes C- and Fortran-ordered arrays
to different digests, and takes no selection of rows.
"""

from __future__ import annotations

import builtins
import copyreg
import functools
import hashlib
import os
import re
import struct
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stackens.digests._code import (
    CodeParts,
    UncertainContentError,
    class_members,
    code_parts,
    foreign_members,
    installed_name,
    is_foreign,
    referenced_globals,
    refuse_unseen,
)
from stackens.digests._seeds import ignores_random_state
from stackens.views import has_views, take_view, view_names

_PIECE = 1 << 22  # bytes of an array that are looked at, and copied, at once

# What changes how a fit runs, not what comes out.
_WITHOUT_EFFECT = frozenset({"n_jobs", "verbose"})
_ESTIMATOR_STATE = ("_metadata_request", "_sklearn_output_config")
_SINGLETONS = {id(None): "None", id(...): "Ellipsis", id(NotImplemented): "NotImplemented"}


def combine(tag: str, *parts: bytes) -> bytes:
    """Digest of a tag and parts; no two different sequences of parts run together."""
    digest = hashlib.sha256()
    for part in (tag.encode(), *parts):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def select_rows(rows: Any, n_rows: int) -> np.ndarray | None:
    """Return the indices that ``rows`` (None, indices, a mask or a slice) selects; None is all."""
    if rows is None:
        return None
    if isinstance(rows, slice):
        return np.arange(n_rows)[rows]
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows


class Digester:
    """Computes digests; within its life it digests each function and class once.

    Make a new one for each key: between two, anything may have changed.
    """

    def __init__(self) -> None:
        self._open: dict[int, int] = {}  # what is being digested, and how deep
        self._lowest = float("inf")  # depth of the outermost thing that refers to itself here
        self._known: dict[int, tuple[Any, bytes]] = {}

    def digest(self, value: Any) -> bytes:
        """Return the digest of any value.

        Parameters
        ----------
        value : object
            Anything.

        Returns
        -------
        bytes
            32 of them.

        Raises
        ------
        UncertainContentError
            If its content cannot be determined.
        """
        scalar = _digest_scalar(value)
        if scalar is not None:
            return scalar
        if id(value) in self._known:
            return self._known[id(value)][1]
        outer, self._lowest = self._lowest, float("inf")
        found = self._enter(value, self._digest_compound)
        if self._lowest >= len(self._open):  # says the same wherever it is met
            self._known[id(value)] = (value, found)
        self._lowest = min(outer, self._lowest)
        return found

    def _enter(self, value: Any, digest: Callable[[Any], bytes]) -> bytes:
        """Digest something that may contain itself."""
        depth = len(self._open)
        if id(value) in self._open:  # how far up says which one is meant
            self._lowest = min(self._lowest, self._open[id(value)])
            return combine("cycle", str(depth - self._open[id(value)]).encode())
        self._open[id(value)] = depth
        try:
            return digest(value)
        except RecursionError as error:
            raise UncertainContentError("it is nested too deeply") from error
        finally:
            del self._open[id(value)]

    def digest_all(self, tag: str, values: Iterable[Any]) -> bytes:
        """Digest of several values in their order."""
        return combine(tag, *(self.digest(value) for value in values))

    # ---- which kind ----------------------------------------------------------------------------

    def _digest_compound(self, value: Any) -> bytes:
        kind = type(value)
        if kind in (list, tuple):
            return self.digest_all(kind.__name__, value)
        if value is sys.modules:
            raise UncertainContentError("it uses `sys.modules`")
        if kind in (dict, types.MappingProxyType):
            return combine("dict", *map(self._digest_pair, value.items()))
        if kind in (set, frozenset):
            return combine(kind.__name__, *sorted(self.digest(item) for item in value))
        if isinstance(value, type):
            return self._digest_class(value)
        if isinstance(value, np.ndarray) or _is_frame(value) or _is_sparse(value):
            return self.digest_rows(value)
        if isinstance(value, types.ModuleType):
            return self._digest_module_as_value(value)
        if callable(value):
            found = self._digest_callable(value)
            if found is not None:
                return found
        if callable(getattr(value, "get_params", None)):
            return self.digest_estimator(value)
        if _is_keras(value):
            return self._digest_keras(value)
        if kind is np.random.RandomState:
            return combine("RandomState", self.digest(value.get_state(legacy=False)))
        if kind is np.random.Generator:  # the seeds say what `spawn` gives next
            bits = value.bit_generator
            return combine("Generator", self.digest(bits.state), self.digest(bits.seed_seq))
        if isinstance(value, np.void) and value.dtype.names is not None:
            names = value.dtype.names
            return self.digest_all("record", (kind, names, [value[name] for name in names]))
        return self._digest_object(value)

    def _digest_pair(self, pair: tuple[Any, Any]) -> bytes:
        return self.digest(pair[0]) + self.digest(pair[1])

    # ---- arrays --------------------------------------------------------------------------------

    def digest_rows(self, values: Any, rows: Any = None) -> bytes:
        """Digest of some rows of an array, list, frame or sparse matrix.

        It is that of the rows selected beforehand, whatever the memory layout; a memory map is
        read in pieces.

        Parameters
        ----------
        values : array-like of shape (n_samples, ...)
            Anything that has rows.
        rows : array-like of int or bool of shape (n_rows,), or slice, default=None
            The rows that count; None is all.

        Returns
        -------
        bytes
        """
        if values is None:
            return combine("no rows")
        kind = _kind_of_rows(values)
        if kind is not None:
            return combine(kind, self._digest_plain_rows(values, rows))
        return self._digest_plain_rows(values, rows)

    def _digest_plain_rows(self, values: Any, rows: Any) -> bytes:
        if has_views(values):
            selected = select_rows(rows, len(values))
            values = values if selected is None else values[selected]
            of_views = view_names(values) if len(values) else []
            views = (self.digest_rows(take_view(values, name)) for name in of_views)
            return combine("views", self.digest_all("names", of_views), *views)
        if _is_frame(values):
            return self._digest_frame(values, rows)
        if _is_sparse(values):
            return self._digest_sparse(values, rows)
        if isinstance(values, np.ma.MaskedArray):
            filled, mask = np.asarray(values.data), np.ma.getmaskarray(values)
            return combine("masked", *(self.digest_rows(part, rows) for part in (filled, mask)))
        array = _as_array(values)
        rows = select_rows(rows, len(array)) if array.ndim else None
        if array.dtype.hasobject or array.dtype.kind in "UST":
            return self._digest_objects(array, rows)
        if array.dtype.names is not None:  # the bytes between its fields are of no account
            names = array.dtype.names
            fields = (self.digest_rows(array[name], rows) for name in names)
            return combine("fields", self.digest(names), *fields)
        return _digest_numbers(array, rows)

    def _digest_objects(self, array: np.ndarray, rows: np.ndarray | None) -> bytes:
        # Strings one by one: the width of a string array depends on rows that do not count.
        selected = array if rows is None else array[rows]
        items = (self.digest(item) for item in selected.reshape(-1).tolist())
        said = str(dict(array.dtype.metadata)).encode() if array.dtype.metadata else b""
        return combine("objects", str(selected.shape).encode() + said, *items)

    def _digest_frame(self, frame: Any, rows: Any) -> bytes:
        rows = select_rows(rows, len(frame))
        index = frame.index if rows is None else frame.index.take(rows)
        parts = [self._digest_index(index), self.digest(dict(frame.attrs))]
        is_series = frame.ndim == 1
        if not is_series:
            parts.append(self._digest_index(frame.columns))
        columns = [frame] if is_series else [frame.iloc[:, i] for i in range(frame.shape[1])]
        parts.extend(self.digest(c.name) + self._digest_column(c, rows) for c in columns)
        return combine("series" if is_series else "frame", *parts)

    def _digest_column(self, column: Any, rows: np.ndarray | None = None) -> bytes:
        """Digest of the values of a column or index, and of their type."""
        # What an extension type becomes by itself depends on which values the rows hold.
        is_numpy = isinstance(column.dtype, np.dtype)
        values = column.to_numpy() if is_numpy else column.to_numpy(dtype=object)
        parts = [self.digest_rows(values, rows)]
        if str(column.dtype) == "category":  # categories without a row are part of it, too
            parts.append(self._digest_index(column.dtype.categories))
            parts.append(self.digest(bool(column.dtype.ordered)))
        return combine(str(column.dtype), *parts)

    def _digest_index(self, index: Any) -> bytes:
        if getattr(index, "nlevels", 1) > 1:
            levels = (index.get_level_values(i) for i in range(index.nlevels))
            return combine("levels", *map(self._digest_index, levels))
        frequency = getattr(index, "freqstr", None)
        return combine("index", self.digest((index.name, frequency)), self._digest_column(index))

    def _digest_sparse(self, matrix: Any, rows: Any) -> bytes:
        rows = select_rows(rows, matrix.shape[0])
        compressed = matrix.tocsr()
        selected = (compressed if rows is None else compressed[rows]).copy()
        selected.sum_duplicates()  # also sorts the indices
        kind = f"{type(matrix).__name__} {selected.shape}".encode()
        parts = (selected.data, selected.indices.astype(np.int64), selected.indptr.astype(np.int64))
        return combine("sparse", kind, *(_digest_numbers(np.asarray(p), None) for p in parts))

    # ---- functions, classes, modules -----------------------------------------------------------

    def _digest_callable(self, value: Any) -> bytes | None:
        """Digest of what is made to be called; None if the value is an object as any other."""
        refuse_unseen(value)
        name = installed_name(value)
        if name is not None:
            return combine("installed", name.encode())
        if isinstance(value, types.FunctionType):
            return self._digest_function(value)
        if isinstance(value, types.MethodType):
            return self.digest_all("method", (value.__func__, value.__self__))
        if type(value) is functools.partial:
            called = (value.func, value.args, value.keywords, vars(value))
            return self.digest_all("partial", called)
        if isinstance(value, types.BuiltinFunctionType):
            if isinstance(value.__self__, types.ModuleType) or value.__self__ is None:
                raise UncertainContentError(f"{value!r} is compiled code of no known version")
            return self.digest_all("builtin", (value.__name__, value.__self__))
        if isinstance(value, functools._lru_cache_wrapper):
            is_typed = value.cache_parameters()["typed"]
            return self.digest_all("cached", (value.__wrapped__, is_typed))
        if hasattr(value, "python_function") and not is_foreign(value):  # a tf.function
            return self.digest_all("graph", (type(value), value.python_function))
        return None

    def _digest_function(self, function: types.FunctionType) -> bytes:
        with _within(f"function `{function.__qualname__}`"):
            code = function.__code__
            parts = [self._digest_code(code)]
            parts.append(self.digest_all("defaults", (function.__defaults__,)))
            parts.append(self.digest_all("keywords", (function.__kwdefaults__,)))
            parts.append(self.digest_all("attributes", (vars(function),)))
            for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
                with _within(f"closure variable `{name}`"):
                    parts.append(self._digest_cell(cell))
            of_code = code_parts(code)
            for name, value in referenced_globals(function):
                with _within(f"global `{name}`"):
                    parts.append(combine(name) + self._digest_named(name, value, of_code))
            return combine("function", *parts)

    def _digest_cell(self, cell: types.CellType) -> bytes:
        try:
            content = cell.cell_contents
        except ValueError:
            return combine("empty cell")
        return self.digest(content)

    def _digest_named(self, name: str, value: Any, code: CodeParts) -> bytes:
        """Digest of what a name means to code: a global, or a part of a module."""
        if not isinstance(value, types.ModuleType):
            return self.digest(value)
        if name in code.values:
            return self._digest_module_as_value(value)
        return self._enter(value, lambda module: self._digest_module(module, code))

    def _digest_code(self, code: types.CodeType) -> bytes:
        parts = code_parts(code)
        return combine("code", parts.fixed, *(self._digest_constant(c) for c in parts.constants))

    def _digest_constant(self, value: Any) -> bytes:
        if isinstance(value, types.CodeType):
            return self._digest_code(value)
        return self.digest(value)

    def _digest_module_as_value(self, module: types.ModuleType) -> bytes:
        """Digest of a module of which anything may be used."""
        name = installed_name(module)
        if name is None or module is sys or module is builtins:
            raise UncertainContentError(
                f"it uses the module `{module.__name__}` as a value, so that any part of it may "
                "count: name the parts, or import them by name"
            )
        return combine("installed", name.encode())

    def _digest_module(self, module: types.ModuleType, code: CodeParts) -> bytes:
        """Digest of what code can mean by a module: its version, or the parts it names."""
        refuse_unseen(module, code.names)
        name = installed_name(module)
        content = vars(module)
        named = sorted((code.names | {"__getattr__"}) & content.keys())
        if name is not None:  # all there is to say, unless somebody put other code into it
            parts = [combine(n) + self.digest(content[n]) for n in named if is_foreign(content[n])]
            return combine("installed", name.encode(), *parts)
        if type(module) is not types.ModuleType:
            return self._digest_module_as_value(module)
        with _within(f"module `{module.__name__}`"):
            parts = [combine(n) + self._digest_named(n, content[n], code) for n in named]
        return combine("module", module.__name__.encode(), *parts)

    def _digest_class(self, cls: type) -> bytes:
        name = installed_name(cls)
        with _within(f"class `{cls.__qualname__}`"):
            if name is not None:
                return combine("installed", name.encode(), *self._members(foreign_members(cls)))
            parts = [cls.__qualname__.encode(), self.digest_all("bases", cls.__bases__)]
            if type(cls) is not type:
                parts.append(self.digest(type(cls)))
            return combine("class", *parts, *self._members(class_members(cls)))

    def _members(self, members: Iterable[tuple[str, Any]]) -> Iterator[bytes]:
        for name, value in members:
            with _within(f"`{name}`"):
                yield combine(name) + self.digest(value)

    # ---- objects -------------------------------------------------------------------------------

    def digest_estimator(self, estimator: Any, *, seed: int | None = None) -> bytes:
        """Digest of an estimator: its class and its parameters, those of its parts included.

        Parameters
        ----------
        estimator : estimator
            Anything with ``get_params``. What it learnt is no part of it, unless ``clone`` would
            keep that.
        seed : int, default=None
            Stands for its ``random_state``.

        Returns
        -------
        bytes
        """
        params = estimator.get_params(deep=False)
        kind = type(estimator)
        with _within(kind.__name__):
            _refuse_learnt(estimator, params)
            if "random_state" in params:
                given = params["random_state"] if seed is None else seed
                params["random_state"] = _check_seed(estimator, params, given)
            parts = [self.digest(kind)]
            for name in sorted(params):
                if not _is_without_effect(kind, name, params[name]):
                    with _within(f"`{name}`"):
                        parts.append(combine(name) + self.digest(params[name]))
            files = getattr(kind, "_file_parameters", ())  # the same path, another content
            parts.extend(_digest_file(params[name]) for name in files)
            state = {k: vars(estimator)[k] for k in _ESTIMATOR_STATE if k in vars(estimator)}
            return combine("estimator", *parts, self.digest(state))

    def _digest_keras(self, value: Any) -> bytes:
        """Digest of a layer, model, loss, schedule, …: its class, configuration and weights."""
        if not hasattr(value, "get_config"):  # a variable
            return self.digest_all("variable", (type(value), np.asarray(value)))
        with _within(type(value).__name__):
            layers = list(value._flatten_layers()) if hasattr(value, "_flatten_layers") else []
            parts = [self.digest(type(value)), self.digest(_keras_config(value, layers))]
            has_weights = hasattr(value, "get_weights") and getattr(value, "built", False)
            if has_weights:
                parts.append(self.digest(value.get_weights()))
            for part in [value, *(layer for layer in layers if layer is not value)]:
                parts.append(self.digest(type(part)))
                parts.append(self._digest_keras_parts(part, drawn=has_weights))
            return combine("keras", *parts)

    def _digest_keras_parts(self, value: Any, *, drawn: bool) -> bytes:
        """Digest of the user's functions and objects in it, which its configuration only names."""
        parts = [
            combine(name) + self.digest(part)
            for name, part in sorted(vars(value).items())
            if _is_part(name, part) and not (drawn and name.endswith("initializer"))
        ]
        return combine("parts", *parts)

    def _digest_object(self, value: Any) -> bytes:
        """Digest of any other object, by what a copy of it would be made from."""
        kind = type(value)
        with _within(f"{kind.__name__} object"):
            _refuse_unseeded_object(value)
            _refuse_used_callback(value)
            try:
                reduce = copyreg.dispatch_table.get(kind)
                reduced = value.__reduce_ex__(4) if reduce is None else reduce(value)
            except Exception as error:  # whatever a foreign class raises
                raise UncertainContentError(f"it cannot be copied: {error}") from error
            if isinstance(reduced, str):  # the name of a global
                name = installed_name(value, reduced)
                if name is None:
                    raise UncertainContentError(f"`{reduced}` is code of no known version")
                return combine("installed", name.encode())
            make, arguments, *rest = reduced
            state, items, pairs = [*rest, None, None, None][:3]
            parts = (kind, make, arguments, state, list(items or ()), list(pairs or ()))
            return self.digest_all("object", (*parts, _hidden_state(value, reduce)))


# ---- parts that need no recursion ---------------------------------------------------------------


def _digest_scalar(value: Any) -> bytes | None:
    kind = type(value)
    if kind is str:
        return combine("str", value.encode("utf-8", "surrogatepass"))
    if kind is bool or kind is int:
        return combine(kind.__name__, str(value).encode())
    if kind is float:
        return combine("float", struct.pack("<d", value))
    if kind is complex:
        return combine("complex", struct.pack("<dd", value.real, value.imag))
    if kind in (bytes, bytearray):
        return combine(kind.__name__, bytes(value))
    if id(value) in _SINGLETONS:
        return combine("singleton", _SINGLETONS[id(value)].encode())
    if isinstance(value, np.generic) and kind is value.dtype.type and kind is not np.void:
        return combine("scalar", value.dtype.str.encode(), value.tobytes())
    return None


def _as_array(values: Any) -> np.ndarray:
    """See rows as an array; sequences of sequences stay single, ragged or not."""
    if isinstance(values, np.ndarray):
        return np.asarray(values)
    if isinstance(values, (list, tuple)):
        if all(isinstance(item, (bool, int, float, str, np.generic)) for item in values):
            return np.asarray(values) if len({type(item) for item in values}) == 1 else _box(values)
        return _box(values)
    if hasattr(values, "__array__") and not hasattr(values, "columns"):
        return np.asarray(values)
    raise UncertainContentError(f"rows of a {type(values).__name__} cannot be read")


def _box(values: Any) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    for i, item in enumerate(values):  # `array[:] = values` would broadcast equal shapes
        array[i] = item
    return array


def _digest_numbers(array: np.ndarray, rows: np.ndarray | None) -> bytes:
    """Digest of type, shape and bytes in C order, a few megabytes at a time."""
    shape = array.shape if rows is None else (len(rows), *array.shape[1:])
    digest = hashlib.sha256()
    digest.update(combine("numbers", array.dtype.str.encode(), str(shape).encode()))
    if array.ndim == 0:
        digest.update(array.tobytes())
        return digest.digest()
    row_bytes = array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))
    step = max(1, _PIECE // max(1, row_bytes))
    for start in range(0, shape[0] if row_bytes else 0, step):
        piece = slice(start, start + step)
        part = array[piece] if rows is None else array[rows[piece]]
        digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return digest.digest()


def _digest_file(path: Any) -> bytes:
    """Digest of the content of a file, if the value is the path of one."""
    if not isinstance(path, (str, os.PathLike)) or not Path(path).is_file():
        return combine("no file")
    with Path(path).open("rb") as file:
        return combine("file", hashlib.file_digest(file, "sha256").digest())


def _kind_of_rows(values: Any) -> str | None:
    """Name the class of what holds rows; None for the usual ones, which are the same as arrays."""
    kind = type(values)
    if kind in (np.ndarray, np.memmap, np.ma.MaskedArray, list, tuple):
        return None
    if is_foreign(kind):
        name = kind.__qualname__
        raise UncertainContentError(f"rows are in a `{name}`, of which it is not known what counts")
    return installed_name(kind)


def _is_frame(value: Any) -> bool:
    return hasattr(value, "iloc") and hasattr(value, "to_numpy")


def _is_sparse(value: Any) -> bool:
    return hasattr(value, "tocsr") and hasattr(value, "nnz")


def _is_keras(value: Any) -> bool:
    tops = {cls.__module__.split(".")[0] for cls in type(value).__mro__}
    return "keras" in tops and (hasattr(value, "get_config") or hasattr(value, "assign"))


def _keras_config(value: Any, layers: list[Any]) -> Any:
    """Return the configuration of a Keras object, without the names that Keras counts up."""
    try:
        with warnings.catch_warnings():  # that lambdas cannot be loaded safely
            warnings.simplefilter("ignore")
            config = value.get_config()
    except (NotImplementedError, TypeError, ValueError) as error:
        raise UncertainContentError(f"it has no configuration: {error}") from error
    if layers:
        names = {layer.name: f"layer {i}" for i, layer in enumerate(layers)}
        return rename_layers(config, names)
    automatic = re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", type(value).__name__).lower()
    if re.fullmatch(rf"{automatic}_[0-9]+", str(config.get("name"))):
        return {**config, "name": automatic}
    return config


def _is_part(name: str, value: Any) -> bool:
    """Whether an attribute of a Keras object holds what its configuration only names."""
    if isinstance(value, types.FunctionType):
        return not hasattr(value, "__wrapped__")  # Keras wraps methods of the object itself
    if name == "seed":  # drawn by the object where none was given
        return isinstance(value, int)
    return hasattr(value, "get_config") and _is_keras(value) and not hasattr(value, "call")


def rename_layers(node: Any, names: Mapping[str, str], *, reference: bool = False) -> Any:
    """Return the configuration of a model with other names of its layers, wherever they stand."""
    if isinstance(node, Mapping):
        return {
            key: rename_layers(value, names, reference=reference or key in _LAYER_REFERENCES)
            for key, value in node.items()
        }
    if isinstance(node, (list, tuple)):
        return [rename_layers(value, names, reference=reference) for value in node]
    return names.get(node, node) if reference and isinstance(node, str) else node


_LAYER_REFERENCES = frozenset({"name", "keras_history", "input_layers", "output_layers"})


def _is_without_effect(kind: type, name: str, value: Any) -> bool:
    if name.rpartition("__")[2] in _WITHOUT_EFFECT:
        return True
    # Where scikit-learn and this package have a `memory`, it is a cache; elsewhere, who knows.
    top = getattr(getattr(kind, "__init__", None), "__module__", "").split(".")[0]
    is_cache = hasattr(value, "cache") or type(value).__module__.startswith("stackens.store.")
    return name == "memory" and (top in ("sklearn", "stackens") or is_cache)


def _check_seed(estimator: Any, params: Mapping[str, Any], value: Any) -> Any:
    if value is None and not ignores_random_state(estimator, params):
        raise UncertainContentError("`random_state` is None", unseeded=True)
    return int(value) if isinstance(value, (int, np.integer)) else value


def _refuse_learnt(estimator: Any, params: Mapping[str, Any]) -> None:
    """Refuse an estimator that keeps, or builds on, what was learnt before."""
    clones_itself = getattr(type(estimator), "__sklearn_clone__", None)
    module = getattr(clones_itself, "__module__", "sklearn.base")
    # Where this package has a `prefit`, nothing is kept without it; elsewhere, who knows.
    is_told = module.split(".")[0] == "stackens" and "prefit" in params
    keeps_itself = module != "sklearn.base" and not is_told
    cv = params.get("cv")
    prefit = (isinstance(cv, str) and cv == "prefit") or params.get("prefit") is True
    if keeps_itself or prefit:
        raise UncertainContentError("it uses estimators that were fitted before")


def _refuse_unseeded_object(value: Any) -> None:
    """Refuse, for example, a splitter that shuffles by itself."""
    state = getattr(value, "__dict__", {})
    if "random_state" in state and state["random_state"] is None and state.get("shuffle", True):
        raise UncertainContentError("`random_state` is None", unseeded=True)


def _hidden_state(value: Any, reduce: Any) -> Any:
    """Return all attributes of an object whose class, or the user's, says how it is copied.

    What that leaves out may count all the same. Installed classes are trusted with it.
    """
    kind = type(value)
    names = ("__getstate__", "__reduce__", "__reduce_ex__")
    is_default = all(getattr(kind, name) is getattr(object, name, None) for name in names)
    if (is_default and reduce is None) or not is_foreign(kind):
        return None
    slots = [s for cls in kind.__mro__ for s in _names_of_slots(cls) if hasattr(value, s)]
    return getattr(value, "__dict__", None), [(s, getattr(value, s)) for s in slots]


def _names_of_slots(cls: type) -> list[str]:
    members = vars(cls).items()
    return [name for name, value in members if isinstance(value, types.MemberDescriptorType)]


def _refuse_used_callback(value: Any) -> None:
    """Refuse a callback of Keras that holds the model, and who knows what else, of a training."""
    if hasattr(value, "on_epoch_end") and getattr(value, "_model", None) is not None:
        raise UncertainContentError("it was used before: give a new one")


class _within:  # noqa: N801 - reads as a word
    """Say in an error where it was met."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, UncertainContentError):
            error.places.insert(0, self.place)
