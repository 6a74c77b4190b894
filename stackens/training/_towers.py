"""Training of many jobs side by side: the one loop, memory for it, and how far it is."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from stackens.exceptions import InvalidInputError, TimeLimitError, TrainingDivergedError
from stackens.training._architecture import require_keras
from stackens.training._job import (
    CutShortError,
    Shared,
    StateKeeper,
    Trainable,
    TrainedNetwork,
    TrainingState,
)
from stackens.training._prediction import prepare_prediction
from stackens.training._row_job import Job

if TYPE_CHECKING:
    from stackens.training._program import FlatProgram, TowerState


_LOGGER = logging.getLogger("stackens.training")

# ``on_progress(done, total, text)``
OnProgress = Callable[[int, int, str], None]
OnTrained = Callable[[int, TrainedNetwork], None]

# How often the jobs of worker processes that died are given to new ones.
_ATTEMPTS = 3

# A tower comes back to Python, to report and to be stopped, about this often.
_SECONDS_IN_ONE_GO = 0.25

_CGROUP = Path("/sys/fs/cgroup")

# What a bar shows of the logs of an epoch.
_SHOWN = ("loss", "val_loss")


def train(
    jobs: Sequence[Trainable],
    *,
    n_jobs: int | None = None,
    progress: OnProgress | None = None,
    on_error: str = "raise",
    checkpoints: Sequence[StateKeeper | None] | None = None,
    on_trained: OnTrained | None = None,
    deadline: float | None = None,
) -> list[Any]:
    """Train jobs as towers: side by side, each as if it were alone.

    Parameters
    ----------
    jobs : sequence of Trainable
        What to train. Jobs that share arrays share one copy of them.
    n_jobs : int, default=None
        Processes to distribute the jobs to, by joblib; None is what ``joblib.parallel_config``
        says, else 1, which trains in this process (on all its cores).
    progress : callable, default=None
        ``progress(done, total, text)`` after every epoch, counted over all jobs; with several
        processes as each is done. The text is the job's name, and its losses.
    on_error : {"raise", "return"}, default="raise"
        "return" puts the exception of a job that failed in the place of its result, and trains
        the others to their end.
    checkpoints : sequence of StateKeeper or None, default=None
        Where each job keeps its state, and goes on from if there is one. Jobs that train by
        Keras's own fit begin anew.
    on_trained : callable, default=None
        ``on_trained(position, trained)`` for each job as soon as it is done, in whichever thread
        or process trained it; with several processes it must be possible to pickle it.
    deadline : float, default=None
        When to stop, in seconds since 1970. Short jobs come first then; each that is not done
        keeps its state, if it has a checkpoint, and its result is a :class:`TimeLimitError`,
        which is never raised; after an epoch, a ``CutShortError``, with what was trained by then.

    Returns
    -------
    list of TrainedNetwork
        In the order of ``jobs``; the same for every ``n_jobs``. Where a job has none, its error.

    Raises
    ------
    InvalidInputError
        If a job stands for networks of several seeds.
    TrainingDivergedError
        If a loss becomes NaN or infinite. Of this, and of whatever else is raised while a job is
        trained, a note says which job it was.
    MemoryError
        If there is not enough memory to train a single job; nothing was trained then.
    MissingExtraError, BackendError
        If Keras on TensorFlow cannot be had.
    """
    require_keras()
    jobs = list(jobs)
    for job in jobs:
        if len(job.split()) > 1:
            raise InvalidInputError(
                f"{job.name or 'A job'} stands for networks of several seeds. Train each of "
                "`job.split()`, or let `stackens.store.train_with_memory` do so and join them."
            )
    terms = _Terms(list(checkpoints or [None] * len(jobs)), on_trained, deadline)
    n_processes = min(joblib.effective_n_jobs(n_jobs), len(jobs))
    if n_processes > 1:
        results = _train_in_processes(jobs, n_processes, progress, terms)
    else:
        results = _train_here(jobs, progress, terms, stop_at_error=on_error == "raise")
    if on_error == "raise":
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, Exception) and not isinstance(result, _Stopped | TimeLimitError):
                result.add_note(f"Raised while {job.name or 'the network'} was trained.")
                raise result
    return results


@dataclass(frozen=True)
class _Terms:
    """Where the states of jobs are kept, who is told what they were trained to, and until when."""

    checkpoints: list[StateKeeper | None]
    on_trained: OnTrained | None
    deadline: float | None
    numbers: list[int] | None = None  # of the jobs, where these are part of all

    def take(self, numbers: list[int]) -> _Terms:
        checkpoints = [self.checkpoints[i] for i in numbers]
        return replace(self, checkpoints=checkpoints, numbers=numbers)

    def tell(self, position: int, trained: TrainedNetwork) -> None:
        if self.on_trained is not None:
            number = position if self.numbers is None else self.numbers[position]
            self.on_trained(number, trained)


def _train_in_processes(
    jobs: list[Trainable], n_processes: int, progress: OnProgress | None, terms: _Terms
) -> list[Any]:
    """Give every process its share of the jobs; those of a process that dies are done again."""
    threads = max(1, joblib.cpu_count() // n_processes)
    counter = EpochCounter(sum(job.epochs for job in jobs), progress)
    results: dict[int, Any] = {}
    backend, _ = joblib.parallel.get_active_backend()
    lazily = {"return_as": "generator_unordered"} if backend.supports_return_generator else {}
    for _ in range(_ATTEMPTS):
        missing = [i for i in range(len(jobs)) if i not in results]
        # One task a process, and round robin, which spreads the folds of each learner evenly:
        # between tasks, loky takes the memory of TensorFlow for a leak and ends the process.
        shares = [missing[k::n_processes] for k in range(min(n_processes, len(missing)))]
        tasks = [
            joblib.delayed(_train_in_worker)(
                share, [jobs[i] for i in share], threads, terms.take(share)
            )
            for share in shares
        ]
        try:
            # Each comes with its numbers: not every backend keeps the order.
            for share, trained in joblib.Parallel(n_jobs=n_processes, **lazily)(tasks):
                results.update(zip(share, trained, strict=True))
                for i in share:
                    counter.advance(jobs[i].epochs, jobs[i].name)
        except BrokenProcessPool as error:
            _LOGGER.warning(
                "A worker process died (%s); %d of %d jobs are trained again.",
                error,
                len(jobs) - len(results),
                len(jobs),
            )
        else:
            return [results[i] for i in range(len(jobs))]
    missing = [i for i in range(len(jobs)) if i not in results]
    _LOGGER.warning("Worker processes keep dying; %d jobs are trained in this one.", len(missing))
    rest = _train_here(
        [jobs[i] for i in missing], counter.part(), terms.take(missing), stop_at_error=False
    )
    results.update(zip(missing, rest, strict=True))
    return [results[i] for i in range(len(jobs))]


def _train_in_worker(
    numbers: list[int], jobs: list[Trainable], threads: int, terms: _Terms
) -> tuple[list[int], list[Any]]:
    # TensorFlow fixes its thread counts at its first use in this process.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(threads))
    started = time.process_time()
    results = _train_here(jobs, None, terms, stop_at_error=False, n_threads=threads)
    return numbers, _with_cpu_seconds(results, time.process_time() - started)


def _with_cpu_seconds(results: list[Any], cpu_seconds: float) -> list[Any]:
    """Divide the time of the processors among networks that were trained side by side."""
    total = sum(result.seconds for result in results if isinstance(result, TrainedNetwork))
    return [
        replace(result, cpu_seconds=cpu_seconds * result.seconds / total)
        if isinstance(result, TrainedNetwork)
        else result
        for result in results
    ]


def _train_here(
    jobs: list[Trainable],
    progress: OnProgress | None,
    terms: _Terms,
    *,
    stop_at_error: bool,
    n_threads: int | None = None,
) -> list[Any]:
    """Train in threads, while this one prepares the programs of the jobs to come."""
    programs = [job.find_program() for job in jobs]
    # Longest first, so that the cores finish together; shortest first if there may be no end.
    sign = -1 if terms.deadline is None else 1
    order = sorted(range(len(jobs)), key=lambda i: sign * _count_products(jobs[i], programs[i]))
    training = _Training(sum(job.epochs for job in jobs), progress, terms, stop_at_error)
    training.check_memory(jobs, programs)
    if None in programs:
        _LOGGER.info(
            "%d of %d jobs train by Keras's own fit, one network at a time: they have callbacks, "
            "or a model or optimizer that towers do not know.",
            programs.count(None),
            len(jobs),
        )
    if len(jobs) == 1:
        return [training.train_one(0, jobs[0], programs[0])]
    n_threads = min(len(jobs), n_threads or joblib.cpu_count())
    with ThreadPoolExecutor(n_threads, thread_name_prefix="stackens-tower") as pool:
        futures = {}
        try:
            for i in order:
                job, program = jobs[i], programs[i]
                if program is not None and not training.is_stopped:
                    with suppress(Exception):  # the job meets the same error, and reports it
                        program.prepare(job)
                        training.shared.initial_weights(job)
                futures[i] = pool.submit(training.train_one, i, job, program)
            # Whoever trains will predict: what that needs is made while the towers run.
            wanted = {j.prediction.key: (j.prediction, j.row_shape) for j in jobs if j.prediction}
            for architecture, shape in wanted.values():
                if not training.is_stopped:
                    prepare_prediction(architecture, shape)
            return [futures[i].result() for i in range(len(jobs))]
        except BaseException:
            training.stop()
            raise


def _count_products(job: Trainable, program: FlatProgram | None) -> int:
    return 0 if program is None else program.count_products(job)


class _Stopped(Exception):  # noqa: N818 - a signal between threads, never seen outside
    pass


class _Training:
    """Towers that train side by side: what they share, how far they are, whether to go on."""

    def __init__(
        self, n_epochs: int, progress: OnProgress | None, terms: _Terms, stop_at_error: bool
    ) -> None:
        self.shared = Shared()
        self.terms = terms
        self._counter = EpochCounter(n_epochs, progress)
        self._stop_at_error = stop_at_error
        self._stopped = threading.Event()
        self._memory = available_bytes()
        self._taken = 0
        self._freed = threading.Condition()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set() or self.is_late

    @property
    def is_late(self) -> bool:
        return self.seconds_left <= 0

    @property
    def seconds_left(self) -> float:
        deadline = self.terms.deadline
        return np.inf if deadline is None else deadline - time.time()

    def stop(self) -> None:
        self._stopped.set()

    def count(self, n_epochs: int, job: Trainable, logs: Mapping[str, float]) -> None:
        shown = (f"{name} {logs[name]:.3g}" for name in _SHOWN if name in logs)
        self._counter.advance(n_epochs, ", ".join([job.name, *shown]))

    def advance(self, n_epochs: int, job: Trainable, logs: Mapping[str, float]) -> None:
        """Count epochs, and go no further if there is a reason."""
        self.count(n_epochs, job, logs)
        self.check_stopped(job.name)

    def check_stopped(self, name: str) -> None:
        if self._stopped.is_set():
            raise _Stopped
        if self.is_late:
            raise TimeLimitError(f"The time limit came before {name or 'the network'} was trained.")

    def check_memory(
        self, jobs: Sequence[Trainable], programs: Sequence[FlatProgram | None]
    ) -> None:
        """Refuse, before anything is trained, what cannot be trained even alone."""
        for job, program in zip(jobs, programs, strict=True):
            needed = 0 if program is None else program.n_bytes(job)
            if self._memory is not None and needed > self._memory:
                raise MemoryError(
                    f"Training {job.name or 'the network'} takes about {needed / 2**20:,.0f} MiB "
                    f"beside its data, and {self._memory / 2**20:,.0f} MiB are available "
                    f"({job.batch_text})."
                )

    def train_one(self, position: int, job: Trainable, program: FlatProgram | None) -> Any:
        """Train one job; return what became of it, an exception included."""
        try:
            self.check_stopped(job.name)
            with job.observed():
                trained = self._train(job, program, self.terms.checkpoints[position])
                self.terms.tell(position, trained)
            return trained
        except Exception as error:
            if self._stop_at_error and not isinstance(error, TimeLimitError):
                self.stop()
            return error

    def _train(
        self, job: Trainable, program: FlatProgram | None, checkpoint: StateKeeper | None
    ) -> TrainedNetwork:
        if program is None:
            from stackens.training._keras_fit import fit_with_keras

            assert isinstance(job, Job)  # who trains on texts has an optimizer with a rule

            def after_epoch(epoch: int, logs: Mapping[str, float]) -> None:
                self.advance(1, job, logs)

            trained = fit_with_keras(job, after_epoch)
            self.count(job.epochs - len(trained.history["loss"]), job, {})
            return trained
        with self._room_for(program.n_bytes(job)):
            program.prepare(job)
            return _Tower(job, program, self, checkpoint).run()

    @contextmanager
    def _room_for(self, n_bytes: int) -> Iterator[None]:
        """Wait until there is memory for one more tower beside those that run."""
        with self._freed:
            self._freed.wait_for(
                lambda: (
                    self._memory is None or not self._taken or self._taken + n_bytes <= self._memory
                )
            )
            self._taken += n_bytes
        try:
            yield
        finally:
            with self._freed:
                self._taken -= n_bytes
                self._freed.notify_all()


class _Tower:
    """One job on its way: its variables, its history, its best epoch so far."""

    def __init__(
        self,
        job: Trainable,
        program: FlatProgram,
        training: _Training,
        checkpoint: StateKeeper | None,
    ) -> None:
        self.started = time.perf_counter()
        self.job, self.program, self.training = job, program, training
        self.checkpoint = checkpoint
        self.state: TowerState = program.new_state(job, training.shared.initial_weights(job))
        self.data = program.read(job, training.shared)
        self.history: dict[str, list[float]] = {}
        self.seconds_an_epoch: float | None = None
        self.best_loss, self.best_epoch = np.inf, -1
        self.best: tuple[np.ndarray, list[np.ndarray]] | None = None

    def run(self) -> TrainedNetwork:
        done = self._restore()
        self._advance(done, done, {})
        while done < self.job.epochs:
            if self.job.observer is not None:
                self.job.observer.on_epoch_begin(done)
            started = time.perf_counter()
            count = self._count_epochs()
            epochs = self.program.train(self.job, self.state, self.data, done, count)
            self.seconds_an_epoch = (time.perf_counter() - started) / len(epochs)
            wants_stop = False
            for logs in epochs:
                wants_stop = self._note(logs, done)
                done += 1
            if wants_stop or done == self.job.epochs:
                n_left = self.job.epochs - done
                self.training.count(len(epochs) + n_left, self.job, epochs[-1])
                break
            if self.checkpoint is not None and self.checkpoint.is_due():
                self.checkpoint.save(self._freeze(done - 1))
            self._advance(len(epochs), done, epochs[-1])
        return self._result(done - 1)

    def _advance(self, n_epochs: int, done: int, logs: Mapping[str, float]) -> None:
        """Count epochs; if time is up, keep the state, and end with what all have given."""
        try:
            self.training.advance(n_epochs, self.job, logs)
        except TimeLimitError as error:
            if not done:
                raise
            if self.checkpoint is not None:
                self.checkpoint.save(self._freeze(done - 1))
            late = CutShortError(*error.args)
            late.trained = self._result(done - 1)
            raise late from None

    def _freeze(self, epoch: int) -> TrainingState:
        """Everything that the rest of the training depends on."""
        parameters, others = self._snapshot()
        return TrainingState(
            epoch=epoch,
            parameters=parameters,
            others=others,
            slots=[slot.numpy() for slot in self.state.slots],
            step=self.state.step.numpy(),
            history=self.history,
            best_loss=self.best_loss,
            best_epoch=self.best_epoch,
            best=self.best,
            seconds=time.perf_counter() - self.started,
        )

    def _restore(self) -> int:
        """Go on from a state that was kept; return how many epochs are done."""
        kept = None if self.checkpoint is None else self.checkpoint.load()
        if kept is None or self.checkpoint is None:
            return 0
        own = [self.state.parameters, self.state.step, *self.state.others, *self.state.slots]
        values = [kept.parameters, kept.step, *kept.others, *kept.slots]
        wanted, found = ([tuple(v.shape) for v in some] for some in (own, values))
        if wanted != found or kept.epoch + 1 >= self.job.epochs:
            self.checkpoint.reject(ValueError(f"expected shapes {wanted}; found {found}"))
            return 0
        for variable, value in zip(own, values, strict=True):
            variable.assign(value)
        self.history, self.best = kept.history, kept.best
        self.best_loss, self.best_epoch = kept.best_loss, kept.best_epoch
        self.started -= kept.seconds
        if self.job.on_epoch_end is not None:  # a new one, or one that has not seen these
            for epoch in range(kept.epoch + 1):
                logs = {name: values[epoch] for name, values in self.history.items()}
                self.job.on_epoch_end(epoch, logs)
        return kept.epoch + 1

    def _count_epochs(self) -> int:
        """Epochs to run in one go: as many as nobody wants to look between, for a moment."""
        is_watched = self.job.on_epoch_end is not None or self.job.observer is not None
        if is_watched or self.seconds_an_epoch is None:
            return 1
        seconds = min(_SECONDS_IN_ONE_GO, self.training.seconds_left)
        return max(1, int(seconds / self.seconds_an_epoch))

    def _note(self, logs: dict[str, float], epoch: int) -> bool:
        """Keep what an epoch gave; tell whether it was the last."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        if _LOGGER.isEnabledFor(logging.DEBUG):
            shown = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
            name, n_epochs = self.job.name, self.job.epochs
            _LOGGER.debug("Epoch %d of %d of %s: %s", epoch + 1, n_epochs, name, shown)
        self._check_finite(logs, epoch)
        wants_stop = self._stop_early(logs, epoch)
        hook, observer = self.job.on_epoch_end, self.job.observer
        if hook is not None and hook(epoch, logs):
            wants_stop = True
        if observer is not None and observer.on_epoch_end(epoch, logs, lambda: self._result(epoch)):
            wants_stop = True
        return wants_stop

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
            self.program.weights(flat, others),
            self.history,
            best_epoch,
            time.perf_counter() - self.started,
            optimizer_state,
        )


