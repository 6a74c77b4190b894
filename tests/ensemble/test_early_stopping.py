"""Early stopping inside a stack: which rows it watches, and how long the refit trains.

Every row carries its number, its group and its time in its values, so that what a job trains on
can be read from the job itself, behind a pipeline, too. Each canary is also shown to fail when
the leak is put in on purpose.
"""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scikeras.wrappers import KerasClassifier
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import stackens.store
from stackens import (
    SequenceFlattener,
    SequenceScaler,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.ensemble._splits import choose_held_out_rows
from stackens.exceptions import InvalidInputError
from stackens.learners.base import NetworkLearner
from stackens.store import train_with_memory as real_train_with_memory
from stackens.training import HeldOutRows
from stackens.training import train as real_train

N_ROWS = 96
GROUPS = np.random.default_rng(1).integers(8, size=N_ROWS)
Y = np.random.default_rng(2).integers(3, size=N_ROWS)
X = np.random.default_rng(3).normal(Y[:, None, None] - 1.0, 1.0, (N_ROWS, 4, 3))
X[:, :, 1] = GROUPS[:, None] / 10
X[:, :, 2] = np.arange(N_ROWS)[:, None] / 100


def rnn(**parameters):
    settings = {"units": 4, "epochs": 8, "patience": 1, "learning_rate": 0.05, "random_state": 0}
    return StackedRNNClassifier(**{**settings, "early_stopping": True, **parameters})


def piped(**parameters):
    return make_pipeline(FunctionTransformer(), rnn(**parameters))


def stack_of(*learners, **parameters):
    named = [(f"learner{i}", learner) for i, learner in enumerate(learners)]
    return StackingClassifier(named, LogisticRegression(max_iter=500), **{"cv": 3, **parameters})


@pytest.fixture
def calls(monkeypatch):
    """Jobs of each run of training."""
    seen = []

    def train(jobs, *others, **options):
        seen.append(list(jobs))
        return real_train_with_memory(jobs, *others, **options)

    monkeypatch.setattr(stackens.store, "train_with_memory", train)
    return seen


def rows_of(job, rows):
    return np.rint(job.X[rows, 0, 2] * 100).astype(int)


def watched(calls):
    """Rows to train on and validation rows, by number in the whole data, of each job."""
    found = [
        (rows_of(job, job.training_rows), rows_of(job, job.validation_rows))
        for jobs in calls
        for job in jobs
        if job.validation_rows is not None
    ]
    if not found:  # or loops over it would show nothing
        pytest.fail("no job has validation rows")
    return found


# ---- canaries --------------------------------------------------------------------------------


def assert_held_out_rows_are_never_seen(learner):
    """Other values and labels of the held-out rows: the same network, bit for bit."""
    train, test = np.arange(0, 64), np.arange(64, N_ROWS)
    cv = [(train, test), (test, train)]
    other_X, other_y = X.copy(), Y.copy()
    other_X[test, :, 0] += 1.0
    other_y[test] = (Y[test] + 1) % 3
    models = [
        stack_of(learner, cv=cv, predict_with="folds").fit(*data).estimators_[0].estimators[0]
        for data in [(X, Y), (other_X, other_y)]
    ]
    one, two = (m[-1] if hasattr(m, "steps") else m for m in models)
    assert one.history_ == two.history_
    assert one.best_epoch_ == two.best_epoch_
    for a, b in zip(one.weights_, two.weights_, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("learner", [rnn(), piped()], ids=["learner", "pipeline"])
def test_held_out_rows_are_never_seen(learner):
    assert_held_out_rows_are_never_seen(learner)


def test_the_canary_sings_when_the_held_out_rows_are_watched(monkeypatch):
    def leak(self, y, rows, seed, hold_out):
        return rows, np.setdiff1d(np.arange(N_ROWS), rows)

    monkeypatch.setattr(NetworkLearner, "_hold_out", leak)
    with pytest.raises(AssertionError):
        assert_held_out_rows_are_never_seen(rnn())


def assert_groups_are_whole(calls, how="auto", **parameters):
    learners = rnn(validation_rows=how), piped(validation_rows=how)
    stack = stack_of(*learners, cv=GroupKFold(4), **parameters)
    stack.fit(X, Y, groups=GROUPS)
    splits = stack.out_of_fold_predictions_.splits
    seen = watched(calls)
    assert len(seen) >= 2 * len(splits)
    for training, validation in seen:
        assert not set(GROUPS[training]) & set(GROUPS[validation])
    for (training, validation), (train, _) in zip(seen[:4], splits, strict=True):
        assert_array_equal(np.union1d(training, validation), np.sort(train))


def test_no_group_is_on_both_sides(calls):
    assert_groups_are_whole(calls)


def test_no_group_is_on_both_sides_when_the_refit_stops_by_itself(calls):
    assert_groups_are_whole(calls, refit_epochs="early_stopping")
    assert len(watched(calls)) == 2 * 5


def test_the_canary_sings_when_groups_are_ignored(calls):
    with pytest.raises(AssertionError):
        assert_groups_are_whole(calls, "random")
    seen = watched(calls)
    assert len(seen) == 2 * 4  # so it is for the groups that it sings
    assert all(set(GROUPS[training]) & set(GROUPS[validation]) for training, validation in seen)


def assert_latest_rows_are_watched(calls, gap=0, how="auto"):
    learners = rnn(validation_rows=how), piped(validation_rows=how)
    stack_of(*learners, cv=TimeSeriesSplit(3, gap=gap)).fit(X, Y)
    seen = watched(calls)
    assert len(seen) == 6
    for training, validation in seen:
        assert training.max() + gap < validation.min()
        assert len(validation) >= 2


@pytest.mark.parametrize("gap", [0, 3])
def test_the_latest_rows_are_watched_in_time(calls, gap):
    assert_latest_rows_are_watched(calls, gap)


def test_the_canary_sings_when_time_is_ignored(calls):
    with pytest.raises(AssertionError):
        assert_latest_rows_are_watched(calls, how="random")
    seen = watched(calls)
    assert len(seen) == 6  # so it is for the time that it sings
    assert all(training.max() > validation.min() for training, validation in seen)


def test_any_splits_that_go_forward_in_time_count_as_such(calls):
    cv = [(np.arange(k), np.arange(k, k + 20)) for k in (40, 60)]
    stack_of(rnn(), cv=cv).fit(X, Y)
    for training, validation in watched(calls):
        assert training.max() < validation.min()


def test_groups_in_time_are_whole_and_the_latest(calls):
    groups = np.arange(N_ROWS) // 6
    cv = [(np.arange(k), np.arange(k, k + 24)) for k in (48, 72)]
    stack_of(rnn(), cv=cv).fit(X, Y, groups=groups)
    for training, validation in watched(calls):
        assert groups[training].max() < groups[validation].min()


# ---- ordinary splits -------------------------------------------------------------------------


def test_with_ordinary_splits_a_learner_does_as_it_does_alone(calls):
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    stack = stack_of(rnn(), piped(), cv=cv).fit(X, Y)
    for name, learner in (("learner0", rnn()), ("learner1", piped())):
        expected = cross_val_predict(learner, X, Y, cv=cv, method="predict_proba")
        assert_array_equal(stack.out_of_fold_predictions_.blocks[name], expected)
    for training, validation in watched(calls[:1]):
        shares = [np.bincount(Y[rows], minlength=3) / len(rows) for rows in (training, validation)]
        np.testing.assert_allclose(*shares, atol=0.15)


@pytest.mark.parametrize("how", ["latest", "random"])
def test_the_rows_can_be_chosen(calls, how):
    stack_of(rnn(validation_rows=how), cv=GroupKFold(3)).fit(X, Y, groups=GROUPS)
    for training, validation in watched(calls):
        assert not np.intersect1d(training, validation).size
        assert (training.max() < validation.min()) == (how == "latest")


def test_a_number_of_folds_with_groups_holds_out_whole_groups():
    stack = stack_of(rnn(early_stopping=False, epochs=1), cv=4).fit(X, Y, groups=GROUPS)
    for train, test in stack.out_of_fold_predictions_.splits:
        assert not set(GROUPS[train]) & set(GROUPS[test])
    regressor = StackedRNNRegressor(4, epochs=1)
    stack = StackingRegressor([("a", regressor)], cv=4).fit(X, Y * 1.0, groups=GROUPS)
    for train, test in stack.out_of_fold_predictions_.splits:
        assert not set(GROUPS[train]) & set(GROUPS[test])


def test_a_stack_among_the_learners_gets_the_groups_of_its_rows(calls):
    inner = stack_of(rnn(epochs=2), cv=GroupKFold(2))
    outer = stack_of(inner, cv=GroupKFold(3)).fit(X, Y, groups=GROUPS)
    assert len(calls) == 2 * 4  # of each inner stack the folds, then the refit
    for training, validation in watched(calls):
        assert not set(GROUPS[training]) & set(GROUPS[validation])
    for (train, _), jobs in zip(outer.out_of_fold_predictions_.splits, calls[::2], strict=False):
        for job in jobs:
            seen = rows_of(job, np.r_[job.training_rows, job.validation_rows])
            assert set(seen) <= set(train)
            assert not set(GROUPS[seen]) & set(GROUPS[np.setdiff1d(train, seen)])


def test_a_stack_at_the_end_of_a_pipeline_gets_them_too():
    inner = stack_of(make_pipeline(SequenceFlattener(), LogisticRegression()), cv=3)
    nested = make_pipeline(make_pipeline(FunctionTransformer(), inner))
    outer = stack_of(nested, cv=3).fit(X, Y, groups=GROUPS)
    (fitted,) = outer.estimators_
    splits = fitted[-1][-1].out_of_fold_predictions_.splits
    assert sum(len(test) for _, test in splits) == N_ROWS
    for train, test in splits:
        assert not set(GROUPS[train]) & set(GROUPS[test])


def test_behind_a_pipeline_weights_and_groups_go_together(calls):
    weights = np.random.default_rng(4).uniform(0.5, 2, N_ROWS)
    with sklearn.config_context(enable_metadata_routing=True):
        last = rnn(epochs=2).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(SequenceScaler(), last)
        final = LogisticRegression(max_iter=500).set_fit_request(sample_weight=False)
        cv = GroupKFold(3).set_split_request(groups=True)
        stack = StackingClassifier([("rnn", pipeline)], final, cv=cv, predict_with="folds")
        stack.fit(X, Y, groups=GROUPS, sample_weight=weights)
        jobs = calls[-1]
        for (train, _), job in zip(stack.out_of_fold_predictions_.splits, jobs, strict=True):
            training, validation = (
                train[rows] for rows in (job.training_rows, job.validation_rows)
            )
            assert not set(GROUPS[training]) & set(GROUPS[validation])
            assert_array_equal(np.union1d(training, validation), np.sort(train))
            assert_array_equal(job.sample_weight, weights[train].astype("float32"))
        last.set_params(early_stopping=False)
        own = StackingClassifier([("rnn", pipeline)], final, cv=cv, predict_with="folds")
        own.fit(X, Y, groups=GROUPS, sample_weight=weights)
        train, test = own.out_of_fold_predictions_.splits[0]
        alone = clone(pipeline).fit(X[train], Y[train], sample_weight=weights[train])
        found = own.out_of_fold_predictions_.blocks["rnn"][test]
        assert_array_equal(found, alone.predict_proba(X[test]))


# ---- the refit -------------------------------------------------------------------------------


@pytest.mark.parametrize("learner", [rnn(), piped()], ids=["learner", "pipeline"])
def test_the_refit_trains_on_all_rows_for_the_median_best_epoch(calls, learner):
    steady = rnn(early_stopping=False, epochs=2)
    stack = stack_of(learner, steady, cv=4).fit(X, Y)
    first, second = calls
    assert len(first) == 4 + 5  # all folds, and the refit that waits for nothing
    (refit,) = second
    assert refit.early_stopping is None
    assert refit.validation_rows is None
    assert_array_equal(np.sort(rows_of(refit, refit.training_rows)), np.arange(N_ROWS))
    trained = real_train([job for job in first if job.early_stopping is not None])
    best = [network.best_epoch + 1 for network in trained]
    assert refit.epochs == int(np.median(best))
    alone = rnn(early_stopping=False, epochs=refit.epochs).fit(X, Y)
    model = stack.estimators_[0]
    model = model[-1] if hasattr(model, "steps") else model
    for a, b in zip(model.weights_, alone.weights_, strict=True):
        assert_array_equal(a, b)


def test_the_refit_can_stop_by_itself(calls):
    stack = stack_of(rnn(), refit_epochs="early_stopping").fit(X, Y)
    assert len(calls) == 1
    alone = rnn().fit(X, Y)
    for a, b in zip(stack.estimators_[0].weights_, alone.weights_, strict=True):
        assert_array_equal(a, b)


def test_fold_models_need_no_second_wave(calls):
    stack_of(rnn(), predict_with="folds").fit(X, Y)
    assert len(calls) == 1


def test_regressors_too(calls):
    learner = StackedRNNRegressor(4, epochs=5, early_stopping=True, patience=1, random_state=0)
    stack = StackingRegressor([("a", learner)], cv=TimeSeriesSplit(3)).fit(X, Y * 1.0)
    assert [len(jobs) for jobs in calls] == [3, 1]
    for training, validation in watched(calls):
        assert training.max() < validation.min()
    assert stack.predict(X[:1]).shape == (1,)


def test_a_scikeras_object_with_a_validation_split_keeps_groups_whole(calls):
    import keras

    def build(meta):
        return keras.Sequential(
            [
                keras.Input(meta["X_shape_"][1:]),
                keras.layers.Flatten(),
                keras.layers.Dense(meta["n_classes_"], activation="softmax"),
            ]
        )

    learner = KerasClassifier(
        build,
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        epochs=1,
        random_state=0,
        validation_split=0.2,
    )
    stack_of(learner, cv=GroupKFold(3)).fit(X, Y, groups=GROUPS)
    seen = watched(calls)
    assert len(seen) == 4
    for training, validation in seen:
        assert not set(GROUPS[training]) & set(GROUPS[validation])


# ---- the rules by themselves -----------------------------------------------------------------


@given(st.data())
def test_whole_groups_always_make_two_parts(data):
    n_rows = data.draw(st.integers(2, 40))
    groups = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n_rows, max_size=n_rows)))
    classes = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n_rows, max_size=n_rows)))
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, n_rows - 1), min_size=2))))
    kind = data.draw(st.sampled_from(["groups", "latest groups"]))
    fraction = data.draw(st.floats(0.05, 0.95))
    rule = HeldOutRows(kind, classes, groups)
    if len(set(groups[rows])) < 2:
        with pytest.raises(InvalidInputError, match="whole groups"):
            rule(rows, fraction, 0)
        return
    training, validation = rule(rows, fraction, 0)
    assert len(training)
    assert len(validation)
    assert_array_equal(np.sort(np.r_[training, validation]), rows)
    assert not set(groups[training]) & set(groups[validation])


