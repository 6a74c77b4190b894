"""What a network that predicts the next token is used for: to score texts, and to write them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stackens.training import Architecture, require_keras

_ROWS, _WINDOW = 64, 256  # texts that are scored side by side, and tokens of each in one step


def sum_log_probabilities(
    architecture: Architecture, weights: Sequence[np.ndarray], texts: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the logarithm of each text's probability, given its first token.

    Parameters
    ----------
    architecture : Architecture
        A network with inputs tokens and states, and outputs logits and states.
    weights : list of ndarray
        In the order of ``keras.Model.get_weights``.
    texts : sequence of ndarray of int of shape (n_tokens_i,)
        Each is read from its first token to its last, with its states carried all the way.

    Returns
    -------
    ndarray of float64 of shape (n_texts,)
        In nats.
    """
    require_keras()
    from stackens.text._next_token_program import find_next_token_program

    program = find_next_token_program(architecture)
    flat = program.layout.flatten(weights)
    sums = np.zeros(len(texts))
    order = np.argsort([len(text) for text in texts], kind="stable")  # of similar lengths
    for start in range(0, len(order), _ROWS):
        rows = order[start : start + _ROWS]
        window = min(_WINDOW, max(len(texts[row]) for row in rows) - 1)
        ids, counts = _pad([texts[row] for row in rows], window)
        sums[rows] = program.score(flat, ids, counts, np.int32(window)).numpy()
    return sums


def sample_tokens(
    architecture: Architecture,
    weights: Sequence[np.ndarray],
    prompt: np.ndarray,
    n_tokens: int,
    *,
    temperature: float,
    top_k: int,
    is_allowed: np.ndarray,
    end: int,
    seed: int,
) -> np.ndarray:
    """Go on with a text, one token at a time.

    Parameters
    ----------
    architecture : Architecture
        A network as in ``sum_log_probabilities``, for one timestep.
    weights : list of ndarray
        In the order of ``keras.Model.get_weights``.
    prompt : ndarray of int of shape (n_prompt,)
        What the network reads first; at least one token.
    n_tokens : int
        How many to draw.
    temperature : float
        Logits are divided by it.
    top_k : int
        Only the most probable tokens are drawn.
    is_allowed : ndarray of bool of shape (vocabulary_size,)
        Which tokens may be drawn.
    end : int
        The token that ends a text; it is not returned, and nothing comes after it.
    seed : int
        Of the draws.

    Returns
    -------
    ndarray of int of shape (at most n_tokens,)
        Without the prompt.
    """
    require_keras()
    from stackens.text._next_token_program import find_next_token_program

    program = find_next_token_program(architecture)
    drawn = program.write(
        program.layout.flatten(weights),
        np.asarray(prompt, "int32"),
        np.int32(n_tokens),
        np.float32(temperature),
        np.int32(top_k),
        np.where(is_allowed, 0.0, -np.inf).astype("float32"),
        np.int32(end),
        np.int32(seed),
    ).numpy()
    return np.asarray(drawn[drawn != end])


def _pad(texts: Sequence[np.ndarray], window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ids of shape (n_texts, k * window + 1), and which of the targets count."""
    longest = max(len(text) for text in texts) - 1
    length = -(-longest // window) * window
    ids = np.zeros((len(texts), length + 1), "int32")
    counts = np.zeros((len(texts), length), "float32")
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        counts[row, : len(text) - 1] = 1
    return ids, counts
