"""Stacked recurrent networks as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from stackens.layer_sharing import check_equal_units, resolve_layer_sharing
from stackens.learners import _attention
from stackens.learners._embedding import check_embedding_options, place_vectors
from stackens.learners._routing import check_routed_names
from stackens.learners._shapes import stacked_rnn_shapes
from stackens.learners._shared_text import with_shared_text
from stackens.learners._targets import Target
from stackens.learners.base import Network, NetworkClassifier, NetworkRegressor
from stackens.sequences import PADDING_VALUE, SequenceBatch
from stackens.training import Architecture

_FRACTION = Interval(Real, 0, 1, closed="left")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_POSITIVE_INT = Interval(Integral, 1, None, closed="left")


_ROUTED_PARTS = ("optimizer", "loss", "recurrent", "embedding")
_CONSTRAINTS: dict[str, list[Any]] = {
    "units": [_POSITIVE_INT, "array-like"],
    "cell": [StrOptions({"lstm", "gru", "simple_rnn"})],
    "n_layers": [_POSITIVE_INT, None],
    "bidirectional": ["boolean"],
    "dropout": [_FRACTION],
    "recurrent_dropout": [_FRACTION],
    "l1": [_NOT_NEGATIVE],
    "l2": [_NOT_NEGATIVE],
    "normalization": [StrOptions({"layer", "batch"}), None],
    "pooling": [StrOptions({"last", "mean", "max", "attention"})],
    "layer_sharing": [str, "array-like"],
    "n_unique_layers": [_POSITIVE_INT, None],
    "residual": ["boolean"],
    "depth_embedding": ["boolean"],
    "convolutions": ["array-like", None],
    "kernel_size": [_POSITIVE_INT, "array-like"],
    "convolution_place": [StrOptions({"beside", "below"})],
    "embedding_dim": [_POSITIVE_INT],
}
# Parameters of the learner that the function which builds the network takes as they are.
_OF_THE_NETWORK = (
    "bidirectional",
    "cell",
    "depth_embedding",
    "dropout",
    "embedding_dim",
    "l1",
    "l2",
    "normalization",
    "pooling",
    "recurrent_dropout",
    "residual",
    "vocabulary_size",
)


def _describe_network(learner: Any, batch: SequenceBatch, target: Target, seed: int) -> Network:
    """Say which network a stacked RNN learner has."""
    from stackens.networks import build_stacked_rnn

    recurrent, embedding = learner._routed("recurrent"), learner._routed("embedding")
    vectors = embedding.pop("weights", None)
    if recurrent:
        _check_recurrent_options(recurrent, learner.cell)
    if embedding:
        check_embedding_options(embedding, learner.vocabulary_size)
    options = {
        "output_units": target.n_outputs,
        "output_activation": target.activation,
        "n_features": None if batch.is_tokens else batch.n_features,
        **{name: getattr(learner, name) for name in _OF_THE_NETWORK},
        **_layers(learner),
        **_convolutions(learner),
        "recurrent_options": recurrent,
        "embedding_options": embedding,
        "padding_value": PADDING_VALUE,
    }
    architecture, weights = Architecture(build_stacked_rnn, options), None
    if vectors is not None:
        size = learner.vocabulary_size, learner.embedding_dim
        weights = place_vectors(architecture, seed, vectors, *size)
    return Network(architecture, target, weights)


def _layers(learner: Any) -> dict[str, Any]:
    """Return the units of each depth, and which layers are one and the same."""
    given: Any = learner.layer_sharing
    if not isinstance(given, str):
        given = resolve_layer_sharing(given, learner.n_layers)
        units = _units_of_layers(learner, len(given))
    else:
        units = _units_of_layers(learner, learner.n_layers)
        if given != "none":
            unique = learner.n_unique_layers
            given = resolve_layer_sharing(given, len(units), n_unique_layers=unique)
    if given != "none" or learner.residual or learner.depth_embedding:
        check_equal_units(units)
    return {"units": units, "layer_sharing": given}


def _units_of_layers(learner: Any, n_layers: int | None) -> tuple[int, ...]:
    if isinstance(learner.units, (int, np.integer)):
        return (int(learner.units),) * (n_layers or 1)
    units = _positive_ints("units", learner.units, "an int >= 1, or one such int per layer")
    if n_layers not in (None, len(units)):
        given = "n_layers" if isinstance(learner.layer_sharing, str) else "layer_sharing"
        raise ValueError(
            f"`units`={units} is for {len(units)} layers, but `{given}`={n_layers}. "
            "Give one int as `units` to use it in every layer, or leave `n_layers` at None."
        )
    return units


def _convolutions(learner: Any) -> dict[str, Any]:
    """Return filters and timesteps of each convolution, and where they are; nothing if none."""
    if learner.convolutions is None:
        return {}
    filters = _positive_ints("convolutions", learner.convolutions, "None, or an int >= 1 per layer")
    sizes = learner.kernel_size
    if isinstance(sizes, (int, np.integer)):
        sizes = (int(sizes),) * len(filters)
    sizes = _positive_ints("kernel_size", sizes, "an int >= 1, or one such int per convolution")
    if len(sizes) != len(filters):
        raise ValueError(
            f"`kernel_size`={sizes} is for {len(sizes)} convolutions, but "
            f"`convolutions`={filters} are {len(filters)}. Give one int to use it in all."
        )
    place = learner.convolution_place
    return {"convolutions": filters, "kernel_sizes": sizes, "convolution_place": place}


def _positive_ints(name: str, values: Any, expected: str) -> tuple[int, ...]:
    values = tuple(values)
    if not values or not all(isinstance(v, Integral) and int(v) >= 1 for v in values):
        raise ValueError(f"`{name}` must be {expected}; got {values!r}.")
    return tuple(int(v) for v in values)


def _check_recurrent_options(options: dict[str, Any], cell: str) -> None:
    import keras

    layer = {
        "lstm": keras.layers.LSTM,
        "gru": keras.layers.GRU,
        "simple_rnn": keras.layers.SimpleRNN,
    }[cell]
    own = {name: name for name in ("units", "dropout", "recurrent_dropout")}
    own |= {"kernel_regularizer": "l1` or `l2", "recurrent_regularizer": "l1` or `l2"}
    own |= {"return_sequences": "pooling", "seed": "random_state"}
    check_routed_names("recurrent", options, layer, own=own)


def _shapes_of(network: Network) -> list[tuple[int, ...]]:
    return stacked_rnn_shapes(network.architecture.options)


_TEXT = {
    "network_parameters": """\
