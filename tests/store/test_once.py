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
from stackens.exceptions import StoreWarning, TimeLimitError
from stackens.parameters import stream
from stackens.store import Checkpoint, JobStore, KeptFit, NoKey, fit_once, network_key, train_once
from stackens.training import (
    Architecture,
    EarlyStopping,
    Job,
    Optimizer,
    TrainedNetwork,
    TrainingState,
    train,
)


class LinearTower:
    """A training in NumPy with everything that a state must hold: momentum, noise, stopping."""

    def __init__(self, job, checkpoint):
        self.job, self.checkpoint = job, checkpoint
        n_columns = int(np.prod(job.X.shape[1:]))
        self.w = stream(job.seed, "start").normal(size=n_columns)
        self.velocity, self.step, self.epoch = np.zeros(n_columns), 0, -1
        self.history, self.best, self.best_loss, self.best_epoch = {}, None, np.inf, -1
        self.epochs = []

    def run(self):
        self.restore()
        while self.epoch + 1 < self.job.epochs and not self.has_stalled():
            self.epoch += 1
            self.epochs.append(self.epoch)
            self.train_epoch()
            if self.checkpoint is not None and self.checkpoint.is_due():
                self.checkpoint.save(self.freeze())
        w = self.w if self.best is None else self.best[0]
        best_epoch = self.epoch if self.best is None else self.best_epoch
        return TrainedNetwork([w], self.history, best_epoch, 0.0)

    def has_stalled(self):
        stopping = self.job.early_stopping
        return stopping is not None and self.epoch - self.best_epoch >= stopping.patience

    def train_epoch(self):
        job = self.job
        order = job.order(self.epoch)
        for start in range(0, len(order), job.batch_size):
            rows = order[start : start + job.batch_size]
            x = job.X[rows].reshape(len(rows), -1).astype("f8")
            x = x * (stream(job.seed, "noise", self.step).random(x.shape) > 0.2)
            gradient = x.T @ (x @ self.w - job.y[rows].reshape(len(rows), -1)[:, 0]) / len(rows)
            self.velocity = 0.9 * self.velocity - 0.01 * gradient
            self.w = self.w + self.velocity
            self.step += 1
        self.history.setdefault("loss", []).append(self.loss(order))
        if job.validation_rows is not None:
            loss = self.loss(job.validation_rows)
            self.history.setdefault("val_loss", []).append(loss)
            if loss < self.best_loss:
                self.best_loss, self.best_epoch = loss, self.epoch
                self.best = (self.w.copy(), [])

    def loss(self, rows):
        errors = self.job.X[rows].reshape(len(rows), -1).astype("f8") @ self.w - np.ravel(
            self.job.y[rows]
        )
        return float(np.mean(errors**2))

    def freeze(self):
        return TrainingState(
            self.epoch, self.w, [], [self.velocity], np.array(self.step), self.history,
            self.best_loss, self.best_epoch, self.best, 0.0,
        )  # fmt: skip

    def restore(self):
        kept = None if self.checkpoint is None else self.checkpoint.load()
        if kept is None:
            return
        self.epoch, self.w, (self.velocity,) = kept.epoch, kept.parameters, kept.slots
        self.step, self.history, self.best = int(kept.step), kept.history, kept.best
        self.best_loss, self.best_epoch = kept.best_loss, kept.best_epoch


class Trainer:
    """Trains one job after the other, and counts."""

    def __init__(self, fail_at=None, linear=False):
        self.names, self.epochs, self.fail_at, self.linear = [], [], fail_at, linear

    def __call__(self, jobs, *, checkpoints, on_trained):
        results = []
        for position, (job, checkpoint) in enumerate(zip(jobs, checkpoints, strict=True)):
            if position == self.fail_at:
                raise KeyboardInterrupt
            results.append(self.train_one(job, checkpoint))
            self.names.append(job.name)
            on_trained(position, results[-1])
        return results

    def train_one(self, job, checkpoint):
        if not self.linear:
            return train([job])[0]
        tower = LinearTower(job, checkpoint)
        trained = tower.run()
        self.epochs.extend(tower.epochs)
        return trained


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


