"""Learners that fail, and time that runs out: what remains is the stack of the others."""

from __future__ import annotations

import time

import keras
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from stackens import (
    JobStore,
    KerasNetworkClassifier,
    SequenceFlattener,
    SequenceScaler,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.datasets import load_digits_sequences
from stackens.exceptions import (
    InvalidInputError,
    LearnerDroppedWarning,
    NoLearnerLeftError,
    TimeLimitError,
    TimeLimitWarning,
    TrainingDivergedError,
)


@pytest.fixture(scope="module")
def data():
    X, y = load_digits_sequences(return_X_y=True)
    keep = y < 3
    return X[keep][:150], y[keep][:150]


def network(**parameters):
    return StackedRNNClassifier(**{"units": 4, "epochs": 2, **parameters})


def linear():
    return make_pipeline(SequenceFlattener(), LogisticRegression(max_iter=500))


class Broken(ClassifierMixin, BaseEstimator):
    """Fails in the fold that lacks some row; or predicts NaN for it."""

    def __init__(self, how="raise"):
        self.how = how

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.lacks_ = len(X) < 150 and not (np.asarray(X)[:, 0] == 1e6).any()
        if self.how == "raise" and self.lacks_:
            raise OSError("the disk is on fire")
        return self

    def predict_proba(self, X):
        p = np.full((len(X), len(self.classes_)), 1 / len(self.classes_))
        if self.how == "nan" and self.lacks_:
            p[0] = np.nan
        return p


def diverging():
    """A network whose loss is NaN from the first step."""

    def build(meta):
        import keras

        inputs = keras.Input((None, 8))
        hidden = keras.layers.LSTM(2)(inputs)
        return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden * np.nan))

    return KerasNetworkClassifier(build, epochs=2)


def cannot_be_built():
    def build(meta):
        raise ZeroDivisionError("no such network")

    return KerasNetworkClassifier(build, epochs=2)


def table(X):
    flat = X.reshape(len(X), -1).copy()
    flat[0, 0] = 1e6
    return flat


FAILING = {
    "diverging": (diverging, "TrainingDivergedError"),
    "cannot_be_built": (cannot_be_built, "no such network"),
    "raise": (lambda: make_pipeline(SequenceFlattener(), Broken()), "on fire"),
    "nan": (lambda: make_pipeline(SequenceFlattener(), Broken("nan")), "NaN"),
}


def marked(X):
    X = X.copy()
    X[0, 0, 0] = 1e6
    return X


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("kind", list(FAILING))
def test_the_others_are_the_stack_without_it(data, kind, n_jobs):
    if n_jobs == 2 and kind in ("diverging", "cannot_be_built"):
        pytest.skip("functions of a test cannot go to another process")
    X, y = marked(data[0]), data[1]
    make, reason = FAILING[kind]
    learners = [("a", network()), ("failing", make()), ("linear", linear())]
    options = {"cv": 3, "random_state": 0, "n_jobs": n_jobs}
    with pytest.warns(LearnerDroppedWarning, match=reason):
        stack = StackingClassifier(learners, on_failure="drop", **options).fit(X, y)
    del learners[1]
    expected = StackingClassifier(learners, **options).fit(X, y)
    np.testing.assert_array_equal(stack.predict_proba(X), expected.predict_proba(X))
    np.testing.assert_array_equal(
        stack.out_of_fold_predictions_.matrix, expected.out_of_fold_predictions_.matrix
    )
    assert list(stack.failures_) == ["failing"]
    assert reason in stack.failures_["failing"]
    assert stack.named_estimators_["failing"] == "drop"
    names = stack.get_feature_names_out().tolist()
    assert names == expected.get_feature_names_out().tolist()
    board = stack.leaderboard()
    assert set(board.index) == {"a", "failing", "linear", "average", "stack"}
    assert reason in board.loc["failing", "note"]


