"""Rare settings by ``part__name``, as SciKeras spells them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from stackens.exceptions import InvalidInputError
from stackens.parameters import did_you_mean


def check_routed_names(
    part: str, names: Any, target: Callable[..., Any], *, own: dict[str, str] | None = None
) -> None:
    """Refuse settings that ``target`` does not take, before any training.

    Parameters
    ----------
    part : str
        Prefix, for the message.
    names : collection of str
        Settings that were given.
    target : callable
        The class or function that will get them.
    own : dict, default=None
        Arguments of ``target`` that have a spelling of their own, and which.
    """
    own = own or {}
    parameters = inspect.signature(target).parameters.values()
    skip = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    known = {p.name for p in parameters if p.kind not in skip} - {"self"} - set(own)
    # What Keras's optimizers and layers take by **kwargs is named in their base class.
    for name in names:
        if name in own:
            raise InvalidInputError(f"`{part}__{name}` is spelled `{own[name]}`.")
        if name not in known:
            raise InvalidInputError(
                f"Unknown setting `{part}__{name}`: {target.__name__} takes "
                f"{', '.join(sorted(known))}.{did_you_mean(name, known)}"
            )
