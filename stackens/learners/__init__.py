"""Level 0: learners of sequences."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from stackens.learners._base import (
    Network,
    NetworkClassifier,
    NetworkLearner,
    NetworkRegressor,
)
from stackens.learners._embedding_pretrainer import EmbeddingPretrainer
from stackens.learners._keras_network import KerasNetworkClassifier, KerasNetworkRegressor
from stackens.learners._keras_objects import describe_keras_object, make_keras_object
from stackens.learners._saved import (
    check_parameters,
    describe_learner,
    restore_learner,
    saved_parameters,
)
from stackens.learners._stacked_rnn import StackedRNNClassifier, StackedRNNRegressor
from stackens.learners._transformer import TransformerClassifier, TransformerRegressor

__all__ = [
    "EmbeddingPretrainer",
    "KerasNetworkClassifier",
    "KerasNetworkRegressor",
    "Network",
    "NetworkClassifier",
    "NetworkLearner",
    "NetworkRegressor",
    "StackedRNNClassifier",
    "StackedRNNRegressor",
    "TransformerClassifier",
    "TransformerRegressor",
    "adapt_scikeras",
    "check_parameters",
    "describe_keras_object",
    "describe_learner",
    "describe_scikeras",
    "make_keras_object",
    "restore_learner",
    "restore_scikeras",
    "saved_parameters",
]


def __getattr__(name: str) -> Any:
    """Give what files name by this room and whose import changes Keras, when it is asked for."""
    if name in ("SciKerasClassifier", "SciKerasRegressor"):
        return getattr(import_module("stackens.learners._scikeras"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def adapt_scikeras(estimator: Any) -> Any:
    """Turn a SciKeras object into a learner that trains as towers.

    Parameters
    ----------
    estimator : scikeras.wrappers.KerasClassifier or KerasRegressor
        Not changed.

    Returns
    -------
    estimator
        Satisfies :class:`stackens.training.TowerLearner`.
    """
    from stackens.learners._scikeras import wrap

    return wrap(estimator)


def describe_scikeras(wrapper: Any) -> dict[str, Any] | None:
    """Describe what a SciKeras object has learnt; None if it is not fitted.

    Parameters
    ----------
    wrapper : scikeras.wrappers.KerasClassifier or KerasRegressor
        Its model comes from a function.

    Returns
    -------
    dict or None
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
