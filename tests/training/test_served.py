"""What is kept is not trained again, whatever happened before, and comes out bit for bit."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from sklearn.base import clone

from stackens import StackedRNNClassifier
from stackens.exceptions import StoreWarning
from stackens.training import (
    Checkpoint,
    JobStore,
    NoKey,
    TrainedNetwork,
    TrainingState,
    network_key,
    train,
    train_once,
)
from stackens.training._towers import _Counter, _Shared, _Tower


class ResumingTower(_Tower):
    """A tower with a checkpoint: what the engine's own one is to do."""

    def __init__(self, *args, checkpoint=None):
        super().__init__(*args)
        self.checkpoint = checkpoint
        self.epochs = []

    def run(self):
        epoch = self.restore() if self.checkpoint is not None else -1
        for epoch in range(epoch + 1, self.job.epochs):  # noqa: B020
            if self.is_stalled(epoch - 1):
                epoch -= 1
                break
            self.epochs.append(epoch)
            logs = self._run_epoch(epoch)
            for name, value in logs.items():
                self.history.setdefault(name, []).append(value)
            self._check_finite(logs, epoch)
            if self._stop_early(logs, epoch):
                break
            if self.checkpoint is not None and self.checkpoint.is_due():
                self.checkpoint.save(self.freeze(epoch))
        return self._result(epoch)

    def is_stalled(self, epoch):
        stopping = self.job.early_stopping
        return stopping is not None and epoch - self.best_epoch >= stopping.patience

    def freeze(self, epoch):
        parameters, others = self._snapshot()
        return TrainingState(
            epoch,
            parameters,
            others,
            [slot.numpy() for slot in self.state.slots],
            self.state.step.numpy(),
            self.history,
            self.best_loss,
            self.best_epoch,
            self.best,
            time.perf_counter() - self.started,
        )

    def restore(self):
        kept = self.checkpoint.load()
        if kept is None:
            return -1
        self.state.parameters.assign(kept.parameters)
        self.state.step.assign(kept.step)
        for variables, values in ((self.state.others, kept.others), (self.state.slots, kept.slots)):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self.history, self.best = kept.history, kept.best
        self.best_loss, self.best_epoch = kept.best_loss, kept.best_epoch
        self.started = time.perf_counter() - kept.seconds
        return kept.epoch


class Trainer:
    """Trains one by one, as the engine would, and counts."""

    def __init__(self, fail_at=None):
        self.names, self.epochs, self.fail_at = [], [], fail_at

    def __call__(self, jobs, *, checkpoints, on_trained):
        results = []
        for position, (job, checkpoint) in enumerate(zip(jobs, checkpoints, strict=True)):
            if position == self.fail_at:
                raise KeyboardInterrupt
            from stackens.training._program import find_program

            tower = ResumingTower(
                job, find_program(job), _Shared(), _Counter(1, None), checkpoint=checkpoint
            )
            results.append(tower.run())
            self.names.append(job.name)
            self.epochs.extend(tower.epochs)
            on_trained(position, results[-1])
        return results


RNN = StackedRNNClassifier(units=4, epochs=4, dropout=0.2, batch_size=5, random_state=0)
STOPPING = clone(RNN).set_params(
    epochs=12, early_stopping=True, validation_fraction=0.3, patience=3, learning_rate=0.1
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 5, 2)), np.arange(30) % 3


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path)


def plan(data, learner=RNN, folds=3):
    X, y = data
    jobs, keys = [], []
    for fold in range(folds):
        planned = clone(learner)
        rows = np.flatnonzero(np.arange(len(y)) % folds != fold)
        jobs.append(planned.plan_job(X, y, rows=rows, name=f"fold {fold}"))
        keys.append(network_key(planned, jobs[-1]))
    return jobs, keys


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert len(one.weights) == len(other.weights)
        for a, b in zip(one.weights, other.weights, strict=True):
            assert a.dtype == b.dtype
            assert a.tobytes() == b.tobytes()
        assert one.history == other.history
        assert one.best_epoch == other.best_epoch


@pytest.fixture(scope="module")
def expected(data):
    return {name: train(plan(data, learner)[0]) for name, learner in LEARNERS.items()}


LEARNERS = {"plain": RNN, "stopping": STOPPING}


@pytest.mark.parametrize("name", LEARNERS)
def test_what_is_kept_is_served_bit_for_bit(data, store, expected, name):
    jobs, keys = plan(data, LEARNERS[name])
    trainer, served = Trainer(), []
    assert_same(train_once(jobs, keys, store, trainer, on_served=served.append), expected[name])
    assert trainer.names == ["fold 0", "fold 1", "fold 2"]
    assert served == []
    again = train_once(jobs, keys, JobStore(store.location), trainer, on_served=served.append)
    assert_same(again, expected[name])
    assert trainer.names == ["fold 0", "fold 1", "fold 2"]
    assert served == [0, 1, 2]
    assert store.info().n_entries == 3
    assert store.info().n_checkpoints == 0


