"""What students of stacks have in common: the teacher, its targets, and how they predict."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    clone,
    is_classifier,
)
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import _num_samples, check_is_fitted

from stackens.ensemble._fit import adapt_learner, last_step
from stackens.ensemble._stack import Stack
from stackens.ensemble.distillation._soft_targets import out_of_fold_targets
from stackens.exceptions import InvalidInputError
from stackens.parameters import draw_seed, fill_seeds, stream
from stackens.targets import (
    check_rows,
    read_groups,
    read_target,
    read_weights,
    refuse_several_inputs,
)

_SHARE = Interval(Real, 0, 1, closed="both")


class Distilled(MetaEstimatorMixin, BaseEstimator):
    """What both have in common: the teacher, its targets, and delegation to the student."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "teacher": [HasMethods("fit")],
        "student": [HasMethods("fit")],
        "label_weight": [_SHARE],
        "prefit": ["boolean"],
        "random_state": ["random_state"],
    }

    teacher: Any
    student: Any
    prefit: bool
    random_state: Any

    def _check_parts(self, student: Any) -> None:
        """Refuse a teacher that is no stack, or not fitted, and parts that predict another kind."""
        if not isinstance(self.teacher, Stack):
            raise InvalidInputError(
                "`teacher` must be a stack, which has out-of-fold predictions; got "
                f"{type(self.teacher).__name__}. A single learner can be the only one of a stack."
            )
        if isinstance(self.teacher.cv, str):
            raise InvalidInputError(
                "`teacher` must have out-of-fold predictions, which `cv='prefit'` has not: what it "
                "says of rows that it has learnt by heart is no lesson. Use another `cv`."
            )
        is_of_classes = is_classifier(self)
        for name, part in (("teacher", self.teacher), ("student", student)):
            if is_classifier(part) != is_of_classes:
                wanted, other = ("classifier", "Regressor"), ("regressor", "Classifier")
                kind, sibling = wanted if is_of_classes else other
                raise InvalidInputError(
                    f"`{name}` must be a {kind}; got {type(last_step(part)).__name__}. Give one, "
                    f"or use Distilled{sibling}."
                )
        if self.prefit:
            check_is_fitted(
                self.teacher,
                msg="`prefit=True` says that `teacher` is fitted, and it is not. Fit it, or set "
                "`prefit=False`.",
            )

    def _check_hold_out(self, student: Any, y: Any, X_unlabelled: Any) -> None:
        """Refuse a student's early stopping on these rows before its teacher is trained.

        Unlabelled rows are held out like the others, and have their classes from the teacher.
        """
        last = adapt_learner(last_step(student))
        if X_unlabelled is None and hasattr(last, "check_hold_out"):
            last.check_hold_out(y)

    def _read(self, X: Any, y: Any, groups: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Check what comes with the rows; return the target, groups and weights."""
        y = read_target(y)
        refuse_several_inputs(X, y)
        check_rows(X, y, sample_weight)
        return y, read_groups(X, groups), read_weights(sample_weight)

    def _fit_teacher(self, X: Any, y: Any, groups: Any, sample_weight: Any) -> np.ndarray:
        """Set the fitted teacher; return its out-of-fold targets."""
        n_rows = _num_samples(X)
        if self.prefit:
            self._check_prefit(n_rows, y)
            self.teacher_ = self.teacher
        else:
            metadata = {"groups": groups, "sample_weight": sample_weight}
            given = {name: value for name, value in metadata.items() if value is not None}
            self.teacher_ = self._seeded("teacher").fit(X, y, **given)
        return out_of_fold_targets(self.teacher_, n_rows)

    def _check_prefit(self, n_rows: int, y: Any) -> None:
        kept, coverage = self.teacher.out_of_fold_predictions_, self.teacher.coverage_
        if len(coverage) != n_rows or not _are_equal(np.asarray(y)[kept.row_index], kept.y):
            raise InvalidInputError(
                "With `prefit=True`, `X` and `y` must be the rows that `teacher` was fitted on, in "
                f"the same order: {len(coverage)} rows, whose targets it has kept; got {n_rows} "
                f"rows{'' if len(coverage) != n_rows else ' with other targets'}. Folds of a "
                "cross-validation are other rows: it needs `prefit=False`."
            )

    def _seeded(self, part: str) -> Any:
        """Return a copy of teacher or student; what has no seed gets one from ours."""
        copy = clone(getattr(self, part))
        if self.random_state is None:
            return copy
        if not hasattr(self, "_seed"):
            self._seed = draw_seed(self.random_state)
        return fill_seeds(copy, stream(self._seed, part).integers)

    def predict(self, X: Any) -> np.ndarray:
        """Predict by the student alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        return np.asarray(self.student_.predict(X))

    @property
    def n_features_in_(self) -> int:
        """Number of features that the student counts."""
        if "student_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} object has no attribute n_features_in_")
        return int(self.student_.n_features_in_)

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns, if the student has seen any."""
        if "student_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} object has no attribute feature_names_in_")
        return self.student_.feature_names_in_

    def __sklearn_clone__(self) -> Any:
        """Return an unfitted copy; a teacher that is to be fitted already stays so."""
        copy = super().__sklearn_clone__()
        if self.prefit:
            copy.teacher = self.teacher
        return copy

    def __sklearn_is_fitted__(self) -> bool:
        return "student_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(adapt_learner(self.student)).input_tags
        tags.target_tags.required = True
        return tags


def _are_equal(given: np.ndarray, kept: np.ndarray) -> bool:
    """Whether targets are the same; one target may come as a column."""
    return given.size == kept.size and np.array_equal(given.reshape(kept.shape), kept)
