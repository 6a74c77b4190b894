"""What classifiers and regressors have in common: which methods there are, and labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens.portable._part import Part


class Estimator(Part):
    """Base of all parts that predict.

    ``methods`` names what there is of "predict", "predict_proba" and "decision_function".
    ``classes`` is None for a regressor.
    """

    classes: np.ndarray | None

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return ("predict",)

    def predict(self, X: Any) -> np.ndarray:
        """Predict classes or numbers."""
        raise NotImplementedError

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class."""
        raise NotImplementedError

    def decision_function(self, X: Any) -> np.ndarray:
        """Return decision values."""
        raise NotImplementedError


def shares(each: np.ndarray) -> np.ndarray:
    """Bring what each class got by itself to sum 1; of one column, the second class got it."""
    if each.ndim == 1 or each.shape[1] == 1:
        second = each.reshape(len(each))
        return np.column_stack([1 - second, second])
    total = each.sum(axis=1, keepdims=True)
    return np.where(total == 0, 1 / each.shape[1], each / np.where(total == 0, 1, total))


def labels_of_probabilities(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the most probable class of each row."""
    return classes[probabilities.argmax(axis=1)]


def labels_of_decisions(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the class with the largest decision value; of one column the second if positive."""
    if values.ndim == 1:
        return classes[(values > 0).astype(int)]
    return labels_of_probabilities(values, classes)
