"""One learner on one set of rows, and what becomes of it."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from stackens.adapters import adapt
from stackens.exceptions import TimeLimitError
from stackens.sequences import is_memory_map
from stackens.training import HeldOutRows, Task

# Rows of a memory map that are predicted at once.
_ROWS_BYTES = 16 * 2**20


def adapt_learner(learner: Any) -> Any:
    """Return what trains in the learner's place; of a Pipeline, its last step is adapted."""
    if not isinstance(learner, Pipeline):
        return adapt(learner)
    *before, (name, last) = learner.steps
    adapted = copy.copy(learner)
    adapted.steps = [*before, (name, adapt(last))]
    return adapted


def last_step(estimator: Any) -> Any:
    """Return the last step of a Pipeline, or the estimator itself."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def is_network(estimator: Any) -> bool:
    """Whether it plans the training of networks: a learner of this package, or a stack."""
    return hasattr(estimator, "plan_job") or hasattr(estimator, "plan_networks")


def as_arrays(predictions: Any) -> Any:
    """Return predictions as an array, or as a list of one for each label of a row.

    Parameters
    ----------
    predictions : array-like, sparse matrix, or list of array-like
        As an estimator gives them; a list of tables has one for each label.
    """
    if hasattr(predictions, "toarray"):
        return predictions
    first = predictions[0] if isinstance(predictions, list) and predictions else None
    if len(getattr(first, "shape", ())) > 1:
        return [np.asarray(part) for part in predictions]
    return np.asarray(predictions)


@dataclass(eq=False)
class Fit:
    """One learner to be fitted on one set of rows.

    Attributes
    ----------
    learner : estimator
        Not changed; ``fitted`` is a clone.
    name : str
        The learner's name.
    fold : int or None
        None is the refit on all rows.
    train, test : ndarray of int or None
        Rows to fit on (None = all) and to predict.
    method : str
        What to predict with.
    params : dict
        Metadata for ``fit``, of all rows.
    hold_out : HeldOutRows or None
        Which training rows a learner watches that stops early; None leaves it to the learner.
    needs_estimator : bool
        Whether ``fitted`` may have to predict again: refits, and fold models that replace them.
    fitted : estimator
        Result.
    predictions : ndarray or list of ndarray
        Of the rows ``test``.
    seconds, cpu_seconds : float
        Wall time, and time of processors: its part of what fits took that ran side by side.
    error : Exception or None
        Why there is no result.
    is_served : bool
        Whether the result comes from a store.
    task : Task
        What callbacks are told of it.
    """

    learner: Any
    name: str
    fold: int | None = None
    train: np.ndarray | None = None
    test: np.ndarray | None = None
    method: str = "predict"
    params: dict[str, Any] = field(default_factory=dict)
    hold_out: HeldOutRows | None = None
    needs_estimator: bool = True
    fitted: Any = None
    predictions: Any = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    error: Exception | None = None
    is_served: bool = False
    task: Task = field(default_factory=Task)

    @property
    def part(self) -> str:
        """Which rows it is fitted on, for messages."""
        return "refit on all rows" if self.fold is None else f"fold {self.fold}"

    @property
    def label(self) -> str:
        """For messages."""
        return f"{self.name}, {self.part}"

    @property
    def is_done(self) -> bool:
        """Whether there is a result."""
        return self.fitted is not None and self.error is None

    def data(self, X: Any, y: np.ndarray) -> dict[str, Any]:
        """Return what it is fitted on, for callbacks, by callables that select it when asked."""
        metadata = partial(_check_method_params, X, self.params, self.train)
        return {
            "X": partial(_take, X, self.train),
            "y": partial(_take, y, self.train),
            "metadata": metadata if self.params else None,
        }

    def predict(self, X: Any) -> None:
        """Predict the held-out rows."""
        if self.test is None:
            return
        predict = getattr(self.fitted, self.method)
        if not is_memory_map(X):
            self.predictions = as_arrays(predict(_safe_indexing(X, self.test)))
            return
        step = max(1, _ROWS_BYTES // max(1, X[:1].nbytes))  # never all of them in memory
        parts = [
            as_arrays(predict(X[self.test[i : i + step]])) for i in range(0, len(self.test), step)
        ]
        self.predictions = np.concatenate(parts)


def _take(values: Any, rows: np.ndarray | None) -> Any:
    return values if rows is None else _safe_indexing(values, rows)


@contextmanager
def told_where(fit: Fit) -> Iterator[None]:
    """Add to an error which learner raised it, and where; its type stays."""
    try:
        yield
    except Exception as error:
        # A network reads all of `X`; others, and what is before it in a Pipeline, get their rows.
        is_part = fit.fold is not None and not hasattr(adapt_learner(fit.learner), "plan_job")
        counted = " Rows are counted within the rows of that fold." if is_part else ""
        error.add_note(f"Raised by learner {fit.name!r}, {fit.part}.{counted}")
        raise


@dataclass
class Policy:
    """What happens to the others when a fit fails, and how much time there is.

    Attributes
    ----------
    on_failure : {"raise", "drop"}
        Whether the error of one ends all, or the learner is lost and the others go on.
    deadline : float or None
        In seconds since 1970; what is not done by then stays undone.
    lost : set of str
        Names of the learners that failed.
    """

    on_failure: str = "raise"
    deadline: float | None = None
    lost: set[str] = field(default_factory=set)

    @property
    def is_late(self) -> bool:
        """Whether the time is up."""
        return self.deadline is not None and time.time() >= self.deadline

    @contextmanager
    def watch(self, fit: Fit) -> Iterator[None]:
        """Raise or note what happens to a fit."""
        try:
            with told_where(fit):
                yield
        except Exception as error:
            self.note(fit, error)

    def note(self, fit: Fit, error: Exception) -> None:
        """Note why a fit has no result, or raise it."""
        if not isinstance(error, TimeLimitError):
            if self.on_failure == "raise":
                raise error
            self.lost.add(fit.name)
        fit.error, fit.fitted, fit.predictions = error, None, None

    def check_predictions(self, fit: Fit) -> None:
        """Take NaN for a failure, where failures are dropped."""
        if self.on_failure == "raise" or fit.predictions is None:
            return
        values = fit.predictions if isinstance(fit.predictions, list) else [fit.predictions]
        bad = sum(_count_bad_rows(np.asarray(value)) for value in values)
        if bad:
            raise FloatingPointError(
                f"It predicted NaN or infinity for {bad} of {len(values[0])} held-out rows."
            )


def _count_bad_rows(values: np.ndarray) -> int:
    if values.dtype.kind != "f":
        return 0
    return int((~np.isfinite(values.reshape(len(values), -1))).any(axis=1).sum())
