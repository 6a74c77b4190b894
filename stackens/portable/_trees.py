"""Decision trees and forests as arrays: all trees descend together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.exceptions import ArchiveError
from stackens.portable._activations import sigmoid, softmax
from stackens.portable._estimators import (
    Estimator,
    labels_of_decisions,
    labels_of_probabilities,
)
from stackens.portable._part import Part
from stackens.portable._tables import SparseRows, read_table

_LEAF = -1
_ENTRIES_AT_ONCE = 1 << 18  # rows times trees that descend together


@dataclass(frozen=True, eq=False)
class Trees(Part):
    """Binary trees, their nodes one after the other.

    Parameters
    ----------
    roots : ndarray of int of shape (n_trees,)
        Node at which each tree begins.
    left, right : ndarray of int of shape (n_nodes,)
        Nodes below; -1 at a leaf.
    feature : ndarray of int of shape (n_nodes,)
        Column that a node looks at.
    threshold : ndarray of shape (n_nodes,)
        A row goes left if its value is at most this.
    missing_left : ndarray of bool of shape (n_nodes,)
        Whether a row without the value goes left.
    values : ndarray of shape (n_nodes, n_outputs)
        What a leaf predicts.
    n_features : int
        Columns of the input.
    dtype : {"float32", "float64"}, default="float32"
        Type in which training compared.
    """

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    values: np.ndarray
    n_features: int
    dtype: str = "float32"

    def leaves(self, X: np.ndarray) -> np.ndarray:
        """Return the leaf that each row reaches in each tree, of shape (n_samples, n_trees)."""
        nodes = np.repeat(self.roots[np.newaxis], len(X), axis=0)
        rows = np.arange(len(X))[:, np.newaxis]
        for _ in range(len(self.left)):  # no path is longer than there are nodes
            inner = self.left[nodes] != _LEAF
            if not inner.any():
                return nodes
            x = X[rows, np.where(inner, self.feature[nodes], 0)]
            goes_left = np.where(np.isnan(x), self.missing_left[nodes], x <= self.threshold[nodes])
            below = np.where(goes_left, self.left[nodes], self.right[nodes])
            nodes = np.where(inner, below, nodes)
        raise ArchiveError("The file holds trees that have no end.")

    def mean(self, X: Any) -> np.ndarray:
        """Return the average of all trees, of shape (n_samples, n_outputs)."""
        return self._reduce(X, lambda leaves: self.values[leaves].mean(axis=1))

    def totals(self, X: Any, n_columns: int) -> np.ndarray:
        """Return sums of shape (n_samples, n_columns); tree k counts for column k % n_columns."""

        def add_up(leaves: np.ndarray) -> np.ndarray:
            each = self.values[leaves][:, :, 0]
            return each.reshape(len(each), -1, n_columns).sum(axis=1)

        return self._reduce(X, add_up)

    def _reduce(self, X: Any, function: Any) -> np.ndarray:
        table = read_table(X, self.n_features, allow_missing=True)
        table = table.toarray() if isinstance(table, SparseRows) else table
        table = table.astype(self.dtype, copy=False)
        step = max(1, _ENTRIES_AT_ONCE // len(self.roots))
        parts = [table[k : k + step] for k in range(0, len(table), step)]
        return np.concatenate([function(self.leaves(part)) for part in parts])


@dataclass(frozen=True, eq=False)
class TreesClassifier(Estimator):
    """A tree or a forest whose leaves hold the share of each class.

    Parameters
    ----------
    trees : Trees
        One or several.
    classes : ndarray of shape (n_classes,)
        Class labels.
    """

    trees: Trees
    classes: np.ndarray

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return ("predict", "predict_proba")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (n_samples, n_classes)."""
        return self.trees.mean(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return classes."""
        return labels_of_probabilities(self.predict_proba(X), self.classes)


@dataclass(frozen=True, eq=False)
class TreesRegressor(Estimator):
    """A tree or a forest whose leaves hold means.

    Parameters
    ----------
    trees : Trees
        One or several.
    """

    trees: Trees
    classes: None = None

    def predict(self, X: Any) -> np.ndarray:
        """Return an array of shape (n_samples,) or (n_samples, n_outputs)."""
        values = self.trees.mean(X)
        return values[:, 0] if values.shape[1] == 1 else values


@dataclass(frozen=True, eq=False)
class BoostedRegressor(Estimator):
    """Trees that add up.

    Parameters
    ----------
    trees : Trees
        Their values multiplied by the learning rate.
    initial : ndarray of shape (1,)
        What they start from.
    """

    trees: Trees
    initial: np.ndarray
    classes: None = None

    def predict(self, X: Any) -> np.ndarray:
        """Return an array of shape (n_samples,)."""
        return (self.trees.totals(X, 1) + self.initial)[:, 0]


@dataclass(frozen=True, eq=False)
class BoostedClassifier(Estimator):
    """Trees that add up to a score for each class; of two classes, for the second.

    Parameters
    ----------
    trees : Trees
        Their values multiplied by the learning rate; one of each class in turn.
    initial : ndarray of shape (1 or n_classes,)
        What the scores start from.
    classes : ndarray of shape (n_classes,)
        Class labels.
    """

    trees: Trees
    initial: np.ndarray
    classes: np.ndarray

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return ("predict", "decision_function", "predict_proba")

    def decision_function(self, X: Any) -> np.ndarray:
        """Return scores of shape (n_samples, n_classes), or (n_samples,) for two classes."""
        scores = self.trees.totals(X, len(self.initial)) + self.initial
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (n_samples, n_classes)."""
        scores = self.decision_function(X)
        if scores.ndim == 2:
            return softmax(scores)
        second = sigmoid(scores)
        return np.column_stack([1 - second, second])

    def predict(self, X: Any) -> np.ndarray:
        """Return classes."""
        return labels_of_decisions(self.decision_function(X), self.classes)
