"""Transformer encoders as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions

from stackens.exceptions import InvalidInputError
from stackens.layer_sharing import resolve_layer_sharing
from stackens.learners import _attention
from stackens.learners._embedding import check_embedding_options, place_vectors
from stackens.learners._shapes import transformer_shapes
from stackens.learners._shared_text import with_shared_text
from stackens.learners._targets import Target
from stackens.learners.base import Network, NetworkClassifier, NetworkRegressor
from stackens.sequences import PADDING_VALUE, SequenceBatch
from stackens.training import Architecture

_FRACTION = Interval(Real, 0, 1, closed="left")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_POSITIVE_INT = Interval(Integral, 1, None, closed="left")

_ROUTED_PARTS = ("optimizer", "loss", "embedding")
_CONSTRAINTS: dict[str, list[Any]] = {
    "d_model": [_POSITIVE_INT],
    "n_heads": [_POSITIVE_INT],
    "n_layers": [_POSITIVE_INT, None],
    "feed_forward_dim": [_POSITIVE_INT, None],
    "dropout": [_FRACTION],
    "activation": [StrOptions({"relu", "gelu", "silu", "tanh"})],
    "norm_first": ["boolean"],
    "causal": ["boolean"],
    "position_encoding": [StrOptions({"sinusoidal"}), None],
    "l1": [_NOT_NEGATIVE],
    "l2": [_NOT_NEGATIVE],
    "pooling": [StrOptions({"last", "mean", "max", "attention"})],
    "layer_sharing": [str, "array-like"],
    "n_unique_layers": [_POSITIVE_INT, None],
    "depth_embedding": ["boolean"],
    "embedding_dim": [_POSITIVE_INT, None],
}
# Parameters of the learner that the function which builds the network takes as they are.
_OF_THE_NETWORK = (
    "d_model",
    "n_heads",
    "feed_forward_dim",
    "dropout",
    "activation",
    "norm_first",
    "causal",
    "position_encoding",
    "l1",
    "l2",
    "pooling",
    "depth_embedding",
    "vocabulary_size",
    "embedding_dim",
)


def _describe_network(learner: Any, batch: SequenceBatch, target: Target, seed: int) -> Network:
    """Say which network a transformer learner has."""
    from stackens.networks import build_transformer_encoder

    if learner.d_model % learner.n_heads:
        raise InvalidInputError(
            f"`d_model`={learner.d_model} must be a multiple of `n_heads`={learner.n_heads}: every "
            "head has as many features."
        )
    order, embedding = _order_of_layers(learner), learner._routed("embedding")
    vectors = embedding.pop("weights", None)
    if embedding:
        check_embedding_options(embedding, learner.vocabulary_size)
    options = {
        "output_units": target.n_outputs,
        "output_activation": target.activation,
        "n_features": None if batch.is_tokens else batch.n_features,
        "n_layers": len(order),
        "layer_sharing": order,
        "embedding_options": embedding,
        **{name: getattr(learner, name) for name in _OF_THE_NETWORK},
        "padding_value": PADDING_VALUE,
    }
    architecture, weights = Architecture(build_transformer_encoder, options), None
    if vectors is not None:
        size = learner.vocabulary_size, learner.embedding_dim or learner.d_model
        weights = place_vectors(architecture, seed, vectors, *size)
    return Network(architecture, target, weights)


def _order_of_layers(learner: Any) -> tuple[int, ...]:
    sharing, n_layers = learner.layer_sharing, learner.n_layers
    if n_layers is None and isinstance(sharing, str):
        n_layers = 2
    return resolve_layer_sharing(sharing, n_layers, n_unique_layers=learner.n_unique_layers)


def _shapes_of(network: Network) -> list[tuple[int, ...]]:
    return transformer_shapes(network.architecture.options)


_TEXT = {
    "network_parameters": """\
d_model : int, default=32
    Features of every timestep inside the network. Channels are projected to it.
n_heads : int, default=4
    Heads of attention; ``d_model`` must be a multiple of it.
n_layers : int, default=None
    Number of blocks; None is 2, or as many as ``layer_sharing`` lists.
feed_forward_dim : int, default=None
    Hidden units of each block's feed-forward network; None is four times ``d_model``.
dropout : float in [0, 1), default=0.1
    Dropped fraction of the blocks' input, of attention weights, of hidden units, and of what each
    part of a block adds.
activation : {"relu", "gelu", "silu", "tanh"}, default="relu"
    Of the feed-forward networks.
norm_first : bool, default=True
    Normalise the input of attention and of the feed-forward network, with which deep networks
    train, instead of the sums.
causal : bool, default=False
    A timestep sees no later one.
position_encoding : {"sinusoidal", None}, default="sinusoidal"
    What tells a timestep where it is; None leaves the network blind to the order.
l1, l2 : float, default=0.0
    Penalties on the kernels of the blocks.
pooling : {"last", "mean", "max", "attention"}, default="mean"
    How the last block's timesteps become one vector; padding is left out.
layer_sharing : {"none", "all", "sequence", "cycle", "cycle_rev"} or sequence of int, \
default="none"
    Which blocks are one and the same, so that depth costs no parameters: "all" of them, or, of 3
    distinct blocks at 6 depths, 0 0 1 1 2 2 ("sequence"), 0 1 2 0 1 2 ("cycle") or 0 1 2 2 1 0
    ("cycle_rev"). A sequence names the block of each depth, such as ``(0, 0, 1, 1)``.
