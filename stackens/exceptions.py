"""The errors and warnings of the package; each is also a builtin or scikit-learn one."""

from __future__ import annotations

import sys
import sysconfig
import traceback
import warnings
from pathlib import Path
from types import FrameType
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


# Whose lines are no user's either: their functions stand between a user and ours.
_BETWEEN = {"stackens", "sklearn", "joblib", "concurrent", "threading"}


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the line of the user's code that led here, through whatever of ours it did.

    Parameters
    ----------
    message : str
        What there is to know.
    category : type
        Of the warning.
    """
    # `stacklevel` would have to count calls, which move, and comprehensions, which Python 3.12
    # no longer counts; there `skip_file_prefixes` would do.
    frame = caller = sys._getframe(1)
    while _is_between(frame) and frame.f_back is not None:
        frame = frame.f_back
    if _is_between(frame):  # in a thread that nobody waits for
        frame = caller
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=_name_of(frame),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _is_between(frame: FrameType) -> bool:
    return _name_of(frame).partition(".")[0] in _BETWEEN


def _name_of(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else "<unknown>"


class _ShortInNotebook:
    """In a notebook, show what the user wrote and the message, not the way through libraries."""

    __cause__: BaseException | None
    __traceback__: Any

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        shell = _find_shell()
        mode = getattr(getattr(shell, "InteractiveTB", None), "mode", "Context")
        if mode != "Context":  # ``%xmode Verbose`` asks for everything
            return shell.InteractiveTB.structured_traceback(type(self), self, self.__traceback__)
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
    """Data or a parameter that cannot be used; the message says what to do.

    Examples
    --------
    >>> from stackens import SequencePadder
    >>> SequencePadder(truncation="up").fit([[[1.0], [2.0]]])
    Traceback (most recent call last):
        ...
    stackens.exceptions.InvalidInputError: `truncation` must be ...
    """


class ArchiveError(_ShortInNotebook, OSError):
    """A file of ours cannot be written, cannot be read, or is damaged.

    Examples
    --------
    >>> import tempfile, pathlib, stackens
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "stack.stackens")
    ...     n_bytes = path.write_bytes(b"something else")
    ...     stackens.load(path)
    Traceback (most recent call last):
        ...
    stackens.exceptions.ArchiveError: ...
    """


class UntrustedTypesError(_ShortInNotebook, TypeError):
    """A file needs types or functions that nobody vouched for; the message names them.

    Parameters
    ----------
    message : str
        What they are, and what to do.
    names : list of str
        Their names.

    Attributes
    ----------
    names : list of str
        Their names.

    Examples
    --------
    >>> import tempfile, pathlib, stackens
    >>> from scipy.special import erf
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from stackens.exceptions import UntrustedTypesError
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "transformer.stackens")
    ...     size = stackens.save(FunctionTransformer(erf), path)
    ...     try:
    ...         stackens.load(path)
    ...     except UntrustedTypesError as error:
    ...         print(error.names)
    ['scipy.special.erf']
    """

    def __init__(self, message: str, names: list[str]) -> None:
        super().__init__(message)
        self.names = names

    def __reduce__(self) -> tuple[type, tuple[str, list[str]]]:
        return type(self), (str(self), self.names)


class MissingExtraError(_ShortInNotebook, ImportError):
    """An optional dependency is absent; the message names the extra that brings it.

    Examples
    --------
    >>> import sys
    >>> from unittest import mock
    >>> from stackens import LearnerWeightsDisplay
    >>> display = LearnerWeightsDisplay({"lstm": 1.0}, "weight")
    >>> with mock.patch.dict(sys.modules, {"matplotlib": None}):  # as if it were not installed
    ...     display.plot()
    Traceback (most recent call last):
        ...
    stackens.exceptions.MissingExtraError: ...pip install "stackens[plot]"...
    """


class BackendError(_ShortInNotebook, RuntimeError):
    """Networks cannot run here: Keras has another backend, or a fork has lost TensorFlow's threads.

    Examples
    --------
    >>> import os
    >>> from unittest import mock
    >>> from stackens import StackedRNNClassifier
    >>> with mock.patch.dict(os.environ, {"KERAS_BACKEND": "jax"}):
    ...     StackedRNNClassifier().fit([[[0.0]], [[1.0]]], [0, 1])
    Traceback (most recent call last):
        ...
    stackens.exceptions.BackendError: ...needs Keras on the 'tensorflow' backend; got 'jax'...
    """


class TrainingDivergedError(_ShortInNotebook, FloatingPointError):
    """A loss became NaN or infinite; the message names learner, rows and epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import StackedRNNRegressor
    >>> X = np.ones((64, 2, 1))
    >>> learner = StackedRNNRegressor(units=1, epochs=2, optimizer="sgd", learning_rate=1e30)
    >>> learner.fit(X, np.arange(64.0))
    Traceback (most recent call last):
        ...
    stackens.exceptions.TrainingDivergedError: ...
    """


class TimeLimitError(_ShortInNotebook, TimeoutError):
    """A time limit ended a training, or was too short for any result.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from stackens import StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> StackingClassifier([("bayes", GaussianNB())], time_limit=1e-9).fit(X, y)
    Traceback (most recent call last):
        ...
    stackens.exceptions.TimeLimitError: ...
    """


class NoLearnerLeftError(_ShortInNotebook, RuntimeError):
    """Every learner of a stack failed; the message gives the reason of each.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from stackens import StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> learners = [("near", KNeighborsClassifier(n_neighbors=1000))]  # more than there are rows
    >>> StackingClassifier(learners, on_failure="drop").fit(X, y)
    Traceback (most recent call last):
        ...
    stackens.exceptions.NoLearnerLeftError: ...
    """


class LearnerDroppedWarning(RuntimeWarning):
    """A learner failed and is not part of the stack; the message says why.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from stackens import StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> learners = [("bayes", GaussianNB()), ("near", KNeighborsClassifier(n_neighbors=1000))]
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     stack = StackingClassifier(learners, on_failure="drop").fit(X, y)
    >>> [warning.category.__name__ for warning in caught], list(stack.failures_)
    (['LearnerDroppedWarning'], ['near'])
    """


class TimeLimitWarning(RuntimeWarning):
    """A time limit left something untrained; the message says what is missing.

    Examples
    --------
    Everything in time, or an error:

    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from stackens import StackingClassifier
    >>> from stackens.exceptions import TimeLimitWarning
    >>> X, y = load_iris(return_X_y=True)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", TimeLimitWarning)
    ...     stack = StackingClassifier([("bayes", GaussianNB())], time_limit=600).fit(X, y)
    """


class MissingClassWarning(RuntimeWarning):
    """A fold's training rows lack a class that the data have.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import KFold
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from stackens import StackingClassifier
    >>> X, y = load_iris(return_X_y=True)  # sorted by class: every fold is one
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     stack = StackingClassifier([("bayes", GaussianNB())], cv=KFold(3)).fit(X, y)
    >>> {warning.category.__name__ for warning in caught}
    {'MissingClassWarning'}
    """


class OverlapWarning(UserWarning):
    """Rows to learn from are among those of a source that should be others.

    Examples
    --------
    As an error, where a source must hold no row that is to be learned from:

    >>> import warnings
    >>> from stackens.exceptions import OverlapWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", OverlapWarning)
    ...     warnings.warn("2 of 10 rows are among those of the source.", OverlapWarning)
    Traceback (most recent call last):
        ...
    stackens.exceptions.OverlapWarning: 2 of 10 rows are among those of the source.
    """


class StoreWarning(UserWarning):
    """The store cannot keep or serve something; it is trained as if there were no store.

    Examples
    --------
    >>> import tempfile, warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stackens import StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> learners = [("tree", DecisionTreeClassifier())]  # another one at every fit: no seed
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with warnings.catch_warnings(record=True) as caught:
    ...         warnings.simplefilter("always")
    ...         stack = StackingClassifier(learners, memory=folder).fit(X, y)
    >>> {warning.category.__name__ for warning in caught}
    {'StoreWarning'}
    """


class ChannelsFirstWarning(UserWarning):
    """Sequences have a single timestep and many features: channels seem to come first.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from stackens import SequenceScaler, from_channels_first
    >>> X = np.zeros((20, 1, 150))  # one channel, 150 timesteps, as aeon has them
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     scaler = SequenceScaler().fit(X)
    >>> [warning.category.__name__ for warning in caught]
    ['ChannelsFirstWarning']
    >>> scaler = SequenceScaler().fit(from_channels_first(X))
    """


class UnknownTokenWarning(UserWarning):
    """A text holds tokens that a vocabulary lacks; the message counts and names them.

    Examples
    --------
    >>> import warnings
    >>> from stackens.text import StackedRNNLanguageModel
    >>> model = StackedRNNLanguageModel(units=2, window=4, epochs=1, random_state=0)
    >>> model = model.fit(["abba" * 20])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     score = model.score(["abc"])
    >>> [warning.category.__name__ for warning in caught]
    ['UnknownTokenWarning']
    """


class SentenceLengthWarning(UserWarning):
    """Sentences, or translations, have reached the largest length; the message counts them.

    Examples
    --------
    >>> import warnings
    >>> from stackens.text import SequenceTranslator
    >>> model = SequenceTranslator(8, n_heads=2, n_layers=1, max_length=4, epochs=1, random_state=0)
    >>> model = model.fit(["a b", "b a"], ["c d", "d c"])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     translations = model.predict(["a b a b a b a b"])
    >>> "SentenceLengthWarning" in [warning.category.__name__ for warning in caught]
    True
    """