units : int or sequence of int, default=32
    Units of every recurrent layer, or of each one from the bottom.
cell : {"lstm", "gru", "simple_rnn"}, default="lstm"
    Type of the recurrent layers.
n_layers : int, default=None
    Number of recurrent layers; None is one, or as many as ``units`` or ``layer_sharing`` lists.
bidirectional : bool, default=False
    Read every sequence from both ends.
dropout, recurrent_dropout : float in [0, 1), default=0.0
    Dropped fraction of each recurrent layer's input, and of its state from step to step.
    Recurrent dropout is slow: no fused operation computes it.
l1, l2 : float, default=0.0
    Penalties on the kernels of the recurrent layers.
normalization : {None, "layer", "batch"}, default=None
    Normalisation after every recurrent layer.
pooling : {"last", "mean", "max", "attention"}, default="last"
    How the last layer's timesteps become one vector; padding is left out.
layer_sharing : {"none", "all", "sequence", "cycle", "cycle_rev"} or sequence of int, \
default="none"
    Which layers are one and the same, so that depth costs no parameters: "all" of them, or, of 3
    distinct layers at 6 depths, 0 0 1 1 2 2 ("sequence"), 0 1 2 0 1 2 ("cycle") or 0 1 2 2 1 0
    ("cycle_rev"). A sequence names the layer of each depth, such as ``(0, 0, 1, 1)``. Layers that
    share need equal ``units``; an input of another width is projected first.
n_unique_layers : int, default=None
    Distinct layers of "sequence", "cycle" and "cycle_rev"; None is half of ``n_layers``, rounded
    up.
residual : bool, default=False
    Add the input of every recurrent layer to its output: deep stacks do not train without.
depth_embedding : bool, default=False
    Add a learned vector of each depth to the input of the layer there.
convolutions : sequence of int, default=None
    Filters of convolutions along time, from the bottom, such as ``(32, 64, 32)``, each with group
    normalisation and ReLU. Where rows are few, they find shapes that recurrent layers do not.
