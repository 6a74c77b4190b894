"""The errors and warnings of the package; each is also a builtin or scikit-learn one."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from pathlib import Path
from typing import Any

__all__ = [
    "ArchiveError",
    "BackendError",
    "InvalidInputError",
    "LearnerDroppedWarning",
    "MissingClassWarning",
    "MissingExtraError",
    "NoLearnerLeftError",
    "OverlapWarning",
    "SentenceLengthWarning",
    "StoreWarning",
    "TimeLimitError",
    "TimeLimitWarning",
    "TrainingDivergedError",
    "UnknownTokenWarning",
    "UntrustedTypesError",
]


# What lies in these folders is no user's: this package, and Python itself.
_LIBRARIES = (str(Path(__file__).parent), sysconfig.get_path("stdlib"))


class _ShortInNotebook:
    """In a notebook, show what the user wrote and the message, not the way through libraries."""

    __cause__: BaseException | None
    __traceback__: Any

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        shell = _find_shell()
        mode = getattr(getattr(shell, "InteractiveTB", None), "mode", "Context")
        if mode != "Context":  # ``%xmode Verbose`` asks for everything
            everything: list[str] = shell.InteractiveTB.structured_traceback(
                type(self), self, self.__traceback__
            )
            return everything
        frames = traceback.extract_tb(self.__traceback__)
        own = [frame for frame in frames if _is_of_notebook(frame.filename)] or list(frames)[:1]
        cause, notes = self.__cause__, getattr(self, "__notes__", [])
        return [
            *(line.rstrip() for line in traceback.format_list(own)),
            f"{type(self).__name__}: {self}",
            *notes,
            *([] if cause is None else [f"Its cause was {type(cause).__name__}: {cause}"]),
            "(`%xmode Verbose` before running it again shows the way through the libraries.)",
        ]


def _find_shell() -> Any:
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _is_of_notebook(path: str) -> bool:
    """Whether it is a cell, or a file of the user: in no library, and none of ours."""
    if "ipykernel_" in path or path.startswith("<ipython-input"):
        return True
    return path.endswith(".py") and "site-packages" not in path and not path.startswith(_LIBRARIES)


class InvalidInputError(_ShortInNotebook, ValueError):
    """Data or a parameter that cannot be used; the message says what to do."""


class ArchiveError(_ShortInNotebook, OSError):
    """A file of ours cannot be written, cannot be read, or is damaged."""


class UntrustedTypesError(_ShortInNotebook, TypeError):
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


class MissingExtraError(_ShortInNotebook, ImportError):
    """An optional dependency is absent; the message names the extra that brings it."""


class BackendError(_ShortInNotebook, RuntimeError):
    """Keras runs on a backend other than TensorFlow."""


class TrainingDivergedError(_ShortInNotebook, FloatingPointError):
    """A loss became NaN or infinite; the message names learner, rows and epoch."""


class TimeLimitError(_ShortInNotebook, TimeoutError):
    """A time limit ended a training, or was too short for any result."""


class NoLearnerLeftError(_ShortInNotebook, RuntimeError):
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


class SentenceLengthWarning(UserWarning):
    """Sentences, or translations, have reached the largest length; the message counts them."""
