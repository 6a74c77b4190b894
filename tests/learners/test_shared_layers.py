"""Stacked RNNs whose layers are one and the same: counts, values, copies, searches, towers."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, train_test_split

from stackens import StackedRNNClassifier, StackedRNNRegressor
from stackens.datasets import load_digits_sequences
from stackens.exceptions import InvalidInputError
from stackens.model_selection import GridSearchCV as TowerSearch
from stackens.training import train

LSTM_8 = 4 * 8 * (8 + 8 + 1)  # parameters of 8 units on 8 features
HEAD = (8 + 1) * 10


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:200], y[:200]


@pytest.fixture(scope="module")
def ragged(digits):
    X, y = digits
    lengths = np.random.default_rng(0).integers(1, 9, len(X))
    return [x[:n] for x, n in zip(X, lengths, strict=True)], y


def quick(units=8, **parameters):
    settings = {"layer_sharing": "all", "epochs": 1, "random_state": 0, **parameters}
    return StackedRNNClassifier(units, **settings)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, LSTM_8 + HEAD),
        ({"n_layers": 2}, LSTM_8 + HEAD),
        ({"n_layers": 24, "residual": True}, LSTM_8 + HEAD),
        ({"n_layers": 3, "layer_sharing": "none"}, 3 * LSTM_8 + HEAD),
        ({"layer_sharing": (0, 0, 1, 1)}, 2 * LSTM_8 + HEAD),
        ({"n_layers": 6, "layer_sharing": "cycle_rev"}, 3 * LSTM_8 + HEAD),
        ({"n_layers": 6, "layer_sharing": "cycle", "n_unique_layers": 2}, 2 * LSTM_8 + HEAD),
        ({"n_layers": 5, "depth_embedding": True}, LSTM_8 + 5 * 8 + HEAD),
        ({"n_layers": 5, "normalization": "layer"}, LSTM_8 + 2 * 8 + HEAD),
    ],
    ids=lambda value: str(value),
)
def test_parameters_are_those_of_the_distinct_layers(digits, parameters, expected):
    assert quick(**parameters).fit(*digits).n_parameters_ == expected


def test_an_input_of_another_width_is_projected(digits):
    X, y = digits
    counts = {n: quick(6, n_layers=n).fit(X, y).n_parameters_ for n in (1, 2, 6)}
    expected = (8 + 1) * 6 + 4 * 6 * (6 + 6 + 1) + (6 + 1) * 10
    assert set(counts.values()) == {expected}
    tokens = X[:, :, 0].astype(int) % 5 + 1
    learner = quick(6, n_layers=3, vocabulary_size=7, embedding_dim=4, bidirectional=True)
    expected = 7 * 4 + (4 + 1) * 12 + 2 * 4 * 6 * (12 + 6 + 1) + (12 + 1) * 10
    assert learner.fit(tokens, y).n_parameters_ == expected


def apply_by_hand(learner, order, x):
    """Run one sequence through Keras's own layers, one for each depth, with copies of weights."""
    weights = iter(learner.weights_)
    width = learner.units * (1 + learner.bidirectional)
    hidden = tf.constant(x[None], "float32")
    if x.shape[-1] != width:
        hidden = hidden @ next(weights) + next(weights)
    cells = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    taken, n_taken = {}, (6 if learner.bidirectional else 3)
    # Weights are in the order in which the layers were first used, the depth embedding first.
    table = next(weights) if learner.depth_embedding else None
    for index in dict.fromkeys(order):
        taken[index] = [next(weights) for _ in range(n_taken)]
    for depth, index in enumerate(order):
        layer = cells[learner.cell](learner.units, return_sequences=True)
        if learner.bidirectional:
            layer = keras.layers.Bidirectional(layer)
        below = hidden if table is None else hidden + table[depth]
        layer.build(below.shape)
        layer.set_weights(taken[index])
        hidden = layer(below) + (hidden if learner.residual else 0)
    last = hidden[:, -1]
    if learner.bidirectional:
        last = tf.concat([last[:, : learner.units], hidden[:, 0, learner.units :]], axis=1)
    return tf.nn.softmax(last @ next(weights) + next(weights)).numpy()[0]


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_layers": 3},
        {"layer_sharing": (0, 1, 0), "residual": True},
        {"n_layers": 3, "cell": "gru", "depth_embedding": True, "residual": True},
        {"n_layers": 2, "bidirectional": True},
        {"units": 6, "n_layers": 4, "layer_sharing": "cycle_rev", "bidirectional": True},
    ],
    ids=str,
)
def test_predictions_are_those_of_one_layer_applied_again_and_again(parameters, ragged):
    X, y = ragged
    learner = quick(**parameters).fit(X, y)
    order = learner._architecture.options["layer_sharing"]
    found = learner.predict_proba(X)
    for row in range(0, 200, 40):
        np.testing.assert_allclose(found[row], apply_by_hand(learner, order, X[row]), atol=2e-6)


