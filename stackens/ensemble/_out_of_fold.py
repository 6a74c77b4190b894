"""Predictions for rows by models that did not see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array

__all__ = [
    "OutOfFoldPredictions",
    "align_classes",
    "average_predictions",
    "level_one_splits",
    "row_labels",
]

# Parts of held-out rows on which the final estimator is cross-fitted, where splits make none.
_N_PARTS = 5


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
        return [_align(part, np.asarray(seen), n_classes, method) for part, seen in labels]
    return _align(predictions, np.asarray(estimator.classes_), n_classes, method)


def _align(predictions: np.ndarray, seen: np.ndarray, n_classes: int, method: str) -> np.ndarray:
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


def average_predictions(
    parts: Sequence[tuple[np.ndarray, Any]], n_rows: int, *, are_labels: bool = False
) -> Any:
    """Average what each row was predicted; rows that never were stay NaN.

    Parameters
    ----------
    parts : sequence of (rows, predictions)
        One per split; predictions are an array, or a list of arrays (one per label).
    n_rows : int
        Rows of the training data.
    are_labels : bool, default=False
        Whether predictions are numbers of classes, which have no mean: the most frequent one
        counts, and of several such the first.

    Returns
    -------
    ndarray or list of ndarray
        Of shape (n_rows,) or (n_rows, n_columns).
    """
    first = parts[0][1]
    if isinstance(first, list):
        return [
            average_predictions([(rows, p[i]) for rows, p in parts], n_rows, are_labels=are_labels)
            for i in range(len(first))
        ]
    total = np.zeros((n_rows, *np.shape(first)[1:]), dtype=np.asarray(first).dtype)
    counts = np.zeros(n_rows, dtype=int)
    for rows, _ in parts:
        np.add.at(counts, rows, 1)
    if counts.max() == 1 and counts.min() == 1:  # a partition: no arithmetic, same type and bits
        for rows, predictions in parts:
            total[rows] = predictions
        return total
    if are_labels:
        labels = np.unique(np.concatenate([np.ravel(predictions) for _, predictions in parts]))
        votes = np.zeros((len(labels), *total.shape), dtype=int)
        for rows, predictions in parts:
            for own, label in zip(votes, labels, strict=True):
                np.add.at(own, rows, predictions == label)
        return np.where(votes.any(axis=0), labels[votes.argmax(axis=0)], np.nan)
    total = total.astype(float)
    for rows, predictions in parts:
        np.add.at(total, rows, predictions)
    counts = counts.reshape(-1, *[1] * (total.ndim - 1))
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
