"""A running text, and the streams and windows that it is cut into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.parameters import stream
from stackens.training import Architecture, Observer, Optimizer, Trainable


@dataclass(frozen=True, eq=False)
class RunningText(Trainable):
    """A network to be trained on a running text.

    Parameters
    ----------
    architecture : Architecture
        A network with inputs tokens and states, and outputs logits and states.
    tokens : ndarray of int of shape (n_tokens,)
        The text; the first token is not predicted.
    optimizer : Optimizer
        How; ``learning_rate`` is a number.
    seed : int
        Determines initial weights, dropout, and where windows begin.
    epochs : int
        Passes over the text.
    n_streams : int
        Streams that are read side by side.
    window : int
        Tokens of a stream in one step of training.
    decay : {"cosine", None}
        How the learning rate falls, to nothing at the end of the last epoch.
    validation : sequence of ndarray of int, default=None
        Texts that are scored after every epoch.
    observer : Observer, default=None
        Is told how the training goes on.
    name : str, default=""
        For messages.

    Notes
    -----
    ``history["loss"]`` and ``history["val_loss"]`` are in nats per token.
    """

    architecture: Architecture
    tokens: np.ndarray
    optimizer: Optimizer
    seed: int
    epochs: int
    n_streams: int
    window: int
    decay: str | None = None
    validation: Sequence[np.ndarray] | None = None
    observer: Observer | None = None
    name: str = ""

    def find_program(self) -> Any:
        """Return the program that trains it."""
        from stackens.text._running_text_program import find_training_program

        return find_training_program(self.architecture, self.optimizer, self.n_streams)

    @property
    def batch_text(self) -> str:
        """What a batch is and how to make it smaller, for messages."""
        return (
            f"windows of {self.window} tokens of {self.n_streams} streams; a lower `window`, "
            "`batch_size` or `units` takes less"
        )

    @property
    def n_steps(self) -> int:
        """Steps of an epoch."""
        return -(-(len(self.tokens) - 1) // (self.n_streams * self.window))

    def learning_rates(self, epoch: int) -> np.ndarray:
        """Return the rate of each step of an epoch (from 0), of shape (n_steps,)."""
        rate = self.optimizer.learning_rate
        if self.decay is None:
            return np.full(self.n_steps, rate, "float32")
        steps = epoch * self.n_steps + np.arange(self.n_steps)
        share = steps / (self.epochs * self.n_steps)
        return np.asarray(rate * 0.5 * (1 + np.cos(np.pi * share)), "float32")

    def cut(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the streams of an epoch and which of their tokens count."""
        length = self.n_steps * self.window
        spare = self.n_streams * length - (len(self.tokens) - 1)
        ahead = stream(self.seed, "windows", epoch).integers(min(spare + 1, self.window))
        return cut_streams(self.tokens, self.n_streams, length, int(ahead))


def cut_streams(
    tokens: np.ndarray, n_streams: int, length: int, ahead: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a text into streams of one length.

    Parameters
    ----------
    tokens : ndarray of int of shape (n_tokens,)
        The text.
    n_streams, length : int
        Streams, and tokens to predict in each.
    ahead : int
        Copies of the first token to put before the text, so that windows begin elsewhere.

    Returns
    -------
    streams : ndarray of int32 of shape (n_streams, length + 1)
        Each ends with the first token of the next one, which it predicts.
    counts : ndarray of float32 of shape (n_streams, length)
        1 for every token of the text but its first, which are targets once each; 0 for the rest.
    """
    n_targets = n_streams * length
    padded = np.full(n_targets + 1, tokens[-1], "int32")
    padded[:ahead] = tokens[0]
    padded[ahead : ahead + len(tokens)] = tokens
    counts = np.zeros(n_targets, "float32")
    counts[ahead : ahead + len(tokens) - 1] = 1
    starts = np.arange(n_streams)[:, None] * length
    return padded[starts + np.arange(length + 1)], counts.reshape(n_streams, length)
