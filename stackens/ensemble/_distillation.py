"""One small network that learns from a whole stack."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    RegressorMixin,
    _fit_context,
    clone,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples, check_is_fitted, column_or_1d

from stackens.ensemble._fit import adapt_learner, last_step
from stackens.ensemble._fits import fit_head
from stackens.ensemble._job_stacking import JobStacking
from stackens.ensemble._seeds import fill_seeds
from stackens.ensemble._soft_targets import join_rows, out_of_fold_targets, soften
from stackens.exceptions import InvalidInputError
from stackens.training import stream, train_with_memory, with_soft_targets

__all__ = ["DistilledClassifier", "DistilledRegressor"]

_SHARE = Interval(Real, 0, 1, closed="both")


class _Distilled(MetaEstimatorMixin, BaseEstimator):
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

    def _fit_teacher(self, X: Any, y: Any, groups: Any, sample_weight: Any) -> np.ndarray:
        """Set the fitted teacher; return its out-of-fold targets."""
        if not isinstance(self.teacher, JobStacking):
            raise InvalidInputError(
                "`teacher` must be a stack, which has out-of-fold predictions; got "
                f"{type(self.teacher).__name__}. A single learner can be the only one of a stack."
            )
        if isinstance(self.teacher.cv, str):
            raise InvalidInputError(
                "`teacher` must have out-of-fold predictions, which `cv='prefit'` has not: what it "
                "says of rows that it has learnt by heart is no lesson. Use another `cv`."
            )
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
        check_is_fitted(self.teacher)
        kept, coverage = self.teacher.out_of_fold_predictions_, self.teacher.coverage_
        if len(coverage) != n_rows or not np.array_equal(np.asarray(y)[kept.row_index], kept.y):
            raise InvalidInputError(
                "With `prefit=True`, `X` and `y` must be the rows that `teacher` was fitted on, in "
                f"the same order: {len(coverage)} rows, whose targets it has kept; got {n_rows} "
                f"rows{'' if len(coverage) != n_rows else ' with other targets'}."
            )

    def _seeded(self, part: str) -> Any:
        """Return a copy of teacher or student; what has no seed gets one from ours."""
        copy = clone(getattr(self, part))
        if self.random_state is None:
            return copy
        if not hasattr(self, "_seed"):
            is_seed = isinstance(self.random_state, Integral)
            drawn = check_random_state(self.random_state)
            most = np.iinfo(np.int32).max
            self._seed = int(self.random_state) if is_seed else int(drawn.randint(most))
        return fill_seeds(copy, stream(self._seed, part).integers)

    def _forget(self) -> None:
        parameters = self.get_params(deep=False)
        for name in [n for n in vars(self) if n not in parameters]:
            if name.endswith("_") or name == "_seed":
                delattr(self, name)

    def predict(self, X: Any) -> np.ndarray:
        """Predict by the student alone.

        Parameters
        ----------
        X : array-like
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        predicted: np.ndarray = self.student_.predict(X)
        return predicted

    @property
    def n_features_in_(self) -> int:
        """Number of features that the student counts."""
        if "student_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} object has no attribute n_features_in_")
        return int(self.student_.n_features_in_)

    def __sklearn_is_fitted__(self) -> bool:
        return "student_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(adapt_learner(self.student)).input_tags
        tags.target_tags.required = True
        return tags


