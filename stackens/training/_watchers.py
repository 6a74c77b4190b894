"""Who watches a fit: scikit-learn's callbacks, and who looks at a bar.

An estimator's fit is a tree of tasks, of whose begins and ends its callbacks are told. This is the
one place that knows whether scikit-learn has such a thing; without it, tasks do nothing.
"""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any, Self

from stackens.training._job import TrainedNetwork
from stackens.training._towers import OnProgress, by_steps

try:
    from sklearn.callback import AutoPropagatedCallback
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
    from sklearn.callback._callback_support import callback_management_context

    manage_callbacks = callback_management_context
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


class FitObserver:
    """Reports the training of a job as the fit of its learner, one subtask for each epoch.

    Parameters
    ----------
    learner : TowerLearner
        Who planned the job.
    n_epochs : int
        Of the job.
    data : mapping, default={}
        ``X``, ``y`` and ``metadata`` of the fit, or callables that return them.
    name : str, default="fit"
        Of the task.
    around : callable, default=contextlib.nullcontext
        ``around(learner)`` is a context manager around all that is told.
    """

    def __init__(
        self,
        learner: Any,
        n_epochs: int,
        data: Mapping[str, Any] | None = None,
        *,
        name: str = "fit",
        around: Callable[[Any], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self._learner, self._n_epochs, self._data = learner, n_epochs, dict(data or {})
        self._name, self._around = name, around
        self._task = self._epoch = Task()
        self._n_begun = 0
        self._result: Callable[[], TrainedNetwork] | None = None

    @contextmanager
    def training(self) -> Iterator[None]:
        """Around the training: sets callbacks up, and tears them down whatever happens."""
        with self._around(self._learner), manage_callbacks(self._learner):
            self._task = Task.root(self._learner, self._name, n_subtasks=self._n_epochs)
            self._task.begin(**self._data)
            self._n_begun = 0
            try:
                yield
                self._task.end(**self._data, attributes=self._attributes)
            finally:
                self._task = self._epoch = Task()
                self._result = None

    def on_epoch_begin(self, epoch: int) -> None:
        """Begin a subtask; epochs of an earlier, interrupted training are told at once."""
        while self._n_begun < epoch:
            self._begin_epoch()
            self._epoch.end(**self._data)
        self._begin_epoch()

    def on_epoch_end(
        self, epoch: int, logs: Mapping[str, float], result: Callable[[], TrainedNetwork]
    ) -> bool:
        """End it; ``result()`` is what training would give if it stopped here."""
        self._result = result
        return self._epoch.end(**self._data, attributes=self._attributes)

    def _begin_epoch(self) -> None:
        self._epoch = self._task.subtask("epoch")
        self._epoch.begin(**self._data)
        self._n_begun += 1

    def _attributes(self) -> dict[str, Any] | None:
        if self._result is None:  # the network came out of the store
            return None
        return vars(copy.copy(self._learner).adopt(self._result()))


class Progress:
    """One bar over everything that a fit does; nothing unless ``verbose``.

    Parameters
    ----------
    verbose : int or bool
        0 shows nothing.
    unit : str
        What is counted.
    """

    def __init__(self, verbose: int | bool, *, unit: str) -> None:
        self._is_shown, self._unit = bool(verbose), unit
        self._bar: Any = None
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def extend(self, n_steps: int) -> None:
        """Add to what there is to do; less than 0 takes away."""
        if not self._is_shown:
            return
        with self._lock:
            if self._bar is None:
                self._bar = _bar_class()(total=n_steps, unit=self._unit, dynamic_ncols=True)
            elif n_steps:
                self._bar.total += n_steps
                if hasattr(self._bar, "container"):  # a notebook's widget has its own total
                    self._bar.container.children[1].max = self._bar.total
                self._bar.refresh()

    def describe(self, text: str) -> None:
        """Say what runs now."""
        if self._bar is not None:
            with self._lock:
                self._bar.set_description_str(text)

    def advance(self, n_steps: int, text: str) -> None:
        """Count what is done, and say what it was."""
        if self._bar is not None:
            with self._lock:
                self._bar.set_description_str(text, refresh=False)
                self._bar.update(n_steps)

    def counter(self) -> OnProgress | None:
        """Return a callable for a training that counts its own epochs from 0; None if silent."""
        return by_steps(self.advance) if self._is_shown else None


def _bar_class() -> Any:
    """Return the widget of a notebook, or the bar of a terminal."""
    with warnings.catch_warnings():  # without ipywidgets a notebook gets a bar of text
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm

    return tqdm
