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
    "StoreWarning",
    "TimeLimitError",
    "TimeLimitWarning",
    "TrainingDivergedError",
    "UntrustedTypesError",
]


class InvalidInputError(ValueError):
    """Data or a parameter that cannot be used; the message says what to do."""


class ArchiveError(OSError):
    """A file of ours cannot be written, cannot be read, or is damaged."""


class UntrustedTypesError(TypeError):
    """A file needs types or functions that nobody vouched for; the message names them.

    Attributes
    ----------
    names : list of str
        Their names.
    """

    def __init__(self, message: str, names: list[str]) -> None:
        super().__init__(message)
        self.names = names

    def __reduce__(self) -> tuple[type, tuple[str, list[str]]]:
        return type(self), (str(self), self.names)


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


class StoreWarning(UserWarning):
    """The store cannot keep or serve something; it is trained as if there were no store."""