class DistilledClassifier(ClassifierMixin, _Distilled):
    """One network that learns from a whole stack of classifiers, and predicts in its place.

    The student is trained on the labels and on the probabilities that the stack gives to rows that
    it has not seen: of training rows its out-of-fold ones, where also the final estimator is fitted
    anew for each split without the rows that it then predicts; of unlabelled rows what it predicts.
    A stack's predictions for rows that it was trained on are never used: they are as sure as labels
    and say nothing more.

    Parameters
    ----------
    teacher : StackingClassifier
        The stack, of any learners.
    student : estimator
        A classifier that is one network: a learner of this package, a SciKeras object, or a
        Pipeline that ends in one. Its ``loss`` and ``metrics``, which are for labels, are not used.
    temperature : float, default=2.0
        Logits of stack and student are divided by it where they are compared: above 1, classes
        that are improbable count for more.
    label_weight : float in [0, 1], default=0.3
        Share of the labels in the loss; the rest is the stack's. Of a row without a label it is
        all the stack's, and of one that was never held out, all the label's.
    prefit : bool, default=False
        Whether ``teacher`` is fitted already, on the rows that ``fit`` is given; it is not copied.
    random_state : int, RandomState instance or None, default=None
        Seeds whatever in teacher and student has ``random_state=None``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    teacher_ : StackingClassifier
        The fitted stack; ``predict`` does not need it.
    student_ : estimator
        The fitted network; it is usable by itself.
    soft_targets_ : ndarray of shape (n_samples, n_classes)
        The stack's out-of-fold probabilities of the training rows, at temperature 1; NaN for rows
        that were never held out.
    n_features_in_ : int
        Of the student.

    See Also
    --------
    DistilledRegressor : The same for numbers.

    Notes
    -----
    G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network" (2015). Of a
    stack with ``passthrough``, out-of-fold probabilities are those without what that adds.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from stackens import (DistilledClassifier, SequenceFlattener, StackedRNNClassifier,
    ...                       StackingClassifier)
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> stack = StackingClassifier([
    ...     ("gru", StackedRNNClassifier(units=16, cell="gru", epochs=2)),
    ...     ("linear", make_pipeline(SequenceFlattener(), LogisticRegression(max_iter=500)))], cv=2)
    >>> small = DistilledClassifier(stack, StackedRNNClassifier(8, epochs=2), random_state=0)
    >>> small.fit(X[:200], y[:200], X_unlabelled=X[200:400]).predict_proba(X[:3]).shape
    (3, 10)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **_Distilled._parameter_constraints,
        "temperature": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        teacher: Any,
        student: Any,
        *,
        temperature: float = 2.0,
        label_weight: float = 0.3,
        prefit: bool = False,
        random_state: Any = None,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.temperature = temperature
        self.label_weight = label_weight
        self.prefit = prefit
        self.random_state = random_state

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
        X : array-like
            Whatever teacher and student take, one entry per row.
        y : array-like of shape (n_samples,)
            Labels.
        X_unlabelled : array-like, default=None
            Further rows, of the kind of ``X``; none that the stack was trained on.
        groups : array-like of shape (n_samples,), default=None
            For the splitter of the stack.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the labelled rows, for stack and student; the others have 1.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If teacher and student cannot work together, or ``teacher`` has other classes or rows
            than those given; the student was not trained then.
        """
        self._forget()
        student = self._seeded("student")
        last = adapt_learner(last_step(student))
        if not hasattr(last, "plan_job"):
            raise InvalidInputError(
                "`student` must be a network that can be trained on probabilities, such as "
                f"StackedRNNClassifier; got {type(last).__name__}."
            )
        if isinstance(student, Pipeline) and sample_weight is not None:
            raise InvalidInputError(
                "`sample_weight` does not reach the network at the end of a Pipeline; leave it "
                "out, or give a `student` without other steps."
            )
        check_consistent_length(X, y, groups, sample_weight)
        if type_of_target(y) == "multilabel-indicator":
            raise InvalidInputError(
                "Distillation is for one class a row; `y` has a column for each of several labels."
            )
        y = column_or_1d(y, warn=True)
        if self.prefit:
            self._check_classes(self.teacher, y)
        X, joined = join_rows(X, None), join_rows(X, X_unlabelled)
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        soft = self._fit_teacher(X, y, groups, sample_weight)
        self._check_classes(self.teacher_, y)
        classes = self.teacher_.classes_
        guessed = np.empty((0, len(classes)))
        if X_unlabelled is not None:
            guessed = _probabilities(self.teacher_, X_unlabelled)
        all_y = np.concatenate([np.asarray(y), classes[guessed.argmax(axis=1)]])
        weights = None
        if sample_weight is not None:
            weights = np.concatenate([sample_weight, np.ones(len(guessed))])
        labels, targets = self._mix(np.searchsorted(classes, y), soft, guessed)
        if isinstance(student, Pipeline):
            steps, joined = fit_head(student, joined, all_y)
            student.steps = [*steps, (student.steps[-1][0], last)]
        else:
            student = last
        job = last.plan_job(joined, all_y, sample_weight=weights, name="student")
        job = with_soft_targets(job, labels, targets, temperature=float(self.temperature))
        (trained,) = train_with_memory([job], [last], getattr(last, "memory", None))
        last.adopt(trained)
        self.soft_targets_, self.classes_, self.student_ = soft, classes, student
        return self

    def _check_classes(self, teacher: Any, y: Any) -> None:
        check_is_fitted(teacher)
        classes, given = teacher.classes_, np.unique(y)
        if isinstance(classes, list) or not np.array_equal(classes, given):
            has = [np.asarray(c).tolist() for c in classes]
            raise InvalidInputError(
                f"`teacher` must have the classes of `y`, {given.tolist()}; it has {has}. Fit it "
                "on these rows, or set `prefit=False`."
            )

    def _mix(
        self, codes: np.ndarray, soft: np.ndarray, guessed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return both targets of all rows, multiplied by their shares in the loss."""
        is_taught = np.isfinite(soft).all(axis=1)[:, None]
        one_hot = np.eye(soft.shape[1])[codes]
        labels = one_hot * np.where(is_taught, self.label_weight, 1.0)
        softened = soften(np.where(is_taught, soft, one_hot), self.temperature)
        targets = np.where(is_taught, (1 - self.label_weight) * softened, 0.0)
        guesses = soften(guessed, self.temperature)
        return (
            np.concatenate([labels, np.zeros_like(guesses)]),
            np.concatenate([targets, guesses]),
        )

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class by the student alone.

        Parameters
        ----------
        X : array-like
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        probabilities: np.ndarray = self.student_.predict_proba(X)
        return probabilities


class DistilledRegressor(RegressorMixin, _Distilled):
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
        Whether ``teacher`` is fitted already, on the rows that ``fit`` is given; it is not copied.
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

    See Also
    --------
    DistilledClassifier : The same for classes.

    Notes
    -----
    With the squared error, a mixture of targets is a mixture of losses. Of a stack with
    ``passthrough``, out-of-fold predictions are those without what that adds.

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
        X : array-like
            Whatever teacher and student take, one entry per row.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target.
        X_unlabelled : array-like, default=None
            Further rows, of the kind of ``X``; none that the stack was trained on.
        groups : array-like of shape (n_samples,), default=None
            For the splitter of the stack.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows with a target, for stack and student; the others have 1.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If ``teacher`` is no stack with out-of-fold predictions, or was fitted on other rows.
        """
        self._forget()
        check_consistent_length(X, y, groups, sample_weight)
        y = None if y is None else np.asarray(y)
        X, joined = join_rows(X, None), join_rows(X, X_unlabelled)
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)
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
        student = adapt_learner(self._seeded("student"))
        student.fit(joined, target[:, 0] if is_flat else target, **fit_params)
        self.soft_targets_ = soft[:, 0] if is_flat else soft
        self.student_ = student
        return self


def _probabilities(teacher: Any, X: Any) -> np.ndarray:
    """Return probabilities; of a final estimator without them, the one class that it takes."""
    if hasattr(teacher, "predict_proba"):
        return np.asarray(teacher.predict_proba(X))
    return np.asarray(np.asarray(teacher.predict(X))[:, None] == teacher.classes_, dtype=float)
