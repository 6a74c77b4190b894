"""Networks that the user builds, as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import StrOptions

from stackens.exceptions import InvalidInputError
from stackens.learners._base import (
    NetworkClassifierMixin,
    NetworkLearner,
    NetworkRegressorMixin,
)
from stackens.learners._targets import ClassTarget, MultilabelTarget, ValueTarget
from stackens.sequences import PADDING_VALUE, SequenceBatch
from stackens.training import Architecture, seeded_globals

__all__ = ["KerasNetworkClassifier", "KerasNetworkRegressor"]


class _KerasNetwork(NetworkLearner):
    """What both learners with a user's builder share."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkLearner._parameter_constraints,
        "build": [callable],
    }

    def __init__(
        self,
        build: Callable[[dict[str, Any]], Any],
        *,
        vocabulary_size: int | None = None,
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
        self.build = build
        self.vocabulary_size = vocabulary_size
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
        meta = {
            "X_shape_": batch.values.shape,
            "n_features_in_": self.n_features_in_,
            "vocabulary_size": self.vocabulary_size,
            "padding_value": 0 if batch.is_tokens else PADDING_VALUE,
            **_target_meta(target),
        }
        with seeded_globals(seed):
            model = self.build(meta)
        n_outputs = _check_model(model, target)
        if isinstance(target, ClassTarget):
            target = target.with_outputs(self.loss, n_outputs)
        architecture = Architecture.from_model(
            model, rebuild=_Rebuild(self.build, meta), origin=self.build
        )
        return _Always(architecture), target, model.get_weights()

    def _encoded_shape(self) -> tuple[int, ...]:
        rebuild: Any = self._architecture(True)._build
        shape = rebuild.meta["X_shape_"]
        return tuple(int(size) for size in shape)


class _Rebuild:
    """Calls the builder again, so that a pickle holds the builder instead of the model."""

    def __init__(self, build: Callable[[dict[str, Any]], Any], meta: dict[str, Any]) -> None:
        self.build, self.meta = build, meta

    def __call__(self) -> Any:
        return self.build(self.meta)


class _Always:
    """Masking is the builder's affair: one architecture for padded and unpadded rows."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture

    def __call__(self, masked: bool) -> Architecture:
        return self.architecture


def _target_meta(target: Any) -> dict[str, Any]:
    if isinstance(target, ValueTarget):
        kind = "continuous" if target.n_outputs == 1 else "continuous-multioutput"
        return {"n_outputs_": target.n_outputs, "target_type_": kind}
    n_classes = len(target.classes)
    kind = "binary" if n_classes == 2 else "multiclass"
    if isinstance(target, MultilabelTarget):
        kind = "multilabel-indicator"
    return {
        "classes_": target.classes,
        "n_classes_": n_classes,
        "n_outputs_": target.n_outputs,
        "target_type_": kind,
    }


def _check_model(model: Any, target: Any) -> int:
    """Refuse what is no suitable model; return its number of outputs."""
    import keras

    if not isinstance(model, keras.Model):
        raise InvalidInputError(
            f"`build` must return a keras.Model; it returned {type(model).__name__}."
        )
    if not model.built or not model.inputs or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise InvalidInputError(
            "`build` must return a built model with one input and one output; start a Sequential "
            "model with keras.Input."
        )
    if model.compiled:
        raise InvalidInputError(
            "`build` must return an uncompiled model: give `optimizer`, `learning_rate`, `loss` "
            "and `metrics` to the learner."
        )
    n_outputs = int(model.outputs[0].shape[-1])
    allowed = {target.n_outputs}
    if isinstance(target, ClassTarget):
        allowed.add(len(target.classes))
    if len(model.outputs[0].shape) != 2 or n_outputs not in allowed:
        raise InvalidInputError(
            f"`build` must return a model with output of shape (n_samples, "
            f"{' or '.join(map(str, sorted(allowed)))}); got {tuple(model.outputs[0].shape)}."
        )
    return n_outputs


class KerasNetworkClassifier(NetworkClassifierMixin, _KerasNetwork):
    """Classifier of sequences by a network that you build.

    The input is encoded as for :class:`StackedRNNClassifier`; the output must be one sigmoid unit
    for two classes, or one softmax unit per class.

    Parameters
    ----------
    build : callable
        ``build(meta) -> keras.Model``, uncompiled, with one input and one output. ``meta`` is a
        dict with ``X_shape_`` (of the encoded array; its first entry is the number of rows),
        ``n_features_in_``, ``vocabulary_size``, ``padding_value`` (what padded timesteps hold in
        every channel), ``n_outputs_``, ``target_type_``, ``n_classes_`` and ``classes_``.
        It is called once for every fit, with Python's and NumPy's random generators seeded.
    vocabulary_size : int, default=None
        Number of token ids, 0 (padding) included; if given, the input is tokens.
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
        Settings of a part: ``optimizer__…``, ``loss__…``. Unknown names are refused before
        training.

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

    Examples
    --------
    >>> import keras
    >>> from stackens import KerasNetworkClassifier
    >>> from stackens.datasets import load_digits_sequences
    >>> def build(meta):
    ...     return keras.Sequential([
    ...         keras.Input(meta["X_shape_"][1:]), keras.layers.Flatten(),
    ...         keras.layers.Dense(meta["n_classes_"], activation="softmax")])
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> learner = KerasNetworkClassifier(build, epochs=2, random_state=0)
    >>> learner.fit(X[:200], y[:200]).predict(X[:3]).shape
    (3,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_KerasNetwork._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        build: Callable[[dict[str, Any]], Any],
        *,
        vocabulary_size: int | None = None,
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
            build,
            vocabulary_size=vocabulary_size,
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


class KerasNetworkRegressor(NetworkRegressorMixin, _KerasNetwork):
    """Regressor of sequences by a network that you build.

    The input is encoded as for :class:`StackedRNNRegressor`; the output must have one unit for
    each target column.

    Parameters
    ----------
    build : callable
        ``build(meta) -> keras.Model``, uncompiled, with one input and one output. ``meta`` is a
        dict with ``X_shape_`` (of the encoded array; its first entry is the number of rows),
        ``n_features_in_``, ``vocabulary_size``, ``padding_value`` (what padded timesteps hold in
        every channel), ``n_outputs_``, ``target_type_``. It is called once for every
        fit, with Python's and NumPy's random generators seeded.
    vocabulary_size : int, default=None
        Number of token ids, 0 (padding) included; if given, the input is tokens.
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
        Settings of a part: ``optimizer__…``, ``loss__…``. Unknown names are refused before
        training.

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

    Examples
    --------
    >>> import keras, numpy as np
    >>> from stackens import KerasNetworkRegressor
    >>> def build(meta):
    ...     return keras.Sequential([
    ...         keras.Input(meta["X_shape_"][1:]), keras.layers.Flatten(),
    ...         keras.layers.Dense(meta["n_outputs_"])])
    >>> X = np.random.default_rng(0).normal(size=(64, 10, 2))
    >>> learner = KerasNetworkRegressor(build, epochs=2, random_state=0)
    >>> learner.fit(X, X[:, -1, 0]).predict(X[:3]).shape
    (3,)
    """
