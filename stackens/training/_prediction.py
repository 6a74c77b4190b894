"""Prediction: one compiled program per architecture, for any number of rows and timesteps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stackens.training._architecture import Architecture
from stackens.training._backend import require_keras

if TYPE_CHECKING:
    from stackens.training._program import ProgramCache

__all__ = ["PREDICTION_BLOCK", "predict"]

# Rows are computed in blocks of a fixed size: a row's result must not depend on its company, and
# the rounding of a matrix product depends on its shape.
PREDICTION_BLOCK = 32
_CACHE: list[ProgramCache] = []


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
    """
    require_keras()
    program = _programs().get(architecture.key, lambda: _PredictionProgram(architecture))
    return program(weights, values)


def _programs() -> ProgramCache:
    if not _CACHE:
        from stackens.training._program import ProgramCache

        _CACHE.append(ProgramCache(max_size=32))
    return _CACHE[0]


class _PredictionProgram:
    def __init__(self, architecture: Architecture) -> None:
        import tensorflow as tf

        from stackens.training._program import WeightLayout

        self.model = architecture.build()
        self.layout = WeightLayout(self.model)
        weights = [np.zeros(v.shape, v.dtype) for v in self.model.weights]
        inputs = self.model.inputs[0]
        self._run = tf.function(
            self._forward,
            autograph=False,
            input_signature=[  # open in rows and timesteps, so that nothing traces again
                tf.TensorSpec([sum(self.layout.sizes)], self.layout.dtype),
                [tf.TensorSpec(v.shape, v.dtype) for v in self.layout.others(weights, seed=0)],
                tf.TensorSpec([None, *inputs.shape[1:]], inputs.dtype),
            ],
        )

    def __call__(self, weights: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        flat = tf.constant(self.layout.flatten(weights))
        others = [tf.constant(v) for v in self.layout.others(weights, seed=0)]
        n_rows = len(values)
        missing = -n_rows % PREDICTION_BLOCK
        if missing:  # repeat the last row
            values = np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
        outputs = self._run(flat, others, tf.constant(values, self.model.inputs[0].dtype))
        return outputs.numpy()[:n_rows]

    def _forward(self, flat: Any, others: Any, values: Any) -> Any:
        import tensorflow as tf

        weights = self.layout.split(flat)

        def run_block(block: Any) -> Any:
            return self.model.stateless_call(weights, others, block, training=False)[0]

        shape = tf.shape(values)
        blocks = tf.reshape(values, tf.concat([[-1, PREDICTION_BLOCK], shape[1:]], axis=0))
        blocks.set_shape([None, PREDICTION_BLOCK, *values.shape[1:]])
        result = self.model.outputs[0]
        spec = tf.TensorSpec([PREDICTION_BLOCK, *result.shape[1:]], result.dtype)
        outputs = tf.map_fn(run_block, blocks, fn_output_signature=spec)
        return tf.reshape(outputs, [-1, *result.shape[1:]])
