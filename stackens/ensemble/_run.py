"""A flat list of fits, run together: towers in one training run, others by joblib."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import (
    _routing_enabled,
    process_routing,
)

from stackens.adapters import adapt
from stackens.ensemble._fit import Fit, Policy, is_network, last_step
from stackens.ensemble._groups import groups_request
from stackens.ensemble._other_fits import run_others
from stackens.sequences import reading_files_once
from stackens.store import check_memory, using_store
from stackens.training import (
    ArrayPool,
    FitObserver,
    Progress,
    Task,
    estimate_seconds,
    has_callbacks,
    manage_callbacks,
)

_LOGGER = logging.getLogger("stackens.ensemble")

_METADATA_OF_JOBS = {"sample_weight", "groups"}


class Run:
    """The fits of a stack, run together; or in waves, each for what the last ones found out.

    Parameters
    ----------
    X, y : array-like of shape (n_samples, ...)
        All rows.
    n_jobs : int or None
        Processes, as joblib understands it.
    progress : Progress
        Told what there is to do, and what is done: epochs of networks, and other fits.
    refit_epochs : {"median", "early_stopping"}
        How a network that stops early in the folds is refitted: for the median of the folds' best
        epochs, on all rows; or stopping early itself, on part of them.
    memory : None, path-like, joblib.Memory or JobStore
        Where trained networks are kept.
    policy : Policy
        What happens when one fails, and until when.
    """

    def __init__(
        self,
        X: Any,
        y: np.ndarray,
        *,
        n_jobs: int | None,
        progress: Progress,
        refit_epochs: str,
        memory: Any,
        policy: Policy,
    ) -> None:
        self._X, self._y, self._refit_epochs, self._policy = X, y, refit_epochs, policy
        self._store, self._pool = check_memory(memory), ArrayPool()
        self._how: dict[str, Any] = {
            "n_jobs": n_jobs,
            "progress": progress,
            "memory": None if memory is None else self._store,  # opened once; None: one in use
            "policy": policy,
        }
        self._best_epochs: dict[str, list[int]] = defaultdict(list)
        # Not where it would take of a time that is limited, or train what a store has.
        self._is_to_estimate = self._store is None and policy.deadline is None
        self.cpu_seconds_elsewhere = 0.0  # in other processes

    def fit(self, fits: Sequence[Fit], later: Sequence[Fit] = ()) -> None:
        """Fit all, and predict held-out rows; the results are put into the fits.

        Parameters
        ----------
        fits : sequence of Fit
            In any order.
        later : sequence of Fit
            More of the same learners that may follow: the log says how long all will take.
        """
        started = time.perf_counter()
        # If time may run out, what trains the final estimator comes first.
        folds = [fit for fit in fits if fit.fold is not None]
        refits = [fit for fit in fits if fit.fold is None]
        waves = [fits] if self._policy.deadline is None else [folds, refits]
        with reading_files_once(), using_store(self._store):
            for wave in waves:
                self._fit_wave(wave, fits if wave is waves[0] else [], [*fits, *later])
        _LOGGER.info(
            "%d of %d fits done in %.1f s; %d came from the store.",
            sum(fit.is_done for fit in fits),
            len(fits),
            time.perf_counter() - started,
            sum(fit.is_served for fit in fits),
        )

    def _fit_wave(
        self, wave: Sequence[Fit], announced: Sequence[Fit], ahead: Sequence[Fit]
    ) -> None:
        X, y, best_epochs, progress = self._X, self._y, self._best_epochs, self._how["progress"]
        towers, others = _plan_jobs(wave, X, y, self._policy, self._pool)
        if announced:
            _announce(announced, towers, progress, self._policy)
        if others:
            with self._sharing_time(others):
                run_others(others, X, y, **self._how)
        if towers and self._is_to_estimate and _LOGGER.isEnabledFor(logging.INFO):
            _say_how_long(towers, ahead)
            self._is_to_estimate = False
        with self._sharing_time([tower.fit for tower in towers]):
            is_median = self._refit_epochs == "median"
            waiting = [t for t in towers if is_median and t.is_early_stopping_refit]
            first = [t for t in towers if t not in waiting]
            _run_towers(first, X, y, best_epochs, **self._how)
            for tower in waiting:
                best = best_epochs[tower.fit.name]
                if best:
                    before = tower.job.n_epochs
                    tower.job = tower.job.with_all_rows(int(np.median(best)))
                    progress.extend(tower.job.n_epochs - before)
            _run_towers(waiting, X, y, best_epochs, **self._how)

    @contextmanager
    def _sharing_time(self, fits: Sequence[Fit]) -> Iterator[None]:
        """Divide the time of fits that ran side by side among them, so that it adds up."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        made = [fit for fit in fits if not fit.is_served]
        total = sum(fit.seconds for fit in made)
        for fit in made:
            share = fit.seconds / total if total else 1 / len(made)
            self.cpu_seconds_elsewhere += fit.cpu_seconds
            fit.seconds = wall * share
            fit.cpu_seconds += cpu * share


