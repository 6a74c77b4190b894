"""Why a stack may not beat its best learner: what its fitted attributes tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.inspection._fitted_stack import check_stack, learner_names
from stackens.inspection._learner_correlation_display import LearnerCorrelationDisplay

_LEAST_COVERAGE = 0.75  # of the rows
_ROWS_PER_COLUMN = 5  # of the level-one matrix; with fewer a linear model fits noise
_ALIKE = 0.95  # correlation of errors
_LOSS_RATIO = 2.0  # held-out loss to training loss
_LOSS_GAP = 0.2  # of the loss of who knows only how frequent the classes are
_CARRIED_RECALL, _CARRIED_LEAD = 0.5, 0.25
_CLASS_ROWS = 10  # below, a recall says little


@dataclass(frozen=True)
class Finding:
    """One thing that keeps a stack from being better.

    Attributes
    ----------
    kind : {"coverage", "few_rows", "alike", "overfitting", "carried_class", "dropped", \
            "fallback", "final_estimator"}
        What it is.
    title : str
        In a few words.
    text : str
        Numbers, and what to do.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from stackens import StackingClassifier
    >>> from stackens.inspection import diagnose
    >>> X, y = load_iris(return_X_y=True)
    >>> twins = [(name, LogisticRegression(max_iter=1000)) for name in ("one", "other")]
    >>> [finding.kind for finding in diagnose(StackingClassifier(twins).fit(X, y))]
    ['alike']
    """

    kind: str
    title: str
    text: str


def diagnose(stack: Any) -> list[Finding]:
    """Look for what keeps a stack from beating its best learner.

    Parameters
    ----------
    stack : StackingClassifier or StackingRegressor
        Fitted, with out-of-fold predictions. Nothing is trained.

    Returns
    -------
    list of Finding
        Empty if nothing was found. Looked for are: rows that were never held out (below 75 %
        covered); few rows for the columns that the final estimator sees (below 5 for each);
        learners whose errors have a correlation of 0.95 or more; networks whose held-out loss is
        far above their training loss in at least half of the folds; classes that a single learner
        recognises; learners that failed; a fallback that predicts; and a stack whose honest score
        is more than two standard errors below its best learner or the average of all.

    Raises
    ------
    InvalidInputError
        If there are no out-of-fold predictions, or several labels a row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from stackens import StackingClassifier
    >>> from stackens.inspection import diagnose
    >>> X, y = load_iris(return_X_y=True)
    >>> twins = [("a", LogisticRegression(max_iter=1000)), ("b", LogisticRegression(max_iter=999))]
    >>> [finding.title for finding in diagnose(StackingClassifier(twins).fit(X, y))]
    ['Learners are nearly identical']
    """
    check_stack(stack, "diagnose")
    outputs = {name: stack.out_of_fold(name) for name in learner_names(stack)}
    found = [check(stack, outputs) for check in _CHECKS]
    return [finding for finding in found if finding is not None]


def _coverage(stack: Any, outputs: dict[str, Any]) -> Finding | None:
    n_covered, n_rows = len(stack.out_of_fold_predictions_.row_index), len(stack.coverage_)
    if n_covered >= _LEAST_COVERAGE * n_rows:
        return None
    return Finding(
        "coverage",
        "Few rows are covered",
        f"Only {n_covered} of {n_rows} rows ({n_covered / n_rows:.0%}) were held out by a split, "
        "and only these train the final estimator. Use splits that hold out more rows.",
    )


def _few_rows(stack: Any, outputs: dict[str, Any]) -> Finding | None:
    kept = stack.out_of_fold_predictions_
    n_rows, n_columns = kept.matrix.shape
    final = getattr(stack.final_estimator_, "best_estimator_", stack.final_estimator_)
    blends = isinstance(getattr(final, "weights_", None), dict)
    if blends or n_rows >= _ROWS_PER_COLUMN * n_columns:
        return None
    return Finding(
        "few_rows",
        "Few rows for the final estimator",
        f"The final estimator learns from {n_rows} rows what to do with {n_columns} columns, and "
        "may fit their noise. A blend, which has one weight for each learner (ConvexBlend…), "
        "or stronger regularisation needs fewer rows.",
    )


def _alike(stack: Any, outputs: dict[str, Any]) -> Finding | None:
    correlation = LearnerCorrelationDisplay.from_estimator(stack).correlation
    names = list(outputs)
    pairs = [
        f"{names[i]} and {names[j]} ({correlation[i, j]:.2f})"
        for i in range(len(names))
        for j in range(i)
        if correlation[i, j] >= _ALIKE
    ]
    if not pairs:
        return None
    return Finding(
        "alike",
        "Learners are nearly identical",
        f"They err in the same places, so that one adds little to the other: {', '.join(pairs)}, "
        "correlation of errors in brackets. Use learners of another kind, or other views of the "
        "data.",
    )


def _overfitting(stack: Any, outputs: dict[str, Any]) -> Finding | None:
    found = []
    for name, parts in stack.histories_.items():
        folds = {part: history for part, history in parts.items() if part != "refit"}
        if name not in outputs or len(folds) != len(stack.out_of_fold_predictions_.splits):
            continue
        if not _has_plain_loss(stack, name, outputs[name]):
            continue
        losses = [
            (_kept_loss(history), _held_out_loss(stack, outputs[name], int(part.split()[1])))
            for part, history in folds.items()
        ]
        baseline = _baseline_loss(stack, outputs[name])
        gaps = [
            (train, test)
            for train, test in losses
            if test > _LOSS_RATIO * train and test - train > _LOSS_GAP * baseline
        ]
        if 2 * len(gaps) >= len(losses):
            train, test = np.mean(gaps, axis=0)
            found.append(
                f"{name} in {len(gaps)} of {len(losses)} folds (mean loss {train:.3g} on the rows "
                f"that it was trained on, {test:.3g} on the others)"
            )
    if not found:
        return None
    return Finding(
        "overfitting",
        "Folds overfit",
        f"{'; '.join(found)}. Use dropout, early stopping, fewer epochs, fewer units or more rows.",
    )


def _kept_loss(history: dict[str, list[float]]) -> float:
    """Return the training loss of the epoch whose weights were kept."""
    losses = history["loss"]
    watched = history.get("val_loss")
    return losses[-1] if not watched else losses[int(np.argmin(watched))]


def _held_out_loss(stack: Any, outputs: Any, fold: int) -> float:
    rows = outputs.fold == fold
    if hasattr(stack, "classes_"):
        codes = np.searchsorted(stack.classes_, outputs.y_true[rows])
        probabilities = outputs.y_proba[rows][np.arange(len(codes)), codes]
        return float(-np.log(np.clip(probabilities, 1e-7, 1)).mean())
    return float(np.mean((outputs.y_pred[rows] - outputs.y_true[rows]) ** 2))


def _baseline_loss(stack: Any, outputs: Any) -> float:
    """Return the loss of who knows only how frequent the classes are, or the mean."""
    if not hasattr(stack, "classes_"):
        return float(np.mean(np.var(outputs.y_true, axis=0)))
    shares = np.unique(outputs.y_true, return_counts=True)[1] / len(outputs.y_true)
    return float(-(shares * np.log(shares)).sum())


def _has_plain_loss(stack: Any, name: str, outputs: Any) -> bool:
    """Whether the training loss is the one that is computed here."""
    if hasattr(stack, "classes_") and outputs.y_proba is None:
        return False
    learner = stack.named_estimators_[name]
    learner = getattr(learner, "estimators", [learner])[0]  # an average of fold models
    learner = learner.steps[-1][1] if hasattr(learner, "steps") else learner
    loss = getattr(learner, "loss", None)
    if hasattr(stack, "classes_"):
        plain = isinstance(loss, str) and "crossentropy" in loss and "focal" not in loss
    else:
        plain = loss == "mean_squared_error"
    return loss is None or plain


def _carried_class(stack: Any, outputs: dict[str, Any]) -> Finding | None:
    if not hasattr(stack, "classes_") or len(outputs) < 2:
        return None
    found = []
    for label in stack.classes_:
        rows = next(iter(outputs.values())).y_true == label
        if rows.sum() < _CLASS_ROWS:
            continue
        recalls = {name: float(np.mean(o.y_pred[rows] == label)) for name, o in outputs.items()}
        (best, first), (_, second) = sorted(recalls.items(), key=lambda item: -item[1])[:2]
        if first >= _CARRIED_RECALL and first - second >= _CARRIED_LEAD:
            found.append(f"class {label} by {best} (recall {first:.2f}, the next {second:.2f})")
    if not found:
        return None
    return Finding(
        "carried_class",
        "A class is carried by one learner",
        f"Recognised by one learner only: {'; '.join(found)}. Where it errs nobody corrects it: "
        "give other learners what it sees.",
    )


def _dropped(stack: Any, outputs: dict[str, Any]) -> Finding | None:
    if not stack.failures_:
        return None
    reasons = "; ".join(f"{name}: {reason}" for name, reason in stack.failures_.items())
    return Finding("dropped", "Learners are missing", f"The stack is without them. {reasons}")


def _fallback(stack: Any, outputs: dict[str, Any]) -> Finding | None:
    if stack.predicts_with_ == "stack":
        return None
    who = stack.predicts_with_
    who = "The average of all learners" if who == "average" else f"The learner {who}"
    return Finding(
        "fallback",
        "The stack does not predict",
        f"{who} predicts in its place, since its honest score did not beat it (`fallback`).",
    )


def _final_estimator(stack: Any, outputs: dict[str, Any]) -> Finding | None:
    board = stack.leaderboard()
    if not np.isfinite(board.loc["stack", "difference"]):  # nobody knows how good it is
        return None
    gaps = board["difference"] - board.loc["stack", "difference"]  # of the others to the stack
    best, error = str(gaps.idxmax()), float(board.loc["stack", "standard_error"])
    gap = float(gaps[best])
    if stack.predicts_with_ != "stack" or not gap > 2 * error:
        return None
    who = "The average of all learners" if best == "average" else f"The learner {best}"
    return Finding(
        "final_estimator",
        "The final estimator loses what the learners know",
        f"{who} is better than the stack by {gap:.3g}, more than twice the standard error: the "
        "final estimator fits noise. Regularise it more strongly (a smaller C of "
        "LogisticRegression), take a blend (ConvexBlend…), or let `fallback` decide.",
    )


_CHECKS = (
    _coverage,
    _few_rows,
    _alike,
    _overfitting,
    _carried_class,
    _dropped,
    _fallback,
    _final_estimator,
)
