"""Good defaults: a stack chosen by what the data are like."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    KFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target

from stackens.ensemble import (
    DiscreteSuperLearnerClassifier,
    DiscreteSuperLearnerRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.exceptions import InvalidInputError, warn_user
from stackens.frames import is_frame
from stackens.learners import EmbeddingPretrainer, StackedRNNClassifier, StackedRNNRegressor
from stackens.parameters import check_choice, draw_seed
from stackens.preprocessing import (
    HydraConvolutions,
    RandomConvolutions,
    SequenceDifferencer,
    SequenceFlattener,
    SequenceImputer,
    SequencePatcher,
    SequenceScaler,
    SequenceSummarizer,
    SequenceVectorizer,
    WordVectors,
    read_word_vectors,
)
from stackens.sequences import validate_sequences, warn_of_channels_first
from stackens.targets import read_groups, read_target, refuse_missing

__all__ = ["make_stack"]

_LOGGER = logging.getLogger(__name__)

_FEWEST = 100  # rows; below, it matters which of them a fold holds out
_TINY = 200  # rows; below, the cell with the fewest weights is worth a try
_REPEATS = 3  # of folds, where training is cheap
_ENOUGH_TO_HOLD_OUT = 1_000  # rows, a tenth of which tells when to stop
_FEW = 2_000  # rows; below, what is given is not trained on
_LARGE = 20_000  # rows that a third layer, or 128 units, can use
_SHORT = 20  # timesteps that a last state remembers
_FEW_TIMESTEPS = 12  # of very many channels each, which may be the other way round
_MANY_CLASSES = 10  # which few rows have, if numbers are no classes
_LONG = 100  # timesteps over which the network should choose where to look
_STEPS = 30  # that few rows can teach a network to walk; longer sequences are read in patches
_LARGEST_PATCH = 8  # timesteps, and
_WIDEST_PATCH = 128  # values; a network should not see the sequence as a table
_UPDATES = 3_000  # of the weights; more rows, fewer epochs
_WIDEST_TABLE = 5_000  # columns of flattened sequences
_FEWER_THAN_COLUMNS = 500  # rows, whose singular vectors are found at once
_ENOUGH_TO_CALIBRATE = 10  # rows of each class, so that folds of training rows have all classes
_INNER_FOLDS = 3
_KERNEL = 9  # timesteps of a random convolution
_BUDGETS = ("seconds", "minutes", "best")
_LETTERS = 128  # different ones, padding and the unknown one included


@dataclass(frozen=True)
class _Facts:
    """What is known about the data before any training."""

    n_rows: int
    longest: int  # timesteps, or words
    typical: int  # 95 of 100 sequences are not longer
    n_channels: int  # 0 for texts
    is_spelled: bool  # texts without words, such as DNA, are read letter by letter
    is_ragged: bool
    has_gaps: bool  # NaN that is no padding
    classes: dict[Any, int]  # rows of each class; empty for regression
    budget: str
    may_divide: bool  # a learner its training rows, as no groups belong together
    y_is_far: bool  # a regression target far from 0, or of another size than 1
    vectors: WordVectors | str | os.PathLike[str] | None  # of words, to start from
    vector_size: int

    @property
    def is_text(self) -> bool:
        return self.n_channels == 0

    @property
    def has_deep(self) -> bool:
        """Whether a network is deep; few rows would not train it."""
        return self.n_rows >= _TINY

    @property
    def has_column(self) -> bool:
        """Whether a network has convolutions beside it, which few rows teach more."""
        is_series = not self.is_text and self.longest >= _KERNEL
        return is_series and self.is_classification and self.n_rows < _FEW

    @property
    def has_changes(self) -> bool:
        """Whether changes from step to step get channels; few rows would not teach them."""
        return not self.is_text and self.longest > 1 and self.n_rows < _LARGE

    @property
    def n_inputs(self) -> int:
        """Channels of a timestep, changes included."""
        return self.n_channels * (2 if self.has_changes else 1)

    @property
    def patch(self) -> int:
        """Timesteps that are read as one, where few rows get changes, too."""
        if not self.has_changes:
            return 1
        wanted = -(-self.typical // _STEPS)
        return max(1, min(_LARGEST_PATCH, _WIDEST_PATCH // self.n_inputs, wanted))

    @property
    def is_classification(self) -> bool:
        return bool(self.classes)

    @property
    def can_calibrate(self) -> bool:
        """Whether folds of the training rows teach probabilities: of classes, none of them rare."""
        return self.may_divide and _rarest(self) >= _ENOUGH_TO_CALIBRATE


def make_stack(
    X: Any,
    y: Any,
    *,
    task: str = "auto",
    budget: str = "minutes",
    cv: Any = None,
    groups: Any = None,
    vectors: Any = None,
    memory: Any = None,
    time_limit: float | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> StackingClassifier | StackingRegressor:
    """Choose a stack for data like these; nothing is trained.

    Cheap learners that are no networks come first: linear models and trees on statistics and on
    values, and, from nine timesteps on, a linear model on random convolutions. Beside them are LSTM
    and GRU networks, bidirectional because a whole sequence is known; for classes of fewer than
    2,000 series one LSTM beside trained convolutions (LSTM-FCN). Networks that do not help are
    trained on some of the folds only (``prune`` of the stack). Below 20,000 rows, networks and
    trees also get the changes from step to step, and networks read long sequences in patches. In
    ``fit``, cross-validation chooses the final estimator
    (:class:`~stackens.DiscreteSuperLearnerClassifier`). Rows, lengths and classes decide on sizes;
    logger ``stackens.recipes`` says at level ``INFO`` what was chosen, and why. It is an ordinary
    stack: look at it, change it by ``set_params``, search over it.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        The training data: sequences of any form, a table, or texts, which are read letter by letter
        if none has a space (DNA). Missing values are filled inside each learner, if there are any
        here.
    y : array-like of shape (n_samples,)
        Target. Only how many rows each class has, or the spread of numbers, is looked at.
    task : {"auto", "classification", "regression"}, default="auto"
        "auto" takes numbers that are not whole for regression, everything else for classes.
    budget : {"seconds", "minutes", "best"}, default="minutes"
        How much may be trained, where rows are some hundreds. "seconds" leaves the networks out,
        and draws the folds three times below 100 rows;
        "minutes" has one to three, and ``prune=True``; "best" trains three in full, as averages of
        three seeds below 2,000 rows.
    cv : int, splitter or iterable, default=None
        Of the stack. None is shuffled folds, for classes stratified ones: 5, or as many as the
        rarest class has rows; 3 from 20,000 rows on. Give a splitter where rows have an order.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, where rows belong together. Folds hold out whole groups then: 5, or as
        many as there are groups (of the rarest class). ``fit`` of the stack needs ``groups``, too.
    vectors : WordVectors or path-like, default=None
        Vectors of words, or a file that :func:`~stackens.read_word_vectors` reads, which the
        networks for texts start from where rows are too few to learn an embedding; with very few
        they stay as they are. Of a file each network reads the words of its training rows.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Of the stack.
    time_limit : float, default=None
        Of the stack: seconds that ``fit`` may take.
    random_state : int, RandomState instance or None, default=None
        Of the stack, and of the folds.
    verbose : int, default=0
        Of the stack.

    Returns
    -------
    StackingClassifier or StackingRegressor
        Not fitted.

    Raises
    ------
    InvalidInputError
        If the data cannot be read, ``task`` or ``budget`` is unknown, there are several targets, a
        class has a single row, or all rows are of one group; if there are ``vectors`` and no words.

    References
    ----------
    M. Schuster and K. Paliwal, *Bidirectional recurrent neural networks*, 1997; K. Greff et al.,
    *LSTM: a search space odyssey*, 2017; N. Reimers and I. Gurevych, *Optimal hyperparameters for
    deep LSTM-networks for sequence labeling tasks*, 2017; F. Karim et al., *LSTM fully
    convolutional networks for time series classification*, 2017; A. Dempster, D. F. Schmidt and G.
    I. Webb, *MiniRocket*, 2021, and *Hydra*, 2023; K. M. Ting and I. H. Witten, *Issues in stacked
    generalization*, 1999.

    Examples
    --------
    >>> from stackens.datasets import load_digits_sequences
    >>> from stackens.recipes import make_stack
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> stack = make_stack(X, y, random_state=0)
    >>> [name for name, _ in stack.estimators]
    ['trees', 'linear', 'value_trees', 'value_linear', 'lstm', 'gru']
    """
    check_consistent_length(X, y)
    groups = read_groups(X, groups)
    check_choice("budget", budget, _BUDGETS)
    may_divide = groups is None and (cv is None or isinstance(cv, Integral))
    facts = _look_at(X, y, task, budget, may_divide, vectors)
    if vectors is not None and (not facts.is_text or facts.is_spelled):
        raise InvalidInputError("`vectors` are for texts of words; `X` holds none.")
    seed = None if random_state is None else draw_seed(random_state)
    learners = _choose_others(facts) + _choose_networks(facts)
    kind = StackingClassifier if facts.is_classification else StackingRegressor
    return kind(
        learners,
        _choose_final(facts),
        cv=_choose_folds(facts, y, groups, seed) if cv is None else cv,
        memory=memory,
        time_limit=time_limit,
        prune=budget == "minutes",
        random_state=seed,
        verbose=verbose,
    )


# ---- what the data are like ---------------------------------------------------------------------


def _look_at(X: Any, y: Any, task: str, budget: str, may_divide: bool, vectors: Any) -> _Facts:
    if hasattr(X, "tocsr"):
        raise InvalidInputError(
            f"`make_stack` is for dense tables, sequences and texts; got {X.shape[0]} rows "
            f"of a sparse {type(X).__name__}. Pass `X.toarray()`, or make a StackingClassifier or "
            "StackingRegressor of estimators that take it."
        )
    target = _read_target(y)
    if not len(target):
        raise InvalidInputError("`make_stack` needs rows to look at; `X` has none.")
    classes = _count_classes(target, task)
    spread: dict[str, Any] = {
        "classes": classes,
        "y_is_far": not classes and _is_far(target.astype(float)),
        "budget": budget,
        "may_divide": may_divide,
        "vectors": vectors,
    }
    if _holds_texts(X):
        X = X.to_pylist() if hasattr(X, "to_pylist") else X  # of Arrow
        _check_texts(X)
        words = np.array([len(text.split()) for text in X])
        is_spelled = bool(words.max() == 1)
        lengths = np.array([len(text) for text in X]) if is_spelled else words
        return _Facts(
            *_summarize(lengths),
            n_channels=0,
            is_spelled=is_spelled,
            is_ragged=bool(lengths.min() < lengths.max()),
            has_gaps=False,
            vector_size=0 if is_spelled else _size_of(vectors, X),
            **spread,
        )
    if is_frame(X) and X.shape[1] == 1 and _holds_texts(np.asarray(X)[:, 0]):
        column = next(iter(X.columns))
        raise InvalidInputError(
            f"`X` is a frame whose only column holds texts. Pass the column, `X[{column!r}]`."
        )
    batch = validate_sequences(BaseEstimator(), X, reset=True, allow_missing=True)
    if batch.n_timesteps > 1:
        warn_of_channels_first(batch, _FEW_TIMESTEPS)
    _tell("series: %d timesteps at most, %d channels", batch.lengths.max(), batch.n_features)
    return _Facts(
        *_summarize(batch.lengths),
        n_channels=batch.n_features,
        is_spelled=False,
        is_ragged=batch.is_padded,
        has_gaps=bool(np.isnan(batch.values[batch.mask]).any()),
        vector_size=0,
        **spread,
    )


def _check_texts(X: Any) -> None:
    for row, text in enumerate(X):
        if not isinstance(text, str):
            raise InvalidInputError(
                f"`X` holds texts, and row {row} holds {text!r}. Put '' where there is none."
            )


def _read_target(y: Any) -> np.ndarray:
    target = np.asarray(read_target(y))
    if target.dtype.kind == "f" and np.isnan(target).any():
        refuse_missing("y", target.astype(object))  # which names the row
    if target.ndim == 1:
        return target
    advice = " Pass `np.ravel(y)`." if target.ndim == 2 and target.shape[1] == 1 else ""
    raise InvalidInputError(
        f"`make_stack` is for one target; `y` must be 1-D, got shape {target.shape}.{advice}"
    )


def _size_of(vectors: Any, texts: Any) -> int:
    if vectors is None or len(texts) >= _LARGE:  # not used
        return 0
    if not isinstance(vectors, WordVectors):
        words = SequenceVectorizer(max_tokens=sys.maxsize).fit(texts).vocabulary_
        vectors = read_word_vectors(vectors, words)
    return int(vectors.n_dimensions)


def _summarize(lengths: np.ndarray) -> tuple[int, int, int]:
    typical = int(np.ceil(np.quantile(lengths, 0.95)))
    return len(lengths), int(lengths.max()), max(1, typical)


def _count_classes(y: np.ndarray, task: str) -> dict[Any, int]:
    check_choice("task", task, ("auto", "classification", "regression"))
    is_regression = task == "regression" or (task == "auto" and type_of_target(y) == "continuous")
    if is_regression:
        _tell("task: regression")
        return {}
    names, counts = np.unique(y, return_counts=True)
    if len(names) < 2 or counts.min() < 2:
        raise InvalidInputError(
            "Classification needs at least 2 classes of at least 2 rows each; got "
            f"{len(names)} class(es), the rarest with {counts.min()} row(s). Drop or merge rare "
            "classes, or say `task='regression'` if `y` holds numbers."
        )
    _tell("task: classification, %d classes", len(names))
    if task == "auto" and y.dtype.kind in "iuf" and len(names) > max(_MANY_CLASSES, len(y) / 10):
        warn_user(
            f"`y` holds {len(names)} different whole numbers in {len(y)} rows, which are taken for "
            "classes. Say `task='regression'` if they are amounts, or `task='classification'`.",
            UserWarning,
        )
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _is_far(y: np.ndarray) -> bool:
    spread = float(y.std())
    return not 0.1 <= spread <= 10 or abs(float(y.mean())) > 3 * spread


def _holds_texts(X: Any) -> bool:
    return not hasattr(X, "columns") and len(X) > 0 and isinstance(np.asarray(X[:1])[0], str)


# ---- level 0: networks --------------------------------------------------------------------------


def _choose_networks(facts: _Facts) -> list[tuple[str, BaseEstimator]]:
    if facts.budget == "seconds":
        _tell("networks: none, by `budget`")
        return []
    if facts.vectors is not None:
        _tell("words: %s", _use_of_vectors(facts.n_rows))
    _tell_steps(facts)
    networks = []
    if facts.has_column:
        networks.append(("lstm", _lstm_beside_convolutions(facts)))
        if facts.budget == "minutes":
            return networks
    options = _choose_size(facts) | _choose_training(facts, 60, "training")
    units = options.pop("units")
    last, mean, deep = _choose_pooling(facts)
    if not networks:
        networks.append(("lstm", _network(facts, units, pooling=last, **options)))
    networks.append(("gru", _network(facts, units, cell="gru", pooling=mean, **options)))
    if facts.budget == "minutes" and facts.n_rows < _FEW:
        return networks
    if not facts.has_deep:
        _tell("simple_rnn in place of a deep network: %d rows, few weights", facts.n_rows)
        simple = _network(facts, units, cell="simple_rnn", pooling=last, **options)
        return [*networks, ("simple_rnn", simple)]
    n_layers = 3 if facts.n_rows >= _LARGE else 2
    _tell("deep: %d layers for %d rows", n_layers, facts.n_rows)
    network = _network(facts, units, n_layers=n_layers, pooling=deep, **options)
    return [*networks, ("deep", network)]


def _lstm_beside_convolutions(facts: _Facts) -> BaseEstimator:
    """Make what reads values as they are: convolutions find changes by themselves."""
    _tell("lstm: a small one beside three convolutions, which few rows teach more")
    return _network(
        facts,
        8,
        has_changes=False,
        convolutions=(64, 64, 64),
        kernel_size=(8, 5, 3),
        pooling="last" if facts.longest <= _SHORT else "max",
        dropout=0.1,
        **_choose_training(facts, 100, "training of lstm"),
    )


def _tell_steps(facts: _Facts) -> None:
    if facts.has_gaps:
        _tell("missing values: filled inside each learner by the last value before them")
    if facts.has_changes:
        _tell("changes: from step to step, as further channels; %d rows", facts.n_rows)
    if facts.patch > 1:
        n_steps = -(-facts.longest // facts.patch)
        _tell(
            "patches: networks read %d timesteps as one, %d patches at most", facts.patch, n_steps
        )


def _choose_size(facts: _Facts) -> dict[str, Any]:
    units = _by_rows(facts.n_rows, {2_000: 32, _LARGE: 64}, 128)
    dropout = 0.3 if facts.is_text else 0.1 if facts.n_rows < 2_000 else 0.2
    _tell(
        "networks: bidirectional, as whole sequences are known; %d units and dropout %.1f for %d "
        "rows",
        units,
        dropout,
        facts.n_rows,
    )
    return {"units": units, "dropout": dropout, "bidirectional": True}


def _choose_training(facts: _Facts, most_epochs: int, what: str) -> dict[str, Any]:
    batch_size = _by_rows(facts.n_rows, {500: 16, 5_000: 32, 50_000: 64}, 128)
    epochs = int(np.clip(round(_UPDATES * batch_size / facts.n_rows), 5, most_epochs))
    if facts.is_text and not facts.is_spelled:  # an embedding of words learns rows by heart
        epochs = min(epochs, 10)
    stops = facts.n_rows >= _ENOUGH_TO_HOLD_OUT
    _tell(
        "%s: %d epochs of batches of %d, %s",
        what,
        epochs,
        batch_size,
        "or until a tenth of the rows, held out, gets no better"
        if stops
        else "all of them: too few rows to hold some out for stopping",
    )
    n_seeds = 3 if facts.budget == "best" and facts.n_rows < _FEW else 1
    return {
        "n_seeds": n_seeds,
        "batch_size": batch_size,
        "epochs": epochs,
        "early_stopping": stops,
        "learning_rate": 0.003,
    }


def _choose_pooling(facts: _Facts) -> tuple[str, str, str]:
    """Return how the first, second and deep network end."""
    if facts.longest <= _SHORT and not facts.is_text:
        _tell("pooling: last state%s; %d timesteps at most", _of_deep(facts, "mean"), facts.longest)
        return "last", "last", "mean"
    deep = "attention" if facts.longest > _LONG else "mean"
    _tell(
        "pooling: max and mean%s; a last state would have to remember %d timesteps",
        _of_deep(facts, deep),
        facts.longest,
    )
    return "max", "mean", deep


def _of_deep(facts: _Facts, pooling: str) -> str:
    return f", of a deep network {pooling}" if facts.has_deep else ""


def _network(
    facts: _Facts, units: int, *, has_changes: bool = True, **options: Any
) -> BaseEstimator:
    kind: Any = StackedRNNClassifier if facts.is_classification else StackedRNNRegressor
    if facts.is_text:
        vectorizer, width = _choose_vectorizer(facts), min(2 * units, 64)
        if facts.is_spelled:
            width = min(width, 16)
        if facts.vectors is not None and facts.n_rows < _LARGE:
            width, trains = facts.vector_size, facts.n_rows >= _FEW
            network = EmbeddingPretrainer(
                kind(units, vocabulary_size=vectorizer.max_tokens, embedding_dim=width, **options),
                vectors=facts.vectors,
                vectorizer=vectorizer,
                trainable=trains,
            )
            return _with_target(facts, network)
        tokens = vectorizer.max_tokens
        network = kind(units, vocabulary_size=tokens, embedding_dim=width, **options)
        return _with_target(facts, make_pipeline(vectorizer, network))
    steps = [*(_changes(facts) if has_changes else _filled(facts)), SequenceScaler()]
    if facts.patch > 1:
        steps.append(SequencePatcher(facts.patch))
    return _with_target(facts, make_pipeline(*steps, kind(units, **options)))


def _use_of_vectors(n_rows: int) -> str:
    if n_rows >= _LARGE:
        return f"an embedding of their own, which {n_rows} rows can train; `vectors` is not used"
    if n_rows >= _FEW:
        return f"an embedding that starts from the vectors given, as {n_rows} rows teach few words"
    return f"the vectors given, as they are; {n_rows} rows are too few to train them"


def _choose_vectorizer(facts: _Facts) -> SequenceVectorizer:
    length = min(facts.typical, 400)
    if facts.is_spelled:
        return SequenceVectorizer(_LETTERS, max_length=length, analyzer="char")
    tokens = _by_rows(facts.n_rows, {2_000: 5_000, _LARGE: 10_000}, 20_000)
    return SequenceVectorizer(tokens, max_length=length)


def _with_target(facts: _Facts, learner: BaseEstimator) -> BaseEstimator:
    """Scale a target that a network would take long to reach."""
    if not facts.y_is_far:
        return learner
    return TransformedTargetRegressor(learner, transformer=StandardScaler())


# ---- level 0: others, and level 1 ---------------------------------------------------------------


def _choose_others(facts: _Facts) -> list[tuple[str, BaseEstimator]]:
    if facts.y_is_far:
        _tell("target: scaled for the networks, which start near 0")
    if facts.is_spelled:
        _tell("letters: no text has a space; a linear model of up to six letters in a row")
        grams = TfidfVectorizer(
            ngram_range=(1, 6), analyzer="char", sublinear_tf=True, max_features=50_000
        )
        letters = [("letters", make_pipeline(grams, _linear(facts, c=10.0)))]
        return letters if facts.is_ragged else [*letters, *_letters_at_places(facts)]
    if facts.is_text:
        return _words(facts)
    _tell("trees, linear: both on statistics of each channel")
    others = [
        ("trees", make_pipeline(*_statistics(facts), _trees(facts))),
        ("linear", make_pipeline(*_statistics(facts), *_clipped(), _linear(facts, c=1.0))),
    ]
    if facts.longest >= _KERNEL:
        others.append(("convolutions", _convolutions(facts)))
    width = facts.longest * facts.n_inputs
    if facts.is_ragged or width > _WIDEST_TABLE:
        return others
    _tell(
        "value_trees, value_linear: on %d values, each at its place in every row%s",
        facts.longest * facts.n_channels,
        "; the trees on as many changes, too" if facts.has_changes else "",
    )
    flat = SequenceFlattener()  # a linear model finds changes in values by itself
    linear = make_pipeline(*_filled(facts), flat, *_clipped(), _linear(facts, c=1.0))
    trees = make_pipeline(*_changes(facts), flat, _value_trees(facts))
    return [*others, ("value_trees", trees), ("value_linear", linear)]


def _convolutions(facts: _Facts) -> BaseEstimator:
    n_features = _by_rows(facts.n_rows, {_FEW: 10_000, _LARGE: 5_000}, 2_000)
    competing = HydraConvolutions(n_groups=_by_rows(facts.n_rows, {_FEW: 64}, 16))
    _tell(
        "convolutions: a linear model on %d features of random kernels, and on how often each of "
        "others wins among %d",
        n_features,
        competing.n_kernels,
    )
    kernels = make_union(RandomConvolutions(n_features), competing)
    # Weaker than elsewhere, as there are more columns than rows: log-loss was smallest so.
    linear = [*_clipped(), *_rotated(facts), _linear(facts, c=0.1)]
    return make_pipeline(*_filled(facts), SequenceScaler(), kernels, *linear)


def _rotated(facts: _Facts) -> list[BaseEstimator]:
    """Turn columns, so that as many as there are rows hold all: a linear model stays the same."""
    return [PCA()] if facts.n_rows < _FEWER_THAN_COLUMNS else []


def _words(facts: _Facts) -> list[tuple[str, BaseEstimator]]:
    _tell("words: a linear model of words and pairs of words, which knows no order")
    pairs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    # Log-loss on held-out rows was smallest with weights that are hardly held back.
    learners = [("words", make_pipeline(pairs, _linear(facts, c=100.0)))]
    if facts.typical > _LONG:
        return learners
    marked = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\w+|[^\w\s]"
    )
    parts = TfidfVectorizer(ngram_range=(2, 5), analyzer="char_wb", sublinear_tf=True)
    return [*learners, ("parts", make_pipeline(make_union(marked, parts), _of_parts(facts)))]


def _of_parts(facts: _Facts) -> BaseEstimator:
    told = "parts: parts of words, pairs of words and of punctuation, as texts hold few words"
    if not facts.can_calibrate:
        _tell("%s; a linear model", told)
        return _linear(facts, c=30.0)
    _tell(
        "%s; a support vector machine, more accurate here, whose probabilities %d folds of the "
        "training rows teach",
        told,
        _INNER_FOLDS,
    )
    return CalibratedClassifierCV(LinearSVC(), cv=_INNER_FOLDS, ensemble=False)


def _letters_at_places(facts: _Facts) -> list[tuple[str, BaseEstimator]]:
    _tell("letter_trees, letter_linear: on letters at their places, as all texts are of one length")
    vectorizer = SequenceVectorizer(_LETTERS, max_length=facts.longest, analyzer="char")
    one_hot = OneHotEncoder(handle_unknown="ignore")
    return [
        ("letter_trees", make_pipeline(vectorizer, one_hot, _value_trees(facts))),
        ("letter_linear", make_pipeline(vectorizer, one_hot, _linear(facts, c=0.1))),
    ]


def _trees(facts: _Facts, **options: Any) -> BaseEstimator:
    trees = ExtraTreesClassifier if facts.is_classification else ExtraTreesRegressor
    return trees(100 if facts.budget == "seconds" else 300, **options)


def _value_trees(facts: _Facts) -> BaseEstimator:
    return _trees(facts, max_features="sqrt")  # there may be thousands of columns


def _filled(facts: _Facts) -> list[BaseEstimator]:
    return [SequenceImputer()] if facts.has_gaps else []


def _changes(facts: _Facts) -> list[BaseEstimator]:
    return [*_filled(facts), *([SequenceDifferencer()] if facts.has_changes else [])]


def _statistics(facts: _Facts) -> list[BaseEstimator]:
    statistics = SequenceSummarizer().statistics
    of_all = SequenceSummarizer((*statistics, "length") if facts.is_ragged else statistics)
    return [*_changes(facts), of_all]


def _clipped() -> list[BaseEstimator]:
    """Scale columns, and keep them in the range of the training rows.

    A column that hardly ever changes has a tiny deviation: one other value becomes a score of
    thousands, and a linear model follows it.
    """
    return [MinMaxScaler(clip=True), StandardScaler()]


def _linear(facts: _Facts, c: float) -> BaseEstimator:
    if facts.is_classification:
        return LogisticRegression(C=c, max_iter=2_000)
    return RidgeCV(np.logspace(-2, 4, 13))


def _choose_final(facts: _Facts) -> BaseEstimator:
    _tell(
        "final: cross-validation chooses between a convex blend, the average, the best learner and "
        "a linear model: the first within a standard error of the best, as `chosen_` will say"
    )
    if facts.is_classification:
        return DiscreteSuperLearnerClassifier()
    return DiscreteSuperLearnerRegressor()


def _choose_folds(facts: _Facts, y: Any, groups: Any, seed: int | None) -> BaseCrossValidator:
    n_splits = 3 if facts.n_rows >= _LARGE else 5
    if groups is not None:
        return _choose_folds_of_groups(facts, np.asarray(y), np.asarray(groups), n_splits, seed)
    if facts.is_classification:
        n_splits = min(n_splits, *facts.classes.values())
        _tell("folds: %d, stratified; the rarest class has %d rows", n_splits, _rarest(facts))
        once, repeated = StratifiedKFold, RepeatedStratifiedKFold
    else:
        n_splits = min(n_splits, facts.n_rows)
        _tell("folds: %d, shuffled", n_splits)
        once, repeated = KFold, RepeatedKFold
    if facts.budget == "seconds" and facts.n_rows < _FEWEST:
        _tell("folds: drawn %d times, and predictions averaged: rows are few", _REPEATS)
        return repeated(n_splits=n_splits, n_repeats=_REPEATS, random_state=seed)
    return once(n_splits, shuffle=True, random_state=seed)


def _choose_folds_of_groups(
    facts: _Facts, y: np.ndarray, groups: np.ndarray, n_splits: int, seed: int | None
) -> BaseCrossValidator:
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise InvalidInputError(
            "Folds hold out whole groups; all rows of `groups` are of one. Leave `groups` out, or "
            "give finer ones."
        )
    n_splits = min(n_splits, n_groups)
    if not facts.is_classification:
        _tell("folds: %d, of whole groups; there are %d", n_splits, n_groups)
        return GroupKFold(n_splits)
    rarest = min(len(np.unique(groups[y == label])) for label in facts.classes)
    n_splits = max(2, min(n_splits, rarest))
    _tell("folds: %d, stratified, of whole groups; a class has %d or more", n_splits, rarest)
    return StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)


def _rarest(facts: _Facts) -> int:
    return min(facts.classes.values(), default=0)


def _by_rows(n_rows: int, limits: dict[int, int], otherwise: int) -> int:
    """Return the value of the first limit that the rows are below."""
    return next((value for limit, value in limits.items() if n_rows < limit), otherwise)


def _tell(message: str, *values: Any) -> None:
    _LOGGER.info(message, *values)
