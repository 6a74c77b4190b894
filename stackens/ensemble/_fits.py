"""A flat list of fits, run together: towers in one training run, others by joblib."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from stackens.ensemble._fit import Fit, Policy
from stackens.ensemble._plain_fits import run_plain
from stackens.sequences import reading_files_once
from stackens.training import ArrayPool, adapt, remembering_predictions

__all__ = ["run_fits"]


def run_fits(
    fits: Sequence[Fit],
    X: Any,
    y: np.ndarray,
    *,
    n_jobs: int | None,
    progress: Any,
    refit_epochs: str = "median",
    memory: Any = None,
    policy: Policy | None = None,
) -> None:
    """Fit all, and predict held-out rows; the results are put into the fits.

    Parameters
    ----------
    fits : sequence of Fit
        In any order.
    X, y : array-like
        All rows.
    n_jobs : int or None
        Processes, as joblib understands it.
    progress : Progress
        Told what is done.
    refit_epochs : {"median", "early_stopping"}, default="median"
        How a network that stops early in the folds is refitted: for the median of the folds' best
        epochs, on all rows; or stopping early itself, on part of them.
    memory : None, path-like, joblib.Memory or JobStore, default=None
        Where trained networks are kept.
    policy : Policy, default=None
        What happens when one fails, and until when; None raises what happens, at any time.
    """
    policy = policy or Policy()
    pool = ArrayPool()
    best_epochs: dict[str, list[int]] = defaultdict(list)
    how = {"n_jobs": n_jobs, "progress": progress, "memory": memory, "policy": policy}
    # If time may run out, what trains the final estimator comes first.
    folds = [fit for fit in fits if fit.fold is not None]
    waves = [fits] if policy.deadline is None else [folds, [f for f in fits if f.fold is None]]
    with reading_files_once():
        for wave in waves:
            towers, plain = _plan(wave, X, y, policy, pool)
            run_plain(plain, X, y, **how)
            waiting = [t for t in towers if refit_epochs == "median" and t.is_early_stopping_refit]
            _run_towers([t for t in towers if t not in waiting], X, best_epochs, **how)
            for tower in waiting:
                best = best_epochs[tower.fit.name]
                if best:
                    tower.job = tower.job.with_all_rows(int(np.median(best)))
            _run_towers(waiting, X, best_epochs, **how)


@dataclass(eq=False)
class _Tower:
    """A fit of a network, its learner, and the job that it planned."""

    fit: Fit
    learner: Any
    job: Any

    @property
    def is_early_stopping_refit(self) -> bool:
        return self.fit.fold is None and self.job.early_stopping is not None


def _plan(
    fits: Sequence[Fit], X: Any, y: np.ndarray, policy: Policy, pool: ArrayPool
) -> tuple[list[_Tower], list[Fit]]:
    """Tell networks from others, and plan their jobs."""
    towers: list[_Tower] = []
    plain: list[Fit] = []
    for fit in fits:
        if fit.name in policy.lost:
            continue
        with policy.watch(fit):
            plan = _plan_tower(fit, X, y)
            if plan is None:
                plain.append(fit)
            else:
                learner, job = plan
                job = replace(job, X=pool.share(job.X), y=pool.share(job.y))
                towers.append(_Tower(fit, learner, job))
    return towers, plain


def _plan_tower(fit: Fit, X: Any, y: np.ndarray) -> tuple[Any, Any] | None:
    """Return the tower learner and its job, or None if this fit is a plain one."""
    learner = clone(fit.learner)
    is_pipeline = isinstance(learner, Pipeline)
    last = adapt(learner.steps[-1][1] if is_pipeline else learner)
    weights = fit.params.get("sample_weight")
    if not hasattr(last, "plan_job") or set(fit.params) - {"sample_weight"}:
        return None
    if not is_pipeline:
        fit.fitted = last
        job = last.plan_job(X, y, rows=fit.train, sample_weight=weights, name=fit.label)
        return last, job
    if weights is not None:  # Pipeline.fit routes it, or refuses it
        return None
    rows = np.arange(len(y)) if fit.train is None else fit.train
    steps = learner.steps[:-1]
    # Whatever comes before the network is fitted on this fold's training rows alone.
    transformed, target = _safe_indexing(X, rows), y[rows]
    if steps:
        # A Pipeline caches what comes before its last step, which is the network otherwise.
        head = Pipeline([*steps, ("network", "passthrough")], memory=learner.memory)
        transformed = head.fit_transform(transformed, target)
        steps = head.steps[:-1]
    learner.steps = [*steps, (learner.steps[-1][0], last)]
    fit.fitted = learner
    return last, last.plan_job(transformed, target, name=fit.label)


def _run_towers(
    towers: Sequence[_Tower],
    X: Any,
    best_epochs: dict[str, list[int]],
    *,
    n_jobs: int | None,
    progress: Any,
    memory: Any,
    policy: Policy,
) -> None:
    towers = [tower for tower in towers if tower.fit.name not in policy.lost]
    if not towers:
        return
    from stackens.training import train_with_memory

    trained = train_with_memory(
        [tower.job for tower in towers],
        [tower.learner for tower in towers],
        memory,
        n_jobs=n_jobs,
        progress=progress.epochs,
        on_error=policy.on_failure.replace("drop", "return"),
        deadline=policy.deadline,
    )
    for tower, network in zip(towers, trained, strict=True):
        fit = tower.fit
        with policy.watch(fit):
            if isinstance(network, Exception):
                raise network
            tower.learner.adopt(network)
            best_epochs[fit.name].append(network.best_epoch + 1)
            fit.seconds = network.seconds
            # In a search, the same rows are predicted for every candidate.
            with remembering_predictions(memory is not None):
                fit.predict(X)
            policy.check_predictions(fit)
