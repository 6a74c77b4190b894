"""Towers that were interrupted go on to the same bits; what is kept is not trained again."""

from __future__ import annotations

import pickle
from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import StackedRNNClassifier, StackingClassifier
from stackens.exceptions import StoreWarning, TimeLimitError
from stackens.store import Checkpoint, JobStore, network_key, train_once
from stackens.training import train
from stackens.training._job import CutShortError
from stackens.training._towers import _Training

RNN = StackedRNNClassifier(units=4, epochs=6, dropout=0.2, batch_size=5, random_state=0)
LEARNERS = {
    "adam": RNN,
    "stopping": clone(RNN).set_params(
        epochs=12, early_stopping=True, validation_fraction=0.3, patience=3, learning_rate=0.1
    ),
    "nadam": clone(RNN).set_params(optimizer="nadam", cell="gru"),
    "momentum": clone(RNN).set_params(optimizer="sgd", optimizer__momentum=0.9, cell="simple_rnn"),
    "amsgrad": clone(RNN).set_params(optimizer__amsgrad=True, metrics=["accuracy"]),
    "augmented": clone(RNN).set_params(augmentation={"jitter": 0.1, "time_warp": 0.2, "mixup": 1}),
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 5, 2)), np.arange(30) % 3


class Killed(BaseException):
    pass


def assert_equal(found, expected):
    assert found.history == expected.history
    assert found.best_epoch == expected.best_epoch
    for one, other in zip(found.weights, expected.weights, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", LEARNERS)
def test_a_tower_goes_on_after_any_epoch_to_the_same_bits(data, tmp_path, name, monkeypatch):
    store, learner = JobStore(tmp_path), clone(LEARNERS[name])
    job = learner.plan_job(*data)
    key = network_key(learner, job)
    (expected,) = train([job])
    n_epochs = len(expected.history["loss"])
    saved = Checkpoint.save
    resumed = 0
    for last in range(n_epochs - 1):
        store.clear()

        def save_and_die(self, state, last=last):
            assert saved(self, state)
            if state.epoch >= last:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "save", save_and_die)
            try:
                train([job], checkpoints=[Checkpoint(store, key, every=0.0)])
            except Killed:
                resumed += 1
        (found,) = train([job], checkpoints=[Checkpoint(store, key, every=1e9)])
        assert_equal(found, expected)
    assert resumed


@pytest.mark.parametrize("name", ["adam", "stopping"])
def test_what_was_trained_when_time_is_up_is_told_and_goes_on(data, tmp_path, name, monkeypatch):
    learner = clone(LEARNERS[name])
    job = learner.plan_job(*data)
    expected, short = (train([replace(job, epochs=n)])[0] for n in (job.epochs, 3))
    left = [9.0]

    def tick(epoch, logs):
        left[0] = 9.0 if epoch < 2 else -1.0

    place = Checkpoint(JobStore(tmp_path), network_key(learner, job), every=1e9)
    with monkeypatch.context() as patch:
        patch.setattr(_Training, "seconds_left", property(lambda run: left[0]))
        (late,) = train([replace(job, on_epoch_end=tick)], checkpoints=[place])
        assert isinstance(late, CutShortError)
        assert_equal(pickle.loads(pickle.dumps(late)).trained, short)
        assert type(train([job], checkpoints=[place])[0]) is TimeLimitError  # before it began
    assert_equal(train([job], checkpoints=[place])[0], expected)


@pytest.mark.parametrize("name", ["adam", "stopping"])
@pytest.mark.parametrize("last", [3, None])
def test_what_keras_itself_trained_when_time_is_up_is_told(data, name, last, monkeypatch):
    ended = []

    def make_job(**changes):
        callback = keras.callbacks.LambdaCallback(on_train_end=ended.append)
        job = clone(LEARNERS[name]).set_params(callbacks=[callback]).plan_job(*data)
        return replace(job, **changes)

    (expected,) = train([make_job(epochs=last or make_job().epochs)])
    n_epochs = len(expected.history["loss"])
    left = [9.0]

    def tick(epoch, logs):
        left[0] = 9.0 if epoch + 1 < n_epochs else -1.0

    monkeypatch.setattr(_Training, "seconds_left", property(lambda run: left[0]))
    (found,) = train([make_job(on_epoch_end=tick)])
    assert len(ended) == 2  # callbacks are told of the end
    if last is not None:
        assert isinstance(found, CutShortError)
        found = found.trained
    assert_equal(found, expected)


