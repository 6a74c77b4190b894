"""Level 0: learners of sequences."""

from __future__ import annotations

from typing import Any

from stackens.learners._embedding_pretrainer import EmbeddingPretrainer
from stackens.learners._keras_network import KerasNetworkClassifier, KerasNetworkRegressor
from stackens.learners._stacked_rnn import StackedRNNClassifier, StackedRNNRegressor
from stackens.learners._transformer import TransformerClassifier, TransformerRegressor

__all__ = [
    "EmbeddingPretrainer",
    "KerasNetworkClassifier",
    "KerasNetworkRegressor",
    "StackedRNNClassifier",
    "StackedRNNRegressor",
    "TransformerClassifier",
    "TransformerRegressor",
    "adapt_scikeras",
]


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
