"""Training of what the store lacks, once among all processes that share it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from stackens.exceptions import TimeLimitError
from stackens.store._checkpoint import Checkpoint
from stackens.store._claims import Claim
from stackens.store._entries import KeptFit, get_fit, get_network, put_fit, put_network
from stackens.store._job_store import JobStore
from stackens.store._keys import NoKey
from stackens.training import Trainable, TrainedNetwork

_Made = TypeVar("_Made")
_LOOK_AGAIN = 2.0  # seconds after which an entry is looked for whose maker still has others to make


class Train(Protocol):
    """What trains jobs."""

    def __call__(
        self,
        jobs: Sequence[Trainable],
        *,
        checkpoints: Sequence[Checkpoint | None],
        on_trained: Callable[[int, TrainedNetwork], None],
    ) -> Sequence[Any]:
        """Train jobs, and tell of each that succeeds, by its position, as soon as it is done."""


def train_once(
    jobs: Sequence[Trainable],
    keys: Sequence[str | NoKey],
    store: JobStore,
    train: Train,
    *,
    on_served: Callable[[int], None] | None = None,
    every: float | None = None,
    deadline: float | None = None,
) -> list[Any]:
    """Return trained networks: those that are kept, and the others after training them.

    A job with a hook is served if its hook, called with the kept history, stops nowhere.

    A job that another process is training is waited for, after all others are done; if that
    process dies or gives up, this one trains it. Each network is kept as soon as it is trained, so
    that an interruption loses only those that are under way.

    Parameters
    ----------
    jobs : sequence of Trainable
        What is wanted.
    keys : sequence of str or NoKey
        The key of each. Jobs of one key are trained once; those without one always.
    store : JobStore
        Where networks are kept.
    train : callable
        ``train(jobs, checkpoints=…, on_trained=…)``; both arguments can be pickled, and
        ``on_trained`` may be called in other threads and processes. What it returns in the place
        of a network, e.g. an exception, is handed on and not kept.
    on_served : callable, default=None
        ``on_served(position)`` for each job that need not be trained here.
    every : float, default=None
        Seconds between two checkpoints of a job; None is what the store says.
    deadline : float, default=None
        When to stop waiting for other processes, in seconds since 1970; ``train`` knows its own.

    Returns
    -------
    list of TrainedNetwork
        In the order of ``jobs``. Where a job has none, its error: a ``TimeLimitError`` if the
        deadline came while another process was training it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from stackens import JobStore, StackedRNNClassifier
    >>> from stackens.store import network_key, train_once
    >>> from stackens.training import train
    >>> learner = StackedRNNClassifier(units=2, epochs=1, random_state=0)
    >>> job = learner.plan_job(np.ones((8, 3, 2)), np.arange(8) % 2)
    >>> served = []
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store, keys = JobStore(folder), [network_key(learner, job)]
    ...     for _ in range(2):
    ...         (trained,) = train_once([job], keys, store, train, on_served=served.append)
    >>> served  # the second time
    [0]
    """
    positions: dict[str, list[int]] = {}
    alone: list[int] = []  # trained without asking who else does
    results: list[Any] = [None] * len(jobs)
    for i, key in enumerate(keys):
        if isinstance(key, NoKey):
            alone.append(i)
        elif jobs[i].on_epoch_end is None:
            positions.setdefault(key, []).append(i)
        else:
            found = get_network(store, key)
            if found is None or not _goes_to_the_end(jobs[i], found):
                alone.append(i)
                continue
            results[i] = found
            if on_served is not None:
                on_served(i)

    def serve(key: str, *, first_is_trained: bool = False) -> bool:
        """Fill in a network that is there."""
        own = positions[key]
        found = results[own[0]] if first_is_trained else get_network(store, key)
        if found is None:
            return False
        if isinstance(found, TrainedNetwork):  # an unfinished job goes on from its checkpoint
            store.discard_checkpoint(key)
        for i in own:
            results[i] = found
            if on_served is not None and not (first_is_trained and i == own[0]):
                on_served(i)
        return True

    pending = [key for key in positions if not serve(key)]
    while pending or alone:
        with _Claims(store, pending) as claims:
            # Between the look above and the claim, somebody else may have made it.
            own = [key for key in claims.keys if not serve(key)]
            wanted = [*(positions[key][0] for key in own), *alone]
            if wanted:
                todo, todo_keys = [jobs[i] for i in wanted], [keys[i] for i in wanted]
                places = [
                    None
                    if isinstance(key, NoKey) or key in todo_keys[:k]
                    else Checkpoint(store, key, every=every)
                    for k, key in enumerate(todo_keys)
                ]
                writer = _Writer(store, todo_keys, todo, claims)
                trained = train(todo, checkpoints=places, on_trained=writer)
                for i, network in zip(wanted, trained, strict=True):
                    results[i] = network
            for key in own:
                serve(key, first_is_trained=True)
        pending = [key for key in pending if results[positions[key][0]] is None]
        alone = []
        if pending and not claims.keys:
            if deadline is not None and time.time() >= deadline:
                late = TimeLimitError("The time limit came before another process had trained it.")
                for key in pending:
                    for i in positions[key]:
                        results[i] = late
                break
            store.wait(pending[0], timeout=_LOOK_AGAIN)
            pending = [key for key in pending if not serve(key)]
    return results


def _goes_to_the_end(job: Trainable, trained: TrainedNetwork) -> bool:
    """Show a kept history to a job's hook; tell whether it would have let the training end."""
    n_epochs = len(next(iter(trained.history.values()), []))
    for epoch in range(n_epochs):
        logs = {name: values[epoch] for name, values in trained.history.items()}
        try:
            wants_stop = job.on_epoch_end is not None and job.on_epoch_end(epoch, logs)
        except Exception:  # raised again, where it belongs, by training
            return False
        if wants_stop and epoch < n_epochs - 1:
            return False
    return True