@pytest.mark.parametrize("damage", ["epoch", "shape", "slots", "meta"])
def test_a_state_that_does_not_fit_is_a_new_training(data, tmp_path, damage, monkeypatch):
    store, learner = JobStore(tmp_path, checkpoint_every=0.0), clone(RNN)
    job = learner.plan_job(*data)
    key = network_key(learner, job)
    (expected,) = train([job], checkpoints=[Checkpoint(store, key)])
    state = Checkpoint(store, key).load()
    changes = {
        "epoch": {"epoch": job.epochs},
        "shape": {"parameters": state.parameters[1:]},
        "slots": {"slots": state.slots[1:]},
        "meta": {},
    }
    Checkpoint(store, key).save(replace(state, **changes[damage]))
    if damage == "meta":
        store.put_checkpoint(key, {}, {"epoch": None})
    with pytest.warns(StoreWarning, match="is made anew"):
        (found,) = train([job], checkpoints=[Checkpoint(store, key, every=1e9)])
    assert found.history == expected.history
    for one, other in zip(found.weights, expected.weights, strict=True):
        assert one.tobytes() == other.tobytes()
    assert store.info().n_checkpoints == 0


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_each_network_is_kept_as_soon_as_it_is_trained(data, tmp_path, n_jobs):
    store = JobStore(tmp_path)
    jobs, keys = [], []
    for fold in range(3):
        learner = clone(RNN)
        jobs.append(learner.plan_job(*data, rows=np.flatnonzero(np.arange(30) % 3 != fold)))
        keys.append(network_key(learner, jobs[-1]))

    def train_all(jobs, **keeping):
        return train(jobs, n_jobs=n_jobs, **keeping)

    def train_none(jobs, **keeping):
        raise AssertionError

    first = train_once(jobs, keys, store, train_all)
    again = train_once(jobs, keys, store, train_none)
    for one, other in zip(first, again, strict=True):
        assert [w.tobytes() for w in one.weights] == [w.tobytes() for w in other.weights]
    assert store.info().n_entries == 3


class Counter:
    def __init__(self, monkeypatch):
        from stackens.store import _memory

        self.n_jobs = 0

        def count(jobs, **options):
            self.n_jobs += len(jobs)
            return train(jobs, **options)

        monkeypatch.setattr(_memory, "train", count)


def test_a_search_and_a_stack_share_what_they_train(data, tmp_path, monkeypatch):
    X, y = data
    counter = Counter(monkeypatch)
    stack = StackingClassifier(
        [("a", RNN), ("b", clone(RNN).set_params(units=5))],
        LogisticRegression(),
        cv=3,
        memory=tmp_path,
        random_state=0,
    )
    grid = {"final_estimator__C": [0.1, 1.0, 10.0, 100.0]}
    search = GridSearchCV(stack, grid, cv=5).fit(X, y)
    # Whatever the candidate: each learner on every distinct set of rows, of 5 outer folds and the
    # refit, with 3 inner folds and all rows each (some inner folds are those of another outer one).
    outer = [train for train, _ in StratifiedKFold(5).split(X, y)] + [np.arange(30)]
    inner = [rows[train] for rows in outer for train, _ in StratifiedKFold(3).split(rows, y[rows])]
    distinct = {tuple(rows) for rows in (*outer, *inner)}
    assert counter.n_jobs == 2 * len(distinct) <= 6 * 2 * 4
    again = GridSearchCV(stack, grid, cv=5).fit(X, y)
    assert counter.n_jobs == 2 * len(distinct)
    np.testing.assert_array_equal(search.predict_proba(X), again.predict_proba(X))
    without = clone(stack).set_params(memory=None, **search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), without.predict_proba(X))
    alone = clone(RNN).set_params(memory=str(tmp_path))
    rows = stack.fit(X, y).out_of_fold_predictions_.splits[1][0]
    before = counter.n_jobs
    alone.fit(X[rows], y[rows])
    assert counter.n_jobs == before
    np.testing.assert_array_equal(
        alone.predict_proba(X), clone(RNN).fit(X[rows], y[rows]).predict_proba(X)
    )


def test_what_has_no_seed_is_named(data, tmp_path):
    X, y = data
    stack = StackingClassifier(
        [("mine", clone(RNN).set_params(random_state=None))], cv=3, memory=tmp_path
    )
    with pytest.warns(
        StoreWarning, match="What mine is trained to.*`random_state` is None"
    ) as all_:
        stack.fit(X, y)
    assert len(all_) == 1
    assert JobStore(tmp_path).info().n_entries == 0


@pytest.mark.parametrize("predict_with", ["refit", "folds"])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_other_estimators_are_kept_by_their_predictions(data, tmp_path, predict_with, n_jobs):
    X, y = data
    X = X.reshape(len(X), -1)
    learners = [
        ("forest", RandomForestClassifier(5, random_state=0)),
        ("linear", make_pipeline(StandardScaler(), LogisticRegression())),
    ]
    stack = StackingClassifier(learners, cv=3, n_jobs=n_jobs, predict_with=predict_with)
    expected = clone(stack).fit(X, y)
    stack.set_params(memory=tmp_path)
    for _ in range(3):
        stack = clone(stack).fit(X, y)
        np.testing.assert_array_equal(stack.predict_proba(X), expected.predict_proba(X))
        np.testing.assert_array_equal(
            stack.out_of_fold_predictions_.matrix, expected.out_of_fold_predictions_.matrix
        )
    assert JobStore(tmp_path).info().n_entries >= 6
