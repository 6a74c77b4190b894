"""The one file that imports SciKeras: fitted wrappers of ours, and objects of the user's.

Importing SciKeras changes ``keras.Model.__reduce__`` for the whole process, which is why it
happens late and here only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import FunctionType
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import _check_sample_weight, _num_samples, check_is_fitted

from stackens.exceptions import InvalidInputError, MissingExtraError
from stackens.learners._targets import choose_loss, loss_name
from stackens.training import (
    PREDICTION_BLOCK,
    Architecture,
    CallbackSupportMixin,
    HoldOut,
    Job,
    Optimizer,
    TrainedNetwork,
    predict,
    prepare_prediction,
    require_keras,
    train,
)

try:
    from scikeras.wrappers import KerasClassifier, KerasRegressor
except ImportError as error:
    raise MissingExtraError(
        "`keras_estimator_`, and SciKeras's estimators as learners, need SciKeras, which cannot be "
        f"imported: {error}. Install it with: pip install scikeras. Everything else works without."
    ) from error


_MOST_VALUES = 10_000_000  # of one row of input


class _AnyLength:
    """SciKeras accepts one number of timesteps only; a recurrent network takes any."""

    X_shape_: tuple[int, ...]

    def _validate_data(self, X: Any = None, y: Any = None, reset: bool = False, **kw: Any) -> Any:
        if X is not None and not reset and hasattr(self, "X_shape_"):
            X = np.asarray(X)
            if X.ndim > 1:
                self.X_shape_ = (self.X_shape_[0], X.shape[1], *self.X_shape_[2:])
        return super()._validate_data(X, y, reset=reset, **kw)  # type: ignore[misc]

    def _predict_raw(self, X: Any, **kwargs: Any) -> Any:
        # A matrix product rounds by its shape: whole blocks make a row's bits its own.
        X = np.asarray(X)
        padded = np.concatenate([X, np.repeat(X[-1:], -len(X) % PREDICTION_BLOCK, axis=0)])
        kwargs.setdefault("batch_size", PREDICTION_BLOCK)
        return super()._predict_raw(padded, **kwargs)[: len(X)]  # type: ignore[misc]

    def __sklearn_tags__(self) -> Any:
        # SciKeras has the tags of scikit-learn before 1.6 only.
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.three_d_array = True
        return tags


class _AnyLengthClassifier(_AnyLength, KerasClassifier):
    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags(multi_label=True)
        return tags


class _AnyLengthRegressor(_AnyLength, KerasRegressor):
    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.regressor_tags = RegressorTags()
        return tags


def make_wrapper(build: Any, learner: Any) -> KerasClassifier | KerasRegressor:
    """Put the network of a learner into a fitted SciKeras estimator.

    Parameters
    ----------
    build : functools.partial
        Builds the network; a fit of the wrapper begins with what it returns.
    learner : NetworkLearner
        A fitted learner.

    Returns
    -------
    KerasClassifier or KerasRegressor
        Fitted, without having trained: its ``model_`` has no weights of the learner yet.
    """
    is_classifier = isinstance(learner, ClassifierMixin)
    optimizer = learner._make_optimizer()
    wrapper = (_AnyLengthClassifier if is_classifier else _AnyLengthRegressor)(
        build,
        loss=choose_loss(learner._target, learner._routed("loss")),
        optimizer=learner.optimizer,
        optimizer__learning_rate=optimizer.learning_rate,
        **{f"optimizer__{name}": value for name, value in optimizer.options.items()},
        batch_size=learner.batch_size,
        epochs=learner.epochs,
        verbose=0,
    )
    if is_classifier:
        is_multilabel = learner._target.is_multilabel
        y = np.eye(len(learner.classes_), dtype=int) if is_multilabel else learner.classes_
    else:
        y = np.zeros((2, learner.n_outputs_), "float32")
        y = y[:, 0] if learner._target.is_flat else y
    inputs = build().inputs[0]
    shape = tuple(1 if size is None else size for size in inputs.shape[1:])
    return wrapper.initialize(np.zeros((len(y), *shape), inputs.dtype), y)


def wrap(estimator: KerasClassifier | KerasRegressor) -> SciKerasClassifier | SciKerasRegressor:
    """Turn a user's SciKeras object into a learner of ours."""
    is_classifier = isinstance(estimator, KerasClassifier)
    return (SciKerasClassifier if is_classifier else SciKerasRegressor)(estimator)


