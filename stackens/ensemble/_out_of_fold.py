"""Predictions for rows by models that did not see them: what is kept, and what is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array


@dataclass(frozen=True, eq=False)
class OutOfFoldPredictions:
    """Out-of-fold predictions of all learners: what the final estimator was trained on.

    Attributes
    ----------
    row_index : ndarray of int of shape (n_covered,)
        Rows of the training data that were held out at least once.
    fold : ndarray of int of shape (n_covered,)
        Split that held the row out (the first one, if several).
    n_predictions : ndarray of int of shape (n_covered,)
        How many predictions were averaged.
    y : ndarray of shape (n_covered,) or (n_covered, n_outputs)
        Target.
    blocks : dict of str to ndarray of shape (n_covered, n_columns)
        For each learner what it predicted.
    splits : list of (ndarray, ndarray)
        Training and held-out rows of each split.
    group : ndarray of int of shape (n_covered,) or None
        Number of the group of each row, if ``fit`` was given groups.
    index : ndarray of shape (n_covered,) or None
        Labels of the rows, if ``X`` or ``y`` came with a pandas index; of times, numbers.
    index_type : str or None
        Type that numbers stand for that are times, such as "datetime64[ns]" (in UTC).
    outputs : list of str or None
        Classes, or the names of the columns of ``y``, that a learner's columns stand for.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from stackens import StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
    >>> stack.out_of_fold_predictions_
    OutOfFoldPredictions(150 rows, 5 splits, learners: linear (3 columns))
    """

    row_index: np.ndarray
    fold: np.ndarray
    n_predictions: np.ndarray
    y: np.ndarray
    blocks: dict[str, np.ndarray]
    splits: list[tuple[np.ndarray, np.ndarray]] = field(repr=False)
    group: np.ndarray | None = field(default=None, repr=False)
    index: np.ndarray | None = field(default=None, repr=False)
    index_type: str | None = field(default=None, repr=False)
    outputs: list[str] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        learners = ", ".join(f"{k} ({v.shape[1]} columns)" for k, v in self.blocks.items())
        return (
            f"OutOfFoldPredictions({len(self.row_index)} rows, {len(self.splits)} splits, "
            f"learners: {learners})"
        )

    @property
    def matrix(self) -> np.ndarray:
        """All blocks side by side, of shape (n_covered, n_columns)."""
        return np.hstack(list(self.blocks.values()))

    @property
    def widths(self) -> dict[str, int]:
        """Number of columns of each learner."""
        return {name: block.shape[1] for name, block in self.blocks.items()}

    def to_frame(self) -> Any:
        """Return one ``pandas.DataFrame`` with all of it, a column for each output.

        Its index is that of ``X`` or ``y``, or else the number of the row. Several columns of a
        learner are named by class, or by column of ``y``, or else numbered.
        """
        import pandas as pd

        rows = self.row_index if self.index is None else self.index
        rows = rows if self.index_type is None else rows.view(self.index_type)
        index = pd.Index(rows, name="row", tupleize_cols=False)
        frame = pd.DataFrame({"fold": self.fold}, index=index)
        targets = np.reshape(self.y, (len(self.y), -1)).T
        names = [f"_{output}" for output in self._outputs(len(targets))]
        for k, column in enumerate(targets):
            frame["y" if self.y.ndim == 1 else f"y{names[k]}" if self.outputs else f"y{k}"] = column
        for name, block in self.blocks.items():
            width = block.shape[1]
            names = [f"_{output}" for output in self._outputs(width)] if width > 1 else [""]
            for suffix, column in zip(names, block.T, strict=True):
                frame[name + suffix] = column
        return frame

    def _outputs(self, width: int) -> list[Any]:
        is_named = self.outputs is not None and len(self.outputs) == width
        return list(self.outputs or ()) if is_named else list(range(width))


def row_labels(*data: Any) -> tuple[np.ndarray | None, str | None]:
    """Return the labels of the rows of the first that has a pandas index, for a file to hold.

    Parameters
    ----------
    *data : array-like of shape (n_samples, ...)
        Input and target.

    Returns
    -------
    labels : ndarray of shape (n_samples,) or None
        Numbers, or objects that are strings, numbers or tuples of them; None without an index.
    kind : str or None
        Type of times, whose labels are int64.
    """
    for values in data:
        if hasattr(values, "iloc"):
            index = values.index
            is_zoned = getattr(index, "tz", None) is not None
            labels = (index.tz_convert(None) if is_zoned else index).to_numpy()
            if labels.dtype.kind in "mM":
                return labels.view(np.int64), str(labels.dtype)
            is_plain = labels.dtype.kind in "biuf"
            return labels if is_plain else as_object_array(map(_plain, index)), None
    return None, None


def _plain(label: Any) -> Any:
    """Write a label as what every file holds."""
    if isinstance(label, tuple):
        return tuple(map(_plain, label))
    label = label.item() if isinstance(label, np.generic) else label
    return label if isinstance(label, str | int | float) else str(label)


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


def align_classes(predictions: Any, estimator: Any, n_classes: int, method: str) -> Any:
    """Put the columns of a model that saw only some classes where they belong.

    Parameters
    ----------
    predictions : ndarray or list of ndarray
        Of the model; its classes are numbered as all classes are. A list has an array for each
        label of a row, whose columns are its absence and its presence.
    estimator : estimator
        The model.
    n_classes : int
        How many classes there are; 2 of a label.
    method : str
        Absent columns are 0 for probabilities and the smallest float for decision values, as in
        ``sklearn.model_selection.cross_val_predict``.
    """
    if method == "predict":
        return predictions
    if isinstance(predictions, list):
        labels = zip(predictions, estimator.classes_, strict=True)
        return [_align_columns(part, np.asarray(seen), n_classes, method) for part, seen in labels]
    return _align_columns(predictions, np.asarray(estimator.classes_), n_classes, method)


def _align_columns(
    predictions: np.ndarray, seen: np.ndarray, n_classes: int, method: str
) -> np.ndarray:
    if len(seen) == n_classes:
        return predictions
    if predictions.ndim == 1:
        raise InvalidInputError(
            f"Only {len(seen)} of {n_classes} classes are in a fold's training rows, so that "
            "`decision_function` has one column. Use `stack_method='predict_proba'`."
        )
    fill = 0.0 if method == "predict_proba" else np.finfo(predictions.dtype).min
    aligned = np.full((len(predictions), n_classes), fill, dtype=predictions.dtype)
    aligned[:, seen.astype(int)] = predictions
    return aligned
