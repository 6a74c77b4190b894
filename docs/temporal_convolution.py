"""A learner that the package does not have: convolutions along time."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval

from stackens.learners.base import Network, NetworkClassifier
from stackens.sequences import PADDING_VALUE, SequenceBatch
from stackens.training import Architecture


def build_temporal_convolution(
    n_features: int,
    filters: int,
    kernel_size: int,
    output_units: int,
    output_activation: str,
    padding_value: float | None,
) -> Any:
    """Build an uncompiled network; a ``padding_value`` of None means that nothing is padded."""
    import keras

    from stackens.layers import MaskedMaxPooling1D

    inputs = hidden = keras.Input((None, n_features))  # (batch, timesteps, n_features)
    if padding_value is not None:
        hidden = keras.layers.Masking(padding_value)(hidden)
    convolution = keras.layers.Conv1D(filters, kernel_size, padding="causal", activation="relu")
    # Causal: what is behind the end of a sequence does not reach into it. So the mask goes on.
    convolution.supports_masking = True
    hidden = convolution(hidden)  # (batch, timesteps, filters)
    hidden = MaskedMaxPooling1D()(hidden)  # (batch, filters)
    outputs = keras.layers.Dense(output_units, activation=output_activation)(hidden)
    return keras.Model(inputs, outputs)


class TemporalConvolutionClassifier(NetworkClassifier):
    """Classifier of sequences by a convolution along time and the maximum over it.

    Parameters
    ----------
    filters : int, default=16
        Filters of the convolution.
    kernel_size : int, default=3
        Timesteps that a filter sees.

    The others are those of :class:`stackens.KerasNetworkClassifier`.
    """

    _routed_parts = ("optimizer", "loss")  # optimizer__clipnorm and the like
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkClassifier._parameter_constraints,
        "filters": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
    }
    vocabulary_size = None  # no tokens: sequences of numbers

    def __init__(
        self,
        filters: int = 16,
        *,
        kernel_size: int = 3,
        optimizer: str = "adam",
        learning_rate: Any = 0.005,
        loss: Any = None,
        metrics: Any = None,
        batch_size: int = 32,
        epochs: int = 50,
        augmentation: dict[str, float] | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        validation_rows: str = "auto",
        patience: int = 5,
        class_weight: Any = None,
        warm_start: bool = False,
        callbacks: Any = None,
        on_epoch_end: Any = None,
        n_seeds: int = 1,
        memory: Any = None,
        random_state: Any = None,
        verbose: int = 0,
        **routed: Any,
    ) -> None:
        self._set_parameters(locals())

    def _describe(self, batch: SequenceBatch, target: Any, seed: int) -> Network:
        options = {
            "n_features": batch.n_features,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "output_units": target.n_outputs,
            "output_activation": target.activation,
            "padding_value": PADDING_VALUE,
        }
        return Network(Architecture(build_temporal_convolution, options), target)

    @staticmethod
    def _weight_shapes(network: Network) -> list[tuple[int, ...]]:
        options = network.architecture.options
        n_features, filters = options["n_features"], options["filters"]
        kernel, outputs = options["kernel_size"], options["output_units"]
        return [(kernel, n_features, filters), (filters,), (filters, outputs), (outputs,)]
