"""What a trained translator is used for: to translate, to score pairs, to look at its attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np

from stackens.training import Architecture, require_keras

_ROWS = 64  # sentences of similar lengths that are translated side by side


def pad(sentences: Sequence[np.ndarray]) -> np.ndarray:
    """Return token ids of shape (n_sentences, longest), with 0 after each sentence."""
    lengths = np.array([len(sentence) for sentence in sentences])
    table = np.zeros((len(sentences), lengths.max(initial=1)), "int32")
    table[np.arange(table.shape[1]) < lengths[:, None]] = np.concatenate(sentences)
    return table


def translate(
    architecture: Architecture,
    weights: Sequence[np.ndarray],
    source: Sequence[np.ndarray],
    *,
    begin: int,
    end: int,
    forbidden: np.ndarray,
    n_beams: int,
    length_penalty: float,
    max_length: int,
    cached: bool = True,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Search for the best translation of each sentence.

    Parameters
    ----------
    architecture : Architecture
        A ``TranslationNetwork``.
    weights : list of ndarray
        In the order of ``keras.Model.get_weights``.
    source : sequence of ndarray of int of shape (n_tokens_i,)
        Sentences.
    begin, end : int
        Ids before the first token of a translation, and after its last one.
    forbidden : ndarray of bool of shape (target_size,)
        Ids that are never taken.
    n_beams : int
        Beginnings that are kept while searching; 1 always takes the most probable token.
    length_penalty : float
        Logarithms of probabilities are divided by the length to the power of this.
    max_length : int
        Most tokens of a translation.
    cached : bool, default=True
        Keep keys and values from step to step; False computes the same the slow way.

    Returns
    -------
    translations : list of ndarray of int of shape (n_tokens_i,)
        Without begin and end.
    scores : ndarray of float32 of shape (n_sentences,)
        What the search has maximised.
    """
    require_keras()
    from stackens.text._translation_program import find_translation_program

    program = find_translation_program(architecture)
    flat = program.layout.flatten(weights)
    search = program.search(n_beams, begin, end, cached=cached)
    found: list[Any] = [None] * len(source)
    scores = np.zeros(len(source), "float32")

    def run(rows: np.ndarray) -> None:
        ids, values = search(
            flat,
            pad([source[row] for row in rows]),
            np.int32(max_length),
            forbidden,
            np.float32(length_penalty),
        )
        scores[rows] = values.numpy()[:, 0]
        for row, sentence in zip(rows, ids.numpy()[:, 0], strict=True):
            found[row] = sentence[: int(np.argmax(sentence == end))]

    _run_in_groups(run, [len(sentence) for sentence in source])
    return found, scores


def score_pairs(
    architecture: Architecture,
    weights: Sequence[np.ndarray],
    source: Sequence[np.ndarray],
    target: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Return the logarithm of the probability of each token of the targets, given their first.

    Parameters
    ----------
    architecture, weights
        As in ``translate``.
    source, target : sequence of ndarray of int of shape (n_tokens_i,)
        Pairs.

    Returns
    -------
    list of ndarray of float32 of shape (n_target_tokens_i - 1,)
        In nats.
    """
    require_keras()
    from stackens.text._translation_program import find_translation_program

    program = find_translation_program(architecture)
    flat = program.layout.flatten(weights)
    found: list[Any] = [None] * len(source)

    def run(rows: np.ndarray) -> None:
        sides = (pad([side[row] for row in rows]) for side in (source, target))
        values = program.score(flat, *sides).numpy()
        stops = np.cumsum([len(target[row]) - 1 for row in rows])
        for row, part in zip(rows, np.split(values, stops[:-1]), strict=True):
            found[row] = part

    _run_in_groups(run, [len(s) + len(t) for s, t in zip(source, target, strict=True)])
    return found


def attention_of_pair(
    architecture: Architecture,
    weights: Sequence[np.ndarray],
    source: np.ndarray,
    target: np.ndarray,
) -> list[np.ndarray]:
    """Return the attention weights of one pair.

    Parameters
    ----------
    architecture, weights
        As in ``translate``.
    source, target : ndarray of int of shape (n_tokens,)
        What encoder and decoder read.

    Returns
    -------
    list of three ndarray of shape (n_layers, n_heads, n_queries, n_keys)
        Of the encoder, of the decoder, and of the decoder to the source.
    """
    require_keras()
    from stackens.text._translation_program import find_translation_program

    program = find_translation_program(architecture)
    flat = program.layout.flatten(weights)
    return [maps.numpy()[0] for maps in program.attention(flat, pad([source]), pad([target]))]


def _run_in_groups(run: Callable[[np.ndarray], None], lengths: Sequence[int]) -> None:
    """Run on rows of similar lengths, the longest first, a group for each core at a time."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    groups = [order[start : start + _ROWS] for start in range(0, len(order), _ROWS)]
    if groups:
        run(groups[0])  # traces; the others find a program
    with ThreadPoolExecutor(max_workers=joblib.cpu_count()) as pool:
        list(pool.map(run, groups[1:]))