@pytest.mark.slow
def test_a_shared_stack_of_24_layers_learns():
    X, y = load_digits_sequences(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    learner = StackedRNNClassifier(
        32, n_layers=24, layer_sharing="all", residual=True, epochs=15, random_state=0
    )
    assert learner.fit(X_train, y_train).score(X_test, y_test) > 0.85
    assert learner.n_parameters_ == (8 + 1) * 32 + 4 * 32 * (32 + 32 + 1) + (32 + 1) * 10


def test_sharing_survives_copies_pickles_and_keras_files(digits, tmp_path):
    X, y = digits
    learner = quick(n_layers=4, residual=True, depth_embedding=True).fit(X, y)
    expected = learner.predict_proba(X)
    assert_array_equal(pickle.loads(pickle.dumps(learner)).predict_proba(X), expected)
    assert_array_equal(clone(learner).fit(X, y).predict_proba(X), expected)
    model = learner.keras_estimator_.model_
    assert model.count_params() == learner.n_parameters_
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.count_params() == learner.n_parameters_
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-6)


@pytest.mark.parametrize("search", [GridSearchCV, TowerSearch])
def test_a_search_over_depth_keeps_the_sharing(digits, search):
    X, y = digits
    grid = {"n_layers": [3], "layer_sharing": ["all", (0, 1, 1), "none"]}
    counts = {}
    for sharing in grid["layer_sharing"]:
        one = {"n_layers": [2, 3], "layer_sharing": [sharing]} if sharing == "all" else {}
        found = search(quick(), one or {**grid, "layer_sharing": [sharing]}, cv=2).fit(X, y)
        counts[sharing] = found.best_estimator_.n_parameters_
    assert counts == {
        "all": LSTM_8 + HEAD,
        (0, 1, 1): 2 * LSTM_8 + HEAD,
        "none": 3 * LSTM_8 + HEAD,
    }


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_tower_equals_the_job_alone(ragged, cell):
    X, y = ragged
    learners = [
        quick(n_layers=3, cell=cell, residual=True, dropout=0.2, random_state=seed)
        for seed in range(3)
    ]
    together = train([learner.plan_job(X, y) for learner in learners])
    for learner, trained in zip(learners, together, strict=True):
        for a, b in zip(learner.fit(X, y).weights_, trained.weights, strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_shared_layers_run_as_whole_sequences(digits, cell):
    learner = quick(n_layers=3, cell=cell).fit(*digits)
    model = learner._architecture.build()
    spec = tf.TensorSpec([None, None, 8])
    graph = tf.function(model).get_concrete_function(spec).graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    if cell == "lstm":
        assert sum(node.op == "BlockLSTM" for node in nodes) == 3
    else:
        compiled = {f.signature.name for f in graph.library.function if f.attr["_XlaMustCompile"].b}
        assert len(compiled) == 1  # the same program three times
        calls = [n for n in nodes if n.op.endswith("PartitionedCall")]
        assert sum(n.attr["f"].func.name in compiled for n in calls) == 3


def test_one_architecture_for_equal_orders(digits):
    X, y = digits
    keys = {
        quick(n_layers=2, layer_sharing=sharing).plan_job(X, y).architecture.key
        for sharing in ("all", (0, 0), [0, 0], np.array([0, 0]))
    }
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("units", "parameters", "message"),
    [
        ((8, 6), {}, r"need equal `units` at every depth; got \(8, 6\)"),
        ((8, 6), {"layer_sharing": "none", "residual": True}, "need equal `units`"),
        (8, {"layer_sharing": (0, 0), "n_layers": 3}, "is for 2 layers, but `n_layers`=3"),
        (8, {"layer_sharing": (0, 2)}, r"uses layer 2, but not \[1\]"),
        ((8, 8, 8), {"layer_sharing": (0, 0)}, "for 3 layers, but `layer_sharing`=2"),
        (8, {"layer_sharing": "some"}, "`layer_sharing` must be one of"),
        (8, {"layer_sharing": "cycle", "n_layers": 2, "n_unique_layers": 3}, "at most `n_layers`"),
    ],
)
def test_what_cannot_be_shared_is_refused_before_training(digits, units, parameters, message):
    X, y = digits
    learner = StackedRNNRegressor(units, **{"layer_sharing": "all", **parameters})
    with pytest.raises((InvalidInputError, ValueError), match=message):
        learner.fit(X, y.astype(float))
    assert not hasattr(learner, "weights_")
