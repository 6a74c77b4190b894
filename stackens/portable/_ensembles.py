"""Estimators made of others: pipelines, stacks, averages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.portable._activations import sigmoid, softmax
from stackens.portable._estimators import (
    Estimator,
    labels_of_decisions,
    labels_of_probabilities,
)
from stackens.portable._part import Part
from stackens.portable._sequences import read_any_sequences
from stackens.portable._tables import hstack, read_table
from stackens.portable._transformers import STATISTICS

# Probabilities below count as this when their logarithm is taken.
_LEAST = 1e-9


@dataclass(frozen=True, eq=False)
class Pipeline(Estimator):
    """Transformers, then an estimator.

    Parameters
    ----------
    steps : list of Part
        Transformers.
    final : Estimator
        What predicts.
    """

    steps: list[Any]
    final: Any

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return self.final.methods

    @property
    def classes(self) -> np.ndarray | None:  # type: ignore[override]
        """Class labels."""
        return self.final.classes

    def transform(self, X: Any) -> Any:
        """Transform by all steps before the last."""
        for step in self.steps:
            X = step.transform(X)
        return X

    def predict(self, X: Any) -> np.ndarray:
        """Predict by the last step."""
        return np.asarray(self.final.predict(self.transform(X)))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities by the last step."""
        return np.asarray(self.final.predict_proba(self.transform(X)))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return decision values of the last step."""
        return np.asarray(self.final.decision_function(self.transform(X)))


@dataclass(frozen=True, eq=False)
class SummaryTable(Part):
    """What a stack's ``passthrough`` makes of sequences.

    Parameters
    ----------
    statistics : list of str
        Of each channel.
    """

    statistics: list[str]

    def transform(self, X: Any) -> np.ndarray:
        """Return a table, statistic after statistic."""
        batch = read_any_sequences(X)
        return np.hstack([STATISTICS[name](batch) for name in self.statistics])


@dataclass(frozen=True, eq=False)
class Stack(Estimator):
    """Learners, and an estimator of what they predict.

    Parameters
    ----------
    learners : list of Estimator
        Level 0.
    stack_methods : list of str
        What each predicts with.
    final : Estimator
        Level 1. Of a classifier, it knows classes by their number.
    classes : ndarray of shape (n_classes,) or None
        Class labels; None for numbers.
    makes_logits : bool, default=False
        Whether probabilities become log-odds.
    passthrough : Part or bool, default=False
        What becomes of ``X`` beside the predictions: nothing, ``X`` itself, or what a
        transformer makes of it.
    """

    learners: list[Any]
    stack_methods: list[str]
    final: Any
    classes: np.ndarray | None
    makes_logits: bool = False
    passthrough: Any = False

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return self.final.methods

    def transform(self, X: Any) -> Any:
        """Return what the learners predict, side by side."""
        blocks = [
            self._block(getattr(learner, method)(X), method)
            for learner, method in zip(self.learners, self.stack_methods, strict=True)
        ]
        if self.passthrough is not False:
            table = X if self.passthrough is True else self.passthrough.transform(X)
            blocks.append(read_table(table, allow_missing=True))
        n_rows = [len(block) for block in blocks]
        if len(set(n_rows)) > 1:
            raise InvalidInputError(f"All views must have as many rows; got {sorted(set(n_rows))}.")
        return hstack(blocks)

    def _block(self, predicted: np.ndarray, method: str) -> np.ndarray:
        if predicted.ndim == 1:
            return predicted[:, np.newaxis]
        if method != "predict_proba" or self.classes is None:
            return predicted
        block = _to_logits(predicted) if self.makes_logits else predicted
        return block[:, 1:] if len(self.classes) == 2 else block

    def predict(self, X: Any) -> np.ndarray:
        """Predict by the final estimator."""
        found: np.ndarray = self.final.predict(self.transform(X))
        return found if self.classes is None else self.classes[found.astype(int)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities by the final estimator."""
        return np.asarray(self.final.predict_proba(self.transform(X)))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return decision values of the final estimator."""
        return np.asarray(self.final.decision_function(self.transform(X)))


def _to_logits(probabilities: np.ndarray) -> np.ndarray:
    logarithms = np.log(np.maximum(probabilities, _LEAST))
    if logarithms.shape[1] == 2:
        odds = logarithms[:, 1:] - logarithms[:, :1]
        return np.hstack([-odds, odds])
    return logarithms - logarithms.mean(axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class FoldAverage(Estimator):
    """Average of the fold models of a learner.

    Parameters
    ----------
    estimators : list of Estimator
        Fold models; a classifier's classes are numbers.
    classes : ndarray of shape (n_classes,) or None
        All classes.
    """

    estimators: list[Any]
    classes: np.ndarray | None

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called: what all fold models have."""
        every = [set(e.methods) for e in self.estimators]
        return tuple(
            name for name in self.estimators[0].methods if name in set.intersection(*every)
        )

    def predict(self, X: Any) -> np.ndarray:
        """Average numbers; of classes, take the one that most fold models predict."""
        found = np.stack([e.predict(X) for e in self.estimators])  # (folds, rows)
        if self.classes is None:
            return np.asarray(found.mean(axis=0))
        counts = np.stack([(found == c).sum(axis=0) for c in self.classes])
        return self.classes[counts.argmax(axis=0)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Average probabilities; a fold model that lacks a class gives it 0."""
        return self._average(X, "predict_proba", lambda values: 0.0)

    def decision_function(self, X: Any) -> np.ndarray:
        """Average decision values."""
        return self._average(X, "decision_function", lambda values: np.finfo(values.dtype).min)

    def _average(self, X: Any, method: str, absent: Any) -> np.ndarray:
        results = []
        for estimator in self.estimators:
            values = getattr(estimator, method)(X)
            if self.classes is not None and values.ndim == 2:
                full = np.full((len(values), len(self.classes)), absent(values), values.dtype)
                full[:, estimator.classes.astype(int)] = values
                values = full
            results.append(values)
        return np.asarray(np.mean(results, axis=0))


@dataclass(frozen=True, eq=False)
class BlendBlock(Part):
    """How a learner's columns become probabilities, or numbers.

    Parameters
    ----------
    start, stop : int
        Columns of the learner.
    kind : {"probability", "decision", "winner", "vote", "value"}
        What they hold; of decision values a softmax, or the largest, which gets a vote.
    votes_are_places : bool, default=False
        Whether a vote is the place of a class instead of the class.
    """

    start: int
    stop: int
    kind: str
    votes_are_places: bool = False

    def probabilities(self, X: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Return an array of shape (n_samples, n_classes)."""
        block = X[:, self.start : self.stop]
        if self.kind == "vote":
            codes = block[:, 0]
            if self.votes_are_places:
                codes = classes[np.clip(np.rint(codes), 0, len(classes) - 1).astype(int)]
            return (codes[:, np.newaxis] == classes).astype(float)
        if self.kind == "winner":
            best = labels_of_decisions(block[:, 0] if block.shape[1] == 1 else block, classes)
            return (best[:, np.newaxis] == classes).astype(float)
        if block.shape[1] == 1:
            second = block if self.kind == "probability" else sigmoid(block)
            return np.hstack([1 - second, second])
        if self.kind == "decision":
            block = softmax(block)
        if block.shape[1] == len(classes):
            return block
        # Level 1 saw only some classes; their numbers are the columns.
        block = block[:, classes.astype(int)]
        total = block.sum(axis=1, keepdims=True)
        return np.where(total > 0, block / np.where(total > 0, total, 1), 1 / len(classes))


@dataclass(frozen=True, eq=False)
class Blend(Estimator):
    """Weighted average of what learners predict.

    Parameters
    ----------
    blocks : list of BlendBlock
        Columns of each learner.
    weights : list of float
        Weight of each learner.
    classes : ndarray of shape (n_classes,) or None
        Class labels; None for numbers.
    n_columns : int, default=None
        Columns of the input; None is any number.
    is_flat : bool, default=True
        Whether numbers come as shape (n_samples,).
    """

    blocks: list[BlendBlock]
    weights: list[float]
    classes: np.ndarray | None
    n_columns: int | None = None
    is_flat: bool = True

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return ("predict",) if self.classes is None else ("predict", "predict_proba")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Average probabilities."""
        table = read_table(X, self.n_columns)
        assert self.classes is not None
        return self._mix([block.probabilities(table, self.classes) for block in self.blocks])

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class, or the average."""
        if self.classes is not None:
            return labels_of_probabilities(self.predict_proba(X), self.classes)
        table = read_table(X, self.n_columns)
        mixed = self._mix([table[:, block.start : block.stop] for block in self.blocks])
        return mixed[:, 0] if self.is_flat else mixed

    def _mix(self, outputs: list[np.ndarray]) -> np.ndarray:
        return np.tensordot(self.weights, np.stack(outputs), axes=1)


@dataclass(frozen=True, eq=False)
class ColumnwiseRegressor(Estimator):
    """A regressor for each column of a target, on what the learners predict for that column.

    Parameters
    ----------
    estimators : list of Estimator
        One for each column.
    is_flat : bool
        Whether the result is of shape (n_samples,).
    """

    estimators: list[Any]
    is_flat: bool
    classes: None = None

    def predict(self, X: Any) -> np.ndarray:
        """Return an array of shape (n_samples,) or (n_samples, n_outputs)."""
        table, n_outputs = read_table(X), len(self.estimators)
        columns = [e.predict(table[:, k::n_outputs]) for k, e in enumerate(self.estimators)]
        return columns[0] if self.is_flat else np.column_stack(columns)


@dataclass(frozen=True, eq=False)
class ScaledTarget(Estimator):
    """A regressor of a target that was scaled.

    Parameters
    ----------
    regressor : Estimator
        Predicts the scaled target.
    scaler : Scaler
        How it was scaled.
    is_flat : bool
        Whether the result is of shape (n_samples,).
    """

    regressor: Any
    scaler: Any
    is_flat: bool
    classes: None = None

    def predict(self, X: Any) -> np.ndarray:
        """Return an array of shape (n_samples,) or (n_samples, n_outputs)."""
        predicted = np.asarray(self.regressor.predict(X))
        table: np.ndarray = self.scaler.inverse_transform(predicted.reshape(len(predicted), -1))
        return table[:, 0] if self.is_flat and table.shape[1] == 1 else table


@dataclass(frozen=True, eq=False)
class Constant(Estimator):
    """Predicts the same for every row.

    Parameters
    ----------
    values : ndarray of shape (n_outputs,)
        Numbers, or the probability of each class.
    classes : ndarray of shape (n_classes,) or None
        Class labels; None for numbers.
    """

    values: np.ndarray
    classes: np.ndarray | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return ("predict",) if self.classes is None else ("predict", "predict_proba")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities for every row."""
        return np.tile(self.values, (len(X), 1))

    def predict(self, X: Any) -> np.ndarray:
        """Return the number, or the most probable class, for every row."""
        if self.classes is not None:
            return labels_of_probabilities(self.predict_proba(X), self.classes)
        repeated = np.tile(self.values, (len(X), 1))
        return repeated[:, 0] if repeated.shape[1] == 1 else repeated
