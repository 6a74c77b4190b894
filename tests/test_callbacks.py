"""scikit-learn's callbacks are told what learners and stacks do, and change nothing but its end."""

from __future__ import annotations

import pickle
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from stackens import (
    KerasNetworkClassifier,
    SequenceFlattener,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.datasets import load_digits_sequences
from stackens.exceptions import LearnerDroppedWarning, TrainingDivergedError
from stackens.store import Checkpoint, JobStore, network_key
from stackens.training import FitObserver, train

HAS_CALLBACKS = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)

needs_callbacks = pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn 1.9 has callbacks")
# Of steps of a Pipeline, as scikit-learn says of its own.
pytestmark = pytest.mark.filterwarnings("ignore:The estimator .* does not support callbacks")


class Recorder:
    """Follows scikit-learn's protocol; stays with the estimator that it is set on."""

    def __init__(self, *, stop_after=None, fail_after=None, keep_fitted=False):
        self.events, self.fitted, self.threads = [], [], set()
        self.stop_after, self.fail_after, self.keep_fitted = stop_after, fail_after, keep_fitted
        self.lock = threading.Lock()

    def note(self, hook, context):
        with self.lock:
            self.threads.add(threading.get_ident())
            self.events.append((hook, path_to(context)))

    def setup(self, estimator, context):
        self.note("setup", context)

    def teardown(self, estimator, context):
        self.note("teardown", context)

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        assert X is None or len(X) == len(y)  # a search gives none for its own part
        self.note("begin", context)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        assert X is None or len(X) == len(y)
        self.note("end", context)
        if self.keep_fitted and context.task_name == "epoch":
            self.fitted.append(fitted_estimator)
        if context.task_name == "epoch" and context.task_id == self.fail_after:
            raise OSError("no more room in the log")
        return context.task_name == "epoch" and context.task_id == self.stop_after

    def names(self, hook=None):
        return [path[-1][1] for name, path in self.events if hook in (None, name)]


class OuterRecorder(Recorder):
    """Is handed down to the parts of the estimator that it is set on."""

    max_propagation_depth = None


class FileRecorder:
    """Writes a line for every event, in whatever process."""

    max_propagation_depth = None

    def __init__(self, path):
        self.path = str(path)

    def note(self, hook, context):
        with Path(self.path).open("a") as lines:
            lines.write(repr((hook, path_to(context))) + "\n")

    def setup(self, estimator, context):
        self.note("setup", context)

    def teardown(self, estimator, context):
        self.note("teardown", context)

    def on_fit_task_begin(self, estimator, context):
        self.note("begin", context)

    def on_fit_task_end(self, estimator, context):
        self.note("end", context)


def path_to(context):
    """(estimator, task, number) of a task and all that it is part of, the outermost first."""
    own = (context.estimator_name, context.source_task_name or context.task_name, context.task_id)
    return (*(() if context.parent is None else path_to(context.parent)), own)


def check_tree(events):
    """Every task begins once, ends once, and within the task that it is part of."""
    events = [event for event in events if event[0] in ("begin", "end")]
    place = {event: i for i, event in enumerate(events)}
    assert len(place) == len(events)
    for hook, path in events:
        assert place["begin", path] < place["end", path], path
        if len(path) > 1 and ("begin", path[:-1]) in place:
            outer = path[:-1]
            assert place["begin", outer] < place[hook, path] < place["end", outer]
    return [path for hook, path in events if hook == "begin"]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:120], y[:120] % 3


def rnn(**parameters):
    return StackedRNNClassifier(**{"units": 4, "epochs": 3, "random_state": 0, **parameters})


def make_stack(**parameters):
    learners = [
        ("rnn", rnn()),
        ("piped", make_pipeline(FunctionTransformer(), rnn(epochs=2))),
        ("linear", make_pipeline(SequenceFlattener(), LogisticRegression(max_iter=200))),
    ]
    final = LogisticRegression(max_iter=200)
    return StackingClassifier(learners, final, **{"cv": 2, "random_state": 0, **parameters})


def weights_equal(a, b):
    for left, right in zip(a.weights_, b.weights_, strict=True):
        assert_array_equal(left, right)


# ---- without -----------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [rnn(), make_stack()], ids=["learner", "stack"])
def test_there_is_a_method_where_scikit_learn_has_it(estimator):
    assert hasattr(estimator, "set_callbacks") == HAS_CALLBACKS


