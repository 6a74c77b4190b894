"""Sharing of layers: which layer is used at which depth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackens.exceptions import InvalidInputError
from stackens.layer_sharing import resolve_layer_sharing


@pytest.mark.parametrize(
    ("sharing", "expected"),
    [
        ("none", (0, 1, 2, 3, 4, 5)),
        ("all", (0, 0, 0, 0, 0, 0)),
        ("sequence", (0, 0, 1, 1, 2, 2)),
        ("cycle", (0, 1, 2, 0, 1, 2)),
        ("cycle_rev", (0, 1, 2, 2, 1, 0)),
    ],
)
def test_three_layers_at_six_depths_as_in_the_paper(sharing, expected):
    assert resolve_layer_sharing(sharing, 6, n_unique_layers=3) == expected
    assert resolve_layer_sharing(sharing, 6) == expected  # half the depth is the default


def by_the_paper(strategy, n, m):
    """Algorithm 1 of Takase and Kiyono (2021), with its indices from 1."""
    layers, made = [], 0
    for i in range(1, n + 1):
        if strategy == "sequence":
            if (i - 1) % (n // m) == 0:
                made += 1
            layers.append(made)
        elif i <= m:
            layers.append(i)
        elif strategy == "cycle" or i <= m * (math.ceil(n / m) - 1):
            layers.append((i - 1) % m + 1)
        else:
            layers.append(m - (i - 1) % m)
    return tuple(layer - 1 for layer in layers)


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 5))
def test_every_size_follows_the_algorithm_of_the_paper(m, rounds, rest):
    for strategy in ("sequence", "cycle", "cycle_rev"):
        n = m * rounds + (rest % m if strategy != "sequence" else 0)
        assert resolve_layer_sharing(strategy, n, n_unique_layers=m) == by_the_paper(strategy, n, m)


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from(["sequence", "cycle", "cycle_rev"]))
def test_every_layer_is_used(n_layers, n_unique, sharing):
    n_unique = min(n_layers, n_unique)
    order = resolve_layer_sharing(sharing, n_layers, n_unique_layers=n_unique)
    assert len(order) == n_layers
    assert set(order) == set(range(n_unique))
    assert resolve_layer_sharing(order, n_layers) == order


def test_a_sequence_says_it_itself():
    assert resolve_layer_sharing([0, 1, 0]) == (0, 1, 0)
    assert resolve_layer_sharing(np.array([0, 0, 1, 1]), 4) == (0, 0, 1, 1)
    assert resolve_layer_sharing() == (0,)


@pytest.mark.parametrize(
    ("sharing", "n_layers", "n_unique", "message"),
    [
        ((0, 0, 1), 4, None, r"`layer_sharing`=\(0, 0, 1\) is for 3 layers, but `n_layers`=4"),
        ((0, 2, 2), None, None, r"uses layer 2, but not \[1\]"),
        ((1, 1), 2, None, r"uses layer 1, but not \[0\]"),
        ((0, -1), None, None, "index .* of the layer at each depth"),
        ((0, 0.5), None, None, "index .* of the layer at each depth"),
        ((True, False), None, None, "index .* of the layer at each depth"),
        ((), None, None, "index .* of the layer at each depth"),
        (3, None, None, "index .* of the layer at each depth"),
        ("cycles", 4, None, "`layer_sharing` must be one of"),
        ("cycle", 2, 3, "`n_unique_layers`=3 must be at most `n_layers`=2"),
        ("cycle", 2, 0, "`n_unique_layers` must be None or an integer >= 1; got 0"),
        ("all", 0, None, "`n_layers` must be None or an integer >= 1; got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(sharing, n_layers, n_unique, message):
    with pytest.raises(InvalidInputError, match=message):
        resolve_layer_sharing(sharing, n_layers, n_unique_layers=n_unique)
