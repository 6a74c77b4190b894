"""One small regressor that learns from a whole stack of regressors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import (
    RegressorMixin,
    _fit_context,
)
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import _routing_enabled
from sklearn.utils.validation import has_fit_parameter

from stackens.ensemble._fit import adapt_learner
from stackens.ensemble.distillation._distilled import Distilled
from stackens.ensemble.distillation._soft_targets import join_rows
from stackens.exceptions import InvalidInputError
from stackens.parameters import all_or_nothing, forget, known_arguments
from stackens.targets import (
    check_numbers,
)


class DistilledRegressor(RegressorMixin, Distilled):
    """One regressor that learns from a whole stack, and predicts in its place.

    The student is trained on a mixture of the target and of what the stack predicts for rows that
    it has not seen: of training rows out-of-fold, where also the final estimator is fitted anew for
    each split without the rows that it then predicts; of unlabelled rows what it predicts.

    Parameters
    ----------
    teacher : StackingRegressor
        The stack, of any learners.
    student : estimator
        Any regressor; a network, or a Pipeline that ends in one.
    label_weight : float in [0, 1], default=0.3
        Share of the given target; the rest is the stack's prediction. Of a row without a target it
        is all the stack's, and of one that was never held out, all the target's.
    prefit : bool, default=False
        Whether ``teacher`` is fitted already, on the rows that ``fit`` is given, in that order; it
        is not copied, neither here nor by ``clone``.
    random_state : int, RandomState instance or None, default=None
        Seeds whatever in teacher and student has ``random_state=None``.

    Attributes
    ----------
    teacher_ : StackingRegressor
        The fitted stack; ``predict`` does not need it.
    student_ : estimator
        The fitted regressor; it is usable by itself.
    soft_targets_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        The stack's out-of-fold predictions of the training rows; NaN for rows that were never held
        out.
    n_features_in_ : int
        Of the student.
    feature_names_in_ : ndarray of str of shape (n_features,)
        Of the student, if it was fitted on a frame whose columns have names.

    See Also
    --------
    DistilledClassifier : The same for classes.

    Notes
    -----
    With the squared error, a mixture of targets is a mixture of losses. Final estimators that are
    fitted for the targets see what ``passthrough`` adds, too, where that is numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from stackens import (DistilledRegressor, SequenceFlattener, StackedRNNRegressor,
    ...                       StackingRegressor)
    >>> X = np.random.default_rng(0).normal(size=(80, 10, 2))
    >>> stack = StackingRegressor([("ridge", make_pipeline(SequenceFlattener(), Ridge()))])
    >>> small = DistilledRegressor(stack, StackedRNNRegressor(8, epochs=2), random_state=0)
    >>> small.fit(X, X[:, -1, 0]).predict(X[:3]).shape
    (3,)
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        *,
        label_weight: float = 0.3,
        prefit: bool = False,
        random_state: Any = None,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.label_weight = label_weight
        self.prefit = prefit
        self.random_state = random_state

    @known_arguments
    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: Any,
        *,
        X_unlabelled: Any = None,
        groups: Any = None,
        sample_weight: Any = None,
    ) -> Self:
        """Train the stack, unless it is, then the student.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whatever teacher and student take, one entry per row.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target.
        X_unlabelled : array-like of shape (n_unlabelled, ...), default=None
            Further rows, of the kind of ``X``; none that the stack was trained on.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, as for the stack, whose folds hold out whole groups. The student
            is not told of them: if it stops early, it watches rows that it draws at random.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows with a target, for stack and student; the others have 1.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If ``teacher`` is no stack of regressors with out-of-fold predictions, or was fitted on
            other rows, or ``student`` is no regressor, or one that takes no weights.
        """
        forget(self)
        student = adapt_learner(self._seeded("student"))
        self._check_parts(student)
        if sample_weight is not None:
            _check_takes_weights(student)
        if y is None:
            raise InvalidInputError(
                "DistilledRegressor requires y to be passed, but the target y is None."
            )
        y, groups, sample_weight = self._read(X, y, groups, sample_weight)
        check_numbers(y)
        y = np.asarray(y)
        self._check_hold_out(student, y, X_unlabelled)
        X, joined = join_rows(X, None), join_rows(X, X_unlabelled)
        soft = self._fit_teacher(X, y, groups, sample_weight)
        given = np.asarray(y, dtype=float).reshape(len(soft), -1)
        mixed = self.label_weight * given + (1 - self.label_weight) * soft
        target = np.where(np.isfinite(soft), mixed, given)
        if X_unlabelled is not None:
            guessed = np.asarray(self.teacher_.predict(X_unlabelled))
            target = np.concatenate([target, guessed.reshape(len(guessed), -1)])
        is_flat = target.shape[1] == 1
        fit_params = {}
        if sample_weight is not None:
            ones = np.ones(len(target) - len(soft))
            fit_params["sample_weight"] = np.concatenate([sample_weight, ones])
        student.fit(joined, target[:, 0] if is_flat else target, **fit_params)
        self.soft_targets_ = soft[:, 0] if is_flat else soft
        self.student_ = student
        return self


def _check_takes_weights(student: Any) -> None:
    """Refuse a student to which weights of rows say nothing, before its teacher is trained."""
    if isinstance(student, Pipeline):
        if not _routing_enabled():
            raise InvalidInputError(
                "`sample_weight` does not reach the regressor at the end of a Pipeline; leave it "
                "out, or give a `student` without other steps."
            )
    elif not has_fit_parameter(student, "sample_weight"):
        raise InvalidInputError(
            f"`student` must take `sample_weight`, which {type(student).__name__} does not; leave "
            "it out."
        )
