"""Convolutions against loops that say the same, and against those of aeon."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import combinations, groupby
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from stackens.convolutions import (
    N_KERNELS,
    POOLING,
    Groups,
    Kernels,
    _competition,
    _pooling,
    count_wins,
    pool_outputs,
)

TAPS = list(combinations(range(9), 3))


def convolve(x, dilation, taps):
    """One kernel on one row of one channel, weight by weight."""
    weights = np.full(9, -1.0)
    weights[list(taps)] = 2.0
    places = np.arange(len(x))[:, None] + dilation * np.arange(-4, 5)
    inside = (places >= 0) & (places < len(x))
    return (np.where(inside, x[np.clip(places, 0, len(x) - 1)], 0.0) * weights).sum(axis=1)


def pool(name, output, bias):
    positive = output > bias
    if name == "proportion":
        return positive.mean()
    if name == "longest_run":
        return max((len(list(run)) for flag, run in groupby(positive) if flag), default=0)
    if not positive.any():
        return {"mean": 0, "mean_index": -1}[name]
    return {
        "mean": (output - bias)[positive].mean(),
        "mean_index": np.flatnonzero(positive).mean(),
    }[name]


def describe(row, kernels, pooling):
    """All features of one row, kernel after kernel."""
    found, biases = [], iter(kernels.biases)
    for group, (order, dilation) in enumerate(zip(kernels.orders, kernels.dilations, strict=True)):
        x = row if not order else np.diff(row, axis=0) if len(row) > 1 else 0 * row
        for kernel, taps in enumerate(TAPS):
            series = x[:, kernels.channels[group, kernel]].sum(axis=1)
            output = convolve(series, dilation, taps)
            if (group + kernel) % 2 and len(series) > 8 * dilation:
                output = output[4 * dilation : -4 * dilation]
            found += [(output, next(biases)) for _ in range(kernels.n_biases[group])]
    return np.array([[pool(name, *one) for one in found] for name in pooling]).ravel()


def make_kernels(rng, n_channels, dilations, orders):
    n_groups = len(dilations)
    channels = rng.random((n_groups, N_KERNELS, n_channels)) < 0.5
    channels[:, :, rng.integers(n_channels)] = True
    n_biases = rng.integers(1, 4, n_groups)
    # Outputs of whole numbers are whole, and rounding decides nothing.
    biases = rng.integers(-20, 20, N_KERNELS * n_biases.sum()) + 0.5
    return Kernels(
        np.array(orders), np.array(dilations), n_biases, channels, biases.astype(np.float32)
    )


def pad(rows, fill):
    values = np.full((len(rows), max(map(len, rows)), rows[0].shape[1]), fill, np.float32)
    for place, row in zip(values, rows, strict=True):
        place[: len(row)] = row
    return values, np.array([len(row) for row in rows])


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    n_channels=st.integers(1, 3),
    groups=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 1)), min_size=1, max_size=2),
    fill=st.sampled_from([0.0, np.nan, np.finfo(np.float32).min]),
)
def test_are_what_loops_find(seed, lengths, n_channels, groups, fill):
    rng = np.random.default_rng(seed)
    rows = [rng.integers(-9, 9, (n, n_channels)).astype(float) for n in lengths]
    kernels = make_kernels(rng, n_channels, *zip(*groups, strict=True))
    found = pool_outputs(*pad(rows, fill), kernels, list(POOLING))
    assert found.dtype == np.float32
    expected = [describe(row, kernels, POOLING) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_long_rows_are_counted_in_runs():
    rng = np.random.default_rng(0)
    rows = [rng.integers(-9, 9, (n, 1)).astype(float) for n in (700, 255, 256, 511)]
    kernels = make_kernels(rng, 1, [1, 40], [0, 1])
    found = pool_outputs(*pad(rows, 0.0), kernels, list(POOLING))
    expected = [describe(row, kernels, POOLING) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=12),
    n_channels=st.integers(1, 3),
    block=st.sampled_from([1, 100, 1 << 15]),
    fewest=st.sampled_from([1, 2, 3, 32]),
)
def test_a_row_is_described_the_same_whoever_is_beside_it(seed, lengths, n_channels, block, fewest):
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=(n, n_channels)) for n in lengths]
    kernels = make_kernels(rng, n_channels, [1, 3], [0, 1])
    together = pool_outputs(*pad(rows, np.nan), kernels, list(POOLING))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pooling, "_BLOCK", block)
        patch.setattr(_pooling, "_FEWEST_ROWS", fewest)
        in_blocks = pool_outputs(*pad(rows, 7.0), kernels, list(POOLING))
    alone = [pool_outputs(*pad([row], 0.0), kernels, list(POOLING))[0] for row in rows]
    np.testing.assert_array_equal(together, in_blocks)
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("lengths", [(600, 3), (600, 400, 20), (300, 1, 256)])
def test_a_long_row_is_described_the_same_beside_short_ones(lengths):
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, 2)) for n in lengths]
    kernels = make_kernels(rng, 2, [1, 3, 40], [0, 1, 0])
    together = pool_outputs(*pad(rows, np.nan), kernels, list(POOLING))
    alone = [pool_outputs(*pad([row], 0.0), kernels, list(POOLING))[0] for row in rows]
    np.testing.assert_array_equal(together, alone)


def compete(row, groups):
    """All features of one row, group after group, before the square root."""
    found = []
    for order, dilation, channels, weights in zip(*vars(groups).values(), strict=True):
        x = row if not order else np.diff(row, axis=0) if len(row) > 1 else 0 * row
        x = x[:, channels].sum(axis=1)
        places = np.arange(len(x))[:, None] + dilation * np.arange(-4, 5)
        inside = (places >= 0) & (places < len(x))
        outputs = np.where(inside, x[np.clip(places, 0, len(x) - 1)], 0.0) @ weights.T
        largest, smallest = np.zeros((2, len(weights)))
        for output in outputs:
            largest[output.argmax()] += output.max()
            smallest[output.argmin()] += 1
        found += [largest, smallest]
    return np.concatenate(found)


def make_groups(rng, n_channels, n_kernels, kinds):
    dilations, orders = zip(*kinds, strict=True)
    channels = rng.integers(n_channels, size=(len(kinds), 1 if n_channels == 1 else 2))
    # Outputs of whole numbers are whole, equal ones are equal, and rounding decides nothing.
    weights = rng.integers(-9, 9, (len(kinds), n_kernels, 9)).astype(np.float32)
    return Groups(np.array(orders), np.array(dilations), channels, weights)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(1, 80), min_size=1, max_size=4),
    n_channels=st.integers(1, 3),
    n_kernels=st.integers(2, 5),
    kinds=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 1)), min_size=1, max_size=5),
    fill=st.sampled_from([0.0, np.nan, np.finfo(np.float32).min]),
)
def test_winners_are_those_of_loops(seed, lengths, n_channels, n_kernels, kinds, fill):
    rng = np.random.default_rng(seed)
    rows = [rng.integers(-9, 9, (n, n_channels)).astype(float) for n in lengths]
    groups = make_groups(rng, n_channels, n_kernels, kinds)
    found = count_wins(*pad(rows, fill), groups)
    assert found.dtype == np.float32
    expected = [np.sqrt(np.maximum(compete(row, groups), 0)) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("block", [1, 3000, 1 << 19])
def test_winners_of_a_row_are_the_same_whoever_is_beside_it(n_channels, block, monkeypatch):
    monkeypatch.setattr(_competition, "_BLOCK", block)
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, n_channels)) for n in (300, 1, 32, 33, 70, 64, 31, 9, 2, 150)]
    groups = make_groups(rng, n_channels, 8, [(1, 0), (8, 1), (1, 0), (40, 0)])
    groups = replace(groups, weights=rng.normal(size=groups.weights.shape).astype(np.float32))
    together = count_wins(*pad(rows, np.nan), groups)
    alone = [count_wins(*pad([row], 0.0), groups)[0] for row in rows]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together[::-1], count_wins(*pad(rows[::-1], 7.0), groups))


AEON = Path(__file__).parent / "data" / "convolutions.npz"  # of data/make_convolutions.py


def read_aeon(name):
    with np.load(AEON) as file:
        kept = {key.removeprefix(f"{name}_"): file[key] for key in file}
    n_groups = len(kept["dilations"])
    channels = kept["channels"].reshape(n_groups, N_KERNELS, -1)
    groups = np.zeros(n_groups, int), kept["dilations"], kept["n_biases"], channels
    return kept, groups, np.full(len(kept["X"]), kept["X"].shape[1])


@pytest.mark.parametrize("name", ["one", "several"])
def test_proportions_are_those_of_minirocket(name):
    kept, groups, lengths = read_aeon(name)
    found = pool_outputs(kept["X"], lengths, Kernels(*groups, kept["biases"]), ["proportion"])
    np.testing.assert_allclose(found, kept["proportion"], atol=1e-6)


def test_means_are_those_of_multirocket():
    kept, groups, lengths = read_aeon("one")
    biases = kept["multi_biases"]
    kernels = Kernels(*groups, biases)
    found = pool_outputs(kept["X"], lengths, kernels, ["mean", "mean_index"])
    mean, index = np.hsplit(found, 2)
    np.testing.assert_allclose(index, kept["multi_index"], atol=1e-5)
    # aeon adds the bias to the outputs, where the distance from it is meant.
    expected = np.where(index < 0, 0, kept["multi_mean"] - 2 * biases)
    np.testing.assert_allclose(mean, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["one", "several"])
def test_winners_are_those_of_hydra(name):
    with np.load(AEON) as file:
        X, expected = file[f"{name}_X"], file[f"{name}_hydra_found"]
        groups = Groups(*(file[f"{name}_hydra_{one.name}"] for one in fields(Groups)))
    found = count_wins(X, np.full(len(X), X.shape[1]), groups)
    np.testing.assert_allclose(found**2, np.maximum(expected, 0), rtol=1e-4, atol=1e-5)
