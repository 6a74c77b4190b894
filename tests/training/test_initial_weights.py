"""A network is built once; weights drawn from it are those of one that is built anew."""

from __future__ import annotations

import gc

import keras
import numpy as np
import pytest

from stackens.networks import build_stacked_rnn, build_transformer_encoder
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
