"""What is left of a plan when learners failed, or time ran out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stackens.ensemble._plan import Plan
from stackens.exceptions import (
    LearnerDroppedWarning,
    NoLearnerLeftError,
    TimeLimitError,
    TimeLimitWarning,
    warn_user,
)


def what_is_left(plan: Plan, y: np.ndarray, *, classifier: bool) -> tuple[Plan, dict[str, str]]:
    """Leave out learners that failed in any fold, and what is not there in time.

    Parameters
    ----------
    plan : Plan
        Whose fits have run.
    y : ndarray of shape (n_samples, ...)
        Target.
    classifier : bool
        Whether ``y`` holds classes.

    Returns
    -------
    plan, failures
        What the stack is made of, and a reason for each learner that is gone.

    Raises
    ------
    NoLearnerLeftError
        If every learner failed.
    TimeLimitError
        If there is no learner with predictions to train the final estimator on.
    """
    failures: dict[str, str] = {}
    for fit in plan.fits:
        if fit.error is not None and not isinstance(fit.error, TimeLimitError):
            reason = f"{type(fit.error).__name__} in {fit.part}: {fit.error}"
            failures.setdefault(fit.name, reason)
    names = [name for name in plan.learners if name not in failures]
    if not names:
        reasons = "\n".join(f"- {name}: {reason}" for name, reason in failures.items())
        first = next(f.error for f in plan.fits if f.error is not None)
        raise NoLearnerLeftError(f"All learners failed:\n{reasons}") from first
    for name, reason in failures.items():
        warn_user(
            f"Learner {name!r} is not part of the stack. {reason}",
            LearnerDroppedWarning,
        )
    folds = list(plan.splits)
    if not all(fit.is_done for fit in plan.fits if fit.name in names):
        kept, folds = _choose_finished(plan, names, y, classifier=classifier)
        missing = _tell_what_is_missing(plan, names, kept, folds)
        warn_user(
            f"`time_limit` was reached: {'; '.join(missing)}.",
            TimeLimitWarning,
        )
        failures |= {name: "`time_limit` came first" for name in names if name not in kept}
        names = kept
    return plan.of(names, folds), failures


def _choose_finished(
    plan: Plan, names: Sequence[str], y: np.ndarray, *, classifier: bool
) -> tuple[list[str], list[int]]:
    """Choose the learners and splits that the final estimator can be trained on.

    Every learner that is chosen has predicted every split that is chosen. Among such choices the
    one with most predictions is taken: the product of both numbers.
    """
    done = {name: {f.fold for f in plan.fits if f.name == name and f.is_done} for name in names}
    by_folds = sorted(names, key=lambda name: -len(done[name] - {None}))
    best: tuple[int, list[str], list[int]] = (0, [], [])
    common = set(plan.splits)
    for k, name in enumerate(by_folds, start=1):
        common = {fold for fold in common if fold in done[name]}
        rows = [plan.splits[fold][1] for fold in sorted(common)]
        if k * len(common) > best[0] and _can_train(y, rows, classifier=classifier):
            best = (k * len(common), by_folds[:k], sorted(common))
    _, kept, folds = best
    if not kept:
        raise TimeLimitError(
            "`time_limit` came before any learner had predicted enough held-out rows to train the "
            "final estimator. Allow more time, or use smaller learners or fewer folds"
            " (with `memory`, the next fit goes on from here)."
        )
    return [name for name in names if name in kept], folds


def _can_train(y: np.ndarray, rows: list[np.ndarray], *, classifier: bool) -> bool:
    covered = np.unique(np.concatenate(rows)) if rows else np.array([], int)
    if len(covered) < 2 or not classifier or y.ndim > 1:
        return len(covered) >= 2
    return len(np.unique(y[covered])) == len(np.unique(y))


def _tell_what_is_missing(
    plan: Plan, names: Sequence[str], kept: Sequence[str], folds: Sequence[int]
) -> list[str]:
    parts = []
    gone = [name for name in names if name not in kept]
    if gone:
        parts.append(f"the stack is without {', '.join(gone)}")
    if len(folds) < len(plan.splits):
        parts.append(
            f"the rows held out by {len(plan.splits) - len(folds)} of {len(plan.splits)} splits do "
            "not train the final estimator"
        )
    averaged = [f.name for f in plan.fits if f.fold is None and f.name in kept and not f.is_done]
    if averaged:
        parts.append(f"{', '.join(averaged)}: fold models predict in place of a refit")
    return parts
