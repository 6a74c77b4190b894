"""What can be trained, what jobs share, who is told of one, and what comes out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from stackens.exceptions import TimeLimitError
from stackens.sequences import is_memory_map
from stackens.training._architecture import Architecture, initial_weights

# Called after every epoch with the epoch's number (from 0) and its logs; True stops training.
EpochHook = Callable[[int, Mapping[str, float]], bool | None]


@dataclass(frozen=True)
class Optimizer:
    """An optimizer as it is written down: a name known to Keras and its settings.

    Parameters
    ----------
    name : str
        Class name of the Keras optimizer.
    learning_rate : float or keras.optimizers.schedules.LearningRateSchedule, default=None
        None is the optimizer's own default.
    options : mapping, default={}
        Further arguments of the class.
    """

    name: str
    learning_rate: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the loss of the validation rows has not improved, and keep the best weights.

    Parameters
    ----------
    patience : int
        Epochs without improvement after which training stops.
    min_delta : float, default=0.0
        Smallest decrease that counts.
    """

    patience: int
    min_delta: float = 0.0


class Observer(Protocol):
    """Is told how a training goes on, in the thread or process that trains."""

    def training(self) -> AbstractContextManager[None]:
        """Around the training; of a network that need not be trained, around nothing."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before each epoch (from 0, or where a checkpoint goes on)."""

    def on_epoch_end(
        self, epoch: int, logs: Mapping[str, float], result: Callable[[], TrainedNetwork]
    ) -> bool | None:
        """After it; ``result()`` is what stopping here would give. True stops training."""


class Trainable:
    """What the loop trains: a network, data, and the program that knows batches of such data.

    A kind of job sets those of these that it knows; the rest stay as they are here.
    """

    architecture: Architecture
    optimizer: Optimizer
    seed: int
    epochs: int
    early_stopping: EarlyStopping | None = None
    initial_weights: list[np.ndarray] | None = None
    initial_optimizer_state: list[np.ndarray] | None = None
    keep_optimizer_state: bool = False
    callbacks: tuple[Any, ...] = ()
    on_epoch_end: EpochHook | None = None
    observer: Observer | None = None
    prediction: Architecture | None = None
    name: str = ""

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of a row of what ``prediction`` takes."""
        return ()

    def find_program(self) -> Any:
        """Return the program that trains it; None if only Keras's own ``fit`` can."""
        raise NotImplementedError

    def split(self) -> Sequence[Trainable]:
        """Return the networks to be trained, whose outputs are averaged."""
        return [self]

    @property
    def n_epochs(self) -> int:
        """Epochs to train, of all networks."""
        return sum(member.epochs for member in self.split())

    @property
    def batch_text(self) -> str:
        """What a batch is and how to make it smaller, for messages."""
        raise NotImplementedError

    def observed(self) -> AbstractContextManager[None]:
        """Return what to train in, so that the observer knows."""
        return nullcontext() if self.observer is None else self.observer.training()


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """What training gives back.

    Attributes
    ----------
    weights : list of ndarray
        In the order of ``keras.Model.get_weights``; of several members one after the other.
    history : dict of str to list of float
        One value an epoch: ``loss``, metrics, and ``val_…`` of the validation rows.
    best_epoch : int
        Epoch (from 0) whose weights these are.
    seconds : float
        Wall time of this job, side by side with others.
    optimizer_state : list of ndarray or None
        If the job asked for it.
    is_kept : bool
        Whether there is a store, from which it may come again.
    cpu_seconds : float
        Time of the processors, if it was trained in another process.
    """

    weights: list[np.ndarray]
    history: dict[str, list[float]]
    best_epoch: int
    seconds: float
    optimizer_state: list[np.ndarray] | None = None
    is_kept: bool = False
    cpu_seconds: float = 0.0

    @classmethod
    def join(cls, members: Sequence[TrainedNetwork]) -> TrainedNetwork:
        """Put members together: all weights, mean history, median best epoch, summed time."""
        if len(members) == 1:
            return members[0]
        history = {}
        for name in members[0].history:
            columns = [member.history[name] for member in members]
            longest = max(len(column) for column in columns)
            history[name] = [
                float(np.mean([column[epoch] for column in columns if epoch < len(column)]))
                for epoch in range(longest)
            ]
        return cls(
            [array for member in members for array in member.weights],
            history,
            int(np.median([member.best_epoch for member in members])),
            sum(member.seconds for member in members),
            cpu_seconds=sum(member.cpu_seconds for member in members),
        )