@needs_callbacks
@pytest.mark.parametrize("estimator", [rnn(), make_stack()], ids=["learner", "stack"])
def test_what_does_not_follow_the_protocol_is_refused(estimator):
    with pytest.raises(TypeError, match="FitCallback"):
        clone(estimator).set_callbacks(print)


# ---- learners ----------------------------------------------------------------------------------


@needs_callbacks
def test_a_learner_tells_of_every_epoch_in_order(digits):
    record = Recorder()
    rnn().set_callbacks(record).fit(*digits)
    root = ("StackedRNNClassifier", "fit", 0)
    epochs = [
        (hook, (root, ("StackedRNNClassifier", "epoch", number)))
        for number in range(3)
        for hook in ("begin", "end")
    ]
    within = [("begin", (root,)), *epochs, ("end", (root,))]
    assert record.events == [("setup", (root,)), *within, ("teardown", (root,))]


@needs_callbacks
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("by_keras", [False, True], ids=["tower", "keras"])
def test_callbacks_change_no_bit_and_end_as_often_as_they_begin(digits, early_stopping, by_keras):
    callbacks = [keras.callbacks.TerminateOnNaN()] if by_keras else None
    settings = {"dropout": 0.2, "callbacks": callbacks, "early_stopping": early_stopping}
    if early_stopping:
        settings |= {"epochs": 15, "patience": 1, "learning_rate": 0.1}
    record = Recorder(keep_fitted=True)
    plain = rnn(**settings).fit(*digits)
    watched = rnn(**settings).set_callbacks(record).fit(*digits)
    weights_equal(plain, watched)
    assert plain.history_ == watched.history_
    assert len(check_tree(record.events)) == 1 + len(plain.history_["loss"])
    weights_equal(record.fitted[-1], plain)


@needs_callbacks
@pytest.mark.parametrize("by_keras", [False, True], ids=["tower", "keras"])
def test_the_fitted_estimator_of_an_epoch_is_one_trained_so_long(digits, by_keras):
    callbacks = [keras.callbacks.TerminateOnNaN()] if by_keras else None
    record = Recorder(keep_fitted=True)
    rnn(callbacks=callbacks).set_callbacks(record).fit(*digits)
    assert len(record.fitted) == 3
    for n_epochs, fitted in enumerate(record.fitted, start=1):
        expected = rnn(epochs=n_epochs, callbacks=callbacks).fit(*digits)
        assert_array_equal(fitted.predict_proba(digits[0]), expected.predict_proba(digits[0]))
        assert fitted.history_ == expected.history_


@needs_callbacks
@pytest.mark.parametrize("by_keras", [False, True], ids=["tower", "keras"])
@pytest.mark.parametrize("who", ["callback", "hook"])
def test_a_callback_stops_training_as_the_own_hook_does(digits, who, by_keras):
    seen = []

    def hook(epoch, logs):
        seen.append(epoch)
        return who == "hook" and epoch == 1

    callbacks = [keras.callbacks.TerminateOnNaN()] if by_keras else None
    record = Recorder(stop_after=1 if who == "callback" else None)
    learner = rnn(epochs=6, on_epoch_end=hook, callbacks=callbacks).set_callbacks(record)
    learner.fit(*digits)
    assert seen == [0, 1]
    assert record.names("end") == ["epoch", "epoch", "fit"]
    weights_equal(learner, rnn(epochs=2, callbacks=callbacks).fit(*digits))


@needs_callbacks
@pytest.mark.parametrize(
    ("learner", "record", "error"),
    [
        (rnn(), {"fail_after": 1}, OSError),
        (StackedRNNRegressor(4, optimizer="sgd", learning_rate=1e30), {}, TrainingDivergedError),
        (rnn(on_epoch_end=lambda epoch, logs: 1 / 0), {}, ZeroDivisionError),
    ],
    ids=["callback", "divergence", "hook"],
)
def test_an_error_tears_down_and_leaves_nothing(digits, learner, record, error):
    record = Recorder(**record)
    learner = clone(learner).set_callbacks(record)
    before = set(vars(learner))
    with pytest.raises(error):
        learner.fit(*digits)
    assert record.names("setup") == record.names("teardown") == ["fit"]
    assert record.events[-1][0] == "teardown"
    assert not {name for name in set(vars(learner)) - before if "callback" in name}
    with pytest.raises(NotFittedError):
        check_is_fitted(learner)


