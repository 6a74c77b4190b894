"""How deep in the network a layer is used, for a layer that is used at several depths."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="stackens")
class DepthEmbedding(keras.layers.Layer):
    """Add a learned vector that each depth has for itself.

    With it, one layer that is used at every depth can do something else at each.

    Parameters
    ----------
    n_layers : int
        Number of depths.
    **kwargs : dict
        Arguments of :class:`keras.layers.Layer`.

    Notes
    -----
    Call arguments: ``sequences`` of shape (batch, timesteps, features) and ``depth``, an int from
    0. Returns the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import DepthEmbedding
    >>> layer = DepthEmbedding(n_layers=6)
    >>> layer(np.zeros((3, 5, 8), "float32"), depth=2).shape
    TensorShape([3, 5, 8])
    >>> layer.count_params()
    48
    """

    def __init__(self, n_layers: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_layers = n_layers
        self.supports_masking = True

    def build(self, sequences_shape: tuple[int | None, ...]) -> None:
        """Create a vector for each depth."""
        self.embeddings_initializer = keras.initializers.get("uniform")
        self.embeddings = self.add_weight(
            shape=(self.n_layers, sequences_shape[-1]),
            initializer=self.embeddings_initializer,
            name="embeddings",
        )

    def call(self, sequences: Any, depth: int = 0) -> Any:
        """Add the vector of a depth."""
        return sequences + self.embeddings[depth]

    def compute_output_spec(self, sequences: Any, depth: int = 0) -> Any:
        """Return shape and type of the result."""
        return keras.KerasTensor(sequences.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made anew."""
        return {**super().get_config(), "n_layers": self.n_layers}
