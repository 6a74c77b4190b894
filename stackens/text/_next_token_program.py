"""The compiled program that scores texts by a network that predicts the next token, or writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stackens.training import Architecture
from stackens.training.programs import ProgramCache, WeightLayout


def zero_states(model: Any, n_rows: Tensor) -> list[Tensor]:
    """Return the states before the first token, each of shape (n_rows, units)."""
    states = []
    for tensor in model.inputs[1:]:
        state = tf.zeros(tf.stack([n_rows, tensor.shape[1]]), tensor.dtype)
        state.set_shape([None, tensor.shape[1]])
        states.append(state)
    return states


class NextTokenProgram:
    """Scoring and writing by one network; its weights are an argument."""

    def __init__(self, architecture: Architecture) -> None:
        self.model = architecture.build()
        self.layout = WeightLayout(self.model)
        weights = [np.zeros(v.shape, v.dtype) for v in self.model.weights]
        self._others = [tf.constant(v) for v in self.layout.others(weights, seed=0)]
        flat, scalar = tf.TensorSpec([None], self.layout.dtype), tf.TensorSpec([], tf.int32)
        table = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.float32)
        number, each = tf.TensorSpec([], tf.float32), tf.TensorSpec([None], tf.float32)
        prompt = tf.TensorSpec([None], tf.int32)
        self.score = tf.function(
            self._score, input_signature=[flat, *table, scalar], autograph=False
        )
        self.write = tf.function(
            self._write,
            input_signature=[flat, prompt, scalar, number, scalar, each, scalar, scalar],
            autograph=False,
        )

    def _call(
        self, weights: list[Tensor], tokens: Tensor, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        (logits, *states), _ = self.model.stateless_call(
            weights, self._others, [tokens, *states], training=False
        )
        return logits, states

    def _score(self, flat: Tensor, ids: Tensor, counts: Tensor, window: Tensor) -> Tensor:
        """Sum over rows of shape (n_texts, length + 1), a window at a time."""
        weights = self.layout.split(flat)
        n_rows, length = tf.unstack(tf.shape(counts))

        def read(start: Tensor, sums: Tensor, states: list[Tensor]) -> tuple[Any, ...]:
            stop = start + window
            logits, states = self._call(weights, ids[:, start:stop], states)
            targets = ids[:, start + 1 : stop + 1]
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            nats = tf.cast(nats * counts[:, start:stop], tf.float64)
            return stop, sums - tf.reduce_sum(nats, axis=1), states

        start = [tf.constant(0), tf.zeros([n_rows], tf.float64), zero_states(self.model, n_rows)]
        return tf.while_loop(lambda k, *_: k < length, read, start, parallel_iterations=1)[1]

    def _write(
        self,
        flat: Tensor,
        prompt: Tensor,
        n_tokens: Tensor,
        temperature: Tensor,
        top_k: Tensor,
        forbidding: Tensor,
        end: Tensor,
        seed: Tensor,
    ) -> Tensor:
        weights = self.layout.split(flat)
        n_prompt = tf.size(prompt)
        n_steps = n_prompt - 1 + n_tokens

        def write(
            step: Tensor, token: Tensor, written: tf.TensorArray, states: list[Tensor]
        ) -> tuple[Any, ...]:
            logits, states = self._call(weights, token[None, None], states)
            logits = logits[0, 0] / temperature + forbidding  # (vocabulary_size,)
            best, places = tf.math.top_k(logits, top_k)
            key = tf.stack([seed, step])
            drawn = places[tf.random.stateless_categorical(best[None], 1, key, tf.int32)[0, 0]]
            is_prompt = step + 1 < n_prompt
            token = tf.where(is_prompt, prompt[tf.minimum(step + 1, n_prompt - 1)], drawn)
            place = tf.maximum(step + 1 - n_prompt, 0)  # what is read is written over
            return step + 1, token, written.write(place, drawn), states

        def goes_on(step: Tensor, token: Tensor, *_: Any) -> Tensor:
            is_over = tf.logical_and(token == end, step >= n_prompt)
            return tf.logical_and(step < n_steps, tf.logical_not(is_over))

        written = tf.TensorArray(
            tf.int32, n_tokens, element_shape=[], clear_after_read=False, dynamic_size=False
        ).unstack(tf.fill([n_tokens], end))
        start = [tf.constant(0), prompt[0], written, zero_states(self.model, tf.constant(1))]
        return tf.while_loop(goes_on, write, start, parallel_iterations=1)[2].stack()


_PROGRAMS = ProgramCache(max_size=8)


def find_next_token_program(architecture: Architecture) -> NextTokenProgram:
    return _PROGRAMS.get(architecture.key, lambda: NextTokenProgram(architecture))