# ---- how far a training is, and what it may take -----------------------------------------------


class EpochCounter:
    """Counts finished epochs, in any thread, and tells who wants to know.

    Parameters
    ----------
    total : int
        How many there will be.
    progress : callable or None
        ``progress(done, total, text)``.
    """

    def __init__(self, total: int, progress: OnProgress | None) -> None:
        self._total, self._done = total, 0
        self._progress = progress
        self._lock = threading.Lock()

    def advance(self, n_epochs: int, text: str) -> None:
        """Count epochs of the job that ``text`` describes."""
        if self._progress is not None and n_epochs:
            with self._lock:
                self._done += n_epochs
                self._progress(self._done, self._total, text)

    def part(self) -> OnProgress | None:
        """Return a callable for one of several trainings, each of which counts from 0."""
        return None if self._progress is None else by_steps(self.advance)


def by_steps(advance: Callable[[int, str], None]) -> OnProgress:
    """Turn what is done into what was done since the last call."""
    before = 0

    def on_progress(done: int, total: int, text: str) -> None:
        nonlocal before
        n_steps, before = done - before, done
        advance(n_steps, text)

    return on_progress


def available_bytes() -> int | None:
    """Return the memory that this process may still take, None if that cannot be known.

    It is what the system calls available, or what is left of the limit of a container (control
    groups, version 2), whichever is less. (psutil would say the first, in place of one line of a
    file; limits of containers, which are what kills, it does not know.)
    """
    known = [value for value in (_system_bytes(), _container_bytes()) if value is not None]
    return min(known, default=None)


def _system_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _container_bytes() -> int | None:
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        return None if limit == "max" else max(0, int(limit) - used)
    except (OSError, ValueError):
        return None
