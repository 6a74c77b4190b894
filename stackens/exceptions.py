"""The errors and warnings of the package; each is also a builtin or scikit-learn one."""

from __future__ import annotations

__all__ = [
    "ArchiveError",
    "BackendError",
    "InvalidInputError",
    "LearnerDroppedWarning",
    "MissingClassWarning",
    "MissingExtraError",
    "NoLearnerLeftError",
    "OverlapWarning",
    "StoreWarning",
    "TimeLimitError",
    "TimeLimitWarning",
    "TrainingDivergedError",
    "UnknownTokenWarning",
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


class TimeLimitError(TimeoutError):
    """A time limit ended a training, or was too short for any result."""


class NoLearnerLeftError(RuntimeError):
    """Every learner of a stack failed; the message gives the reason of each."""


class LearnerDroppedWarning(RuntimeWarning):
    """A learner failed and is not part of the stack; the message says why."""


class TimeLimitWarning(RuntimeWarning):
    """A time limit left something untrained; the message says what is missing."""


class MissingClassWarning(RuntimeWarning):
    """A fold's training rows lack a class that the data have."""


class OverlapWarning(UserWarning):
    """Rows to learn from are among those of a source that should be others."""


class StoreWarning(UserWarning):
    """The store cannot keep or serve something; it is trained as if there were no store."""


class UnknownTokenWarning(UserWarning):
    """A text holds tokens that a vocabulary lacks; the message counts and names them."""
