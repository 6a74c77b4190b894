"""What is wanted by several is trained by one of them, whatever kind of job it is."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from stackens.store import JobStore
from stackens.store._once import train_once
from stackens.text._running_text import RunningText
from stackens.training import Architecture, Optimizer, TrainedNetwork

KEY = "a" * 64
JOB = RunningText(Architecture(dict), np.arange(9), Optimizer("Adam", 0.1), 0, 1, 2, 2)


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path)


def slowly(made, seconds=0.3):
    def train(jobs, checkpoints, on_trained):
        made.extend(checkpoints)
        time.sleep(seconds)
        trained = TrainedNetwork([np.arange(3.0)], {"loss": [0.5]}, 0, seconds)
        on_trained(0, trained)
        return [trained]

    return train


def test_of_two_threads_one_trains(store):
    made, found, meet = [], [], threading.Barrier(2)

    def want():
        meet.wait()
        found.extend(train_once([JOB], [KEY], JobStore(store.location), slowly(made)))

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    for network in found:
        np.testing.assert_array_equal(network.weights[0], np.arange(3.0))


CODE = """
import sys
from stackens.text import SequenceTranslator, StackedRNNLanguageModel
from stackens.training import _towers

run = _towers._Tower.run

def counted(tower):
    print("trained", tower.job.name, flush=True)
    return run(tower)

_towers._Tower.run = counted
texts = ["the cat sat.", "the dog sat."]
translator = SequenceTranslator(8, n_heads=2, epochs=1, random_state=0, memory=sys.argv[1])
model = StackedRNNLanguageModel(4, epochs=1, random_state=0, memory=sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
translator.fit(texts, texts)
model.fit(texts)
print(translator.weights_[0].sum(), model.weights_[0].sum())
"""


@pytest.mark.slow
def test_of_two_processes_one_trains(store):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, store.location],
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
    printed = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(line for lines in printed for line in lines[:-1]) == [
        "trained SequenceTranslator",
        "trained StackedRNNLanguageModel",
    ]
    assert printed[0][-1] == printed[1][-1]


def test_one_that_fails_is_left_to_others(store):
    def fail(jobs, checkpoints, on_trained):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        train_once([JOB], [KEY], store, fail)
    made = []
    train_once([JOB], [KEY], store, slowly(made, 0.0))
    assert made[0].key == KEY
    train_once([JOB], [KEY], store, fail)  # it is kept
