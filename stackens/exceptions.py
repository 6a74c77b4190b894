"""The errors and warnings of the package; each is also a builtin or scikit-learn one."""

from __future__ import annotations

__all__ = [
    "BackendError",
    "InvalidInputError",
    "MissingClassWarning",
    "MissingExtraError",
    "TrainingDivergedError",
]


class InvalidInputError(ValueError):
    """Data or a parameter that cannot be used; the message says what to do."""


class MissingExtraError(ImportError):
    """An optional dependency is absent; the message names the extra that brings it."""


class BackendError(RuntimeError):
    """Keras runs on a backend other than TensorFlow."""


class TrainingDivergedError(FloatingPointError):
    """A loss became NaN or infinite; the message names learner, rows and epoch."""


class MissingClassWarning(RuntimeWarning):
    """A fold's training rows lack a class that the data have."""