n_unique_layers : int, default=None
    Distinct blocks of "sequence", "cycle" and "cycle_rev"; None is half of ``n_layers``, rounded
    up.
depth_embedding : bool, default=False
    Add a learned vector of each depth to the input of the block there.
vocabulary_size : int, default=None
    Number of token ids, 0 (padding) included. If given, the input is tokens, and an embedding
    comes first; the size does not depend on the rows that a fold happens to have.
embedding_dim : int, default=None
    Dimension of the embedding; None is ``d_model``. Another one is projected.""",
    "routed": """\
**routed : dict
    Settings of a part: ``optimizer__…``, ``loss__…``, ``embedding__…`` (those of
    ``keras.layers.Embedding``). ``embedding__weights``, of shape
    (vocabulary_size, embedding_dim), are vectors to start from, with NaN in rows that are to be
    drawn; ``embedding__trainable=False`` keeps them as they are. Unknown names are refused before
    training.""",
}


@with_shared_text(**_TEXT)
class TransformerClassifier(NetworkClassifier):
    """Classifier of sequences by a transformer encoder.

    Blocks of self-attention let every timestep look at all others, however far away; a dense layer
    on the pooled output of the last gives probabilities.

    Parameters
    ----------
    <network_parameters>
    <training_parameters>
    <routed>

    Attributes
    ----------
    <attributes>

    See Also
    --------
    TransformerRegressor : The same for numbers.
    StackedRNNClassifier : Reads a sequence step by step.
    AttentionDisplay : Draws what it looks at.

    Notes
    -----
    The same row among longer ones has the same prediction up to rounding (about 1e-7): a matrix
    product rounds by its shape.

    Examples
    --------
    >>> from stackens import TransformerClassifier
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> learner = TransformerClassifier(d_model=16, epochs=2, random_state=0)
    >>> learner.fit(X[:200], y[:200]).predict_proba(X[:1]).shape
    (1, 10)
    >>> learner.attention_maps(X[:1]).shape
    (1, 2, 4, 8, 8)
    """

    _routed_parts = _ROUTED_PARTS
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkClassifier._parameter_constraints,
        **_CONSTRAINTS,
    }
    _describe = _describe_network
    _weight_shapes = staticmethod(_shapes_of)
    pooling_weights = _attention.pooling_weights
    attention_maps = _attention.attention_maps

    def __init__(
        self,
        d_model: int = 32,
        *,
        n_heads: int = 4,
        n_layers: int | None = None,
        feed_forward_dim: int | None = None,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = True,
        causal: bool = False,
        position_encoding: str | None = "sinusoidal",
        l1: float = 0.0,
        l2: float = 0.0,
        pooling: str = "mean",
        layer_sharing: str | Sequence[int] = "none",
        n_unique_layers: int | None = None,
        depth_embedding: bool = False,
        vocabulary_size: int | None = None,
        embedding_dim: int | None = None,
        optimizer: str = "adam",
        learning_rate: Any = 0.001,
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


@with_shared_text(**_TEXT)
class TransformerRegressor(NetworkRegressor):
    """Regressor of sequences by a transformer encoder.

    Blocks of self-attention let every timestep look at all others, however far away; a dense layer
    on the pooled output of the last gives the values.

    Parameters
    ----------
    <network_parameters>
    <training_parameters>
    <routed>

    Attributes
    ----------
    <attributes>

    See Also
    --------
    TransformerClassifier : The same for classes.
    StackedRNNRegressor : Reads a sequence step by step.
    AttentionDisplay : Draws what it looks at.

    Notes
    -----
    The same row among longer ones has the same prediction up to rounding (about 1e-7 of its size):
    a matrix product rounds by its shape.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import TransformerRegressor
    >>> X = np.random.default_rng(0).normal(size=(64, 10, 2))
    >>> learner = TransformerRegressor(d_model=8, n_heads=2, epochs=2, random_state=0)
    >>> learner.fit(X, X[:, -1, 0]).predict(X[:1]).shape
    (1,)
    """

    _routed_parts = _ROUTED_PARTS
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkRegressor._parameter_constraints,
        **_CONSTRAINTS,
    }
    _describe = _describe_network
    _weight_shapes = staticmethod(_shapes_of)
    pooling_weights = _attention.pooling_weights
    attention_maps = _attention.attention_maps

    def __init__(
        self,
        d_model: int = 32,
        *,
        n_heads: int = 4,
        n_layers: int | None = None,
        feed_forward_dim: int | None = None,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = True,
        causal: bool = False,
        position_encoding: str | None = "sinusoidal",
        l1: float = 0.0,
        l2: float = 0.0,
        pooling: str = "mean",
        layer_sharing: str | Sequence[int] = "none",
        n_unique_layers: int | None = None,
        depth_embedding: bool = False,
        vocabulary_size: int | None = None,
        embedding_dim: int | None = None,
        optimizer: str = "adam",
        learning_rate: Any = 0.001,
        loss: Any = None,
        metrics: Any = None,
        batch_size: int = 32,
        epochs: int = 50,
        augmentation: dict[str, float] | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        validation_rows: str = "auto",
        patience: int = 5,
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
