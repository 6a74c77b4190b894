"""scikit-learn's callbacks, where the installed version has them.

An estimator's fit is a tree of tasks, of whose begins and ends its callbacks are told. This is the
one place that knows whether there is such a thing; without it, everything here does nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

__all__ = [
    "CallbackSupportMixin",
    "Task",
    "has_callbacks",
    "manage_callbacks",
    "refuse_propagated",
    "without_callbacks",
]

try:
    from sklearn.callback import AutoPropagatedCallback, CallbackSupportMixin
    from sklearn.callback._callback_support import (
        callback_management_context as manage_callbacks,
    )
except ImportError:  # can go when scikit-learn 1.9 is the oldest supported version

    class AutoPropagatedCallback:  # type: ignore[no-redef]
        """Nothing is one."""

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Estimators have no ``set_callbacks``, as those of scikit-learn have none."""

    manage_callbacks = nullcontext


def has_callbacks(estimator: Any) -> bool:
    """Whether callbacks are set on an estimator itself, by the user or by what contains it."""
    return bool(getattr(estimator, "_skl_callbacks", None))


def without_callbacks(estimator: Any) -> Any:
    """Return an estimator, or a shallow copy of it, on which no callbacks are set."""
    if not has_callbacks(estimator):
        return estimator
    bare = copy.copy(estimator)
    del bare._skl_callbacks
    return bare


def refuse_propagated(learners: Mapping[str, Any], owner: str) -> None:
    """Refuse, before training, callbacks that belong to the estimator around these.

    Parameters
    ----------
    learners : mapping of str to estimator
        Parts of an estimator, by name.
    owner : str
        What that estimator is called.

    Raises
    ------
    TypeError
        If callbacks of a part are of the kind that is handed down from the outermost estimator.
    """
    for name, learner in learners.items():
        wrong = [
            type(callback).__name__
            for callback in getattr(learner, "_skl_callbacks", ())
            if isinstance(callback, AutoPropagatedCallback)
        ]
        if wrong:
            raise TypeError(
                f"Learner {name!r} has the callbacks {', '.join(wrong)}, which an outer estimator "
                f"hands down to its parts. Set them on the outermost one: "
                f"`{owner}.set_callbacks(…)`."
            )


class Task:
    """A task of an estimator's fit, of which callbacks are told; made by ``root`` or ``subtask``.

    It does nothing if nobody wants to know.

    Parameters
    ----------
    estimator : estimator, default=None
        Whose task it is.
    context : sklearn.callback.CallbackContext, default=None
        Its place among the tasks; None tells nobody.
    """

    def __init__(self, estimator: Any = None, context: Any = None) -> None:
        self._estimator, self._context = estimator, context

    @classmethod
    def root(
        cls,
        estimator: Any,
        name: str = "fit",
        *,
        n_subtasks: int,
        sequential: bool = True,
        wanted: bool = False,
    ) -> Task:
        """Begin the tree of a fit; the callbacks of the estimator are set up.

        Parameters
        ----------
        estimator : estimator
            In whose ``fit`` this is, inside ``manage_callbacks``.
        name : str, default="fit"
            Of the task.
        n_subtasks : int
            How many there will be at most.
        sequential : bool, default=True
            Whether one comes after the other; else they are numbered by the caller.
        wanted : bool, default=False
            Whether somebody else's callbacks are to see this tree.

        Returns
        -------
        Task
        """
        is_able = hasattr(estimator, "_init_callback_context")
        if not is_able or not (wanted or has_callbacks(estimator)):
            return cls()
        context = estimator._init_callback_context(
            task_name=name, max_subtasks=n_subtasks, sequential_subtasks=sequential
        )
        return cls(estimator, context)

    @property
    def is_watched(self) -> bool:
        """Whether anybody is told."""
        return self._context is not None

    def subtask(self, name: str, number: int | None = None) -> Task:
        """Return a part of this task, which has not begun yet.

        Parameters
        ----------
        name : str
            For the callbacks.
        number : int, default=None
            Which of the parts; None counts, where one comes after the other.

        Returns
        -------
        Task
        """
        if self._context is None:
            return self
        return Task(self._estimator, self._context.subcontext(task_name=name, task_id=number))

    def begin(self, *, X: Any = None, y: Any = None, metadata: Any = None) -> None:
        """Tell that it begins; each argument may be a callable that returns it."""
        if self._context is not None:
            self._context.call_on_fit_task_begin(
                estimator=self._estimator, X=X, y=y, metadata=metadata
            )

    def end(
        self, *, X: Any = None, y: Any = None, metadata: Any = None, attributes: Any = None
    ) -> bool:
        """Tell that it has ended; return whether a callback wants those like it to stop.

        ``attributes`` are those that would make the estimator a fitted one.
        """
        return self._context is not None and bool(
            self._context.call_on_fit_task_end(
                estimator=self._estimator,
                X=X,
                y=y,
                metadata=metadata,
                reconstruction_attributes=attributes,
            )
        )

    @contextmanager
    def fitting(self, part: Any, **data: Any) -> Iterator[None]:
        """Tell of begin and end, also of one by an error; ``part`` is fitted in between.

        Callbacks that are to be handed down reach ``part`` if it supports any.
        """
        if self._context is None:
            yield
            return
        takes_callbacks = hasattr(part, "set_callbacks")
        with self._context.propagate_callback_context(part) if takes_callbacks else nullcontext():
            self.begin(**data)
            try:
                yield
            finally:
                self.end(**data)
