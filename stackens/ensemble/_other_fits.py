"""Fits of estimators that are no networks, by joblib."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from sklearn.base import clone
from sklearn.ensemble._base import _fit_single_estimator
from sklearn.utils import Bunch, _safe_indexing
from sklearn.utils.validation import _check_method_params

from stackens.ensemble._fit import Fit, Policy, told_where
from stackens.exceptions import TimeLimitError
from stackens.store import (
    KeptFit,
    check_memory,
    data_digest,
    fit_key,
    fit_once,
    prediction_key,
    warn_of_no_keys,
)
from stackens.training import Progress


def run_others(
    fits: Sequence[Fit],
    X: Any,
    y: np.ndarray,
    *,
    n_jobs: int | None,
    progress: Progress,
    memory: Any,
    policy: Policy,
) -> None:
    """Fit estimators one by one, or in processes; the results are put into the fits.

    Parameters
    ----------
    fits : sequence of Fit
        What to fit.
    X, y : array-like of shape (n_samples, ...)
        All rows.
    n_jobs, progress, memory, policy
        As for ``Run``.
    """
    store = check_memory(memory)
    keys: list[Any] = [None if store is None else _key_of(fit, X, y) for fit in fits]
    if memory is not None and store is not None:
        warn_of_no_keys([fit.label for fit in fits], keys)
    started: list[Fit] = []
    process = os.getpid()

    def tasks() -> Iterator[Any]:
        for fit, key in zip(fits, keys, strict=True):
            if fit.name not in policy.lost:  # by one of its folds, meanwhile
                started.append(fit)
                progress.describe(fit.label)
                yield delayed(_fit_plain)(fit, X, y, store, key, policy, process)

    backend, _ = get_active_backend()
    lazily = {"return_as": "generator"} if backend.supports_return_generator else {}
    for i, result in enumerate(Parallel(n_jobs=n_jobs, **lazily)(tasks())):
        fit = started[i]
        progress.advance(1, fit.label)
        if isinstance(result, Exception):
            policy.note(fit, result)
            continue
        result, fit.is_served, fit.cpu_seconds = result
        fit.fitted, fit.predictions, fit.seconds = result.estimator, result.values, result.seconds
        if fit.fitted is None:  # what a fold's model predicted is there, and what it can predict
            fit.fitted = Bunch() if result.classes is None else Bunch(classes_=result.classes)
        with policy.watch(fit):
            policy.check_predictions(fit)


def _key_of(fit: Fit, X: Any, y: np.ndarray) -> Any:
    data = data_digest(X, y, rows=fit.train, params=fit.params)
    if fit.test is None:
        return fit_key(fit.learner, data)
    return prediction_key(fit.learner, data, X, rows=fit.test, method=fit.method)


def _fit_plain(
    fit: Fit, X: Any, y: np.ndarray, store: Any, key: Any, policy: Policy, caller: int
) -> tuple[KeptFit, bool, float] | Exception:
    """Return the fit, whether it came from the store, and the time of another process; or why not.

    Parameters
    ----------
    caller : int
        The process whose time is measured elsewhere.
    """
    if policy.is_late:
        return TimeLimitError(f"The time limit came before {fit.label} was fitted.")
    started = time.process_time()
    try:
        with told_where(fit):
            kept, is_served = _fit_or_take(fit, X, y, store, key, policy)
    except TimeLimitError as error:
        return error
    except Exception as error:
        if policy.on_failure == "raise":
            raise
        return error
    elsewhere = os.getpid() != caller
    return kept, is_served, time.process_time() - started if elsewhere else 0.0


def _fit_or_take(
    fit: Fit, X: Any, y: np.ndarray, store: Any, key: Any, policy: Policy
) -> tuple[KeptFit, bool]:
    if store is None:
        return _fit_and_predict(fit, X, y), False
    is_served = True

    def make() -> KeptFit:
        nonlocal is_served
        is_served = False
        return _fit_and_predict(fit, X, y)

    kept = fit_once(key, store, make, needs_estimator=fit.needs_estimator, deadline=policy.deadline)
    if is_served:
        with fit.task.fitting(None, **fit.data(X, y)):
            pass
    return kept, is_served


def _fit_and_predict(fit: Fit, X: Any, y: np.ndarray) -> KeptFit:
    started = time.perf_counter()
    learner = clone(fit.learner)
    with fit.task.fitting(learner, **fit.data(X, y)):
        if fit.train is None:
            fit.fitted = _fit_single_estimator(learner, X, y, fit.params)
        else:
            params = _check_method_params(X, fit.params, indices=fit.train)
            fit.fitted = _fit_single_estimator(
                learner, _safe_indexing(X, fit.train), y[fit.train], params
            )
    fit.predict(X)
    classes = getattr(fit.fitted, "classes_", None)
    classes = classes if isinstance(classes, np.ndarray) else None
    return KeptFit(fit.predictions, classes, time.perf_counter() - started, fit.fitted)
