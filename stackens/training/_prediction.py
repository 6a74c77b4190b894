"""Prediction: one compiled program per architecture; what is asked twice may be remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from stackens.digests import Digester, combine
from stackens.exceptions import InvalidInputError
from stackens.training._architecture import (
    Architecture,
    ProgramCache,
    WeightLayout,
    require_keras,
)

# Rows are computed in blocks of a fixed size: a row's result must not depend on its company, and
# the rounding of a matrix product depends on its shape.
PREDICTION_BLOCK = 32
_PIECE_BYTES = 16 * 2**20
# Up to so many blocks are run one by one, which saves tracing a loop over them.
_FEW_BLOCKS = 12
_KEPT_WEIGHTS = 2  # networks of one architecture
_KEPT_SHAPES = 64  # of rows that it is prepared for
_PROGRAMS = ProgramCache(max_size=32)
_MOST_BYTES = 64 * 2**20  # of all predictions that are remembered
_IS_WANTED: ContextVar[bool] = ContextVar("stackens_remembering", default=False)


def predict(
    architecture: Architecture, weights: Sequence[np.ndarray], values: np.ndarray
) -> np.ndarray:
    """Compute a network's output.

    Parameters
    ----------
    architecture : Architecture
        The network.
    weights : sequence of ndarray
        In the order of ``keras.Model.get_weights``.
    values : ndarray of shape (n_samples, ...)
        Encoded input.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs)
        The same for a row alone as among others.

    Raises
    ------
    InvalidInputError
        If the network cannot compute rows of this shape.
    """
    require_keras()
    return remembered(
        architecture, weights, values, lambda: _find_program(architecture)(weights, values)
    )


def prepare_prediction(architecture: Architecture, shape: tuple[int, ...]) -> None:
    """Trace and run the program that predicts, so that the first prediction is a fast one.

    Parameters
    ----------
    architecture : Architecture
        The network.
    shape : tuple of int
        Of one row of the input.
    """
    require_keras()
    _find_program(architecture).prepare(shape)


def check_row_shape(model: Any, shape: tuple[int, ...]) -> None:
    """Refuse rows of a shape that a network was not built for.

    Parameters
    ----------
    model : keras.Model
        With one input.
    shape : tuple of int
        Of one row.

    Raises
    ------
    InvalidInputError
        If the shape is another one.
    """
    expected = tuple(model.inputs[0].shape[1:])
    fits = len(expected) == len(shape) and all(
        size in (None, found) for size, found in zip(expected, shape, strict=True)
    )
    if not fits:
        raise InvalidInputError(
            f"The network takes rows of shape {expected}; got {tuple(shape)}. Build it for any "
            "number of timesteps, by keras.Input((None, ...)), or cut and pad the rows by a "
            "SequencePadder."
        )


def _find_program(architecture: Architecture) -> _PredictionProgram:
    return _PROGRAMS.get(architecture.key, lambda: _PredictionProgram(architecture))


class _PredictionProgram:
    def __init__(self, architecture: Architecture) -> None:
        import tensorflow as tf

        self.network = architecture.network()
        self.model = self.network.model
        self.layout = WeightLayout(self.model)
        self._others = self.layout.others(self._zeros(), seed=0)
        self.dtype = self.model.inputs[0].dtype
        signature = (
            tf.TensorSpec([sum(self.layout.sizes)], self.layout.dtype),
            [tf.TensorSpec(v.shape, v.dtype) for v in self._others],
        )
        rows = list(self.model.inputs[0].shape[1:])  # open in timesteps: nothing traces again
        self._forward = tf.function(
            self._forward_block,
            autograph=False,
            input_signature=[*signature, tf.TensorSpec([PREDICTION_BLOCK, *rows], self.dtype)],
        )
        self._forward_all = tf.function(
            self._forward_blocks,
            autograph=False,
            input_signature=[
                *signature,
                tf.TensorSpec([None, PREDICTION_BLOCK, *rows], self.dtype),
            ],
        )
        self._concrete: dict[bool, Any] = {}
        self._tensors: OrderedDict[int, tuple[Any, Any, Any]] = OrderedDict()
        self._prepared: set[tuple[int, ...]] = set()
        self._lock = threading.Lock()

    def prepare(self, shape: tuple[int, ...]) -> None:
        if shape in self._prepared:
            return
        weights = self._zeros()
        self(weights, np.zeros([1, *shape], self.dtype))
        with self._lock:
            self._tensors.pop(id(weights), None)
        if len(self._prepared) == _KEPT_SHAPES:
            self._prepared.clear()
        self._prepared.add(shape)

    def _zeros(self) -> list[np.ndarray]:
        return [np.zeros(v.shape, v.dtype) for v in self.model.weights]

    def __call__(self, weights: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        check_row_shape(self.model, values.shape[1:])
        flat, others = self._weights(weights)
        missing = -len(values) % PREDICTION_BLOCK
        n_blocks = (len(values) + missing) // PREDICTION_BLOCK
        bytes_a_block = max(1, values[:PREDICTION_BLOCK].nbytes)
        at_once = 1 if n_blocks <= _FEW_BLOCKS else max(1, _PIECE_BYTES // bytes_a_block)
        run = self._find(several=at_once > 1)
        results = []
        for start in range(0, len(values), at_once * PREDICTION_BLOCK):
            piece = values[start : start + at_once * PREDICTION_BLOCK]
            if start + len(piece) == len(values) and missing:  # repeat the last row
                piece = np.concatenate([piece, np.repeat(piece[-1:], missing, axis=0)])
            if at_once > 1:
                piece = piece.reshape(-1, PREDICTION_BLOCK, *piece.shape[1:])
            try:
                outputs = run(flat, others, tf.constant(piece, self.dtype)).numpy()
            except tf.errors.InvalidArgumentError as error:  # as of a kernel wider than the rows
                raise InvalidInputError(
                    f"The network cannot compute rows of shape {values.shape[1:]}: "
                    f"{error.message.splitlines()[0]}"
                ) from error
            results.append(outputs.reshape(-1, *outputs.shape[-1:]))
        return np.concatenate(results)[: len(values)]

    def _find(self, several: bool) -> Any:
        """Return the traced function itself: finding it anew takes as long as running it."""
        if several not in self._concrete:
            with self.network.tracing:
                if several not in self._concrete:
                    function = self._forward_all if several else self._forward
                    self._concrete[several] = function.get_concrete_function()
        return self._concrete[several]

    def _weights(self, weights: Sequence[np.ndarray]) -> tuple[Any, Any]:
        """Return a network's weights as tensors; those used last are kept."""
        import tensorflow as tf

        with self._lock:
            key = id(weights)
            if key not in self._tensors:  # the list is kept, so that its id stays its own
                flat = tf.constant(self.layout.flatten(weights))
                kept = zip(self.layout.places, self._others, strict=True)
                others = [tf.constant(v if i is None else weights[i]) for i, v in kept]
                self._tensors[key] = (weights, flat, others)
            self._tensors.move_to_end(key)
            while len(self._tensors) > _KEPT_WEIGHTS:
                self._tensors.popitem(last=False)
            return self._tensors[key][1:]

    def _forward_block(self, flat: Any, others: Any, block: Any) -> Any:
        return self.model.stateless_call(self.layout.split(flat), others, block, training=False)[0]

    def _forward_blocks(self, flat: Any, others: Any, blocks: Any) -> Any:
        import tensorflow as tf

        result = self.model.outputs[0]
        return tf.map_fn(
            lambda block: self._forward(flat, others, block),
            blocks,
            fn_output_signature=tf.TensorSpec([PREDICTION_BLOCK, *result.shape[1:]], result.dtype),
        )


