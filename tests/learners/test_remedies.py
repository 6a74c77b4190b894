"""Every remedy of ``docs/remedies.rst`` as a parameter: it trains what Keras would train."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from stackens import StackedRNNClassifier, StackedRNNRegressor
from stackens.exceptions import TrainingDivergedError
from stackens.training import initial_weights

RNG = np.random.default_rng(0)
N_STEPS, N_FEATURES = 6, 3
X = RNG.normal(size=(40, N_STEPS, N_FEATURES)).astype("float32")
Y = (X[:, :, 0].sum(axis=1) > 0).astype(int)

REMEDIES = {
    "nothing": {},
    "l1 and l2": {"l1": 0.01, "l2": 0.02},
    "layer normalisation": {"normalization": "layer"},
    "batch normalisation": {"normalization": "batch"},
    "he and identity": {
        "recurrent__kernel_initializer": "he_normal",
        "recurrent__recurrent_initializer": "identity",
    },
    "clipnorm": {"optimizer__clipnorm": 0.01},
    "clipvalue": {"optimizer__clipvalue": 0.001},
    "global clipnorm": {"optimizer__global_clipnorm": 0.02},
}


def by_hand(cell, remedy):
    """Write the same network down with Keras's own layers."""
    layer = {
        "lstm": keras.layers.LSTM,
        "gru": keras.layers.GRU,
        "simple_rnn": keras.layers.SimpleRNN,
    }
    parameters = REMEDIES[remedy]
    penalty = keras.regularizers.L1L2(0.01, 0.02) if remedy == "l1 and l2" else None
    options = {"kernel_regularizer": penalty, "recurrent_regularizer": penalty}
    normal = {
        "layer": keras.layers.LayerNormalization,
        "batch": keras.layers.BatchNormalization,
        None: lambda: keras.layers.Identity(),
    }[parameters.get("normalization")]
    model = keras.Sequential(
        [
            keras.Input((None, N_FEATURES)),
            layer[cell](4, return_sequences=True, **options),
            normal(),
            layer[cell](4, **options),
            normal(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    clips = {k.partition("__")[2]: v for k, v in parameters.items() if k.startswith("optimizer__")}
    # Few steps: a graph would take longer to trace than they take.
    model.compile(keras.optimizers.SGD(0.5, **clips), "binary_crossentropy", run_eagerly=True)
    return model


@pytest.mark.parametrize("remedy", REMEDIES)
@pytest.mark.parametrize("cell", ["lstm", "simple_rnn"])
def test_training_equals_keras(cell, remedy):
    learner = StackedRNNClassifier(
        4,
        cell=cell,
        n_layers=2,
        optimizer="sgd",
        learning_rate=0.5,
        epochs=2,
        batch_size=16,
        random_state=0,
        **REMEDIES[remedy],
    )
    job = learner.plan_job(X, Y)
    trained = learner.fit(X, Y).weights_
    model = by_hand(cell, remedy)
    start = initial_weights(job.architecture, job.seed)
    model.set_weights(start)
    for epoch in range(2):
        order = job.order(epoch)
        model.fit(X[order], Y[order, None], batch_size=16, shuffle=False, verbose=0)
    assert any(not np.allclose(a, b, atol=1e-7) for a, b in zip(start, trained, strict=True))
    for ours, theirs in zip(trained, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6)


def first_weights(**parameters):
    learner = StackedRNNClassifier(16, cell="simple_rnn", random_state=0, **parameters)
    job = learner.plan_job(X, Y)
    return initial_weights(job.architecture, job.seed)


def test_initial_recurrent_weights_are_orthogonal_unless_said_otherwise():
    _, recurrent, *_ = first_weights()
    np.testing.assert_allclose(recurrent.T @ recurrent, np.eye(16), atol=1e-5)
    _, recurrent, *_ = first_weights(recurrent__recurrent_initializer="identity")
    np.testing.assert_array_equal(recurrent, np.eye(16))
    kernel, *_ = first_weights(recurrent__kernel_initializer="zeros")
    assert not kernel.any()


def test_dropout_acts_in_training_alone():
    options = {"n_layers": 2, "epochs": 2, "random_state": 0}
    plain = StackedRNNClassifier(4, **options).fit(X, Y)
    for name in ("dropout", "recurrent_dropout"):
        learner = StackedRNNClassifier(4, **{name: 0.5}, **options).fit(X, Y)
        assert not np.array_equal(learner.weights_[0], plain.weights_[0])
        np.testing.assert_array_equal(learner.predict_proba(X), learner.predict_proba(X))
        learner.weights_ = plain.weights_
        np.testing.assert_allclose(learner.predict_proba(X), plain.predict_proba(X), atol=1e-6)


def test_clipping_trains_where_the_gradient_explodes():
    """A product of 40 factors of 1.5; the target is small."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(64, 40, 1))
    y = X[:, -1, 0]
    options = {
        "units": 4,
        "cell": "simple_rnn",
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "epochs": 5,
        "random_state": 0,
        "recurrent__activation": "linear",
        "recurrent__recurrent_initializer": keras.initializers.Identity(1.5),
    }
    with pytest.raises(TrainingDivergedError):
        StackedRNNRegressor(**options).fit(X, y)
    clipped = StackedRNNRegressor(**options, optimizer__clipnorm=0.1).fit(X, y)
    assert np.isfinite(clipped.history_["loss"]).all()
