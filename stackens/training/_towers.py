"""Training of many jobs side by side."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from stackens.exceptions import TrainingDivergedError
from stackens.training._architecture import initial_weights
from stackens.training._backend import require_keras
from stackens.training._job import Job, TrainedNetwork

if TYPE_CHECKING:
    from stackens.training._program import TowerProgram, TowerState

__all__ = ["train"]

Progress = Callable[[int, int, str], None]

# Validation computes no gradients, so that larger batches only save time.
_EVALUATION_BATCH = 256


def train(
    jobs: Sequence[Job], *, n_jobs: int | None = None, progress: Progress | None = None
) -> list[TrainedNetwork]:
    """Train jobs as towers: side by side, each as if it were alone.

    Parameters
    ----------
    jobs : sequence of Job
        What to train. Jobs that share arrays share one copy of them.
    n_jobs : int, default=None
        Processes to distribute the jobs to, by joblib; None or 1 trains in this process (on all
        its cores).
    progress : callable, default=None
        ``progress(done, total, text)`` after every epoch, counted over all jobs; with several
        processes after all is done.

    Returns
    -------
    list of TrainedNetwork
        In the order of ``jobs``; the same for every ``n_jobs``.

    Raises
    ------
    TrainingDivergedError
        If a loss becomes NaN or infinite.
    MissingExtraError, BackendError
        If Keras on TensorFlow cannot be had.
    """
    require_keras()
    jobs = list(jobs)
    n_processes = min(joblib.effective_n_jobs(n_jobs), len(jobs)) if n_jobs is not None else 1
    if n_processes > 1:
        return _train_in_processes(jobs, n_processes)
    return _train_here(jobs, progress)


def _train_in_processes(jobs: list[Job], n_processes: int) -> list[TrainedNetwork]:
    # Round robin spreads the folds of each learner evenly.
    chunks = [jobs[i::n_processes] for i in range(n_processes)]
    threads = max(1, joblib.cpu_count() // n_processes)
    results = joblib.Parallel(n_jobs=n_processes)(
        joblib.delayed(_train_in_worker)(chunk, threads) for chunk in chunks
    )
    ordered: list[TrainedNetwork] = [None] * len(jobs)  # type: ignore[list-item]
    for i, chunk in enumerate(results):
        ordered[i::n_processes] = chunk
    return ordered


def _train_in_worker(jobs: list[Job], threads: int) -> list[TrainedNetwork]:
    # TensorFlow fixes its thread counts at its first import in this process.
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, str(threads))
    return _train_here(jobs, None)


def _train_here(jobs: list[Job], progress: Progress | None) -> list[TrainedNetwork]:
    counter = _Counter(sum(job.epochs for job in jobs), progress)
    shared = _Shared()
    if len(jobs) == 1:
        return [_train_one(jobs[0], shared, counter)]
    n_threads = min(len(jobs), joblib.cpu_count())
    with ThreadPoolExecutor(n_threads, thread_name_prefix="stackens-tower") as pool:
        futures = [pool.submit(_train_one, job, shared, counter) for job in jobs]
        try:
            return [future.result() for future in futures]
        except BaseException:
            counter.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


class _Stopped(Exception):  # noqa: N818 - a signal between threads, never seen outside
    pass


class _Counter:
    """Counts finished epochs over all towers, and tells them to stop."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._done = total, 0
        self._progress = progress
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def advance(self, n_epochs: int, name: str) -> None:
        if self._stopped.is_set():
            raise _Stopped
        if self._progress is not None:
            with self._lock:
                self._done += n_epochs
                self._progress(self._done, self._total, name)


class _Shared:
    """What jobs have in common: one tensor for each distinct array, initial weights."""

    def __init__(self) -> None:
        self._tensors: dict[tuple[int, str], tuple[np.ndarray, Any]] = {}
        self._weights: dict[Any, list[np.ndarray]] = {}
        self._lock = threading.Lock()

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        import tensorflow as tf

        with self._lock:
            key = (id(array), dtype)
            if key not in self._tensors:  # the array is kept, so that its id stays its own
                self._tensors[key] = (array, tf.constant(array, dtype))
            return self._tensors[key][1]

    def initial_weights(self, job: Job) -> list[np.ndarray]:
        if job.initial_weights is not None:
            return job.initial_weights
        with self._lock:  # the folds of a learner have one seed, hence one start
            key = (job.architecture.key, job.seed)
            if key not in self._weights:
                self._weights[key] = initial_weights(job.architecture, job.seed)
            return self._weights[key]


