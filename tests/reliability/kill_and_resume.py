"""Kills ``stack.fit`` at random moments, resumes it, and compares what comes out bit for bit.

``python tests/reliability/kill_and_resume.py --kills 20 --seed 0`` fits a stack once without
interruption; then it starts the same fit in a child process, sends it SIGKILL at a random moment,
looks at the store, and fits again from what is there. Some of the resumed fits are killed, too.
Printed is a table with a row for each kill; the exit status is 1 if anything is not as it must be:

- predictions and out-of-fold predictions of the resumed fit equal those of the uninterrupted one;
- no job whose entry was there when the child was killed is trained again;
- every file of the store can be read, before and after; and at the end, ``prune`` leaves entries
  alone, one for each job.

What is trained is counted in the child, at the calls by which the store hands jobs to be trained.
The stack has towers that run to the end and towers that stop early (whose refits come in a second
wave), a network that trains by Keras's own ``fit``, and a pipeline with a forest.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

N_ROWS, N_FOLDS, N_LEARNERS = 500, 3, 4
_AGAIN = 0.3  # probability that a resumed fit is killed, too


# ---- the child ----------------------------------------------------------------------------------


def make_stack(folder):
    import keras
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from stackens import SequenceFlattener, StackedRNNClassifier, StackingClassifier
    from stackens.store import JobStore

    rnn = {"units": 16, "batch_size": 16, "random_state": 0}
    stopper = keras.callbacks.EarlyStopping(monitor="loss", patience=50)
    return StackingClassifier(
        [
            ("lstm", StackedRNNClassifier(epochs=30, dropout=0.2, **rnn)),
            ("gru", StackedRNNClassifier(cell="gru", epochs=20, early_stopping=True, **rnn)),
            ("keras", StackedRNNClassifier(epochs=2, callbacks=[stopper], **rnn)),
            (
                "forest",
                make_pipeline(
                    SequenceFlattener(),
                    StandardScaler(),
                    RandomForestClassifier(20, random_state=0),
                ),
            ),
        ],
        LogisticRegression(max_iter=1000),
        cv=N_FOLDS,
        memory=JobStore(folder, checkpoint_every=0.0),
    )


def fit(folder, result, log):
    """Fit, and keep what is predicted; write down what is trained, before it is."""
    from stackens.datasets import load_digits_sequences
    from stackens.ensemble import _other_fits
    from stackens.store import _memory
    from stackens.store._checkpoint import Checkpoint

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(**content):
        os.write(descriptor, json.dumps(content).encode() + b"\n")

    train, fit_once, load = _memory.train, _other_fits.fit_once, Checkpoint.load

    def noting_train(jobs, *, checkpoints, **how):
        for checkpoint in checkpoints:
            note(trained=checkpoint.key)
        return train(jobs, checkpoints=checkpoints, **how)

    def noting_fit_once(key, store, fit, **how):
        def noting_fit():
            note(trained=key)
            return fit()

        return fit_once(key, store, noting_fit, **how)

    def noting_load(checkpoint):
        state = load(checkpoint)
        if state is not None:
            note(resumed=checkpoint.key, epoch=state.epoch)
        return state

    _memory.train, _other_fits.fit_once = noting_train, noting_fit_once
    Checkpoint.load = noting_load
    X, y = load_digits_sequences(return_X_y=True)
    stack = make_stack(folder)
    print("ready", flush=True)
    stack.fit(X[:N_ROWS], y[:N_ROWS])
    np.savez(
        result,
        predictions=stack.predict_proba(X[N_ROWS:]),
        out_of_fold=stack.out_of_fold_predictions_.matrix,
    )


# ---- the parent ---------------------------------------------------------------------------------


@dataclass
class Row:
    """What was seen of one kill, and of the fit that went on from there."""

    moment: float
    finished: int
    checkpoints: int
    leftovers: int
    trained: int = 0
    from_epochs: tuple[int, ...] = ()
    trained_again: int = 0
    is_same: bool | None = None  # None: the resumed fit was killed, too

    @property
    def is_good(self):
        return not self.trained_again and self.is_same is not False


class Folder:
    """A store under test, and what its children write beside it."""

    def __init__(self, path):
        from stackens.store import JobStore

        path.mkdir()
        self.path, self.store = path, JobStore(path / "store")
        self.n_runs = 0

    def run(self, kill_after=None):
        """Fit in a child; return its seconds, its notes, and whether it came to its end."""
        self.n_runs += 1
        log = self.path / f"log-{self.n_runs}"
        command = [sys.executable, __file__, "--child", str(self.store.location)]
        command += [str(self.path / "result.npz"), str(log)]
        errors = self.path / f"errors-{self.n_runs}"
        with (
            errors.open("w") as stderr,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as child,
        ):
            is_ready = child.stdout.readline() == "ready\n"
            started = time.perf_counter()
            if kill_after is not None:
                timer = threading.Timer(kill_after, child.send_signal, [signal.SIGKILL])
                timer.start()
            code = child.wait()
            seconds = time.perf_counter() - started
            if kill_after is not None:
                timer.cancel()
        if not is_ready or code not in (0, -signal.SIGKILL):
            raise RuntimeError(f"the child failed:\n{errors.read_text()[-4000:]}")
        if code == 0 and "StoreWarning" in errors.read_text():
            raise RuntimeError(f"the store warned:\n{errors.read_text()[-4000:]}")
        notes = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return seconds, notes, code == 0

    def look(self):
        """Read every file; return the keys of entries and checkpoints, and the number of others."""
        entries, checkpoints, others = set(), set(), 0
        folder = self.store.info().location
        for path in sorted(folder.iterdir()) if folder.exists() else []:
            if path.suffix == ".entry":
                assert read_any(path, "network", "fit").meta["key"] == path.stem
                entries.add(path.stem)
            elif path.suffix == ".checkpoint":
                assert read_any(path, "checkpoint").meta["key"] == path.stem
                checkpoints.add(path.stem)
            else:
                others += 1
        info = self.store.info()
        assert (info.n_entries, info.n_checkpoints) == (len(entries), len(checkpoints))
        return entries, checkpoints, others

    def result(self):
        with np.load(self.path / "result.npz") as found:
            return {name: found[name].tobytes() for name in found.files}

    def tidy(self):
        """Let a day pass, and prune; return the names of what is left beside entries."""
        for path in self.store.info().location.iterdir():
            os.utime(path, (time.time() - 86_400,) * 2)
        self.store.prune()
        left = self.store.info().location.iterdir()
        return [path.name for path in left if path.suffix != ".entry"]


def read_any(path, *kinds):
    """Read an archive that is of one of some kinds."""
    from stackens.archive import read_archive
    from stackens.exceptions import ArchiveError

    for kind in kinds[:-1]:
        with contextlib.suppress(ArchiveError):
            return read_archive(path, kind=kind)
    return read_archive(path, kind=kinds[-1])


def run_kills(n_kills, seed, path):
    """Yield a row for each kill."""
    rng = np.random.default_rng(seed)
    whole = Folder(path / "uninterrupted")
    seconds, notes, _ = whole.run()
    expected, n_jobs = whole.result(), N_LEARNERS * (N_FOLDS + 1)
    entries, checkpoints, others = whole.look()
    n_trained = sum("trained" in note for note in notes)
    print(f"uninterrupted: {seconds:.1f} s, {n_trained} jobs trained, {len(entries)} entries")
    assert n_trained == len(entries) == n_jobs
    assert not checkpoints
    assert not others
    n_done = 0
    numbers = itertools.count()
    while n_done < n_kills:
        folder = Folder(path / f"store-{next(numbers)}")
        row, before = None, set()
        while True:
            is_killed = row is None or (n_done < n_kills and rng.random() < _AGAIN)
            moment = rng.uniform(0, seconds) if is_killed else None
            _, notes, is_ended = folder.run(moment)
            entries, checkpoints, others = folder.look()
            assert before <= entries, "an entry was lost"
            if row is not None:
                trained = [note["trained"] for note in notes if "trained" in note]
                row.trained, row.trained_again = len(trained), len(before.intersection(trained))
                row.from_epochs = tuple(note["epoch"] + 1 for note in notes if "epoch" in note)
                row.is_same = folder.result() == expected if is_ended else None
                yield row
            if is_ended:
                break
            n_done += 1
            row, before = Row(moment, len(entries), len(checkpoints), others), entries
        assert len(entries) == n_jobs, f"{len(entries)} entries of {n_jobs} jobs"
        left = folder.tidy()
        assert not left, f"prune left {left}"


_HEADER = "kill   moment  finished  checkpoints  others | trained  from epochs  again  same bits"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        fit(*options.child)
        return
    rows = []
    with tempfile.TemporaryDirectory() as path:
        for row in run_kills(options.kills, options.seed, Path(path)):
            if not rows:
                print(_HEADER)
            rows.append(row)
            same = {None: "killed again", True: "yes", False: "NO"}[row.is_same]
            epochs = ",".join(map(str, row.from_epochs)) or "-"
            print(
                f"{len(rows):4d} {row.moment:6.2f} s {row.finished:9d} {row.checkpoints:12d} "
                f"{row.leftovers:7d} | {row.trained:7d} {epochs:>12s} "
                f"{row.trained_again:6d}  {same}",
                flush=True,
            )
    resumed = [epoch for row in rows for epoch in row.from_epochs]
    middle = f", in the median from epoch {statistics.median(resumed):.0f}" if resumed else ""
    print(
        f"{len(rows)} kills, {sum(row.is_same is True for row in rows)} resumed to the end with "
        f"the same bits, {sum(row.is_same is False for row in rows)} with others; "
        f"{sum(row.trained_again for row in rows)} finished jobs trained again; "
        f"{len(resumed)} trainings went on from a checkpoint{middle}"
    )
    sys.exit(not all(row.is_good for row in rows))


if __name__ == "__main__":
    main()