def test_jobs_of_one_key_are_trained_once_and_those_without_always(data, store, expected):
    jobs, keys = plan(data)
    jobs, keys = [*jobs, *jobs, jobs[0]], [*keys, *keys, NoKey("no reason")]
    trainer, served = Trainer(), []
    found = train_once(jobs, keys, store, trainer, on_served=served.append)
    assert_same(found, [*expected["plain"], *expected["plain"], expected["plain"][0]])
    assert sorted(trainer.names) == ["fold 0", "fold 0", "fold 1", "fold 2"]
    assert served == [3, 4, 5]
    train_once(jobs, keys, store, trainer)
    assert len(trainer.names) == 5


def test_after_an_interruption_only_the_rest_is_trained(data, store, expected):
    jobs, keys = plan(data)
    with pytest.raises(KeyboardInterrupt):
        train_once(jobs, keys, store, Trainer(fail_at=2))
    assert all(store.wait(key, timeout=0.0) for key in keys)  # no claim is left
    trainer = Trainer()
    assert_same(train_once(jobs, keys, store, trainer), expected["plain"])
    assert trainer.names == ["fold 2"]


def test_a_damaged_entry_is_trained_again(data, store, expected):
    jobs, keys = plan(data)
    train_once(jobs, keys, store, Trainer())
    path = store.info().location / f"{keys[1]}.entry"
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(bytes(content))
    trainer = Trainer()
    with pytest.warns(StoreWarning, match="cannot be used and is made anew"):
        found = train_once(jobs, keys, store, trainer)
    assert_same(found, expected["plain"])
    assert trainer.names == ["fold 1"]
    train_once(jobs, keys, store, trainer)
    assert trainer.names == ["fold 1"]


def test_a_full_disk_costs_a_warning(data, store, expected, monkeypatch):
    from stackens import archive

    def fail(path, *args, **kwargs):
        raise archive.ArchiveError("No space left on device")

    monkeypatch.setattr("stackens.training._store.write_archive", fail)
    jobs, keys = plan(data)
    with pytest.warns(StoreWarning, match="No space left") as caught:
        assert_same(train_once(jobs, keys, store, Trainer(), every=0.0), expected["plain"])
    assert len(caught) == 1


def test_truncated_results_are_not_kept(data, store):
    jobs, keys = plan(data)

    def train_half(jobs, *, checkpoints, on_trained):
        results = [TrainedNetwork([np.zeros(1)], {"loss": [1.0] * 2}, 1, 0.1) for _ in jobs]
        for position, result in enumerate(results):
            on_trained(position, result)
        return results

    assert len(train_once(jobs, keys, store, train_half)) == 3
    assert store.info().n_entries == 0


def test_what_is_handed_to_workers_is_small_and_keeps(data, store):
    jobs, keys = plan(data)
    sizes = []

    def train_elsewhere(jobs, *, checkpoints, on_trained):
        sizes.append(len(pickle.dumps((checkpoints, on_trained))))
        checkpoints, elsewhere = pickle.loads(pickle.dumps((checkpoints, on_trained)))
        return Trainer()(jobs, checkpoints=checkpoints, on_trained=elsewhere)

    train_once(jobs, keys, store, train_elsewhere)
    assert sizes[0] < 3000
    assert store.info().n_entries == 3
    assert all(store.wait(key, timeout=0.0) for key in keys)


