"""Where an EmbeddingPretrainer takes its vectors from, and what it refuses beforehand.

They are given, read from a file, or trained on texts, once for the same ones.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_consistent_length

from stackens.exceptions import InvalidInputError, OverlapWarning, warn_user
from stackens.learners.base import NetworkLearner
from stackens.preprocessing import SequenceVectorizer, WordVectors, read_word_vectors
from stackens.store import NoKey, data_digest, fit_key
from stackens.training import Architecture, HoldOut

_MUCH_OVERLAP = 0.01  # of the rows; a few texts come twice in any large set
_KNOWN: OrderedDict[str, WordVectors] = OrderedDict()
_MOST = 8  # a few megabytes each
# Held while a network is trained: who wants the same one meanwhile waits for it.
_LOCK = threading.RLock()


def check_parts(pretrainer: Any) -> tuple[SequenceVectorizer, Any]:
    """Return clones of the vectorizer and of the network, after looking at all parameters."""
    vectorizer = SequenceVectorizer()
    if pretrainer.vectorizer is not None:
        vectorizer = clone(pretrainer.vectorizer)
    if not isinstance(vectorizer, SequenceVectorizer):
        raise InvalidInputError(
            f"`vectorizer` must be a SequenceVectorizer; got {type(vectorizer).__name__}."
        )
    network = clone(pretrainer.estimator)
    _check_network(network)
    _check_source(pretrainer.source, pretrainer.vectors)
    source_estimator = pretrainer.source_estimator
    if source_estimator is not None:
        _check_source_estimator(source_estimator)
    for estimator in (network, source_estimator):
        if estimator is not None:
            _check_vocabulary_size(estimator, vectorizer.max_tokens)
            estimator._validate_params()
    return vectorizer, network


def _check_network(network: Any) -> None:
    parts = getattr(network, "_routed_parts", ())
    if not isinstance(network, NetworkLearner) or "embedding" not in parts:
        raise InvalidInputError(
            "`estimator` must be a learner with an embedding, such as StackedRNNClassifier; "
            f"got {type(network).__name__}."
        )
    for name in ("weights", "trainable"):
        if f"embedding__{name}" in network.get_params(deep=False):
            raise InvalidInputError(
                f"`embedding__{name}` of `estimator` is set by EmbeddingPretrainer: use its "
                f"`{'vectors' if name == 'weights' else name}`."
            )


def _check_source(source: Any, vectors: Any) -> None:
    if source is None:
        return
    if vectors is not None:
        raise InvalidInputError("Give `source` or `vectors`, not both.")
    if not isinstance(source, (tuple, list)) or len(source) != 2:
        raise InvalidInputError(
            "`source` must be a pair (texts, y) of as many texts as targets; got "
            f"{type(source).__name__}."
        )
    check_consistent_length(*source)


def _check_source_estimator(estimator: Any) -> None:
    if not isinstance(estimator, NetworkLearner):
        raise InvalidInputError(
            "`source_estimator` must be a learner of this package that takes tokens; got "
            f"{type(estimator).__name__}."
        )
    if estimator.n_seeds > 1:
        raise InvalidInputError(
            "`source_estimator` must have `n_seeds=1`: embeddings of several networks have no mean."
        )


def _check_vocabulary_size(estimator: Any, max_tokens: int) -> None:
    if estimator.vocabulary_size not in (None, max_tokens):
        raise InvalidInputError(
            f"`vocabulary_size`={estimator.vocabulary_size} of {type(estimator).__name__} does not "
            f"match `max_tokens`={max_tokens} of the vectorizer: leave it at None."
        )


def find_vectors(
    pretrainer: Any,
    vectorizer: SequenceVectorizer,
    texts: Any,
    y: Any,
    network: Any,
    hold_out: HoldOut | None,
) -> WordVectors:
    """Return the vectors that the embedding starts from: given, read, or trained.

    Parameters
    ----------
    pretrainer : EmbeddingPretrainer
        Its parameters are looked at.
    vectorizer : SequenceVectorizer
        Fitted on the texts.
    texts, y : array-like of shape (n_samples,)
        Training rows.
    network : NetworkLearner
        Whose embedding it is for.
    hold_out : callable, default=None
        Which training rows are watched, if they are the source.

    Returns
    -------
    WordVectors
    """
    dimension = network.embedding_dim or network.d_model  # a transformer's may be None
    vectors = pretrainer.vectors
    if vectors is not None:
        if not isinstance(vectors, WordVectors):
            words = vectorizer.get_vocabulary()[2:]
            room = vectorizer.max_tokens - vectorizer.n_tokens_
            vectors = _read(*_file_state(vectors), tuple(words), room)
        if vectors.n_dimensions != dimension:
            raise InvalidInputError(
                f"`vectors` have {vectors.n_dimensions} dimensions, and the embedding of "
                f"`estimator` {dimension}: set `embedding_dim={vectors.n_dimensions}`."
            )
        return vectors
    learner = pretrainer.source_estimator
    if learner is None:
        learner = clone(pretrainer.estimator).set_params(n_seeds=1)
    if pretrainer.source is None:
        return _pretrain(learner, vectorizer, texts, y, n_dimensions=dimension, hold_out=hold_out)
    source_texts, source_y = pretrainer.source
    _warn_of_overlap(texts, source_texts)
    return _pretrain(learner, vectorizer, source_texts, source_y, n_dimensions=dimension)


def _file_state(path: Any) -> tuple[str, int, int]:
    """Return what tells one content of a file from another: its path, size, time of change."""
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidInputError(
            f"`vectors` must be WordVectors or the path of a file; got {type(path).__name__}."
        )
    if not Path(path).is_file():
        raise InvalidInputError(
            f"`vectors` is the path of a file of word vectors, and there is no file {str(path)!r}."
        )
    state = Path(path).stat()
    return str(Path(path).resolve()), state.st_size, state.st_mtime_ns


@lru_cache(maxsize=4)
def _read(path: str, size: int, time: int, words: tuple[str, ...], n_more: int) -> WordVectors:
    return read_word_vectors(path, words, n_more=n_more)


def _warn_of_overlap(texts: Any, source_texts: Any) -> None:
    known = set(source_texts)
    n_known = sum(text in known for text in texts)
    if n_known > _MUCH_OVERLAP * len(texts):
        warn_user(
            f"{n_known} of {len(texts)} training texts are in `source` as well. If rows that are "
            "held out are, too, then scores on them are not honest: leave them out of `source`.",
            OverlapWarning,
        )


def _pretrain(
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
