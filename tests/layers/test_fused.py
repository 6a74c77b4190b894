"""Fused recurrent layers against those of Keras: values, gradients, masks, directions, saving."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from stackens.layers import FusedGRU, FusedLSTM, FusedSimpleRNN, _fused_lstm, _recurrence

N_ROWS, N_STEPS, N_FEATURES, UNITS = 5, 7, 3, 4
MASKS = {
    "none": None,
    "right-padded": np.arange(N_STEPS) < np.array([7, 1, 4, 6, 3])[:, None],
    "an empty row": np.arange(N_STEPS) < np.array([5, 0, 4, 2, 5])[:, None],
    "left-padded": np.arange(N_STEPS) >= np.array([1, 6, 4, 2, 3])[:, None],
    "holes": np.random.default_rng(5).random((N_ROWS, N_STEPS)) < 0.6,
}
CELLS = {
    "lstm kernel": (keras.layers.LSTM, FusedLSTM),
    "lstm": (keras.layers.LSTM, FusedLSTM),
    "gru": (keras.layers.GRU, FusedGRU),
    "simple_rnn": (keras.layers.SimpleRNN, FusedSimpleRNN),
}
TOLERANCE = {"float32": 4e-6, "float64": 1e-13}  # of the largest number of an array, or of 1


@pytest.fixture(params=list(CELLS))
def cell(request, monkeypatch):
    """Name of a cell; "lstm kernel" is computed by TensorFlow's own kernel, "lstm" is compiled."""
    if request.param == "lstm":
        monkeypatch.setattr(_fused_lstm, "_WIDEST_BLOCK", 0)
    return request.param


def make_pair(cell, mask=None, **options):
    options = {"bias_initializer": "random_normal", **options}
    reference_class, fused_class = CELLS[cell]
    reference = reference_class(UNITS, **options)
    if cell == "lstm kernel":
        options["right_padded"] = mask is None or bool((mask == np.sort(mask)[:, ::-1]).all())
    fused = fused_class(UNITS, **options)
    for layer in (reference, fused):
        layer.build((None, N_STEPS, N_FEATURES))
    fused.set_weights(reference.get_weights())
    return reference, fused


def uses(layer, x, mask=None):
    """Return which of the two ways a layer's graph takes."""
    graph = tf.function(lambda a: layer(a, mask=mask)).get_concrete_function(x).graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    compiled = any(f.attr["_XlaMustCompile"].b for f in graph.library.function)
    if any(node.op == "BlockLSTM" for node in nodes):
        return "kernel"
    return "compiled" if compiled else "keras"


def values_and_gradients(layer, x, mask, weights_of_outputs, state=None):
    x = tf.constant(x)
    state = None if state is None else [tf.constant(s) for s in state]
    with tf.GradientTape() as tape:
        tape.watch([x, *(state or ())])
        mask = None if mask is None else tf.constant(mask)
        outputs = tf.nest.flatten(layer(x, mask=mask, initial_state=state))
        loss = sum(
            tf.reduce_sum(tf.sin(out) * w)
            for out, w in zip(outputs, weights_of_outputs, strict=False)
        )
    sources = [x, *(v.value for v in layer.trainable_variables), *(state or ())]
    return [o.numpy() for o in outputs], [g.numpy() for g in tape.gradient(loss, sources)]


def assert_same(reference, fused, x, mask, state=None):
    rng = np.random.default_rng(1)
    shapes = [o.shape for o in tf.nest.flatten(reference(x))]
    output_weights = [rng.normal(size=shape).astype(x.dtype) for shape in shapes]
    expected, expected_gradients = values_and_gradients(reference, x, mask, output_weights, state)
    values, gradients = values_and_gradients(fused, x, mask, output_weights, state)
    for a, b in zip(values + gradients, expected + expected_gradients, strict=True):
        atol = TOLERANCE[x.dtype.name] * max(1, np.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def make_input(dtype="float32"):
    return np.random.default_rng(0).normal(size=(N_ROWS, N_STEPS, N_FEATURES)).astype(dtype)


@pytest.mark.parametrize("mask", list(MASKS))
@pytest.mark.parametrize(
    ("go_backwards", "return_sequences", "return_state"), itertools.product([False, True], repeat=3)
)
def test_values_and_gradients_equal_those_of_keras(
    cell, mask, go_backwards, return_sequences, return_state
):
    x, mask = make_input(), MASKS[mask]
    reference, fused = make_pair(
        cell,
        mask,
        go_backwards=go_backwards,
        return_sequences=return_sequences,
        return_state=return_state,
    )
    assert_same(reference, fused, x, mask)


@pytest.mark.parametrize("mask", ["none", "right-padded", "holes"])
def test_float64_is_exact(cell, mask):
    x = make_input("float64")
    reference, fused = make_pair(cell, MASKS[mask], dtype="float64", return_sequences=True)
    assert uses(fused, x) == "compiled"
    assert_same(reference, fused, x, MASKS[mask])


@pytest.mark.parametrize("mask", ["none", "right-padded", "left-padded", "an empty row"])
def test_an_initial_state_is_used(cell, mask):
    x, mask = make_input(), MASKS[mask]
    reference, fused = make_pair(cell, mask, return_sequences=True, return_state=True)
    n_states = 2 if "lstm" in cell else 1
    state = [np.full((N_ROWS, UNITS), value, "float32") for value in (0.3, -0.7)[:n_states]]
    assert_same(reference, fused, x, mask, state)


@pytest.mark.parametrize("shape", [(1, 1), (33, 5), (3, 17), (40, 33)])
def test_rows_and_timesteps_that_are_no_round_number(cell, shape):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(*shape, N_FEATURES)).astype("float32")
    reference, fused = make_pair(cell, return_sequences=True)
    assert_same(reference, fused, x, None)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_inside_bidirectional_equals_keras(cell, masked, return_sequences):
    x, mask = make_input(), MASKS["right-padded"]
    layers = make_pair(cell, return_sequences=return_sequences)
    reference, fused = (keras.layers.Bidirectional(layer) for layer in layers)
    mask = tf.constant(mask) if masked else None
    expected = reference(x, mask=mask)
    fused(x, mask=mask)
    fused.set_weights(reference.get_weights())
    np.testing.assert_allclose(fused(x, mask=mask), expected, rtol=2e-5, atol=2e-6)


