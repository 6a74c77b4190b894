"""Which layers of a deep network are one and the same: a word, or a tuple, says it."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from stackens.exceptions import InvalidInputError
from stackens.parameters import check_choice, check_count

__all__ = ["LAYER_SHARING", "check_equal_units", "resolve_layer_sharing"]

LAYER_SHARING = ("none", "all", "sequence", "cycle", "cycle_rev")


def resolve_layer_sharing(
    layer_sharing: str | Sequence[int] = "none",
    n_layers: int | None = None,
    *,
    n_unique_layers: int | None = None,
    name: str = "layer_sharing",
) -> tuple[int, ...]:
    """Say for each depth of a network which of its distinct layers is used there.

    Parameters
    ----------
    layer_sharing : {"none", "all", "sequence", "cycle", "cycle_rev"} or sequence of int, \
default="none"
        With 3 distinct layers and a depth of 6: "sequence" is 0 0 1 1 2 2, "cycle" is
        0 1 2 0 1 2, "cycle_rev" is 0 1 2 2 1 0. "none" uses a layer of its own at every depth,
        "all" one layer everywhere. A sequence names the layer of each depth itself.
    n_layers : int, default=None
        Depth. None is the length of a sequence, and 1 for a word.
    n_unique_layers : int, default=None
        Distinct layers of "sequence", "cycle" and "cycle_rev"; None is half the depth, rounded
        up. The others do not use it.
    name : str, default="layer_sharing"
        What an error calls the parameter.

    Returns
    -------
    tuple of int
        Index of the layer at each depth, from the bottom; every index from 0 to the largest
        one occurs.

    Raises
    ------
    InvalidInputError
        If the word is unknown, there are more distinct layers than depths, or a sequence has
        the wrong length, a gap, or something that is no index.

    References
    ----------
    R. Dabre and A. Fujita, *Recurrent stacking of layers for compact neural machine translation
    models*, 2019 ("all"); S. Takase and S. Kiyono, *Lessons on parameter sharing across layers in
    transformers*, 2021 ("sequence", "cycle", "cycle_rev").

    Examples
    --------
    >>> from stackens.layer_sharing import resolve_layer_sharing
    >>> resolve_layer_sharing("cycle_rev", 6, n_unique_layers=3)
    (0, 1, 2, 2, 1, 0)
    >>> resolve_layer_sharing((0, 0, 1, 1))
    (0, 0, 1, 1)
    """
    check_count("n_layers", n_layers, or_none=True)
    check_count("n_unique_layers", n_unique_layers, or_none=True)
    if not isinstance(layer_sharing, str):
        return _check_order(layer_sharing, n_layers, name)
    check_choice(name, layer_sharing, LAYER_SHARING)
    n_layers = int(n_layers or 1)
    if layer_sharing in ("none", "all"):
        return tuple(range(n_layers)) if layer_sharing == "none" else (0,) * n_layers
    n_unique = int(n_unique_layers or (n_layers + 1) // 2)
    if n_unique > n_layers:
        raise InvalidInputError(
            f"`n_unique_layers`={n_unique} must be at most `n_layers`={n_layers}: there are not "
            "more layers to choose from than depths."
        )
    if layer_sharing == "sequence":
        return tuple(depth * n_unique // n_layers for depth in range(n_layers))
    cycle = [depth % n_unique for depth in range(n_layers)]
    if layer_sharing == "cycle_rev":  # the last round goes back down
        last = n_unique * ((n_layers - 1) // n_unique)
        if last:
            cycle[last:] = [n_unique - 1 - index for index in cycle[last:]]
    return tuple(cycle)


def check_equal_units(units: Sequence[int]) -> None:
    """Refuse layers of several widths, where the output of each must fit as input of all.

    Parameters
    ----------
    units : sequence of int
        Units of the layer at each depth.

    Raises
    ------
    InvalidInputError
        If they differ.
    """
    if len(set(units)) > 1:
        raise InvalidInputError(
            "Shared layers, residual connections and a depth embedding need equal `units` at every "
            f"depth; got {tuple(units)}. Give one int as `units`, and the depth as `n_layers`."
        )


def _check_order(layer_sharing: Any, n_layers: int | None, name: str) -> tuple[int, ...]:
    try:
        order = tuple(layer_sharing)
    except TypeError:
        order = ()
    if not order or not all(
        isinstance(i, Integral) and not isinstance(i, bool) and int(i) >= 0 for i in order
    ):
        raise InvalidInputError(
            f"`{name}` must be one of {list(LAYER_SHARING)}, or the index (from 0) of the "
            f"layer at each depth, such as (0, 0, 1, 1); got {layer_sharing!r}."
        )
    order = tuple(int(i) for i in order)
    if n_layers not in (None, len(order)):
        raise InvalidInputError(
            f"`{name}`={order} is for {len(order)} layers, but `n_layers`={n_layers}. Give "
            f"{n_layers} indices, or leave `n_layers` at None."
        )
    missing = sorted(set(range(max(order))) - set(order))
    if missing:
        raise InvalidInputError(
            f"`{name}`={order} uses layer {max(order)}, but not {missing}: use every index "
            "from 0 to the largest one."
        )
    return order
