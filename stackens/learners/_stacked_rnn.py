"""Stacked recurrent networks as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from stackens.learners._base import (
    NetworkClassifierMixin,
    NetworkLearner,
    NetworkRegressorMixin,
)
from stackens.learners._embedding import (
    check_embedding_options,
    place_vectors,
    split_embedding_options,
)
from stackens.learners._routing import check_routed_names
from stackens.sequences import PADDING_VALUE, SequenceBatch
from stackens.training import Architecture

__all__ = ["StackedRNNClassifier", "StackedRNNRegressor"]

_FRACTION = Interval(Real, 0, 1, closed="left")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_POSITIVE_INT = Interval(Integral, 1, None, closed="left")


class _StackedRNN(NetworkLearner):
    """The parameters and the network that both stacked RNN estimators share."""

    _routed_parts = ("optimizer", "loss", "recurrent", "embedding")

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkLearner._parameter_constraints,
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
        "embedding_dim": [_POSITIVE_INT],
    }

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
        vocabulary_size: int | None = None,
        embedding_dim: int = 32,
        optimizer: str = "adam",
        learning_rate: Any = 0.005,
        loss: Any = None,
        metrics: Any = None,
        batch_size: int = 32,
        epochs: int = 50,
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
        self.units = units
        self.cell = cell
        self.n_layers = n_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.l1 = l1
        self.l2 = l2
        self.normalization = normalization
        self.pooling = pooling
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.loss = loss
        self.metrics = metrics
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation_rows = validation_rows
        self.patience = patience
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.on_epoch_end = on_epoch_end
        self.n_seeds = n_seeds
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose
        self._set_routed(routed)

    def _describe(
        self, batch: SequenceBatch, target: Any, seed: int
    ) -> tuple[Callable[[bool], Architecture], Any, list[np.ndarray] | None]:
        embedding_options, vectors = split_embedding_options(self._routed("embedding"))
        options = {
            "output_units": target.n_outputs,
            "output_activation": target.activation,
            "n_features": None if batch.is_tokens else batch.n_features,
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "units": self._units_of_layers(),
            "recurrent_options": self._routed("recurrent"),
            "embedding_options": embedding_options,
            **{name: getattr(self, name) for name in _NETWORK_PARAMETERS},
        }
        self._check_layer_options(options)
        describe = partial(_stacked_rnn_architecture, options)
        weights = None
        if vectors is not None:
            weights = place_vectors(
                describe(False), seed, vectors, self.vocabulary_size, self.embedding_dim
            )
        return describe, target, weights

    def _units_of_layers(self) -> tuple[int, ...]:
        if isinstance(self.units, (int, np.integer)):
            return (int(self.units),) * (self.n_layers or 1)
        units = tuple(self.units)
        if not units or not all(isinstance(u, Integral) and u >= 1 for u in units):
            raise ValueError(
                f"`units` must be an int >= 1, or one such int per layer; got {self.units!r}."
            )
        if self.n_layers not in (None, len(units)):
            raise ValueError(
                f"`units`={units} is for {len(units)} layers, but `n_layers`={self.n_layers}. "
                "Give one int as `units` to use it in every layer, or leave `n_layers` at None."
            )
        return tuple(int(u) for u in units)

    def _check_layer_options(self, options: dict[str, Any]) -> None:
        import keras

        layer = {
            "lstm": keras.layers.LSTM,
            "gru": keras.layers.GRU,
            "simple_rnn": keras.layers.SimpleRNN,
        }[self.cell]
        own = {name: name for name in ("units", "dropout", "recurrent_dropout")}
        own |= {"kernel_regularizer": "l1` or `l2", "recurrent_regularizer": "l1` or `l2"}
        own |= {"return_sequences": "pooling", "seed": "random_state"}
        check_routed_names("recurrent", options["recurrent_options"], layer, own=own)
        check_embedding_options(options["embedding_options"])


_NETWORK_PARAMETERS = (
    "cell",
    "bidirectional",
    "dropout",
    "recurrent_dropout",
    "l1",
    "l2",
    "normalization",
    "pooling",
)


def _stacked_rnn_architecture(options: dict[str, Any], masked: bool) -> Architecture:
    # Masking is left out where no row is padded: it costs time, and the weights are the same.
    from stackens.networks import build_stacked_rnn

    padding_value = PADDING_VALUE if masked else None
    return Architecture(build_stacked_rnn, {**options, "padding_value": padding_value})


class StackedRNNClassifier(NetworkClassifierMixin, _StackedRNN):
    """Classifier of sequences by recurrent layers on top of each other.

    Every recurrent layer but the last hands its full sequence to the next one; a dense layer on
    the pooled output of the last gives probabilities.

    Parameters
    ----------
    units : int or sequence of int, default=32
        Units of every recurrent layer, or of each one from the bottom.
    cell : {"lstm", "gru", "simple_rnn"}, default="lstm"
        Type of the recurrent layers.
    n_layers : int, default=None
        Number of recurrent layers; None is one, or as many as ``units`` lists.
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
    vocabulary_size : int, default=None
        Number of token ids, 0 (padding) included. If given, the input is tokens, and an embedding
        comes first; the size does not depend on the rows that a fold happens to have.
    embedding_dim : int, default=32
        Dimension of the embedding.
    optimizer : str, default="adam"
        Name of a Keras optimizer. Its other settings are ``optimizer__…``, for example
        ``optimizer__clipnorm``, ``optimizer__clipvalue``, ``optimizer__weight_decay``.
    learning_rate : float or keras.optimizers.schedules.LearningRateSchedule, default=0.005
        Learning rate.
    loss : str, callable or keras.losses.Loss, default=None
        What is minimised; None is the cross-entropy that suits the number of classes.
        The settings of a named loss are ``loss__…``.
    metrics : sequence, default=None
        Keras metrics (names or objects) to record in ``history_``.
    batch_size : int, default=32
        Rows of each training step.
    epochs : int, default=50
        Passes over the training rows.
    early_stopping : bool, default=False
        Hold out some of the training rows, stop when their loss has not improved, and keep the
        weights of the best epoch.
    validation_fraction : float in (0, 1), default=0.1
        Fraction of the training rows to hold out, stratified by class.
    validation_rows : {"auto", "random", "latest"}, default="auto"
        Which training rows are held out: drawn at random, or the last ones, for rows that are
        in the order of time. "auto" follows the splits of a stack: whole groups where it has
        groups, the latest rows where it trains on the past, and else at random.
    patience : int, default=5
        Epochs without improvement before training stops.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss; "balanced" is inversely proportional to its frequency in
        the training rows.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the present weights and optimizer state.
    callbacks : sequence of keras.callbacks.Callback, default=None
        Callbacks need Keras's own training loop, which is many times slower.
    on_epoch_end : callable, default=None
        ``on_epoch_end(epoch, logs)`` after every epoch (from 0), with its loss and metrics, in
        the thread that trains; training stops if it returns True. Unlike a callback it keeps the
        network a tower.
    n_seeds : int, default=1
        How many networks are trained, from as many seeds, side by side; their outputs are averaged.
        The first is the one of ``n_seeds=1``.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Where trained networks are kept, and taken from when the same training is wanted again;
        None is nowhere. Needs an int as ``random_state``.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, order of rows, dropout and held-out rows. The same int gives the
        same network bit for bit, alone or inside a stack.
    verbose : int, default=0
        1 shows a bar over the epochs, with the loss and the time left.
    **routed : dict
        Settings of a part: ``optimizer__…``, ``loss__…``, ``recurrent__…`` (further arguments of
        the Keras layer, for example ``recurrent__kernel_initializer="he_normal"`` or
        ``recurrent__recurrent_initializer="orthogonal"``), ``embedding__…`` (those of
        ``keras.layers.Embedding``). ``embedding__weights``, of shape
        (vocabulary_size, embedding_dim), are vectors to start from, with NaN in rows that are to
        be drawn; ``embedding__trainable=False`` keeps them as they are. Unknown names are refused
        before training.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Channels; of a table, its number of timesteps.
    weights_ : list of ndarray
        In the order of ``keras.Model.get_weights``.
    history_ : dict of str to list of float
        Loss and metrics of each epoch, ``val_…`` those of the held-out rows.
    best_epoch_ : int
        Epoch (from 0) whose weights were kept.
    n_parameters_ : int
        Number of parameters.
    keras_estimator_ : scikeras.wrappers.KerasClassifier
        The same network as a fitted SciKeras estimator, for what ``encode_input`` returns.

    See Also
    --------
    StackedRNNRegressor : The same for numbers.
    StackingClassifier : Combines several learners.

    Examples
    --------
    >>> from stackens import StackedRNNClassifier
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> learner = StackedRNNClassifier(units=16, n_layers=2, epochs=2, random_state=0)
    >>> learner.fit(X[:200], y[:200]).predict_proba(X[:1]).shape
    (1, 10)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_StackedRNN._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

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
        vocabulary_size: int | None = None,
        embedding_dim: int = 32,
        optimizer: str = "adam",
        learning_rate: Any = 0.005,
        loss: Any = None,
        metrics: Any = None,
        batch_size: int = 32,
        epochs: int = 50,
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
        super().__init__(
            units,
            cell=cell,
            n_layers=n_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            l1=l1,
            l2=l2,
            normalization=normalization,
            pooling=pooling,
            vocabulary_size=vocabulary_size,
            embedding_dim=embedding_dim,
            optimizer=optimizer,
            learning_rate=learning_rate,
            loss=loss,
            metrics=metrics,
            batch_size=batch_size,
            epochs=epochs,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            validation_rows=validation_rows,
            patience=patience,
            warm_start=warm_start,
            callbacks=callbacks,
            on_epoch_end=on_epoch_end,
            n_seeds=n_seeds,
            memory=memory,
            random_state=random_state,
            verbose=verbose,
            **routed,
        )
        self.class_weight = class_weight


