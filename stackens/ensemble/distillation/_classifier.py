"""One small network that learns from a whole stack of classifiers."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import (
    ClassifierMixin,
    _fit_context,
)
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from stackens.ensemble._fit import adapt_learner, last_step
from stackens.ensemble._run import fit_head
from stackens.ensemble.distillation._distilled import Distilled
from stackens.ensemble.distillation._soft_targets import join_rows, soften
from stackens.exceptions import InvalidInputError
from stackens.parameters import all_or_nothing, forget, known_arguments
from stackens.store import train_with_memory
from stackens.training import with_soft_targets


class DistilledClassifier(ClassifierMixin, Distilled):
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
        Whether ``teacher`` is fitted already, on the rows that ``fit`` is given, in that order; it
        is not copied, neither here nor by ``clone``.
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
    feature_names_in_ : ndarray of str of shape (n_features,)
        Of the student, if it was fitted on a frame whose columns have names.

    See Also
    --------
    DistilledRegressor : The same for numbers.

    Notes
    -----
    G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network" (2015). Final
    estimators that are fitted for the targets see what ``passthrough`` adds, too, where that is
    numbers.

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
        **Distilled._parameter_constraints,
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
        y : array-like of shape (n_samples,)
            Labels.
        X_unlabelled : array-like of shape (n_unlabelled, ...), default=None
            Further rows, of the kind of ``X``; none that the stack was trained on.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, as for the stack, whose folds hold out whole groups. The student
            is not told of them: if it stops early, it watches rows that it draws at random.
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
        forget(self)
        student = self._seeded("student")
        last = adapt_learner(last_step(student))
        if not hasattr(last, "plan_job"):
            raise InvalidInputError(
                "`student` must be a network that can be trained on probabilities, such as "
                f"StackedRNNClassifier; got {type(last).__name__}."
            )
        self._check_parts(last)
        if isinstance(student, Pipeline) and sample_weight is not None:
            raise InvalidInputError(
                "`sample_weight` does not reach the network at the end of a Pipeline; leave it "
                "out, or give a `student` without other steps."
            )
        y, groups, sample_weight = self._read(X, y, groups, sample_weight)
        if type_of_target(y) == "multilabel-indicator":
            raise InvalidInputError(
                "Distillation is for one class a row; `y` has a column for each of several labels."
            )
        y = column_or_1d(y, warn=True)
        self._check_hold_out(student, y, X_unlabelled)
        if self.prefit:
            self._check_classes(self.teacher, y)
        X, joined = join_rows(X, None), join_rows(X, X_unlabelled)
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
        X : array-like of shape (n_samples, ...)
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        return self.student_.predict_proba(X)


def _probabilities(teacher: Any, X: Any) -> np.ndarray:
    """Return probabilities; of a final estimator without them, the one class that it takes."""
    if hasattr(teacher, "predict_proba"):
        return np.asarray(teacher.predict_proba(X))
    return np.asarray(np.asarray(teacher.predict(X))[:, None] == teacher.classes_, dtype=float)
