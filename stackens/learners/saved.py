"""What a file holds of a learner: parameters and arrays; the network is built from these anew."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from stackens.exceptions import InvalidInputError
from stackens.learners._keras_objects import describe_keras_object, make_keras_object
from stackens.learners._targets import (
    ClassTarget,
    MultilabelTarget,
    Target,
    ValueTarget,
    find_loss,
)
from stackens.learners.base import NetworkLearner
from stackens.sequences import SequenceBatch

__all__ = [
    "check_parameters",
    "describe_keras_object",
    "describe_learner",
    "describe_scikeras",
    "make_keras_object",
    "restore_learner",
    "restore_scikeras",
    "saved_parameters",
]

# Belong to the process that trains, not to what was trained.
_HOOKS = ("callbacks", "memory", "on_epoch_end")
_REBUILT = {
    "_architecture",
    "_is_kept",
    "_n_members",
    "_optimizer",
    "_optimizer_state",
    "_split_weights",
    "_target",
    "_wrapper",
    "best_epoch_",
    "classes_",
    "history_",
    "n_outputs_",
    "weights_",
}
_LARGEST = 1 << 31
_PLAIN = (bool, int, float, str, type(None))


def saved_parameters(learner: NetworkLearner) -> dict[str, Any]:
    """Return the parameters of a learner without those of the process: hooks and stores.

    Parameters
    ----------
    learner : NetworkLearner
        Fitted or not.

    Returns
    -------
    dict
    """
    parameters = learner.get_params(deep=False)
    return {name: None if name in _HOOKS else value for name, value in parameters.items()}


def describe_learner(learner: NetworkLearner) -> dict[str, Any] | None:
    """Describe what a learner has learnt.

    Parameters
    ----------
    learner : NetworkLearner
        Fitted or not.

    Returns
    -------
    dict or None
        Numbers, strings, arrays, lists and dicts of them; None if it is not fitted.
    """
    if not learner.__sklearn_is_fitted__():
        return None
    _check_unchanged(learner)
    parameters = learner.get_params(deep=False)
    others = {
        name: value
        for name, value in vars(learner).items()
        if name not in parameters and name not in _REBUILT and not name.startswith("_skl_")
    }
    return {
        "weights": list(learner.weights_),
        "n_members": learner._n_members,
        "history": learner.history_,
        "best_epoch": int(learner.best_epoch_),
        "optimizer_state": getattr(learner, "_optimizer_state", None),
        "input": {"shape": list(learner._encoded_shape())},
        "target": _describe_target(learner._target),
        "others": others,
    }


def _check_unchanged(learner: NetworkLearner) -> None:
    """Refuse parameters of another network than the one that was trained."""
    before = learner._architecture
    if not before.options:  # a function of the user's built it, and would have to again
        return
    batch = _make_batch(list(learner._encoded_shape()))
    if learner._describe(batch, learner._target, 0).architecture.key != before.key:
        raise InvalidInputError(
            f"The parameters of this {type(learner).__name__} were changed after `fit`, to those "
            "of another network; fit it again."
        )


def _describe_target(target: Target) -> dict[str, Any]:
    if isinstance(target, ValueTarget):
        return {"kind": "values", "n_outputs": target.n_outputs, "is_flat": target.is_flat}
    kind = "labels" if isinstance(target, MultilabelTarget) else "classes"
    return {"kind": kind, "classes": target.classes, "n_outputs": target.n_outputs}


def restore_learner(learner: NetworkLearner, saved: Mapping[str, Any]) -> None:
    """Give a learner, made from its parameters, what it had learnt.

    Parameters
    ----------
    learner : NetworkLearner
        Not fitted.
    saved : mapping
        From ``describe_learner``.

    Raises
    ------
    ValueError, TypeError, KeyError
        If parameters, shapes of weights and target do not belong together. Nothing was built of
        the size that a parameter asks for, unless the arrays have that size.
    """
    check_parameters(learner)
    learner.__dict__.update(saved["others"])
    batch = _make_batch(saved["input"]["shape"])
    target = _make_target(learner, saved["target"])
    n_members, weights = saved["n_members"], _check_arrays(saved["weights"])
    if type(n_members) is not int or n_members < 1 or len(weights) % n_members:
        raise ValueError(f"{len(weights)} arrays of weights for {n_members} members")
    n_layers = getattr(learner, "n_layers", None)
    if n_layers is not None and n_layers > len(weights):
        raise ValueError(f"{n_layers} layers with {len(weights)} arrays of weights")
    network = _without_vectors(learner)._describe(batch, target, 0)
    shapes = learner._weight_shapes(network)
    found = [array.shape for array in weights]
    if found != shapes * n_members:
        raise ValueError(f"weights of shapes {found}, where the parameters say {shapes}")
    learner._take_network(network)
    learner._n_members, learner._is_kept = n_members, False
    learner._optimizer_state = saved["optimizer_state"]
    learner.history_ = {str(name): list(values) for name, values in saved["history"].items()}
    learner.best_epoch_ = int(saved["best_epoch"])
    learner.weights_ = weights
    learner._split_members()


def _without_vectors(learner: Any) -> Any:
    """Return the learner without vectors to start from: nothing is drawn beside them."""
    if "embedding__weights" not in learner.get_params(deep=False):
        return learner
    return copy(learner).set_params(embedding__weights=None)


def check_parameters(learner: NetworkLearner) -> None:
    """Refuse parameters from a file that are not what they should be.

    Keras turns some dicts into objects, and imports what they name: no part gets one.
    """
    learner._validate_params()
    for name, value in learner._all_routed().items():
        _check_no_dict(name, value)
    if isinstance(learner.loss, str) and find_loss(learner.loss) not in learner._target_kind.losses:
        raise ValueError(f"`loss` of no known name {learner.loss!r}")
    for name in ("loss", "metrics", "learning_rate"):
        _check_no_dict(name, getattr(learner, name))


def _check_no_dict(name: str, value: Any) -> None:
    for one in value if isinstance(value, list | tuple) else [value]:
        of_keras = type(one).__module__.partition(".")[0] == "keras"
        of_numbers = isinstance(one, np.ndarray) and one.dtype.kind in "fiub"
        if not (isinstance(one, _PLAIN) or of_numbers or of_keras or callable(one)):
            raise ValueError(f"`{name}` must be numbers, strings or an object; got {one!r}")


def _make_batch(shape: Any) -> SequenceBatch:
    if not isinstance(shape, list) or len(shape) not in (2, 3):
        raise ValueError(f"input of shape {shape}")
    if not all(type(size) is int and 0 < size < _LARGEST for size in shape):
        raise ValueError(f"input of shape {shape}")
    dtype = np.float32 if len(shape) == 3 else np.int32
    values = np.broadcast_to(np.zeros((), dtype), shape)  # of any size, it takes a few bytes
    return SequenceBatch(values, np.ones(1, np.int64))


def _make_target(learner: Any, saved: Mapping[str, Any]) -> Target:
    is_classifier = isinstance(learner, ClassifierMixin)
    if (saved["kind"] == "values") == is_classifier:
        raise ValueError(f"a target of {saved['kind']} for a {type(learner).__name__}")
    n_outputs = saved["n_outputs"]
    if type(n_outputs) is not int or not 0 < n_outputs < _LARGEST:
        raise ValueError(f"{n_outputs} outputs")
    if saved["kind"] == "values":
        is_flat = bool(saved["is_flat"])
        if is_flat and n_outputs != 1:
            raise ValueError(f"{n_outputs} outputs of a flat target")
        return ValueTarget(find_loss(learner.loss) or "mean_squared_error", n_outputs, is_flat)
    classes = np.asarray(saved["classes"])
    if saved["kind"] == "labels":
        return MultilabelTarget.of(len(classes), learner.loss)
    target = ClassTarget.learn(classes, learner.loss, n_outputs)
    if not np.array_equal(target.classes, classes) or n_outputs not in (1, len(classes)):
        raise ValueError(f"{n_outputs} outputs for the classes {classes}")
    return target


def _check_arrays(weights: Any) -> list[np.ndarray]:
    if not isinstance(weights, list) or not weights:
        raise ValueError("no weights")
    for array in weights:
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            raise ValueError("weights that are no arrays of floating numbers")
    return weights


def describe_scikeras(wrapper: Any) -> dict[str, Any] | None:
    """Describe what a SciKeras object, whose model comes from a function, has learnt.

    Parameters
    ----------
    wrapper : scikeras.wrappers.KerasClassifier or KerasRegressor
        Fitted or not.

    Returns
    -------
    dict or None
        None if it is not fitted.
    """
    from stackens.learners._scikeras import describe_wrapper

    return describe_wrapper(wrapper)


def restore_scikeras(wrapper: Any, saved: Mapping[str, Any]) -> None:
    """Give a SciKeras object, made from its parameters, what it had learnt.

    Parameters
    ----------
    wrapper : scikeras.wrappers.KerasClassifier or KerasRegressor
        Not fitted; its function builds the model anew.
    saved : mapping
        From ``describe_scikeras``.
    """
    from stackens.learners._scikeras import restore_wrapper

    restore_wrapper(wrapper, saved)
