"""Transformer blocks, shared layers and depth embeddings in NumPy against the graph."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from stackens import TransformerClassifier, export_numpy, layers, networks, portable
from stackens.exporting._converter import Converter
from stackens.sequences import PADDING_VALUE

RNG = np.random.default_rng(0)
SEQUENCES = RNG.normal(size=(4, 6, 8)).astype("float32")
PADDED = SEQUENCES.copy()
PADDED[np.arange(6) >= np.array([6, 4, 1, 2])[:, None]] = PADDING_VALUE


def to_numpy(model):
    converter = Converter()
    part = converter.convert(model, "network")
    converter.check()
    return part


def randomize(model, seed=0):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.4, w.shape).astype("float32") for w in model.get_weights()])
    return model


def assert_same(model, x):
    expected = randomize(model)(x, training=False).numpy()
    part = to_numpy(model)
    np.testing.assert_allclose(part(x), expected, rtol=1e-5, atol=1e-6)
    return part


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_block(norm_first, causal, activation):
    inputs = keras.Input((None, 8))
    hidden = keras.layers.Masking(PADDING_VALUE)(inputs)
    block = layers.TransformerEncoderBlock(
        2, 12, dropout=0.1, activation=activation, norm_first=norm_first, causal=causal
    )
    hidden = keras.layers.GlobalAveragePooling1D()(block(hidden))
    model = keras.Model(inputs, hidden)
    assert_same(model, PADDED)
    assert_same(model, SEQUENCES)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_positions_and_the_last_timestep(bidirectional):
    inputs = keras.Input((None, 8))
    hidden = keras.layers.Masking(PADDING_VALUE)(inputs)
    hidden = layers.PositionEncoding(input_scale=2.0)(hidden)
    model = keras.Model(inputs, layers.LastTimestep(bidirectional)(hidden))
    assert_same(model, PADDED)


@pytest.mark.parametrize("sharing", ["none", "all", "cycle_rev", (0, 0, 1, 0)])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_shared_recurrent_layers(sharing, bidirectional, cell):
    model = networks.build_stacked_rnn(
        n_features=8,
        padding_value=PADDING_VALUE,
        cell=cell,
        units=(4, 4, 4, 4),
        bidirectional=bidirectional,
        normalization="layer",
        layer_sharing=sharing,
        residual=True,
        depth_embedding=True,
        output_units=3,
        output_activation="softmax",
    )
    part = assert_same(model, PADDED)
    kind = portable.Bidirectional if bidirectional else portable.RecurrentLayer
    distinct = {"none": 4, "all": 1}.get(sharing, 2)
    assert sum(isinstance(layer, kind) for layer in part.layers) == distinct
    depths = [layer for layer in part.layers if isinstance(layer, portable.DepthEmbedding)]
    assert len(depths) == 4  # a vector for each depth


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("options", [{}, {"layer_sharing": "all", "depth_embedding": True}])
def test_transformer_encoders(pooling, options):
    model = networks.build_transformer_encoder(
        n_features=8,
        padding_value=PADDING_VALUE,
        d_model=8,
        n_heads=2,
        n_layers=3,
        pooling=pooling,
        output_units=3,
        output_activation="softmax",
        **options,
    )
    part = assert_same(model, PADDED)
    blocks = [one for one in part.layers if isinstance(one, portable.TransformerEncoderBlock)]
    assert len(blocks) == (1 if options else 3)


@pytest.mark.parametrize("options", [{}, {"vocabulary_size": 9}])
def test_transformer_learners(options, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.integers(1, 9, (60, 6)) if options else rng.normal(size=(60, 6, 3))
    y = np.arange(60) % 3
    learner = TransformerClassifier(n_heads=2, d_model=8, epochs=1, random_state=0, **options).fit(
        X, y
    )
    export_numpy(learner, tmp_path / "model", X)
    predictor = portable.load(tmp_path / "model")
    np.testing.assert_allclose(
        predictor.predict_proba(X), learner.predict_proba(X), rtol=1e-5, atol=1e-6
    )