def describe_wrapper(wrapper: Any) -> dict[str, Any] | None:
    """Describe what a user's SciKeras object has learnt: what builds its model, and arrays."""
    model = wrapper.model if wrapper.model is not None else wrapper.build_fn
    if not isinstance(model, FunctionType):
        raise InvalidInputError(
            f"A file can hold a {type(wrapper).__name__} if its `model` is a function, which "
            f"builds the network anew; got {type(model).__name__}. Write the function, or use a "
            "KerasNetworkClassifier or KerasNetworkRegressor."
        )
    if not hasattr(wrapper, "model_"):
        return None
    is_classifier = isinstance(wrapper, KerasClassifier)
    return {
        "weights": wrapper.model_.get_weights(),
        "history": {name: list(values) for name, values in wrapper.history_.items()},
        "shape": [int(size) for size in wrapper.X_shape_[1:]],
        "dtypes": [np.dtype(wrapper.X_dtype_), np.dtype(wrapper.y_dtype_)],
        "classes": np.asarray(wrapper.classes_) if is_classifier else None,
        "n_outputs": None if is_classifier or wrapper.y_ndim_ == 1 else int(wrapper.n_outputs_),
    }


def restore_wrapper(wrapper: Any, saved: Mapping[str, Any]) -> None:
    """Do the reverse: the trusted function builds the model, the file has its weights."""
    shape, weights, (dtype, y_dtype) = saved["shape"], saved["weights"], saved["dtypes"]
    if not all(type(size) is int and 0 < size <= _MOST_VALUES for size in shape):
        raise ValueError(f"input of shape {shape}")
    if math.prod(shape) > _MOST_VALUES:
        raise ValueError(f"input of shape {shape}")
    if isinstance(wrapper, KerasClassifier):
        y = np.asarray(saved["classes"])
    else:
        n_outputs = saved["n_outputs"]
        y = np.zeros(2, y_dtype) if n_outputs is None else np.zeros((2, n_outputs), y_dtype)
    wrapper.initialize(np.zeros((len(y), *shape), dtype), y)
    found, expected = [a.shape for a in weights], [a.shape for a in wrapper.model_.get_weights()]
    if found != expected:
        raise ValueError(f"weights of shapes {found}; the function builds a model of {expected}")
    wrapper.model_.set_weights(weights)
    wrapper.history_ = dict(saved["history"])


