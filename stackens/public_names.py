"""Names by which files, stores and messages know types and functions.

One of this package is named by its room, as users import it. In which file of the room it is
written is no part of the name, so that files can be renamed, split and joined.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["public_name"]


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
    room = ".".join(module.split(".")[:2])
    is_ours = "._" in module and room.startswith("stackens.")
    # `__module__` itself is left alone: `inspect` and doctest look there for the source.
    if is_ours and getattr(sys.modules.get(room), name, None) is thing:
        module = room
    return f"{module}.{name}"
