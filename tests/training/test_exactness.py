"""Towers against Keras's own ``fit`` on the same batches, and against the same job alone."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from stackens.training import Architecture, EarlyStopping, Job, Optimizer, train
from stackens.training._keras_fit import fit_with_keras
from stackens.training._program import find_program

N_ROWS, N_STEPS, N_FEATURES, N_CLASSES = 50, 5, 3, 3


@pytest.fixture(autouse=True)
def float64_losses():
    """Keras computes losses in its default type, whatever the type of the network."""
    policy = keras.config.dtype_policy()  # made from the default type when first asked for
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


def build(dropout=0.0, normalization=False, l2=0.0, dtype="float64"):
    layers = [
        keras.Input((None, N_FEATURES), dtype=dtype),
        keras.layers.SimpleRNN(
            4, return_sequences=True, dtype=dtype, kernel_regularizer=keras.regularizers.L2(l2)
        ),
    ]
    if normalization:
        layers.append(keras.layers.BatchNormalization(dtype=dtype))
    layers += [
        keras.layers.Dropout(dropout, dtype=dtype),
        keras.layers.SimpleRNN(4, dtype=dtype),
        keras.layers.Dense(N_CLASSES, activation="softmax", dtype=dtype),
    ]
    return keras.Sequential(layers)


def make_job(options=None, optimizer=None, **changes):
    rng = np.random.default_rng(0)
    settings = {
        "loss": "sparse_categorical_crossentropy",
        "optimizer": optimizer or Optimizer("Adam", 0.01),
        "seed": 3,
        "epochs": 4,
        "batch_size": 8,
        "rows": np.arange(42),
        "metrics": ("accuracy",),
        **changes,
    }
    return Job(
        Architecture(build, options or {}),
        rng.normal(size=(N_ROWS, N_STEPS, N_FEATURES)),
        rng.integers(N_CLASSES, size=N_ROWS).astype("int32"),
        **settings,
    )


def assert_same(result, expected, rtol=1e-9):
    assert set(result.history) == set(expected.history)
    for name in expected.history:
        np.testing.assert_allclose(result.history[name], expected.history[name], rtol=1e-6)
    for a, b in zip(result.weights, expected.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-9)


@pytest.mark.parametrize(
    "optimizer",
    [
        Optimizer("SGD", 0.1),
        Optimizer("SGD", 0.05, {"momentum": 0.9}),
        Optimizer("SGD", 0.05, {"momentum": 0.9, "nesterov": True}),
        Optimizer("RMSprop", 0.01),
        Optimizer("RMSprop", 0.01, {"momentum": 0.5, "centered": True}),
        Optimizer("Adam", 0.01),
        Optimizer("Adam", 0.01, {"amsgrad": True, "beta_1": 0.8}),
        Optimizer("AdamW", 0.01, {"weight_decay": 0.1}),
        Optimizer("Nadam", 0.01),
        Optimizer("Adam", 0.1, {"clipnorm": 0.01}),
        Optimizer("SGD", 1.0, {"global_clipnorm": 0.1}),
        Optimizer("SGD", 1.0, {"clipvalue": 0.01, "weight_decay": 0.01}),
        Optimizer("Adam", keras.optimizers.schedules.ExponentialDecay(0.05, 5, 0.5)),
        Optimizer("SGD", None),
    ],
    ids=lambda o: f"{o.name}-{'-'.join(o.options)}",
)
def test_every_optimizer_equals_keras(optimizer):
    job = make_job(optimizer=optimizer)
    assert find_program(job) is not None
    (result,) = train([job])
    assert_same(result, fit_with_keras(job))


@pytest.mark.parametrize(
    "options",
    [{"dropout": 0.5}, {"normalization": True}, {"l2": 0.1}],
    ids=["dropout", "batch-norm", "l2"],
)
def test_layers_with_state_and_penalties_equal_keras(options):
    job = make_job(options, validation_rows=np.arange(42, N_ROWS))
    (result,) = train([job])
    assert_same(result, fit_with_keras(job))


def test_sample_weights_equal_keras():
    weights = np.random.default_rng(1).uniform(0, 2, N_ROWS)
    job = make_job(sample_weight=weights, metrics=())
    (result,) = train([job])
    assert_same(result, fit_with_keras(job))
    (unweighted,) = train([make_job(metrics=())])
    assert not np.allclose(result.weights[0], unweighted.weights[0])


def test_early_stopping_equals_keras_and_keeps_the_best_epoch():
    job = make_job(
        epochs=30,
        optimizer=Optimizer("Adam", 0.05),
        validation_rows=np.arange(42, N_ROWS),
        early_stopping=EarlyStopping(patience=3),
    )
    (result,) = train([job])
    assert_same(result, fit_with_keras(job))
    assert result.best_epoch == int(np.argmin(result.history["val_loss"]))
    assert len(result.history["loss"]) == result.best_epoch + 1 + 3


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_towers_equal_the_same_jobs_alone_bit_for_bit(dtype):
    base = make_job({"dropout": 0.3, "normalization": True, "dtype": dtype})
    base = replace(base, X=base.X.astype(dtype))
    rng = np.random.default_rng(2)
    rows = [rng.choice(N_ROWS - 8, size, replace=False) for size in (40, 33, 21, 8)]
    jobs = [
        replace(
            base,
            rows=rows[i % 4],
            seed=i,
            optimizer=Optimizer("Adam", 0.01 * (1 + i % 3)),
            validation_rows=np.arange(42, N_ROWS) if i % 2 else None,
            early_stopping=EarlyStopping(1) if i % 2 else None,
            epochs=3 + i,
        )
        for i in range(8)
    ]
    together = train(jobs)
    backwards = train(jobs[::-1])[::-1]
    for job, result, other in zip(jobs, together, backwards, strict=True):
        (alone,) = train([job])
        assert alone.history == result.history == other.history
        for a, b, c in zip(alone.weights, result.weights, other.weights, strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(a, c)


def test_going_on_equals_not_stopping():
    whole = train([make_job(epochs=1, keep_optimizer_state=True, shuffle=False)] * 1)[0]
    again = make_job(
        epochs=1,
        shuffle=False,
        initial_weights=whole.weights,
        initial_optimizer_state=whole.optimizer_state,
    )
    (continued,) = train([again])
    (uninterrupted,) = train([make_job(epochs=2, shuffle=False)])
    for a, b in zip(continued.weights, uninterrupted.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_leaves_arrays_and_global_generators_alone():
    import random

    job = make_job(sample_weight=np.ones(N_ROWS))
    copies = job.X.copy(), job.y.copy(), job.sample_weight.copy()
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    train([job, job])
    assert (random.random(), np.random.random()) == expected
    for array, copy in zip((job.X, job.y, job.sample_weight), copies, strict=True):
        np.testing.assert_array_equal(array, copy)
