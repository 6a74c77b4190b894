"""Jobs on a Dask cluster of two worker processes: the same networks, also if a worker dies."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings

import joblib
import numpy as np
import pytest

from stackens import StackedRNNClassifier, StackingClassifier
from stackens.datasets import load_digits_sequences

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def data():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:300], y[:300]


def make_stack(epochs=5):
    return StackingClassifier(
        [
            ("lstm", StackedRNNClassifier(8, epochs=epochs)),
            ("gru", StackedRNNClassifier(8, cell="gru", epochs=epochs)),
        ],
        cv=3,
        random_state=0,
    )


@pytest.fixture(scope="module")
def cluster():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster),
        ):
            yield cluster


def test_two_worker_processes_give_the_same_predictions(data, cluster):
    expected = make_stack().fit(*data).predict_proba(data[0])
    with joblib.parallel_config("dask"):
        stack = make_stack().fit(*data)
    np.testing.assert_array_equal(stack.predict_proba(data[0]), expected)


def test_a_killed_worker_costs_time_not_the_result(data, cluster):
    expected = make_stack(100).fit(*data).predict_proba(data[0])
    victim = next(iter(cluster.workers.values()))
    killed = threading.Event()

    def kill():
        while not any(s.processing for s in cluster.scheduler.workers.values()):
            time.sleep(0.01)
        time.sleep(0.5)
        os.kill(victim.process.pid, signal.SIGKILL)
        killed.set()

    thread = threading.Thread(target=kill)
    thread.start()
    with joblib.parallel_config("dask"):
        stack = make_stack(100).fit(*data)
    thread.join()
    assert killed.is_set()
    np.testing.assert_array_equal(stack.predict_proba(data[0]), expected)