class _SciKerasLearner(BaseEstimator, CallbackSupportMixin):
    """A SciKeras object that trains as towers, and whose outputs always have the right shape.

    What the user set on the object holds: model, loss, optimizer, epochs, batch size, validation
    split, callbacks, class weights, random state. ``warm_start`` does not: a job starts anew.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        (trained,) = train([self.plan_job(X, y, sample_weight=sample_weight)])
        return self.adopt(trained)

    def plan_job(
        self,
        X: Any,
        y: Any,
        *,
        rows: Any = None,
        sample_weight: Any = None,
        hold_out: HoldOut | None = None,
        name: str = "",
    ) -> Job:
        require_keras()
        y = np.asarray(y)
        rows = np.arange(_num_samples(X)) if rows is None else np.asarray(rows)
        wrapper = clone(self.estimator)
        X = np.asarray(X)
        wrapper.initialize(X[rows], y[rows])
        wrapper._ensure_compiled_model()
        self._wrapper, self._seed = wrapper, _seed_of(wrapper)
        fraction = float(_setting(wrapper, "validation_split", 0.0))
        training, validation = rows, None
        if fraction:
            training, validation = (hold_out or _split_like_keras)(rows, fraction, self._seed)
        model = wrapper.model_
        return Job(
            architecture=self._architecture(),
            X=wrapper.feature_encoder_.transform(X),
            y=self._encode_target(wrapper, y, rows),
            loss=model.loss,
            optimizer=_describe_optimizer(model.optimizer),
            seed=self._seed,
            epochs=_setting(wrapper, "epochs", 1),
            batch_size=_batch_size(wrapper, len(training)),
            rows=training,
            validation_rows=validation,
            sample_weight=_row_weights(wrapper, X, y, rows, sample_weight),
            initial_weights=model.get_weights(),
            shuffle=bool(_setting(wrapper, "shuffle", True)),
            callbacks=tuple(wrapper._fit_callbacks or ()),
            name=name or type(wrapper).__name__,
        )

    def adopt(self, trained: TrainedNetwork) -> Self:
        wrapper = self.__dict__.pop("_wrapper")
        wrapper.model_.set_weights(trained.weights)
        wrapper.history_ = trained.history
        self.estimator_ = wrapper
        self.history_ = trained.history
        self.n_features_in_ = wrapper.n_features_in_
        return self

    def _architecture(self) -> Architecture:
        wrapper = vars(self).get("_wrapper") or self.estimator_
        return Architecture.from_model(wrapper.model_, origin=wrapper.model)

    def _predict_outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        if "_predictor" not in vars(self):
            self._predictor = (self._architecture(), self.estimator_.model_.get_weights())
        X = np.asarray(X).astype(self.estimator_.X_dtype_, copy=False)
        return predict(*self._predictor, self.estimator_.feature_encoder_.transform(X))

    def prepare_prediction(self) -> None:
        """Trace the program that predicts."""
        prepare_prediction(self._architecture(), tuple(self.estimator_.X_shape_[1:]))

    @property
    def keras_estimator_(self) -> Any:
        """The fitted SciKeras object."""
        check_is_fitted(self)
        return self.estimator_

    @property
    def n_parameters_(self) -> int:
        """Number of parameters of the network."""
        check_is_fitted(self)
        return int(self.estimator_.model_.count_params())

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_predictor", None)
        return state

    @staticmethod
    def _encode_target(wrapper: Any, y: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return _as_columns(wrapper.target_encoder_.transform(y))


class SciKerasClassifier(ClassifierMixin, _SciKerasLearner):
    """A ``scikeras.wrappers.KerasClassifier`` as a learner of a stack."""

    @staticmethod
    def _encode_target(wrapper: Any, y: np.ndarray, rows: np.ndarray) -> np.ndarray:
        # The encoder refuses classes that only rows outside this fold have; those are not used.
        known = np.isin(y, y[rows])
        encoded = wrapper.target_encoder_.transform(np.where(known, y, y[rows][0]))
        is_sparse = loss_name(wrapper.model_.loss).startswith("sparse")
        return encoded if is_sparse else _as_columns(encoded)

    @property
    def classes_(self) -> np.ndarray:
        """Class labels."""
        return self.estimator_.classes_

    def predict_proba(self, X: Any) -> np.ndarray:
        outputs = self._predict_outputs(X)
        if outputs.shape[1] == 1:
            outputs = np.concatenate([1 - outputs, outputs], axis=1)
        return outputs

    def predict(self, X: Any) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class SciKerasRegressor(RegressorMixin, _SciKerasLearner):
    """A ``scikeras.wrappers.KerasRegressor`` as a learner of a stack."""

    def predict(self, X: Any) -> np.ndarray:
        outputs = self._predict_outputs(X)
        return outputs[:, 0] if self.estimator_.y_ndim_ == 1 else outputs


def _as_columns(y: np.ndarray) -> np.ndarray:
    return np.asarray(y, "float32").reshape(len(y), -1)


def _setting(wrapper: Any, name: str, default: Any) -> Any:
    """Read a setting of ``fit``; the routed spelling wins, as in SciKeras."""
    params = wrapper.get_params()
    value = params.get(f"fit__{name}", params.get(name))
    return default if value is None else value


def _batch_size(wrapper: Any, n_rows: int) -> int:
    size = int(_setting(wrapper, "batch_size", 32))
    return n_rows if size == -1 else min(size, n_rows)  # SciKeras: -1 is all rows


def _split_like_keras(
    rows: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    n_training = int(len(rows) * (1 - fraction))  # Keras holds out the last rows
    return rows[:n_training], rows[n_training:]


def _seed_of(wrapper: Any) -> int:
    state = wrapper.random_state
    if isinstance(state, (int, np.integer)):
        return int(state)
    rng = state if isinstance(state, np.random.RandomState) else np.random.mtrand._rand
    return int(rng.randint(np.iinfo(np.int32).max))


def _describe_optimizer(optimizer: Any) -> Optimizer:
    config = optimizer.get_config()
    rate = config.pop("learning_rate")
    if isinstance(rate, dict):  # a schedule
        rate = optimizer._learning_rate
    config.pop("name")
    return Optimizer(type(optimizer).__name__, rate, config)


def _row_weights(
    wrapper: Any, X: np.ndarray, y: np.ndarray, rows: np.ndarray, sample_weight: Any
) -> np.ndarray | None:
    class_weight = getattr(wrapper, "class_weight", None)
    if sample_weight is None and class_weight is None:
        return None
    weights = _check_sample_weight(sample_weight, X, dtype=np.float32).copy()
    if class_weight is not None:
        weights[rows] *= compute_sample_weight(class_weight, y[rows])
    return weights
