"""A network is built once; weights drawn from it are those of one that is built anew."""

from __future__ import annotations

import gc
import random
import threading
from random import random as drawn

import keras
import numpy as np
import pytest
from numpy.random import rand

from stackens import KerasNetworkClassifier, StackedRNNClassifier, TransformerClassifier
from stackens.networks import build_stacked_rnn, build_transformer_encoder
from stackens.store import network_key
from stackens.training import Architecture, Job, Optimizer, initial_weights, predict, train
from stackens.training._architecture import _NETWORKS
from stackens.training._random import seeded_globals

HEAD = {"output_units": 3, "output_activation": "softmax"}
FRAMES, TOKENS = {**HEAD, "n_features": 4}, {**HEAD, "vocabulary_size": 7}
DRAWN = {
    "lstm": (build_stacked_rnn, {**FRAMES, "units": (5, 5), "dropout": 0.2}),
    "one unit": (build_stacked_rnn, {**FRAMES, "n_features": 1, "units": (1,)}),
    "both ends": (build_stacked_rnn, {**FRAMES, "units": (5,), "bidirectional": True}),
    "attention": (
        build_stacked_rnn,
        {**FRAMES, "cell": "gru", "normalization": "batch", "pooling": "attention"},
    ),
    "shared": (
        build_stacked_rnn,
        {**TOKENS, "units": (5, 5), "layer_sharing": "all", "depth_embedding": True},
    ),
    "convolutions": (
        build_stacked_rnn,
        {**FRAMES, "units": (5,), "convolutions": (3, 2), "kernel_sizes": (4, 3)},
    ),
    "options": (
        build_stacked_rnn,
        {**FRAMES, "cell": "gru", "recurrent_options": {"bias_initializer": "uniform"}},
    ),
    "transformer": (build_transformer_encoder, {**TOKENS, "d_model": 8, "n_heads": 2}),
}
BUILT = {  # whose weights only building the network anew can tell
    "split bias": (
        build_stacked_rnn,
        {**FRAMES, "recurrent_options": {"bias_initializer": "normal"}},
    ),
    "an object": (
        build_stacked_rnn,
        {**FRAMES, "recurrent_options": {"kernel_initializer": keras.initializers.HeNormal(3)}},
    ),
}


@pytest.mark.parametrize("seed", [0, 7, 2**40])
@pytest.mark.parametrize("name", [*DRAWN, *BUILT])
def test_weights_are_those_of_a_network_that_is_built_anew(name, seed):
    build, options = {**DRAWN, **BUILT}[name]
    with seeded_globals(seed):
        expected = build(**options).get_weights()
    architecture = Architecture(build, options)
    network = architecture.network()
    assert (network.draw_weights(seed) is not None) == (name in DRAWN)
    found = initial_weights(architecture, seed)
    assert [w.dtype for w in found] == [w.dtype for w in expected]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_who_trains_and_predicts_builds_once():
    n_built = []

    def build():
        n_built.append(1)
        return build_stacked_rnn(**FRAMES, units=(2,))

    architecture = Architecture(build)
    X, y = np.zeros((8, 5, 4), "float32"), np.zeros(8, "int32")
    jobs = [
        Job(architecture, X, y, "sparse_categorical_crossentropy", Optimizer(name), seed, 1, 4)
        for name in ("Adam", "SGD")
        for seed in (0, 1)
    ]
    trained = train(jobs)
    predict(architecture, trained[0].weights, X)
    assert len(n_built) == 1


def test_a_network_goes_with_the_last_that_runs_it():
    architecture = Architecture(build_stacked_rnn, {**FRAMES, "units": (3,)})
    network = architecture.network()
    assert architecture.network() is network
    assert architecture.key in _NETWORKS
    del network
    gc.collect()
    assert architecture.key not in _NETWORKS


def build_by_name(meta):
    """Draw by functions that were imported by name, whose generators are hidden."""
    initializer = keras.initializers.Constant(drawn() + rand())
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_classes_"], "softmax", kernel_initializer=initializer),
        ]
    )


DATA = np.random.default_rng(0).normal(size=(12, 5, 4)), np.arange(12) % 3


def test_what_a_builder_draws_by_functions_that_it_imported_by_name_is_seeded():
    def start(seed):
        learner = KerasNetworkClassifier(build_by_name, random_state=seed)
        return learner.plan_job(*DATA).initial_weights[0]

    before = random.getstate()
    first = start(1)
    assert random.getstate() == before
    random.seed(9)
    np.random.seed(9)
    np.testing.assert_array_equal(start(1), first)
    assert (start(2) != first).all()


def test_another_thread_draws_what_it_would_have_drawn():
    random.seed(5)
    expected = [random.random() for _ in range(2000)]
    random.seed(5)
    found = []
    thread = threading.Thread(target=lambda: found.extend(random.random() for _ in range(2000)))
    thread.start()
    while thread.is_alive():
        with seeded_globals(0):
            drawn()
    thread.join()
    assert found == expected


UNSEEDED = {
    "recurrent__kernel_initializer": lambda: StackedRNNClassifier(
        units=2, recurrent__kernel_initializer=keras.initializers.GlorotUniform(), random_state=3
    ),
    "embedding__embeddings_initializer": lambda: StackedRNNClassifier(
        units=2,
        vocabulary_size=5,
        embedding_dim=3,
        embedding__embeddings_initializer=keras.initializers.RandomNormal(stddev=0.1),
        random_state=3,
    ),
    "of a transformer": lambda: TransformerClassifier(
        d_model=4,
        n_heads=2,
        n_layers=1,
        vocabulary_size=5,
        embedding__embeddings_initializer=keras.initializers.RandomNormal(stddev=0.1),
        random_state=3,
    ),
}


def _plan(learner):
    X = DATA[0] if learner.vocabulary_size is None else 1 + np.arange(60).reshape(12, 5) % 4
    return learner.plan_job(X, DATA[1])


@pytest.mark.parametrize("name", UNSEEDED)
def test_an_initializer_without_a_seed_draws_by_that_of_the_learner(name):
    learners = [UNSEEDED[name]() for _ in range(2)]  # as two processes make them
    jobs = [_plan(learner) for learner in learners]
    first, second = (initial_weights(job.architecture, job.seed) for job in jobs)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    other = initial_weights(jobs[0].architecture, 4)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    assert len({network_key(learner, _plan(learner)) for learner in learners}) == 1


def test_an_initializer_with_a_seed_keeps_it():
    def learner(seed):
        initializer = keras.initializers.GlorotUniform(seed)
        return StackedRNNClassifier(
            units=2, recurrent__kernel_initializer=initializer, random_state=3
        )

    jobs = {seed: _plan(learner(seed)) for seed in (1, 2)}
    kernels = {
        (seed, start): initial_weights(job.architecture, start)[0]
        for seed, job in jobs.items()
        for start in (3, 4)
    }
    np.testing.assert_array_equal(kernels[1, 3], kernels[1, 4])
    assert (kernels[1, 3] != kernels[2, 3]).all()
    assert len({network_key(learner(seed), job) for seed, job in jobs.items()}) == 2
