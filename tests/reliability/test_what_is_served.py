"""What changes a result is trained anew; what does not is served; seen through ``fit`` alone."""

from __future__ import annotations

import sys
import types

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from stackens import (
    KerasNetworkClassifier,
    SequenceScaler,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.ensemble import _other_fits
from stackens.exceptions import StoreWarning
from stackens.store import JobStore, _memory

N_FOLDS = 3
RNN = StackedRNNClassifier(3, epochs=2, batch_size=10, random_state=0)
STOPPING = clone(RNN).set_params(early_stopping=True, validation_fraction=0.3, epochs=5)
FUNCTIONS = """
import keras

OFFSET = 0.5

def move(X):
    return X + OFFSET

def build(meta):
    return keras.Sequential(
        [
            keras.Input((None, 2)),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(3, "softmax"),
        ]
    )

def build_plain():
    return build({})
"""


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 4, 2)).astype("f4"), np.arange(30) % 3


@pytest.fixture
def trained(monkeypatch):
    """Names of what is trained, as it is."""
    names = []
    train, fit = _memory.train, _other_fits._fit_and_predict

    def noting_train(jobs, **how):
        names.extend(job.name for job in jobs)
        return train(jobs, **how)

    def noting_fit(one, *args):
        names.append(one.label)
        return fit(one, *args)

    monkeypatch.setattr(_memory, "train", noting_train)
    monkeypatch.setattr(_other_fits, "_fit_and_predict", noting_fit)
    return names


def functions(source=FUNCTIONS):
    """Functions as they are in a notebook: their code is the only thing that says what they are."""
    module = types.ModuleType("functions_of_the_test")
    sys.modules[module.__name__] = module
    exec(source, vars(module))
    return module


LEARNERS = {
    "network": lambda f: clone(RNN),
    "piped network": lambda f: make_pipeline(SequenceScaler(), clone(RNN)),
    "keras network": lambda f: KerasNetworkClassifier(f.build, epochs=1, random_state=0),
    "linear": lambda f: make_pipeline(
        FunctionTransformer(f.move), FunctionTransformer(flatten), LogisticRegression()
    ),
    "forest": lambda f: make_pipeline(
        FunctionTransformer(flatten),
        StandardScaler(),
        RandomForestClassifier(2, max_depth=2, random_state=0),
    ),
}


def flatten(X):
    return X.reshape(len(X), -1)


# Each network that Keras builds is traced anew; one kind of tower is enough for a fast run.
SLOW = ("keras network", "piped network")


@pytest.fixture(
    params=[pytest.param(k, marks=pytest.mark.slow if k in SLOW else ()) for k in LEARNERS]
)
def kind(request):
    return request.param


def make_stack(kind, folder, **parameters):
    learner = LEARNERS[kind](functions())
    return StackingClassifier([("it", learner)], **{"cv": N_FOLDS, "memory": folder, **parameters})


# A refit holds a function of the user's, so that it is not kept; its folds are.
ALWAYS = {"linear": ["it, refit on all rows"], "forest": ["it, refit on all rows"]}


@pytest.fixture
def filled(kind, data, tmp_path, trained):
    """A store with what a stack has trained, and what that predicts."""
    stack = make_stack(kind, tmp_path).fit(*data)
    assert len(trained) == N_FOLDS + 1
    trained.clear()
    return tmp_path, stack.predict_proba(data[0])


def test_the_same_again_is_served(kind, filled, data, trained):
    folder, expected = filled
    X, y = data
    memory_map = np.memmap(folder / "X", X.dtype, "w+", shape=X.shape)
    memory_map[:] = X
    others = [
        (make_stack(kind, folder), X, y),
        (make_stack(kind, folder, n_jobs=1, verbose=0), X, y),
        (make_stack(kind, str(folder)), X, y),
        (make_stack(kind, joblib.Memory(folder, verbose=0)), X, y),
        (make_stack(kind, JobStore(folder)), X, y),
        (make_stack(kind, folder, final_estimator=LogisticRegression(C=1.0)), X, y),
        (make_stack(kind, folder), np.asfortranarray(X), y),
        (make_stack(kind, folder), X, np.repeat(y, 2)[::2]),
        (make_stack(kind, folder), memory_map, y),
    ]
    stack = make_stack(kind, folder)
    stack.estimators = [("another name", stack.estimators[0][1])]
    others.append((stack, X, y))
    for stack, X, y in others:
        names = []
        fitted = stack.fit(X, y)
        names = [name for name in trained if not name.endswith("refit on all rows")]
        assert names == []
        assert len(trained) <= len(ALWAYS.get(kind, []))
        trained.clear()
        np.testing.assert_array_equal(fitted.predict_proba(data[0]), expected)


