"""Names of the package: where stubs say that they are, and by which files and stores know types.

One of this package is named by its room, as users import it. In which file of the room it is
written is no part of the name, so that files can be renamed, split and joined.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["import_lazily", "public_module", "public_name", "read_stub"]


def read_stub(loader: Any, folder: str) -> dict[str, str]:
    """Return the names of a package, as ``__init__.pyi`` beside its ``__init__.py`` says them.

    Type checkers read the same file: SPEC 1 of Scientific Python, without its ``lazy_loader``.

    Parameters
    ----------
    loader : importlib.abc.ResourceLoader
        Of the package.
    folder : str
        Where it is.

    Returns
    -------
    dict of str to str
        In which module each name is; a star stands for all names in the stub of a room.
    """
    found: dict[str, str] = {}
    for node in ast.parse(loader.get_data(f"{folder}/__init__.pyi")).body:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [alias.asname for alias in node.names if alias.asname]
            if not names:
                names = list(read_stub(loader, f"{folder}/{node.module.rpartition('.')[2]}"))
            found |= dict.fromkeys(names, node.module)
    return found


def import_lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return a ``__getattr__`` (PEP 562) by which a package gives its names.

    Parameters
    ----------
    package : str
        Its name.
    homes : mapping of str to str
        In which module each name is.

    Returns
    -------
    callable
        Imports a name at its first use.
    """

    def give(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if home == package:
            return import_module(f"{package}.{name}")
        value: object = getattr(import_module(home), name)
        setattr(sys.modules[package], name, value)  # found without this function from now on
        return value

    return give


def public_name(thing: Any, *, module: str | None = None, name: str | None = None) -> str:
    """Return the name under which a type or function can be imported.

    Parameters
    ----------
    thing : type, function or other object
        Of this package, or any other.
    module, name : str, default=None
        Where it was found; None is what it says itself.

    Returns
    -------
    str
        Of one of this package, its room and its name there, in whatever file and folder it is
        written. Where the room does not give it, and for other packages, the full path.

    Examples
    --------
    >>> from stackens import StackingClassifier
    >>> from stackens.public_names import public_name
    >>> public_name(StackingClassifier)
    'stackens.ensemble.StackingClassifier'
    """
    module, name = module or thing.__module__, name or thing.__qualname__
    room = public_module(module)
    # `__module__` itself is left alone: `inspect` and doctest look there for the source.
    is_given = room != module and getattr(sys.modules.get(room), name, None) is thing
    return f"{room if is_given else module}.{name}"


def public_module(module: str) -> str:
    """Return the room of a private file of this package; any other module as it is."""
    room = ".".join(module.split(".")[:2])
    return room if "._" in module and room.startswith("stackens.") else module