def _train_one(job: Job, shared: _Shared, counter: _Counter) -> TrainedNetwork:
    from stackens.training._keras_fit import fit_with_keras
    from stackens.training._program import find_program

    program = find_program(job)
    if program is None:
        trained = fit_with_keras(job)
        counter.advance(job.epochs, job.name)
        return trained
    return _Tower(job, program, shared, counter).run()


class _Tower:
    """One job on its way: its variables, its history, its best epoch so far."""

    def __init__(self, job: Job, program: TowerProgram, shared: _Shared, counter: _Counter) -> None:
        self.started = time.perf_counter()
        self.job, self.program, self.counter = job, program, counter
        program.prepare(job)
        self.state: TowerState = program.new_state(job, shared.initial_weights(job))
        sample_weight = job.sample_weight
        if sample_weight is None:
            sample_weight = np.ones(len(job.X), program.layout.dtype)
        self.data = (
            shared.tensor(job.X, job.X.dtype.name),
            shared.tensor(job.y, job.y.dtype.name),
            shared.tensor(sample_weight, program.layout.dtype),
        )
        self.history: dict[str, list[float]] = {}
        self.best_loss, self.best_epoch = np.inf, -1
        self.best: tuple[np.ndarray, list[np.ndarray]] | None = None

    def run(self) -> TrainedNetwork:
        epoch = -1
        for epoch in range(self.job.epochs):
            logs = self._run_epoch(epoch)
            for name, value in logs.items():
                self.history.setdefault(name, []).append(value)
            self._check_finite(logs, epoch)
            wants_stop = self._stop_early(logs, epoch)
            hook = self.job.on_epoch_end
            if hook is not None and hook(epoch, logs):
                wants_stop = True
            self.counter.advance(1, self.job.name)
            if wants_stop:
                self.counter.advance(self.job.epochs - epoch - 1, self.job.name)
                break
        return self._result(epoch)

    def _run_epoch(self, epoch: int) -> dict[str, float]:
        job, rate = self.job, self.job.optimizer.learning_rate
        rate = rate if isinstance(rate, (int, float)) else self.program.default_rate
        order = job.order(epoch)
        logs = self.program.train_epoch(self.state, self.data, order, job.batch_size, rate)
        if job.validation_rows is not None:
            batch = max(job.batch_size, _EVALUATION_BATCH)
            held_out = self.program.evaluate(self.state, self.data, job.validation_rows, batch)
            logs.update({f"val_{name}": value for name, value in held_out.items()})
        return logs

    def _check_finite(self, logs: dict[str, float], epoch: int) -> None:
        if not np.isfinite(logs["loss"]):
            raise TrainingDivergedError(
                f"The loss of {self.job.name or 'the network'} became {logs['loss']} in epoch "
                f"{epoch + 1} of {self.job.epochs}. Lower `learning_rate`, or clip gradients "
                "with `optimizer__clipnorm`."
            )

    def _stop_early(self, logs: dict[str, float], epoch: int) -> bool:
        stopping = self.job.early_stopping
        if stopping is None:
            return False
        if logs["val_loss"] < self.best_loss - stopping.min_delta:
            self.best_loss, self.best_epoch = logs["val_loss"], epoch
            self.best = self._snapshot()
        return epoch - self.best_epoch >= stopping.patience

    def _snapshot(self) -> tuple[np.ndarray, list[np.ndarray]]:
        return self.state.parameters.numpy(), [v.numpy() for v in self.state.others]

    def _result(self, last_epoch: int) -> TrainedNetwork:
        best_epoch = last_epoch if self.best is None else self.best_epoch
        flat, others = self._snapshot() if self.best is None else self.best
        optimizer_state = None
        if self.job.keep_optimizer_state:
            optimizer_state = [self.state.step.numpy(), *(v.numpy() for v in self.state.slots)]
        return TrainedNetwork(
            self.program.layout.weights(flat, others),
            self.history,
            best_epoch,
            time.perf_counter() - self.started,
            optimizer_state,
        )