@pytest.mark.parametrize("kind", ["diverging", "cannot_be_built", "raise"])
def test_by_default_the_error_is_raised_and_names_the_learner(data, kind):
    X, y = marked(data[0]), data[1]
    stack = StackingClassifier([("a", network()), ("bad", FAILING[kind][0]())], cv=3)
    error = {"diverging": TrainingDivergedError, "raise": OSError}.get(kind, ZeroDivisionError)
    with pytest.raises(error) as caught:
        stack.fit(X, y)
    assert "bad" in str(caught.value) + "".join(getattr(caught.value, "__notes__", []))
    assert not hasattr(stack, "failures_")


def stops_by_error(*ignored):
    raise OverflowError("of yours")


class StopsByError(keras.callbacks.Callback):
    on_epoch_end = stops_by_error


RAISING = {
    "hook": {"on_epoch_end": stops_by_error},
    "callback of Keras": {"callbacks": [StopsByError()]},
    "loss": {"loss": stops_by_error},
}


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("kind", list(RAISING))
def test_errors_of_what_you_give_a_network_name_the_learner(data, kind, n_jobs):
    if n_jobs == 2 and kind != "hook":
        pytest.skip("each costs two processes")
    learners = [("good", network()), ("bad", network().set_params(**RAISING[kind]))]
    stack = StackingClassifier(learners, cv=2, random_state=0, n_jobs=n_jobs)
    with pytest.raises(OverflowError, match="of yours") as caught:
        stack.fit(*data)
    assert "Raised while bad, " in "".join(caught.value.__notes__)


def test_nan_is_refused_unless_the_final_estimator_takes_it(data):
    X, y = marked(data[0]), data[1]
    learners = [("a", linear()), ("bad", FAILING["nan"][0]())]
    with pytest.raises(InvalidInputError, match=r"'bad' predicted NaN.*on_failure"):
        StackingClassifier(learners, cv=3).fit(X, y)
    final = HistGradientBoostingClassifier(max_iter=2)
    StackingClassifier(learners, final, cv=3).fit(X, y).predict(X[:2])


def test_if_all_fail_one_error_has_all_reasons(data):
    X, y = marked(data[0]), data[1]
    learners = [(kind, FAILING[kind][0]()) for kind in ("diverging", "raise")]
    with pytest.raises(NoLearnerLeftError, match=r"(?s)diverging: Training.*raise: OSError"):
        StackingClassifier(learners, cv=3, on_failure="drop").fit(X, y)


