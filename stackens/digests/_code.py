"""What code is made of: what a function computes with, and which code a version stands for."""

from __future__ import annotations

import builtins
import dis
import functools
import hashlib
import importlib.metadata
import itertools
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stackens.public_names import public_name


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
    return None if version is None else f"{public_name(value, module=module, name=name)} {version}"


_NAMED = (type, types.FunctionType, types.BuiltinFunctionType)
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made at run time, by a class statement


def _find(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


_versions: dict[tuple[str, str | None], str | None] = {}


def package_version(module: str) -> str | None:
    """Version of the package that a module belongs to; None if it is installed nowhere."""
    top = module.partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    file = file if isinstance(file, str) else None
    if (top, file) not in _versions:
        version = _find_version(top, file or "")
        if top != "stackens" and top not in sys.modules:  # may still come
            return version
        _versions[top, file] = version
    return _versions[top, file]


def _find_version(top: str, file: str) -> str | None:
    if top == "stackens":
        return _own_version()
    is_in_site = bool({"site-packages", "dist-packages"} & set(Path(file).parts))
    if top in _OF_PYTHON and _is_of_python(top, "" if is_in_site else file):
        return "Python {}.{}".format(*sys.version_info)
    if top == "__main__" or not is_in_site:
        return None
    version = getattr(sys.modules[top], "__version__", None)
    if isinstance(version, str):
        return version
    names = importlib.metadata.packages_distributions().get(top, [])
    return " ".join(importlib.metadata.version(name) for name in names) or None


def _is_of_python(top: str, file: str) -> bool:
    """Whether a module is Python's, and not one of the user's with the same name."""
    if file or top not in sys.modules:
        return not file or bool(_STDLIB & set(Path(file).parents))
    spec = getattr(sys.modules[top], "__spec__", None)
    return getattr(spec, "origin", None) in ("built-in", "frozen")


_OF_PYTHON = sys.stdlib_module_names | set(sys.builtin_module_names)
_STDLIB = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
_STDLIB |= {path.resolve() for path in _STDLIB} | {Path(dis.__file__).parent}


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
    imported_as : frozenset of (str, str)
        Names that are imported, and the variables that they are put into.
    values : frozenset of str
        Names of globals, variables and attributes that it does more with than to look up an
        attribute of them at once. What these name is used as a whole.
    """

    fixed: bytes
    constants: tuple[Any, ...]
    names: frozenset[str]
    globals: frozenset[str]
    modules: frozenset[tuple[str, int]]
    imported_as: frozenset[tuple[str, str]]
    values: frozenset[str]


_GLOBAL_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})


_LOOKUPS = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


@functools.lru_cache(maxsize=4096)
def _own_parts(code: types.CodeType) -> CodeParts:
    found = [i for i in dis.get_instructions(code) if i.opname not in ("EXTENDED_ARG", "CACHE")]
    global_names = frozenset(i.argval for i in found if i.opname in _GLOBAL_LOADS)
    modules = set()
    for position, instruction in enumerate(found):
        if instruction.opname == "IMPORT_NAME":
            before = (i.argval for i in found[max(0, position - 2) : position])
            level = next((v for v in before if isinstance(v, int)), 0)
            modules.add((instruction.argval, level))
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
        global_names,
        frozenset(modules),
        frozenset(_imports(found)),
        frozenset(_used_as_values(found)),
    )


def _imports(instructions: list[dis.Instruction]) -> Iterator[tuple[str, str]]:
    """Yield each name that is imported, and the variable that it is put into."""
    names: list[str] = []
    for before, this in itertools.pairwise(instructions):
        is_from = this.opname == "IMPORT_NAME" and before.argval is not None
        if this.opname in ("IMPORT_NAME", "IMPORT_FROM") and not is_from:
            names.append(this.argval)
        elif this.opname.startswith("STORE_"):
            variable = this.argval[0] if isinstance(this.argval, tuple) else this.argval
            yield from ((name, variable) for name in names)
            names = []


def _used_as_values(instructions: list[dis.Instruction]) -> Iterator[str]:
    """Yield each name after whose use something else follows than the look-up of an attribute."""
    for this, after in itertools.pairwise(instructions):
        if "LOAD_" in this.opname and this.opname not in ("LOAD_CONST", "LOAD_CLOSURE"):
            names = this.argval if isinstance(this.argval, tuple) else (this.argval,)
            is_looked_up = after.opname in _LOOKUPS and not str(after.argval).startswith("__")
            uses = names[:-1] if is_looked_up else names
            yield from (name for name in uses if isinstance(name, str))


def code_parts(code: types.CodeType) -> CodeParts:
    """Take a code object apart; names are those of inner functions, too."""
    parts = _own_parts(code)
    inner = [code_parts(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    imported_as = parts.imported_as.union(*(p.imported_as for p in inner))
    values = parts.values.union(*(p.values for p in inner))
    return parts._replace(
        names=parts.names.union(*(p.names for p in inner)),
        globals=parts.globals.union(*(p.globals for p in inner)),
        modules=parts.modules.union(*(p.modules for p in inner)),
        imported_as=imported_as,
        values=values.union(name for name, variable in imported_as if variable in values),
    )


# With these a function can reach what no look at it shows.
_UNSEEN = {
    "builtins": {"eval", "exec", "globals", "__import__"},
    "gc": {"get_objects", "get_referrers"},
    "importlib": {"import_module", "reload"},
    "inspect": {"currentframe", "getmodule", "stack"},
    "pkgutil": {"resolve_name"},
    "pydoc": {"locate"},
    "runpy": {"run_module", "run_path"},
    "sys": {"modules", "_getframe"},
}
_UNSEEN_ATTRIBUTES = frozenset({"__globals__", "f_globals", "f_locals", "gi_frame", "tb_frame"})


def refuse_unseen(value: Any, names: frozenset[str] | None = None) -> None:
    """Refuse what reaches more than can be seen.

    Parameters
    ----------
    value : object
        A function, or a module.
    names : frozenset of str, default=None
        What may be looked up in the module.
    """
    if isinstance(value, types.ModuleType):
        for name in sorted(_UNSEEN.get(value.__name__, set()) & (names or set())):
            raise UncertainContentError(f"it uses `{value.__name__}.{name}`")
    elif getattr(value, "__name__", None) in _UNSEEN.get(getattr(value, "__module__", ""), ()):
        raise UncertainContentError(f"it calls `{value.__name__}`")


def referenced_globals(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each global and each imported module that a function uses."""
    parts = code_parts(function.__code__)
    words = parts.names | {c for c in parts.constants if isinstance(c, str)}
    for name in sorted(words & _UNSEEN_ATTRIBUTES):
        raise UncertainContentError(f"it uses `{name}`")
    for name in sorted(parts.globals):
        if name in function.__globals__:
            yield name, function.__globals__[name]
        else:
            refuse_unseen(getattr(builtins, name, None))
    for name, level in sorted(parts.modules):
        yield name, _imported(name, level, function.__globals__)
        if not level:  # ``import a.b`` gives `a`, too
            for end in (i for i, letter in enumerate(name) if letter == "."):
                yield name[:end], _imported(name[:end], 0, function.__globals__)


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
        if name not in _NO_BEHAVIOUR and not isinstance(value, _SLOTS):
            yield name, _content_of_member(value)


def _content_of_member(value: Any) -> Any:
    parts = _parts_of_member(value)
    if parts is None:
        return value
    kind = type(value)
    own_state = None if kind in _DESCRIPTORS else vars(value)
    return (kind, *parts, own_state)


_DESCRIPTORS = (staticmethod, classmethod, property, functools.cached_property)


def _parts_of_member(value: Any) -> tuple[Any, ...] | None:
    """Return the functions that a descriptor wraps; None if it is none of Python's own."""
    if isinstance(value, (staticmethod, classmethod)):
        return (value.__func__,)
    if isinstance(value, property):
        return value.fget, value.fset, value.fdel
    if isinstance(value, functools.cached_property):
        return (value.func,)
    return None


def foreign_members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield what was put into an installed class, or one that it inherits from, by other code."""
    for owner in cls.__mro__:
        if owner.__flags__ & _HEAP_TYPE and package_version(owner.__module__) is not None:
            for name, value in sorted(vars(owner).items()):
                if is_foreign(value):
                    yield f"{owner.__qualname__}.{name}", _content_of_member(value)


def is_foreign(value: Any) -> bool:
    """Whether a function, or what wraps one, is code of the user's.

    What was generated in no module at all, as the methods of a ``namedtuple`` are, is not.
    """
    parts = _parts_of_member(value)
    if parts is not None:
        return any(is_foreign(part) for part in parts)
    if isinstance(value, (functools.partial, functools.partialmethod)):
        return is_foreign(value.func)
    if isinstance(value, types.MethodType):
        return is_foreign(value.__func__)
    if isinstance(value, types.FunctionType):  # `__module__` may be that of what it stands for
        module = value.__globals__.get("__name__")
    else:
        module = (value if isinstance(value, type) else type(value)).__module__
    is_compiled = module is not None and module.startswith("_cython_")  # by Cython, not the user
    return module in sys.modules and not is_compiled and package_version(module) is None