def test_input_dropout_draws_the_same_numbers_as_keras(cell):
    x = make_input()
    reference, fused = make_pair(cell, dropout=0.5, seed=3)
    assert not np.allclose(fused(x, training=True), fused(x, training=False))
    reference, fused = make_pair(cell, dropout=0.5, seed=3)
    np.testing.assert_allclose(fused(x, training=True), reference(x, training=True), atol=2e-6)


def test_relu_is_compiled_for_a_simple_layer():
    x = make_input()
    reference, fused = make_pair("simple_rnn", activation="relu", return_sequences=True)
    assert uses(fused, x) == "compiled"
    assert_same(reference, fused, x, MASKS["right-padded"])


@pytest.mark.parametrize("cell", ["lstm kernel", "gru", "simple_rnn"])
def test_a_layer_without_bias(cell):
    x = make_input()
    reference, fused = make_pair(cell, use_bias=False)
    assert uses(fused, x) == "compiled"
    assert_same(reference, fused, x, None)


def test_the_usual_layers_take_the_fast_way():
    x = make_input()
    assert uses(make_pair("lstm kernel")[1], x) == "kernel"
    assert uses(make_pair("gru")[1], x) == "compiled"
    assert uses(make_pair("simple_rnn")[1], x) == "compiled"
    wide = FusedLSTM(_fused_lstm._WIDEST_BLOCK + 1)
    assert uses(wide, x) == "compiled"
    mask = tf.constant(MASKS["holes"])
    assert uses(FusedLSTM(UNITS), x, mask) == "compiled"  # no promise about its masks


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("lstm kernel", {"activation": "relu"}),
        ("lstm kernel", {"recurrent_activation": "hard_sigmoid"}),
        ("lstm kernel", {"recurrent_dropout": 0.2}),
        ("lstm kernel", {"unroll": True}),
        ("gru", {"activation": "relu"}),
        ("gru", {"reset_after": False}),
        ("gru", {"recurrent_dropout": 0.2}),
        ("simple_rnn", {"activation": "elu"}),
        ("simple_rnn", {"recurrent_dropout": 0.2}),
    ],
)
def test_falls_back_to_keras_where_no_other_way_is_exact(cell, options):
    x = make_input()
    reference, fused = make_pair(cell, **options)
    assert uses(fused, x) == "keras"
    np.testing.assert_allclose(fused(x), reference(x), rtol=1e-6, atol=1e-7)


def test_falls_back_to_keras_where_nothing_can_be_compiled(monkeypatch):
    monkeypatch.setattr(_recurrence, "is_available", lambda: False)
    x = make_input()
    reference, fused = make_pair("gru")
    assert uses(fused, x) == "keras"
    np.testing.assert_allclose(fused(x), reference(x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("n", "steps", "rows"), [(1, 4, 32), (8, 8, 32), (30, 32, 32), (33, 40, 64), (500, 512, 512)]
)
def test_capacities(n, steps, rows):
    assert int(_recurrence.step_capacity(tf.constant(n))) == steps
    assert int(_recurrence.batch_capacity(tf.constant(n))) == rows


def test_capacities_are_never_too_small_and_waste_at_most_a_quarter_of_the_steps():
    for n in range(1, 2000):
        steps = int(_recurrence.step_capacity(tf.constant(n)))
        rows = int(_recurrence.batch_capacity(tf.constant(n)))
        assert n <= steps <= max(1.25 * n, n + 3)
        assert n <= rows < max(2 * n, 33)


@pytest.mark.parametrize("cell", ["lstm kernel", "gru", "simple_rnn"])
def test_survives_saving_and_loading(cell, tmp_path):
    x, fused = make_input(), CELLS[cell][1]
    options = {"right_padded": True} if cell == "lstm kernel" else {}
    model = keras.Sequential(
        [
            keras.Input((None, N_FEATURES)),
            keras.layers.Bidirectional(fused(UNITS, return_sequences=True, **options)),
            fused(UNITS, dropout=0.1),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[-1], fused)
    np.testing.assert_array_equal(loaded(x), model(x))
    assert getattr(loaded.layers[0].forward_layer, "right_padded", True)
