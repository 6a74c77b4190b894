"""What the meta-learners that weigh learners have in common: whose column is whose."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from stackens.exceptions import InvalidInputError
from stackens.parameters import all_or_nothing, known_arguments
from stackens.targets import check_numbers, read_target, read_weights

_KINDS = {
    "predict_proba": "probability",
    "decision_function": "decision",
    "logit": "decision",  # softmax gives the probabilities back
}
_SUM_TOLERANCE = 1e-3  # float32 softmax, and averages of it


class TakesBlocksMixin:
    """For a final estimator that has to know which columns are whose."""

    def set_level_one_blocks(
        self, blocks: Mapping[str, slice], methods: Mapping[str, str] | None = None
    ) -> Self:
        """Say which columns of ``X`` belong to which learner, before ``fit``.

        A stack calls this on its clone of the final estimator. Columns in no block (those of
        ``passthrough``) are left out. It is no parameter: ``clone`` forgets it.

        Parameters
        ----------
        blocks : mapping of str to slice
            Columns of each learner, by its name, in the order of the learners.
        methods : mapping of str to str, default=None
            What each learner predicts with: "predict_proba", "decision_function" or "predict".
            None looks at the values.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If there is no block, or one is no slice of at least one column.
        """
        for name, block in blocks.items():
            if not isinstance(block, slice) or block.step not in (None, 1):
                raise InvalidInputError(f"Block {name!r} must be slice(start, stop); got {block}.")
            if not 0 <= (block.start or 0) < (block.stop or 0):
                raise InvalidInputError(f"Block {name!r} must hold a column; got {block}.")
        if not blocks:
            raise InvalidInputError("`blocks` must name at least one learner; it is empty.")
        self._declared_blocks = {k: slice(b.start or 0, b.stop) for k, b in blocks.items()}
        self._declared_methods = dict(methods or {})
        return self


class _Blend(TakesBlocksMixin, BaseEstimator, ABC):
    """A weight for each learner; the weights are at least 0 and sum to 1."""

    def _find_blocks(self, n_columns: int, width: int | None) -> dict[str, slice]:
        """Return the declared blocks, or as many of one width as there are."""
        declared = getattr(self, "_declared_blocks", None)
        if declared is None:
            width = width or 1
            starts = range(0, n_columns, width)
            return {f"learner_{i}": slice(s, s + width) for i, s in enumerate(starts)}
        last = max(block.stop for block in declared.values())
        if last > n_columns:
            raise InvalidInputError(
                f"The declared blocks reach to column {last}, but `X` has {n_columns} columns."
            )
        return dict(declared)

    def _set_weights(self, weights: np.ndarray) -> None:
        self.weights_ = {name: float(w) for name, w in zip(self.blocks_, weights, strict=True)}

    def _mix(self, outputs: np.ndarray) -> np.ndarray:
        """Average ``outputs`` of shape (n_learners, …) by the weights."""
        return np.tensordot(list(self.weights_.values()), outputs, axes=1)


def row_weights(sample_weight: Any, X: np.ndarray) -> np.ndarray:
    weights: np.ndarray = _check_sample_weight(
        read_weights(sample_weight), X, dtype=np.float64, ensure_non_negative=True
    )
    if not weights.any():
        raise InvalidInputError("`sample_weight` is zero for every row; one must be positive.")
    return weights


# How a learner's columns become probabilities, found in `fit` and used ever after: the columns,
# "probability", "decision" or "vote", and whether a stack said whose they are.
Form = tuple[slice, str, bool]


def _probabilities(form: Form, X: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return an array of shape (n_samples, n_classes)."""
    columns, kind, declared = form
    block = X[:, columns]
    if kind == "vote":
        return _votes(block[:, 0], classes, declared)
    if block.shape[1] == 1:
        second = block if kind == "probability" else expit(block)
        return np.hstack([1 - second, second])
    if kind == "decision":
        block = softmax(block, axis=1)
    if block.shape[1] == len(classes):
        return block
    # Level 1 saw only some classes; their codes are the columns.
    block = block[:, classes.astype(int)]
    total = block.sum(axis=1, keepdims=True)
    return np.where(total > 0, block / np.where(total > 0, total, 1), 1 / len(classes))


def _votes(codes: np.ndarray, classes: np.ndarray, declared: bool) -> np.ndarray:
    if not declared:
        codes = classes[np.clip(np.rint(codes), 0, len(classes) - 1).astype(int)]
    return (codes[:, np.newaxis] == classes).astype(float)