def fit_once(
    key: str | NoKey,
    store: JobStore,
    fit: Callable[[], KeptFit],
    *,
    needs_estimator: bool = False,
    deadline: float | None = None,
) -> KeptFit:
    """Return what is kept of a fit of an estimator that is no network; else fit and keep it.

    Parameters
    ----------
    key : str or NoKey
        From ``prediction_key``, or from ``fit_key`` if nothing is to be predicted.
    store : JobStore
        Where fits are kept.
    fit : callable
        ``fit() -> KeptFit``.
    needs_estimator : bool, default=False
        Whether predictions alone will not do.
    deadline : float, default=None
        When to stop waiting for another process, in seconds since 1970.

    Returns
    -------
    KeptFit
        Its ``estimator`` may be None if it was not needed.

    Raises
    ------
    TimeLimitError
        If the deadline came while another process was fitting it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from stackens import JobStore
    >>> from stackens.store import KeptFit, fit_once
    >>> def fit():
    ...     print("fitted")
    ...     return KeptFit(np.array([0.2, 0.8]), classes=None, seconds=0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for _ in range(2):
    ...         kept = fit_once("0" * 64, JobStore(folder), fit)
    fitted
    """
    if isinstance(key, NoKey):
        return fit()

    def look() -> KeptFit | None:
        found = get_fit(store, key)
        is_enough = found is not None and (found.estimator is not None or not needs_estimator)
        return found if is_enough else None

    def make() -> KeptFit:
        made = fit()
        put_fit(store, key, made)
        return made

    return make_once(key, store, look, make, deadline=deadline)


def make_once(
    key: str,
    store: JobStore,
    look: Callable[[], _Made | None],
    make: Callable[[], _Made],
    *,
    deadline: float | None = None,
) -> _Made:
    """Return what ``look`` finds; else make it, unless somebody else does, who is waited for.

    Parameters
    ----------
    key : str
        Under which it is kept.
    store : JobStore
        Where.
    look : callable
        ``look()`` is what is kept, or None.
    make : callable
        ``make()`` makes and keeps it.
    deadline : float, default=None
        When to stop waiting for another process, in seconds since 1970.

    Returns
    -------
    object
        From ``look`` or ``make``.

    Raises
    ------
    TimeLimitError
        If the deadline came first.
    """
    while (found := look()) is None:
        claim = store.claim(key)
        if claim is not None:
            with claim:
                found = look()  # since the first look, somebody may have made it
                return make() if found is None else found
        left = None if deadline is None else max(0.0, deadline - time.time())
        if not store.wait(key, left):
            raise TimeLimitError("The time limit came before another process had fitted it.")
    return found


class _Claims:
    """Claims of those of some keys that nobody else has; given back at the end, or one by one."""

    def __init__(self, store: JobStore, keys: Sequence[str]) -> None:
        self._store, self._wanted = store, keys
        self._held: dict[str, Claim] = {}
        self.keys: list[str] = []

    def __enter__(self) -> _Claims:
        try:
            for key in self._wanted:
                claim = self._store.claim(key)
                if claim is not None:
                    self._held[key] = claim
                    self.keys.append(key)
        except BaseException:
            self.__exit__()
            raise
        return self

    def release(self, key: str) -> None:
        claim = self._held.pop(key, None)
        if claim is not None:
            claim.release()

    def __exit__(self, *error: Any) -> None:
        for key in list(self._held):
            self.release(key)


class _Writer:
    """Keeps each network as soon as it is trained; in other processes, too."""

    def __init__(
        self,
        store: JobStore,
        keys: Sequence[str | NoKey],
        jobs: Sequence[Trainable],
        claims: _Claims | None,
    ) -> None:
        self.store, self.keys, self.claims = store, list(keys), claims
        self.ends = [_End.of(job) for job in jobs]  # of the jobs nothing else: they hold the data

    def __call__(self, position: int, trained: TrainedNetwork) -> None:
        key = self.keys[position]
        if isinstance(key, NoKey) or not self.ends[position].is_reached(trained):
            return
        if put_network(self.store, key, trained):
            self.store.discard_checkpoint(key)
        if self.claims is not None:
            self.claims.release(key)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "claims": None}  # given back by the process that has them


@dataclass(frozen=True)
class _End:
    """Where a job ends by itself: not by a time limit, and not by a hook."""

    epochs: int
    patience: int | None
    is_open: bool  # Keras's callbacks, which are part of the key, may end it anywhere

    @classmethod
    def of(cls, job: Trainable) -> _End:
        patience = None if job.early_stopping is None else job.early_stopping.patience
        may_be_cut_short = job.on_epoch_end is not None or job.observer is not None
        return cls(job.epochs, patience, bool(job.callbacks) and not may_be_cut_short)

    def is_reached(self, trained: TrainedNetwork) -> bool:
        n_epochs = len(next(iter(trained.history.values()), []))
        has_stalled = (
            self.patience is not None and n_epochs - 1 - trained.best_epoch >= self.patience
        )
        return n_epochs >= self.epochs or has_stalled or self.is_open