def _announce(
    fits: Sequence[Fit], towers: Sequence[_PlannedFit], progress: Progress, policy: Policy
) -> None:
    """Say how much there is to do; a refit of a later wave has as many epochs as a fold."""
    n_epochs = {tower.fit.name: tower.job.n_epochs for tower in towers}
    n_seeds = {tower.fit.name: len(tower.job.split()) for tower in towers}
    fits = [fit for fit in fits if fit.name not in policy.lost]
    networks = [fit for fit in fits if fit.name in n_epochs]
    progress.extend(sum(n_epochs.get(fit.name, 1) for fit in fits))
    _LOGGER.info(
        "%d fits of %d learners: %d networks of %d epochs together, and %d fits of others.",
        len(fits),
        len({fit.name for fit in fits}),
        sum(n_seeds[fit.name] for fit in networks),
        sum(n_epochs[fit.name] for fit in networks),
        len(fits) - len(networks),
    )


def _say_how_long(towers: Sequence[_PlannedFit], fits: Sequence[Fit]) -> None:
    """Time some batches of each network; what fails here fails in the fit, and is told there."""
    members = {tower.fit.name: tower.job.split() for tower in towers}
    counts = [len(own) * sum(fit.name == name for fit in fits) for name, own in members.items()]
    with suppress(Exception):
        seconds = estimate_seconds([own[0] for own in members.values()], counts)
        if seconds is not None:
            _LOGGER.info(
                "%d networks take about %.0f s if all are trained; some batches were timed.",
                sum(counts),
                seconds,
            )


def plan_networks(
    estimator: Any, X: Any, y: Any, params: dict[str, Any] | None = None, *, name: str = ""
) -> list[tuple[Any, Any]]:
    """Plan the networks that ``estimator.fit(X, y, **params)`` would train, without training them.

    Parameters
    ----------
    estimator : estimator
        A learner, a Pipeline that ends in one (its other steps are fitted), or a stack; none of
        them is changed.
    X, y : array-like of shape (n_samples, ...)
        The data.
    params : dict, default=None
        Metadata of ``fit``.
    name : str, default=""
        For messages.

    Returns
    -------
    list of (learner, Job)
        Without what is planned after others only: refits for the median of the folds' best epochs.
        Nothing for an estimator that is no network.
    """
    params = params or {}
    if isinstance(estimator, Pipeline):
        last, own = last_step(estimator), _params_of_last(estimator, params)
        if own is None or not is_network(last):
            return []
        _, X = fit_head(clone(estimator), X, y)
        return plan_networks(last, X, y, own, name=name)
    if hasattr(estimator, "plan_networks"):
        return list(estimator.plan_networks(X, y, **params))
    if not hasattr(estimator, "plan_job") or params.keys() - _METADATA_OF_JOBS:
        return []
    learner = clone(estimator)
    return [(learner, learner.plan_job(X, y, **params, name=name))]


