"""What code is made of: what a function computes with, and which code a version stands for."""

from __future__ import annotations

import builtins
import dis
import functools
import hashlib
import importlib.metadata
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = [
    "CodeParts",
    "UncertainContentError",
    "class_members",
    "code_parts",
    "installed_name",
    "package_version",
    "referenced_globals",
]


class UncertainContentError(Exception):
    """The content of a value cannot be determined.

    Parameters
    ----------
    reason : str
        Why.
    unseeded : bool, default=False
        Whether a seed is what is missing.

    Attributes
    ----------
    places : list of str
        Where the value was met, from the outside in.
    """

    def __init__(self, reason: str, *, unseeded: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.unseeded = reason, unseeded
        self.places: list[str] = []

    def __str__(self) -> str:
        return ": ".join([*self.places, self.reason])


# ---- installed code: a name and a version say everything ----------------------------------------


def installed_name(value: Any, name: str | None = None) -> str | None:
    """Name and version of a module, class or function that belongs to an installed package.

    Parameters
    ----------
    value : object
        Anything.
    name : str, default=None
        How it is called in its module; by default it knows that itself.

    Returns
    -------
    str or None
        None for code of the user's, which has no version, and for what cannot be found by its
        name (a function made inside another one).
    """
    if isinstance(value, types.ModuleType):
        version = package_version(value.__name__)
        return None if version is None else f"{value.__name__} {version}"
    module = getattr(value, "__module__", None) or type(value).__module__
    if name is None and isinstance(value, _NAMED):
        name = value.__qualname__
    if name is None or not isinstance(module, str):
        return None
    # Compiled classes are few, and some ("NoneType") stand nowhere under their names.
    is_static = isinstance(value, type) and not value.__flags__ & _HEAP_TYPE
    if not is_static and _find(module, name) is not value:
        return None
    version = package_version(module)
    return None if version is None else f"{module}.{name} {version}"


_NAMED = (type, types.FunctionType, types.BuiltinFunctionType)
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made at run time, by a class statement


def _find(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


_versions: dict[str, str | None] = {}


def package_version(module: str) -> str | None:
    """Version of the package that a module belongs to; None if it is installed nowhere."""
    top = module.partition(".")[0]
    if top not in _versions:
        version = _find_version(top)
        if top != "stackens" and top not in sys.modules:  # may still come
            return version
        _versions[top] = version
    return _versions[top]


def _find_version(top: str) -> str | None:
    if top == "stackens":
        return _own_version()
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return "Python {}.{}".format(*sys.version_info)
    file = getattr(sys.modules.get(top), "__file__", None) or ""
    if top == "__main__" or not {"site-packages", "dist-packages"} & set(Path(file).parts):
        return None
    version = getattr(sys.modules[top], "__version__", None)
    if isinstance(version, str):
        return version
    names = importlib.metadata.packages_distributions().get(top, [])
    return " ".join(importlib.metadata.version(name) for name in names) or None


def _own_version() -> str:
    """The version of this package; of one under development also what its files hold."""
    from stackens import __version__

    if "dev" not in __version__:
        return __version__
    digest = hashlib.sha256()
    for file in sorted(Path(sys.modules["stackens"].__file__ or "").parent.rglob("*.py")):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return f"{__version__} {digest.hexdigest()[:16]}"


# ---- functions ----------------------------------------------------------------------------------


class CodeParts(NamedTuple):
    """What a code object says.

    Attributes
    ----------
    fixed : bytes
        Instructions, names and form of the arguments; not where it stands in a file.
    constants : tuple
        Its constants; code of inner functions among them.
    names : frozenset of str
        All names of globals and attributes, those of inner functions included.
    globals : frozenset of str
        Names that are looked up in the module.
    modules : frozenset of (str, int)
        What it imports: name, and how many packages up.
    """

    fixed: bytes
    constants: tuple[Any, ...]
    names: frozenset[str]
    globals: frozenset[str]
    modules: frozenset[tuple[str, int]]


_GLOBAL_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})


@functools.lru_cache(maxsize=4096)
def _own_parts(code: types.CodeType) -> CodeParts:
    names_by_opcode: dict[str, set[str]] = {}
    modules = set()
    previous: list[Any] = [None, None]
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            level = next((v for v in previous if isinstance(v, int)), 0)
            modules.add((instruction.argval, level))
        elif instruction.opname in _GLOBAL_LOADS:
            names_by_opcode.setdefault("global", set()).add(instruction.argval)
        previous = [previous[1], instruction.argval]
    fixed = repr(
        (
            code.co_code,
            code.co_names,
            code.co_varnames,
            code.co_freevars,
            code.co_cellvars,
            code.co_flags,
            code.co_argcount,
            code.co_posonlyargcount,
            code.co_kwonlyargcount,
            getattr(code, "co_exceptiontable", b""),
        )
    ).encode()
    return CodeParts(
        fixed,
        code.co_consts,
        frozenset(code.co_names),
        frozenset(names_by_opcode.get("global", ())),
        frozenset(modules),
    )


def code_parts(code: types.CodeType) -> CodeParts:
    """Take a code object apart; names are those of inner functions, too."""
    parts = _own_parts(code)
    inner = [code_parts(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return parts._replace(
        names=parts.names.union(*(p.names for p in inner)),
        globals=parts.globals.union(*(p.globals for p in inner)),
        modules=parts.modules.union(*(p.modules for p in inner)),
    )


# With these a function can reach what no look at it shows.
_UNSEEN = frozenset({"eval", "exec", "globals", "__import__"})


def referenced_globals(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each global and each imported module that a function uses."""
    parts = code_parts(function.__code__)
    for name in sorted(parts.globals):
        if name in function.__globals__:
            yield name, function.__globals__[name]
        elif name in _UNSEEN and hasattr(builtins, name):
            raise UncertainContentError(f"it calls `{name}`")
    for name, level in sorted(parts.modules):
        yield name, _imported(name, level, function.__globals__)


def _imported(name: str, level: int, namespace: dict[str, Any]) -> types.ModuleType:
    """The module that an import inside a function means, if it is loaded; it is not loaded here."""
    if level:
        package = namespace.get("__package__") or ""
        name = ".".join([*package.split(".")[: len(package.split(".")) - level + 1], name])
        name = name.rstrip(".")
    if name in sys.modules:
        return sys.modules[name]
    top = name.partition(".")[0]
    if top in sys.modules and package_version(top) is not None:
        return sys.modules[top]
    raise UncertainContentError(
        f"it imports `{name}`, which is not loaded yet: import it outside of the function"
    )


# ---- classes ------------------------------------------------------------------------------------

_NO_BEHAVIOUR = frozenset(
    {
        "__abstractmethods__",
        "__annotate__",
        "__annotate_func__",
        "__annotations__",
        "__annotations_cache__",
        "__classcell__",
        "__dataclass_fields__",
        "__dataclass_params__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__match_args__",
        "__module__",
        "__orig_bases__",
        "__parameters__",
        "__qualname__",
        "__static_attributes__",
        "__type_params__",
        "__weakref__",
        "_abc_impl",
    }
)
_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)


def class_members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield name and content of what a class defines itself, and what its behaviour depends on."""
    for name, value in sorted(vars(cls).items()):
        if name in _NO_BEHAVIOUR or isinstance(value, _SLOTS):
            continue
        if isinstance(value, (staticmethod, classmethod)):
            yield name, (type(value).__name__, value.__func__)
        elif isinstance(value, property):
            yield name, ("property", value.fget, value.fset, value.fdel)
        elif isinstance(value, functools.cached_property):
            yield name, ("cached_property", value.func)
        else:
            yield name, value
