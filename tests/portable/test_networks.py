"""Whole networks in NumPy against the graph: every cell, direction, mask, pooling and head."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from stackens.exceptions import InvalidInputError
from stackens.exporting._converter import Converter
from stackens.networks import build_stacked_rnn
from stackens.sequences import PADDING_VALUE

RNG = np.random.default_rng(0)


def to_numpy(model):
    converter = Converter()
    part = converter.convert(model, "network")
    converter.check()
    return part


def randomize(model, seed=0):
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            rng.uniform(-0.6, 0.6, w.shape).astype("float32") ** 2 * 1.5
            if "variance" in v.path
            else rng.normal(0, 0.4, w.shape).astype("float32")
            for v, w in zip(model.weights, model.get_weights(), strict=True)
        ]
    )
    return model


def assert_same(model, x):
    expected = model(x, training=False).numpy()
    found = to_numpy(model)(np.asarray(x))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def padded(n_rows=6, n_steps=7, n_features=3):
    x = RNG.normal(size=(n_rows, n_steps, n_features)).astype("float32")
    lengths = RNG.integers(1, n_steps + 1, n_rows)
    x[np.arange(n_steps) >= lengths[:, None]] = PADDING_VALUE
    return x


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn"])
@pytest.mark.parametrize("masked", [False, True])
def test_every_cell_direction_mask_and_pooling(masked, cell, bidirectional, pooling):
    model = build_stacked_rnn(
        n_features=3,
        padding_value=PADDING_VALUE if masked else None,
        cell=cell,
        units=(5, 4),
        bidirectional=bidirectional,
        pooling=pooling,
        normalization="layer" if pooling == "mean" else None,
        output_units=3,
        output_activation="softmax",
    )
    x = padded() if masked else RNG.normal(size=(6, 7, 3)).astype("float32")
    assert_same(randomize(model), x)


@pytest.mark.parametrize("place", ["beside", "below"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("options", [{}, {"units": (4, 4), "layer_sharing": "all"}], ids=str)
def test_convolutions(place, masked, options):
    model = build_stacked_rnn(
        n_features=3,
        padding_value=PADDING_VALUE if masked else None,
        convolutions=(4, 6, 5),
        kernel_sizes=(8, 4, 1),  # the first one wider than all sequences
        convolution_place=place,
        output_units=3,
        output_activation="softmax",
        **{"units": (5,), "cell": "gru", "bidirectional": True, "pooling": "max", **options},
    )
    x = padded() if masked else RNG.normal(size=(6, 7, 3)).astype("float32")
    assert_same(randomize(model), x)


@pytest.mark.parametrize("normalization", ["layer", "batch"])
@pytest.mark.parametrize(("units", "activation"), [(1, "sigmoid"), (4, "softmax"), (2, "linear")])
def test_normalisations_and_heads(normalization, units, activation):
    model = build_stacked_rnn(
        n_features=3,
        padding_value=PADDING_VALUE,
        units=(4, 4),
        dropout=0.3,
        recurrent_dropout=0.2,
        normalization=normalization,
        output_units=units,
        output_activation=activation,
    )
    assert_same(randomize(model), padded())


def test_tokens():
    model = build_stacked_rnn(
        vocabulary_size=20,
        embedding_dim=6,
        padding_value=0.0,
        units=(5,),
        pooling="attention",
        output_units=1,
        output_activation="sigmoid",
    )
    assert_same(randomize(model), np.array([[3, 19, 4], [5, 0, 0]]))


def test_a_wide_lstm_runs_through_the_compiled_layer():
    model = build_stacked_rnn(
        n_features=3,
        padding_value=PADDING_VALUE,
        units=(80,),
        output_units=2,
        output_activation="softmax",
    )
    assert_same(model, padded())


def test_any_graph_of_layers():
    inputs = keras.Input((None, 4))
    shared = keras.layers.GRU(4, return_sequences=True)
    hidden = keras.layers.Masking(PADDING_VALUE)(inputs)
    hidden = keras.layers.Add()([hidden, shared(hidden)])
    hidden = keras.layers.Add()([hidden, shared(hidden)])  # the same layer once more
    last = keras.layers.Concatenate()(
        [keras.layers.GlobalAveragePooling1D()(hidden), keras.layers.LSTM(3)(hidden)]
    )
    model = randomize(keras.Model(inputs, keras.layers.Dense(2, "softmax")(last)))
    part = to_numpy(model)
    assert len(part.layers) == 8
    assert sum(call[0] == part.calls[1][0] for call in part.calls) == 2
    assert_same(model, padded(n_features=4))


def test_models_in_models():
    def member():
        inputs = keras.Input((None, 3))
        hidden = keras.layers.Masking(PADDING_VALUE)(inputs)
        return randomize(keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GRU(3)(hidden))))

    inputs = keras.Input((None, 3))
    members = [member()(inputs) for _ in range(3)]
    assert_same(keras.Model(inputs, keras.layers.Average()(members)), padded())


def test_a_sequential_model():
    model = keras.Sequential(
        [keras.Input((7, 3)), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    )
    assert_same(model, RNG.normal(size=(4, 7, 3)).astype("float32"))


def a_lambda(inputs):
    return keras.layers.Lambda(lambda x: x[:, 0], name="first")(inputs)


def an_operation(inputs):
    return keras.ops.sum(inputs, axis=1)


def a_state(inputs):
    return keras.layers.LSTM(3, return_state=True, name="stateful")(inputs)[0]


def an_initial_state(inputs):
    state = keras.layers.GlobalAveragePooling1D()(inputs)
    return keras.layers.GRU(3, name="started")(inputs, initial_state=state)


def a_function(inputs):
    return keras.layers.LSTM(3, activation=lambda x: x * x, name="squared")(inputs)


def half_precision(inputs):
    return keras.layers.LSTM(3, dtype="mixed_float16", name="half")(inputs)


def a_convolution(inputs):
    return keras.layers.GlobalMaxPooling1D()(keras.layers.Conv1D(3, 2, name="conv")(inputs))


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (a_lambda, "layer 'first' (Lambda)"),
        (an_operation, "Sum"),
        (a_state, "'stateful'"),
        (an_initial_state, "'started'"),
        (a_function, "layer 'squared' (LSTM)"),
        (half_precision, "'half' computes in float16"),
        (a_convolution, "layer 'conv' (Conv1D)"),
    ],
)
def test_what_cannot_be_exported_is_named(build, named):
    inputs = keras.Input((5, 3))
    model = keras.Model(inputs, keras.layers.Dense(2, dtype="float32")(build(inputs)))
    with pytest.raises(InvalidInputError, match="cannot be exported") as caught:
        to_numpy(model)
    assert named in str(caught.value)


def test_a_subclassed_model_is_named():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    converter = Converter()
    converter.convert(Own(), "network")
    assert "there is no NumPy form" in converter.problems[0]
    assert "Own" in converter.problems[0]
