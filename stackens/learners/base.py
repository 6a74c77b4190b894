"""What all learners of this package have in common: from data to a job, and back."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from stackens.exceptions import InvalidInputError, warn_user
from stackens.learners._routing import check_routed_names
from stackens.learners._targets import ClassTarget, Target, ValueTarget, choose_loss
from stackens.parameters import all_or_nothing, did_you_mean, draw_seed, known_arguments, stream
from stackens.sequences import (
    SequenceBatch,
    looks_like_tokens,
    validate_sequences,
    validate_tokens,
)
from stackens.store import JobStore, check_memory, train_alone
from stackens.targets import (
    check_rows,
    read_groups,
    read_target,
    read_weights,
    refuse_several_inputs,
)
from stackens.training import (
    Architecture,
    Augmentation,
    CallbackSupportMixin,
    EarlyStopping,
    FitObserver,
    HeldOutRows,
    HoldOut,
    Job,
    Optimizer,
    TrainedNetwork,
    has_callbacks,
    predict,
    prepare_prediction,
    remembering_predictions,
    require_keras,
)

__all__ = ["Network", "NetworkClassifier", "NetworkLearner", "NetworkRegressor"]

# Base and meta classes among Keras's optimizers.
_NO_OPTIMIZERS = ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")
# Computing so many rows takes less than finding out whether they were computed before.
_FEW_ROWS = 64
_POSITIVE_INT = Interval(Integral, 1, None, closed="left")
_PARAM_NAMES: dict[type, list[str]] = {}


@dataclass(frozen=True)
class Network:
    """What a learner says of the network that is to be trained.

    Parameters
    ----------
    architecture : Architecture
        Its network leaves padded timesteps out. An option ``padding_value`` is what these hold in
        every channel; where no row is padded, it is None.
    target : ClassTarget or ValueTarget
        What the outputs mean.
    weights : list of ndarray, default=None
        Where training starts; None draws them.
    """

    architecture: Architecture
    target: Target
    weights: list[np.ndarray] | None = None

    def masked(self, is_padded: bool) -> Architecture:
        """Return the architecture for such rows: masking costs time, and no weights."""
        if is_padded or "padding_value" not in self.architecture.options:
            return self.architecture
        return self.architecture.with_options(padding_value=None)


class NetworkLearner(BaseEstimator, CallbackSupportMixin, ABC):
    """Base of the estimators that train one network by the training engine.

    A concrete learner says how its network is built (``_describe``); ``NetworkClassifier`` and
    ``NetworkRegressor`` say what its target is. Everything else is here: parameters, validation,
    the job, taking back weights, prediction.
    """

    _target_kind: ClassVar[type[ClassTarget] | type[ValueTarget]]
    _target: Target
    _architecture: Architecture
    _routed_parts: tuple[str, ...] = ("optimizer", "loss")
    _is_kept = False  # whether a store has the network
    _n_members = 1
    # With metadata routing on, nobody has to ask for groups.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "optimizer": [str],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), HasMethods("get_config")],
        "loss": [str, callable, None],
        "metrics": ["array-like", None],
        "batch_size": [_POSITIVE_INT],
        "epochs": [_POSITIVE_INT],
        "augmentation": [dict, None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "validation_rows": [StrOptions({"auto", "random", "latest"})],
        "patience": [_POSITIVE_INT],
        "warm_start": ["boolean"],
        "n_seeds": [_POSITIVE_INT],
        "callbacks": ["array-like", None],
        "on_epoch_end": [callable, None],
        "vocabulary_size": [Interval(Integral, 2, None, closed="left"), None],
        "memory": [None, str, os.PathLike, HasMethods("cache"), JobStore],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # ---- what a concrete learner supplies ------------------------------------------------------

    @abstractmethod
    def _describe(self, batch: SequenceBatch, target: Target, seed: int) -> Network:
        """Say which network reads such a batch, and has such outputs."""

    @staticmethod
    def _weight_shapes(network: Network) -> list[tuple[int, ...]]:
        """Return the shapes of all weights, with which those of a file are compared.

        Who knows them by arithmetic has nothing built of a size that only a file asks for.
        """
        weights = network.weights or network.architecture.build().weights
        return [tuple(weight.shape) for weight in weights]

    # ---- parameters ----------------------------------------------------------------------------

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # Reading the signature takes longer than all the rest of a fit that a store serves.
        if cls not in _PARAM_NAMES:
            _PARAM_NAMES[cls] = super()._get_param_names()
        return list(_PARAM_NAMES[cls])

    def _set_parameters(self, given: Mapping[str, Any]) -> None:
        """Assign what the constructor was given, its ``locals()``; ``routed`` are ``part__name``.

        These are parameters like any other: ``get_params``, ``clone`` and searches see them.
        """
        for name, value in given.items():
            if name not in ("self", "routed", "__class__"):
                setattr(self, name, value)
        self._refuse_unknown(given["routed"], TypeError)
        self.__dict__.update(given["routed"])

    def _all_routed(self) -> dict[str, Any]:
        """Return what the constructor took beyond its named parameters."""
        return {name: value for name, value in vars(self).items() if self._is_routed(name)}

    def _routed(self, part: str) -> dict[str, Any]:
        """Return the settings of one part, without its prefix."""
        prefix = f"{part}__"
        return {k.removeprefix(prefix): v for k, v in vars(self).items() if k.startswith(prefix)}

    def _is_routed(self, name: str) -> bool:
        # scikit-learn's check of constructors takes the name of `**routed` for a parameter, and
        # nothing that is in the signature may be an error before `fit`.
        part, _, rest = name.partition("__")
        return name == "routed" or (part in self._routed_parts and bool(rest))

    def _validate_params(self) -> None:
        if "routed" in vars(self):
            raise TypeError(self._describe_unknown("routed", self._get_param_names()))
        super()._validate_params()
        self._read_augmentation()

    def _refuse_unknown(self, names: Iterable[str], error: type[Exception]) -> None:
        """Refuse names that are no parameters and belong to no part."""
        known = self._get_param_names()
        for name in names:
            if name not in known and not self._is_routed(name):
                raise error(self._describe_unknown(name, known))

    def _describe_unknown(self, name: str, known: list[str]) -> str:
        parts = ", ".join(f"{part}__…" for part in self._routed_parts)
        advice = did_you_mean(name, known)
        if name == "vectors" and "embedding" in self._routed_parts:
            kind = type(self).__name__
            advice = f" Put it into an EmbeddingPretrainer({kind}(…), vectors=…)."
        return (
            f"{type(self).__name__} has no parameter `{name}`.{advice} "
            f"It has {', '.join(sorted(known))}, {parts}."
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, those of the parts included.

        Parameters
        ----------
        deep : bool, default=True
            Also those of contained estimators.

        Returns
        -------
        dict
        """
        return {**super().get_params(deep=deep), **self._all_routed()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the parts included.

        Parameters
        ----------
        **params : dict
            Name and value.

        Returns
        -------
        self
        """
        routed = {name: value for name, value in params.items() if self._is_routed(name)}
        nested = [
            n for n in params if hasattr(getattr(self, n.partition("__")[0], 0), "set_params")
        ]
        self._refuse_unknown(params.keys() - nested, InvalidInputError)
        self.__dict__.update(routed)
        super().set_params(**{k: v for k, v in params.items() if k not in routed})
        return self

    # ---- training ------------------------------------------------------------------------------

    @known_arguments
    @all_or_nothing
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences: an array of shape (n_samples, n_timesteps, n_features), a list of arrays of
            shape (n_timesteps_i, n_features), a table of shape (n_samples, n_timesteps), or, with
            ``vocabulary_size``, token ids of shape (n_samples, n_timesteps).
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target: classes, or an indicator of labels (0 and 1, a column for each); numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; None is 1.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, such as the subject. With ``early_stopping`` and
            ``validation_rows="auto"``, whole groups are held out; nothing else asks for them.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If the data cannot be used; nothing was trained then.
        TrainingDivergedError
            If the loss becomes NaN or infinite.
        """
        job = self.plan_job(X, y, sample_weight=sample_weight, groups=groups)
        return self._train(job, "fit", X, y, sample_weight=sample_weight, groups=groups)

    def _train(self, job: Job, task: str, X: Any, y: Any, **metadata: Any) -> Self:
        if has_callbacks(self):
            given = {name: value for name, value in metadata.items() if value is not None}
            data = {"X": X, "y": y, "metadata": given or None}
            job = replace(job, observer=FitObserver(self, job.epochs, data, name=task))
        return self.adopt(train_alone(job, self))

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
        """Validate the data and describe the training, without doing it.

        Parameters
        ----------
        X, y
            As in ``fit``, all rows.
        rows : array-like of int of shape (n_rows,), default=None
            Rows to train on; None is all.
        sample_weight : array-like of shape (n_samples,), default=None
            As in ``fit``, all rows.
        groups : array-like of shape (n_samples,), default=None
            As in ``fit``, all rows.
        hold_out : callable, default=None
            With early stopping and ``validation_rows="auto"``,
            ``hold_out(rows, validation_fraction, seed)`` splits ``rows`` into rows to train on
            and rows to watch; None draws whole ``groups`` if there are any, and else rows.
        name : str, default=""
            For messages.

        Returns
        -------
        Job
        """
        continued = self.warm_start and self.__sklearn_is_fitted__()
        return self._plan(
            X, y, rows, sample_weight, name, continued=continued, groups=groups, hold_out=hold_out
        )

    def check_hold_out(self, y: Any, *, hold_out: HoldOut | None = None) -> None:
        """Refuse early stopping that cannot hold out rows with these targets, before any training.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target of all rows to train on.
        hold_out : callable, default=None
            As in ``plan_job``.

        Raises
        ------
        InvalidInputError
            If it cannot, as where a class has one row.
        """
        self._validate_params()
        y = self._target_kind.validate(read_target(y))
        self._hold_out(y, np.arange(len(y)), 0, hold_out)

    def _plan(
        self,
        X: Any,
        y: Any,
        rows: Any,
        sample_weight: Any,
        name: str,
        *,
        continued: bool,
        classes: Any = None,
        epochs: int | None = None,
        groups: Any = None,
        hold_out: HoldOut | None = None,
    ) -> Job:
        self._check_parameters()
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target "
                "y is None."
            )
        if not continued:
            self.__dict__.pop("weights_", None)  # of another network
        y = read_target(y)
        refuse_several_inputs(X, y)
        batch = self._read_input(X, reset=not continued)
        y = self._target_kind.validate(y)
        check_rows(X, y)
        hold_out = hold_out or self._hold_out_groups(y, read_groups(X, groups))
        rows = np.arange(len(y)) if rows is None else np.asarray(rows)
        seed = draw_seed(self.random_state)
        known = y[rows] if classes is None else np.asarray(classes)
        target = self._target_kind.learn(known, self.loss)
        network = self._describe(batch, target, seed)
        augmentation = self._read_augmentation()
        if augmentation is not None and batch.is_tokens:
            raise InvalidInputError(
                "`augmentation` changes measurements; got token ids (`vocabulary_size="
                f"{self.vocabulary_size}`), between which there are none. Set `augmentation=None`, "
                "and use `dropout` against overlearning."
            )
        trained_on = network.target
        if augmentation is not None and augmentation.mixup:
            trained_on = trained_on.mixable()
        is_padded = bool((batch.lengths[rows] < batch.n_timesteps).any())
        training_rows, validation_rows = self._hold_out(y, rows, seed, hold_out)
        architecture, optimizer = network.masked(is_padded), self._make_optimizer()
        weights, state = network.weights, None
        if continued:
            self._check_goes_on(network.target, architecture)
            weights, state = self.weights_, self._state_for(optimizer)
        self._history_before = self.history_ if continued else {}
        self._take_network(network)
        self._optimizer, self._n_members = optimizer, self.n_seeds
        job = Job(
            architecture=architecture,
            X=batch.values,
            y=trained_on.encode(y),
            loss=choose_loss(trained_on, self._routed("loss")),
            optimizer=optimizer,
            seed=seed,
            epochs=self.epochs if epochs is None else epochs,
            batch_size=min(self.batch_size, len(rows)),
            rows=training_rows,
            validation_rows=validation_rows,
            sample_weight=self._row_weights(X, y, rows, sample_weight),
            metrics=tuple(self.metrics or ()),
            early_stopping=EarlyStopping(self.patience) if self.early_stopping else None,
            initial_weights=weights,
            initial_optimizer_state=state,
            keep_optimizer_state=self.warm_start or epochs is not None,
            augmentation=augmentation,
            callbacks=tuple(self.callbacks or ()),
            on_epoch_end=self.on_epoch_end,
            prediction=network.architecture,
            name=name or type(self).__name__,
        )

        def member(number: int) -> Job:
            """Plan the same from another seed."""
            seed = int(stream(job.seed, "member", number).integers(np.iinfo(np.int32).max))
            training_rows, validation_rows = self._hold_out(y, rows, seed, hold_out)
            return replace(
                job,
                seed=seed,
                rows=training_rows,
                validation_rows=validation_rows,
                initial_weights=self._describe(batch, target, seed).weights,
                name=f"{job.name}, member {number}",
            )

        return replace(job, members=tuple(member(k) for k in range(1, self.n_seeds)))

    def _check_parameters(self) -> None:
        require_keras()
        self._check_optimizer()
        self._validate_params()
        check_memory(self.memory)
        if self.n_seeds > 1 and self.warm_start:
            raise InvalidInputError(
                f"`n_seeds={self.n_seeds}` averages networks, which cannot go on with "
                "`warm_start`. Set `n_seeds=1`."
            )

    def _take_network(self, network: Network) -> None:
        """Keep which network it is, and what its outputs mean."""
        self._architecture, self._target = network.architecture, network.target
        self.__dict__.update(network.target.attributes)

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
        self.weights_ = trained.weights
        before = self.__dict__.pop("_history_before", {})
        self.history_ = {k: before.get(k, []) + v for k, v in trained.history.items()}
        self.best_epoch_ = trained.best_epoch
        self._is_kept = trained.is_kept
        self._optimizer_state = trained.optimizer_state
        self.__dict__.pop("_wrapper", None)
        self._split_members()
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        continued = self.__sklearn_is_fitted__()
        job = self._plan(
            X, y, None, sample_weight, "", continued=continued, classes=classes, epochs=1
        )
        return self._train(job, "partial-fit", X, y, sample_weight=sample_weight)

    def _check_goes_on(self, target: Target, architecture: Architecture) -> None:
        """Refuse to go on with weights that are of another target, or of another network."""
        before = self._target
        if not target.is_of(before):
            raise InvalidInputError(
                f"`warm_start` and `partial_fit` go on with the same {before.what_stays} only: it "
                f"was {before.told}, and is {target.told} now. "
                "Set `warm_start=False` and fit anew."
            )
        shapes = [tuple(weight.shape) for weight in self.weights_]
        wanted = [tuple(variable.shape) for variable in architecture.build().weights]
        if shapes != wanted:
            raise InvalidInputError(
                f"`warm_start` and `partial_fit` go on with the same network only: its weights "
                f"are of shapes {shapes}, and the parameters ask for {wanted} now. Set the "
                "parameters back, or set `warm_start=False` and fit anew."
            )

    def _state_for(self, optimizer: Optimizer) -> list[np.ndarray] | None:
        """Return the state to go on with; the state of another optimizer says nothing."""
        before = getattr(self, "_optimizer", optimizer)  # a loaded learner has its parameters only
        is_same = (before.name, before.options) == (optimizer.name, optimizer.options)
        return self._optimizer_state if is_same else None

    # ---- parts of a job ------------------------------------------------------------------------

    def _read_input(self, X: Any, *, reset: bool) -> SequenceBatch:
        if self.vocabulary_size is not None:
            return validate_tokens(self, X, reset=reset, vocabulary_size=self.vocabulary_size)
        batch = validate_sequences(self, X, reset=reset)
        if reset and looks_like_tokens(X):
            warn_user(
                f"`X` looks like token ids, padded with 0; {type(self).__name__} reads them as "
                "measurements. Set `vocabulary_size` to one more than the largest id; if they are "
                "measurements, pass X.astype(float).",
                UserWarning,
            )
        return batch

    def _read_augmentation(self) -> Augmentation | None:
        return None if self.augmentation is None else Augmentation.read(self.augmentation)

    def _check_optimizer(self) -> None:
        if not isinstance(self.optimizer, str):
            is_class = isinstance(self.optimizer, type)
            given = (self.optimizer if is_class else type(self.optimizer)).__name__
            raise InvalidInputError(
                "`optimizer` must be the name of a Keras optimizer, such as 'adam', since each "
                "network needs one of its own; its settings are `learning_rate` and "
                f"`optimizer__…`. Got {'the class' if is_class else 'an instance of'} {given}."
            )

    def _make_optimizer(self) -> Optimizer:
        import keras

        known = {
            name.lower(): name
            for name, cls in vars(keras.optimizers).items()
            if isinstance(cls, type) and issubclass(cls, keras.optimizers.Optimizer)
        }
        known = {k: v for k, v in known.items() if v not in _NO_OPTIMIZERS}
        name = self.optimizer.lower()
        if name not in known:
            raise InvalidInputError(
                f"`optimizer` must be one of {sorted(known)}; got {self.optimizer!r}."
                f"{did_you_mean(name, known)}"
            )
        options = self._routed("optimizer")
        cls = getattr(keras.optimizers, known[name])
        if options:
            own = {"learning_rate": "learning_rate", "name": "optimizer"}
            check_routed_names("optimizer", options, cls, own=own)
        return Optimizer(known[name], self.learning_rate, options)

    def _hold_out_groups(self, y: np.ndarray, groups: np.ndarray | None) -> HoldOut | None:
        """Return the rule that holds out whole groups; None where there are no groups."""
        strata = self._target_kind.strata(y)
        return None if groups is None else HeldOutRows("groups", strata, groups)

    def _hold_out(
        self, y: np.ndarray, rows: np.ndarray, seed: int, hold_out: HoldOut | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Split the training rows; the validation rows come from inside them."""
        if not self.early_stopping:
            return rows, None
        if hold_out is not None and self.validation_rows == "auto":
            return hold_out(rows, self.validation_fraction, seed)
        latest = self.validation_rows == "latest"
        strata = None if latest else self._target_kind.strata(y)
        try:
            training, validation = train_test_split(
                np.sort(rows) if latest else rows,
                test_size=self.validation_fraction,
                stratify=None if strata is None else strata[rows],
                random_state=None if latest else seed,
                shuffle=not latest,
            )
        except ValueError as error:
            raise InvalidInputError(
                f"`early_stopping` holds out {self.validation_fraction:.0%} of {len(rows)} "
                f"training rows, which is not possible here: {str(error).rstrip('.')}. Train "
                "without it, or change `validation_fraction`."
            ) from error
        return training, validation

    def _row_weights(
        self, X: Any, y: np.ndarray, rows: np.ndarray, sample_weight: Any
    ) -> np.ndarray | None:
        sample_weight = read_weights(sample_weight)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float32, ensure_non_negative=True
            )
            if not sample_weight[rows].any():
                raise InvalidInputError("`sample_weight` is zero for every training row.")
        class_weight = getattr(self, "class_weight", None)
        if class_weight is None:
            return sample_weight
        weights = np.ones(len(y), np.float32) if sample_weight is None else sample_weight.copy()
        weights[rows] *= ClassTarget.weight(class_weight, y[rows])
        return weights

    # ---- prediction ----------------------------------------------------------------------------

    def _predict_outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        batch = self._read_input(X, reset=False)
        # With masking whether needed or not: one program per learner, and the same bits for a
        # row among padded and unpadded ones.
        # Candidates of a search that are served the same network predict the same rows.
        is_worth_it = self._is_kept and batch.n_samples > _FEW_ROWS
        with remembering_predictions(is_worth_it):
            outputs = [
                predict(self._architecture, weights, batch.values).astype(np.float64)
                for weights in self._weights_of_members()
            ]
        return outputs[0] if len(outputs) == 1 else np.mean(outputs, axis=0)

    def _weights_of_members(self) -> list[list[np.ndarray]]:
        """Return the weights of each network; of one, the list itself, whose tensors are kept."""
        return vars(self).get("_split_weights") or [self.weights_]

    def _split_members(self) -> None:
        """Keep a list of weights for each network, since predicting changes nothing."""
        self.__dict__.pop("_split_weights", None)
        if self._n_members > 1:
            size = len(self.weights_) // self._n_members
            parts = range(0, len(self.weights_), size)
            self._split_weights = [self.weights_[i : i + size] for i in parts]

    def encode_input(self, X: Any) -> np.ndarray:
        """Return the array that the network sees.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences as in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_features) or (n_samples, n_timesteps)
            float32, where padded timesteps hold ``stackens.sequences.PADDING_VALUE`` in every
            channel; or int32 tokens, where padding is 0. This is what ``keras_estimator_`` takes.
        """
        check_is_fitted(self)
        return self._read_input(X, reset=False).values

    def prepare_prediction(self) -> None:
        """Trace the program that predicts, so that the first prediction is a fast one."""
        check_is_fitted(self)
        prepare_prediction(self._architecture, self._encoded_shape()[1:])

    def _encoded_shape(self) -> tuple[int, ...]:
        """Return a shape of input that the network takes."""
        if self.vocabulary_size is not None:
            return (1, 1)
        return (1, 1, 1 if self._input_kind == "table" else int(self.n_features_in_))

    @property
    def keras_estimator_(self) -> Any:
        """Fitted SciKeras estimator of the same network, usable by itself.

        It takes what ``encode_input`` returns, and computes the same bits, of a transformer up to
        rounding (``predict_proba`` of the learner makes them add up to 1 in float64). A ``fit`` of
        its own begins anew, with optimizer, ``batch_size`` and ``epochs`` of the learner, and no
        augmentation. It is made at the first use, and is not part of copies and pickles.

        Raises
        ------
        MissingExtraError
            If SciKeras is not installed; nothing else of a learner needs it.
        """
        check_is_fitted(self)
        require_keras()
        if "_wrapper" not in vars(self):
            from stackens.learners._scikeras import make_wrapper
            from stackens.networks import refuse_foreign_exports

            build = partial(_build_network, self._architecture, self._n_members)
            wrapper = make_wrapper(build, self)
            self._set_weights(wrapper.model_)
            refuse_foreign_exports(wrapper.model_)
            self._wrapper = wrapper
        return self._wrapper

    def to_keras(self) -> Any:
        """Return the network as a Keras model of Keras's own layers.

        It can be saved and loaded where this package is not installed, and exported to what other
        programs run. Its outputs are those of the network up to rounding in float32 (1e-5).

        Returns
        -------
        keras.Model
            With the same weights, not compiled. It takes what ``encode_input`` returns.

        Raises
        ------
        NotFittedError
            If there is no network yet.
        InvalidInputError
            If a network of yours has layers of this package that nothing of Keras computes.

        Examples
        --------
        >>> from stackens import StackedRNNClassifier
        >>> from stackens.datasets import load_digits_sequences
        >>> X, y = load_digits_sequences(return_X_y=True)
        >>> learner = StackedRNNClassifier(4, epochs=1, random_state=0).fit(X[:200], y[:200])
        >>> [type(layer).__name__ for layer in learner.to_keras().layers if layer.weights]
        ['LSTM', 'Dense']
        """
        check_is_fitted(self)
        model = self._build_model()
        from stackens.networks import make_plain

        return make_plain(model)

    def _build_model(self) -> Any:
        """Return the network as a Keras model."""
        require_keras()
        model = _build_network(self._architecture, self._n_members)
        self._set_weights(model)
        return model

    def _set_weights(self, model: Any) -> None:
        members = [model] if self._n_members == 1 else model.layers[1 : 1 + self._n_members]
        for member, weights in zip(members, self._weights_of_members(), strict=True):
            member.set_weights(weights)

    @property
    def n_parameters_(self) -> int:
        """Number of parameters of the network, embedding included."""
        check_is_fitted(self)
        return int(sum(w.size for w in self.weights_))

    # ---- scikit-learn --------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return "weights_" in vars(self)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_wrapper", None)  # a Keras model: made again from the weights when asked for
        return state

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        import copy

        made = type(self).__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update(copy.deepcopy(self.__getstate__(), memo))
        return made

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.non_deterministic = False
        tags.input_tags.three_d_array = True
        return tags


def _build_network(architecture: Architecture, n_members: int) -> Any:
    """Build a network, or several whose outputs are averaged."""
    if n_members == 1:
        return architecture.build()
    import keras

    members = [architecture.build() for _ in range(n_members)]
    for number, member in enumerate(members):
        member.name = f"{member.name}_member_{number}"
    inputs = keras.Input(members[0].inputs[0].shape[1:], dtype=members[0].inputs[0].dtype)
    return keras.Model(inputs, keras.layers.average([member(inputs) for member in members]))


def _is_one_network(learner: Any) -> bool:
    if learner.n_seeds != 1:
        raise AttributeError(
            f"`n_seeds={learner.n_seeds}` averages networks, which cannot go on with "
            "`partial_fit`. Set `n_seeds=1`."
        )
    return True


class NetworkClassifier(ClassifierMixin, NetworkLearner):
    """Base of the learners whose target is classes, or several labels."""

    _target_kind = ClassTarget
    _target: ClassTarget
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkLearner._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    @available_if(_is_one_network)
    @known_arguments
    @all_or_nothing
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one more epoch, going on from the present weights and optimizer state.

        Parameters
        ----------
        X, y
            As in ``fit``.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come; needed at the first call if ``y`` lacks any.
        sample_weight : array-like of shape (n_samples,), default=None
            As in ``fit``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``classes`` are others than at the first call, or lack a label of ``y``.
        """
        y = read_target(y)
        labels = ClassTarget.validate(y)
        if labels.ndim == 2:  # they are columns: all are there
            return self._partial_fit(X, y, sample_weight)
        if self.__sklearn_is_fitted__():
            known = self.classes_
            if classes is not None and not np.array_equal(np.unique(classes), known):
                raise ValueError(
                    f"`classes`={np.unique(classes).tolist()} is not the same as on the last "
                    f"call to partial_fit, was: {known.tolist()}."
                )
            classes = known
        if classes is not None:
            unknown = np.setdiff1d(labels, classes)
            if len(unknown):
                raise ValueError(f"`y` has labels that `classes` lacks: {unknown.tolist()}.")
        return self._partial_fit(X, y, sample_weight, classes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences as in ``fit``; except for tables, the number of timesteps may differ.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; of several labels the probability of each.
        """
        outputs = self._predict_outputs(X)  # refuses to, if it is not fitted
        return self._target.probabilities(outputs)

    def predict(self, X: Any) -> np.ndarray:
        """Predict classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences as in ``predict_proba``.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_labels) of 0 and 1
        """
        probabilities = self.predict_proba(X)
        return self._target.labels(probabilities)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class NetworkRegressor(RegressorMixin, NetworkLearner):
    """Base of the learners whose target is numbers."""

    _target_kind = ValueTarget
    _target: ValueTarget

    @available_if(_is_one_network)
    @known_arguments
    @all_or_nothing
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one more epoch, going on from the present weights and optimizer state.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences as in ``fit``; except for tables, the number of timesteps may differ.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._predict_outputs(X)  # refuses to, if it is not fitted
        return self._target.values(outputs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