def test_a_regressor_that_fails_is_dropped(data):
    X, y = data[0], data[0][:, :, 0].sum(axis=1)
    learners = [
        ("a", StackedRNNRegressor(4, epochs=2)),
        ("bad", StackedRNNRegressor(4, epochs=2, optimizer="sgd", learning_rate=1e30)),
    ]
    with pytest.warns(LearnerDroppedWarning, match="loss of bad, fold 0 became"):
        stack = StackingRegressor(learners, cv=3, on_failure="drop", random_state=0).fit(X, y)
    assert list(stack.failures_) == ["bad"]
    expected = StackingRegressor(learners[:1], cv=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(stack.predict(X), expected.predict(X))


class Clock:
    """Epochs that take time, so that a limit falls where the test wants it."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __call__(self, epoch, logs):
        time.sleep(self.seconds)


class TestTimeLimit:
    def test_enough_time_changes_nothing(self, data):
        learners = [("a", network()), ("linear", linear())]
        expected = StackingClassifier(learners, cv=3, random_state=0).fit(*data)
        stack = StackingClassifier(learners, cv=3, random_state=0, time_limit=3600).fit(*data)
        np.testing.assert_array_equal(stack.predict_proba(data[0]), expected.predict_proba(data[0]))
        assert stack.failures_ == {}

    @pytest.mark.parametrize("memory", [False, True])
    def test_what_is_finished_is_the_stack(self, data, tmp_path, memory):
        slow = network(units=5, epochs=400, on_epoch_end=Clock(0.1), random_state=0)
        learners = [("quick", network(random_state=0)), ("slow", slow)]
        network().fit(*data)  # what is traced and imported once takes no time below
        network(units=5, epochs=1).fit(*data)
        stack = StackingClassifier(learners, cv=3, time_limit=6)
        stack.set_params(memory=tmp_path if memory else None)
        started = time.perf_counter()
        with pytest.warns(TimeLimitWarning, match="without slow"):
            stack.fit(*data)
        assert time.perf_counter() - started < 30  # 160 s without the limit
        assert list(stack.failures_) == ["slow"]
        # Folds come first, as they train the final estimator: no time was left for refits.
        expected = StackingClassifier(learners[:1], cv=3, predict_with="folds").fit(*data)
        np.testing.assert_array_equal(stack.predict_proba(data[0]), expected.predict_proba(data[0]))
        if memory:  # what was cut short is a checkpoint, and not a result
            info = JobStore(tmp_path).info()
            assert info.n_entries == 3
            assert 1 <= info.n_checkpoints <= 3

    def test_fold_models_predict_where_refits_are_missing(self, data, monkeypatch):
        from stackens.ensemble import _run

        real = _run._run_towers

        def no_time_for_refits(towers, *args, policy, **options):
            if towers and towers[0].fit.fold is None:
                policy.deadline = 0.0
            real(towers, *args, policy=policy, **options)

        monkeypatch.setattr(_run, "_run_towers", no_time_for_refits)
        learners = [("a", network(random_state=0)), ("b", network(units=3, random_state=0))]
        with pytest.warns(TimeLimitWarning, match="a, b: fold models predict"):
            stack = StackingClassifier(learners, cv=3, time_limit=3600).fit(*data)
        monkeypatch.undo()
        expected = StackingClassifier(learners, cv=3, predict_with="folds").fit(*data)
        np.testing.assert_array_equal(stack.predict_proba(data[0]), expected.predict_proba(data[0]))

    def test_splits_that_were_not_reached_do_not_train_the_final_estimator(self, data, monkeypatch):
        from stackens.ensemble import _other_fits

        real = _other_fits._fit_plain

        def late_for_fold_2(fit, *others):
            if fit.fold == 2:
                return TimeLimitError("late")
            return real(fit, *others)

        monkeypatch.setattr(_other_fits, "_fit_plain", late_for_fold_2)
        stack = StackingClassifier([("linear", linear())], cv=3, time_limit=3600)
        with pytest.warns(TimeLimitWarning, match="1 of 3 splits"):
            stack.fit(*data)
        kept = stack.out_of_fold_predictions_
        assert len(kept.splits) == 2
        assert (stack.coverage_ == 0).sum() == 50
        assert set(kept.row_index) == set(np.flatnonzero(stack.coverage_))

    def test_no_time_for_anything_is_an_error(self, data):
        with pytest.raises(TimeLimitError, match="before any learner"):
            StackingClassifier([("a", linear())], time_limit=1e-9).fit(*data)

    @pytest.mark.parametrize("limit", [0, -1, "soon"])
    def test_a_limit_that_is_none_is_refused(self, data, limit):
        with pytest.raises(ValueError, match="time_limit"):
            StackingClassifier([("a", linear())], time_limit=limit).fit(*data)


@pytest.mark.parametrize("kind", ["network", "linear", "behind a scaler"])
def test_the_note_says_whose_rows_are_counted(data, kind):
    X, y = data
    X = X.copy()
    X[40, 0, 0] = np.inf
    learner = {
        "network": network(),
        "linear": linear(),
        "behind a scaler": make_pipeline(SequenceScaler(), network()),
    }[kind]
    with pytest.raises(InvalidInputError) as raised:
        StackingClassifier([("net", learner)], cv=KFold(3)).fit(X, y)
    if kind == "network":
        assert "40" in str(raised.value)
        assert raised.value.__notes__ == ["Raised by learner 'net', fold 0."]
    else:  # the second fold trains on it first, or the first one holds it out
        (note,) = raised.value.__notes__
        assert "'net', fold " in note
        assert note.endswith("Rows are counted within the rows of that fold.")


def test_a_limit_of_few_digits_is_added_to_the_time_with_all_of_them(monkeypatch):
    """In float32 the seconds of today are multiples of 128."""
    monkeypatch.setattr("time.time", lambda: 1_700_000_050.0)
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    learners = [("linear", LogisticRegression())]
    stack = StackingClassifier(learners, cv=2, time_limit=np.float32(9)).fit(X, y)
    assert not stack.failures_
