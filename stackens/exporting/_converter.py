"""Walks through a fitted estimator, and notes every part that cannot be exported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from stackens import portable
from stackens.exceptions import InvalidInputError

Handler = Callable[[Any, "Converter"], portable.Part | None]

_HANDLERS: dict[str, Handler] = {}


class CannotExportError(Exception):
    """Raised by a handler; the message says what stands in the way, and what to do."""


def converts(*names: str) -> Callable[[Handler], Handler]:
    """Register a handler for classes, each given as package and class name.

    A handler gets exactly these classes, and those of ours that inherit from them and have no
    handler of their own. Another's subclass may predict in another way.
    """

    def register(handler: Handler) -> Handler:
        _HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


def qualified_name(estimator: Any) -> str:
    """Return package and class name: no class has to be imported to be recognised."""
    return _name_of(type(estimator))


def _name_of(cls: type) -> str:
    return f"{cls.__module__.partition('.')[0]}.{cls.__qualname__}"


def _find_handler(cls: type) -> Handler:
    names = [_name_of(one) for one in cls.__mro__]
    ours = [name for name in names if name.startswith("stackens.")]
    for name in ours if names[0] in ours else names[:1]:
        if name in _HANDLERS:
            return _HANDLERS[name]
    raise CannotExportError(f"there is no NumPy form of {names[0]}")


def labels(classes: Any) -> np.ndarray:
    """Return class labels as an array that a file can hold."""
    array = np.asarray(classes)
    if array.dtype == object and all(isinstance(one, str) for one in array):
        return array.astype(str)
    if array.dtype.kind not in "biufSU" or array.ndim != 1:
        raise CannotExportError(
            f"its class labels are of type {array.dtype}; train it on strings or numbers"
        )
    return array


def with_names(part: Any, names: Any) -> Any:
    """Return a part that compares the columns of data frames with these names, if there are any."""
    if part is None or names is None or not all(isinstance(name, str) for name in names):
        return part
    check = portable.ColumnNames(list(map(str, names)))
    if hasattr(part, "predict"):
        return portable.Pipeline([check], part)
    return portable.Chain([check, part])


class Converter:
    """Turns estimators into parts of :mod:`stackens.portable`.

    Attributes
    ----------
    problems : list of str
        For each part that cannot be exported, where it is and why.
    call_options : dict
        Numbers that the layer at hand is called with.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.call_options: dict[str, Any] = {}
        self._place: list[str] = []

    def convert(
        self, estimator: Any, place: str = "", *, call_options: dict[str, Any] | None = None
    ) -> Any:
        """Return the part that computes what the estimator does.

        Parameters
        ----------
        estimator : estimator
            Fitted.
        place : str, default=""
            What it is to its owner, e.g. "step 'scaler'".
        call_options : dict, default=None
            Numbers that a layer is called with.

        Returns
        -------
        Part or None
            None if it cannot be exported; ``problems`` says why then.
        """
        kind = type(estimator).__name__
        self.call_options = call_options or {}
        with self.inside(f"{place} ({kind})" if place else kind):
            try:
                handler = _find_handler(type(estimator))
                return with_names(
                    handler(estimator, self), getattr(estimator, "feature_names_in_", None)
                )
            except CannotExportError as error:
                self.problems.append(f"{', '.join(self._place)}: {error}")
        return None

    @contextmanager
    def inside(self, place: str) -> Iterator[None]:
        """Name what is looked at meanwhile, for messages."""
        self._place.append(place)
        try:
            yield
        finally:
            self._place.pop()

    def check(self) -> None:
        """Raise one error that names all problems, if there are any."""
        if not self.problems:
            return
        found = "".join(f"\n- {problem}." for problem in self.problems)
        raise InvalidInputError(
            f"This estimator cannot be exported to NumPy; nothing was written.{found}\nReplace "
            "these parts by ones that can be exported (the deployment guide lists them), leave "
            "the learner out of the stack by 'drop', or keep the estimator as a pickle, which "
            "needs all its libraries where it is read."
        )
