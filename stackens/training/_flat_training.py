"""The state of a training by a program of its own: one flat vector, as a tower has it.

Towers draw independent rows; what reads running text, or pairs of sentences, has other batches. Its
weights, optimizers, seeds and checkpoints are those of the towers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from stackens.training._checkpoint import TrainingState
from stackens.training._job import Optimizer
from stackens.training._program import WeightLayout
from stackens.training._random import stream
from stackens.training._updates import make_keras_optimizer, make_update_rule

__all__ = ["FlatState", "FlatTraining"]


class FlatState(NamedTuple):
    """The variables of one training."""

    parameters: tf.Variable  # (n_parameters,)
    slots: list[tf.Variable]  # each (n_parameters,)
    step: tf.Variable
    others: list[list[tf.Variable]]  # of each part of a batch: the states of its dropout


class FlatTraining:
    """What programs that train by a loop of their own have in common.

    Parameters
    ----------
    model : keras.Model
        The network; only its structure is used.
    optimizer : Optimizer
        One that has a rule for a flat vector.
    n_parts : int
        Parts of a batch that are computed side by side, each by one thread.
    """

    def __init__(self, model: Any, optimizer: Optimizer, n_parts: int) -> None:
        rule = make_update_rule(make_keras_optimizer(optimizer))
        assert rule is not None  # whoever makes such a job names an optimizer that has one
        self.model, self.rule, self.n_parts = model, rule, n_parts
        self.layout = WeightLayout(model)

    def new_state(
        self, weights: list[np.ndarray], seed: int, kept: TrainingState | None
    ) -> FlatState:
        """Make the variables of a training: at its start, or where it was."""
        flat = self.layout.flatten(weights)
        seeds = [int(stream(seed, "part", k).integers(2**31)) for k in range(self.n_parts)]
        others = [self.layout.others(weights, part) for part in seeds]
        slots = [np.full_like(flat, value) for value in self.rule.initial_slots]
        step = np.array(0, "int64")
        if kept is not None:
            flat, slots, step = kept.parameters, kept.slots, kept.step
            size = len(others[0])
            others = [kept.others[k * size : (k + 1) * size] for k in range(self.n_parts)]
        return FlatState(
            tf.Variable(flat),
            [tf.Variable(slot) for slot in slots],
            tf.Variable(step),
            [[tf.Variable(value) for value in part] for part in others],
        )

    def freeze(
        self, state: FlatState, epoch: int, history: dict[str, list[float]], **more: Any
    ) -> TrainingState:
        """Return everything that the rest of the training depends on."""
        best: Mapping[str, Any] = {"best_loss": np.inf, "best_epoch": -1, "best": None}
        parameters, others = self.copy(state)
        return TrainingState(
            epoch=epoch,
            parameters=parameters,
            others=others,
            slots=[slot.numpy() for slot in state.slots],
            step=state.step.numpy(),
            history=history,
            **{**best, **more},
        )

    def copy(self, state: FlatState) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return parameters, and the states of dropout of all parts."""
        others = [variable.numpy() for part in state.others for variable in part]
        return state.parameters.numpy(), others

    def weights_of(self, state: FlatState) -> list[np.ndarray]:
        """Return weights in the order of ``Model.get_weights``."""
        others = [variable.numpy() for variable in state.others[0]]
        return self.layout.weights(state.parameters.numpy(), others)

    def update(self, state: FlatState, gradient: Any, learning_rate: Any) -> None:
        """Change the parameters by one step along a flat gradient, clipped as one vector."""
        (clipped,) = self.rule.clip([gradient])
        self.rule.update(state.parameters, state.slots, state.step, learning_rate, clipped)
        state.step.assign_add(1)
