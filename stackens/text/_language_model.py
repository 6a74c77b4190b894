"""Stacked recurrent networks that learn to go on with a text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import InvalidInputError
from stackens.parameters import (
    LARGEST_SEED,
    all_or_nothing,
    check_count,
    draw_seed,
    known_arguments,
    stream,
)
from stackens.store import NoKey, data_digest, fit_key
from stackens.text._next_token import sample_tokens, sum_log_probabilities
from stackens.text._running_text import RunningText
from stackens.text._text_model import POSITIVE_INT, TextModel
from stackens.text._tokens import (
    BOUNDARY,
    UNKNOWN,
    check_texts,
    check_tokens,
    encode,
    learn_vocabulary,
    split_text,
    warn_of_unknown,
)
from stackens.training import Architecture, Optimizer

_LEVELS = ("char", "word")
_LARGEST_COUNT = 2**31 - 1  # of tokens to write, as TensorFlow counts them
_LEAST_TEMPERATURE = 1e-6  # logits that are divided by less overflow
_LARGEST_NORM = 1.0  # of all gradients together: recurrent networks have steep walls


class StackedRNNLanguageModel(TextModel):
    """Language model of characters or words: recurrent layers on top of each other.

    It learns to predict each token of a text from all tokens before it. Training is truncated
    back-propagation through time: the texts, one after the other, are cut into ``batch_size``
    streams that are read side by side, ``window`` tokens at a time; gradients reach back to the
    beginning of a window, while the states of the layers are carried over from each window to the
    next. Where windows begin is drawn anew for every epoch.

    Every text has a token before its first one and after its last one. The model predicts the
    latter, too, so that it knows when a text ends. Tokens that are not in the vocabulary become
    one token that stands for all of them, and a warning says so.

    Parameters
    ----------
    units : int or sequence of int, default=256
        Units of every recurrent layer, or of each one from the bottom.
    n_layers : int, default=None
        Number of recurrent layers; None is one, or as many as ``units`` lists.
    cell : {"lstm", "gru", "simple_rnn"}, default="lstm"
        Type of the recurrent layers.
    level : {"char", "word"}, default="char"
        What a token is: a character; or a word or run of punctuation marks, each together with
        one blank before it, or other white space. Upper case matters.
    max_tokens : int, default=10000
        Largest number of token ids, boundary and unknown included; rarer tokens are unknown. None
        is no limit.
    embedding_dim : int, default=64
        Dimension of the embedding of tokens.
    dropout : float in [0, 1), default=0.0
        Dropped fraction of each recurrent layer's outputs.
    learning_rate : float, default=0.004
        Learning rate of Adam, at the start. The norm of all gradients together is clipped to 1.
    decay : {"cosine", None}, default="cosine"
        How the learning rate falls: along half a cosine, to nothing at the end; None is not at all.
    batch_size : int, default=64
        Streams that are read side by side; fewer, if the texts are too short for as many.
    window : int, default=64
        Tokens of each stream in a training step.
    epochs : int, default=10
        Passes over the texts.
    time_limit : float, default=None
        Seconds that ``fit`` may take, to the end of the epoch in which they are over. What is
        trained by then is kept, and a warning says so; with ``memory``, the next ``fit`` goes on.
        The learning rate falls as if all of ``epochs`` were to come.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Where the trained network is kept, and taken from when the same training is wanted again;
        while it trains, its state, so that an interrupted ``fit`` goes on. Needs a seed.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, dropout and windows.
    verbose : int, default=0
        1 shows a bar over the epochs, with the losses.

    Attributes
    ----------
    vocabulary_ : list of str
        Tokens by id. The first two are empty: the boundary of texts, and what is unknown.
    weights_ : list of ndarray
        In the order of ``keras.Model.get_weights``.
    history_ : dict of str to list of float
        Nats per token in each epoch: ``loss`` of the training texts, with dropout and changing
        weights, and ``val_loss`` of ``validation_texts``.
    n_parameters_ : int
        Number of parameters.

    See Also
    --------
    stackens.networks.build_language_model : The network.

    Notes
    -----
    R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training of
    recurrent network trajectories", Neural Computation 2 (1990), describe truncated
    back-propagation; W. Zaremba, I. Sutskever and O. Vinyals, "Recurrent neural network
    regularization" (2014), where dropout belongs in stacked layers.

    Examples
    --------
    >>> from stackens.text import StackedRNNLanguageModel
    >>> model = StackedRNNLanguageModel(units=32, epochs=60, batch_size=4, window=16,
    ...                                 learning_rate=0.02, random_state=0)
    >>> model.fit("round and " * 60).generate("round", n_tokens=14, top_k=1)
    'round and round and'
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TextModel._parameter_constraints,
        "units": [POSITIVE_INT, "array-like"],
        "n_layers": [POSITIVE_INT, None],
        "cell": [StrOptions({"lstm", "gru", "simple_rnn"})],
        "level": [StrOptions(set(_LEVELS))],
        "max_tokens": [Interval(Integral, 3, None, closed="left"), None],
        "embedding_dim": [POSITIVE_INT],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "decay": [StrOptions({"cosine"}), None],
        "batch_size": [POSITIVE_INT],
        "window": [POSITIVE_INT],
    }

    def __init__(
        self,
        units: int | Sequence[int] = 256,
        *,
        n_layers: int | None = None,
        cell: str = "lstm",
        level: str = "char",
        max_tokens: int | None = 10_000,
        embedding_dim: int = 64,
        dropout: float = 0.0,
        learning_rate: float = 0.004,
        decay: str | None = "cosine",
        batch_size: int = 64,
        window: int = 64,
        epochs: int = 10,
        time_limit: float | None = None,
        memory: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.units = units
        self.n_layers = n_layers
        self.cell = cell
        self.level = level
        self.max_tokens = max_tokens
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.decay = decay
        self.batch_size = batch_size
        self.window = window
        self.epochs = epochs
        self.time_limit = time_limit
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose

    # ---- training ------------------------------------------------------------------------------

    @known_arguments
    @all_or_nothing
    def fit(self, texts: Any, y: None = None, *, validation_texts: Any = None) -> Self:
        """Learn the vocabulary, and train the network.

        Parameters
        ----------
        texts : str or iterable of str
            One running text, or several; none may be empty.
        y : None
            Ignored.
        validation_texts : str or iterable of str, default=None
            Scored after every epoch for ``history_``; nothing is learnt or chosen by them.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If there is no text, an empty one, or something that is no text.
        TrainingDivergedError
            If the loss becomes NaN or infinite.
        TimeLimitError
            If ``time_limit`` was over before the first epoch.
        """
        deadline = self._begin()
        network = {
            "embedding_dim": int(self.embedding_dim),
            "cell": self.cell,
            "units": self._units_of_layers(),
            "dropout": float(self.dropout),
        }
        texts = check_texts(texts)
        if validation_texts is not None:
            validation_texts = check_texts(validation_texts, "validation_texts")
        vocabulary = learn_vocabulary(texts, self.level, self.max_tokens)
        # What was fitted stays as it was, whatever parameters are set later.
        self.vocabulary_, self._level = vocabulary, self.level
        self._network: dict[str, Any] = {"vocabulary_size": len(vocabulary), **network}
        self._ids = {token: i for i, token in enumerate(vocabulary) if i > UNKNOWN}
        encoded = self._encode(texts)
        tokens = np.concatenate([encoded[0][:1], *(text[1:] for text in encoded)])
        held_out = self._encode(validation_texts) if validation_texts is not None else None
        job = RunningText(
            self._architecture(),
            tokens,
            Optimizer("Adam", self.learning_rate, {"global_clipnorm": _LARGEST_NORM}),
            seed=draw_seed(self.random_state),
            epochs=self.epochs,
            n_streams=min(self.batch_size, -(-(len(tokens) - 1) // self.window)),
            window=self.window,
            decay=self.decay,
            validation=held_out,
            name=type(self).__name__,
        )
        self._train(job, deadline)
        return self

    def _units_of_layers(self) -> tuple[int, ...]:
        if isinstance(self.units, Integral):
            return (int(self.units),) * (self.n_layers or 1)
        units = tuple(self.units)  # type: ignore[arg-type]
        for n_units in units:
            check_count("units", n_units)
        if not units or self.n_layers not in (None, len(units)):
            raise InvalidInputError(
                f"`units`={list(units)} is for {len(units)} layers, but `n_layers`="
                f"{self.n_layers}. Give one int as `units` to use it in every layer, or leave "
                "`n_layers` at None."
            )
        return tuple(int(n_units) for n_units in units)

    def _key(self, job: RunningText) -> str | NoKey:
        held_out = np.concatenate(job.validation) if job.validation is not None else None
        data = data_digest(job.tokens, job.tokens, params={"validation": held_out})
        return fit_key(clone(self).set_params(time_limit=None), data, seed=job.seed)

    def _architecture(self, n_timesteps: int | None = None) -> Architecture:
        from stackens.networks import build_language_model

        return Architecture(build_language_model, {**self._network, "n_timesteps": n_timesteps})

    def _encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return ids with a boundary at either end, and say how much is unknown."""
        encoded = [encode(text, self._level, self._ids) for text in texts]
        n_unknown = sum(int((ids == UNKNOWN).sum()) for ids in encoded)
        if n_unknown:
            unknown = {t for text in texts for t in split_text(text, self._level)} - set(self._ids)
            warn_of_unknown(n_unknown, _count_targets(encoded), unknown)
        return encoded

    # ---- use -----------------------------------------------------------------------------------

    def score_samples(self, texts: Any) -> np.ndarray:
        """Return the logarithm of the probability of each text, its end included.

        Parameters
        ----------
        texts : str or iterable of str
            Each is read alone, from its beginning to its end.

        Returns
        -------
        ndarray of float64 of shape (n_texts,)
            In nats; never above 0.

        Raises
        ------
        InvalidInputError
            As in ``fit``.
        """
        check_is_fitted(self)
        encoded = self._encode(check_texts(texts))
        return sum_log_probabilities(self._architecture(), self.weights_, encoded)

    def score(self, texts: Any, y: None = None) -> float:
        """Return *minus* the nats per token: greater is better, as everywhere in scikit-learn.

        Parameters
        ----------
        texts : str or iterable of str
            Each is read alone; their tokens, and the end of each text, count the same.
        y : None
            Ignored.

        Returns
        -------
        float
            Mean logarithm of the probability of a token. Divided by ``-log(2)`` it is bits.

        Raises
        ------
        InvalidInputError
            As in ``fit``.
        """
        check_is_fitted(self)
        return self._mean_of(self._encode(check_texts(texts)))

    def _mean_of(self, encoded: list[np.ndarray]) -> float:
        sums = sum_log_probabilities(self._architecture(), self.weights_, encoded)
        return float(sums.sum() / _count_targets(encoded))

    def perplexity(self, texts: Any) -> float:
        """Return the perplexity: e to the power of nats per token; smaller is better.

        Parameters
        ----------
        texts : str or iterable of str
            As in ``score``.

        Returns
        -------
        float
            At least 1; the vocabulary's size if every token is as probable as any other.
        """
        check_is_fitted(self)
        return float(np.exp(-self._mean_of(self._encode(check_texts(texts)))))

    def generate(
        self,
        prompt: str = "",
        n_tokens: int = 100,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        random_state: Any = None,
    ) -> str:
        """Go on with a text.

        Parameters
        ----------
        prompt : str, default=""
            What the text begins with; if empty, the model begins one by itself.
        n_tokens : int, default=100
            Characters or words to add; fewer if the model ends the text.
        temperature : float, default=1.0
            Logits are divided by it: below 1 what is probable becomes more so.
        top_k : int, default=None
            Draw from so many most probable tokens; 1 always takes the most probable one, and None
            draws from all.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws.

        Returns
        -------
        str
            The prompt and what comes after it. The unknown token is never drawn.

        Raises
        ------
        InvalidInputError
            If an argument is none of the above.
        """
        check_is_fitted(self)
        if not isinstance(prompt, str):
            raise InvalidInputError(f"`prompt` must be a str; got a {type(prompt).__name__}.")
        check_count("n_tokens", n_tokens, most=_LARGEST_COUNT)
        check_count("top_k", top_k, or_none=True)
        is_number = isinstance(temperature, Real) and not isinstance(temperature, bool)
        if not is_number or not 0 < temperature < np.inf:
            raise InvalidInputError(
                f"`temperature` must be a number > 0; got {temperature!r}. For the most probable "
                "token at every step use `top_k=1`."
            )
        n_ids = len(self.vocabulary_)
        drawn = sample_tokens(
            self._architecture(n_timesteps=1),
            self.weights_,
            self._encode([prompt])[0][:-1],
            int(n_tokens),
            temperature=max(float(temperature), _LEAST_TEMPERATURE),
            top_k=n_ids - 1 if top_k is None else min(int(top_k), n_ids - 1),
            is_allowed=np.arange(n_ids) != UNKNOWN,
            end=BOUNDARY,
            seed=int(stream(draw_seed(random_state), "write").integers(LARGEST_SEED)),
        )
        return prompt + "".join(self.vocabulary_[i] for i in drawn)

    # ---- scikit-learn --------------------------------------------------------------------------

    def _check_loaded(self) -> None:
        """Refuse what a file says, where its parts do not belong together."""
        self._validate_params()
        if not self.__sklearn_is_fitted__():
            return
        check_tokens(self.vocabulary_, self._ids, UNKNOWN + 1)
        network, n_ids = self._network, len(self.vocabulary_)
        if network["vocabulary_size"] != n_ids or self._level not in _LEVELS:
            raise ValueError("a vocabulary of another size, or of tokens of another kind")
        sizes = [n_ids, network["embedding_dim"], *network["units"], n_ids]
        at_least = sum(a * b for a, b in pairwise(sizes)) + sum(n * n for n in network["units"])
        self._check_weights(at_least)


def _count_targets(encoded: Sequence[np.ndarray]) -> int:
    return sum(len(ids) - 1 for ids in encoded)
