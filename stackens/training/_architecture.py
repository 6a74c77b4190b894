"""Which network: enough to build it by Keras, a key that equal networks share, and its weights."""

from __future__ import annotations

import copy
import importlib.util
import logging
import os
import random
import sys
import threading
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stackens.digests import rename_layers
from stackens.exceptions import BackendError, MissingExtraError
from stackens.parameters import stream
from stackens.training._random import seeded_globals

if TYPE_CHECKING:
    import keras


_LOGGER = logging.getLogger("stackens.training")
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
        self._is_plain = key is None and _is_plain(self.options)

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
            return self._build_anew()

    def _build_anew(self) -> Any:
        return self._build(**(self.options if self._is_plain else _unseeded_anew(self.options)))

    def network(self) -> Network:
        """Return the one network of this architecture that all its programs run.

        It is built at the first call, and dropped with the last program.
        """
        with _NETWORKS_LOCK:
            network = _NETWORKS.get(self.key)
            if network is None:
                with seeded_globals(0) as seeds:
                    model = self._build_anew()
                network = Network(model, seeds if self._is_plain else None)
                _NETWORKS[self.key] = network
            return network


def initial_weights(architecture: Architecture, seed: int) -> list[np.ndarray]:
    """Draw initial weights: a function of the network and the seed alone.

    Returns
    -------
    list of ndarray
        In the order of ``keras.Model.get_weights``.
    """
    network = _NETWORKS.get(architecture.key)
    drawn = None if network is None else network.draw_weights(seed)
    if drawn is None:
        with seeded_globals(seed):
            drawn = architecture._build_anew().get_weights()
    return drawn


class Network:
    """A built network: its structure serves all programs, its own weights are of no account.

    Parameters
    ----------
    model : keras.Model
        As it was built.
    seeds : list of int or None
        Those that Keras drew while it was built; None if its weights may have other sources.

    Attributes
    ----------
    tracing : threading.RLock
        To be held by who traces: layers keep masks of dropout meanwhile.
    """

    def __init__(self, model: keras.Model, seeds: list[int] | None) -> None:
        self.model, self.tracing = model, threading.RLock()
        self._seeds = seeds
        self._sources: list[_Source] | None = None

    def draw_weights(self, seed: int) -> list[np.ndarray] | None:
        """Draw what building the network anew would draw from a seed; None if only that can tell.

        Keras draws a seed for each initializer as it is made, always in one order. Its value
        depends on that seed and the shape alone.
        """
        with self.tracing:
            if self._sources is None and self._seeds is not None:
                self._sources = _find_sources(self.model, self._seeds)
                if self._sources is None:
                    self._seeds = None
        if self._seeds is None or self._sources is None:
            return None
        seeds = _draw_keras_seeds(seed, len(self._seeds))
        return [source.draw(seeds) for source in self._sources]


_NETWORKS: weakref.WeakValueDictionary[Hashable, Network] = weakref.WeakValueDictionary()
_NETWORKS_LOCK = threading.RLock()


class _Source(NamedTuple):
    """Where a weight of a network comes from."""

    value: np.ndarray  # with the seeds of the first build
    initializer: Any  # None for a constant
    number: int  # which of the seeds the initializer got

    def draw(self, seeds: Sequence[int]) -> np.ndarray:
        if self.initializer is None:
            return self.value.copy()
        initializer = copy.copy(self.initializer)
        initializer.seed = seeds[self.number]
        return initializer(self.value.shape, dtype=self.value.dtype.name).numpy()


def _draw_keras_seeds(seed: int, count: int) -> list[int]:
    generator = random.Random(seed)
    return [generator.randint(1, int(1e9)) for _ in range(count)]  # as Keras does


def _find_sources(model: Any, seeds: list[int]) -> list[_Source] | None:
    """Find out how each weight was drawn; None if one is neither drawn by a seed nor constant."""
    if seeds != _draw_keras_seeds(0, len(seeds)):  # somebody else has drawn in between
        return None
    import keras

    owners = {id(v): layer for layer in model._flatten_layers() for v in layer.weights}
    sources = []
    for variable in model.weights:
        value = variable.numpy()
        found = [_Source(value, None, 0)] if np.isin(value, (0, 1)).all() else []
        for attribute in vars(owners[id(variable)]).values():
            for initializer in attribute if isinstance(attribute, list) else [attribute]:
                is_drawn = isinstance(initializer, keras.initializers.Initializer)
                if is_drawn and getattr(initializer, "seed", None) in seeds:
                    source = _Source(value, initializer, seeds.index(initializer.seed))
                    with suppress(ValueError):  # it may be for other numbers of dimensions
                        found += [source] if np.array_equal(source.draw(seeds), value) else []
        if len(found) != 1:
            return None
        sources += found
    return sources


def _is_plain(value: Any) -> bool:
    """Tell whether a setting is made of words and numbers, with no code of anybody."""
    if isinstance(value, Mapping):
        return all(_is_plain(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return all(_is_plain(v) for v in value)
    return value is None or isinstance(value, (bool, int, float, str, np.number))


def _unseeded_anew(value: Any) -> Any:
    """Make initializers without a seed anew: each has drawn one when the user made it.

    They draw it when the network is built then, as those do that are given by name.
    """
    if isinstance(value, Mapping):
        return {name: _unseeded_anew(one) for name, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_unseeded_anew(one) for one in value)
    return type(value).from_config(value.get_config()) if has_drawn_its_seed(value) else value


def has_drawn_its_seed(value: Any) -> bool:
    """Tell whether it is an initializer of Keras that was given no seed, and drew one itself."""
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(value, keras.initializers.Initializer):
        return False
    return getattr(value, "seed", None) is not None and value.get_config().get("seed", 0) is None


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
        self.places = [order.get(id(v)) for v in model.non_trainable_variables]
        self.n_parameters, self.n_others = sum(self.sizes), len(self.places)

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
            zip(self.model.non_trainable_variables, self.places, strict=True)
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
        for place, value in zip(self.places, others, strict=True):
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

        from tensorflow.python.framework import config

        wanted = keras.backend.backend()
        _set_threads()
        # SciKeras turns on operations that are deterministic, which compute other last bits, and
        # off again only if somebody had asked before whether they are on.
        config.is_op_determinism_enabled()
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
