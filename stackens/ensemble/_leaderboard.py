"""Learners, their average and the stack in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils.validation import check_is_fitted

from stackens.ensemble._cross_fit import (
    average,
    check_comparable,
    cross_fit_final,
    final_outputs,
    join_outputs,
    own_final_estimator,
    wrap_blocks,
)
from stackens.ensemble._fit import as_arrays, last_step
from stackens.ensemble._out_of_fold import align_classes
from stackens.exceptions import InvalidInputError
from stackens.parameters import did_you_mean

# A row's part in a score that is a mean over rows: f(labels or values, outputs, classes).
_ROW_SCORES: dict[str, Callable[..., np.ndarray]] = {
    "accuracy": lambda y, out: (out.predict(None) == y).astype(float),
    "neg_log_loss": lambda y, out: np.log(
        np.clip(out.outputs[np.arange(len(y)), np.searchsorted(out.classes_, y)], 1e-15, 1)
    ),
    "neg_mean_squared_error": lambda y, out: -((y - out.predict(None)) ** 2),
    "neg_mean_absolute_error": lambda y, out: -np.abs(y - out.predict(None)),
    "r2": lambda y, out: 1 - (y - out.predict(None)) ** 2 / np.var(y),
}

_COLUMNS = (
    "out_of_fold",
    "test",
    "difference",
    "standard_error",
    "seconds",
    "cpu_seconds",
    "parameters",
)

_OF_PROBABILITIES = ("predict_proba", "predict_log_proba", "decision_function")


_PATIENCE = 2.0  # seconds that a notebook may compute for what it only shows

# By final estimator, so that a notebook that shows a stack again computes nothing.
_SHOWN: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def make_leaderboard(stack: Any, X: Any, y: Any, scoring: Any) -> Any:
    """Return the table described at ``leaderboard`` of the stacking estimators."""
    import pandas as pd

    check_comparable(stack, "leaderboard")
    if (X is None) != (y is None):
        raise ValueError("`leaderboard` needs both `X` and `y`, or neither.")
    scoring = choose_scoring(stack, scoring)
    kept = stack.out_of_fold_predictions_
    held_out = _learner_outputs(stack, list(kept.blocks.values()), stack._block_methods)
    try:
        held_out["stack"], stack_rows = cross_fit_final(stack)
    except InvalidInputError:  # too few held-out rows for it; the others' scores are known
        stack_rows = np.arange(len(kept.y))
    table: dict[str, dict[str, Any]] = {name: {} for name in (*held_out, "stack")}
    for name, outputs in held_out.items():
        rows = stack_rows if name == "stack" else np.arange(len(kept.y))
        table[name]["out_of_fold"] = score_outputs(outputs, kept.y, scoring, rows)
    best = max(kept.blocks, key=lambda name: table[name]["out_of_fold"])
    for name, outputs in held_out.items():
        table[name] |= difference_of(outputs, held_out[best], kept, scoring, stack_rows)
    if X is not None:
        for name, outputs in _test_outputs(stack, X).items():
            table[name]["test"] = score_outputs(outputs, np.asarray(y), scoring, np.arange(len(y)))
    _add_costs(stack, table)
    frame = pd.DataFrame.from_dict(table, orient="index")
    frame = frame[[c for c in _COLUMNS if c in frame]]
    frame["predicts"] = frame.index == stack.predicts_with_
    reasons = stack.failures_ | getattr(stack, "pruned_", {})  # a file may be older than that
    if reasons:
        frame["note"] = [reasons.get(name, "") for name in frame.index]
    return frame.sort_values("out_of_fold", ascending=False, kind="stable")


def _learner_outputs(stack: Any, blocks: list[np.ndarray], methods: list[str]) -> dict[str, Any]:
    """Wrap level-one blocks as estimators, and add their average."""
    classes = stack.classes_ if is_classifier(stack) else None
    wrapped = wrap_blocks(blocks, methods, classes)
    named = dict(zip(stack.out_of_fold_predictions_.blocks, wrapped, strict=True))
    return {**named, "average": average(wrapped)}


def _test_outputs(stack: Any, X: Any) -> dict[str, Any]:
    blocks = []
    for estimator, method in zip(stack.estimators_, stack.stack_method_, strict=True):
        outputs = as_arrays(getattr(estimator, method)(X))
        if is_classifier(stack):
            outputs = align_classes(outputs, estimator, len(stack.classes_), method)
        blocks.append(np.reshape(outputs, (len(outputs), -1)))
    # Two columns of probabilities become one, as level one keeps them.
    blocks = [
        block[:, 1:] if method == "predict_proba" and block.shape[1] == 2 else block
        for block, method in zip(blocks, stack.stack_method_, strict=True)
    ]
    result = _learner_outputs(stack, blocks, stack.stack_method_)
    matrix = stack.transform(X)
    matrix = matrix.to_numpy() if hasattr(matrix, "to_numpy") else matrix
    final = own_final_estimator(stack)
    parts = [(np.arange(len(matrix)), final, final_outputs(final, matrix))]
    result["stack"], _ = join_outputs(stack, parts, len(matrix))
    return result


def choose_scoring(stack: Any, scoring: Any) -> Any:
    """Return the score to compare by; None is the usual one."""
    if scoring is None:
        return "accuracy" if is_classifier(stack) else "r2"
    if isinstance(scoring, list | tuple | set | dict):
        raise InvalidInputError(
            f"`scoring` must be one score, its name or a function; got {type(scoring).__name__} of "
            f"{len(scoring)}. Call it once for each."
        )
    if isinstance(scoring, str) and scoring not in (known := get_scorer_names()):
        raise InvalidInputError(
            f"`scoring` must be a name of `sklearn.metrics.get_scorer_names()`; got {scoring!r}."
            f"{did_you_mean(scoring, known)}"
        )
    return scoring


def score_outputs(outputs: Any, y: np.ndarray, scoring: Any, rows: np.ndarray) -> float:
    """Score wrapped outputs at some rows; NaN where the score needs what they have not."""
    scorer = check_scoring(outputs, scoring=scoring)
    try:
        return float(scorer(outputs, rows, y[rows]))
    except AttributeError as error:
        if not any(method in str(error) for method in _OF_PROBABILITIES):
            raise
        return float("nan")  # a score of probabilities, of a learner that gives labels only


def difference_of(outputs: Any, best: Any, kept: Any, scoring: Any, rows: np.ndarray) -> Any:
    """Paired difference to the best learner on the rows that all have, and its error."""
    if isinstance(scoring, str) and scoring in _ROW_SCORES and kept.y.ndim == 1:
        try:
            score = _ROW_SCORES[scoring]
            gaps = (score(kept.y, outputs) - score(kept.y, best))[rows]
        except (AttributeError, IndexError):  # labels only
            gaps = np.array([np.nan])
    else:
        folds = [rows[kept.fold[rows] == k] for k in np.unique(kept.fold[rows])]
        pairs = [
            (score_outputs(outputs, kept.y, scoring, r), score_outputs(best, kept.y, scoring, r))
            for r in folds
        ]
        gaps = np.array([a - b for a, b in pairs])
    error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.nan
    return {"difference": float(gaps.mean()), "standard_error": float(error)}


def _add_costs(stack: Any, table: dict[str, dict[str, Any]]) -> None:
    """Add what each learner took, left out or not, and what all took together."""
    sizes = [
        getattr(last_step(estimator), "n_parameters_", np.nan) for estimator in stack.estimators_
    ]
    for name, size in zip(stack.out_of_fold_predictions_.blocks, sizes, strict=True):
        table[name]["parameters"] = size
    wall, total = stack.fit_seconds_, float(np.nansum(sizes))
    cpu = getattr(stack, "fit_cpu_seconds_", dict.fromkeys(wall, np.nan))
    for name, seconds in wall.items():
        table.setdefault(name, {}).update(seconds=seconds, cpu_seconds=cpu[name])
    table["average"] |= {
        "seconds": sum(wall.values()),
        "cpu_seconds": sum(cpu.values()),
        "parameters": total,
    }
    table["stack"] |= {
        "seconds": stack.seconds_,
        "cpu_seconds": getattr(stack, "cpu_seconds_", np.nan),
        "parameters": total,
    }


def scores_to_show(stack: Any) -> tuple[Any, str]:
    """Return the leaderboard of a fitted stack, or None and why it is not shown."""
    try:
        check_is_fitted(stack)
        check_comparable(stack, "leaderboard")
    except (NotFittedError, InvalidInputError):
        return None, ""
    seconds = stack._final_seconds * len(stack.out_of_fold_predictions_.splits)
    if seconds > _PATIENCE:
        return None, f"Scores: `leaderboard()`, which takes about {seconds:.0f} s."
    if stack.final_estimator_ not in _SHOWN:
        try:
            _SHOWN[stack.final_estimator_] = stack.leaderboard()
        except InvalidInputError as error:  # splits on which the stack has no honest score
            return None, str(error)
    return _SHOWN[stack.final_estimator_], ""
