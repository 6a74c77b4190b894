"""Estimators as JSON and arrays: every object once, and what it consists of before it."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from stackens.exceptions import InvalidInputError
from stackens.learners.base import NetworkLearner
from stackens.learners.saved import (
    describe_keras_object,
    describe_learner,
    describe_scikeras,
    saved_parameters,
)
from stackens.persistence._distributions import describe_distribution
from stackens.persistence._times import describe_times
from stackens.persistence._trust import OWN_TYPES, TYPES_ON_TRUST, is_own
from stackens.public_names import public_name
from stackens.sklearn_parts import pack_part

# Of the process, not of what was learnt; scorers and places of words are found again.
_LEFT_OUT = re.compile(
    r"_skl_.*|_callback_fit.*|_parent_callback.*|store_|scorer_|_predictor|_wrapper|_places"
)
# Nor are teachers part of their students.
_PARAMETERS_LEFT_OUT = ("callbacks", "distill_from", "init_from", "memory", "on_epoch_end")
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType)
_PLAIN = (bool, int, str, type(None))


class Encoder:
    """Turns one estimator into what an archive holds.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Arrays by the name that nodes have for them.
    objects : list of dict
        Every object after those that it consists of; the estimator is the last one.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.objects: list[dict[str, Any]] = []
        self._numbers: dict[int, int] = {}  # of objects, by identity
        self._array_names: dict[int, str] = {}
        self._kept: list[Any] = []  # what has an identity must stay alive
        self._open: list[int] = []
        self._path: list[str] = []

    def encode(self, value: Any) -> Any:
        """Return the node of a value."""
        if isinstance(value, _PLAIN) and type(value) in _PLAIN:
            return value
        if type(value) is float:
            return value if np.isfinite(value) else {"float": repr(value)}
        if isinstance(value, np.ndarray | np.generic | np.dtype):
            return self._encode_numpy(value)
        if type(value) in (list, tuple, set, frozenset):
            kind = "set" if isinstance(value, set | frozenset) else type(value).__name__
            items = sorted(value, key=repr) if kind == "set" else value
            return {kind: [self._inside(str(i), item) for i, item in enumerate(items)]}
        if type(value) is dict:
            return {"dict": self._pairs(value)}
        if type(value) is slice:
            return {"slice": [self.encode(part) for part in (value.start, value.stop, value.step)]}
        if isinstance(value, (type, np.ufunc, *_FUNCTIONS)):
            return {"name": self._importable(value)}
        if isinstance(value, np.random.RandomState):
            return {"random_state": [self.encode(part) for part in value.get_state()]}
        if type(value).__module__.partition(".")[0] == "pandas":
            node, times = describe_times(value)
            return {"times": {**node, "values": self._array(times)}}
        frozen = describe_distribution(value)
        if frozen is not None:
            return {"distribution": [self.encode(part) for part in frozen]}
        described = self._guarded(describe_keras_object, value)
        if described is not None:
            module, name, config = described
            return {"keras": [module, name, self.encode(config)]}
        return {"ref": self._encode_object(value)}

    def _encode_numpy(self, value: Any) -> Any:
        if isinstance(value, np.dtype):
            return {"dtype": value.str}
        if isinstance(value, np.ma.MaskedArray):
            parts = (np.asarray(value.data), np.ma.getmaskarray(value))
            return {"masked": [self.encode(part) for part in parts]}
        if value.dtype.hasobject:
            items = [self._inside(str(i), item) for i, item in enumerate(value.ravel())]
            return {"objects": items, "shape": list(value.shape)}
        kind = "scalar" if isinstance(value, np.generic) else "array"
        return {kind: self._array(value)}

    def _array(self, value: Any) -> str:
        if id(value) not in self._array_names:
            name = f"a{len(self._array_names)}"
            self._array_names[id(value)] = name
            self._kept.append(value)
            self.arrays[name] = np.asarray(value)
        return self._array_names[id(value)]

    def _pairs(self, value: Mapping[Any, Any]) -> list[Any]:
        return [[self.encode(k), self._inside(str(k), v)] for k, v in value.items()]

    # ---- objects -------------------------------------------------------------------------------

    def _encode_object(self, value: Any) -> int:
        key = id(value)
        if key in self._open:
            raise self._refusal(f"a {type(value).__name__} that holds itself")
        if key not in self._numbers:
            self._open.append(key)
            node = self._describe(value)
            self._open.pop()
            self.objects.append(node)
            self._numbers[key] = len(self.objects) - 1
            self._kept.append(value)
        return self._numbers[key]

    def _describe(self, value: Any) -> dict[str, Any]:
        name = public_name(type(value))
        if isinstance(value, NetworkLearner):
            return self._describe_network(value, name, "network", describe_learner)
        if name in ("scikeras.wrappers.KerasClassifier", "scikeras.wrappers.KerasRegressor"):
            return self._describe_network(value, name, "scikeras", describe_scikeras)
        if type(value) is Bunch:
            return {"is": "bunch", "type": name, "items": self._pairs(value)}
        if not (is_own(value) or _holds_own(value, set())):
            self._check_functions(value)
            return self._guarded(pack_part, value, self._array)
        if name.startswith("stackens.") and name not in OWN_TYPES | TYPES_ON_TRUST:
            raise self._refusal(f"a {name}")
        self._importable(type(value))
        if not hasattr(value, "__dict__"):
            raise self._refusal(f"a {name}")
        return {"is": "object", "type": name, "state": self._encode_state(value)}

    def _encode_state(self, value: Any) -> list[Any]:
        state = {k: v for k, v in vars(value).items() if not _LEFT_OUT.fullmatch(k)}
        if hasattr(value, "get_params"):
            state |= {name: None for name in _PARAMETERS_LEFT_OUT if name in state}
        return [[k, self._inside(k, v)] for k, v in state.items()]

    def _describe_network(self, value: Any, name: str, kind: str, describe: Any) -> dict[str, Any]:
        self._importable(type(value))
        if kind == "network":
            parameters = saved_parameters(value)
        else:
            parameters = {**value.get_params(deep=False), "callbacks": None}
        fitted = self._guarded(describe, value)
        return {
            "is": kind,
            "type": name,
            "parameters": [[k, self._inside(k, v)] for k, v in parameters.items()],
            "fitted": None if fitted is None else self.encode(fitted),
        }

    # ---- refusals ------------------------------------------------------------------------------

    def _inside(self, name: str, value: Any) -> Any:
        with self._at(name):
            return self.encode(value)

    @contextmanager
    def _at(self, name: str) -> Iterator[None]:
        self._path.append(name)
        yield
        self._path.pop()

    def _guarded(self, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except InvalidInputError as error:
            raise InvalidInputError(f"`{self._where()}`: {error}") from error

    def _check_functions(self, part: Any) -> None:
        """Refuse functions without a name among the parameters, where a name can be given."""
        parameters = part.get_params() if hasattr(part, "get_params") else {}
        for name, value in parameters.items():
            if isinstance(value, _FUNCTIONS):
                with self._at(name.replace("__", ".")):
                    self._importable(value)

    def _importable(self, thing: Any) -> str:
        """Return the name of a type or function; without one, it would be code in the file."""
        name = getattr(thing, "__qualname__", thing.__name__)
        owner = getattr(thing, "__objclass__", None)  # of a method such as `str.split`
        module: Any = getattr(thing, "__module__", None) or getattr(owner, "__module__", "numpy")
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not thing or "." in name:
            raise self._refusal(
                f"{name!r} of {module!r}, which cannot be imported by that name: a file holds no "
                "code. Define a function at the top level of a module"
            )
        return public_name(thing, module=module, name=name)

    def _refusal(self, what: str) -> InvalidInputError:
        return InvalidInputError(f"`save` cannot write `{self._where()}`: it is {what}.")

    def _where(self) -> str:
        return ".".join(self._path) or "estimator"


def _holds_own(value: Any, seen: set[int]) -> bool:
    """Whether there is an object of ours inside, which skops could not take apart."""
    if id(value) in seen or isinstance(value, (*_PLAIN, float)):
        return False
    seen.add(id(value))
    if is_own(value):
        return True
    if isinstance(value, np.ndarray):
        parts: Any = value.ravel() if value.dtype.hasobject else ()
    elif isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    elif isinstance(value, type | types.FunctionType | types.ModuleType):
        return False
    else:
        parts = getattr(value, "__dict__", {}).values()
    return any(_holds_own(part, seen) for part in parts)