def test_groups_are_drawn_so_that_no_class_is_lost():
    groups = np.repeat(np.arange(10), 10)
    classes = np.zeros(100, int)
    classes[70:80] = 1  # all of one group
    rule = HeldOutRows("groups", classes, groups)
    for seed in range(10):
        training, validation = rule(np.arange(100), 0.2, seed)
        assert set(classes[training]) == {0, 1}
        assert len(validation) == 20
    assert_array_equal(rule(np.arange(100), 0.2, 3)[1], rule(np.arange(100), 0.2, 3)[1])


def test_a_rule_follows_a_part_of_the_rows():
    rule = HeldOutRows("groups", None, GROUPS).of(np.arange(50, 90))
    training, validation = rule(np.arange(40), 0.2, 0)
    assert not set(GROUPS[50:90][training]) & set(GROUPS[50:90][validation])
    rows = np.array([7, 2, 9, 4, 0])  # in another order than that of time
    training, validation = HeldOutRows("latest").of(rows)(np.arange(5), 0.4, 0)
    assert rows[training].tolist() == [0, 2, 4]
    assert rows[validation].tolist() == [7, 9]
    rule = HeldOutRows("latest groups", groups=np.arange(10) // 5).of(rows)
    training, validation = rule(np.arange(5), 0.4, 0)
    assert sorted(rows[training]) == [0, 2, 4]
    assert sorted(rows[validation]) == [7, 9]


def test_ordinary_splits_are_left_to_the_learner():
    splits = list(KFold(3).split(X))
    assert choose_held_out_rows(splits) is None
    assert choose_held_out_rows(splits, groups=GROUPS).kind == "groups"
    assert choose_held_out_rows(list(TimeSeriesSplit(3).split(X))).kind == "latest"


# ---- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cv", "groups", "message"),
    [
        (LeaveOneGroupOut(), np.arange(N_ROWS) % 2, r"are of the group \[1\]"),
        (TimeSeriesSplit(3, max_train_size=4, gap=5), None, "a gap of 5 leave none"),
    ],
)
def test_what_cannot_be_held_out_is_said_before_training(cv, groups, message, monkeypatch):
    monkeypatch.setattr(stackens.store, "train_with_memory", pytest.fail)
    with pytest.raises(InvalidInputError, match=message):
        stack_of(rnn(), cv=cv).fit(X, Y, groups=groups)


def test_a_setting_that_is_none_is_refused():
    with pytest.raises(ValueError, match="validation_rows"):
        rnn(validation_rows="sideways").fit(X, Y)
