"""What learners and final estimators say of rows that they did not see, for any scorer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier

from stackens.ensemble._groups import groups_for_final
from stackens.ensemble._level_one import declare_blocks, encode_target
from stackens.ensemble._out_of_fold import OutOfFoldOutputs, OutOfFoldPredictions
from stackens.ensemble._splits import Split
from stackens.exceptions import InvalidInputError

# Rows that a final estimator did not see, and the final estimator.
CrossFit = tuple[np.ndarray, Any]

# By fitted final estimator, since scores, pictures and a fallback ask for the same.
_CROSS_FITS: WeakKeyDictionary[Any, list[CrossFit]] = WeakKeyDictionary()


# Parts of held-out rows on which the final estimator is cross-fitted, where splits make none.
_N_PARTS = 5


class _Outputs(BaseEstimator):
    """Outputs that exist already, in the shape of an estimator, for any scorer."""

    def __init__(self, outputs: np.ndarray) -> None:
        self.outputs = outputs

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any) -> Any:
        raise NotImplementedError


class Values(RegressorMixin, _Outputs):
    def predict(self, X: Any) -> np.ndarray:
        return self.outputs if X is None else self.outputs[X]


class Labels(ClassifierMixin, _Outputs):
    def __init__(self, outputs: np.ndarray, classes: np.ndarray) -> None:
        super().__init__(outputs)
        self.classes = classes

    @property
    def classes_(self) -> np.ndarray:
        return self.classes

    def predict(self, X: Any) -> np.ndarray:
        rows = slice(None) if X is None else X
        return self.outputs[rows]


class Probabilities(Labels):
    def predict(self, X: Any) -> np.ndarray:
        return self.classes[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        return self.outputs if X is None else self.outputs[X]


class Decisions(Labels):
    def predict(self, X: Any) -> np.ndarray:
        values = self.decision_function(X)
        codes = (values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)
        return self.classes[codes]

    def decision_function(self, X: Any) -> np.ndarray:
        return self.outputs if X is None else self.outputs[X]


def wrap_blocks(
    blocks: Sequence[np.ndarray], methods: Sequence[str], classes: np.ndarray | None
) -> list[Any]:
    """Wrap level-one columns of learners.

    Parameters
    ----------
    blocks : sequence of ndarray of shape (n_samples, n_columns)
        What each learner predicted; of two columns of probabilities only the second.
    methods : sequence of str
        What each predicted with.
    classes : ndarray or None
        Class labels; None for numbers.
    """
    if classes is None:
        return [Values(block[:, 0] if block.shape[1] == 1 else block) for block in blocks]
    return [_wrap_block(b, method, classes) for b, method in zip(blocks, methods, strict=True)]


def average(outputs: Sequence[Any]) -> Any:
    """Average wrapped outputs: numbers, or probabilities; without these, the share of votes."""
    if isinstance(outputs[0], Values):
        return Values(np.mean([values.outputs for values in outputs], axis=0))
    classes = outputs[0].classes
    parts = [
        o.outputs
        if isinstance(o, Probabilities)
        else (o.predict(None)[:, None] == classes).astype(float)
        for o in outputs
    ]
    return Probabilities(np.mean(parts, axis=0), classes)


def _wrap_block(block: np.ndarray, method: str, classes: np.ndarray) -> Labels:
    if method == "predict_proba":
        if block.shape[1] == 1:  # level one keeps one of two columns
            block = np.hstack([1 - block, block])
        return Probabilities(block, classes)
    if method == "logit":
        block = np.hstack([-block, block]) / 2 if block.shape[1] == 1 else block
        return Probabilities(softmax(block, axis=1), classes)
    if method == "decision_function":
        return Decisions(block[:, 0] if block.shape[1] == 1 else block, classes)
    return Labels(classes[block[:, 0].astype(int)], classes)


def cross_fit_final(stack: Any) -> tuple[Any, np.ndarray]:
    """Predict held-out rows by final estimators that did not see them.

    Returns
    -------
    outputs, rows
        ``outputs`` is as long as the covered rows, and valid at ``rows``.
    """
    kept = stack.out_of_fold_predictions_
    parts = [
        (test, final, final_outputs(final, add_passed_through(stack, kept.matrix[test], test)))
        for test, final in cross_fit_finals(stack)
    ]
    return join_outputs(stack, parts, len(kept.y))


def cross_fit_finals(stack: Any, names: Sequence[str] | None = None) -> list[CrossFit]:
    """Fit the final estimator for each split, on held-out rows that are training rows of it.

    Where no split has such rows, as a single one has none, it is cross-fitted on parts of the
    held-out rows.

    Parameters
    ----------
    stack : Stack
        Fitted.
    names : sequence of str, default=None
        Learners whose columns it sees, in their order; None is all.

    Returns
    -------
    list of (ndarray of int, estimator)
        Positions of the rows that it did not see, among those that are covered.
    """
    if names is None:
        final = own_final_estimator(stack)
        if final not in _CROSS_FITS:
            _CROSS_FITS[final] = cross_fit_finals(
                stack, list(stack.out_of_fold_predictions_.blocks)
            )
        return _CROSS_FITS[final]
    kept = stack.out_of_fold_predictions_
    matrix = np.hstack([kept.blocks[name] for name in names])
    method_of = dict(zip(kept.blocks, stack._block_methods, strict=True))
    target = encode_target(kept.y, stack._classes)
    weights = getattr(stack, "_final_weights", None)
    weights = None if weights is None else np.asarray(weights)

    def fit_each(splits: Sequence[Split]) -> Iterator[CrossFit]:
        for train, test in splits:
            counting = train if weights is None else train[weights[train] > 0]
            n_values = len(np.unique(target[counting])) if is_classifier(stack) else 2
            if len(counting) < 2 or n_values < 2:
                continue
            final = clone(own_final_estimator(stack))
            widths = {name: kept.widths[name] for name in names}
            declare_blocks(final, widths, [method_of[name] for name in names])
            params = groups_for_final(final, None if kept.group is None else kept.group[train])
            if weights is not None:
                params["sample_weight"] = weights[train]
            final.fit(add_passed_through(stack, matrix[train], train), target[train], **params)
            yield test, final

    splits, parts = level_one_splits(kept, classifier=is_classifier(stack))
    finals = list(fit_each(splits)) or list(fit_each(parts))
    if not finals:
        raise InvalidInputError(
            f"The final estimator cannot be cross-fitted on {len(kept.y)} held-out rows: its "
            "honest score needs, beside the rows that it predicts, at least 2 (of positive weight; "
            "of another group, if there are groups; of 2 classes, for a classifier). Hold out more."
        )
    return finals


def add_passed_through(stack: Any, matrix: np.ndarray, rows: np.ndarray) -> Any:
    """Put what ``passthrough`` adds beside predictions for some of the rows that are covered."""
    table = getattr(stack, "_passed_through", None)
    if table is None:
        return matrix
    if scipy.sparse.issparse(table):
        return scipy.sparse.hstack([matrix, table[rows]], format="csr")
    return np.hstack([matrix, table[rows]])


def own_final_estimator(stack: Any) -> Any:
    """Return the final estimator that was trained, also where a fallback predicts."""
    return getattr(stack, "_own_final_estimator", stack.final_estimator_)


def final_outputs(final: Any, matrix: np.ndarray) -> Any:
    method = "predict_proba" if hasattr(final, "predict_proba") else "predict"
    return getattr(final, method)(matrix)


def join_outputs(
    stack: Any, parts: list[tuple[np.ndarray, Any, Any]], n_rows: int
) -> tuple[Any, np.ndarray]:
    rows = np.unique(np.concatenate([test for test, _, _ in parts]))
    is_class = is_classifier(stack)
    first = parts[0][2]
    width = len(stack.classes_) if is_class else 1 if first.ndim == 1 else first.shape[1]
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
    if is_class:
        return Probabilities(mean, stack.classes_), rows
    return Values(mean[:, 0] if width == 1 else mean), rows


def level_one_splits(
    kept: OutOfFoldPredictions, *, classifier: bool
) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[tuple[np.ndarray, np.ndarray]]]:
    """Return splits of the covered rows, on which a final estimator can be cross-fitted.

    Parameters
    ----------
    kept : OutOfFoldPredictions
        Of a fitted stack.
    classifier : bool
        Whether ``kept.y`` holds classes.

    Returns
    -------
    first, instead : list of (ndarray, ndarray)
        Positions among the covered rows: those of the splits themselves; and parts of the covered
        rows, for splits that train on none of them, as a single one does. Parts keep groups whole,
        and follow each other where the splits go forward in time.
    """
    place = np.full(max(int(max(map(np.max, split))) for split in kept.splits) + 1, -1)
    place[kept.row_index] = np.arange(len(kept.y))
    first = [(place[train][place[train] >= 0], place[test]) for train, test in kept.splits]
    return first, list(_split_covered_rows(kept, classifier))


def _split_covered_rows(
    kept: OutOfFoldPredictions, classifier: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rows = np.arange(len(kept.y))
    gap = min(int(test.min()) - int(train.max()) for train, test in kept.splits)
    if kept.group is not None:
        part = np.unique(kept.group, return_inverse=True)[1] % _N_PARTS
    elif gap > 0:  # each part after those that come before it
        for test in np.array_split(rows, _N_PARTS + 1)[1:]:
            if len(test):
                yield np.flatnonzero(kept.row_index <= kept.row_index[test[0]] - gap), test
        return
    else:
        by_class = classifier and kept.y.ndim == 1
        part = np.empty_like(rows)
        part[np.argsort(kept.y, kind="stable") if by_class else rows] = rows % _N_PARTS
    for k in np.unique(part):
        yield rows[part != k], rows[part == k]


def read_outputs(stack: Any, name: str) -> OutOfFoldOutputs:
    """Return the predictions described at ``out_of_fold`` of the stacking estimators."""
    check_comparable(stack, "out_of_fold")
    kept = stack.out_of_fold_predictions_
    names = [*kept.blocks, "average", "stack"]
    if name not in names:
        raise InvalidInputError(f"`name` must be one of {names}; got {name!r}.")
    rows = np.arange(len(kept.y))
    if name == "stack":
        outputs, rows = cross_fit_final(stack)
    else:
        classes = stack.classes_ if is_classifier(stack) else None
        wrapped = wrap_blocks(list(kept.blocks.values()), stack._block_methods, classes)
        named = dict(zip(kept.blocks, wrapped, strict=True))
        outputs = named[name] if name in named else average(wrapped)
    has_probabilities = hasattr(outputs, "predict_proba")
    return OutOfFoldOutputs(
        name,
        kept.row_index[rows],
        kept.fold[rows],
        kept.y[rows],
        outputs.predict(rows),
        outputs.predict_proba(rows) if has_probabilities else None,
    )


def check_comparable(stack: Any, caller: str) -> None:
    """Refuse what has no out-of-fold predictions, or several labels a row."""
    if not hasattr(stack, "out_of_fold_predictions_"):
        raise InvalidInputError(
            f"`{caller}` needs out-of-fold predictions, which `cv='prefit'` has not."
        )
    if is_classifier(stack) and isinstance(stack.classes_, list):
        raise InvalidInputError(
            f"`{caller}` compares single-label targets; `y` has several labels."
        )
