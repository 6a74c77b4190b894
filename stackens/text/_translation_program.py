"""The compiled programs that translate by a network, score pairs, and show its attention."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from stackens.text._beam_search import Found, beam_search
from stackens.text._token_nats import inside, token_nats
from stackens.training import Architecture
from stackens.training.programs import ProgramCache, WeightLayout

Search = Callable[..., Found]
Step = Callable[[Tensor, Tensor, Tensor, Any], tuple[Tensor, Any]]


class TranslationProgram:
    """Use of one network; its weights are an argument, sentences and lengths are open."""

    def __init__(self, architecture: Architecture) -> None:
        self.model = architecture.build()
        self.layout = WeightLayout(self.model)
        self._flat = tf.TensorSpec([None], self.layout.dtype)
        table = tf.TensorSpec([None, None], tf.int32)
        signature = [self._flat, table, table]
        self.score = tf.function(self._score, input_signature=signature, autograph=False)
        self.attention = tf.function(self._attention, input_signature=signature, autograph=False)
        self._searches: dict[tuple[int, int, int, bool], Search] = {}
        self._lock = threading.Lock()

    def search(self, n_beams: int, begin: int, end: int, *, cached: bool) -> Search:
        """Return ``search(flat, source, max_length, forbidden, length_penalty)``."""
        key = (n_beams, begin, end, cached)
        with self._lock:
            if key not in self._searches:

                def search(
                    flat: Tensor, source: Tensor, limit: Tensor, forbidden: Tensor, power: Tensor
                ) -> Found:
                    options = {
                        "n_rows": tf.shape(source)[0],
                        "n_beams": n_beams,
                        "max_length": limit,
                        "begin": begin,
                        "end": end,
                        "forbidden": forbidden,
                        "length_penalty": power,
                    }
                    begun = self._begin_cached if cached else self._begin_anew
                    return beam_search(*begun(flat, source, options), **options)

                signature = [
                    self._flat,
                    tf.TensorSpec([None, None], tf.int32),
                    tf.TensorSpec([], tf.int32),
                    tf.TensorSpec([None], tf.bool),
                    tf.TensorSpec([], tf.float32),
                ]
                self._searches[key] = tf.function(
                    search, input_signature=signature, autograph=False
                )
            return self._searches[key]

    def _begin_cached(
        self, flat: Tensor, source: Tensor, options: dict[str, Any]
    ) -> tuple[Step, Any]:
        """Keys and values of all beams lie side by side, and masks say whose they are.

        So a beam that goes on from another one moves no keys: it only looks at others.
        """
        weights = self.layout.split(flat)
        n_rows, n_beams = options["n_rows"], options["n_beams"]
        own = tf.eye(n_beams, batch_shape=[n_rows], dtype=tf.bool)
        with inside(self.model, weights, None):
            memory, mask = self.model.encode(source)
            kernel = self.model.output_kernel()
            projected = self.model.project_memory(memory)
            cache = self.model.empty_cache(n_rows)

        def step(position: Tensor, ids: Tensor, parents: Tensor, state: Any) -> tuple[Tensor, Any]:
            cache, visible = state
            visible = tf.concat([tf.gather(visible, parents, batch_dims=1), own], axis=2)
            tokens = tf.gather(ids, position, axis=2)
            with inside(self.model, weights, None):
                hidden, cache = self.model.step(tokens, position, cache, visible, projected, mask)
            flat_hidden = tf.reshape(hidden, [-1, kernel.shape[1]])
            logits = tf.matmul(flat_hidden, kernel, transpose_b=True)
            return tf.reshape(logits, [-1, n_beams, kernel.shape[0]]), (cache, visible)

        heads = self.model.n_heads
        shape = tf.TensorShape([None, heads, None, self.model.d_model // heads])
        seen = tf.TensorShape([None, n_beams, None])
        options["invariants"] = ([(shape, shape) for _ in cache], seen)
        return step, (cache, tf.zeros([n_rows, n_beams, 0], tf.bool))

    def _begin_anew(
        self, flat: Tensor, source: Tensor, options: dict[str, Any]
    ) -> tuple[Step, Any]:
        """Call the network on the sentence and each beginning of a translation, at every step."""
        weights, n_beams = self.layout.split(flat), options["n_beams"]
        sources = tf.repeat(source, n_beams, axis=0)

        def step(position: Tensor, ids: Tensor, parents: Tensor, state: Any) -> tuple[Tensor, Any]:
            so_far = tf.reshape(ids[:, :, : position + 1], [-1, position + 1])
            with inside(self.model, weights, None):
                logits = self.model((sources, so_far))[:, -1]
            return tf.reshape(logits, [-1, n_beams, logits.shape[-1]]), state

        options["invariants"] = ()
        return step, ()

    def _score(self, flat: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Logarithms of the probabilities of all tokens but the first, row by row."""
        ids = target[:, 1:]
        places = tf.where(ids != 0)
        with inside(self.model, self.layout.split(flat), None):
            memory, mask = self.model.encode(source)
            hidden = self.model.decode(target[:, :-1], memory, mask)
            kernel = self.model.output_kernel()
        return -token_nats(tf.gather_nd(hidden, places), kernel, tf.gather_nd(ids, places))

    def _attention(self, flat: Tensor, source: Tensor, target: Tensor) -> list[Tensor]:
        """Return weights (batch, n_layers, n_heads, …) of the encoder, the decoder, and across."""
        encoder: list[Tensor] = []
        decoder: list[tuple[Tensor, Tensor]] = []
        with inside(self.model, self.layout.split(flat), None):
            memory, mask = self.model.encode(source, scores=encoder)
            self.model.decode(target, memory, mask, scores=decoder)
        own, cross = zip(*decoder, strict=True)
        return [tf.stack(list(maps), axis=1) for maps in (encoder, own, cross)]


_PROGRAMS = ProgramCache(max_size=8)


def find_translation_program(architecture: Architecture) -> TranslationProgram:
    return _PROGRAMS.get(architecture.key, lambda: TranslationProgram(architecture))
