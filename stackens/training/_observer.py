"""Callbacks of a learner are told how the training of its network goes on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from stackens.training._callbacks import Task, manage_callbacks
from stackens.training._job import TrainedNetwork

__all__ = ["FitObserver"]


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
