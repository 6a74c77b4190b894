"""Networks that the user builds, as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from stackens.exceptions import InvalidInputError
from stackens.learners._shared_text import with_shared_text
from stackens.learners._targets import ClassTarget, MultilabelTarget, Target, ValueTarget
from stackens.learners.base import Network, NetworkClassifier, NetworkRegressor
from stackens.sequences import PADDING_VALUE, SequenceBatch
from stackens.training import Architecture, check_row_shape, seeded_globals


def _describe_network(learner: Any, batch: SequenceBatch, target: Target, seed: int) -> Network:
    """Have the user's function build the network; masking is its affair."""
    meta = {
        "X_shape_": batch.values.shape,
        "n_features_in_": learner.n_features_in_,
        "vocabulary_size": learner.vocabulary_size,
        "padding_value": 0 if batch.is_tokens else PADDING_VALUE,
        **_target_meta(target),
    }
    with seeded_globals(seed):
        model = learner.build(meta)
    n_outputs = _check_model(model, target)
    check_row_shape(model, batch.values.shape[1:])
    if isinstance(target, ClassTarget):
        target = target.with_outputs(learner.loss, n_outputs)
    architecture = Architecture.from_model(
        model, rebuild=_Rebuild(learner.build, meta), origin=learner.build
    )
    return Network(architecture, target, model.get_weights())


def _shape_seen(learner: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in learner._architecture._build.meta["X_shape_"])


class _Rebuild:
    """Calls the builder again, so that a pickle holds the builder instead of the model."""

    def __init__(self, build: Callable[[dict[str, Any]], Any], meta: dict[str, Any]) -> None:
        self.build, self.meta = build, meta

    def __call__(self) -> Any:
        return self.build(self.meta)


def _target_meta(target: Target) -> dict[str, Any]:
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


def _check_model(model: Any, target: Target) -> int:
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
        if len(target.classes) == 2 and not target.is_multilabel:  # what the network says counts
            allowed.add(1)
    if len(model.outputs[0].shape) != 2 or n_outputs not in allowed:
        raise InvalidInputError(
            f"`build` must return a model with output of shape (n_samples, "
            f"{' or '.join(map(str, sorted(allowed)))}); got {tuple(model.outputs[0].shape)}."
        )
    return n_outputs


@with_shared_text()
class KerasNetworkClassifier(NetworkClassifier):
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
    <training_parameters>
    **routed : dict
        Settings of a part: ``optimizer__…``, ``loss__…``. Unknown names are refused before
        training.

    Attributes
    ----------
    <attributes>

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
        **NetworkClassifier._parameter_constraints,
        "build": [callable],
    }
    _describe = _describe_network
    _encoded_shape = _shape_seen

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


@with_shared_text()
class KerasNetworkRegressor(NetworkRegressor):
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
    <training_parameters>
    **routed : dict
        Settings of a part: ``optimizer__…``, ``loss__…``. Unknown names are refused before
        training.

    Attributes
    ----------
    <attributes>

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkRegressor._parameter_constraints,
        "build": [callable],
    }
    _describe = _describe_network
    _encoded_shape = _shape_seen

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
