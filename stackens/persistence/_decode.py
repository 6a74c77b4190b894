"""From JSON and arrays back to estimators: everything is looked at before anything is made."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import Bunch

from stackens.exceptions import ArchiveError
from stackens.learners.base import NetworkLearner
from stackens.learners.saved import (
    check_parameters,
    make_keras_object,
    restore_learner,
    restore_scikeras,
)
from stackens.persistence._distributions import make_distribution
from stackens.persistence._times import make_times
from stackens.persistence._trust import Trust
from stackens.sklearn_parts import Part

_DEEPEST = 60
# Objects may be shared, but whoever walks through them (`clone`, `repr`) meets them each time.
_MOST_PARTS = 5_000_000
_PLAIN = (bool, int, float, str, type(None))
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Content:
    """The objects of a file, before they are made.

    Parameters
    ----------
    objects : list
        Their nodes; the last one is the estimator.
    arrays : mapping of str to ndarray
        Of the archive.

    Attributes
    ----------
    names : set of str
        All types and functions that the file needs.
    """

    def __init__(self, objects: Any, arrays: Mapping[str, np.ndarray]) -> None:
        if not isinstance(objects, list) or not objects:
            raise ArchiveError("There is no estimator in the file.")
        self._objects, self._arrays = objects, arrays
        self._parts: dict[int, Part] = {}
        self._functions: set[str] = set()
        self._types: set[str] = set()
        sizes: list[int] = []
        for number, node in enumerate(objects):
            sizes.append(min(_MOST_PARTS, self._look_at_object(node, number, sizes)))
        if sum(sizes) >= _MOST_PARTS:
            raise ArchiveError("The objects in the file hold each other too often.")

    @property
    def names(self) -> set[str]:
        """All types and functions that the file needs."""
        inside = (part.names for part in self._parts.values())
        return self._types | self._functions | {name for names in inside for name in names}

    def unknown(self, trust: Trust) -> list[str]:
        """Return the names that nobody vouched for."""
        inside = (part.unknown for part in self._parts.values())
        asked = self._functions | {name for names in inside for name in names}
        unknown = {name for name in asked if name not in trust}
        return sorted(unknown | {name for name in self._types if not trust.allows(name)})

    # ---- before anything is made ---------------------------------------------------------------

    def _look_at_object(self, node: Any, number: int, sizes: list[int]) -> int:
        if not isinstance(node, dict):
            raise ArchiveError("There is an object in the file that is none.")
        kind = node.get("is")
        if kind == "skops":
            self._parts[number] = Part(node, self._arrays)
            return 1
        if kind not in _MAKERS:
            raise ArchiveError(
                f"There is a {kind!r} in the file, which this version does not know."
            )
        if not isinstance(node.get("type"), str):
            raise ArchiveError("There is an object without a type in the file.")
        self._types.add(node["type"])
        wanted = {
            "object": ("state",),
            "bunch": ("items",),
            "network": ("parameters", "fitted"),
            "scikeras": ("parameters", "fitted"),
        }[kind]
        return 1 + sum(self._look_at(node[name], sizes, 0) for name in wanted)

    def _look_at(self, node: Any, sizes: list[int], depth: int) -> int:
        """Collect names, check references; return how many parts there are."""
        if isinstance(node, _PLAIN):
            return 1
        if depth > _DEEPEST:
            raise ArchiveError("The file is nested too deeply.")
        if isinstance(node, list):
            return 1 + sum(self._look_at(one, sizes, depth + 1) for one in node)
        if not isinstance(node, dict):
            raise ArchiveError("There is a value in the file that is none.")
        if "ref" in node:
            number = node["ref"]
            if type(number) is not int or not 0 <= number < len(sizes):
                raise ArchiveError(f"The file refers to an object {number!r} that is not there.")
            return sizes[number]
        if "name" in node and isinstance(node["name"], str):
            self._functions.add(node["name"])
        return 1 + sum(self._look_at(one, sizes, depth + 1) for one in _parts_of(node))

    # ---- making --------------------------------------------------------------------------------

    def make(self, trust: Trust) -> Any:
        """Make all objects, and return the last one; call ``unknown`` before."""
        self._trust, self._made = trust, []
        for number, node in enumerate(self._objects):
            part = self._parts.get(number)
            self._made.append(_MAKERS[node["is"]](self, node) if part is None else part.make())
        return self._made[-1]

    def _make_object(self, node: Mapping[str, Any]) -> Any:
        cls = self._type(node)
        state = self._pairs(node["state"])
        for name in state:
            _check_attribute(cls, name)
        made = cls.__new__(cls)
        made.__dict__.update(_defaults(cls) | state)
        if isinstance(made, BaseSearchCV) and "cv_results_" in state:
            made.scorer_ = _make_scorers(made)
        return made

    def _make_bunch(self, node: Mapping[str, Any]) -> Bunch:
        made = Bunch()
        made.update(self._pairs(node["items"]))
        return made

    def _make_network(self, node: Mapping[str, Any]) -> Any:
        cls = self._type(node)
        if not issubclass(cls, NetworkLearner):
            raise ArchiveError(f"{node['type']} is no network.")
        made = cls(**self._pairs(node["parameters"]))
        if node["fitted"] is None:
            check_parameters(made)
        else:
            restore_learner(made, self._fitted(node, cls))
        return made

    def _make_scikeras(self, node: Mapping[str, Any]) -> Any:
        if not node["type"].startswith("scikeras.wrappers."):
            raise ArchiveError(f"{node['type']} is nothing of SciKeras.")
        parameters = self._pairs(node["parameters"])
        for name, value in parameters.items():
            if isinstance(value, dict) and name != "class_weight":
                raise ArchiveError(f"`{name}` of a SciKeras object must be no dict.")
        made = self._type(node)(**parameters)
        if node["fitted"] is not None:
            restore_scikeras(made, self._value(node["fitted"]))
        return made

    def _fitted(self, node: Mapping[str, Any], cls: type) -> Any:
        fitted = self._value(node["fitted"])
        for name in fitted["others"]:
            _check_attribute(cls, name)
        return fitted

    def _type(self, node: Mapping[str, Any]) -> Any:
        cls = self._trust.find(node["type"])
        if not isinstance(cls, type):
            raise ArchiveError(f"{node['type']} is no type.")
        return cls

    def _pairs(self, pairs: Any) -> dict[Any, Any]:
        return {self._value(name): self._value(value) for name, value in pairs}

    def _value(self, node: Any) -> Any:
        if isinstance(node, _PLAIN):
            return node
        if not isinstance(node, dict):
            raise ArchiveError("There is a value in the file that is none.")
        for kind, make in _VALUES.items():
            if kind in node:
                return make(self, node[kind], node)
        raise ArchiveError(f"There is a value {sorted(node)} in the file, which is not known.")

    def _array(self, name: Any) -> np.ndarray:
        if not isinstance(name, str) or name not in self._arrays:
            raise ArchiveError(f"The file refers to an array {name!r} that is not there.")
        return self._arrays[name]

    def _scalar(self, name: Any, node: Any) -> Any:
        array = self._array(name)
        if array.ndim:
            raise ArchiveError("There is a number in the file that is an array.")
        return array[()]

    def _objects_array(self, items: Any, node: Any) -> np.ndarray:
        shape = node["shape"]
        if not all(type(n) is int and n >= 0 for n in shape) or math.prod(shape) != len(items):
            raise ArchiveError("There is an array of objects in the file that does not fit.")
        made = np.empty(len(items), object)
        for i, item in enumerate(items):
            made[i] = self._value(item)
        return made.reshape(shape)

    def _random_state(self, parts: Any, node: Any) -> np.random.RandomState:
        name, key, position, has_gauss, cached = (self._value(part) for part in parts)
        fits = isinstance(key, np.ndarray) and key.shape == (624,) and key.dtype == np.uint32
        if name != "MT19937" or not fits or type(position) is not int or not 0 <= position <= 624:
            raise ArchiveError("A random state in the file is none.")
        if not key[1:].any():  # from which a draw may never end
            raise ArchiveError("A random state in the file is none: it consists of zeros.")
        made = np.random.RandomState()
        made.set_state((name, np.array(key), position, int(has_gauss), float(cached)))
        return made

    def _keras(self, described: Any, node: Any) -> Any:
        module, name, config = described
        return make_keras_object(module, name, self._value(config))


def _parts_of(node: Mapping[str, Any]) -> Iterator[Any]:
    """What a node is made from; times are no node, and their name is that of an index."""
    for kind, part in node.items():
        if kind == "times" and isinstance(part, dict):
            yield from part.values()
        else:
            yield part


def _defaults(cls: type) -> dict[str, Any]:
    """Parameters of an estimator; those that are younger than the file keep their defaults."""
    if not hasattr(cls, "get_params"):
        return {}
    parameters = inspect.signature(cls).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}


def _check_attribute(cls: type, name: Any) -> None:
    """Refuse what would hide a method, or is no attribute."""
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("__"):
        raise ArchiveError(f"There is an attribute {name!r} in the file.")
    hidden = inspect.getattr_static(cls, name, None)
    if hasattr(hidden, "__get__") and not isinstance(hidden, type):
        raise ArchiveError(f"{name!r} is no attribute of a {cls.__name__} that a file may set.")


def _make_scorers(search: Any) -> Any:
    scoring = search.scoring
    if isinstance(scoring, list | tuple | set):
        return {name: get_scorer(name) for name in scoring}
    if isinstance(scoring, dict):
        return {name: check_scoring(search.estimator, one) for name, one in scoring.items()}
    return check_scoring(search.estimator, scoring)


def _make_float(name: Any) -> float:
    return _FLOATS[name]


def _make_dtype(name: Any) -> np.dtype:
    made = np.dtype(name) if isinstance(name, str) and len(name) < 16 else None
    if made is None or made.hasobject:
        raise ArchiveError(f"There is a type of numbers {name!r} in the file.")
    return made


_MAKERS: dict[str, Any] = {
    "object": Content._make_object,
    "bunch": Content._make_bunch,
    "network": Content._make_network,
    "scikeras": Content._make_scikeras,
}
_VALUES: dict[str, Any] = {
    "float": lambda self, value, node: _make_float(value),
    "list": lambda self, value, node: [self._value(one) for one in value],
    "tuple": lambda self, value, node: tuple(self._value(one) for one in value),
    "set": lambda self, value, node: {self._value(one) for one in value},
    "dict": lambda self, value, node: self._pairs(value),
    "slice": lambda self, value, node: slice(*(self._value(one) for one in value)),
    "array": lambda self, value, node: self._array(value),
    "scalar": Content._scalar,
    "objects": Content._objects_array,
    "masked": lambda self, value, node: np.ma.MaskedArray(*(self._value(one) for one in value)),
    "dtype": lambda self, value, node: _make_dtype(value),
    "random_state": Content._random_state,
    "keras": Content._keras,
    "distribution": lambda self, value, node: make_distribution(*map(self._value, value)),
    "times": lambda self, value, node: make_times(value, self._array(value["values"])),
    "name": lambda self, value, node: self._trust.find(value),
    "ref": lambda self, value, node: self._made[value],
}