def changed_value(X, y):
    X = X.copy()
    X[7, 2, 1] = np.nextafter(X[7, 2, 1], np.float32(9))
    return X, y, None


def changed_label(X, y):
    y = y.copy()
    y[7] = (y[7] + 1) % 3
    return X, y, None


def changed_weight(X, y):
    return X, y, np.where(np.arange(len(y)) == 7, 1.0, 1.5)


@pytest.mark.parametrize("change", [changed_value, changed_label, changed_weight])
def test_one_changed_value_is_trained_anew(kind, filled, data, trained, change):
    if change is changed_weight and kind not in ("network", "keras network"):
        pytest.skip("scikit-learn's pipelines take no `sample_weight` as such")
    folder, _ = filled
    X, y, weight = change(*data)
    stack = make_stack(kind, folder).fit(X, y, sample_weight=weight)
    again = list(trained)
    # A network does not depend on the rows that are held out; what is kept of others does.
    is_network = "network" in kind
    assert len(again) >= (N_FOLDS if is_network and change is not changed_weight else N_FOLDS + 1)
    without = make_stack(kind, None).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(stack.predict_proba(X), without.predict_proba(X))


CHANGES = {
    "network": [{"it__learning_rate": 0.01}, {"it__random_state": 1}, {"it__units": 4}],
    "piped network": [
        {"it__stackedrnnclassifier__epochs": 3},
        {"it__sequencescaler": SequenceScaler("minmax")},
    ],
    "keras network": [{"it__random_state": 1}, {"it__batch_size": 7}],
    "linear": [{"it__logisticregression__C": 0.5}, {"it__functiontransformer-1": "passthrough"}],
    "forest": [
        {"it__randomforestclassifier__random_state": 1},
        {"it__standardscaler": MinMaxScaler()},
    ],
}


def test_a_changed_parameter_is_trained_anew(kind, filled, data, trained):
    folder, _ = filled
    for change in CHANGES[kind]:
        trained.clear()
        stack = make_stack(kind, folder).set_params(**change).fit(*data)
        assert len(trained) == N_FOLDS + 1, change
        without = make_stack(kind, None).set_params(**change).fit(*data)
        expected = without.predict_proba(data[0])
        np.testing.assert_array_equal(stack.predict_proba(data[0]), expected)


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("linear", "X + OFFSET", "X - OFFSET"),
        ("linear", "OFFSET = 0.5", "OFFSET = 0.75"),
        ("keras network", '"softmax")', '"softmax", use_bias=False)'),
    ],
)
def test_a_changed_function_is_trained_anew(kind, old, new, data, tmp_path, trained):
    make_stack(kind, tmp_path).fit(*data)
    trained.clear()
    assert old in FUNCTIONS
    learner = LEARNERS[kind](functions(FUNCTIONS.replace(old, new)))
    StackingClassifier([("it", learner)], cv=N_FOLDS, memory=tmp_path).fit(*data)
    assert len(trained) == N_FOLDS + 1


@pytest.mark.parametrize("kind", ["network", "forest"])
def test_what_has_no_seed_is_trained_and_named(kind, data, tmp_path, trained):
    name = "random_state" if kind == "network" else "randomforestclassifier__random_state"
    stack = make_stack(kind, tmp_path).set_params(**{f"it__{name}": None})
    for _ in range(2):
        with pytest.warns(StoreWarning, match="What it is trained to.*`random_state` is None"):
            clone(stack).fit(*data)
    assert len(trained) == 2 * (N_FOLDS + 1)
    assert JobStore(tmp_path).info().n_entries == 0
    # A seed of the stack is one of its learners.
    for _ in range(2):
        clone(stack).set_params(random_state=0).fit(*data)
    assert len([n for n in trained if "fold" in n]) == 3 * N_FOLDS


@pytest.mark.parametrize("learner", [RNN, STOPPING])
def test_a_learner_alone_and_a_stack_meet_in_the_same_entry(learner, data, tmp_path, trained):
    X, y = data
    stack = StackingClassifier([("it", learner)], cv=N_FOLDS, memory=tmp_path).fit(X, y)
    trained.clear()
    for rows, _ in stack.out_of_fold_predictions_.splits:
        alone = clone(learner).set_params(memory=tmp_path, verbose=0).fit(X[rows], y[rows])
        assert trained == []
        expected = clone(learner).fit(X[rows], y[rows])
        np.testing.assert_array_equal(alone.predict_proba(X), expected.predict_proba(X))
        trained.clear()


