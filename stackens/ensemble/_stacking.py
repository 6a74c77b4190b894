"""Stacking estimators: those of scikit-learn, with all networks trained side by side."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import sklearn.ensemble
from sklearn.base import _fit_context
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.preprocessing import LabelEncoder
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

from stackens.ensemble._stack import Stack, final_has
from stackens.ensemble.meta_learners._columnwise import for_columns, takes_columns
from stackens.exceptions import InvalidInputError
from stackens.parameters import all_or_nothing
from stackens.targets import check_numbers


class StackingClassifier(Stack, sklearn.ensemble.StackingClassifier):
    """Stack of classifiers whose networks train side by side.

    The out-of-fold predictions of the learners (level 0) train a final estimator (level 1). It is
    scikit-learn's :class:`~sklearn.ensemble.StackingClassifier`, with any splitter (also those
    that are no partition), groups, sequences of any form as input, and one training run for all
    folds of all networks.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Learners by name: those of this package, SciKeras objects, Pipelines, any scikit-learn
        estimator, or "drop".
    final_estimator : estimator, default=None
        Level 1; None is ``LogisticRegression()``.
    cv : int, splitter, iterable or "prefit", default=None
        Splits for out-of-fold predictions; None is 5 stratified folds. Rows that are never held
        out do not train the final estimator; predictions of rows held out several times are
        averaged, of class labels (``stack_method="predict"``) the most frequent one counts.
    stack_method : {"auto", "predict_proba", "logit", "decision_function", "predict"}, \
            default="auto"
        What the learners predict; "logit" is the log-odds of their probabilities (of more than two
        classes, logarithms that sum to 0), which suit a linear final estimator.
    n_jobs : int, default=None
        Processes. None and 1 use this one; networks use all its cores all the same.
    passthrough : bool, {"last", "mean", "summary"} or callable, default=False
        What the final estimator sees beside the predictions: with True ``X``, which must be 2-D
        then; of sequences their last timestep, the mean of each channel, or its mean, standard
        deviation, least, greatest and last value; or what a function makes of ``X``, of shape
        (n_samples, n_columns). The function must learn nothing from the rows.
    verbose : int, default=0
        1 shows one bar over the epochs of all networks and the fits of other learners.
        Logger ``stackens.ensemble`` says at level ``INFO``, before networks are trained, about how
        long they take, unless there is a ``time_limit`` or ``memory``.
    predict_with : {"refit", "folds"}, default="refit"
        Predict with learners that were fitted anew on all rows, or with the average of the fold
        models, which saves the refits.
    refit_epochs : {"median", "early_stopping"}, default="median"
        How a network with ``early_stopping`` is refitted: for the median of the best epochs of its
        folds, on all rows; or stopping early once more, on part of them.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Where trained networks are kept, and taken from when the same training is wanted again;
        None is nowhere. Needs seeds: ``random_state`` here or in the learners.
    on_failure : {"raise", "drop"}, default="raise"
        "drop" goes on without a learner that raises an error, diverges or predicts NaN in any
        fold, with a warning and the reason in ``failures_``.
    time_limit : float, default=None
        Seconds that ``fit`` may take, within a tenth or an epoch. What is trained by then makes
        the stack: fold models predict where a refit is missing, rows that were not held out do
        not train the final estimator, and a warning says so.
    fallback : {"best", "average"}, default=None
        What predicts if the stack's honest score (see ``leaderboard``) does not beat it: the best
        single learner or the average of all. None always uses the stack.
    prune : bool, default=False
        Train no further what does not help. Networks are trained split by split, after the other
        learners; after each split the better half of them goes on, and of these only those that,
        averaged with the best learner, make it better; two learners stay.
        Learners to which the final estimator gives no weight are not fitted on all rows: their
        fold models predict. Only training rows decide. The reasons are in ``pruned_``.
    random_state : int, RandomState instance or None, default=None
        Seeds every learner whose own ``random_state`` is None, each by its name, and likewise the
        final estimator and a ``cv`` that shuffles.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    estimators_ : list of estimators
        What predicts at level 0.
    final_estimator_ : estimator
        Level 1, fitted.
    out_of_fold_predictions_ : OutOfFoldPredictions
        What level 1 was trained on.
    coverage_ : ndarray of int of shape (n_samples,)
        How often each row was held out.
    failures_ : dict of str to str
        Why a learner is not part of the stack.
    predicts_with_ : str
        "stack", or the name of the learner or "average" that ``predict`` uses instead.
    pruned_ : dict of str to str
        Why ``prune`` left a learner out, or did not fit it on all rows.
    fit_seconds_, fit_cpu_seconds_ : dict of str to float
        What each learner's fits took, predictions for held-out rows included, in seconds of the
        wall clock and of the processors: its share of the time in which others ran beside it. What
        came from a store counts what it took then.
    histories_ : dict of str to dict
        Of each network, by "fold 0", "fold 1", … and "refit", what its ``history_`` holds: losses
        and metrics with one value an epoch.
    seconds_, cpu_seconds_ : float
        Of ``fit``, by the wall clock and of the processors.

    See Also
    --------
    StackingRegressor : The same for numbers.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from stackens import SequenceFlattener, StackedRNNClassifier, StackingClassifier
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> stack = StackingClassifier([
    ...     ("lstm", StackedRNNClassifier(units=16, epochs=2)),
    ...     ("linear", make_pipeline(SequenceFlattener(), LogisticRegression(max_iter=500)))],
    ...     random_state=0)
    >>> stack.fit(X[:200], y[:200]).predict(X[:3]).shape
    (3,)
    """

    _hands_on_seeds = True  # and draws nothing itself; a subclass may
    _default_final = LogisticRegression
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Stack._parameter_constraints,
        "stack_method": [
            StrOptions({"auto", "predict_proba", "logit", "decision_function", "predict"})
        ],
    }

    def __init__(
        self,
        estimators: Any,
        final_estimator: Any = None,
        *,
        cv: Any = None,
        stack_method: str = "auto",
        n_jobs: int | None = None,
        passthrough: Any = False,
        verbose: int = 0,
        predict_with: str = "refit",
        refit_epochs: str = "median",
        memory: Any = None,
        on_failure: str = "raise",
        time_limit: float | None = None,
        fallback: str | None = None,
        prune: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            estimators,
            final_estimator,
            cv=cv,
            stack_method=stack_method,
            n_jobs=n_jobs,
            passthrough=passthrough,
            verbose=verbose,
        )
        self.predict_with = predict_with
        self.refit_epochs = refit_epochs
        self.memory = memory
        self.on_failure = on_failure
        self.time_limit = time_limit
        self.fallback = fallback
        self.prune = prune
        self.random_state = random_state

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, *, groups: Any = None, **fit_params: Any) -> Any:
        """Train all learners, then the final estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whatever the learners take, one entry per row.
        y : array-like of shape (n_samples,)
            Labels.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, such as the subject. Whole groups are held out; a ``cv`` that divides
            one is an error, and so is a part of a learner or of the final estimator that splits
            rows by itself where no groups reach it. scikit-learn's searches do not hand groups on
            by themselves, so that ours divides them; two lines are right: ``with
            sklearn.config_context(enable_metadata_routing=True):`` and in it
            ``search.fit(X, y, groups=groups)``. Those of :mod:`stackens.model_selection` do.
        **fit_params : dict
            ``sample_weight``, which every learner must then take; or, with scikit-learn's metadata
            routing, what the learners request.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If the data or splits cannot be used; nothing was trained then.
        NoLearnerLeftError
            If every learner failed, with ``on_failure="drop"``.
        TimeLimitError
            If ``time_limit`` came before a single learner could be used.
        """
        return self._fit(X, y, groups, fit_params)

    def _learn_target(self, y: Any) -> np.ndarray:
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            # A label that all rows have, or none, has two classes as the others have.
            values = np.unique(y)
            encoder = LabelEncoder().fit([0, 1] if np.isin(values, [0, 1]).all() else values)
            encoded = encoder.transform(np.ravel(y)).reshape(np.shape(y))
            self._label_encoder: Any = [encoder] * np.shape(y)[1]
            self.classes_: Any = [encoder.classes_] * np.shape(y)[1]
        else:
            encoder = LabelEncoder().fit(y)
            if len(encoder.classes_) < 2:
                raise InvalidInputError(
                    "A stack of classifiers needs rows of at least 2 classes; `y` has only 1 "
                    f"class: {encoder.classes_.tolist()}."
                )
            encoded = encoder.transform(y)
            self._label_encoder, self.classes_ = encoder, encoder.classes_
        return encoded

    @available_if(final_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; of several labels the probability of each.
        """
        check_is_fitted(self)
        if not isinstance(self.classes_, list):
            return super().predict_proba(X)
        # scikit-learn's gives those of the labels' absence, of some final estimators.
        found = self.final_estimator_.predict_proba(self.transform(X))
        if not isinstance(found, list):
            return found
        has_label = [classes == 1 for classes in self.final_estimator_.classes_]
        parts = zip(found, has_label, strict=True)
        return np.column_stack([columns[:, there].sum(axis=1) for columns, there in parts])

    @available_if(final_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the decision values of the final estimator.

        Parameters
        ----------
        X : array-like
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        check_is_fitted(self)
        return super().decision_function(X)


class StackingRegressor(Stack, sklearn.ensemble.StackingRegressor):
    """Stack of regressors whose networks train side by side.

    The out-of-fold predictions of the learners (level 0) train a final estimator (level 1). It is
    scikit-learn's :class:`~sklearn.ensemble.StackingRegressor`, with any splitter (also those that
    are no partition), groups, sequences of any form as input, and one training run for all folds
    of all networks.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Learners by name: those of this package, SciKeras objects, Pipelines, any scikit-learn
        estimator, or "drop".
    final_estimator : estimator, default=None
        Level 1; None is ``RidgeCV()``.
    cv : int, splitter, iterable or "prefit", default=None
        Splits for out-of-fold predictions; None is 5 folds. Rows that are never held out do not
        train the final estimator; predictions of rows held out several times are averaged.
    n_jobs : int, default=None
        Processes. None and 1 use this one; networks use all its cores all the same.
    passthrough : bool, {"last", "mean", "summary"} or callable, default=False
        What the final estimator sees beside the predictions: with True ``X``, which must be 2-D
        then; of sequences their last timestep, the mean of each channel, or its mean, standard
        deviation, least, greatest and last value; or what a function makes of ``X``, of shape
        (n_samples, n_columns). The function must learn nothing from the rows.
    verbose : int, default=0
        1 shows one bar over the epochs of all networks and the fits of other learners.
        Logger ``stackens.ensemble`` says at level ``INFO``, before networks are trained, about how
        long they take, unless there is a ``time_limit`` or ``memory``.
    predict_with : {"refit", "folds"}, default="refit"
        Predict with learners that were fitted anew on all rows, or with the average of the fold
        models, which saves the refits.
    refit_epochs : {"median", "early_stopping"}, default="median"
        How a network with ``early_stopping`` is refitted: for the median of the best epochs of its
        folds, on all rows; or stopping early once more, on part of them.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Where trained networks are kept, and taken from when the same training is wanted again;
        None is nowhere. Needs seeds: ``random_state`` here or in the learners.
    on_failure : {"raise", "drop"}, default="raise"
        "drop" goes on without a learner that raises an error, diverges or predicts NaN in any
        fold, with a warning and the reason in ``failures_``.
    time_limit : float, default=None
        Seconds that ``fit`` may take, within a tenth or an epoch. What is trained by then makes
        the stack: fold models predict where a refit is missing, rows that were not held out do
        not train the final estimator, and a warning says so.
    fallback : {"best", "average"}, default=None
        What predicts if the stack's honest score (see ``leaderboard``) does not beat it: the best
        single learner or the average of all. None always uses the stack.
    prune : bool, default=False
        Train no further what does not help. Networks are trained split by split, after the other
        learners; after each split the better half of them goes on, and of these only those that,
        averaged with the best learner, make it better; two learners stay.
        Learners to which the final estimator gives no weight are not fitted on all rows: their
        fold models predict. Only training rows decide. The reasons are in ``pruned_``.
    random_state : int, RandomState instance or None, default=None
        Seeds every learner whose own ``random_state`` is None, each by its name, and likewise the
        final estimator and a ``cv`` that shuffles.

    Attributes
    ----------
    estimators_ : list of estimators
        What predicts at level 0.
    final_estimator_ : estimator
        Level 1, fitted.
    out_of_fold_predictions_ : OutOfFoldPredictions
        What level 1 was trained on.
    coverage_ : ndarray of int of shape (n_samples,)
        How often each row was held out.
    failures_ : dict of str to str
        Why a learner is not part of the stack.
    predicts_with_ : str
        "stack", or the name of the learner or "average" that ``predict`` uses instead.
    pruned_ : dict of str to str
        Why ``prune`` left a learner out, or did not fit it on all rows.
    fit_seconds_, fit_cpu_seconds_ : dict of str to float
        What each learner's fits took, predictions for held-out rows included, in seconds of the
        wall clock and of the processors: its share of the time in which others ran beside it. What
        came from a store counts what it took then.
    histories_ : dict of str to dict
        Of each network, by "fold 0", "fold 1", … and "refit", what its ``history_`` holds: losses
        and metrics with one value an epoch.
    seconds_, cpu_seconds_ : float
        Of ``fit``, by the wall clock and of the processors.

    See Also
    --------
    StackingClassifier : The same for classes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from stackens import SequenceFlattener, StackedRNNRegressor, StackingRegressor
    >>> X = np.random.default_rng(0).normal(size=(100, 10, 2))
    >>> stack = StackingRegressor([
    ...     ("gru", StackedRNNRegressor(units=8, cell="gru", epochs=2)),
    ...     ("ridge", make_pipeline(SequenceFlattener(), Ridge()))], random_state=0)
    >>> stack.fit(X, X[:, -1, 0]).predict(X[:3]).shape
    (3,)
    """

    final_estimator_: Any
    _hands_on_seeds = True  # and draws nothing itself; a subclass may
    _default_final = RidgeCV
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        name: rule for name, rule in Stack._parameter_constraints.items() if name != "stack_method"
    }

    def __init__(
        self,
        estimators: Any,
        final_estimator: Any = None,
        *,
        cv: Any = None,
        n_jobs: int | None = None,
        passthrough: Any = False,
        verbose: int = 0,
        predict_with: str = "refit",
        refit_epochs: str = "median",
        memory: Any = None,
        on_failure: str = "raise",
        time_limit: float | None = None,
        fallback: str | None = None,
        prune: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            estimators,
            final_estimator,
            cv=cv,
            n_jobs=n_jobs,
            passthrough=passthrough,
            verbose=verbose,
        )
        self.predict_with = predict_with
        self.refit_epochs = refit_epochs
        self.memory = memory
        self.on_failure = on_failure
        self.time_limit = time_limit
        self.fallback = fallback
        self.prune = prune
        self.random_state = random_state

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, *, groups: Any = None, **fit_params: Any) -> Any:
        """Train all learners, then the final estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whatever the learners take, one entry per row.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target. With several columns, which every learner must then take, each has a final
            estimator of its own, on what the learners predict for that column.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, such as the subject. Whole groups are held out; a ``cv`` that divides
            one is an error, and so is a part of a learner or of the final estimator that splits
            rows by itself where no groups reach it. scikit-learn's searches do not hand groups on
            by themselves, so that ours divides them; two lines are right: ``with
            sklearn.config_context(enable_metadata_routing=True):`` and in it
            ``search.fit(X, y, groups=groups)``. Those of :mod:`stackens.model_selection` do.
        **fit_params : dict
            ``sample_weight``, which every learner must then take; or, with scikit-learn's metadata
            routing, what the learners request.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If the data or splits cannot be used; nothing was trained then.
        NoLearnerLeftError
            If every learner failed, with ``on_failure="drop"``.
        TimeLimitError
            If ``time_limit`` came before a single learner could be used.
        """
        return self._fit(X, y, groups, fit_params)

    def _learn_target(self, y: Any) -> np.ndarray:
        y = _read_values(y)
        self._n_outputs = 1 if y.ndim == 1 else y.shape[1]
        return y

    def _validate_final_estimator(self) -> None:
        super()._validate_final_estimator()
        if self._n_outputs > 1:
            if self.passthrough:
                raise InvalidInputError(
                    "`passthrough=True` needs a target of one column; `y` has "
                    f"{self._n_outputs}. Fit one stack for each column."
                )
            self.final_estimator_ = for_columns(self.final_estimator_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = not self.passthrough and takes_columns(self.estimators)
        return tags


def _read_values(y: Any) -> np.ndarray:
    check_numbers(y)
    if y is not None:  # which is refused below
        y = check_array(y, dtype="numeric", ensure_2d=False, input_name="y")
    return y if np.ndim(y) == 2 and y.shape[1] > 1 else column_or_1d(y, warn=True)
