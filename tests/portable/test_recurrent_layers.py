"""Recurrent layers in NumPy against those of Keras, and the recurrence by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackens import portable
from stackens.exporting._converter import Converter

CELLS = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN"}


def make_layer(cell, n_features, units, seed=0, **options):
    """Return a Keras layer with weights that are drawn, biases included."""
    layer = getattr(keras.layers, CELLS[cell])(units, **options)
    layer.build((None, None, n_features))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(0, 0.5, w.shape).astype("float32") for w in layer.get_weights()])
    return layer


def to_numpy(layer):
    converter = Converter()
    part = converter.convert(layer)
    converter.check()
    return part


def make_mask(rng, n_rows, n_steps, kind):
    if kind == "none":
        return None
    if kind == "right":
        return np.arange(n_steps) < rng.integers(1, n_steps + 1, n_rows)[:, None]
    if kind == "left":
        return np.arange(n_steps) >= rng.integers(0, n_steps, n_rows)[:, None]
    return rng.random((n_rows, n_steps)) < 0.6


@settings(max_examples=40, deadline=None)
@given(
    cell=st.sampled_from(list(CELLS)),
    n_rows=st.integers(1, 4),
    n_steps=st.integers(1, 6),
    n_features=st.integers(1, 4),
    units=st.integers(1, 5),
    mask_kind=st.sampled_from(["none", "right", "left", "any"]),
    return_sequences=st.booleans(),
    go_backwards=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_layer_any_mask_any_direction(
    cell, n_rows, n_steps, n_features, units, mask_kind, return_sequences, go_backwards, seed
):
    layer = make_layer(
        cell,
        n_features,
        units,
        seed,
        return_sequences=return_sequences,
        go_backwards=go_backwards,
    )
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, n_steps, n_features)).astype("float32")
    mask = make_mask(rng, n_rows, n_steps, mask_kind)
    expected = layer(x, mask=mask).numpy()
    found = to_numpy(layer)(x, mask)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mask_kind", ["none", "right", "any"])
@pytest.mark.parametrize("merge_mode", ["concat", "sum", "ave", "mul"])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_both_directions(merge_mode, return_sequences, mask_kind):
    inner = keras.layers.GRU(3, return_sequences=return_sequences)
    layer = keras.layers.Bidirectional(inner, merge_mode=merge_mode)
    layer.build((None, 5, 2))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(0, 0.5, w.shape).astype("float32") for w in layer.get_weights()])
    x = rng.normal(size=(4, 5, 2)).astype("float32")
    mask = make_mask(rng, 4, 5, mask_kind)
    part = to_numpy(layer)
    expected = layer(x, mask=mask).numpy()
    np.testing.assert_allclose(part(x, mask), expected, rtol=1e-5, atol=1e-6)
    assert (part.compute_mask(x, mask) is mask) == (return_sequences or mask is None)


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("lstm", {"activation": "relu", "recurrent_activation": "hard_sigmoid"}),
        ("lstm", {"use_bias": False}),
        ("lstm", {"zero_output_for_mask": True, "return_sequences": True}),
        ("gru", {"reset_after": False}),
        ("gru", {"reset_after": False, "use_bias": False}),
        ("gru", {"use_bias": False}),
        ("simple_rnn", {"activation": "linear"}),
        ("simple_rnn", {"use_bias": False}),
    ],
)
def test_settings_of_layers(cell, options):
    layer = make_layer(cell, 3, 4, **options)
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5, 6, 3)).astype("float32")
    mask = make_mask(rng, 5, 6, "any")
    expected = layer(x, mask=mask).numpy()
    np.testing.assert_allclose(to_numpy(layer)(x, mask), expected, rtol=1e-5, atol=1e-6)


def test_two_stacked_layers_by_hand_to_seven_digits():
    """The tutorial's example: a small stacked network, predicted by Keras and by hand."""
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((3, 1)),
            keras.layers.SimpleRNN(2, return_sequences=True),
            keras.layers.SimpleRNN(2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    x = np.array([[[1.0], [2.0], [3.0]]], "float32")
    w1, u1, b1, w2, u2, b2, w3, b3 = (w.astype(np.float64) for w in model.get_weights())
    below, above = np.zeros((1, 2)), np.zeros((1, 2))
    for t in range(3):  # nothing but products and tanh
        below = np.tanh(x[:, t] @ w1 + below @ u1 + b1)
        above = np.tanh(below @ w2 + above @ u2 + b2)
    by_hand = 1 / (1 + np.exp(-(above @ w3 + b3)))
    by_layers = portable.Network(
        [
            portable.SimpleRNN(w1, u1, b1, return_sequences=True),
            portable.SimpleRNN(w2, u2, b2),
            portable.Dense(w3, b3, "sigmoid"),
        ]
    )(x.astype(np.float64))
    graph = model(x).numpy()
    assert abs(by_hand - by_layers).item() < 1e-15
    assert f"{by_hand.item():.6f}" == f"{graph.item():.6f}"
    np.testing.assert_allclose(graph, by_hand, rtol=1.2e-7)  # 7 digits: float32 has no more


def test_steps_give_what_the_layer_gives():
    rng = np.random.default_rng(3)
    kernel, recurrent, bias = (rng.normal(size=s) for s in [(2, 12), (3, 12), (12,)])
    x = rng.normal(size=(4, 5, 2))
    hidden = cell = np.zeros((4, 3))
    for t in range(5):
        step = portable.lstm_step(x[:, t] @ kernel + bias, hidden, cell, recurrent)
        hidden, cell = step.hidden, step.cell
        for gate in (step.input_gate, step.forget_gate, step.output_gate):
            assert ((gate > 0) & (gate < 1)).all()
    np.testing.assert_allclose(portable.LSTM(kernel, recurrent, bias)(x), hidden, rtol=1e-12)


def test_a_layer_can_be_turned_round():
    rng = np.random.default_rng(4)
    layer = portable.SimpleRNN(rng.normal(size=(2, 3)), rng.normal(size=(3, 3)))
    x = rng.normal(size=(2, 4, 2))
    np.testing.assert_array_equal(layer.reversed()(x), layer(x[:, ::-1]))


def test_extreme_values_do_not_overflow():
    layer = portable.LSTM(np.full((1, 4), 1e4), np.full((1, 4), 1e4), np.zeros(4))
    with np.errstate(all="raise", under="ignore"):
        for x in (-1e4, 1e4):
            assert np.isfinite(layer(np.full((1, 3, 1), x, np.float64))).all()