def test_a_learner_with_callbacks_is_served_too(data, tmp_path, trained):
    import keras

    stopper = keras.callbacks.EarlyStopping(monitor="loss", patience=9)
    learner = clone(RNN).set_params(callbacks=[stopper], memory=tmp_path)
    first, second = clone(learner), clone(learner)
    expected = first.fit(*data).predict_proba(data[0])
    assert len(trained) == 1
    np.testing.assert_array_equal(second.fit(*data).predict_proba(data[0]), expected)
    assert len(trained) == 1
    # After that, the callback holds what it saw, and may act upon it.
    with pytest.warns(StoreWarning, match="`callbacks`: EarlyStopping object: it was used before"):
        first.fit(*data)
    assert len(trained) == 2


def test_scikeras_learners_are_served_too(data, tmp_path, trained):
    from scikeras.wrappers import KerasClassifier

    loss = "sparse_categorical_crossentropy"
    learner = KerasClassifier(functions().build_plain, loss=loss, epochs=1, random_state=0)
    stack = StackingClassifier([("it", learner)], cv=N_FOLDS, memory=tmp_path)
    expected = clone(stack).fit(*data).predict_proba(data[0])
    assert len(trained) == N_FOLDS + 1
    np.testing.assert_array_equal(clone(stack).fit(*data).predict_proba(data[0]), expected)
    assert len(trained) == N_FOLDS + 1


# ---- what a key does not see completely has none -------------------------------------------------

A_PART = """
N = 1

def move(X):
    return X + N
"""
WITH_A_MODULE = {
    "default": "def f(X, part=part): return part.move(X)",
    "closure": "def make(part):\n  return lambda X: part.move(X)\nf = make(part)",
    "getattr": "def f(X, name='move'): return getattr(part, name)(X)",
    "dict": "PARTS = {'it': part}\ndef f(X): return PARTS['it'].move(X)",
    "sys.modules": "import sys\ndef f(X): return sys.modules['part_of_the_test'].move(X)",
    "patched class": "def f(X): return scaler(X)",
    "metaclass": "def f(X): return part.Shift.by(X)",
    "state that is left out": "def f(X): return shift(X)",
}


def with_a_module(source, number):
    """A function of another result for each number, which is nowhere near its own code."""
    part = types.ModuleType("part_of_the_test")
    sys.modules[part.__name__] = part
    exec(A_PART, vars(part))
    part.N = number
    meta = type("Meta", (type,), {"by": (lambda cls, X: X * 1) if number == 1 else other_by})
    part.Shift = meta("Shift", (), {})
    namespace = {"__name__": "__main__", "part": part, "scaler": scale, "shift": Shift(number)}
    exec(source, namespace)
    return namespace["f"]


def other_by(cls, X):
    return np.where(X > 0, X, 0.0)


def scale(X):
    return MinMaxScaler().fit_transform(flatten(X))


class Shift:
    def __init__(self, number):
        self.number = number

    def __call__(self, X):
        return np.where(self.number - 1 < X, X, 0.0)

    def __getstate__(self):
        return {"nothing": None}


@pytest.mark.filterwarnings("ignore:What it is trained to is neither kept")
@pytest.mark.parametrize("source", WITH_A_MODULE.values(), ids=WITH_A_MODULE)
def test_what_is_used_out_of_sight_is_trained_anew(data, tmp_path, monkeypatch, source):
    def fit(number, folder):
        learner = make_pipeline(
            FunctionTransformer(with_a_module(source, number)),
            FunctionTransformer(flatten),
            FunctionTransformer(np.abs),
            LogisticRegression(),
        )
        stack = StackingClassifier([("it", learner)], cv=N_FOLDS, memory=folder)
        return stack.fit(*data).predict_proba(data[0])

    first = fit(1, tmp_path)
    if "scaler" in source:
        monkeypatch.setattr(
            MinMaxScaler, "fit_transform", lambda self, X, y=None: np.where(X > 0, X, 0.0)
        )
    expected = fit(2, None)
    assert not np.array_equal(first, expected)
    np.testing.assert_array_equal(fit(2, tmp_path), expected)
