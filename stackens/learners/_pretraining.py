"""Vectors of words from a network that is trained on texts, once for the same texts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from sklearn.base import clone

from stackens.exceptions import InvalidInputError
from stackens.preprocessing import SequenceVectorizer, WordVectors
from stackens.store import NoKey, data_digest, fit_key
from stackens.training import Architecture, HoldOut

__all__ = ["pretrain"]

_KNOWN: OrderedDict[str, WordVectors] = OrderedDict()
_MOST = 8  # a few megabytes each
# Held while a network is trained: who wants the same one meanwhile waits for it.
_LOCK = threading.RLock()


def pretrain(
    learner: Any,
    vectorizer: SequenceVectorizer,
    texts: Any,
    y: Any,
    *,
    n_dimensions: int,
    hold_out: HoldOut | None = None,
) -> WordVectors:
    """Train a network on texts, and keep its embedding only.

    The last few results are remembered, by the content of all that they depend on: folds and
    candidates with one source neither train it again nor cut it into tokens again.

    Parameters
    ----------
    learner : NetworkLearner
        Takes tokens, and has one embedding.
    vectorizer : SequenceVectorizer
        Makes the tokens; a clone is fitted.
    texts, y : array-like of shape (n_samples,)
        All of them are used.
    n_dimensions : int
        Wanted length of the vectors.
    hold_out : callable, default=None
        Which rows the learner watches if it stops early; None leaves it to the learner.

    Returns
    -------
    WordVectors
        Of the vocabulary of the texts, "[UNK]" included.

    Raises
    ------
    InvalidInputError
        If the network has no such embedding; nothing was trained then.
    """
    data = data_digest(texts, y)
    key = fit_key(learner, data, extra=(vectorizer, n_dimensions, hold_out))
    if isinstance(key, NoKey):
        return _train(learner, vectorizer, texts, y, n_dimensions, hold_out)
    with _LOCK:
        if key not in _KNOWN:
            _KNOWN[key] = _train(learner, vectorizer, texts, y, n_dimensions, hold_out)
        _KNOWN.move_to_end(key)
        while len(_KNOWN) > _MOST:
            _KNOWN.popitem(last=False)
        return _KNOWN[key]


def _train(
    learner: Any,
    vectorizer: SequenceVectorizer,
    texts: Any,
    y: Any,
    n_dimensions: int,
    hold_out: HoldOut | None,
) -> WordVectors:
    vectorizer = clone(vectorizer).fit(texts)
    tokens, y = vectorizer.transform(texts), np.asarray(y)
    learner = clone(learner).set_params(vocabulary_size=vectorizer.max_tokens)
    job = learner.plan_job(tokens, y, hold_out=hold_out, name="pretraining")
    place = _find_embedding(job.architecture, (vectorizer.max_tokens, n_dimensions))
    learner._train(job, "fit", tokens, y)
    words = vectorizer.get_vocabulary()
    return WordVectors(words[1:], learner.weights_[place][1 : len(words)])


def _find_embedding(architecture: Architecture, shape: tuple[int, int]) -> int:
    """Return the place of the embedding's table among the weights of a network."""
    import keras

    model = architecture.build()
    kind = keras.layers.Embedding
    tables = [layer.embeddings for layer in model._flatten_layers() if isinstance(layer, kind)]
    of_tokens = [table for table in tables if table.shape[0] == shape[0]]
    if len(of_tokens) != 1:
        raise InvalidInputError(
            "The network of `source_estimator` must have one keras.layers.Embedding of "
            f"`vocabulary_size` rows, here {shape[0]}; it has {len(of_tokens)}, and "
            f"{len(tables) - len(of_tokens)} of other sizes."
        )
    if tuple(of_tokens[0].shape) != shape:
        raise InvalidInputError(
            f"The embedding of `source_estimator` has {of_tokens[0].shape[1]} dimensions, and that "
            f"of `estimator` {shape[1]}. Give both the same `embedding_dim`."
        )
    return next(i for i, weight in enumerate(model.weights) if weight is of_tokens[0])
