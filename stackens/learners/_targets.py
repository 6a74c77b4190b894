"""Targets: what a network is trained on, and what its outputs mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

from stackens.exceptions import InvalidInputError
from stackens.learners._routing import check_routed_names
from stackens.parameters import did_you_mean
from stackens.targets import check_numbers

# Name as in Keras -> the class that makes it, so that `loss__…` can set its arguments.
CLASSIFICATION_LOSSES = {
    "binary_crossentropy": "BinaryCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
}
REGRESSION_LOSSES = {
    "huber": "Huber",
    "log_cosh": "LogCosh",
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mean_squared_error": "MeanSquaredError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "poisson": "Poisson",
}
_LOSS_NAMES = {
    **{name.replace("_", ""): name for name in (*CLASSIFICATION_LOSSES, *REGRESSION_LOSSES)},
    "bce": "binary_crossentropy",  # these are Keras's own short names
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}

# Sums of probabilities that are nearer to 1 than this differ from it by rounding.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class ClassTarget:
    """Classes of a classifier and the outputs that stand for them."""

    classes: np.ndarray
    loss: Any  # name, function or object; None chooses by the number of classes
    n_outputs: int
    activation: str
    is_multilabel: ClassVar[bool] = False
    losses: ClassVar[Mapping[str, str]] = CLASSIFICATION_LOSSES
    what_stays: ClassVar[str] = "classes"

    @classmethod
    def learn(cls, y: np.ndarray, loss: Any, n_outputs: int | None = None) -> ClassTarget:
        """Find the classes in ``y`` of shape (n_samples,), and outputs that suit the loss."""
        loss = find_loss(loss)
        if y.ndim == 2:
            return MultilabelTarget.of(y.shape[1], loss)
        classes = np.unique(y)
        if len(classes) < 2:
            raise InvalidInputError(
                f"A classifier needs rows of at least 2 classes; `y` has only 1 class: "
                f"{classes.tolist()}."
            )
        _check_of_probabilities(loss)
        is_binary, name = len(classes) == 2, loss_name(loss)
        if n_outputs is None:
            wants_one = name.startswith("binary") or (loss is None and is_binary)
            n_outputs = 1 if wants_one else len(classes)
        if n_outputs == 1 and "categorical" in name:
            raise InvalidInputError(
                f"`loss`={name!r} compares one output for each class; the network has only one. "
                "Leave `loss` at None, or give the network a softmax unit for each class."
            )
        if n_outputs == 1 and not is_binary:
            raise InvalidInputError(
                f"`loss`={loss!r} is for 2 classes; `y` has {len(classes)}. Leave `loss` at "
                "None, or choose a categorical one."
            )
        if loss is None:
            loss = "binary_crossentropy" if n_outputs == 1 else "sparse_categorical_crossentropy"
        return cls(classes, loss, n_outputs, "sigmoid" if n_outputs == 1 else "softmax")

    @property
    def attributes(self) -> dict[str, Any]:
        """What an estimator says of it, by names of attributes."""
        return {"classes_": self.classes}

    @property
    def told(self) -> str:
        """The classes, for messages."""
        return str(self.classes.tolist())

    def is_of(self, other: Target) -> bool:
        """Whether a network for another target can go on with this one."""
        return type(self) is type(other) and np.array_equal(self.classes, other.classes)

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Turn labels into what the loss compares with outputs; unknown labels into anything."""
        codes = np.searchsorted(self.classes, y).clip(0, len(self.classes) - 1)
        if self.n_outputs == 1:
            return codes.astype("float32")[:, None]
        if loss_name(self.loss).startswith("sparse"):
            return codes.astype("int32")
        return np.eye(len(self.classes), dtype="float32")[codes]

    def mixable(self) -> ClassTarget:
        """Return the same target in an encoding of which there are mixtures.

        Raises
        ------
        InvalidInputError
            If the loss compares with the numbers of classes, and only that.
        """
        if not loss_name(self.loss).startswith("sparse") or self.n_outputs == 1:
            return self
        if self.loss != "sparse_categorical_crossentropy":
            raise InvalidInputError(
                f"`mixup` needs a loss that compares with probabilities; got {self.loss!r}, which "
                "takes the number of a class. Leave `loss` at None, or use "
                "'categorical_crossentropy'."
            )
        return replace(self, loss="categorical_crossentropy")

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into an array of shape (n_samples, n_classes)."""
        if self.n_outputs == 1:
            return np.concatenate([1 - outputs, outputs], axis=1)
        # A softmax in float32 adds up to 1 in float32; scorers look closer.
        total = outputs.sum(axis=1, keepdims=True)
        return np.where(np.abs(total - 1) < _ROUNDING, outputs / total, outputs)

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """Turn probabilities into classes of shape (n_samples,)."""
        return self.classes[probabilities.argmax(axis=1)]

    def with_outputs(self, loss: Any, n_outputs: int) -> ClassTarget:
        """Return the same classes for a network with so many outputs."""
        return ClassTarget.learn(self.classes, loss, n_outputs)

    @staticmethod
    def validate(y: Any) -> np.ndarray:
        """Return ``y`` as an array of shape (n_samples,), or (n_samples, n_labels) of 0 and 1."""
        if getattr(y, "ndim", 2) == 2 and type_of_target(y) == "multilabel-indicator":
            return np.asarray(y).astype(int)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return y

    @staticmethod
    def strata(y: np.ndarray) -> np.ndarray | None:
        """Return what each row is, so that all kinds are held out; None of several labels."""
        return y if y.ndim == 1 else None

    @staticmethod
    def weight(class_weight: Any, y: np.ndarray) -> np.ndarray | None:
        """Return the weight of each row that its class gives it."""
        return None if class_weight is None else compute_sample_weight(class_weight, y)


@dataclass(frozen=True)
class MultilabelTarget(ClassTarget):
    """Labels of which a row may have any number: one sigmoid output for each."""

    is_multilabel: ClassVar[bool] = True

    @classmethod
    def of(cls, n_labels: int, loss: Any) -> MultilabelTarget:
        """Make a target of so many labels."""
        loss = find_loss(loss)
        _check_of_probabilities(loss)
        name = loss_name(loss)
        if "categorical" in name or (isinstance(loss, str) and not name.startswith("binary")):
            raise InvalidInputError(
                f"`loss`={loss!r} is for one class a row; `y` has several labels. Leave `loss` at "
                "None, or choose a binary one."
            )
        return cls(np.arange(n_labels), loss or "binary_crossentropy", n_labels, "sigmoid")

    @property
    def told(self) -> str:
        """How many labels there are, for messages."""
        return f"{self.n_outputs} labels a row"

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return ``y`` as float32."""
        return y.astype("float32")

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probability of each label."""
        return outputs

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """Return 0 and 1 of shape (n_samples, n_labels)."""
        return (probabilities > 0.5).astype(int)

    def with_outputs(self, loss: Any, n_outputs: int) -> ClassTarget:
        """Return the target itself."""
        return self


@dataclass(frozen=True)
class ValueTarget:
    """Numbers that a regressor predicts."""

    loss: Any
    n_outputs: int
    is_flat: bool  # y was (n_samples,)
    activation: str = "linear"
    losses: ClassVar[Mapping[str, str]] = REGRESSION_LOSSES
    what_stays: ClassVar[str] = "number of targets"

    @classmethod
    def learn(cls, y: np.ndarray, loss: Any) -> ValueTarget:
        """Count the outputs of ``y``."""
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        return cls(find_loss(loss) or "mean_squared_error", n_outputs, y.ndim == 1)

    @property
    def attributes(self) -> dict[str, Any]:
        """What an estimator says of it, by names of attributes."""
        return {"n_outputs_": self.n_outputs}

    @property
    def told(self) -> str:
        """How many numbers a row has, for messages."""
        return str(self.n_outputs)

    def is_of(self, other: Target) -> bool:
        """Whether a network for another target can go on with this one."""
        return isinstance(other, ValueTarget) and self.n_outputs == other.n_outputs

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return ``y`` as float32 of shape (n_samples, n_outputs)."""
        return y.reshape(len(y), -1).astype("float32")

    def mixable(self) -> ValueTarget:
        """Return it as it is: numbers have mixtures."""
        return self

    def values(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into (n_samples,) or (n_samples, n_outputs), as in training."""
        return outputs[:, 0] if self.is_flat else outputs

    @staticmethod
    def validate(y: Any) -> np.ndarray:
        """Return ``y`` as an array of finite numbers, 1-D or 2-D."""
        check_numbers(y)
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y

    @staticmethod
    def strata(y: np.ndarray) -> np.ndarray | None:
        """Return None: any rows are held out."""
        return None


Target = ClassTarget | ValueTarget


def find_loss(loss: Any) -> Any:
    """Return the name of a loss that is spelled in one of Keras's ways; anything else as it is.

    Keras knows a loss by its name (``"mean_squared_error"``), by a short one (``"mse"``), by that
    of its class, and as the class itself.
    """
    if isinstance(loss, type):
        import keras

        is_known = getattr(keras.losses, loss.__name__, None) is loss
        return find_loss(loss.__name__) if is_known else loss()
    if isinstance(loss, str):
        return _LOSS_NAMES.get(loss.replace("_", "").lower(), loss)
    return loss


def loss_name(loss: Any) -> str:
    """Return the name by which Keras knows a loss: of a name, a function or an object; "" of none.

    Parameters
    ----------
    loss : str, callable or None
        An object's own ``name`` says nothing, as its user may have chosen it.

    Returns
    -------
    str
    """
    if loss is None or isinstance(loss, str):
        return loss or ""
    for cls in type(loss).__mro__:
        if cls.__module__.partition(".")[0] == "keras" and cls.__name__.lower() in _LOSS_NAMES:
            return _LOSS_NAMES[cls.__name__.lower()]
    return str(getattr(loss, "__name__", getattr(loss, "name", "")))


def _check_of_probabilities(loss: Any) -> None:
    """Refuse a loss that compares with something else than probabilities, which are predicted."""
    of_logits = hasattr(loss, "get_config") and loss.get_config().get("from_logits")
    if of_logits or "hinge" in loss_name(loss):
        what = "`from_logits=True`" if of_logits else "a hinge loss"
        raise InvalidInputError(
            f"A classifier predicts the outputs of its network as probabilities; got {what}. End "
            "the network with a sigmoid or softmax activation, and use a cross-entropy of these."
        )


def choose_loss(target: Target, options: dict[str, Any]) -> Any:
    """Return the Keras loss of a target, made with the settings ``loss__…``."""
    import keras

    loss, known = target.loss, target.losses
    if not isinstance(loss, str):
        if options:
            raise InvalidInputError("`loss__…` needs a `loss` given by name.")
        return loss
    if loss not in known:
        raise InvalidInputError(
            f"`loss` must be one of {sorted(known)}, or a function; got {loss!r}."
            f"{did_you_mean(loss, known)}"
        )
    cls = getattr(keras.losses, known[loss])
    if options:
        check_routed_names("loss", options, cls)
    made = cls(**options)
    if loss in CLASSIFICATION_LOSSES:
        _check_of_probabilities(made)
    return made
