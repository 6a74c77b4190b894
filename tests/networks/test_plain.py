"""Networks of Keras's own layers: the same outputs, and nothing of this package in them."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from stackens import (
    KerasNetworkClassifier,
    StackedRNNClassifier,
    StackedRNNRegressor,
    TransformerClassifier,
    TransformerRegressor,
)
from stackens.exceptions import InvalidInputError
from stackens.layers import FeedForward, FusedLSTM, MultiHeadAttention, TransformerDecoderBlock
from stackens.networks import make_plain

rng = np.random.default_rng(0)
RAGGED = [rng.normal(size=(n, 3)) for n in rng.integers(2, 9, 24)]
TOKENS = np.array([[*rng.integers(1, 9, n), *[0] * (9 - n)] for n in rng.integers(1, 9, 24)])
Y = np.arange(24) % 3
QUICK = {"epochs": 1, "random_state": 0}
SMALL = {"d_model": 8, "n_heads": 2}


def build(meta):
    inputs = keras.Input((None, 3))
    inner = keras.Sequential([keras.Input((None, 4)), FusedLSTM(4, return_sequences=True)])
    hidden = keras.layers.Bidirectional(FusedLSTM(2, return_sequences=True))(inputs)
    hidden = MultiHeadAttention(2, 2)(inner(hidden), hidden)
    hidden = keras.layers.GlobalAveragePooling1D()(FeedForward(5)(hidden))
    return keras.Model(inputs, keras.layers.Dense(3, "softmax")(hidden))


LEARNERS = {
    "lstm": StackedRNNClassifier((4, 4), bidirectional=True, recurrent_dropout=0.1, **QUICK),
    "gru": StackedRNNClassifier(
        4, cell="gru", n_layers=2, pooling="attention", normalization="layer", **QUICK
    ),
    "simple rnn": StackedRNNRegressor(
        4, cell="simple_rnn", pooling="max", normalization="batch", **QUICK
    ),
    "seeds": StackedRNNClassifier(4, pooling="mean", n_seeds=2, **QUICK),
    "shared": StackedRNNClassifier(
        4,
        n_layers=3,
        layer_sharing="all",
        residual=True,
        depth_embedding=True,
        bidirectional=True,
        dropout=0.1,
        l2=0.1,
        **QUICK,
    ),
    "convolutions": StackedRNNClassifier(
        4, convolutions=(4, 5), kernel_size=(4, 3), cell="gru", pooling="mean", **QUICK
    ),
    "tokens": StackedRNNClassifier(4, vocabulary_size=9, **QUICK),
    "transformer": TransformerRegressor(n_layers=2, dropout=0.1, **SMALL, **QUICK),
    "causal": TransformerClassifier(
        n_layers=3,
        layer_sharing="all",
        depth_embedding=True,
        causal=True,
        norm_first=False,
        pooling="last",
        **SMALL,
        **QUICK,
    ),
    "transformer of tokens": TransformerClassifier(
        n_layers=1, vocabulary_size=9, pooling="attention", **SMALL, **QUICK
    ),
    "of one's own": KerasNetworkClassifier(build, **QUICK),
}


@pytest.fixture(scope="module")
def fitted():
    """Return a function that fits a learner once, and returns it with what it predicts."""
    done = {}

    def fit(name):
        if name not in done:
            X = RAGGED if LEARNERS[name].vocabulary_size is None else TOKENS
            learner = LEARNERS[name].fit(X, Y)
            outputs = getattr(learner, "predict_proba", learner.predict)(X)
            done[name] = learner, learner.encode_input(X), outputs.reshape(len(Y), -1)
        return done[name]

    return fit


@pytest.mark.parametrize("name", LEARNERS)
def test_keras_layers_alone_give_the_same_outputs(name, fitted):
    learner, X, expected = fitted(name)
    model = learner.to_keras()
    np.testing.assert_allclose(model(X), expected, atol=1e-5)
    modules = {type(layer).__module__.partition(".")[0] for layer in model._flatten_layers()}
    assert modules == {"keras"}


@pytest.mark.slow
def test_a_process_without_this_package_loads_them(fitted, tmp_path):
    for number, name in enumerate(LEARNERS):
        learner, X, expected = fitted(name)
        learner.to_keras().save(tmp_path / f"{number}.keras")
        np.savez(tmp_path / f"{number}.npz", X=X, expected=expected)
    code = f"""
        import sys
        from pathlib import Path

        sys.modules["stackens"] = None  # an import of it fails
        import keras
        import numpy as np

        for number in range({len(LEARNERS)}):
            model = keras.saving.load_model(Path(sys.argv[1], f"{{number}}.keras"))
            data = np.load(Path(sys.argv[1], f"{{number}}.npz"))
            found = model(data["X"])
            np.testing.assert_allclose(found, data["expected"], atol=1e-5)
        print("loaded")
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "loaded" in result.stdout, result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "causal"])
def test_tensorflow_serves_what_is_exported(name, fitted, tmp_path):
    import tensorflow as tf

    learner, X, expected = fitted(name)
    learner.to_keras().export(tmp_path / "served", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(loaded.serve(X), expected, atol=1e-5)


@pytest.mark.parametrize("export_format", ["onnx", "litert"])
def test_the_fast_network_is_not_exported_to_what_cannot_run_it(export_format, fitted, tmp_path):
    learner, _, _ = fitted("lstm")
    model = learner.keras_estimator_.model_
    with pytest.raises(InvalidInputError, match=r"FusedLSTM.*learner\.to_keras\(\)\.export"):
        model.export(tmp_path / "network", format=export_format)
    assert not list(tmp_path.iterdir())


def test_a_layer_that_keras_has_not_is_refused_by_name():
    inputs = keras.Input((None, 4))
    source = keras.Input((None, 4))
    outputs = TransformerDecoderBlock(2, 8)(inputs, source)
    model = keras.Model([inputs, source], outputs)
    with pytest.raises(InvalidInputError, match="TransformerDecoderBlock"):
        make_plain(model)