def test_a_full_disk_costs_a_warning(data, store, monkeypatch):
    from stackens import archive

    def fail(path, *args, **kwargs):
        raise archive.ArchiveError("No space left on device")

    monkeypatch.setattr("stackens.store._job_store.write_archive", fail)
    jobs, keys = plan(data)
    with pytest.warns(StoreWarning, match="No space left") as caught:
        found = train_once(jobs, keys, store, Trainer(linear=True), every=0.0)
    assert len(caught) == 1
    assert_same(found, [LinearTower(job, None).run() for job in jobs])


def test_failures_are_handed_on_and_not_kept(data, store, expected):
    jobs, keys = plan(data)

    def fail_once(jobs, *, checkpoints, on_trained):
        results = Trainer()(jobs, checkpoints=checkpoints, on_trained=lambda *_: None)
        for position in (0, 2):
            on_trained(position, results[position])
        return [results[0], FloatingPointError("diverged"), results[2]]

    found = train_once([*jobs, jobs[1]], [*keys, keys[1]], store, fail_once)
    assert str(found[1]) == str(found[3]) == "diverged"
    trainer = Trainer()
    assert_same(train_once(jobs, keys, store, trainer), expected["plain"])
    assert trainer.names == ["fold 1"]


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


# ---- other estimators ---------------------------------------------------------------------------


def test_a_fit_is_made_once(store):
    made = []

    def fit():
        made.append(1)
        return KeptFit(np.eye(2), np.array([0, 1]), 0.1)

    for _ in range(2):
        np.testing.assert_array_equal(fit_once("a" * 64, store, fit).values, np.eye(2))
    assert len(made) == 1
    assert fit_once("a" * 64, store, fit, needs_estimator=True).estimator is None
    assert len(made) == 2
    fit_once(NoKey("unseeded"), store, fit)
    assert len(made) == 3
    assert store.claim("a" * 64) is not None


def test_who_wants_the_same_fit_waits(store):
    made, found = [], []
    begun = threading.Event()

    def fit():
        begun.set()
        time.sleep(0.3)
        made.append(1)
        return KeptFit(np.eye(2), None, 0.1)

    def want():
        found.append(fit_once("a" * 64, store, fit).values)

    first = threading.Thread(target=want)
    first.start()
    assert begun.wait(10)
    want()
    first.join()
    assert len(made) == 1
    np.testing.assert_array_equal(found, [np.eye(2)] * 2)


def test_a_deadline_ends_the_wait_for_somebody_elses_fit(store):
    with store.claim("a" * 64), pytest.raises(TimeLimitError, match="another process"):
        fit_once("a" * 64, store, lambda: None, deadline=time.time() + 0.1)


def test_a_fit_that_fails_is_left_to_others(store):
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fit_once("a" * 64, store, fail)
    assert store.wait("a" * 64, timeout=0.0)


# ---- checkpoints --------------------------------------------------------------------------------


class Killed(BaseException):
    pass


