"""Networks for text whose embedding was trained elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from stackens.learners._pretraining import check_parts, find_vectors
from stackens.parameters import all_or_nothing, known_arguments
from stackens.preprocessing import SequenceVectorizer, WordVectors
from stackens.targets import check_rows, read_groups, read_target
from stackens.training import HoldOut, Job, TrainedNetwork


def _estimator_has(name: str) -> Callable[[Any], bool]:
    return lambda self: hasattr(self.estimator, name)


class EmbeddingPretrainer(MetaEstimatorMixin, BaseEstimator):
    """Network for texts that starts from an embedding trained on more of them.

    The embedding holds most parameters of a network for text, and few rows cannot train it. So

    1. a network is trained on a large set, perhaps for another task (or vectors are read);
    2. only its embedding is kept;
    3. ``estimator`` is trained with it: new recurrent and output layers, and the embedding stays
       as it is, or is trained on.

    It takes texts, cuts them into tokens itself, and is a learner like any other: at the end of
    a Pipeline, in a search, or in a stack, where its network trains beside the others.

    Parameters
    ----------
    estimator : StackedRNNClassifier, TransformerClassifier or regressors of these kinds
        The network to be trained; its ``vocabulary_size`` is set here.
    source : tuple (texts, y), default=None
        The large set. It is used whole, whatever the rows of a fold are: it must hold no row
        that is going to be predicted. None is the training rows themselves, those of the fold.
    source_estimator : estimator, default=None
        Network that is trained on the large set: a learner of this package with an embedding of
        the same dimension; None is a clone of ``estimator``.
    vectors : WordVectors or path-like, default=None
        Vectors to use instead of training any; a path is that of a text file of word2vec or
        GloVe, of which the words that are needed are read.
    vectorizer : SequenceVectorizer, default=None
        How texts become tokens; None is ``SequenceVectorizer()``. Its ``max_tokens`` is the
        number of rows of the embedding. Ids go to the words of the training rows first, then
        to others that have a vector, so that words which only later rows have are known.
    trainable : bool, default=False
        Whether the embedding is trained on, together with the rest. Words without a vector start
        from random ones in either case.

    Attributes
    ----------
    estimator_ : estimator
        The trained network.
    vectorizer_ : SequenceVectorizer
        Turns texts into its tokens.
    word_vectors_ : WordVectors
        Where the embedding started from.
    coverage_ : float
        Share of the tokens of the training rows, each as often as it comes, that have a vector.
    classes_ : ndarray of shape (n_classes,)
        Class labels; of classifiers.
    n_outputs_ : int
        Number of target columns; of regressors.
    weights_, history_, best_epoch_, n_parameters_
        Those of ``estimator_``.

    Raises
    ------
    InvalidInputError
        In ``fit``, before anything is trained: if there are ``source`` and ``vectors``, vectors of
        another dimension than ``embedding_dim``, a ``vocabulary_size`` other than ``max_tokens``,
        no word that both vocabularies have, or a network without an embedding.

    Warns
    -----
    OverlapWarning
        If more than one in a hundred training texts is in ``source`` as well.

    See Also
    --------
    read_word_vectors : Reads vector files.

    Notes
    -----
    What is pretrained is remembered in the process by the content of all that it depends on, and
    kept in a store if there is one: folds and candidates of a search with one ``source`` train it
    once. That needs an int as ``random_state``; stacks and searches of this package draw one.

    Examples
    --------
    >>> from stackens import EmbeddingPretrainer, SequenceVectorizer, StackedRNNClassifier
    >>> source = ["a fine film", "a poor film", "fine acting", "poor acting"] * 8
    >>> pretrainer = EmbeddingPretrainer(
    ...     StackedRNNClassifier(4, embedding_dim=4, epochs=2, random_state=0),
    ...     source=(source, ["good", "bad"] * 16),
    ...     vectorizer=SequenceVectorizer(max_tokens=10),
    ... )
    >>> texts, y = ["fine food", "poor food", "fine wine", "poor wine"], [1, 0, 1, 0]
    >>> pretrainer.fit(texts, y).predict_proba(["fine acting"]).shape
    (1, 2)
    >>> pretrainer.word_vectors_.words
    ('[UNK]', 'a', 'acting', 'film', 'fine', 'poor')
    """

    _file_parameters = ("vectors",)  # of which a digest needs more than the name
    # With metadata routing on, nobody has to ask for groups.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self,
        estimator: Any,
        *,
        source: tuple[Any, Any] | None = None,
        source_estimator: Any = None,
        vectors: WordVectors | str | os.PathLike[str] | None = None,
        vectorizer: SequenceVectorizer | None = None,
        trainable: bool = False,
    ) -> None:
        self.estimator = estimator
        self.source = source
        self.source_estimator = source_estimator
        self.vectors = vectors
        self.vectorizer = vectorizer
        self.trainable = trainable

    # ---- training ------------------------------------------------------------------------------

    @known_arguments
    @all_or_nothing
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> Self:
        """Pretrain, unless that was done before, and train the network.

        Parameters
        ----------
        X : iterable of str of shape (n_samples,)
            Texts.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            What ``estimator`` learns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss of ``estimator``; None is 1.
        groups : array-like of shape (n_samples,), default=None
            Group of each row: early stopping of ``estimator``, and of the pretraining on the
            same rows, holds out whole groups.

        Returns
        -------
        self
        """
        job = self.plan_job(X, y, sample_weight=sample_weight, groups=groups)
        metadata = {"sample_weight": sample_weight, "groups": groups}
        self.estimator_._train(job, "fit", job.X, y, **metadata)
        return self

    @all_or_nothing
    def plan_job(
        self,
        X: Any,
        y: Any,
        *,
        rows: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
        hold_out: HoldOut | None = None,
        name: str = "",
    ) -> Job:
        """Pretrain, unless that was done before, and describe the training of the network.

        Parameters
        ----------
        X, y
            As in ``fit``, all rows.
        rows : array-like of int of shape (n_rows,), default=None
            Rows to train on; None is all. No other row is looked at.
        sample_weight : array-like of shape (n_samples,), default=None
            As in ``fit``, all rows.
        groups : array-like of shape (n_samples,), default=None
            As in ``fit``, all rows.
        hold_out : callable, default=None
            As for a learner.
        name : str, default=""
            For messages.

        Returns
        -------
        Job
            Its arrays hold ``rows`` only.

        Raises
        ------
        ValueError
            If there is no ``y``.
        """
        vectorizer, network = check_parts(self)
        if y is None:
            raise ValueError(
                "This EmbeddingPretrainer estimator requires y to be passed, but the target y is "
                "None."
            )
        y = read_target(y)
        check_rows(X, y)
        groups = read_groups(X, groups)
        if rows is not None:
            rows = np.asarray(rows)
            X, y = _safe_indexing(X, rows), _safe_indexing(y, rows)
            if sample_weight is not None:
                sample_weight = np.asarray(sample_weight)[rows]
            groups = None if groups is None else groups[rows]
            hold_out = None if hold_out is None else _within(rows, hold_out)
        checked = network._target_kind.validate(y)
        network._target_kind.learn(checked, network.loss)  # refuses it before any training
        hold_out = hold_out or network._hold_out_groups(checked, groups)
        network.check_hold_out(y, hold_out=hold_out)
        fitted = vectorizer.fit(X)
        vectors = find_vectors(self, fitted, X, y, network, hold_out)
        vectors.matrix(fitted.get_vocabulary())  # refuses those that no training row has a use for
        tokens = fitted.add_tokens(vectors.words).transform(X)
        table = vectors.matrix(fitted.get_vocabulary(), n_rows=fitted.max_tokens)
        network.set_params(
            vocabulary_size=fitted.max_tokens,
            embedding__weights=table,
            embedding__trainable=bool(self.trainable),
        )
        job = network.plan_job(
            tokens,
            y,
            sample_weight=sample_weight,
            hold_out=hold_out,
            name=name or type(self).__name__,
        )
        self.coverage_ = float((~np.isnan(table[:, 0]))[tokens[tokens > 0]].mean())
        self.vectorizer_, self.word_vectors_ = fitted, vectors
        self.estimator_ = network
        return job

    def check_hold_out(self, y: Any, *, hold_out: HoldOut | None = None) -> None:
        """Refuse early stopping that cannot hold out rows with these targets, before any training.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target of all rows to train on.
        hold_out : callable, default=None
            As for a learner.

        Raises
        ------
        InvalidInputError
            If it cannot, as where a class has one row.
        """
        _, network = check_parts(self)
        network.check_hold_out(y, hold_out=hold_out)

    def adopt(self, trained: TrainedNetwork) -> Self:
        """Take the weights that the planned job was trained to.

        Parameters
        ----------
        trained : TrainedNetwork
            Result of the job from ``plan_job``.

        Returns
        -------
        self
        """
        self.estimator_.adopt(trained)
        return self

    # ---- prediction ----------------------------------------------------------------------------

    def _fitted(self) -> Any:
        check_is_fitted(self)
        return self.estimator_

    def _tokens(self, X: Any) -> np.ndarray:
        return self.vectorizer_.transform(X)

    @available_if(_estimator_has("predict"))
    def predict(self, X: Any) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : iterable of str of shape (n_samples,)
            Texts.

        Returns
        -------
        ndarray
            As ``estimator`` returns it.
        """
        return np.asarray(self._fitted().predict(self._tokens(X)))

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : iterable of str of shape (n_samples,)
            Texts.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return np.asarray(self._fitted().predict_proba(self._tokens(X)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return what ``estimator`` calls its score: accuracy, or R².

        Parameters
        ----------
        X : iterable of str of shape (n_samples,)
            Texts.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        float
        """
        return float(self._fitted().score(self._tokens(X), y, sample_weight))

    def to_keras(self) -> Any:
        """Return the network as a Keras model of Keras's own layers.

        Returns
        -------
        keras.Model
            As of the learner inside: it takes token ids, the output of ``vectorizer_``.
        """
        return self._fitted().to_keras()

    @property
    def network_learner_(self) -> Any:
        """Learner whose network is trained; its key says all that the training depends on."""
        return self.estimator_

    @property
    def classes_(self) -> np.ndarray:
        """Class labels."""
        return np.asarray(self.estimator_.classes_)

    @property
    def n_outputs_(self) -> int:
        """Number of target columns."""
        return int(self.estimator_.n_outputs_)

    @property
    def weights_(self) -> list[np.ndarray]:
        """Weights of the network."""
        return list(self.estimator_.weights_)

    @property
    def history_(self) -> dict[str, list[float]]:
        """Loss and metrics of each epoch."""
        return dict(self.estimator_.history_)

    @property
    def best_epoch_(self) -> int:
        """Epoch (from 0) whose weights were kept."""
        return int(self.estimator_.best_epoch_)

    @property
    def n_parameters_(self) -> int:
        """Number of parameters of the network, embedding included."""
        return int(self.estimator_.n_parameters_)

    # ---- scikit-learn --------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return "estimator_" in vars(self) and bool(self.estimator_.__sklearn_is_fitted__())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        of_network = get_tags(self.estimator)
        tags.estimator_type = of_network.estimator_type
        tags.classifier_tags = of_network.classifier_tags
        tags.regressor_tags = of_network.regressor_tags
        tags.target_tags = of_network.target_tags
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _within(rows: np.ndarray, hold_out: HoldOut) -> HoldOut:
    """Return the rule for data that are ``rows`` of those that ``hold_out`` is for."""

    def split(positions: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        training, watched = hold_out(rows[positions], fraction, seed)
        order = np.argsort(rows, kind="stable")
        found = [order[np.searchsorted(rows, part, sorter=order)] for part in (training, watched)]
        return found[0], found[1]

    return split
