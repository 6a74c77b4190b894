"""Linear models, whatever they were trained with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.portable._activations import sigmoid, softmax
from stackens.portable._estimators import (
    Estimator,
    labels_of_decisions,
    labels_of_probabilities,
    shares,
)
from stackens.portable._tables import read_table


@dataclass(frozen=True, eq=False)
class LinearRegressor(Estimator):
    """A matrix product and an intercept.

    Parameters
    ----------
    coef : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients.
    intercept : ndarray of shape (), (1,) or (n_outputs,)
        Intercept.
    """

    coef: np.ndarray
    intercept: np.ndarray
    classes: None = None

    def predict(self, X: Any) -> np.ndarray:
        """Return an array of shape (n_samples,) or (n_samples, n_outputs)."""
        return read_table(X, self.coef.shape[-1]) @ self.coef.T + self.intercept


@dataclass(frozen=True, eq=False)
class LinearClassifier(Estimator):
    """A linear score for each class, and what makes probabilities of the scores.

    Parameters
    ----------
    coef : ndarray of shape (1 or n_classes, n_features)
        Coefficients; one row for two classes.
    intercept : ndarray of shape (1 or n_classes,)
        Intercepts.
    classes : ndarray of shape (n_classes,)
        Class labels.
    link : {"softmax", "sigmoid", "clip", None}
        "sigmoid" is one logistic function for each class, brought to sum 1 (of one row, that of the
        second class); "clip" is (score + 1) / 2 within 0 and 1; None gives no probabilities.
    """

    coef: np.ndarray
    intercept: np.ndarray
    classes: np.ndarray
    link: str | None

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        known = ("predict", "decision_function")
        return known if self.link is None else (*known, "predict_proba")

    def decision_function(self, X: Any) -> np.ndarray:
        """Return scores of shape (n_samples, n_classes), or (n_samples,) for two classes."""
        scores = read_table(X, self.coef.shape[1]) @ self.coef.T + self.intercept
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (n_samples, n_classes)."""
        scores = self.decision_function(X)
        if self.link == "softmax":
            symmetric = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
            return softmax(symmetric)
        return shares(
            sigmoid(scores) if self.link == "sigmoid" else (np.clip(scores, -1, 1) + 1) / 2
        )

    def predict(self, X: Any) -> np.ndarray:
        """Return classes."""
        return labels_of_decisions(self.decision_function(X), self.classes)


@dataclass(frozen=True, eq=False)
class GaussianNB(Estimator):
    """Normal distributions of each feature in each class.

    Parameters
    ----------
    mean, variance : ndarray of shape (n_classes, n_features)
        Of the distributions.
    log_prior : ndarray of shape (n_classes,)
        Logarithm of each class's prior probability.
    classes : ndarray of shape (n_classes,)
        Class labels.
    """

    mean: np.ndarray
    variance: np.ndarray
    log_prior: np.ndarray
    classes: np.ndarray

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return ("predict", "predict_proba")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (n_samples, n_classes)."""
        return softmax(self._log_likelihood(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return classes."""
        return labels_of_probabilities(self._log_likelihood(X), self.classes)

    def _log_likelihood(self, X: Any) -> np.ndarray:
        table = read_table(X, self.mean.shape[1])[:, np.newaxis]  # (n_samples, 1, n_features)
        squares = (table - self.mean) ** 2 / self.variance + np.log(2 * np.pi * self.variance)
        return self.log_prior - squares.sum(axis=2) / 2


@dataclass(frozen=True, eq=False)
class MultinomialNB(Estimator):
    """Probabilities of each term in each class.

    Parameters
    ----------
    log_probability : ndarray of shape (n_classes, n_features)
        Logarithms.
    log_prior : ndarray of shape (n_classes,)
        Logarithm of each class's prior probability.
    classes : ndarray of shape (n_classes,)
        Class labels.
    """

    log_probability: np.ndarray
    log_prior: np.ndarray
    classes: np.ndarray

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return ("predict", "predict_proba")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (n_samples, n_classes)."""
        table = read_table(X, self.log_probability.shape[1])
        return softmax(table @ self.log_probability.T + self.log_prior)

    def predict(self, X: Any) -> np.ndarray:
        """Return classes."""
        return labels_of_probabilities(self.predict_proba(X), self.classes)