@contextmanager
def remembering_predictions(wanted: bool = True) -> Iterator[None]:
    """Within it, the output of a network for an input is computed once in this process.

    Network and input count by their content. The least recently used outputs are forgotten when
    there are more than 64 MiB.

    Parameters
    ----------
    wanted : bool, default=True
        False changes nothing.
    """
    token = _IS_WANTED.set(wanted or _IS_WANTED.get())
    try:
        yield
    finally:
        _IS_WANTED.reset(token)


def remembered(
    architecture: Architecture,
    weights: Sequence[np.ndarray],
    values: np.ndarray,
    compute: Callable[[], np.ndarray],
) -> np.ndarray:
    """Return what ``compute`` returns, or returned for the same network and input."""
    if not _IS_WANTED.get():
        return compute()
    digester = Digester()
    content = combine("output", *(digester.digest_rows(part) for part in (*weights, values)))
    key = (architecture.key, content)
    found = _MEMORY.get(key)
    if found is None:
        found = compute()
        _MEMORY.put(key, found)
    return found.copy()


class _Memory:
    def __init__(self, most_bytes: int) -> None:
        self.most_bytes, self.n_bytes = most_bytes, 0
        self._outputs: OrderedDict[Any, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> np.ndarray | None:
        with self._lock:
            found = self._outputs.get(key)
            if found is not None:
                self._outputs.move_to_end(key)
            return found

    def put(self, key: Any, output: np.ndarray) -> None:
        with self._lock:
            if key in self._outputs:
                return
            self._outputs[key] = output
            self.n_bytes += output.nbytes
            while self.n_bytes > self.most_bytes:
                self.n_bytes -= self._outputs.popitem(last=False)[1].nbytes


_MEMORY = _Memory(_MOST_BYTES)
