"""What estimators take as ``memory``: which store that is, and training with it or without."""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from stackens.exceptions import (
    InvalidInputError,
    StoreWarning,
    TimeLimitError,
    TimeLimitWarning,
    warn_user,
)
from stackens.store._job_store import JobStore
from stackens.store._keys import NoKey, network_key
from stackens.store._once import train_once
from stackens.training import (
    CutShortError,
    EpochCounter,
    OnProgress,
    Progress,
    Trainable,
    TrainedNetwork,
    train,
)

_STORE_IN_USE: contextvars.ContextVar[JobStore | None] = contextvars.ContextVar(
    "stackens_store_in_use", default=None
)


def check_memory(memory: Any) -> JobStore | None:
    """Turn what estimators take as ``memory`` into a store.

    Within ``using_store``, None is the store that is named there.

    Parameters
    ----------
    memory : None, path-like, joblib.Memory or JobStore
        A ``joblib.Memory`` only says where.

    Returns
    -------
    JobStore or None
        None if nothing shall be kept.

    Raises
    ------
    InvalidInputError
        If it is something else.

    Examples
    --------
    >>> import tempfile
    >>> from stackens.store import check_memory
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = check_memory(folder)
    >>> type(store).__name__, check_memory(None)
    ('JobStore', None)
    """
    if memory is None:
        return _STORE_IN_USE.get()
    if isinstance(memory, JobStore):
        return memory
    if isinstance(memory, (str, os.PathLike)):
        return JobStore(memory)
    if hasattr(memory, "cache") and hasattr(memory, "location"):
        return None if memory.location is None else JobStore(memory.location)
    raise InvalidInputError(
        "`memory` must be None, a folder, a joblib.Memory or a store of stackens; got "
        f"{type(memory).__name__}."
    )


@contextlib.contextmanager
def using_store(store: JobStore | None) -> Iterator[None]:
    """Let estimators in this thread whose ``memory`` is None use a store.

    Parameters
    ----------
    store : JobStore or None
        None changes nothing.
    """
    token = _STORE_IN_USE.set(store or _STORE_IN_USE.get())
    try:
        yield
    finally:
        _STORE_IN_USE.reset(token)


def train_with_memory(
    jobs: Sequence[Trainable],
    learners: Sequence[Any],
    memory: Any,
    *,
    n_jobs: int | None = None,
    progress: OnProgress | None = None,
    on_error: str = "raise",
    deadline: float | None = None,
    on_served: Callable[[int], None] | None = None,
    key_of: Callable[[Any, Any], str | NoKey] = network_key,
) -> list[Any]:
    """Train jobs, or take what a store has of them.

    Parameters
    ----------
    jobs : sequence of Trainable
        What is wanted.
    learners : sequence of estimator
        Who planned each.
    memory : None, path-like, joblib.Memory or JobStore
        Where trained networks are kept; None is nowhere.
    n_jobs, on_error, deadline
        As for ``train``.
    progress : callable, default=None
        As for ``train``; the epochs of a job that need not be trained count at once.
    on_served : callable, default=None
        ``on_served(position)`` for each job that need not be trained.
    key_of : callable, default=network_key
        ``key_of(learner, job)`` is the key of everything that the result depends on.

    Returns
    -------
    list
        In the order of ``jobs``.
    """
    # A job may stand for networks of several seeds, which are trained, and kept, one by one.
    members = [job.split() for job in jobs]
    owner = [i for i, of_job in enumerate(members) for _ in of_job]
    networks = [network for of_job in members for network in of_job]
    counter = EpochCounter(sum(network.epochs for network in networks), progress)

    def train_them(jobs: Sequence[Trainable], **keeping: Any) -> list[Any]:
        return train(
            jobs,
            n_jobs=n_jobs,
            progress=counter.part(),
            on_error=on_error,
            deadline=deadline,
            **keeping,
        )

    def note_served(position: int) -> None:
        network = networks[position]
        with network.observed():
            counter.advance(network.epochs, network.name)
        if on_served is not None and network is members[owner[position]][0]:
            on_served(owner[position])

    store = check_memory(memory)
    if store is None:
        trained = train_them(networks)
    else:
        keys = [key_of(learners[i], network) for i, network in zip(owner, networks, strict=True)]
        if memory is not None:  # who asked for it shall know
            warn_of_no_keys([network.name for network in networks], keys)
        trained = train_once(
            networks, keys, store, train_them, on_served=note_served, deadline=deadline
        )
    results = iter(trained)
    return [_join([next(results) for _ in of_job], is_kept=store is not None) for of_job in members]


def train_alone(
    job: Trainable,
    learner: Any,
    *,
    key_of: Callable[[Any, Any], str | NoKey] = network_key,
    deadline: float | None = None,
) -> TrainedNetwork:
    """Train the one job of a fit, with the bar and the store that its learner asks for.

    Parameters
    ----------
    job : Trainable
        What is wanted.
    learner : estimator
        Who planned it, with ``memory`` and ``verbose``.
    key_of, deadline
        As for ``train_with_memory``.

    Returns
    -------
    TrainedNetwork
        If there was time for some epochs only, what these have given; a warning says so.

    Raises
    ------
    TimeLimitError
        If there was time for none.
    """
    with Progress(learner.verbose, unit="epoch") as progress:
        progress.extend(job.n_epochs)
        progress.describe(job.name)
        (trained,) = train_with_memory(
            [job],
            [learner],
            learner.memory,
            progress=progress.counter(),
            key_of=key_of,
            deadline=deadline,
        )
    if isinstance(trained, CutShortError):
        trained = trained.trained
        n_epochs = len(trained.history["loss"])
        warn_user(
            f"`time_limit` was reached: {job.name} was trained for {n_epochs} of {job.epochs} "
            "epochs (with `memory`, the next fit goes on from here).",
            TimeLimitWarning,
        )
    elif isinstance(trained, TimeLimitError):
        raise trained
    return trained


def _join(members: Sequence[Any], *, is_kept: bool) -> Any:
    errors = [member for member in members if isinstance(member, Exception)]
    return errors[0] if errors else replace(TrainedNetwork.join(members), is_kept=is_kept)


def warn_of_no_keys(labels: Sequence[str], keys: Sequence[str | NoKey]) -> None:
    """Warn of what can neither be kept nor served, once for the folds of each learner.

    Parameters
    ----------
    labels : sequence of str
        Name and fold of each job, e.g. "lstm, fold 2".
    keys : sequence of str or NoKey
        Their keys.
    """
    named = [(label.partition(",")[0], key) for label, key in zip(labels, keys, strict=True)]
    for name, reason in dict.fromkeys((n, k.reason) for n, k in named if isinstance(k, NoKey)):
        warn_user(
            f"What {name} is trained to is neither kept in `memory` nor taken from it: {reason}.",
            StoreWarning,
        )
