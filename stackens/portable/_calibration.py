"""Probabilities made of what a classifier says, as its held-out rows taught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.portable._activations import sigmoid, softmax
from stackens.portable._estimators import Estimator, labels_of_probabilities, shares
from stackens.portable._part import Part

# What is added to probabilities before their logarithm is taken.
_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class SigmoidCalibration(Part):
    """A logistic function of each column.

    Parameters
    ----------
    slope, intercept : ndarray of shape (1 or n_classes,)
        Of each column; larger values make a class less probable.
    """

    slope: np.ndarray
    intercept: np.ndarray

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Return an array of shape (n_samples, n_classes)."""
        return shares(sigmoid(-(scores * self.slope + self.intercept)))


@dataclass(frozen=True, eq=False)
class IsotonicCalibration(Part):
    """Lines between points, for each column.

    Parameters
    ----------
    places, values : list of ndarray of shape (n_points,)
        The points of each column; beyond them a value stays what it is at the last.
    """

    places: list[np.ndarray]
    values: list[np.ndarray]

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Return an array of shape (n_samples, n_classes)."""
        columns = zip(scores.T, self.places, self.values, strict=True)
        return shares(np.column_stack([np.interp(*column) for column in columns]))


@dataclass(frozen=True, eq=False)
class TemperatureCalibration(Part):
    """A softmax of all columns, sharpened or smoothed.

    Parameters
    ----------
    sharpness : float
        What decision values, or logarithms of probabilities, are multiplied by.
    of_probabilities : bool
        Whether columns are probabilities.
    """

    sharpness: float
    of_probabilities: bool

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Return an array of shape (n_samples, n_classes)."""
        if scores.shape[1] == 1:
            first = 1 - scores if self.of_probabilities else -scores
            scores = np.hstack([first, scores])
        if self.of_probabilities:
            scores = np.log(scores + _LEAST)
        return softmax(self.sharpness * scores)


@dataclass(frozen=True, eq=False)
class CalibratedMember(Part):
    """A classifier, and what makes probabilities of what it says.

    Parameters
    ----------
    estimator : Estimator
        The classifier.
    method : {"decision_function", "predict_proba"}
        What is asked of it.
    calibration : Part
        What makes probabilities of that.
    """

    estimator: Any
    method: str
    calibration: Any

    def probabilities(self, X: Any) -> np.ndarray:
        """Return an array of shape (n_samples, n_classes)."""
        scores = getattr(self.estimator, self.method)(X)
        if scores.ndim == 1:
            scores = scores[:, np.newaxis]
        elif self.method == "predict_proba" and scores.shape[1] == 2:
            scores = scores[:, 1:]
        return np.asarray(self.calibration.probabilities(scores))


@dataclass(frozen=True, eq=False)
class CalibratedClassifier(Estimator):
    """Average of calibrated classifiers.

    Parameters
    ----------
    members : list of CalibratedMember
        One, or one for each fold.
    classes : ndarray of shape (n_classes,)
        Class labels.
    """

    members: list[CalibratedMember]
    classes: np.ndarray

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return ("predict", "predict_proba")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Average probabilities."""
        return np.asarray(np.mean([one.probabilities(X) for one in self.members], axis=0))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class."""
        return labels_of_probabilities(self.predict_proba(X), self.classes)
