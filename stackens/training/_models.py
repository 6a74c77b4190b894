"""Fitted scikit-learn estimators as bytes without code, by skops, if that is installed."""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["pack_model", "unpack_model"]

# Arrays of nodes by which compiled code walks without looking where it steps: they are checked.
_TREE = "sklearn.tree._tree.Tree"
_OWN = re.compile(r"stackens\.preprocessing\._[a-z]+\.(Sequence[A-Za-z]+|SlidingWindows|View)")


def pack_model(estimator: Any) -> np.ndarray | None:
    """Write an estimator down, if it consists of nothing but trusted types.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    ndarray of uint8 or None
        None without skops, and for what holds functions or classes of the user's: to load these
        would mean to run what a file says.
    """
    if importlib.util.find_spec("skops") is None:
        return None
    import skops.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = skops.io.dumps(estimator)
        model = np.frombuffer(data, np.uint8)
        return None if unpack_model(model) is None else model
    except Exception:  # whatever the many types in an estimator raise: it is not kept then
        return None


def unpack_model(model: np.ndarray) -> Any:
    """Do the reverse.

    Parameters
    ----------
    model : ndarray of uint8
        From ``pack_model``.

    Returns
    -------
    estimator or None
        None without skops, and if any type in it is not trusted.
    """
    if importlib.util.find_spec("skops") is None:
        return None
    import skops.io

    try:
        data = model.tobytes()
        untrusted = skops.io.get_untrusted_types(data=data)
        if not all(name == _TREE or _OWN.fullmatch(name) for name in untrusted):
            return None
        estimator = skops.io.loads(data, trusted=untrusted)
        trees = list(_find_trees(estimator, set())) if _TREE in untrusted else []
        return estimator if all(_is_sound(tree) for tree in trees) else None
    except Exception:  # of another version, or no such file at all
        return None


def _find_trees(value: Any, seen: set[int]) -> Iterator[Any]:
    """Find the compiled trees in whatever was loaded."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if f"{type(value).__module__}.{type(value).__qualname__}" == _TREE:
        yield value
        return
    if isinstance(value, np.ndarray):
        parts: Any = value.ravel() if value.dtype.hasobject else ()
    elif isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    else:
        parts = getattr(value, "__dict__", {}).values()
    for part in parts:
        yield from _find_trees(part, seen)


def _is_sound(tree: Any) -> bool:
    """Whether walking down a tree stays inside its nodes and features, and ends."""
    n_nodes = tree.node_count
    numbers = np.arange(n_nodes)
    left, right = tree.children_left, tree.children_right
    is_leaf = left == -1
    for child in (left, right):
        inner = child[~is_leaf]
        if (inner <= numbers[~is_leaf]).any() or (inner >= n_nodes).any():
            return False
    feature = tree.feature[~is_leaf]
    return n_nodes > 0 and bool(((feature >= 0) & (feature < tree.n_features)).all())