def _params_of_last(pipeline: Pipeline, params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the metadata of a Pipeline as its last step gets it; None if others get some, too."""
    name = pipeline.steps[-1][0]
    if params and _routing_enabled():
        routed = process_routing(pipeline, "fit", **params)
        own = dict(routed.pop(name)["fit"])
        return None if any(metadata for of in routed.values() for metadata in of.values()) else own
    own = {key.removeprefix(f"{name}__"): value for key, value in params.items()}
    return None if own.keys() & params.keys() else own


def fit_head(pipeline: Pipeline, X: Any, y: Any) -> tuple[list[tuple[str, Any]], Any]:
    """Fit the steps before the last one; return them, and ``X`` as the last one sees it."""
    steps = pipeline.steps[:-1]
    if not steps:
        return [], X
    # A Pipeline caches what comes before its last step, which is the network otherwise.
    head = Pipeline([*steps, ("network", "passthrough")], memory=pipeline.memory)
    X = head.fit_transform(X, y)
    return head.steps[:-1], X


def plan_fits(
    fits: Sequence[Fit], X: Any, y: np.ndarray, refit_epochs: str
) -> list[tuple[Any, Any]]:
    """Plan the networks among fits, but for those that wait for others."""
    towers, _ = _plan_jobs(fits, X, y, Policy(), ArrayPool())
    return [
        (t.learner, t.job)
        for t in towers
        if refit_epochs != "median" or not t.is_early_stopping_refit
    ]


@dataclass(eq=False)
class _PlannedFit:
    """A fit of a network, its learner, and the job that it planned."""

    fit: Fit
    learner: Any
    job: Any
    # What the learner is fitted on, if not the rows of the fit: behind other steps of a Pipeline.
    data: dict[str, Any] | None = None

    @property
    def is_early_stopping_refit(self) -> bool:
        return self.fit.fold is None and self.job.early_stopping is not None

    def observed(self, X: Any, y: np.ndarray) -> Any:
        """Return the job, of which callbacks are told if there are any."""
        task = self.fit.task
        if not (task.is_watched or has_callbacks(self.learner)):
            return self.job
        data = self.fit.data(X, y)
        around = partial(task.fitting, **data)
        if has_callbacks(self.fit.fitted) and self.fit.fitted is not self.learner:
            around = partial(_fitting_pipeline, self.fit.fitted, task, data, self.data or data)
        observer = FitObserver(self.learner, self.job.epochs, self.data or data, around=around)
        return replace(self.job, observer=observer)


@contextmanager
def _fitting_pipeline(
    pipeline: Pipeline, task: Task, data: dict[str, Any], last_data: dict[str, Any], last: Any
) -> Iterator[None]:
    """Tell the callbacks of a Pipeline what its own ``fit`` would; its first steps are fitted."""
    with task.fitting(pipeline, **data), manage_callbacks(pipeline):
        root = Task.root(pipeline, n_subtasks=len(pipeline.steps))
        root.begin(**data)
        for name, _ in pipeline.steps[:-1]:
            step = root.subtask(f"fit-transform-{name}")
            step.begin(**data)
            step.end(**data)
        with root.subtask("fit-final-estimator").fitting(last, **last_data):
            yield
        root.end(**last_data)


def _plan_jobs(
    fits: Sequence[Fit], X: Any, y: np.ndarray, policy: Policy, pool: ArrayPool
) -> tuple[list[_PlannedFit], list[Fit]]:
    """Tell networks from others, and plan their jobs."""
    towers: list[_PlannedFit] = []
    others: list[Fit] = []
    for fit in fits:
        if fit.name in policy.lost:
            continue
        with policy.watch(fit):
            plan = _plan_tower(fit, X, y)
            if plan is None:
                others.append(fit)
            else:
                learner, job, data = plan
                job = replace(job, X=pool.share(job.X), y=pool.share(job.y))
                towers.append(_PlannedFit(fit, learner, job, data))
    return towers, others


def _plan_tower(fit: Fit, X: Any, y: np.ndarray) -> tuple[Any, Any, Any] | None:
    """Return the tower learner, its job and its data, or None if it is no network."""
    learner = clone(fit.learner)
    is_pipeline = isinstance(learner, Pipeline)
    last = adapt(last_step(learner))
    if not hasattr(last, "plan_job"):
        return None
    own = _params_of_last(learner, fit.params) if is_pipeline else fit.params
    if own is None or own.keys() - _METADATA_OF_JOBS:
        return None  # Pipeline.fit routes it, or refuses it
    hold_out = fit.hold_out
    # It may be told of other groups, or of none.
    if hold_out is not None and ("groups" in own or groups_request(last) is False):
        hold_out = hold_out.with_groups(own.get("groups"))
    if not is_pipeline:
        fit.fitted = last
        job = last.plan_job(X, y, rows=fit.train, **own, hold_out=hold_out, name=fit.label)
        return last, job, None
    rows = np.arange(len(y)) if fit.train is None else fit.train
    target = y[rows]
    # Whatever comes before the network is fitted on this fold's training rows alone.
    steps, transformed = fit_head(learner, _safe_indexing(X, rows), target)
    learner.steps = [*steps, (learner.steps[-1][0], last)]
    fit.fitted = learner
    job = last.plan_job(
        transformed,
        target,
        **{key: _safe_indexing(value, rows) for key, value in own.items()},
        hold_out=None if hold_out is None else hold_out.of(rows),
        name=fit.label,
    )
    is_watched = fit.task.is_watched or has_callbacks(last)
    return last, job, {"X": transformed, "y": target} if is_watched else None


def _run_towers(
    towers: Sequence[_PlannedFit],
    X: Any,
    y: np.ndarray,
    best_epochs: dict[str, list[int]],
    *,
    n_jobs: int | None,
    progress: Progress,
    memory: Any,
    policy: Policy,
) -> None:
    towers = [tower for tower in towers if tower.fit.name not in policy.lost]
    if not towers:
        return
    from stackens.store import train_with_memory

    def note_served(position: int) -> None:
        towers[position].fit.is_served = True

    trained = train_with_memory(
        [tower.observed(X, y) for tower in towers],
        [tower.learner for tower in towers],
        memory,
        n_jobs=n_jobs,
        progress=progress.counter(),
        on_error=policy.on_failure.replace("drop", "return"),
        deadline=policy.deadline,
        on_served=note_served,
    )
    for tower, network in zip(towers, trained, strict=True):
        fit = tower.fit
        with policy.watch(fit):
            if isinstance(network, Exception):
                raise network
            tower.learner.adopt(network)
            best_epochs[fit.name].append(network.best_epoch + 1)
            fit.seconds, fit.cpu_seconds = network.seconds, network.cpu_seconds
            fit.predict(X)
            policy.check_predictions(fit)