@pytest.mark.parametrize("name", LEARNERS)
def test_going_on_after_any_epoch_gives_the_same_bits(data, store, name, monkeypatch):
    jobs, keys = plan(data, LEARNERS[name])
    saved = Checkpoint.save
    expected = [LinearTower(jobs[0], None).run()]
    n_epochs = len(expected[0].history["loss"])
    for last in range(n_epochs - 1):
        store.clear()

        def save_and_die(self, state, last=last):
            assert saved(self, state)
            if state.epoch == last:
                raise Killed

        monkeypatch.setattr(Checkpoint, "save", save_and_die)
        with pytest.raises(Killed):
            train_once(jobs[:1], keys[:1], store, Trainer(linear=True), every=0.0)
        monkeypatch.setattr(Checkpoint, "save", saved)
        assert Checkpoint(store, keys[0]).load().epoch == last
        trainer = Trainer(linear=True)
        found = train_once(jobs[:1], keys[:1], store, trainer, every=0.0)
        assert_same(found, expected)
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
import importlib.util, sys
spec = importlib.util.spec_from_file_location("served", sys.argv[2])
served = importlib.util.module_from_spec(spec)
spec.loader.exec_module(served)
jobs, keys = served.make_linear_jobs()
print("ready", flush=True)
trainer = served.Trainer(linear=True)
found = served.train_once(jobs, keys, served.JobStore(sys.argv[1]), trainer, every=0.0)
served.np.savez(sys.argv[3], *[network.weights[0] for network in found])
print(",".join(trainer.names), flush=True)
"""


def make_linear_jobs():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3, 2)).astype("f4"), rng.normal(size=20)
    rows = np.arange(20)
    jobs = [
        Job(
            Architecture(dict, key="linear"), X, y, "mse", Optimizer("SGD"), seed=seed, epochs=40,
            batch_size=5, rows=rows[:15], validation_rows=rows[15:], name=str(seed),
            early_stopping=EarlyStopping(100),
        )
        for seed in range(4)
    ]  # fmt: skip
    return jobs, [f"{job.seed:064x}" for job in jobs]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_at_any_moment_it_goes_on_to_the_same_bits(tmp_path):
    store, result = JobStore(tmp_path / "store"), tmp_path / "result.npz"

    def run(seconds=None):
        with subprocess.Popen(
            [sys.executable, "-c", CODE, store.location, __file__, result],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout.readline() == "ready\n"
            timer = threading.Timer(seconds or 120, process.kill)
            timer.start()
            output = process.stdout.read()
            timer.cancel()
        return output.strip().split(",") if process.returncode == 0 else None

    jobs, _ = make_linear_jobs()
    expected = [LinearTower(job, None).run() for job in jobs]
    rng = np.random.default_rng(0)
    finished = []
    for _ in range(6):
        if run(rng.uniform(0.05, 0.3)) is not None:
            break
        finished.append(store.info().n_entries)
    assert finished == sorted(finished)  # what was finished is not lost
    before = store.info().n_entries
    assert run() == ([job.name for job in jobs[before:]] or [""])
    with np.load(result) as found:
        for name, network in zip(found.files, expected, strict=True):
            assert found[name].tobytes() == network.weights[0].tobytes()
    assert store.info().n_checkpoints == 0


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_stopped_at_any_moment_others_go_on_and_so_does_it(tmp_path):
    """Both train what was under way, to the same bits; neither is in the way of the other."""
    store, result = JobStore(tmp_path / "store", stale_after=0.3), tmp_path / "result.npz"
    jobs, keys = make_linear_jobs()
    expected = [LinearTower(job, None).run() for job in jobs]
    with subprocess.Popen(
        [sys.executable, "-c", CODE, store.location, __file__, result],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGSTOP)
        try:
            assert_same(train_once(jobs, keys, store, Trainer(linear=True), every=0.0), expected)
        finally:
            process.send_signal(signal.SIGCONT)
        process.stdout.read()
    assert process.returncode == 0
    with np.load(result) as found:
        for name, network in zip(found.files, expected, strict=True):
            assert found[name].tobytes() == network.weights[0].tobytes()
    assert store.info().n_entries == len(jobs)
    assert all(store.claim(key) is not None for key in keys)


def test_a_job_of_several_seeds_is_several_networks(store):
    """Trained as one it would be the first of them alone, and served to who wants that one."""
    X, y = np.random.default_rng(0).normal(size=(12, 3, 2)).astype("float32"), np.arange(12) % 2
    learner = StackedRNNClassifier(2, epochs=1, n_seeds=2, random_state=0)
    job = learner.plan_job(X, y)
    key = network_key(learner, job)
    assert isinstance(key, NoKey)
    with pytest.raises(ValueError, match="several seeds"):
        train_once([job], [key], store, train)
    assert {type(network_key(learner, one)) for one in job.split()} == {str}
