"""Which network: enough to build it by Keras, a key that equal networks share, and its weights."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from stackens.digests import rename_layers
from stackens.exceptions import BackendError, MissingExtraError
from stackens.training._random import seeded_globals, stream

if TYPE_CHECKING:
    import keras

__all__ = [
    "Architecture",
    "ProgramCache",
    "WeightLayout",
    "freeze",
    "initial_weights",
    "require_keras",
]

_LOGGER = logging.getLogger(__name__)
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_NEWEST_PYTHON = (3, 13)  # that TensorFlow has final releases for
_threads_are_set = False
_threads_are_lost = False


class Architecture:
    """How to build one network, with a key that is equal for equal networks.

    Parameters
    ----------
    build : callable
        ``build(**options) -> keras.Model``, uncompiled.
    options : mapping, default={}
        Its arguments.
    key : hashable, default=None
        What identifies the network; by default ``build`` and ``options``.
    """

    def __init__(
        self,
        build: Callable[..., Any],
        options: Mapping[str, Any] | None = None,
        *,
        key: Hashable = None,
    ) -> None:
        self._build = build
        self.options = dict(options or {})
        self.key: Hashable = key if key is not None else (build, freeze(self.options))

    @classmethod
    def from_model(
        cls, model: Any, *, rebuild: Callable[[], Any] | None = None, origin: Hashable = None
    ) -> Architecture:
        """Describe a model that somebody else built.

        Parameters
        ----------
        model : keras.Model
            The model; its weights are not part of the description.
        rebuild : callable, default=None
            Makes the model anew; None keeps the model itself.
        origin : hashable, default=None
            Where it came from, e.g. the function that built it. Two models with equal
            configurations but other origins may hold functions of one name and other content,
            so that they are not taken for equal.
        """
        return cls(rebuild or (lambda: model), key=(_model_key(model), origin))

    def with_options(self, **changed: Any) -> Architecture:
        """Return what the same function builds of other options."""
        return Architecture(self._build, {**self.options, **changed})

    def build(self) -> Any:
        """Build the network anew (or return the model that it was described from).

        Its weights are of no account; building it leaves the global generators as they were.
        """
        with seeded_globals(0):
            return self._build(**self.options)


def initial_weights(architecture: Architecture, seed: int) -> list[np.ndarray]:
    """Draw initial weights: a function of the network and the seed alone.

    Returns
    -------
    list of ndarray
        In the order of ``keras.Model.get_weights``.
    """
    with seeded_globals(seed):
        weights: list[np.ndarray] = architecture._build(**architecture.options).get_weights()
    return weights


class WeightLayout:
    """Where each weight of a network lies in a tower's flat vector.

    Parameters
    ----------
    model : keras.Model
        A built model.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.shapes = [tuple(v.shape) for v in model.trainable_variables]
        self.sizes = [int(np.prod(shape)) for shape in self.shapes]
        self.dtype = model.trainable_variables[0].dtype if self.shapes else "float32"
        order = {id(v): i for i, v in enumerate(model.weights)}
        self._trainable = [order[id(v)] for v in model.trainable_variables]
        self._other = [order.get(id(v)) for v in model.non_trainable_variables]
        self.n_parameters, self.n_others = sum(self.sizes), len(self._other)

    def split(self, flat: Any) -> list[Any]:
        """Cut a flat tensor into the tensors of the trainable variables."""
        import tensorflow as tf

        parts = tf.split(flat, self.sizes)
        return [tf.reshape(part, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def join(self, tensors: Sequence[Any]) -> Any:
        """Do the reverse of ``split``."""
        import tensorflow as tf

        return tf.concat([tf.reshape(t, [-1]) for t in tensors], axis=0)

    def flatten(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Take the trainable ones of ``Model.get_weights`` as one vector."""
        parts = [np.ravel(weights[i]) for i in self._trainable]
        return np.concatenate(parts).astype(self.dtype, copy=False)

    def others(self, weights: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
        """Take what is not trained: moving averages, and the seeds of the dropout layers."""
        values = []
        for i, (variable, position) in enumerate(
            zip(self.model.non_trainable_variables, self._other, strict=True)
        ):
            if position is not None:
                values.append(np.asarray(weights[position]))
            else:  # the state of a seed generator: a key, and a counter that Keras advances
                key = stream(seed, "layers", i).integers(2**31)
                values.append(np.array([key, 0], dtype=variable.dtype))
        return values

    def weights(self, flat: np.ndarray, others: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Put a tower's values into the order of ``Model.get_weights``."""
        result: dict[int, np.ndarray] = {}
        parts = np.split(flat, np.cumsum(self.sizes)[:-1])
        for position, part, shape in zip(self._trainable, parts, self.shapes, strict=True):
            result[position] = part.reshape(shape).copy()
        for place, value in zip(self._other, others, strict=True):
            if place is not None:
                result[place] = np.array(value)
        return [result[i] for i in range(len(result))]


class ProgramCache:
    """The programs used last, by key; the least recently used ones are dropped.

    Parameters
    ----------
    max_size : int
        Programs to keep. One holds its traced graph: a few megabytes.
    """

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size
        self._programs: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the program of ``key``, made by ``make()`` if it is not there."""
        with self._lock:
            if key not in self._programs:
                self._programs[key] = make()
            self._programs.move_to_end(key)
            while len(self._programs) > self.max_size:
                self._programs.popitem(last=False)
            return self._programs[key]

    def clear(self) -> None:
        """Drop all programs."""
        with self._lock:
            self._programs.clear()


def freeze(value: Any) -> Hashable:
    """Return a hashable stand-in that is equal for equal values."""
    if isinstance(value, Mapping):
        return ("mapping", tuple(sorted((k, freeze(v)) for k, v in value.items())))
    if isinstance(value, (list, tuple)):
        return ("sequence", tuple(freeze(v) for v in value))
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, (bool, int, float)):
        return (type(value).__name__, value)  # 1, 1.0 and True are not the same setting
    if hasattr(value, "get_config"):
        return (type(value), freeze(value.get_config()))
    return value if isinstance(value, Hashable) else ("unique", uuid.uuid4().hex)


def _model_key(model: Any) -> Hashable:
    layers = list(model._flatten_layers())
    shapes = tuple(tuple(v.shape) for v in model.variables)
    try:
        # Automatic names ("dense_7") count up with every model: positions take their place.
        positions = {layer.name: f"layer {i}" for i, layer in enumerate(layers)}
        config = freeze(rename_layers(model.get_config(), positions))
    except (NotImplementedError, TypeError, ValueError):  # a subclassed model: only itself
        config = ("unique", uuid.uuid4().hex)
    # A class defined anew in a notebook has the same name, but is another type.
    return (tuple(type(layer) for layer in layers), shapes, config)


def require_keras() -> None:
    """Make sure that Keras runs on TensorFlow; importing it is left to the caller.

    Raises
    ------
    MissingExtraError
        If TensorFlow is not installed.
    BackendError
        If Keras is set to another backend, or this process is a fork of one that has used
        TensorFlow.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise MissingExtraError(
            "Training or using a network needs TensorFlow, which is not installed. "
            f'Install it with: pip install "stackens[cpu]" (or "stackens[gpu]").{_python_advice()}'
        )
    if _threads_are_lost:
        raise BackendError(
            "This process was forked from one that had used TensorFlow, whose threads do not exist "
            "here: a network would wait for them for ever. Start processes by 'spawn' or "
            "'forkserver' (multiprocessing.get_context), fork before the first fit or prediction "
            "(gunicorn without --preload), or predict without TensorFlow: stackens.export_numpy "
            "and stackens.portable.load."
        )
    # Looked at before the import: Keras would fail on an absent backend with its own message.
    wanted = os.environ.get("KERAS_BACKEND", "tensorflow")
    if wanted == "tensorflow":
        with _quiet_import():
            import keras

        wanted = keras.backend.backend()
        _set_threads()
    if wanted != "tensorflow":
        raise BackendError(
            f"stackens needs Keras on the 'tensorflow' backend; got {wanted!r}. Set the "
            "environment variable KERAS_BACKEND=tensorflow before Keras is first imported."
        )


def _python_advice() -> str:
    if sys.version_info[:2] <= _NEWEST_PYTHON:
        return ""
    newest, this = ("{}.{}".format(*version[:2]) for version in (_NEWEST_PYTHON, sys.version_info))
    return f" TensorFlow may have no release for Python {this}: 3.11 to {newest} are sure to work."


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Have TensorFlow log errors only, unless the user has said what it logs.

    It reads the variable once, when it is imported.
    """
    if _LOG_LEVEL in os.environ or "tensorflow" in sys.modules:
        yield
        return
    os.environ[_LOG_LEVEL] = "2"
    try:
        yield
    finally:
        del os.environ[_LOG_LEVEL]


def _note_fork() -> None:
    """Note in a child whether TensorFlow had started its threads: a fork leaves them behind."""
    global _threads_are_lost
    # TensorFlow has no public question for it that would not start them.
    module = sys.modules.get("tensorflow.python.eager.context")
    context = getattr(module, "_context", None)
    _threads_are_lost = _threads_are_lost or getattr(context, "_initialized", False)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_note_fork)


def _set_threads() -> None:
    """Give every operation of TensorFlow one thread, as towers fill the cores side by side.

    TensorFlow's default is one thread for each core in every operation, which costs small ones
    more in handing over than it gains. Whoever has set a number, by environment variable or by
    ``tf.config.threading``, or has used TensorFlow already, is left alone.
    """
    global _threads_are_set
    if _threads_are_set:
        return
    _threads_are_set = True
    import tensorflow as tf

    if "TF_NUM_INTRAOP_THREADS" in os.environ:
        return
    try:
        if tf.config.threading.get_intra_op_parallelism_threads() == 0:
            tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError:
        _LOGGER.info(
            "TensorFlow was used before stackens, with threads inside every operation; training "
            "may take longer. Set TF_NUM_INTRAOP_THREADS=1 to avoid that."
        )
