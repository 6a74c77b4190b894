"""A search over the final estimator trains each learner once on each set of rows."""

from __future__ import annotations

import sys
import uuid
from contextlib import nullcontext
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn.ensemble
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import StackedRNNClassifier, StackingClassifier
from stackens.ensemble import _other_fits
from stackens.store import JobStore, _once

GRID = {"final_estimator__C": [0.1, 1.0, 10.0, 100.0]}
# Two learners; five outer folds and the refit; for each, five inner folds and all rows.
MOST_FITS = 2 * 6 * 6


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.arange(75) % 3
    return rng.normal(size=(75, 4, 2)) + 0.5 * y[:, None, None], y


class FirstEpochs:
    """Writes a file when a training begins, in whichever process that is.

    Not when it is shown what was kept of an earlier training.
    """

    def __init__(self, folder):
        self.folder = str(folder)

    def __call__(self, epoch, logs):
        caller = sys._getframe(1).f_code.co_name
        if epoch == 0 and caller != _once._goes_to_the_end.__name__:
            Path(self.folder, uuid.uuid4().hex).touch()


def files_of(store):
    """Tell a file from the one that replaced it."""
    return {path.name: path.stat().st_ino for path in store.info().location.iterdir()}


def assert_same_scores(one, other):
    for name in ("mean_test_score", "rank_test_score"):
        np.testing.assert_array_equal(one.cv_results_[name], other.cv_results_[name])


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_networks(data, tmp_path, n_jobs):
    X, y = data
    (begun := tmp_path / "begun").mkdir()
    hook = FirstEpochs(begun)
    store = JobStore(tmp_path / "store")
    rnn = StackedRNNClassifier(3, epochs=2, random_state=0, on_epoch_end=hook)
    learners = [("a", rnn), ("b", clone(rnn).set_params(units=2))]
    stack = StackingClassifier(learners, LogisticRegression(), cv=5, memory=store)
    first = GridSearchCV(stack, GRID, cv=5, n_jobs=n_jobs).fit(X, y)
    n_fits = len(list(begun.iterdir()))
    assert 0 < n_fits <= MOST_FITS
    assert store.info().n_entries == n_fits
    assert store.info().n_checkpoints == 0
    files = files_of(store)
    again = GridSearchCV(clone(stack), GRID, cv=5, n_jobs=n_jobs).fit(X, y)
    assert len(list(begun.iterdir())) == n_fits
    assert files_of(store) == files
    assert_same_scores(first, again)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    best = clone(stack).set_params(memory=None, **first.best_params_).fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), best.predict_proba(X))


LEARNERS = [
    ("linear", make_pipeline(StandardScaler(), LogisticRegression())),
    ("forest", RandomForestClassifier(4, max_depth=3, random_state=0)),
]


@pytest.fixture(scope="module")
def searched_by_sklearn(data):
    X, y = data
    stack = sklearn.ensemble.StackingClassifier(LEARNERS, LogisticRegression(), cv=5)
    return GridSearchCV(stack, GRID, cv=5).fit(X.reshape(len(X), -1), y)


@pytest.mark.parametrize(
    "backend",
    [
        None,
        pytest.param("loky", marks=pytest.mark.slow),
        # What is patched here is patched in a child that is forked from here.
        pytest.param(
            "multiprocessing",
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(sys.platform != "linux", reason="needs fork"),
            ],
        ),
    ],
)
def test_other_estimators(data, tmp_path, monkeypatch, backend, searched_by_sklearn):
    X, y = data
    X = X.reshape(len(X), -1)
    (begun := tmp_path / "begun").mkdir()
    fit = _other_fits._fit_and_predict

    def noting_fit(*args):
        Path(begun, uuid.uuid4().hex).touch()
        return fit(*args)

    monkeypatch.setattr(_other_fits, "_fit_and_predict", noting_fit)
    store = JobStore(tmp_path / "store")
    stack = StackingClassifier(LEARNERS, LogisticRegression(), cv=5, memory=store)

    def search():
        backend_or_none = joblib.parallel_config(backend, n_jobs=2) if backend else nullcontext()
        with backend_or_none:
            return GridSearchCV(clone(stack), GRID, cv=5).fit(X, y)

    first = search()
    n_fits = store.info().n_entries
    assert 0 < n_fits <= MOST_FITS
    if backend != "loky":
        assert len(list(begun.iterdir())) == n_fits
    files = files_of(store)
    assert_same_scores(first, search())
    assert files_of(store) == files  # every fit that has a key ends with a new file
    if backend != "loky":
        assert len(list(begun.iterdir())) == n_fits
    assert_same_scores(first, searched_by_sklearn)
    np.testing.assert_array_equal(first.predict_proba(X), searched_by_sklearn.predict_proba(X))
