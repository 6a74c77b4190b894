"""After a crash elsewhere `fit` goes on: nobody is waited for who shows no sign of life."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import SequenceFlattener, StackedRNNClassifier, StackingClassifier
from stackens.exceptions import StoreWarning
from stackens.store import JobStore, _claims, _once

N_FOLDS = 3
LEARNERS = {
    "network": StackedRNNClassifier(2, epochs=1, random_state=0),
    "other": make_pipeline(SequenceFlattener(), StandardScaler(), LogisticRegression()),
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.arange(18) % 2
    return rng.normal(size=(18, 3, 2)) + y[:, None, None], y


@pytest.fixture(params=LEARNERS)
def stack(request, data, monkeypatch):
    monkeypatch.setattr(_once, "_LOOK_AGAIN", 0.1)
    return StackingClassifier([("it", LEARNERS[request.param])], cv=N_FOLDS)


@pytest.fixture
def store(stack, data, tmp_path):
    """One that knows the result, and keeps nothing of it but the names."""
    stack.set_params(memory=JobStore(tmp_path, stale_after=0.5))
    stack.expected = stack.fit(*data).predict_proba(data[0])
    store = JobStore(tmp_path, stale_after=0.5)
    store.names = [path.stem for path in store.info().location.glob("*.entry")]
    assert len(store.names) >= N_FOLDS
    store.clear()
    return store


def fit_in_time(stack, store, data):
    """Fit in a thread, so that a test fails where it would hang."""
    stack.set_params(memory=store)
    failures = []

    def fit():
        try:
            stack.fit(*data)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=fit, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert failures == []
    np.testing.assert_array_equal(stack.predict_proba(data[0]), stack.expected)


@pytest.mark.parametrize("moment", [0, 4_000_000_000], ids=["past", "future"])
def test_claims_of_a_machine_that_is_no_more_are_taken_over(stack, store, data, moment):
    """The clock that has set their times is of no account."""
    for name in store.names:
        path = store.info().location / f"{name}.claim"
        holder = {"machine": "gone.example 1 pid:[2]", "pid": 7, "started": "1", "token": "x"}
        path.write_text(json.dumps(holder))
        os.utime(path, (moment, moment))
    fit_in_time(stack, store, data)
    assert list(store.info().location.glob("*.claim*")) == []
    assert {path.stem for path in store.info().location.glob("*.entry")} == set(store.names)


HOLD = """
import sys
from stackens.store import JobStore
claims = [JobStore(sys.argv[1], stale_after=0.5).claim(name) for name in sys.argv[2:]]
assert None not in claims
print("ready", flush=True)
sys.stdin.readline()
for claim in claims:
    claim.release()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_claims_of_a_stopped_process_are_taken_over_and_it_may_wake_up(stack, store, data):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, store.location, *store.names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "ready\n"
        holder.send_signal(signal.SIGSTOP)
        try:
            fit_in_time(stack, store, data)
            claim = store.claim(store.names[0])
        finally:
            holder.send_signal(signal.SIGCONT)
        holder.communicate("\n")
    assert holder.returncode == 0
    assert store.claim(store.names[0]) is None  # what the sleeper gives back is not its own
    claim.release()
    assert list(store.info().location.glob("*.claim*")) == []


def test_a_long_wait_is_said_once(stack, store, data, monkeypatch):
    monkeypatch.setattr(_claims, "_LONG_WAIT", 0.3)
    for name in store.names:
        path = store.info().location / f"{name}.claim"
        path.write_text(json.dumps({"machine": "gone.example 1", "pid": 7, "token": "x"}))
    with pytest.warns(StoreWarning, match=r"process 7 on gone\.example") as caught:
        stack.set_params(memory=store).fit(*data)
    assert len(caught) == 1