@needs_callbacks
def test_bad_data_are_refused_before_anything_is_told(digits):
    record = Recorder()
    with pytest.raises(ValueError, match="inconsistent"):
        rnn().set_callbacks(record).fit(digits[0], digits[1][:10])
    assert record.events == []


@needs_callbacks
def test_partial_fit_is_a_task_of_one_epoch(digits):
    record = Recorder()
    learner = rnn().set_callbacks(record)
    learner.partial_fit(*digits).partial_fit(*digits)
    assert record.names("begin") == ["partial-fit", "epoch"] * 2
    assert len(learner.history_["loss"]) == 2


@needs_callbacks
def test_clones_copies_and_pickles_keep_callbacks_as_those_of_scikit_learn_do(digits):
    record = Recorder()
    for estimator in (rnn(), make_stack(), LogisticRegression()):
        estimator.set_callbacks(record)
        assert clone(estimator)._skl_callbacks == [record]
        assert "_skl_callbacks" not in estimator.get_params()
    learner = rnn().set_callbacks(FileRecorder("unused"))
    copied = pickle.loads(pickle.dumps(learner))
    assert [type(callback) for callback in copied._skl_callbacks] == [FileRecorder]


@needs_callbacks
def test_callbacks_are_no_part_of_the_key(digits):
    plain, watched = rnn(), rnn().set_callbacks(Recorder())
    keys = {network_key(learner, learner.plan_job(*digits)) for learner in (plain, watched)}
    assert len(keys) == 1
    job = replace(watched.plan_job(*digits), observer=FitObserver(watched, 3))
    assert keys == {network_key(watched, job)}


@needs_callbacks
def test_a_network_from_the_store_has_no_epochs_and_one_cut_short_is_not_kept(digits, tmp_path):
    cut = rnn(memory=tmp_path).set_callbacks(Recorder(stop_after=0)).fit(*digits)
    assert len(cut.history_["loss"]) == 1
    whole = rnn(memory=tmp_path).fit(*digits)
    assert len(whole.history_["loss"]) == 3
    record = Recorder()
    served = rnn(memory=tmp_path).set_callbacks(record).fit(*digits)
    weights_equal(served, whole)
    assert [hook for hook, _ in record.events] == ["setup", "begin", "end", "teardown"]


