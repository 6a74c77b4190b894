"""What a learner, the average of all, or the stack predicted for rows that it did not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from stackens.ensemble._fit import Fit, last_step
from stackens.ensemble._outputs import average, cross_fit_final, wrap_blocks
from stackens.exceptions import InvalidInputError

__all__ = ["OutOfFoldOutputs", "read_histories", "read_outputs"]


@dataclass(frozen=True, eq=False)
class OutOfFoldOutputs:
    """Predictions for rows that whoever predicts did not see.

    Attributes
    ----------
    name : str
        The learner, "average" or "stack".
    row_index : ndarray of int of shape (n_rows,)
        Rows of the training data.
    fold : ndarray of int of shape (n_rows,)
        Split that held the row out (the first one, if several).
    y_true, y_pred : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Target and prediction: labels, or numbers.
    y_proba : ndarray of shape (n_rows, n_classes) or None
        Probabilities, in the order of ``classes_``; None of regressors and where there are none.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from stackens import StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
    >>> stack.out_of_fold("linear").y_proba.shape
    (150, 3)
    """

    name: str
    row_index: np.ndarray
    fold: np.ndarray
    y_true: np.ndarray
    y_pred: np.ndarray
    y_proba: np.ndarray | None


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


def read_histories(fits: Sequence[Fit]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Collect what networks recorded while they were trained, by learner and by fold."""
    histories: dict[str, dict[str, dict[str, list[float]]]] = {}
    for fit in fits:
        history = getattr(last_step(fit.fitted), "history_", None)
        if isinstance(history, dict) and history:
            part = "refit" if fit.fold is None else f"fold {fit.fold}"
            own = {name: [float(v) for v in values] for name, values in history.items()}
            histories.setdefault(fit.name, {})[part] = own
    return histories
