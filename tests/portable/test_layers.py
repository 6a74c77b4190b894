"""Layers without a recurrence against those of Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from stackens import portable
from stackens.exporting._converter import Converter
from stackens.layers import AttentionPooling1D, MaskedMaxPooling1D

RNG = np.random.default_rng(0)
SEQUENCES = RNG.normal(size=(4, 6, 3)).astype("float32")
MASK = np.arange(6) < np.array([6, 4, 1, 2])[:, None]


def to_numpy(layer):
    converter = Converter()
    part = converter.convert(layer)
    converter.check()
    return part


def randomize(layer, seed=0):
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.uniform(0.1, 1, w.shape).astype("float32") for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("name", sorted(portable.ACTIVATIONS))
def test_activations(name):
    x = np.linspace(-12, 12, 97, dtype="float32").reshape(1, -1)
    expected = keras.activations.get(name)(keras.ops.convert_to_tensor(x)).numpy()
    found = portable.ACTIVATIONS[name](x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["sigmoid", "softmax", "softplus", "elu", "gelu", "silu"])
def test_activations_do_not_overflow(name):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        x = np.array([[-1e4, 0.0, 1e4]], "float32")
        assert np.isfinite(portable.ACTIVATIONS[name](x)).all()


def test_small_probabilities_keep_their_digits():
    x = np.array([-30.0, -60.0], "float32")
    np.testing.assert_allclose(portable.sigmoid(x), np.exp(x.astype(np.float64)), rtol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.GlobalAveragePooling1D(),
        MaskedMaxPooling1D(),
        AttentionPooling1D(),
    ],
    ids=lambda layer: type(layer).__name__,
)
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_pooling(layer, mask):
    layer = type(layer).from_config(layer.get_config())
    layer.build(SEQUENCES.shape)
    randomize(layer)
    part = to_numpy(layer)
    expected = layer(SEQUENCES, mask=mask).numpy()
    np.testing.assert_allclose(part(SEQUENCES, mask), expected, rtol=1e-5, atol=1e-6)
    assert part.compute_mask(SEQUENCES, mask) is None


def test_keras_max_pooling_takes_masked_steps_too():
    part = to_numpy(keras.layers.GlobalMaxPooling1D())
    np.testing.assert_array_equal(part(SEQUENCES, MASK), SEQUENCES.max(axis=1))


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.LayerNormalization(),
        keras.layers.LayerNormalization(scale=False, epsilon=1e-6),
        keras.layers.LayerNormalization(center=False),
        keras.layers.BatchNormalization(),
        keras.layers.BatchNormalization(scale=False, epsilon=1e-6),
        keras.layers.BatchNormalization(center=False),
        keras.layers.Dense(5, activation="relu"),
        keras.layers.Dense(5, use_bias=False),
        keras.layers.TimeDistributed(keras.layers.Dense(5)),
        keras.layers.Activation("softplus"),
        keras.layers.Softmax(),
        keras.layers.ReLU(),
        keras.layers.Dropout(0.5),
        keras.layers.SpatialDropout1D(0.5),
        keras.layers.GaussianNoise(0.5),
        keras.layers.Flatten(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_of_one_input(layer):
    layer.build(SEQUENCES.shape)
    randomize(layer)
    expected = np.asarray(keras.ops.convert_to_numpy(layer(SEQUENCES)))
    np.testing.assert_allclose(to_numpy(layer)(SEQUENCES), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    ["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "Concatenate"],
)
@pytest.mark.parametrize("masks", [(None, None), (MASK, MASK), (MASK, ~MASK)])
def test_merges(name, masks):
    layer = getattr(keras.layers, name)()
    parts = [SEQUENCES, SEQUENCES[::-1] + 1]
    part = to_numpy(layer)
    expected = keras.ops.convert_to_numpy(layer(parts))
    np.testing.assert_allclose(part(parts), expected, rtol=1e-6)
    mask, expected = part.compute_mask(parts, masks), layer.compute_mask(parts, list(masks))
    if masks[0] is None:
        assert mask is None
    else:
        np.testing.assert_array_equal(mask, keras.ops.convert_to_numpy(expected))


def test_masking_finds_padding_by_its_value():
    x = SEQUENCES.copy()
    x[~MASK] = -7.0
    layer = keras.layers.Masking(-7.0)
    part = to_numpy(layer)
    np.testing.assert_array_equal(part(x), keras.ops.convert_to_numpy(layer(x)))
    np.testing.assert_array_equal(part.compute_mask(x), MASK)


def test_embedding():
    tokens = np.array([[3, 1, 0], [2, 0, 0]])
    layer = keras.layers.Embedding(5, 2, mask_zero=True)
    layer.build((None, 3))
    part = to_numpy(layer)
    np.testing.assert_array_equal(part(tokens), layer(tokens).numpy())
    np.testing.assert_array_equal(part.compute_mask(tokens), tokens != 0)


def attention_of(layer, n_heads):
    """Our attention with the weights of Keras's, whose key bias is zero."""
    w = {v.path.split("/", 1)[1]: v.numpy() for v in layer.weights}
    flat = {k: v.reshape(len(v), -1) for k, v in w.items() if k.endswith("kernel")}
    return portable.MultiHeadAttention(
        flat["query/kernel"],
        flat["key/kernel"],
        flat["value/kernel"],
        w["attention_output/kernel"].reshape(-1, w["attention_output/kernel"].shape[-1]),
        w["query/bias"].ravel(),
        w["value/bias"].ravel(),
        w["attention_output/bias"],
        n_heads,
    )


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_against_keras(mask, causal):
    layer = keras.layers.MultiHeadAttention(2, 4, name="attention")
    layer.build(SEQUENCES.shape, SEQUENCES.shape)
    randomize(layer)
    for variable in layer.weights:
        if variable.path.endswith("key/bias"):
            variable.assign(np.zeros(variable.shape))
    allowed = None if mask is None else mask[:, None, :]
    expected, scores = layer(
        SEQUENCES,
        SEQUENCES,
        attention_mask=allowed,
        use_causal_mask=causal,
        return_attention_scores=True,
    )
    part = attention_of(layer, 2)
    part = portable.MultiHeadAttention(**{**part.to_fields(), "causal": causal})
    np.testing.assert_allclose(part.weights(SEQUENCES, mask), scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(part(SEQUENCES, mask), expected, rtol=1e-5, atol=1e-6)
