"""FusedLSTM against ``keras.layers.LSTM``: values, gradients, masks, directions, saving."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from stackens.layers import FusedLSTM

N_ROWS, N_STEPS, N_FEATURES, UNITS = 5, 7, 3, 4
RAGGED = np.arange(N_STEPS) < np.array([7, 1, 4, 6, 3])[:, None]


def make_pair(**options):
    options = {"bias_initializer": "random_normal", **options}
    reference = keras.layers.LSTM(UNITS, **options)
    fused = FusedLSTM(UNITS, right_padded=True, **options)
    for layer in (reference, fused):
        layer.build((None, N_STEPS, N_FEATURES))
    fused.set_weights(reference.get_weights())
    return reference, fused


def count_kernels(layer, x, mask=None):
    graph = tf.function(lambda a: layer(a, mask=mask)).get_concrete_function(x).graph.as_graph_def()
    inner = [node for function in graph.library.function for node in function.node_def]
    return sum(node.op == "BlockLSTM" for node in [*graph.node, *inner])


def values_and_gradients(layer, x, mask, weights_of_outputs):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = tf.nest.flatten(layer(x, mask=None if mask is None else tf.constant(mask)))
        loss = sum(
            tf.reduce_sum(tf.sin(out) * w)
            for out, w in zip(outputs, weights_of_outputs, strict=False)
        )
    weights = [v.value for v in layer.trainable_variables]
    return [o.numpy() for o in outputs], [g.numpy() for g in tape.gradient(loss, [x, *weights])]


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(N_ROWS, N_STEPS, N_FEATURES)).astype("float32")


@pytest.mark.parametrize(
    ("masked", "go_backwards", "return_sequences", "return_state"),
    itertools.product([False, True], repeat=4),
)
def test_values_and_gradients_equal_those_of_keras(
    x, masked, go_backwards, return_sequences, return_state
):
    reference, fused = make_pair(
        go_backwards=go_backwards, return_sequences=return_sequences, return_state=return_state
    )
    mask = RAGGED if masked else None
    assert count_kernels(fused, x, mask) == 1
    rng = np.random.default_rng(1)
    shapes = [o.shape for o in tf.nest.flatten(reference(x))]
    output_weights = [rng.normal(size=shape).astype("float32") for shape in shapes]
    expected, expected_gradients = values_and_gradients(reference, x, mask, output_weights)
    values, gradients = values_and_gradients(fused, x, mask, output_weights)
    for a, b in zip(values + gradients, expected + expected_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_inside_bidirectional_equals_keras(x, masked, return_sequences):
    reference = keras.layers.Bidirectional(
        keras.layers.LSTM(UNITS, return_sequences=return_sequences)
    )
    fused = keras.layers.Bidirectional(
        FusedLSTM(UNITS, right_padded=True, return_sequences=return_sequences)
    )
    mask = tf.constant(RAGGED) if masked else None
    expected = reference(x, mask=mask)
    fused(x, mask=mask)
    fused.set_weights(reference.get_weights())
    np.testing.assert_allclose(fused(x, mask=mask), expected, rtol=2e-5, atol=2e-6)


def test_a_row_without_a_valid_step_keeps_its_initial_state(x):
    reference, fused = make_pair()
    mask = RAGGED.copy()
    mask[1] = False
    np.testing.assert_allclose(
        fused(x, mask=tf.constant(mask)), reference(x, mask=tf.constant(mask)), atol=2e-6
    )


def test_an_initial_state_is_used(x):
    reference, fused = make_pair()
    state = [np.full((N_ROWS, UNITS), 0.3, "float32"), np.full((N_ROWS, UNITS), -0.7, "float32")]
    np.testing.assert_allclose(
        fused(x, initial_state=state), reference(x, initial_state=state), atol=2e-6
    )


def test_input_dropout_draws_the_same_numbers_as_keras(x):
    reference, fused = make_pair(dropout=0.5, seed=3)
    assert not np.allclose(fused(x, training=True), fused(x, training=False))
    reference, fused = make_pair(dropout=0.5, seed=3)
    np.testing.assert_allclose(fused(x, training=True), reference(x, training=True), atol=2e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "relu"},
        {"recurrent_activation": "hard_sigmoid"},
        {"use_bias": False},
        {"recurrent_dropout": 0.2},
        {"unroll": True},
        {"dtype": "float64"},
    ],
)
def test_falls_back_to_keras_where_the_kernel_is_not_exact(x, options):
    reference, fused = make_pair(**options)
    x = x.astype(options.get("dtype", "float32"))
    assert count_kernels(fused, x) == 0
    np.testing.assert_allclose(fused(x), reference(x), rtol=1e-6, atol=1e-7)


def test_a_mask_of_unknown_shape_falls_back_to_keras(x):
    layer = FusedLSTM(UNITS, return_sequences=True)
    reference = keras.layers.LSTM(UNITS, return_sequences=True)
    layer.build(x.shape)
    reference.build(x.shape)
    layer.set_weights(reference.get_weights())
    mask = tf.constant(RAGGED[:, ::-1].copy())  # left-padded
    assert count_kernels(layer, x, mask) == 0
    np.testing.assert_allclose(layer(x, mask=mask), reference(x, mask=mask), atol=1e-6)


def test_gradient_where_the_kernel_stops_at_the_longest_row_of_the_batch(x):
    reference, fused = make_pair(return_sequences=True)
    mask = RAGGED & (np.arange(N_STEPS) < 4)  # nobody reaches the last three steps
    weights = [np.ones((N_ROWS, N_STEPS, UNITS), "float32")]
    expected, expected_gradients = values_and_gradients(reference, x, mask, weights)
    values, gradients = values_and_gradients(fused, x, mask, weights)
    for a, b in zip(values + gradients, expected + expected_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


def test_survives_saving_and_loading(x, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((None, N_FEATURES)),
            keras.layers.Bidirectional(FusedLSTM(UNITS, right_padded=True, return_sequences=True)),
            FusedLSTM(UNITS, dropout=0.1),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[-1], FusedLSTM)
    assert loaded.layers[0].forward_layer.right_padded
    np.testing.assert_array_equal(loaded(x), model(x))
