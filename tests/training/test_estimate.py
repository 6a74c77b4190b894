"""How long networks will take is said before they are trained, and changes nothing."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from stackens import SequenceFlattener, StackedRNNClassifier, StackingClassifier
from stackens.datasets import load_digits_sequences
from stackens.ensemble import plan_networks
from stackens.training import _estimate, estimate_seconds


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:96], y[:96]


@pytest.fixture
def clock(monkeypatch):
    """One second goes by whenever somebody looks."""
    times = iter(range(1000))
    monkeypatch.setattr(_estimate.time, "perf_counter", lambda: float(next(times)))
    monkeypatch.setattr(_estimate.joblib, "cpu_count", lambda: 2)


def plan(digits, **options):
    options = {"epochs": 10, "batch_size": 8, **options}
    return plan_networks(StackedRNNClassifier(4, **options), *digits)[0][1]


def test_batches_epochs_and_networks_are_counted(digits, clock):
    job = plan(digits)  # 12 batches an epoch, of which 4 are timed: one second
    assert estimate_seconds([job], [1]) == pytest.approx(30)
    assert estimate_seconds([job], [2]) == pytest.approx(30)  # on both cores
    assert estimate_seconds([job, plan(digits, epochs=20)], [6, 3]) == pytest.approx(180)
    assert estimate_seconds([plan(digits, batch_size=48)], [1]) == pytest.approx(10)


def test_it_is_unknown_where_only_keras_can_train(digits):
    assert estimate_seconds([plan(digits), plan(digits, callbacks=[object()])], [1, 1]) is None


@pytest.mark.parametrize(("prune", "early_stopping"), [(False, True), (True, False)])
def test_a_stack_says_it_once_and_is_the_same(digits, caplog, tmp_path, prune, early_stopping):
    X, y = digits
    network = StackedRNNClassifier(4, epochs=2, early_stopping=early_stopping, n_seeds=2)
    network.set_params(validation_fraction=0.25)
    stack = StackingClassifier(
        [
            ("rnn", network),
            ("linear", make_pipeline(SequenceFlattener(), LogisticRegression())),
        ],
        cv=2,
        prune=prune,
        random_state=0,
    )
    silent = stack.fit(X, y).predict_proba(X)
    with caplog.at_level(logging.INFO, "stackens.ensemble"):
        told = stack.fit(X, y).predict_proba(X)
    said = [text for text in caplog.messages if "s if all are trained; some" in text]
    assert [text.split(" take")[0] for text in said] == ["6 networks"]
    np.testing.assert_array_equal(told, silent)
    said_before = len(caplog.messages)
    with caplog.at_level(logging.INFO, "stackens.ensemble"):
        stack.set_params(time_limit=1000.0).fit(X, y)
        stack.set_params(time_limit=None, memory=tmp_path).fit(X, y)
    later = caplog.messages[said_before:]
    assert not [text for text in later if "some batches were timed" in text]
