"""Training on pairs of sentences, a batch of similar lengths at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.parameters import stream
from stackens.text._teacher import SoftTargets
from stackens.training import Architecture, EarlyStopping, Observer, Optimizer, Trainable

_WARMUP = 1000  # steps, where nothing is said, and there are enough
Pairs = tuple[Sequence[np.ndarray], Sequence[np.ndarray]]


@dataclass(frozen=True, eq=False)
class ParallelText(Trainable):
    """A translator to be trained on pairs of sentences.

    Parameters
    ----------
    architecture : Architecture
        A ``TranslationNetwork``.
    source, target : sequence of ndarray of int of shape (n_tokens_i,)
        Token ids; the first of a target sentence is given, and predicts the next one.
    optimizer : Optimizer
        How; ``learning_rate`` is the largest one.
    seed : int
        Determines initial weights, dropout, and the order of pairs.
    epochs : int
        Passes over the pairs.
    batch_tokens : int
        Largest number of tokens of either side in a step, padding included.
    schedule : {"inverse_sqrt", "linear", "constant"}
        How the learning rate falls after it has risen: with the square root of the step, along a
        line to nothing at the end, or not at all.
    warmup_steps : int or None
        Steps in which it rises along a line; None is 1000, or a quarter of all if that is less.
    label_smoothing : float, default=0.0
        Share of each label that is spread over all ids.
    validation : pair of sequences of ndarray, default=None
        Source and target of pairs that are scored after every epoch.
    early_stopping : EarlyStopping, default=None
        Needs ``validation``.
    initial_weights : list of ndarray, default=None
        To start from; None draws them.
    teacher : SoftTargets, default=None
        From whom to learn, too.
    observer : Observer, default=None
        Is told how the training goes on.
    name : str, default=""
        For messages.

    Notes
    -----
    ``history["loss"]`` is the mean loss of a token, as it was minimised; ``history["val_loss"]`` is
    in nats per token.
    """

    architecture: Architecture
    source: Sequence[np.ndarray]
    target: Sequence[np.ndarray]
    optimizer: Optimizer
    seed: int
    epochs: int
    batch_tokens: int
    schedule: str
    warmup_steps: int | None
    label_smoothing: float = 0.0
    validation: Pairs | None = None
    early_stopping: EarlyStopping | None = None
    initial_weights: list[np.ndarray] | None = None
    teacher: SoftTargets | None = None
    observer: Observer | None = None
    name: str = ""

    def find_program(self) -> Any:
        """Return the program that trains it."""
        from stackens.text._parallel_text_program import find_training_program

        return find_training_program(
            self.architecture, self.optimizer, self.label_smoothing, self.teacher
        )

    @property
    def batch_text(self) -> str:
        """What a batch is and how to make it smaller, for messages."""
        return (
            f"batches of {self.batch_tokens} tokens of either side; a lower `batch_tokens` or "
            "`d_model` takes less"
        )

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Return the rows of each batch of an epoch (from 0), in order.

        Which lengths come together is the same in every epoch; which pairs of these lengths, and
        the order of batches, is drawn anew.
        """
        lengths = np.array([[len(s), len(t) - 1] for s, t in self._pairs()])
        draw = stream(self.seed, "pairs", epoch)
        coarse = lengths[:, 0] // 2  # so that the other side can be sorted, too
        order = np.lexsort((draw.random(len(lengths)), lengths[:, 1], coarse))
        longest = np.maximum(2 * coarse + 1, lengths[:, 1])[order]
        batches, start = [], 0
        for stop in range(1, len(order) + 1):
            widest = longest[start : stop + 1].max()
            if stop == len(order) or (stop + 1 - start) * widest > self.batch_tokens:
                batches.append(order[start:stop])
                start = stop
        return [batches[k] for k in draw.permutation(len(batches))]

    def _pairs(self) -> zip[tuple[np.ndarray, np.ndarray]]:
        return zip(self.source, self.target, strict=True)

    def learning_rates(self, epoch: int, n_steps: int) -> np.ndarray:
        """Return the rate of each step of an epoch (from 0), of shape (n_steps,)."""
        step = 1 + epoch * n_steps + np.arange(n_steps)
        n_all = self.epochs * n_steps
        warmup = min(_WARMUP, n_all // 4) if self.warmup_steps is None else self.warmup_steps
        rising = np.minimum(1.0, step / max(1, warmup))
        falling = np.ones(n_steps)
        if self.schedule == "inverse_sqrt":
            falling = np.sqrt(max(1, warmup) / np.maximum(step, max(1, warmup)))
        elif self.schedule == "linear":
            falling = np.clip((n_all + 1 - step) / max(1, n_all - warmup), 0.0, 1.0)
        return np.asarray(self.optimizer.learning_rate * rising * falling, "float32")
