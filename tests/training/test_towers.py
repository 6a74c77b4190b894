"""What a group of towers does: failures, memory, threads, processes, data larger than memory."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace

import keras
import numpy as np
import pytest

from stackens.exceptions import TrainingDivergedError
from stackens.training import Architecture, EarlyStopping, Job, Optimizer, initial_weights, train
from stackens.training import _program as program_module
from stackens.training import _towers as towers_module
from stackens.training._program import find_program
from stackens.training._towers import available_bytes


def build(units=4):
    return keras.Sequential(
        [keras.Input((None, 3)), keras.layers.GRU(units), keras.layers.Dense(1)]
    )


def make_job(**changes):
    rng = np.random.default_rng(0)
    settings = {
        "architecture": Architecture(build),
        "X": rng.normal(size=(60, 5, 3)).astype("float32"),
        "y": rng.normal(size=(60, 1)).astype("float32"),
        "loss": "mean_squared_error",
        "optimizer": Optimizer("Adam", 0.01),
        "seed": 1,
        "epochs": 6,
        "batch_size": 8,
        "metrics": ("mean_absolute_error",),
        **changes,
    }
    return Job(**settings)


def assert_equal(a, b):
    for left, right in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(left, right)
    assert a.history == b.history
    assert a.best_epoch == b.best_epoch


def test_a_diverging_tower_stops_alone():
    good = make_job(name="good, fold 0")
    bad = make_job(y=np.full((60, 1), np.inf, "float32"), name="bad, fold 2")
    alone = train([good])[0]
    first, failed, last = train([good, bad, good], on_error="return")
    assert_equal(first, alone)
    assert_equal(last, alone)
    assert isinstance(failed, TrainingDivergedError)
    assert "bad, fold 2" in str(failed)
    assert "epoch 1 of 6" in str(failed)
    with pytest.raises(TrainingDivergedError, match="bad, fold 2"):
        train([good, bad, good])


def test_the_number_of_epochs_run_in_one_go_changes_nothing(monkeypatch):
    monkeypatch.setattr(towers_module, "_SECONDS_IN_ONE_GO", 0.0)
    one_by_one = train([make_job()])[0]
    monkeypatch.setattr(towers_module, "_SECONDS_IN_ONE_GO", 1e9)
    assert_equal(train([make_job()])[0], one_by_one)


@pytest.mark.parametrize("early_stopping", [None, EarlyStopping(2)])
def test_data_read_in_pieces_train_the_same_network(monkeypatch, tmp_path, early_stopping):
    changes = {"rows": np.arange(3, 50), "sample_weight": np.linspace(0.5, 2, 60)}
    if early_stopping:
        changes |= {"early_stopping": early_stopping, "validation_rows": np.arange(50, 60)}
    job = make_job(**changes)
    resident = train([job])[0]
    monkeypatch.setattr(program_module, "_PIECE_BYTES", 17 * job.X[0].nbytes)  # two batches
    mapped = np.memmap(tmp_path / "X.dat", "float32", "w+", shape=job.X.shape)
    mapped[:] = job.X
    assert not program_module.is_streamed(job.X)
    assert program_module.is_streamed(np.asarray(mapped))
    assert_equal(train([replace(job, X=np.asarray(mapped))])[0], resident)
    monkeypatch.setattr(program_module, "_RESIDENT_BYTES", 0)
    assert program_module.is_streamed(job.X)
    assert_equal(train([job])[0], resident)


@pytest.mark.parametrize(
    "other",
    [
        {"loss": "mean_absolute_error"},
        {"metrics": ()},
        {"optimizer": Optimizer("SGD", 0.01)},
        {"optimizer": Optimizer("Adam", 0.01, {"clipnorm": 0.1})},
        {"architecture": Architecture(build, {"units": 5})},
        {"y": np.zeros((60, 1))},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_is_computed_otherwise_has_a_program_of_its_own(other):
    program = find_program(make_job())
    assert find_program(make_job(**other)) is not program
    same = {"seed": 9, "epochs": 1, "batch_size": 3, "optimizer": Optimizer("Adam", 0.5)}
    assert find_program(make_job(**same)) is program


def test_other_threads_that_draw_random_numbers_change_no_initial_weights():
    architecture = Architecture(build)
    expected = initial_weights(architecture, 3)
    stop = threading.Event()

    def draw():
        while not stop.is_set():
            random.random()
            stop.wait(0.0001)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(5):
            for a, b in zip(initial_weights(architecture, 3), expected, strict=True):
                np.testing.assert_array_equal(a, b)
    finally:
        stop.set()
        thread.join()


def test_a_job_without_room_is_refused_before_training(monkeypatch):
    job = make_job(name="gru, fold 1")
    needed = find_program(job).n_bytes(job)
    monkeypatch.setattr(towers_module, "available_bytes", lambda: needed - 1)
    with pytest.raises(MemoryError, match=r"gru, fold 1 .*batches of 8 rows"):
        train([job])


def test_towers_wait_for_room_instead_of_running_side_by_side(monkeypatch):
    job = make_job()
    needed = find_program(job).n_bytes(job)
    running, most = 0, 0
    lock = threading.Lock()

    def watch(epoch, logs):
        nonlocal running, most
        with lock:
            running += epoch == 0
            most = max(most, running)
            running -= epoch == job.epochs - 1

    monkeypatch.setattr(towers_module, "available_bytes", lambda: int(1.5 * needed))
    trained = train([replace(job, on_epoch_end=watch)] * 4)
    assert most == 1
    for network in trained:
        assert_equal(network, train([job])[0])


def test_available_memory_is_a_plausible_number():
    assert 2**20 < available_bytes() < 2**50


def test_more_units_and_rows_take_more_memory():
    small = make_job()
    wide = make_job(architecture=Architecture(build, {"units": 64}))
    assert find_program(wide).n_bytes(wide) > 5 * find_program(small).n_bytes(small)
    many = make_job(batch_size=64)
    assert find_program(many).n_bytes(many) > 5 * find_program(small).n_bytes(small)


def test_what_only_keras_can_fit_is_said_once(caplog):
    job = make_job(callbacks=(keras.callbacks.TerminateOnNaN(),), epochs=1)
    with caplog.at_level(logging.INFO, "stackens"):
        train([job, job, make_job(epochs=1)])
    assert [r.getMessage()[:14] for r in caplog.records] == ["2 of 3 jobs tr"]


@pytest.mark.parametrize("given", [None, "3"])
def test_operations_get_one_thread_unless_somebody_said_otherwise(given):
    code = """
        from stackens.training import require_keras
        require_keras()
        import tensorflow as tf
        tf.constant(1)
        print(tf.config.threading.get_intra_op_parallelism_threads())
    """
    environment = {k: v for k, v in os.environ.items() if k != "TF_NUM_INTRAOP_THREADS"}
    if given is not None:
        environment["TF_NUM_INTRAOP_THREADS"] = given
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1" if given is None else "0"]  # 0: the environment decides


@pytest.mark.slow
def test_jobs_of_a_worker_that_dies_are_trained_again(tmp_path, caplog):
    expected = train([make_job(), make_job(seed=2)])
    victim = make_job(seed=2, on_epoch_end=_DieOnce(tmp_path / "died"))
    result = train([make_job(), victim], n_jobs=2)
    assert (tmp_path / "died").exists()
    assert "worker process died" in caplog.text
    for a, b in zip(result, expected, strict=True):
        assert_equal(a, b)


class _DieOnce:
    """Kills its process without a word, but only the first time."""

    def __init__(self, mark):
        self.mark = mark

    def __call__(self, epoch, logs):
        if epoch == 2 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), 9)