@needs_callbacks
def test_a_network_that_goes_on_tells_of_its_first_epochs_at_once(digits, tmp_path):
    store, record = JobStore(tmp_path), Recorder()
    learner = rnn(epochs=4).set_callbacks(record)
    job = learner.plan_job(*digits)
    (expected,) = train([job])
    key = network_key(learner, job)

    def die(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train([replace(job, on_epoch_end=die)], checkpoints=[Checkpoint(store, key, every=0.0)])
    X, y = digits
    job = replace(job, observer=FitObserver(learner, job.epochs, {"X": X, "y": y}))
    (resumed,) = train([job], checkpoints=[Checkpoint(store, key, every=0.0)])
    assert_array_equal(resumed.weights[0], expected.weights[0])
    epochs = [path[-1][2] for path in check_tree(record.events)[1:]]
    assert epochs == [0, 1, 2, 3]


@needs_callbacks
def test_numbers_and_own_networks_have_callbacks_too(digits):
    X, y = digits

    def build(meta):
        return keras.Sequential(
            [
                keras.Input(meta["X_shape_"][1:]),
                keras.layers.Flatten(),
                keras.layers.Dense(meta["n_classes_"], activation="softmax"),
            ]
        )

    for learner in (
        StackedRNNRegressor(4, epochs=2, random_state=0),
        KerasNetworkClassifier(build, epochs=2, random_state=0),
    ):
        record = Recorder()
        learner.set_callbacks(record).fit(X, y)
        assert record.names("end") == ["epoch", "epoch", "fit"]


@needs_callbacks
def test_scikit_learn_scores_every_epoch(digits):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    rnn().set_callbacks(monitor).fit(*digits)
    found = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert found == [rnn(epochs=n).fit(*digits).score(*digits) for n in (1, 2, 3)]


# ---- stacks ------------------------------------------------------------------------------------

PARTS = ["fold 0", "fold 1", "refit on all rows"]


@needs_callbacks
def test_a_stack_tells_of_each_fit_its_epochs_and_the_final_estimator(digits):
    X, y = digits
    record = OuterRecorder()
    watched = make_stack().set_callbacks(record).fit(X, y)
    assert_array_equal(watched.predict_proba(X), make_stack().fit(X, y).predict_proba(X))
    tasks = check_tree(record.events)
    assert tasks[0] == (("StackingClassifier", "fit", 0),)
    below = [path[1][1:] for path in tasks if len(path) == 2]
    labels = [f"{name}, {part}" for name in ("rnn", "piped", "linear") for part in PARTS]
    expected = {(label, number) for number, label in enumerate(labels)}
    assert set(below) == expected | {("fit-final-estimator", 9)}
    assert len(below) == 10
    assert below[-1] == ("fit-final-estimator", 9)
    epochs = Counter(path[1][1] for path in tasks if path[-1][1] == "epoch")
    assert epochs == {f"rnn, {part}": 3 for part in PARTS} | {f"piped, {part}": 2 for part in PARTS}
    assert record.events[0][0] == "setup"
    assert record.events[-1][0] == "teardown"
    assert record.names("setup") == record.names("teardown") == ["fit"]
    assert len(record.threads) > 1
    # What was handed down is gone again.
    for estimator in (*watched.estimators_, watched.estimators_[1][-1], watched.final_estimator_):
        assert not hasattr(estimator, "_skl_callbacks")
        assert not hasattr(estimator, "_parent_callback_ctx")


@needs_callbacks
def test_what_is_not_handed_down_sees_the_fits_alone(digits):
    record = Recorder()
    make_stack().set_callbacks(record).fit(*digits)
    tasks = check_tree(record.events)
    assert [len(path) for path in tasks] == [1] + [2] * 10


@needs_callbacks
@pytest.mark.parametrize("inside", ["alone", "pipeline"])
def test_callbacks_of_a_learner_see_each_of_its_fits(digits, inside):
    record = Recorder()
    learner = rnn().set_callbacks(record)
    learner = learner if inside == "alone" else make_pipeline(FunctionTransformer(), learner)
    stack = StackingClassifier([("rnn", learner), ("nb", make_flat_bayes())], cv=2)
    stack.fit(*digits)
    tasks = check_tree(record.events)
    assert Counter(path[-1][1] for path in tasks)["epoch"] == 9
    assert Counter(hook for hook, _ in record.events if hook in ("setup", "teardown")) == {
        "setup": 3,
        "teardown": 3,
    }
    # They hang in the tree of the stack, which has no callbacks itself.
    assert {path[0][0] for path in tasks} == {"StackingClassifier"}
    assert {path[1][1] for path in tasks} == {f"rnn, {part}" for part in PARTS}


@needs_callbacks
def test_callbacks_of_a_pipeline_see_what_its_own_fit_tells(digits):
    X, y = digits
    record, expected = Recorder(), Recorder()
    pipeline = make_pipeline(FunctionTransformer(), rnn())
    clone(pipeline).set_callbacks(expected).fit(X, y)
    learner = clone(pipeline).set_callbacks(record)
    stack = StackingClassifier([("piped", learner)], cv=2).set_callbacks(OuterRecorder())
    stack.fit(X, y)
    tasks = check_tree(record.events)
    assert {path[1][1] for path in tasks} == {f"piped, {part}" for part in PARTS}
    names = [path[-1][1] for path in tasks if path[1][1] == "piped, fold 1"]
    alone = [path[-1][1] for path in check_tree(expected.events)]
    assert names[1:] == alone[1:]
    assert len(record.events) == 3 * len(expected.events)
    plain = StackingClassifier([("piped", pipeline)], cv=2).fit(X, y)
    assert_array_equal(stack.predict_proba(X), plain.predict_proba(X))


def make_flat_bayes():
    return make_pipeline(SequenceFlattener(), GaussianNB(var_smoothing=1e-2))


@needs_callbacks
def test_stopping_ends_each_network_after_that_epoch(digits):
    record = OuterRecorder(stop_after=0)
    stack = StackingClassifier([("rnn", rnn())], cv=2).set_callbacks(record).fit(*digits)
    assert len(stack.estimators_[0].history_["loss"]) == 1
    short = StackingClassifier([("rnn", rnn(epochs=1))], cv=2).fit(*digits)
    assert_array_equal(stack.predict_proba(digits[0]), short.predict_proba(digits[0]))


@needs_callbacks
def test_callbacks_for_the_whole_are_refused_on_a_learner_before_training(digits, monkeypatch):
    monkeypatch.setattr("stackens.store.train_with_memory", pytest.fail)
    stack = StackingClassifier(
        [("nb", make_flat_bayes()), ("rnn", rnn().set_callbacks(OuterRecorder()))], cv=2
    )
    with pytest.raises(TypeError, match=r"'rnn'.*OuterRecorder.*stack\.set_callbacks"):
        stack.fit(*digits)


class Failing(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise OSError("no such luck")

    def predict_proba(self, X):
        return None


@needs_callbacks
def test_a_stack_that_fails_tears_down_and_keeps_its_callbacks(digits):
    record = OuterRecorder()
    stack = StackingClassifier([("bad", Failing()), ("rnn", rnn())], cv=2).set_callbacks(record)
    with pytest.raises(OSError, match="no such luck"):
        stack.fit(*digits)
    assert [hook for hook, _ in record.events] == ["setup", "begin", "begin", "end", "teardown"]
    assert not hasattr(stack, "_callback_fit_ctx")
    assert stack._skl_callbacks == [record]
    stack.set_params(on_failure="drop")
    record.events.clear()
    with pytest.warns(LearnerDroppedWarning):
        stack.fit(*digits)
    tasks = check_tree(record.events)
    assert Counter(path[1][1].split(",")[0] for path in tasks if len(path) == 2) == {
        "bad": 1,
        "rnn": 3,
        "fit-final-estimator": 1,
    }


def test_a_stack_that_fails_keeps_what_no_fit_has_set(digits):
    stack = StackingClassifier([("bad", Failing())], cv=2).set_output(transform="pandas")
    before = dict(vars(stack))
    with pytest.raises(OSError, match="no such luck"):
        stack.fit(*digits)
    assert vars(stack) == before


@needs_callbacks
@pytest.mark.filterwarnings("default")
def test_networks_of_scikeras_tell_of_their_epochs(digits):
    from scikeras.wrappers import KerasClassifier

    X, y = digits[0].astype("float32"), digits[1]

    def build():
        layers = [keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
        return keras.Sequential([keras.Input(X.shape[1:]), *layers])

    learner = KerasClassifier(
        build, loss="sparse_categorical_crossentropy", epochs=2, random_state=0, verbose=0
    )
    learners = [("dense", learner)]
    record = OuterRecorder(keep_fitted=True)
    watched = StackingClassifier(learners, cv=2).set_callbacks(record).fit(X, y)
    assert Counter(path[-1][1] for path in check_tree(record.events))["epoch"] == 6
    assert all(len(fitted.predict_proba(X[:3])) == 3 for fitted in record.fitted)
    plain = StackingClassifier(learners, cv=2).fit(X, y)
    assert_array_equal(watched.predict_proba(X), plain.predict_proba(X))


@needs_callbacks
def test_an_error_of_a_callback_ends_the_stack(digits):
    record = OuterRecorder(fail_after=1)
    stack = StackingClassifier([("rnn", rnn())], cv=2).set_callbacks(record)
    with pytest.raises(OSError, match="no more room"):
        stack.fit(*digits)
    assert record.names("teardown") == ["fit"]
    with pytest.raises(NotFittedError):
        check_is_fitted(stack)


@needs_callbacks
def test_fits_from_the_store_begin_and_end(digits, tmp_path):
    X, y = digits
    expected = make_stack(memory=tmp_path).fit(X, y).predict_proba(X)
    record = OuterRecorder()
    stack = make_stack(memory=tmp_path).set_callbacks(record).fit(X, y)
    assert_array_equal(stack.predict_proba(X), expected)
    tasks = check_tree(record.events)
    assert len([path for path in tasks if len(path) == 2]) == 10
    assert "epoch" not in record.names()


@needs_callbacks
def test_a_kept_estimator_comes_without_callbacks(digits, tmp_path):
    pytest.importorskip("skops")
    X, y = digits[0].reshape(len(digits[0]), -1), digits[1]
    learner = LogisticRegression(max_iter=200)
    first = StackingClassifier(
        [("linear", clone(learner).set_callbacks(Recorder()))], cv=2, memory=tmp_path
    ).fit(X, y)
    second = StackingClassifier([("linear", learner)], cv=2, memory=tmp_path).fit(X, y)
    assert first.estimators_[0]._skl_callbacks
    assert not hasattr(second.estimators_[0], "_skl_callbacks")
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))


@needs_callbacks
def test_weights_and_numbers(digits):
    X, y = digits
    record = OuterRecorder()
    learners = [("rnn", StackedRNNRegressor(4, epochs=2, random_state=0)), ("ridge", flat_ridge())]
    stack = StackingRegressor(learners, Ridge(), cv=2).set_callbacks(record)
    stack.fit(X, y)
    assert Counter(record.names("begin"))["epoch"] == 6
    seen = []

    class Weights(Recorder):
        def on_fit_task_begin(self, estimator, context, *, X=None, metadata=None):
            seen.append((len(X), len(metadata["sample_weight"])))

    stack = StackingRegressor([("rnn", learners[0][1])], Ridge(), cv=2).set_callbacks(Weights())
    stack.fit(X, y, sample_weight=np.ones(len(y)))
    assert sorted(seen) == [(60, 60), (60, 60), (120, 120), (120, 120), (120, 120)]


def flat_ridge():
    return make_pipeline(SequenceFlattener(), Ridge())


@needs_callbacks
def test_a_prefit_stack_is_one_task(digits):
    record = OuterRecorder()
    learners = [("rnn", rnn().fit(*digits))]
    stack = StackingClassifier(learners, cv="prefit").set_callbacks(record).fit(*digits)
    assert [hook for hook, _ in record.events] == ["setup", "begin", "end", "teardown"]
    plain = StackingClassifier(learners, cv="prefit").fit(*digits)
    assert_array_equal(stack.predict_proba(digits[0]), plain.predict_proba(digits[0]))
    assert not hasattr(stack, "_callback_fit_ctx")


@needs_callbacks
@pytest.mark.slow
def test_worker_processes_tell_the_same_and_change_no_bit(digits, tmp_path):
    X, y = digits
    stack = make_stack(n_jobs=2).set_callbacks(FileRecorder(tmp_path / "log")).fit(X, y)
    assert_array_equal(stack.predict_proba(X), make_stack().fit(X, y).predict_proba(X))
    record = OuterRecorder()
    make_stack().set_callbacks(record).fit(X, y)
    events = [eval(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert Counter(events) == Counter(record.events)
    check_tree(events)


# ---- inside others -----------------------------------------------------------------------------


@needs_callbacks
def test_a_stack_in_a_pipeline(digits):
    record = OuterRecorder()
    pipeline = make_pipeline(FunctionTransformer(), StackingClassifier([("rnn", rnn())], cv=2))
    pipeline.set_callbacks(record).fit(*digits)
    tasks = check_tree(record.events)
    assert {path[0] for path in tasks} == {("Pipeline", "fit", 0)}
    epochs = [path for path in tasks if path[-1][1] == "epoch"]
    assert len(epochs) == 9
    assert {path[1][0] for path in epochs} == {"StackingClassifier"}
    assert record.names("setup") == record.names("teardown") == ["fit"]


@needs_callbacks
def test_a_search_over_a_learner(digits):
    record = OuterRecorder()
    search = GridSearchCV(rnn(epochs=2), {"units": [2, 3]}, cv=2).set_callbacks(record)
    search.fit(*digits)
    epochs = [path for path in check_tree(record.events) if path[-1][1] == "epoch"]
    assert len(epochs) == 2 * (2 * 2) + 2
    assert {path[0][0] for path in epochs} == {"GridSearchCV"}
    plain = GridSearchCV(rnn(epochs=2), {"units": [2, 3]}, cv=2).fit(*digits)
    assert_array_equal(plain.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])


@needs_callbacks
def test_a_stack_in_a_stack(digits):
    record = OuterRecorder()
    inner = StackingClassifier([("rnn", rnn(epochs=1))], LogisticRegression(), cv=2)
    StackingClassifier([("inner", inner)], cv=2).set_callbacks(record).fit(*digits)
    tasks = check_tree(record.events)
    assert Counter(path[-1][1] for path in tasks)["epoch"] == 3 * 3
    assert {len(path) for path in tasks if path[-1][1] == "epoch"} == {4}


@needs_callbacks
@pytest.mark.parametrize("depth", [0, 1, None])
def test_the_bar_of_scikit_learn(digits, depth, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    make_stack().set_callbacks(ProgressBar(max_propagation_depth=depth)).fit(*digits)
    shown = capsys.readouterr().out
    assert "StackingClassifier - fit" in shown
    assert ("StackedRNNClassifier - fit" in shown) == (depth != 0)
    rnn().set_callbacks(ProgressBar()).fit(*digits)
    assert "StackedRNNClassifier - fit" in capsys.readouterr().out