class StackedRNNRegressor(NetworkRegressorMixin, _StackedRNN):
    """Regressor of sequences by recurrent layers on top of each other.

    Every recurrent layer but the last hands its full sequence to the next one; a dense layer on
    the pooled output of the last gives the values.

    Parameters
    ----------
    units : int or sequence of int, default=32
        Units of every recurrent layer, or of each one from the bottom.
    cell : {"lstm", "gru", "simple_rnn"}, default="lstm"
        Type of the recurrent layers.
    n_layers : int, default=None
        Number of recurrent layers; None is one, or as many as ``units`` lists.
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
    vocabulary_size : int, default=None
        Number of token ids, 0 (padding) included. If given, the input is tokens, and an embedding
        comes first; the size does not depend on the rows that a fold happens to have.
    embedding_dim : int, default=32
        Dimension of the embedding.
    optimizer : str, default="adam"
        Name of a Keras optimizer. Its other settings are ``optimizer__…``, for example
        ``optimizer__clipnorm``, ``optimizer__clipvalue``, ``optimizer__weight_decay``.
    learning_rate : float or keras.optimizers.schedules.LearningRateSchedule, default=0.005
        Learning rate.
    loss : str, callable or keras.losses.Loss, default=None
        What is minimised; None is the mean squared error. The settings of a
        named loss are ``loss__…``.
    metrics : sequence, default=None
        Keras metrics (names or objects) to record in ``history_``.
    batch_size : int, default=32
        Rows of each training step.
    epochs : int, default=50
        Passes over the training rows.
    early_stopping : bool, default=False
        Hold out some of the training rows, stop when their loss has not improved, and keep the
        weights of the best epoch.
    validation_fraction : float in (0, 1), default=0.1
        Fraction of the training rows to hold out.
    validation_rows : {"auto", "random", "latest"}, default="auto"
        Which training rows are held out: drawn at random, or the last ones, for rows that are
        in the order of time. "auto" follows the splits of a stack: whole groups where it has
        groups, the latest rows where it trains on the past, and else at random.
    patience : int, default=5
        Epochs without improvement before training stops.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the present weights and optimizer state.
    callbacks : sequence of keras.callbacks.Callback, default=None
        Callbacks need Keras's own training loop, which is many times slower.
    on_epoch_end : callable, default=None
        ``on_epoch_end(epoch, logs)`` after every epoch (from 0), with its loss and metrics, in
        the thread that trains; training stops if it returns True. Unlike a callback it keeps the
        network a tower.
    n_seeds : int, default=1
        How many networks are trained, from as many seeds, side by side; their outputs are averaged.
        The first is the one of ``n_seeds=1``.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Where trained networks are kept, and taken from when the same training is wanted again;
        None is nowhere. Needs an int as ``random_state``.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, order of rows, dropout and held-out rows. The same int gives the
        same network bit for bit, alone or inside a stack.
    verbose : int, default=0
        1 shows a bar over the epochs, with the loss and the time left.
    **routed : dict
        Settings of a part: ``optimizer__…``, ``loss__…``, ``recurrent__…`` (further arguments of
        the Keras layer, for example ``recurrent__kernel_initializer="he_normal"`` or
        ``recurrent__recurrent_initializer="orthogonal"``), ``embedding__…`` (those of
        ``keras.layers.Embedding``). ``embedding__weights``, of shape
        (vocabulary_size, embedding_dim), are vectors to start from, with NaN in rows that are to
        be drawn; ``embedding__trainable=False`` keeps them as they are. Unknown names are refused
        before training.

    Attributes
    ----------
    n_outputs_ : int
        Number of target columns.
    n_features_in_ : int
        Channels; of a table, its number of timesteps.
    weights_ : list of ndarray
        In the order of ``keras.Model.get_weights``.
    history_ : dict of str to list of float
        Loss and metrics of each epoch, ``val_…`` those of the held-out rows.
    best_epoch_ : int
        Epoch (from 0) whose weights were kept.
    n_parameters_ : int
        Number of parameters.
    keras_estimator_ : scikeras.wrappers.KerasRegressor
        The same network as a fitted SciKeras estimator, for what ``encode_input`` returns.

    See Also
    --------
    StackedRNNClassifier : The same for classes.
    StackingRegressor : Combines several learners.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import StackedRNNRegressor
    >>> X = np.random.default_rng(0).normal(size=(64, 10, 2))
    >>> learner = StackedRNNRegressor(units=8, epochs=2, random_state=0)
    >>> learner.fit(X, X[:, -1, 0]).predict(X[:1]).shape
    (1,)
    """
