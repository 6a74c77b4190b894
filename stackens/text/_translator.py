"""Translation as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import InvalidInputError, SentenceLengthWarning, UnknownTokenWarning
from stackens.layer_sharing import resolve_layer_sharing
from stackens.parameters import all_or_nothing, draw_seed, known_arguments, stream
from stackens.store import NoKey, data_digest, fit_key
from stackens.text._parallel_text import ParallelText
from stackens.text._teacher import SoftTargets, check_teacher, describe_teacher, transferred_weights
from stackens.text._text_model import POSITIVE_INT, TextModel
from stackens.text._tokenizer import TOKENS, check_pairs, close, learn_tokenizer
from stackens.text._translating import TranslatingMixin
from stackens.training import Architecture, EarlyStopping, Optimizer

_FRACTION = Interval(Real, 0, 1, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_ADAM = {"beta_2": 0.98, "epsilon": 1e-9, "global_clipnorm": 1.0}
_TEACHERS = ("init_from", "distill_from")
_SEARCHED_WITH = ("beam_width", "length_penalty", "max_length")
_NOT_LEARNT_WITH = (
    *_TEACHERS,  # what they give is looked at, not what they are
    *("beam_width", "length_penalty", "time_limit", "memory", "random_state", "verbose"),
)


class TranslationSettings(BaseEstimator):
    """What a network is trained with, for the key of its training."""

    def __init__(self, parameters: dict[str, Any], random_state: Any) -> None:
        self.parameters = parameters
        self.random_state = random_state


class SequenceTranslator(TranslatingMixin, TextModel):
    """Translator of sentences: an encoder-decoder transformer, whose layers can be shared.

    With ``encoder_sharing="all"`` one layer is used at every depth (recurrent stacking), so that
    depth costs no parameters. A deep stack can be the teacher of a compact one: the student begins
    with its weights (``init_from``), or learns from its probabilities or its translations
    (``distill_from``).

    Parameters
    ----------
    d_model : int, default=128
        Features of every token inside the network.
    n_heads : int, default=4
        Heads of attention; ``d_model`` must be a multiple of it.
    n_layers : int or (int, int), default=None
        Layers of the encoder and of the decoder. None is 2, or as many as a sharing lists.
    feed_forward_dim : int, default=None
        Hidden units of each layer's feed-forward network; None is four times ``d_model``.
    dropout : float in [0, 1), default=0.1
        Dropped fraction of attention weights, of hidden units, and of what each part of a layer
        adds.
    encoder_sharing, decoder_sharing : {"none", "all", "sequence", "cycle", "cycle_rev"} or \
