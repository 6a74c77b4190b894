"""The loss of distillation: labels, and probabilities at a temperature."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["SoftTargetLoss"]

_LEAST = 1e-7  # probabilities below count as this, as in Keras


class SoftTargetLoss(keras.losses.Loss):
    """Cross-entropies with two targets at once: labels, and probabilities at a temperature.

    Parameters
    ----------
    temperature : float, default=1.0
        The logits of the network are divided by it before they meet the second target.
    name : str, default="soft_target_loss"
        As in Keras.
    **options : dict
        Further arguments of :class:`keras.losses.Loss`.

    Notes
    -----
    The target holds both of its parts side by side, each of shape (n_samples, n_classes) and
    multiplied by its weight. The network gives probabilities: of every class, or of the second of
    two.
    """

    def __init__(
        self, temperature: float = 1.0, name: str = "soft_target_loss", **options: Any
    ) -> None:
        super().__init__(name=name, **options)
        self.temperature = temperature

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a row."""
        if y_pred.shape[-1] == 1:
            y_pred = keras.ops.concatenate([1 - y_pred, y_pred], axis=-1)
        logarithms = keras.ops.log(keras.ops.clip(y_pred, _LEAST, 1.0))
        softened = keras.ops.log_softmax(logarithms / self.temperature, axis=-1)
        both = keras.ops.concatenate([logarithms, softened], axis=-1)
        return -keras.ops.sum(y_true * both, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the loss anew."""
        return {**super().get_config(), "temperature": self.temperature}