class BlendClassifier(ClassifierMixin, _Blend):
    """Weighted average of the learners' probabilities; a subclass chooses the weights."""

    @abstractmethod
    def _choose_weights(
        self, outputs: np.ndarray, codes: np.ndarray, sample_weight: np.ndarray | None
    ) -> np.ndarray:
        """Return a weight for each learner.

        Parameters
        ----------
        outputs : ndarray of shape (n_learners, n_samples, n_classes)
            Probabilities.
        codes : ndarray of int of shape (n_samples,)
            Place of each row's class in ``classes_``.
        sample_weight : ndarray of shape (n_samples,) or None
            None where the caller gave none.
        """

    @known_arguments
    @all_or_nothing
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Choose the weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Outputs of the learners side by side. For two classes, one column for each learner; for
            more, one column for each class, or one with predicted classes. Unless a stack said
            whose columns they are, every ``n_classes`` columns are a learner, or every column if
            that does not come out even. Decision values, or logits, are made probabilities by
            softmax; unless a stack said what they are, a block is taken for such if its rows do
            not lie in [0, 1] and sum to 1.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If there is only one class, or blocks do not fit the classes.
        """
        X, y = validate_data(self, X, read_target(y), dtype=np.float64)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        weights = row_weights(sample_weight, X)
        n_seen = len(np.unique(codes[weights > 0]))
        if n_seen < 2:
            raise InvalidInputError(
                f"{type(self).__name__} needs rows of at least 2 classes, of positive weight; got "
                f"{n_seen} class."
            )
        n_classes = len(self.classes_)
        even = n_classes > 2 and X.shape[1] % n_classes == 0
        self.blocks_ = self._find_blocks(X.shape[1], n_classes if even else None)
        self._forms = [
            self._find_form(name, block, X[weights > 0]) for name, block in self.blocks_.items()
        ]
        outputs = self._read(X)
        given = None if sample_weight is None else weights
        self._set_weights(self._choose_weights(outputs, codes, given))
        return self

    def _find_form(self, name: str, columns: slice, X: np.ndarray) -> Form:
        block = X[:, columns]
        width, n_classes = block.shape[1], len(self.classes_)
        declared = hasattr(self, "_declared_blocks")
        if width == 1 and n_classes > 2:
            if declared and not np.isin(block, self.classes_).all():
                raise InvalidInputError(
                    f"Learner {name!r} has one column for {n_classes} classes, which must hold "
                    f"predicted classes; got {block[~np.isin(block, self.classes_)][0]}."
                )
            return columns, "vote", declared
        if width not in (1, n_classes) and not _are_codes(self.classes_, width):
            raise InvalidInputError(
                f"Learner {name!r} has {width} columns; expected 1, or one for each of the "
                f"{n_classes} classes."
            )
        told = getattr(self, "_declared_methods", {}).get(name)
        if told in _KINDS:
            return columns, _KINDS[told], declared
        inside = block.min() >= 0 and block.max() <= 1
        sums_to_one = width == 1 or np.abs(block.sum(axis=1) - 1).max() <= _SUM_TOLERANCE
        return columns, "probability" if inside and sums_to_one else "decision", declared

    def _read(self, X: np.ndarray) -> np.ndarray:
        return np.stack([_probabilities(form, X, self.classes_) for form in self._forms])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Average the learners' probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Outputs of the learners as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self._mix(self._read(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Outputs of the learners as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # On a table that holds no predictions, an average of its columns predicts nothing.
        tags.classifier_tags.poor_score = True
        return tags


def _are_codes(classes: np.ndarray, width: int) -> bool:
    """Whether the classes are column numbers of a wider block."""
    whole = classes.dtype.kind in "iu"
    return bool(
        whole and width > 1 and len(classes) < width and 0 <= classes[0] <= classes[-1] < width
    )


class BlendRegressor(RegressorMixin, _Blend):
    """Weighted average of the learners' predictions; a subclass chooses the weights."""

    @abstractmethod
    def _choose_weights(
        self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None
    ) -> np.ndarray:
        """Return a weight for each learner.

        Parameters
        ----------
        outputs : ndarray of shape (n_learners, n_samples, n_outputs)
            Predictions.
        y : ndarray of shape (n_samples, n_outputs)
            Target.
        sample_weight : ndarray of shape (n_samples,) or None
            None where the caller gave none.
        """

    @known_arguments
    @all_or_nothing
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Choose the weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Predictions of the learners side by side, each as wide as ``y``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If a learner has not as many columns as ``y``.
        """
        y = read_target(y)
        check_numbers(y)
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        weights = row_weights(sample_weight, X)
        self._y_ndim, width = y.ndim, 1 if y.ndim == 1 else y.shape[1]
        self.blocks_ = self._find_blocks(X.shape[1], width)
        for name, block in self.blocks_.items():
            found = min(block.stop, X.shape[1]) - block.start
            if found != width:
                raise InvalidInputError(
                    f"Learner {name!r} has {found} column(s); expected {width}, as many as `y`."
                )
        outputs = self._read(X)
        given = None if sample_weight is None else weights
        target = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        self._set_weights(self._choose_weights(outputs, target, given))
        return self

    def _read(self, X: np.ndarray) -> np.ndarray:
        return np.stack([X[:, block] for block in self.blocks_.values()])

    def predict(self, X: Any) -> np.ndarray:
        """Average the learners' predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Predictions of the learners as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        mixed = self._mix(self._read(X))
        return mixed[:, 0] if self._y_ndim == 1 else mixed

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.regressor_tags.poor_score = True
        return tags