def test_two_that_want_the_same_share_the_work(data, tmp_path, expected):
    """Each trains what the other does not; both get everything."""
    trainers = [Trainer(), Trainer()]
    found = [None, None]
    meet = threading.Barrier(2)

    def work(i):
        jobs, keys = plan(data)
        order = [0, 1, 2] if i == 0 else [2, 1, 0]
        meet.wait()
        results = train_once(
            [jobs[j] for j in order], [keys[j] for j in order], JobStore(tmp_path), trainers[i]
        )
        found[i] = [results[order.index(j)] for j in range(3)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in found:
        assert_same(one, expected["plain"])
    assert sorted(trainers[0].names + trainers[1].names) == ["fold 0", "fold 1", "fold 2"]


# ---- checkpoints --------------------------------------------------------------------------------


class Killed(BaseException):
    pass


@pytest.mark.parametrize("name", LEARNERS)
def test_going_on_after_any_epoch_gives_the_same_bits(data, store, expected, name, monkeypatch):
    jobs, keys = plan(data, LEARNERS[name])
    saved = Checkpoint.save
    n_epochs = len(expected[name][0].history["loss"])
    for last in range(n_epochs - 1):
        store.clear()

        def save_and_die(self, state, last=last):
            assert saved(self, state)
            if state.epoch == last:
                raise Killed

        monkeypatch.setattr(Checkpoint, "save", save_and_die)
        with pytest.raises(Killed):
            train_once(jobs[:1], keys[:1], store, Trainer(), every=0.0)
        monkeypatch.setattr(Checkpoint, "save", saved)
        assert Checkpoint(store, keys[0]).load().epoch == last
        trainer = Trainer()
        found = train_once(jobs[:1], keys[:1], store, trainer, every=0.0)
        assert_same(found, expected[name][:1])
        assert trainer.epochs == list(range(last + 1, n_epochs))
        assert store.info().n_checkpoints == 0


def make_state(**changes):
    state = {
        "epoch": 3,
        "parameters": np.arange(4, dtype="f4"),
        "others": [np.array([5, 0], "u4"), np.ones(2, "f4")],
        "slots": [np.full(4, 0.5, "f4")],
        "step": np.array(17, "i8"),
        "history": {"loss": [1.0, 0.1], "val_loss": [np.nan, 1 / 3]},
        "best_loss": 1 / 3,
        "best_epoch": 1,
        "best": (np.zeros(4, "f4"), [np.array([5, 9], "u4"), np.zeros(2, "f4")]),
        "seconds": 61.5,
    }
    return TrainingState(**{**state, **changes})


def flat(value):
    if isinstance(value, (list, tuple)):
        return [flat(item) for item in value]
    if isinstance(value, dict):
        return [(k, flat(v)) for k, v in value.items()]
    return (np.asarray(value).dtype.str, np.asarray(value).shape, np.asarray(value).tobytes())


@pytest.mark.parametrize(
    "state",
    [
        make_state(),
        make_state(best=None, best_loss=np.inf, best_epoch=-1),
        make_state(others=[], slots=[], history={}, best=None),
    ],
)
def test_a_state_comes_back_bit_for_bit(store, state):
    checkpoint = Checkpoint(store, "a" * 64)
    assert checkpoint.load() is None
    assert checkpoint.save(make_state(epoch=1))
    assert checkpoint.save(state)
    found = pickle.loads(pickle.dumps(checkpoint)).load()
    assert {k: flat(v) for k, v in vars(found).items()} == {
        k: flat(v) for k, v in vars(state).items()
    }
    checkpoint.discard()
    assert checkpoint.load() is None


def test_a_state_is_due_after_a_while(store):
    assert not Checkpoint(store, "a" * 64).is_due()
    often = Checkpoint(store, "a" * 64, every=0.05)
    deadline = time.monotonic() + 10
    while not often.is_due():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    often.save(make_state())
    assert not often.is_due()


def test_a_damaged_state_begins_anew(store):
    checkpoint = Checkpoint(store, "a" * 64)
    checkpoint.save(make_state())
    (path,) = store.info().location.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(StoreWarning, match="made anew"):
        assert checkpoint.load() is None


CODE = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[2])
import test_served as t
from stackens.training import JobStore, train_once

rng = np.random.default_rng(0)
data = rng.normal(size=(30, 5, 2)), np.arange(30) % 3
learner = t.clone(t.STOPPING).set_params(epochs=150, patience=1000, learning_rate=0.01)
jobs, keys = t.plan(data, learner)
trainer = t.Trainer()
t.train(t.plan(data, t.clone(learner).set_params(epochs=1))[0])  # compiles the program
print("ready", flush=True)
found = train_once(jobs, keys, JobStore(sys.argv[1]), trainer, every=0.0)
np.savez(sys.argv[3], *[w for network in found for w in network.weights])
print(",".join(trainer.names), flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_at_any_moment_it_goes_on_to_the_same_bits(tmp_path):
    def run(store, result, seconds=None):
        here = __file__.rpartition("/")[0]
        with subprocess.Popen(
            [sys.executable, "-c", CODE, store, here, result], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout.readline() == "ready\n"
            try:
                return process.communicate(timeout=seconds)[0].strip().split(",")
            except subprocess.TimeoutExpired:
                process.kill()
                return None

    folds = ["fold 0", "fold 1", "fold 2"]
    assert run(tmp_path / "whole", tmp_path / "whole.npz") == folds
    rng = np.random.default_rng(0)
    killed = JobStore(tmp_path / "killed")
    for _ in range(4):
        run(killed.location, tmp_path / "killed.npz", rng.uniform(0.05, 0.4))
    finished = killed.info().n_entries
    trained = run(killed.location, tmp_path / "killed.npz")
    assert trained == folds[finished:] or (trained, finished) == ([""], 3)
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "killed.npz") as resumed:
        assert whole.files == resumed.files
        for name in whole.files:
            assert whole[name].tobytes() == resumed[name].tobytes()
    assert killed.info().n_checkpoints == 0
