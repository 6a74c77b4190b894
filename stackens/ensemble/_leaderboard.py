"""Learners, their average and the stack in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier
from sklearn.metrics import check_scoring

__all__ = ["make_leaderboard"]

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


class _Outputs(BaseEstimator):
    """Outputs that exist already, in the shape of an estimator, for any scorer."""

    def __init__(self, outputs: np.ndarray) -> None:
        self.outputs = outputs

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any) -> Any:
        raise NotImplementedError


class _Values(RegressorMixin, _Outputs):
    def predict(self, X: Any) -> np.ndarray:
        return self.outputs if X is None else self.outputs[X]


class _Labels(ClassifierMixin, _Outputs):
    def __init__(self, outputs: np.ndarray, classes: np.ndarray) -> None:
        super().__init__(outputs)
        self.classes = classes

    @property
    def classes_(self) -> np.ndarray:
        return self.classes

    def predict(self, X: Any) -> np.ndarray:
        rows = slice(None) if X is None else X
        return self.outputs[rows]


class _Probabilities(_Labels):
    def predict(self, X: Any) -> np.ndarray:
        labels: np.ndarray = self.classes[self.predict_proba(X).argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> np.ndarray:
        return self.outputs if X is None else self.outputs[X]


class _Decisions(_Labels):
    def predict(self, X: Any) -> np.ndarray:
        values = self.decision_function(X)
        codes = (values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)
        labels: np.ndarray = self.classes[codes]
        return labels

    def decision_function(self, X: Any) -> np.ndarray:
        return self.outputs if X is None else self.outputs[X]


def make_leaderboard(stack: Any, X: Any, y: Any, scoring: Any) -> Any:
    """Return the table described at ``leaderboard`` of the stacking estimators."""
    import pandas as pd

    if not hasattr(stack, "out_of_fold_predictions_"):
        raise ValueError(
            "`leaderboard` needs out-of-fold predictions, which `cv='prefit'` has not."
        )
    if is_classifier(stack) and isinstance(stack.classes_, list):
        raise ValueError("`leaderboard` compares single-label targets; `y` has several labels.")
    if (X is None) != (y is None):
        raise ValueError("`leaderboard` needs both `X` and `y`, or neither.")
    scoring = scoring or ("accuracy" if is_classifier(stack) else "r2")
    kept = stack.out_of_fold_predictions_
    held_out = _learner_outputs(stack, list(kept.blocks.values()))
    held_out["stack"], stack_rows = _cross_fit_final(stack)
    table: dict[str, dict[str, Any]] = {name: {} for name in held_out}
    for name, outputs in held_out.items():
        rows = stack_rows if name == "stack" else np.arange(len(kept.y))
        table[name]["out_of_fold"] = _score(outputs, kept.y, scoring, rows)
    best = max(kept.blocks, key=lambda name: table[name]["out_of_fold"])
    for name, outputs in held_out.items():
        table[name] |= _difference(outputs, held_out[best], kept, scoring, stack_rows)
    if X is not None:
        for name, outputs in _test_outputs(stack, X).items():
            table[name]["test"] = _score(outputs, np.asarray(y), scoring, np.arange(len(y)))
    _add_costs(stack, table)
    columns = ["out_of_fold", "test", "difference", "standard_error", "seconds", "parameters"]
    frame = pd.DataFrame.from_dict(table, orient="index")
    frame = frame[[c for c in columns if c in frame]]
    frame["predicts"] = frame.index == "stack"
    return frame.sort_values("out_of_fold", ascending=False, kind="stable")


def _learner_outputs(stack: Any, blocks: list[np.ndarray]) -> dict[str, Any]:
    """Wrap level-one blocks as estimators, and add their average."""
    names = list(stack.out_of_fold_predictions_.blocks)
    if not is_classifier(stack):
        values = [block[:, 0] for block in blocks]
        outputs = {name: _Values(v) for name, v in zip(names, values, strict=True)}
        return {**outputs, "average": _Values(np.mean(values, axis=0))}
    labelled = {
        name: _wrap_block(block, method, stack.classes_)
        for name, block, method in zip(names, blocks, stack.stack_method_, strict=True)
    }
    return {**labelled, "average": _average(list(labelled.values()), stack.classes_)}


def _wrap_block(block: np.ndarray, method: str, classes: np.ndarray) -> _Labels:
    if method == "predict_proba":
        if block.shape[1] == 1:  # level one keeps one of two columns
            block = np.hstack([1 - block, block])
        return _Probabilities(block, classes)
    if method == "decision_function":
        return _Decisions(block[:, 0] if block.shape[1] == 1 else block, classes)
    return _Labels(classes[block[:, 0].astype(int)], classes)


def _average(learners: list[_Labels], classes: np.ndarray) -> _Labels:
    """Mean probability; where a learner has none, the share of votes."""
    parts = []
    for learner in learners:
        if isinstance(learner, _Probabilities):
            parts.append(learner.outputs)
        else:
            parts.append((learner.predict(None)[:, None] == classes).astype(float))
    return _Probabilities(np.mean(parts, axis=0), classes)


def _cross_fit_final(stack: Any) -> tuple[Any, np.ndarray]:
    """Predict held-out rows by final estimators that did not see them.

    Returns
    -------
    outputs, rows
        ``outputs`` is as long as the covered rows, and valid at ``rows``.
    """
    kept = stack.out_of_fold_predictions_
    matrix, place = kept.matrix, np.full(int(kept.row_index.max()) + 1, -1)
    place[kept.row_index] = np.arange(len(kept.y))
    target = np.searchsorted(stack.classes_, kept.y) if is_classifier(stack) else kept.y
    parts: list[tuple[np.ndarray, Any, Any]] = []
    for train, test in kept.splits:
        train = train[train < len(place)]
        train, test = place[train][place[train] >= 0], place[test]
        enough = len(train) > 1 and (not is_classifier(stack) or len(np.unique(target[train])) > 1)
        if enough:
            final = clone(stack.final_estimator_).fit(matrix[train], target[train])
            parts.append((test, final, _final_outputs(final, matrix[test])))
    if not parts:
        raise ValueError("`leaderboard` cannot cross-fit the final estimator on these splits.")
    return _join(stack, parts, len(kept.y))


def _final_outputs(final: Any, matrix: np.ndarray) -> Any:
    method = "predict_proba" if hasattr(final, "predict_proba") else "predict"
    return getattr(final, method)(matrix)


def _join(
    stack: Any, parts: list[tuple[np.ndarray, Any, Any]], n_rows: int
) -> tuple[Any, np.ndarray]:
    rows = np.unique(np.concatenate([test for test, _, _ in parts]))
    is_class = is_classifier(stack)
    width = len(stack.classes_) if is_class else 1
    total, counts = np.zeros((n_rows, width)), np.zeros((n_rows, 1))
    for test, final, outputs in parts:
        if is_class and outputs.ndim == 1:  # labels: one vote
            outputs = (outputs[:, None] == np.arange(width)).astype(float)
        elif is_class:
            full = np.zeros((len(test), width))
            full[:, np.asarray(final.classes_, int)] = outputs
            outputs = full
        np.add.at(total, test, np.reshape(outputs, (len(test), width)))
        np.add.at(counts, test, 1)
    mean = total / np.maximum(counts, 1)
    return (_Probabilities(mean, stack.classes_) if is_class else _Values(mean[:, 0])), rows


def _test_outputs(stack: Any, X: Any) -> dict[str, Any]:
    from stackens.ensemble._out_of_fold import align_classes

    blocks = []
    for estimator, method in zip(stack.estimators_, stack.stack_method_, strict=True):
        outputs = getattr(estimator, method)(X)
        if is_classifier(stack):
            outputs = align_classes(outputs, estimator, len(stack.classes_), method)
        blocks.append(np.reshape(outputs, (len(outputs), -1)))
    result = _learner_outputs_full(stack, blocks)
    matrix = stack.transform(X)
    matrix = matrix.to_numpy() if hasattr(matrix, "to_numpy") else matrix
    final = stack.final_estimator_
    result["stack"], _ = _join(
        stack, [(np.arange(len(matrix)), final, _final_outputs(final, matrix))], len(matrix)
    )
    return result


def _learner_outputs_full(stack: Any, blocks: list[np.ndarray]) -> dict[str, Any]:
    # Two columns of probabilities become one, as level one keeps them.
    trimmed = [
        block[:, 1:] if method == "predict_proba" and block.shape[1] == 2 else block
        for block, method in zip(blocks, stack.stack_method_, strict=True)
    ]
    return _learner_outputs(stack, trimmed)


def _score(outputs: Any, y: np.ndarray, scoring: Any, rows: np.ndarray) -> float:
    scorer = check_scoring(outputs, scoring=scoring)
    try:
        return float(scorer(outputs, rows, y[rows]))
    except AttributeError:  # a score of probabilities, of a learner that gives labels only
        return float("nan")


def _difference(outputs: Any, best: Any, kept: Any, scoring: Any, rows: np.ndarray) -> Any:
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
            (_score(outputs, kept.y, scoring, r), _score(best, kept.y, scoring, r)) for r in folds
        ]
        gaps = np.array([a - b for a, b in pairs])
    error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.nan
    return {"difference": float(gaps.mean()), "standard_error": float(error)}


def _add_costs(stack: Any, table: dict[str, dict[str, Any]]) -> None:
    sizes = [
        getattr(_last_step(estimator), "n_parameters_", np.nan) for estimator in stack.estimators_
    ]
    for name, size in zip(stack.out_of_fold_predictions_.blocks, sizes, strict=True):
        table[name] |= {"seconds": stack.fit_seconds_[name], "parameters": size}
    total = float(np.nansum(sizes))
    table["average"] |= {"seconds": stack.seconds_, "parameters": total}
    table["stack"] |= {"seconds": stack.seconds_, "parameters": total}


def _last_step(estimator: Any) -> Any:
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
