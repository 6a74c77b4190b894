"""What a stack is built from when learners failed or time ran out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from stackens.ensemble._fit import Fit
from stackens.exceptions import (
    LearnerDroppedWarning,
    NoLearnerLeftError,
    TimeLimitError,
    TimeLimitWarning,
)

__all__ = ["drop_failed", "keep_finished"]


def drop_failed(fits: Sequence[Fit], names: Sequence[str]) -> tuple[list[Fit], dict[str, str]]:
    """Take learners that failed in any fold out of all folds.

    Parameters
    ----------
    fits : sequence of Fit
        After they ran.
    names : sequence of str
        Of the learners.

    Returns
    -------
    fits, failures
        The fits of the others, and a reason for each learner that is gone.

    Raises
    ------
    NoLearnerLeftError
        If every learner failed.
    """
    failures: dict[str, str] = {}
    for fit in fits:
        if fit.error is not None and not isinstance(fit.error, TimeLimitError):
            reason = f"{type(fit.error).__name__} in {fit.part}: {fit.error}"
            failures.setdefault(fit.name, reason)
    if len(failures) == len(names):
        reasons = "\n".join(f"- {name}: {reason}" for name, reason in failures.items())
        first = next(f.error for f in fits if f.error is not None)
        raise NoLearnerLeftError(f"All learners failed:\n{reasons}") from first
    for name, reason in failures.items():
        warnings.warn(
            f"Learner {name!r} is not part of the stack. {reason}",
            LearnerDroppedWarning,
            stacklevel=6,
        )
    return [fit for fit in fits if fit.name not in failures], failures


def keep_finished(
    fits: Sequence[Fit], names: Sequence[str], n_splits: int, y: np.ndarray, *, classifier: bool
) -> tuple[list[str], list[int]]:
    """Choose the learners and splits that the final estimator can be trained on.

    Every learner that is chosen has predicted every split that is chosen. Among such choices the
    one with most predictions is taken: the product of both numbers.

    Parameters
    ----------
    fits : sequence of Fit
        After a time limit.
    names : sequence of str
        Of the learners that did not fail.
    n_splits : int
        How many splits there are.
    y : ndarray of shape (n_samples, ...)
        Target.
    classifier : bool
        Whether ``y`` holds classes.

    Returns
    -------
    names, splits
        The learners, and the numbers of the splits.

    Raises
    ------
    TimeLimitError
        If there is no learner with predictions to train the final estimator on.
    """
    done = {name: {f.fold for f in fits if f.name == name and f.is_done} for name in names}
    by_folds = sorted(names, key=lambda name: -len(done[name] - {None}))
    held_out = {f.fold: f.test for f in fits if f.test is not None}
    best: tuple[int, list[str], list[int]] = (0, [], [])
    common = set(range(n_splits))
    for k, name in enumerate(by_folds, start=1):
        common = {fold for fold in common if fold in done[name]}
        rows = [held_out[fold] for fold in sorted(common)]
        if k * len(common) > best[0] and _can_train(y, rows, classifier=classifier):
            best = (k * len(common), by_folds[:k], sorted(common))
    _, kept, splits = best
    if not kept:
        raise TimeLimitError(
            "`time_limit` came before any learner had predicted enough held-out rows to train the "
            "final estimator. Allow more time, or use smaller learners or fewer folds"
            " (with `memory`, the next fit goes on from here)."
        )
    _tell_what_is_missing(fits, names, kept, n_splits, splits)
    return [name for name in names if name in kept], splits


def _can_train(y: np.ndarray, rows: list[np.ndarray], *, classifier: bool) -> bool:
    covered = np.unique(np.concatenate(rows)) if rows else np.array([], int)
    if len(covered) < 2 or not classifier or y.ndim > 1:
        return len(covered) >= 2
    return len(np.unique(y[covered])) == len(np.unique(y))


def _tell_what_is_missing(
    fits: Sequence[Fit], names: Sequence[str], kept: list[str], n_splits: int, splits: list[int]
) -> None:
    parts = []
    gone = [name for name in names if name not in kept]
    if gone:
        parts.append(f"the stack is without {', '.join(gone)}")
    if len(splits) < n_splits:
        missing = n_splits - len(splits)
        parts.append(
            f"the rows held out by {missing} of {n_splits} splits do not train the final estimator"
        )
    averaged = [f.name for f in fits if f.fold is None and f.name in kept and not f.is_done]
    if averaged:
        parts.append(f"{', '.join(averaged)}: fold models predict in place of a refit")
    if parts:
        warnings.warn(
            f"`time_limit` was reached: {'; '.join(parts)}.", TimeLimitWarning, stacklevel=7
        )