sequence of int, default="none"
        Which layers are one and the same: see
        :func:`stackens.layer_sharing.resolve_layer_sharing`.
    n_unique_layers : int, default=None
        Distinct layers of "sequence", "cycle" and "cycle_rev"; None is half the depth, rounded up.
    share_encoder_decoder : bool, default=False
        Self-attention and feed-forward network of each distinct layer of the decoder are those of
        the encoder's layer of the same number. Attention to the source is the decoder's own.
    depth_embedding : bool, default=False
        Add a learned vector of each depth to the input of the layer there.
    tied_embeddings : {"target", "all", "none"}, default="target"
        The output layer is the embedding of target tokens; "all" has one vocabulary, and one
        embedding, for both languages; with "none" the output layer is a matrix of its own.
    tokens : {"words", "characters", "sentencepiece"}, default="words"
        What a token is: what stands between white space; a character; or a piece that
        sentencepiece (extra ``text``) has learnt.
    max_tokens : int, default=10000
        Largest number of token ids of a language, with four for padding, begin, end and what is
        unknown. None is no limit (8000 for sentencepiece, which needs one).
    min_frequency : int, default=1
        Words and characters that occur less often in the training sentences are unknown. With 2 or
        more the model learns what to do with unknown ones.
    max_length : int, default=100
        Most tokens of a sentence. A longer one is refused by ``fit``; ``predict`` translates it,
        with a warning. Translations stop at this length, with a warning.
    label_smoothing : float in [0, 1), default=0.1
        Share of each label that is spread over all tokens.
    learning_rate : float, default=0.002
        Largest learning rate of Adam. The norm of all gradients together is clipped to 1.
    schedule : {"inverse_sqrt", "linear", "constant"}, default="linear"
        How it falls after the warm-up: with the square root of the step, along a line to nothing
        at the end, or not at all. The line ends with the last of ``epochs``, also where early
        stopping ends training before.
    warmup_steps : int, default=None
        Steps of training in which it rises. None is 1000, or a quarter of all if that is less.
    batch_tokens : int, default=2500
        Most tokens of either language in a step, padding included.
    epochs : int, default=10
        Passes over the pairs.
    early_stopping : bool, default=False
        Hold pairs out, stop when their loss does not improve, and keep the best weights.
    validation_fraction : float in (0, 1), default=0.1
        Fraction of the pairs that is held out. Vocabularies are not learnt from them.
    patience : int, default=3
        Epochs without improvement after which training stops.
    beam_width : int, default=4
        Beginnings of a translation that are kept while searching; 1 takes the most probable token
        every time (greedy).
    length_penalty : float, default=1.0
        The logarithm of a translation's probability is divided by its length, with the end, to the
        power of this. Greater values make translations longer; 0 takes probabilities as they are.
    init_from : SequenceTranslator, default=None
        A fitted one, whose weights are begun with.
    layer_map : dict, default=None
        ``{"encoder": (0, 5), "decoder": (0, 5)}``: for each distinct layer of this translator the
        distinct layer (from 0) of ``init_from`` that it begins as. What is left out is spread
        evenly over the teacher's layers.
    distill_from : SequenceTranslator, default=None
        A fitted one, with the same vocabularies, to learn from.
    distillation : {"word", "sequence"}, default="word"
        What is learnt from it: its probabilities of each next token (word); or its translations
        of the training sentences, in place of the given ones (sequence).
    temperature : float, default=1.0
        For "word": logits of both are divided by it.
    alpha : float in [0, 1], default=0.5
        For "word": share of the teacher's probabilities in the loss; the rest is the loss of the
        given translations.
    time_limit : float, default=None
        Seconds that ``fit`` may take, to the end of the epoch in which they are over. What is
        trained by then is kept, and a warning says so; with ``memory``, the next ``fit`` goes on.
        The learning rate falls as if all of ``epochs`` were to come.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Where the trained network is kept, and taken from when the same training is wanted again;
        while it trains, its state, so that an interrupted ``fit`` goes on. Needs a seed.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, dropout, held-out pairs and the order of batches.
    verbose : int, default=0
        1 shows a bar over the epochs, with the losses.

    Attributes
    ----------
    source_vocabulary_, target_vocabulary_ : list of str
        Tokens by id. The first four stand for padding, begin, end, and what is unknown.
    weights_ : list of ndarray
        In the order of ``keras.Model.get_weights``.
    history_ : dict of str to list of float
        Of each epoch: ``loss``, as it was minimised, and ``val_loss`` of the pairs held out, in
        nats per token.
    best_epoch_ : int
        Epoch (from 0) whose weights these are.
    n_parameters_ : int
        Number of parameters.
    n_layer_parameters_ : int
        Those that are in no embedding of tokens.

    See Also
    --------
    stackens.networks.build_translator : The network.
    StackedRNNLanguageModel : Goes on with a text.

    Notes
    -----
    A. Vaswani et al., "Attention is all you need" (2017); R. Dabre and A. Fujita, "Recurrent
    stacking of layers for compact neural machine translation models" (2019); Y. Kim and A. Rush,
    "Sequence-level knowledge distillation" (2016), also describe distillation word by word.

    Examples
    --------
    >>> from stackens.text import SequenceTranslator
    >>> source = ["one two", "two three", "three one", "two one", "one three", "three two"] * 8
    >>> names = {"one": "un", "two": "deux", "three": "trois"}
    >>> target = [" ".join(names[word] for word in s.split()) for s in source]
    >>> model = SequenceTranslator(16, n_layers=2, encoder_sharing="all", decoder_sharing="all",
    ...                            learning_rate=0.01, dropout=0.0, epochs=30, batch_tokens=64,
    ...                            random_state=0)
    >>> model.fit(source, target).predict(["three two", "one two"])
    ['trois deux', 'un deux']
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TextModel._parameter_constraints,
        "d_model": [POSITIVE_INT],
        "n_heads": [POSITIVE_INT],
        "n_layers": [POSITIVE_INT, "array-like", None],
        "feed_forward_dim": [POSITIVE_INT, None],
        "dropout": [_FRACTION],
        "encoder_sharing": [str, "array-like"],
        "decoder_sharing": [str, "array-like"],
        "n_unique_layers": [POSITIVE_INT, None],
        "share_encoder_decoder": ["boolean"],
        "depth_embedding": ["boolean"],
        "tied_embeddings": [StrOptions({"target", "all", "none"})],
        "tokens": [StrOptions(set(TOKENS))],
        "max_tokens": [Interval(Integral, 5, None, closed="left"), None],
        "min_frequency": [POSITIVE_INT],
        "max_length": [POSITIVE_INT],
        "label_smoothing": [_FRACTION],
        "learning_rate": [_POSITIVE],
        "schedule": [StrOptions({"inverse_sqrt", "linear", "constant"})],
        "warmup_steps": [Interval(Integral, 0, None, closed="left"), None],
        "batch_tokens": [POSITIVE_INT],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [POSITIVE_INT],
        "beam_width": [POSITIVE_INT],
        "length_penalty": [Interval(Real, 0, None, closed="left")],
        "init_from": [HasMethods("predict"), None],
        "layer_map": [dict, None],
        "distill_from": [HasMethods("predict"), None],
        "distillation": [StrOptions({"word", "sequence"})],
        "temperature": [_POSITIVE],
        "alpha": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        d_model: int = 128,
        *,
        n_heads: int = 4,
        n_layers: int | tuple[int, int] | None = None,
        feed_forward_dim: int | None = None,
        dropout: float = 0.1,
        encoder_sharing: str | Sequence[int] = "none",
        decoder_sharing: str | Sequence[int] = "none",
        n_unique_layers: int | None = None,
        share_encoder_decoder: bool = False,
        depth_embedding: bool = False,
        tied_embeddings: str = "target",
        tokens: str = "words",
        max_tokens: int | None = 10_000,
        min_frequency: int = 1,
        max_length: int = 100,
        label_smoothing: float = 0.1,
        learning_rate: float = 0.002,
        schedule: str = "linear",
        warmup_steps: int | None = None,
        batch_tokens: int = 2500,
        epochs: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 3,
        beam_width: int = 4,
        length_penalty: float = 1.0,
        init_from: Any = None,
        layer_map: Mapping[str, Sequence[int]] | None = None,
        distill_from: Any = None,
        distillation: str = "word",
        temperature: float = 1.0,
        alpha: float = 0.5,
        time_limit: float | None = None,
        memory: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.d_model = d_model
        self.n_heads = n_heads
        self.n_layers = n_layers
        self.feed_forward_dim = feed_forward_dim
        self.dropout = dropout
        self.encoder_sharing = encoder_sharing
        self.decoder_sharing = decoder_sharing
        self.n_unique_layers = n_unique_layers
        self.share_encoder_decoder = share_encoder_decoder
        self.depth_embedding = depth_embedding
        self.tied_embeddings = tied_embeddings
        self.tokens = tokens
        self.max_tokens = max_tokens
        self.min_frequency = min_frequency
        self.max_length = max_length
        self.label_smoothing = label_smoothing
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.warmup_steps = warmup_steps
        self.batch_tokens = batch_tokens
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.beam_width = beam_width
        self.length_penalty = length_penalty
        self.init_from = init_from
        self.layer_map = layer_map
        self.distill_from = distill_from
        self.distillation = distillation
        self.temperature = temperature
        self.alpha = alpha
        self.time_limit = time_limit
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose

    # ---- training ------------------------------------------------------------------------------

    @known_arguments
    @all_or_nothing
    def fit(self, source: Any, target: Any) -> Self:
        """Learn the vocabularies, and train the network.

        Parameters
        ----------
        source : str or iterable of str
            One sentence, or several; none may be empty.
        target : str or iterable of str
            The translation of each.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If there are not as many translations as sentences, there is an empty one or one that
            is longer than ``max_length``, no token is known, or a teacher does not fit.
        TrainingDivergedError
            If the loss becomes NaN or infinite.
        TimeLimitError
            If ``time_limit`` was over before the first epoch.
        """
        deadline = self._begin()
        orders = self._orders_of_layers()
        if self.layer_map is not None and self.init_from is None:
            raise InvalidInputError(
                "`layer_map` says as which layers of `init_from` this translator's begin, and "
                "`init_from` is None. Give a fitted translator, or leave `layer_map` out."
            )
        sentences = check_pairs(source, target)
        seed = draw_seed(self.random_state)
        rows, held_out = self._hold_out(len(sentences[0]), seed)
        self._learn_tokens(*([side[row] for row in rows] for side in sentences))
        encoded = self._encode_pairs(*sentences)  # all, so that errors name the rows of the caller
        for name in _TEACHERS:
            check_teacher(getattr(self, name), self._tokenizers, name)
        pairs = tuple([side[row] for row in rows] for side in encoded)
        if self.distill_from is not None and self.distillation == "sequence":
            pairs = pairs[0], self._taught([sentences[0][row] for row in rows], pairs[1])
        self._network: dict[str, Any] = {
            "source_size": len(self._tokenizers[0]),
            "target_size": len(self._tokenizers[1]),
            "d_model": int(self.d_model),
            "n_heads": int(self.n_heads),
            "feed_forward_dim": int(self.feed_forward_dim or 4 * self.d_model),
            "dropout": float(self.dropout),
            "encoder_sharing": orders[0],
            "decoder_sharing": orders[1],
            "share_encoder_decoder": bool(self.share_encoder_decoder),
            "depth_embedding": bool(self.depth_embedding),
            "tied_embeddings": self.tied_embeddings,
        }
        validation = None
        if len(held_out):
            validation = tuple([side[row] for row in held_out] for side in encoded)
        job = self._plan(pairs, validation, seed)
        self.best_epoch_ = self._train(job, deadline).best_epoch
        return self

    def _check_search(self) -> None:
        """Refuse what ``predict`` cannot use, as all of it can be set after ``fit``."""
        given = {name: getattr(self, name) for name in _SEARCHED_WITH}
        constraints = {name: self._parameter_constraints[name] for name in given}
        validate_parameter_constraints(constraints, given, caller_name=type(self).__name__)

    def _orders_of_layers(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        if self.d_model % self.n_heads:
            raise InvalidInputError(
                f"`d_model`={self.d_model} must be a multiple of `n_heads`={self.n_heads}: every "
                "head has as many features."
            )
        depths = self.n_layers
        if depths is None or isinstance(depths, Integral):
            depths = (depths, depths)  # type: ignore[assignment]
        if len(depths) != 2:  # type: ignore[arg-type]
            raise InvalidInputError(
                "`n_layers` must be an int, or two: of the encoder and of the decoder; got "
                f"{self.n_layers!r}."
            )
        orders = []
        names = ("encoder_sharing", "decoder_sharing")
        for name, depth in zip(names, depths, strict=True):  # type: ignore[arg-type]
            sharing = getattr(self, name)
            if depth is None and isinstance(sharing, str):
                depth = 2
            options: dict[str, Any] = {"n_unique_layers": self.n_unique_layers, "name": name}
            orders.append(resolve_layer_sharing(sharing, depth, **options))
        n_encoder, n_decoder = (max(order) + 1 for order in orders)
        if self.share_encoder_decoder and n_decoder > n_encoder:
            raise InvalidInputError(
                "`share_encoder_decoder` needs a distinct layer of the encoder for each of the "
                f"decoder's {n_decoder}; the encoder has {n_encoder}."
            )
        return orders[0], orders[1]

    def _hold_out(self, n_pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows to train on, and rows that are held out for early stopping."""
        if not self.early_stopping:
            return np.arange(n_pairs), np.arange(0)
        n_held_out = max(1, round(self.validation_fraction * n_pairs))
        if n_held_out >= n_pairs:
            raise InvalidInputError(
                f"`early_stopping` with `validation_fraction`={self.validation_fraction} leaves no "
                f"pair to train on; there are {n_pairs}."
            )
        order = stream(seed, "validation").permutation(n_pairs)
        return np.sort(order[n_held_out:]), np.sort(order[:n_held_out])

    def _learn_tokens(self, source: list[str], target: list[str]) -> None:
        limits = (self.max_tokens, self.min_frequency)
        if self.tied_embeddings == "all":
            both = learn_tokenizer([*source, *target], self.tokens, *limits)
            self._tokenizers = [both, both]
            return
        self._tokenizers = [learn_tokenizer(s, self.tokens, *limits) for s in (source, target)]

    def _taught(self, source: list[str], target: list[np.ndarray]) -> list[np.ndarray]:
        """Return the teacher's translations; the given ones where they are empty or too long."""
        with warnings.catch_warnings():  # of lengths and unknown tokens: these are no results
            warnings.simplefilter("ignore", SentenceLengthWarning)
            warnings.simplefilter("ignore", UnknownTokenWarning)
            said = self.distill_from.predict(source)
        rows = [row for row, translation in enumerate(said) if translation.strip()]
        found = self._tokenizers[1].encode([said[row] for row in rows], "target", warn=False)
        taught = list(target)
        for row, ids in zip(rows, found, strict=True):
            if len(ids) <= self.max_length:
                taught[row] = close(ids, begin=True)
        return taught

    def _encode_pairs(
        self, source: list[str], target: list[str]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return what the network reads: the source with an end, the target with both."""
        sides = []
        for name, tokenizer, sentences in zip(
            ("source", "target"), self._tokenizers, (source, target), strict=True
        ):
            encoded = tokenizer.encode(sentences, name, warn=False)
            self._check_lengths(encoded, name)
            if not tokenizer.knows_any:
                raise InvalidInputError(
                    f"No token of `{name}` occurs `min_frequency`={self.min_frequency} times, so "
                    "that all of them would be unknown. Lower `min_frequency`."
                )
            sides.append([close(ids, begin=name == "target") for ids in encoded])
        return sides[0], sides[1]

    def _check_lengths(self, encoded: list[np.ndarray], name: str) -> None:
        long = [len(ids) for ids in encoded if len(ids) > self.max_length]
        if long:
            raise InvalidInputError(
                f"{len(long)} of {len(encoded)} sentences of `{name}` have more than `max_length`="
                f"{self.max_length} tokens; the longest has {max(long)}. Raise `max_length`, or "
                "leave them out: nothing is cut."
            )

    def _plan(self, pairs: Any, validation: Any, seed: int) -> ParallelText:
        weights = teacher = None
        architecture = self._architecture()
        if self.init_from is not None:
            parent = describe_teacher(self.init_from)
            weights = transferred_weights(architecture, seed, *parent, self.layer_map)
        if self.distill_from is not None and self.distillation == "word":
            teacher = SoftTargets(
                *describe_teacher(self.distill_from), float(self.temperature), float(self.alpha)
            )
        return ParallelText(
            architecture=architecture,
            source=pairs[0],
            target=pairs[1],
            optimizer=Optimizer("Adam", float(self.learning_rate), _ADAM),
            seed=seed,
            epochs=int(self.epochs),
            batch_tokens=int(self.batch_tokens),
            schedule=self.schedule,
            warmup_steps=None if self.warmup_steps is None else int(self.warmup_steps),
            label_smoothing=float(self.label_smoothing),
            validation=validation,
            early_stopping=EarlyStopping(self.patience) if self.early_stopping else None,
            initial_weights=weights,
            teacher=teacher,
            name=type(self).__name__,
        )

    def _key(self, job: ParallelText) -> str | NoKey:
        settings = TranslationSettings(
            {k: v for k, v in self.get_params(deep=False).items() if k not in _NOT_LEARNT_WITH},
            self.random_state,
        )
        # The pairs hold what a teacher has translated; what else it gives is in `extra`.
        teacher = job.teacher
        taught = None if teacher is None else (teacher.architecture.options, teacher.weights)
        data = data_digest(
            list(job.source), list(job.target), params={"validation": job.validation}
        )
        return fit_key(
            settings, data, seed=job.seed, extra=(self._network, job.initial_weights, taught)
        )

    def _architecture(self) -> Architecture:
        from stackens.networks import build_translator

        return Architecture(build_translator, self._network)

    # ---- files ---------------------------------------------------------------------------------

    def _check_loaded(self) -> None:
        """Refuse what a file says, where its parts do not belong together."""
        self._validate_params()
        if not self.__sklearn_is_fitted__():
            return
        network: dict[str, Any] = self._network
        sizes = (network["source_size"], network["target_size"])
        if sizes != tuple(len(tokenizer) for tokenizer in self._tokenizers):
            raise ValueError(f"vocabularies of other sizes than {sizes}")
        width, hidden = network["d_model"], network["feed_forward_dim"]
        n_layers = max(network["encoder_sharing"]) + 1
        if not network["share_encoder_decoder"]:
            n_layers += max(network["decoder_sharing"]) + 1
        at_least = self._n_embedding_parameters() + width * n_layers * (4 * width + 2 * hidden)
        self._check_weights(at_least)

    # ---- scikit-learn --------------------------------------------------------------------------

    @property
    def source_vocabulary_(self) -> list[str]:
        """Tokens of the source by id."""
        check_is_fitted(self)
        return self._tokenizers[0].vocabulary

    @property
    def target_vocabulary_(self) -> list[str]:
        """Tokens of the target by id."""
        check_is_fitted(self)
        return self._tokenizers[1].vocabulary

    @property
    def n_layer_parameters_(self) -> int:
        """Number of parameters that are in no embedding of tokens."""
        check_is_fitted(self)
        return self.n_parameters_ - self._n_embedding_parameters()

    def _n_embedding_parameters(self) -> int:
        network: dict[str, Any] = self._network
        n_rows = network["target_size"] * (2 if network["tied_embeddings"] == "none" else 1)
        if network["tied_embeddings"] != "all":
            n_rows += network["source_size"]
        return int(n_rows * network["d_model"])

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted copy; teachers stay what they are: a clone has learnt nothing."""
        parameters = {
            name: value if name in _TEACHERS else clone(value, safe=False)
            for name, value in self.get_params(deep=False).items()
        }
        return type(self)(**parameters)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
