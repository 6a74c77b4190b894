"""Fitted scikit-learn estimators as bytes without code, by skops, if that is installed."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from stackens.vocabularies import Vocabulary, put_vocabularies, without_vocabularies

__all__ = ["pack_model", "unpack_model"]

# Arrays of nodes by which compiled code walks without looking where it steps: they are checked.
_TREE = "sklearn.tree._tree.Tree"
_OWN = re.compile(r"stackens\.preprocessing\.(Sequence[A-Za-z]+|SlidingWindows|View)")
_PRIVATE_PATH = re.compile(rb'("__module__":\s*"stackens\.[\w.]+?)\._[\w.]+"')


def pack_model(estimator: Any) -> dict[str, np.ndarray] | None:
    """Write an estimator down, if it consists of nothing but trusted types.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    dict of str to ndarray or None
        Whose names begin with "model". None without skops, and for what holds functions or classes
        of the user's: to load these would mean to run what a file says.
    """
    if importlib.util.find_spec("skops") is None:
        return None
    import skops.io

    try:
        small, vocabularies = without_vocabularies(estimator)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = _with_public_names(skops.io.dumps(small))
        if _load(data) is None:
            return None
    except Exception:  # whatever the many types in an estimator raise: it is not kept then
        return None
    arrays = {"model": np.frombuffer(data, np.uint8)}
    for number, vocabulary in enumerate(vocabularies):
        place = np.frombuffer(json.dumps(vocabulary.path).encode(), np.uint8)
        for name, array in {"path": place, **vocabulary.to_arrays()}.items():
            arrays[f"model/{number}/{name}"] = array
    return arrays


def unpack_model(arrays: Mapping[str, np.ndarray]) -> Any:
    """Do the reverse.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        From ``pack_model``; others may be among them.

    Returns
    -------
    estimator or None
        None without skops, if there is none, and if any type in it is not trusted.
    """
    if importlib.util.find_spec("skops") is None or "model" not in arrays:
        return None
    try:
        estimator = _load(arrays["model"].tobytes())
        vocabularies: list[Vocabulary] = []
        while f"model/{len(vocabularies)}/path" in arrays:
            start = f"model/{len(vocabularies)}/"
            parts = {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
            path = json.loads(parts["path"].tobytes())
            vocabularies.append(Vocabulary.from_arrays(path, parts))
        put_vocabularies(estimator, vocabularies)
    except Exception:  # of another version, or no such file at all
        return None
    return estimator


def _with_public_names(data: bytes) -> bytes:
    """Name types by their rooms; skops names the files that they are written in."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "schema.json":
                content = _PRIVATE_PATH.sub(rb'\1"', content)
            target.writestr(entry, content)
    return buffer.getvalue()


def _load(data: bytes) -> Any:
    import skops.io

    untrusted = skops.io.get_untrusted_types(data=data)
    if not all(name == _TREE or _OWN.fullmatch(name) for name in untrusted):
        return None
    estimator = skops.io.loads(data, trusted=untrusted)
    trees = list(_find_trees(estimator, set())) if _TREE in untrusted else []
    return estimator if all(_is_sound(tree) for tree in trees) else None


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
