"""A training by a loop of its own is made once among all that want it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from stackens.training import JobStore, TrainedNetwork
from stackens.training._kept_training import train_kept

KEY = "a" * 64


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path)


def slowly(made, seconds=0.3):
    def train(checkpoint):
        made.append(checkpoint)
        time.sleep(seconds)
        return TrainedNetwork([np.arange(3.0)], {"loss": [0.5]}, 0, seconds)

    return train


def test_of_two_threads_one_trains(store):
    made, found, meet = [], [], threading.Barrier(2)

    def want():
        meet.wait()
        found.append(train_kept(slowly(made), JobStore(store.location), KEY))

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    for network in found:
        np.testing.assert_array_equal(network.weights[0], np.arange(3.0))


CODE = """
import sys, time
import numpy as np
from stackens.training import JobStore, TrainedNetwork
from stackens.training._kept_training import train_kept

def train(checkpoint):
    print("trained", flush=True)
    time.sleep(1.0)
    return TrainedNetwork([np.arange(3.0)], {"loss": [0.5]}, 0, 1.0)

print("ready", flush=True)
sys.stdin.readline()
assert train_kept(train, JobStore(sys.argv[1]), sys.argv[2]).weights[0][2] == 2
"""


def test_of_two_processes_one_trains(store):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, store.location, KEY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    printed = "".join(process.communicate()[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert printed == "trained\n"


def test_one_that_fails_is_left_to_others(store):
    def fail(checkpoint):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        train_kept(fail, store, KEY)
    made = []
    train_kept(slowly(made, 0.0), store, KEY)
    train_kept(slowly(made, 0.0), None, KEY)
    assert made[0].key == KEY
    assert made[1] is None
