"""The errors and warnings of the package; each is also a builtin or scikit-learn one."""

from __future__ import annotations

__all__ = [
    "ArchiveError",
    "BackendError",
    "InvalidInputError",
    "MissingClassWarning",
    "MissingExtraError",
    "StoreWarning",
    "TrainingDivergedError",
]


class InvalidInputError(ValueError):
    """Data or a parameter that cannot be used; the message says what to do."""


class ArchiveError(OSError):
    """A file of ours cannot be written, cannot be read, or is damaged."""


class MissingExtraError(ImportError):
    """An optional dependency is absent; the message names the extra that brings it."""


class BackendError(RuntimeError):
    """Keras runs on a backend other than TensorFlow."""


class TrainingDivergedError(FloatingPointError):
    """A loss became NaN or infinite; the message names learner, rows and epoch."""


class MissingClassWarning(RuntimeWarning):
    """A fold's training rows lack a class that the data have."""


class StoreWarning(UserWarning):
    """The store cannot keep or serve something; it is trained as if there were no store."""