kernel_size : int or sequence of int, default=5
    Timesteps that a filter sees: of all convolutions, or of each.
convolution_place : {"beside", "below"}, default="beside"
    The dense layer gets the mean over time of what the convolutions give, beside the pooled output
    of the recurrent layers [1]_; or the recurrent layers read it.
vocabulary_size : int, default=None
    Number of token ids, 0 (padding) included. If given, the input is tokens, and an embedding
    comes first; the size does not depend on the rows that a fold happens to have.
embedding_dim : int, default=32
    Dimension of the embedding.""",
    "routed": """\
**routed : dict
    Settings of a part: ``optimizer__…``, ``loss__…``, ``recurrent__…`` (further arguments of
    the Keras layer, for example ``recurrent__kernel_initializer="he_normal"`` or
    ``recurrent__recurrent_initializer="orthogonal"``), ``embedding__…`` (those of
    ``keras.layers.Embedding``). ``embedding__weights``, of shape
    (vocabulary_size, embedding_dim), are vectors to start from, with NaN in rows that are to be
    drawn; ``embedding__trainable=False`` keeps them as they are. Unknown names are refused before
    training.""",
}


@with_shared_text(**_TEXT)
class StackedRNNClassifier(NetworkClassifier):
    """Classifier of sequences by recurrent layers on top of each other.

    Every recurrent layer but the last hands its full sequence to the next one; a dense layer on
    the pooled output of the last gives probabilities.

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
    StackedRNNRegressor : The same for numbers.
    StackingClassifier : Combines several learners.

    References
    ----------
    .. [1] F. Karim, S. Majumdar, H. Darabi and S. Chen, *LSTM fully convolutional networks for time
       series classification*, 2018.

    Examples
    --------
    >>> from stackens import StackedRNNClassifier
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> learner = StackedRNNClassifier(units=16, n_layers=2, epochs=2, random_state=0)
    >>> learner.fit(X[:200], y[:200]).predict_proba(X[:1]).shape
    (1, 10)
    """

    _routed_parts = _ROUTED_PARTS
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkClassifier._parameter_constraints,
        **_CONSTRAINTS,
    }
    _describe = _describe_network
    _weight_shapes = staticmethod(_shapes_of)
    pooling_weights = _attention.pooling_weights

    def __init__(
        self,
        units: int | Sequence[int] = 32,
        *,
        cell: str = "lstm",
        n_layers: int | None = None,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        normalization: str | None = None,
        pooling: str = "last",
        layer_sharing: str | Sequence[int] = "none",
        n_unique_layers: int | None = None,
        residual: bool = False,
        depth_embedding: bool = False,
        convolutions: Sequence[int] | None = None,
        kernel_size: int | Sequence[int] = 5,
        convolution_place: str = "beside",
        vocabulary_size: int | None = None,
        embedding_dim: int = 32,
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


@with_shared_text(**_TEXT)
class StackedRNNRegressor(NetworkRegressor):
    """Regressor of sequences by recurrent layers on top of each other.

    Every recurrent layer but the last hands its full sequence to the next one; a dense layer on
    the pooled output of the last gives the values.

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
    StackedRNNClassifier : The same for classes.
    StackingRegressor : Combines several learners.

    References
    ----------
    .. [1] F. Karim, S. Majumdar, H. Darabi and S. Chen, *LSTM fully convolutional networks for time
       series classification*, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import StackedRNNRegressor
    >>> X = np.random.default_rng(0).normal(size=(64, 10, 2))
    >>> learner = StackedRNNRegressor(units=8, epochs=2, random_state=0)
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

    def __init__(
        self,
        units: int | Sequence[int] = 32,
        *,
        cell: str = "lstm",
        n_layers: int | None = None,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        normalization: str | None = None,
        pooling: str = "last",
        layer_sharing: str | Sequence[int] = "none",
        n_unique_layers: int | None = None,
        residual: bool = False,
        depth_embedding: bool = False,
        convolutions: Sequence[int] | None = None,
        kernel_size: int | Sequence[int] = 5,
        convolution_place: str = "beside",
        vocabulary_size: int | None = None,
        embedding_dim: int = 32,
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