@dataclass(frozen=True, eq=False)
class TrainingState:
    """Everything that the rest of a training depends on, after some epoch.

    Orders of rows and dropout are functions of seed, epoch and step, so that there is no random
    state beside the counters in ``others``.

    Attributes
    ----------
    epoch : int
        The last one that is done (from 0).
    parameters : ndarray of shape (n_parameters,)
        Weights that are trained.
    others : list of ndarray
        Moving averages, and seeds and counters of dropout.
    slots : list of ndarray
        State of the optimizer.
    step : ndarray of shape ()
        Steps that the optimizer took.
    history : dict of str to list of float
        Losses and metrics so far.
    best_loss : float
        Lowest loss of the validation rows so far; infinity if there are none.
    best_epoch : int
        Its epoch, or -1.
    best : tuple of (ndarray, list of ndarray) or None
        Parameters and others of that epoch.
    seconds : float
        Time spent so far.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.training import TrainingState
    >>> state = TrainingState(
    ...     epoch=0, parameters=np.zeros(3), others=[], slots=[], step=np.array(7),
    ...     history={"loss": [0.7]}, best_loss=np.inf, best_epoch=-1, best=None, seconds=0.2)
    >>> state.history
    {'loss': [0.7]}
    """

    epoch: int
    parameters: np.ndarray
    others: list[np.ndarray]
    slots: list[np.ndarray]
    step: np.ndarray
    history: dict[str, list[float]]
    best_loss: float
    best_epoch: int
    best: tuple[np.ndarray, list[np.ndarray]] | None
    seconds: float


class StateKeeper(Protocol):
    """Where one job keeps its state, and goes on from; ``stackens.store.Checkpoint`` is one."""

    def is_due(self) -> bool:
        """Say whether the last state (or the start) is long enough ago."""

    def save(self, state: TrainingState) -> bool:
        """Keep a state in place of the last one; return whether it was kept."""

    def load(self) -> TrainingState | None:
        """Return the last state that was kept, if there is one."""

    def reject(self, error: Exception) -> None:
        """Remove a state that does not fit the job."""


class CutShortError(TimeLimitError):
    """The time limit came after some epochs.

    Attributes
    ----------
    trained : TrainedNetwork
        What they have given.
    """

    trained: TrainedNetwork


# ---- what jobs share --------------------------------------------------------------------------


class Shared:
    """What jobs have in common: one tensor for each distinct array, initial weights."""

    def __init__(self) -> None:
        self._tensors: dict[tuple[int, str], tuple[np.ndarray, Any]] = {}
        self._weights: dict[Any, list[np.ndarray]] = {}
        self._lock = threading.Lock()

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        """Return an array as a tensor, the same one every time."""
        import tensorflow as tf

        with self._lock:
            key = (id(array), dtype)
            if key not in self._tensors:  # the array is kept, so that its id stays its own
                self._tensors[key] = (array, tf.constant(array, dtype))
            return self._tensors[key][1]

    def initial_weights(self, job: Trainable) -> list[np.ndarray]:
        """Return the weights that a job starts from; folds of one seed have one start."""
        if job.initial_weights is not None:
            return job.initial_weights
        with self._lock:
            key = (job.architecture.key, job.seed)
            if key not in self._weights:
                self._weights[key] = initial_weights(job.architecture, job.seed)
            return self._weights[key]


class ArrayPool:
    """Keeps one of several equal arrays."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []

    def share(self, array: np.ndarray) -> np.ndarray:
        """Return the array that was given before if it is equal, else this one."""
        for known in self._arrays:
            if _is_same(known, array):
                return known
        self._arrays.append(array)
        return array


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.ctypes.data == b.ctypes.data and a.strides == b.strides:
        return True
    return not is_memory_map(a) and np.array_equal(a, b)
