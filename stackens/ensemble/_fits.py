"""A flat list of fits, run together: towers in one training run, others by joblib."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.ensemble._base import _fit_single_estimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, _safe_indexing
from sklearn.utils.validation import _check_method_params

from stackens.sequences import is_memory_map, reading_files_once
from stackens.training import (
    ArrayPool,
    KeptFit,
    adapt,
    check_memory,
    data_digest,
    fit_key,
    fit_once,
    prediction_key,
    warn_of_no_keys,
)

__all__ = ["Fit", "adapt_learner", "run_fits"]

# Rows of a memory map that are predicted at once.
_ROWS_BYTES = 16 * 2**20


def adapt_learner(learner: Any) -> Any:
    """Return what trains in the learner's place; of a Pipeline, its last step is adapted."""
    if not isinstance(learner, Pipeline):
        return adapt(learner)
    *before, (name, last) = learner.steps
    adapted = copy.copy(learner)
    adapted.steps = [*before, (name, adapt(last))]
    return adapted


@dataclass
class Fit:
    """One learner to be fitted on one set of rows.

    Attributes
    ----------
    learner : estimator
        Not changed; ``fitted`` is a clone.
    name : str
        The learner's name.
    fold : int or None
        None is the refit on all rows.
    train, test : ndarray of int or None
        Rows to fit on (None = all) and to predict.
    method : str
        What to predict with.
    params : dict
        Metadata for ``fit``, of all rows.
    fitted : estimator
        Result.
    predictions : ndarray or list of ndarray
        Of the rows ``test``.
    seconds : float
        Wall time, side by side with others.
    needs_estimator : bool
        Whether ``fitted`` will predict: the refits, or the fold models without refits.
    """

    learner: Any
    name: str
    fold: int | None
    train: np.ndarray | None
    test: np.ndarray | None
    method: str
    params: dict[str, Any] = field(default_factory=dict)
    fitted: Any = None
    predictions: Any = None
    seconds: float = 0.0
    needs_estimator: bool = True

    @property
    def label(self) -> str:
        """For messages."""
        part = "refit on all rows" if self.fold is None else f"fold {self.fold}"
        return f"{self.name}, {part}"

    def predict(self, X: Any) -> None:
        """Predict the held-out rows."""
        if self.test is None:
            return
        predict = getattr(self.fitted, self.method)
        if not is_memory_map(X):
            self.predictions = predict(_safe_indexing(X, self.test))
            return
        step = max(1, _ROWS_BYTES // max(1, X[:1].nbytes))  # never all of them in memory
        parts = [predict(X[self.test[i : i + step]]) for i in range(0, len(self.test), step)]
        self.predictions = np.concatenate(parts)


@contextmanager
def _told_where(fit: Fit) -> Iterator[None]:
    """Add to an error which learner raised it, and where; its type stays."""
    try:
        yield
    except Exception as error:
        error.add_note(f"Raised by learner {fit.name!r}, {fit.label.split(', ')[1]}.")
        raise


def run_fits(
    fits: Sequence[Fit],
    X: Any,
    y: np.ndarray,
    *,
    n_jobs: int | None,
    progress: Any,
    refit_epochs: str = "median",
    memory: Any = None,
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
    """
    towers = []
    plain = []
    pool = ArrayPool()
    with reading_files_once():
        for fit in fits:
            with _told_where(fit):
                plan = _plan_tower(fit, X, y)
            if plan is None:
                plain.append(fit)
            else:
                learner, job = plan
                job = replace(job, X=pool.share(job.X), y=pool.share(job.y))
                towers.append(_Tower(fit, learner, job))
        _run_plain(plain, X, y, n_jobs, progress, memory)
        waiting = [t for t in towers if refit_epochs == "median" and t.is_early_stopping_refit]
        first = [t for t in towers if t not in waiting]
        _run_towers(first, X, n_jobs, progress, memory)
        for tower in waiting:
            best = [t.best_epoch + 1 for t in first if t.fit.name == tower.fit.name]
            if best:
                tower.job = tower.job.with_all_rows(int(np.median(best)))
        _run_towers(waiting, X, n_jobs, progress, memory)


@dataclass(eq=False)
class _Tower:
    """A fit of a network, its learner, and the job that it planned."""

    fit: Fit
    learner: Any
    job: Any
    best_epoch: int = -1

    @property
    def is_early_stopping_refit(self) -> bool:
        return self.fit.fold is None and self.job.early_stopping is not None


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
    towers: Sequence[_Tower], X: Any, n_jobs: int | None, progress: Any, memory: Any
) -> None:
    if not towers:
        return
    from stackens.training import train_with_memory

    trained = train_with_memory(
        [tower.job for tower in towers],
        [tower.learner for tower in towers],
        memory,
        n_jobs=n_jobs,
        progress=progress.epochs,
    )
    for tower, network in zip(towers, trained, strict=True):
        with _told_where(tower.fit):
            tower.learner.adopt(network)
            tower.best_epoch = network.best_epoch
            tower.fit.seconds = network.seconds
            tower.fit.predict(X)


def _run_plain(
    fits: Sequence[Fit], X: Any, y: np.ndarray, n_jobs: int | None, progress: Any, memory: Any
) -> None:
    if not fits:
        return
    store = check_memory(memory)
    keys: list[Any] = [None if store is None else _key_of(fit, X, y) for fit in fits]
    if store is not None:
        warn_of_no_keys([fit.label for fit in fits], keys)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_fit_plain)(fit, X, y, store, key) for fit, key in zip(fits, keys, strict=True)
    )
    for fit, kept in zip(fits, results, strict=True):
        fit.fitted, fit.predictions, fit.seconds = kept.estimator, kept.values, kept.seconds
        if fit.fitted is None:  # what a fold's model predicted is there, and what it can predict
            fit.fitted = Bunch() if kept.classes is None else Bunch(classes_=kept.classes)
        progress.fit_done(fit.label)


def _key_of(fit: Fit, X: Any, y: np.ndarray) -> Any:
    data = data_digest(X, y, rows=fit.train, params=fit.params)
    if fit.test is None:
        return fit_key(fit.learner, data)
    return prediction_key(fit.learner, data, X, rows=fit.test, method=fit.method)


def _fit_plain(fit: Fit, X: Any, y: np.ndarray, store: Any, key: Any) -> KeptFit:
    with _told_where(fit):
        if store is None:
            return _fit_and_predict(fit, X, y)
        return fit_once(
            key, store, lambda: _fit_and_predict(fit, X, y), needs_estimator=fit.needs_estimator
        )


def _fit_and_predict(fit: Fit, X: Any, y: np.ndarray) -> KeptFit:
    started = time.perf_counter()
    if fit.train is None:
        fit.fitted = _fit_single_estimator(clone(fit.learner), X, y, fit.params)
    else:
        params = _check_method_params(X, fit.params, indices=fit.train)
        fit.fitted = _fit_single_estimator(
            clone(fit.learner), _safe_indexing(X, fit.train), y[fit.train], params
        )
    fit.predict(X)
    classes = getattr(fit.fitted, "classes_", None)
    classes = classes if isinstance(classes, np.ndarray) else None
    return KeptFit(fit.predictions, classes, time.perf_counter() - started, fit.fitted)
