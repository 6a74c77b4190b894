"""Vectors given to the embedding of a stacked RNN: where they go, and whether they stay."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.base import clone

import stackens.learners.base
from stackens import (
    JobStore,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    TransformerClassifier,
)
from stackens.exceptions import InvalidInputError
from stackens.training import _program, _towers, initial_weights

SIZE, DIM = 12, 4
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(SIZE, DIM))
X = RNG.integers(2, SIZE, size=(40, 6))
LENGTHS = RNG.integers(1, 7, size=40)
X[np.arange(6) >= LENGTHS[:, None]] = 0
Y = (X[:, 0] > 6).astype(int)


def make_learner(table=TABLE, **parameters):
    settings = {"vocabulary_size": SIZE, "embedding_dim": DIM, "epochs": 2, "random_state": 0}
    settings |= {"embedding__weights": table, **parameters}
    return StackedRNNClassifier(4, **settings)


def test_frozen_vectors_stay_and_others_are_trained():
    frozen = make_learner(embedding__trainable=False).fit(X, Y)
    np.testing.assert_array_equal(frozen.weights_[0], TABLE.astype("float32"))
    tuned = make_learner().fit(X, Y)
    moved = np.abs(tuned.weights_[0] - TABLE.astype("float32")).max(axis=1)
    assert (moved[np.unique(X[X > 0])] > 1e-4).all()
    assert len(frozen.weights_) == len(tuned.weights_)
    assert frozen.n_parameters_ == tuned.n_parameters_


@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.parametrize("normalization", [None, "batch"])
def test_training_equals_keras(trainable, normalization):
    learner = make_learner(
        embedding__trainable=trainable, normalization=normalization, optimizer="sgd", n_layers=2
    )
    job = learner.plan_job(X, Y)
    model = job.architecture.build()
    model.set_weights(job.initial_weights)
    np.testing.assert_array_equal(model.get_layer("embedding").get_weights()[0], TABLE.astype("f4"))
    model.compile(keras.optimizers.SGD(0.005), "binary_crossentropy", run_eagerly=True)
    for epoch in range(2):
        order = job.order(epoch)
        model.fit(X[order], Y[order], batch_size=32, shuffle=False, verbose=0)
    learner.fit(X, Y)
    for ours, theirs in zip(learner.weights_, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_rows_with_nan_are_drawn_as_widely_as_the_given_ones():
    table = np.random.default_rng(1).normal(scale=3.0, size=(2000, DIM))
    table[1000:] = np.nan
    learner = make_learner(table, vocabulary_size=2000)
    first = learner.plan_job(X, Y).initial_weights
    np.testing.assert_array_equal(first[0][:1000], table[:1000].astype("float32"))
    assert first[0][1000:].std() == pytest.approx(3.0, rel=0.05)
    again = clone(learner).plan_job(X, Y).initial_weights
    other = clone(learner).set_params(random_state=1).plan_job(X, Y).initial_weights
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0][1000:] != other[0][1000:]).all()


def test_the_other_weights_are_drawn_as_without_vectors():
    job = make_learner().plan_job(X, Y)
    for given, drawn in zip(
        job.initial_weights[1:], initial_weights(job.architecture, job.seed)[1:], strict=True
    ):
        np.testing.assert_array_equal(given, drawn)


def test_other_vectors_are_towers_of_one_program():
    one, other = make_learner().plan_job(X, Y), make_learner(TABLE + 1).plan_job(X, Y)
    assert one.architecture.key == other.architecture.key
    assert _program.find_program(one) is _program.find_program(other)
    frozen = make_learner(embedding__trainable=False).plan_job(X, Y)
    assert frozen.architecture.key != one.architecture.key


def test_a_stack_of_frozen_networks_equals_each_alone():
    learner = make_learner(embedding__trainable=False)
    stack = StackingClassifier([("a", learner), ("b", make_learner(TABLE + 1))], cv=3).fit(X, Y)
    alone = clone(learner).fit(X, Y)
    np.testing.assert_array_equal(
        stack.named_estimators_["a"].predict_proba(X), alone.predict_proba(X)
    )


def test_a_store_tells_other_vectors_apart(tmp_path, monkeypatch):
    trained = []
    run = _towers._Tower.run
    monkeypatch.setattr(
        _towers._Tower, "run", lambda tower: trained.append(tower.job.name) or run(tower)
    )
    store = JobStore(tmp_path)
    for table in (TABLE, TABLE, TABLE + 1):
        make_learner(table, memory=store).fit(X, Y)
    assert len(trained) == 2


def test_members_of_several_seeds_share_the_vectors():
    learner = make_learner(embedding__trainable=False, n_seeds=2).fit(X, Y)
    half = len(learner.weights_) // 2
    np.testing.assert_array_equal(learner.weights_[0], learner.weights_[half])
    assert not np.array_equal(learner.weights_[1], learner.weights_[half + 1])


FAULTS = {
    "dimension": ({"table": TABLE[:, :3]}, r"\(12, 4\).*got \(12, 3\).*embedding_dim"),
    "vocabulary": ({"table": TABLE[:9]}, r"12 ids.*got 9.*another vocabulary"),
    "no tokens": ({"vocabulary_size": None}, "set `vocabulary_size`"),
    "infinite": ({"table": np.where(TABLE > 1, np.inf, TABLE)}, "finite"),
    "nothing given": ({"table": TABLE * np.nan}, "not in all"),
    "one dimension": ({"table": TABLE[0]}, r"got \(4,\)"),
    "beside numbers": (
        {"table": np.where(np.isin(TABLE, TABLE[3, 2]), np.nan, TABLE)},
        "row 3 has NaN",
    ),
    "no embedding": (
        {"table": None, "vocabulary_size": None, "embedding__trainable": False},
        "`embedding__trainable` is for tokens",
    ),
    "unknown setting": ({"embedding__trainabel": False}, "embedding__trainabel"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_vectors_that_cannot_be_used(case, monkeypatch):
    parameters, message = FAULTS[case]
    monkeypatch.setattr(stackens.learners.base, "train_alone", pytest.fail)
    data = X.astype(float) if case in ("no tokens", "no embedding") else X
    with pytest.raises(ValueError, match=message) as caught:
        make_learner(**parameters).fit(data, Y)
    assert case == "unknown setting" or isinstance(caught.value, InvalidInputError)


def test_regressors_take_vectors_too():
    learner = StackedRNNRegressor(
        4,
        vocabulary_size=SIZE,
        embedding_dim=DIM,
        epochs=1,
        embedding__weights=TABLE,
        embedding__trainable=False,
    )
    learner.fit(X, Y.astype(float))
    np.testing.assert_array_equal(learner.weights_[0], TABLE.astype("float32"))


@pytest.mark.parametrize("embedding_dim", [None, DIM])
def test_transformers_take_vectors_too(embedding_dim):
    width = 8 if embedding_dim is None else DIM
    table = RNG.normal(size=(SIZE, width))
    learner = TransformerClassifier(
        8,
        n_heads=2,
        n_layers=2,
        depth_embedding=True,
        vocabulary_size=SIZE,
        embedding_dim=embedding_dim,
        epochs=1,
        random_state=0,
        embedding__weights=table,
        embedding__trainable=False,
    )
    learner.fit(X, Y)
    assert any(np.array_equal(weight, table.astype("float32")) for weight in learner.weights_)
