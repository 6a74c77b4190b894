"""A student that begins with the weights of a teacher: which layer is whose child."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from numbers import Integral
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.training import Architecture, initial_weights

__all__ = ["transferred_weights"]

_PARTS = ("encoder", "decoder")
_EMBEDDINGS = ("source_embedding", "target_embedding", "output_embedding")
_GIVE_THE_SAME = "Give both the same `d_model`, `n_heads` and `feed_forward_dim`."


def transferred_weights(
    child: Architecture,
    seed: int,
    parent: Architecture,
    weights: Sequence[np.ndarray],
    layer_map: Mapping[str, Sequence[int]] | None,
) -> list[np.ndarray]:
    """Return weights for a student: those of its teacher, where it has the same.

    Embeddings, the last normalisations, vectors of depths if there are as many, and for each
    distinct layer that of the parent that the map names.

    Parameters
    ----------
    child, parent : Architecture
        Of ``TranslationNetwork``, with the same ids.
    seed : int
        Of what is drawn.
    weights : list of ndarray
        Of the parent.
    layer_map : mapping, default=None
        ``{"encoder": (…), "decoder": (…)}``: for each distinct layer of the child, the number (from
        0) of the distinct layer of the parent that it begins as. None, or a part that is left
        out, spreads them evenly over the parent's.

    Returns
    -------
    list of ndarray
        In the order of the child's ``get_weights``.

    Raises
    ------
    InvalidInputError
        If the map does not fit, layers differ in their shapes or heads, or the student ties
        embeddings that its teacher does not.
    """
    n_heads = [network.options["n_heads"] for network in (parent, child)]
    if n_heads[0] != n_heads[1]:
        raise InvalidInputError(
            f"`init_from` has `n_heads`={n_heads[0]}, where the student has {n_heads[1]}: weights "
            f"of other heads mean something else. {_GIVE_THE_SAME}"
        )
    old, new = parent.build(), child.build()
    old.set_weights(list(weights))
    new.set_weights(initial_weights(child, seed))
    _check_ties(old, new)
    for name in (*_EMBEDDINGS, "encoder_norm", "decoder_norm"):
        _copy(getattr(old, name), getattr(new, name), name)
    for part in _PARTS:
        mine, theirs = (getattr(network, f"{part}_depths") for network in (new, old))
        if mine is not None and theirs is not None and mine.n_layers == theirs.n_layers:
            _copy(theirs, mine, f"{part}_depths")
    chosen = _check_map(layer_map, new, old)
    for part in reversed(_PARTS):  # what both share begins as the encoder's
        blocks = getattr(new, f"{part}_blocks")
        for number, (block, index) in enumerate(zip(blocks, chosen[part], strict=True)):
            _copy(getattr(old, f"{part}_blocks")[index], block, f"layer {number} of the {part}")
    return new.get_weights()


def _check_ties(old: Any, new: Any) -> None:
    """Refuse one embedding of the student where the teacher has two: it cannot be both."""
    for one, other in combinations(_EMBEDDINGS, 2):
        is_one = [getattr(m, one) is getattr(m, other) for m in (old, new)]
        if is_one == [False, True]:
            raise InvalidInputError(
                f"`init_from` has a {one} and an {other} of its own, where the student has one "
                "matrix for both. Give both the same `tied_embeddings`."
            )


def _check_map(layer_map: Any, child: Any, parent: Any) -> dict[str, tuple[int, ...]]:
    given = {} if layer_map is None else layer_map
    if not isinstance(given, Mapping) or not set(given) <= set(_PARTS):
        raise InvalidInputError(
            "`layer_map` must be None or a dict with keys among 'encoder' and 'decoder'; got "
            f"{layer_map!r}."
        )
    chosen = {}
    for part in _PARTS:
        n_child, n_parent = (len(getattr(m, f"{part}_blocks")) for m in (child, parent))
        spread = np.linspace(0, n_parent - 1, n_child).round().astype(int)
        indices = given.get(part, spread)
        is_list = isinstance(indices, Sequence | np.ndarray) and len(indices) == n_child
        if not is_list or not all(_is_index(i, n_parent) for i in indices):
            raise InvalidInputError(
                f"`layer_map[{part!r}]` must hold, for each of the {n_child} distinct layers of "
                f"the student's {part}, the number of one of the {n_parent} of the teacher's (0 to "
                f"{n_parent - 1}); got {indices!r}."
            )
        chosen[part] = tuple(int(i) for i in indices)
    return chosen


def _is_index(value: Any, n: int) -> bool:
    return isinstance(value, Integral) and 0 <= int(value) < n


def _copy(old: Any, new: Any, name: str) -> None:
    shapes = [[tuple(v.shape) for v in layer.weights] for layer in (old, new)]
    if shapes[0] != shapes[1]:
        raise InvalidInputError(
            f"`init_from` has other shapes in {name}: {shapes[0]}, where the student has "
            f"{shapes[1]}. {_GIVE_THE_SAME}"
        )
    new.set_weights(old.get_weights())
