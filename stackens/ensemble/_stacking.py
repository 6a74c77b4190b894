"""Stacking on one flat list of jobs."""

from __future__ import annotations

import copy
import inspect
import time
import warnings
from typing import Any, ClassVar

import numpy as np
import sklearn.ensemble
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.ensemble._base import _fit_single_estimator
from sklearn.ensemble._stacking import _BaseStacking
from sklearn.model_selection import check_cv
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch, check_consistent_length, check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    get_routing_for_object,
    process_routing,
)
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _num_samples, check_is_fitted, column_or_1d

from stackens.ensemble._fits import Fit, adapt_learner, run_fits
from stackens.ensemble._fold_average import FoldAverage
from stackens.ensemble._leaderboard import make_leaderboard
from stackens.ensemble._out_of_fold import (
    OutOfFoldPredictions,
    align_classes,
    average_predictions,
)
from stackens.ensemble._progress import Progress
from stackens.ensemble._splits import Split, count_coverage, make_splits
from stackens.exceptions import InvalidInputError, MissingClassWarning

__all__ = ["StackingClassifier", "StackingRegressor"]


class _JobStacking(_BaseStacking):
    """Replaces how scikit-learn's stacking fits: all jobs planned first, then run together."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **_BaseStacking._parameter_constraints,
        "predict_with": [StrOptions({"refit", "folds"})],
        "refit_epochs": [StrOptions({"median", "early_stopping"})],
        "random_state": ["random_state"],
    }

    def _fit(self, X: Any, y: Any, y_given: Any, groups: Any, params: dict[str, Any]) -> Any:
        """Fit on ``y`` as learners see it; ``y_given`` is what the caller gave."""
        started = time.perf_counter()
        try:
            if isinstance(self.cv, str) and self.cv == "prefit":
                super().fit(X, y, **params)
            else:
                self._fit_jobs(X, y, y_given, groups, params)
        except BaseException:
            self._forget()
            raise
        self.seconds_ = time.perf_counter() - started
        return self

    def _fit_jobs(self, X: Any, y: Any, y_given: Any, groups: Any, params: dict[str, Any]) -> None:
        names, estimators = self._validate_estimators()
        self._validate_final_estimator()
        routed = self._route(names, groups, params)
        learners = dict(zip(names, self._seeded(estimators), strict=True))
        learners = {n: e for n, e in learners.items() if not _is_dropped(e)}
        methods = [
            self._method_name(n, adapt_learner(e), self.stack_method) for n, e in learners.items()
        ]
        splits = make_splits(
            self.cv, X, y, classifier=is_classifier(self), params=routed["splitter"]["split"]
        )
        fits = self._plan(learners, methods, splits, routed)
        with Progress(self.verbose, len(fits)) as progress:
            run_fits(
                fits,
                X,
                y,
                n_jobs=self.n_jobs,
                progress=progress,
                refit_epochs=self.refit_epochs,
                memory=self.memory,
            )
        self._adopt(names, learners, methods, fits)
        self._fit_final(X, y, y_given, splits, fits, list(learners), params)

    # ---- before training -----------------------------------------------------------------------

    def _validate_estimators(self) -> tuple[Any, Any]:
        # Foreign estimators (SciKeras) are recognised by what they become.
        adapted = copy.copy(self)
        adapted.estimators = [
            (name, adapt_learner(e)) if not _is_dropped(e) else (name, e)
            for name, e in self.estimators
        ]
        names, _ = super(_JobStacking, adapted)._validate_estimators()
        return names, [e for _, e in self.estimators]

    def _check_data(self, X: Any, y: Any, groups: Any) -> None:
        check_consistent_length(X, y, groups)
        if _num_samples(X) == 0:
            raise InvalidInputError(
                "Found array with 0 sample(s) while a minimum of 1 is required."
            )
        if self.passthrough and _holds_sequences(X):
            raise InvalidInputError(
                "`passthrough=True` needs a 2-D table; `X` holds sequences. Add a learner "
                "that summarises the sequences, e.g. with `SequenceSummarizer`, instead."
            )

    def _seeded(self, estimators: Any) -> list[Any]:
        """Copies of the learners, whose missing seeds are drawn from ours."""
        if self.random_state is None:
            return list(estimators)
        rng = check_random_state(self.random_state)
        return [e if _is_dropped(e) else _fill_seeds(clone(e), rng) for e in estimators]

    def _route(self, names: Any, groups: Any, params: dict[str, Any]) -> Any:
        """Return what each learner's ``fit`` and the splitter get."""
        split_params = {} if groups is None else {"groups": groups}
        if _routing_enabled():
            routed = process_routing(self, "fit", **split_params, **params)
            return {name: routed[name] for name in (*names, "splitter")}
        weights = {k: v for k, v in params.items() if k == "sample_weight"}
        if weights:
            for name, estimator in self.estimators:
                _check_takes_weights(name, estimator)
        routed = {name: {"fit": weights} for name in names}
        return {**routed, "splitter": {"split": split_params}}

    def _plan(
        self, learners: dict[str, Any], methods: list[str], splits: list[Split], routed: Any
    ) -> list[Fit]:
        fits = []
        for (name, learner), method in zip(learners.items(), methods, strict=True):
            params = routed[name]["fit"]
            for fold, (train, test) in enumerate(splits):
                fit = Fit(learner, name, fold, train, test, method, params)
                fit.needs_estimator = self.predict_with == "folds"
                fits.append(fit)
            if self.predict_with == "refit":
                fits.append(Fit(learner, name, None, None, None, method, params))
        return fits

    # ---- after training ------------------------------------------------------------------------

    def _adopt(
        self, names: Any, learners: dict[str, Any], methods: list[str], fits: list[Fit]
    ) -> None:
        """Set what predicts: the refits, or averages of fold models."""
        fitted = {}
        for name in learners:
            own = [fit for fit in fits if fit.name == name]
            if self.predict_with == "refit":
                fitted[name] = own[-1].fitted
            else:
                classes = np.arange(len(self.classes_)) if is_classifier(self) else None
                fitted[name] = FoldAverage([fit.fitted for fit in own], classes)
        self.estimators_ = list(fitted.values())
        self.named_estimators_ = Bunch(**{name: fitted.get(name, "drop") for name in names})
        for estimator in self.estimators_:
            if hasattr(estimator, "feature_names_in_"):
                self.feature_names_in_ = estimator.feature_names_in_
        self.stack_method_ = methods
        self.fit_seconds_ = {
            name: sum(fit.seconds for fit in fits if fit.name == name) for name in learners
        }

    def _fit_final(
        self,
        X: Any,
        y: Any,
        y_given: Any,
        splits: list[Split],
        fits: list[Fit],
        names: list[str],
        params: dict[str, Any],
    ) -> None:
        predictions = [
            average_predictions(
                [(f.test, self._align(f)) for f in fits if f.name == name and f.test is not None],
                len(y),
            )
            for name in names
        ]
        matrix = self._concatenate_predictions(X, predictions)
        self.coverage_ = count_coverage(splits, len(y))
        covered = np.flatnonzero(self.coverage_)
        params = self._final_params(params)
        if len(covered) < len(y):
            matrix, y = matrix[covered], y[covered]
            params = {k: np.asarray(v)[covered] for k, v in params.items()}
        _fit_single_estimator(self.final_estimator_, matrix, y, fit_params=params)
        sizes = iter(self._n_feature_outs)  # a learner with a list has one for each label
        widths = [
            sum(next(sizes) for _ in range(len(p) if isinstance(p, list) else 1))
            for p in predictions
        ]
        self._keep_out_of_fold(matrix, np.asarray(y_given), splits, covered, names, widths)

    def _align(self, fit: Fit) -> Any:
        if not is_classifier(self) or isinstance(self.classes_, list):
            return fit.predictions
        n_classes = len(self.classes_)
        seen = getattr(fit.fitted, "classes_", None)
        if fit.method != "predict" and seen is not None and len(seen) < n_classes:
            absent = np.delete(self.classes_, np.asarray(seen, int)).tolist()
            _warn_missing(fit, absent)
        return align_classes(fit.predictions, fit.fitted, n_classes, fit.method)

    def _final_params(self, params: dict[str, Any]) -> dict[str, Any]:
        if not _routing_enabled():
            return params
        request = get_routing_for_object(self.final_estimator_)
        asked = request.consumes("fit", params.keys())
        return {k: v for k, v in params.items() if k in asked}

    def _keep_out_of_fold(
        self,
        matrix: Any,
        y: np.ndarray,
        splits: list[Split],
        covered: np.ndarray,
        names: list[str],
        widths: list[int],
    ) -> None:
        fold = np.full(len(y), -1)
        for k, (_, test) in reversed(list(enumerate(splits))):
            fold[test] = k
        blocks = {}
        start = 0
        for name, width in zip(names, widths, strict=True):
            block = matrix[:, start : start + width]
            blocks[name] = block.toarray() if hasattr(block, "toarray") else np.array(block)
            start += width
        self.out_of_fold_predictions_ = OutOfFoldPredictions(
            covered, fold[covered], self.coverage_[covered], y[covered], blocks, splits
        )

    def _forget(self) -> None:
        """Leave nothing of a fit that failed."""
        parameters = self.get_params(deep=False)
        for name in [n for n in vars(self) if n not in parameters]:
            delattr(self, name)

    # ---- public --------------------------------------------------------------------------------

    def leaderboard(self, X: Any = None, y: Any = None, scoring: Any = None) -> Any:
        """Compare the learners, their plain average, and the stack.

        Parameters
        ----------
        X, y : array-like, default=None
            Test data; without them only out-of-fold scores are given.
        scoring : str or callable, default=None
            As in scikit-learn; None is accuracy for classifiers and R² for regressors.

        Returns
        -------
        pandas.DataFrame
            Best first, with one row for each learner, one for the average of all (``average``)
            and one for the ``stack``; columns ``out_of_fold`` and ``test`` (scores),
            ``difference`` (out-of-fold, to the best learner) and its ``standard_error`` (over
            rows where the score is a mean over rows, else over splits), ``seconds``,
            ``parameters``, and ``predicts``, which marks what ``predict`` uses. The out-of-fold
            score of the stack is honest: its final estimator is fitted anew for each split on
            the out-of-fold predictions of the other rows.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from stackens import StackingClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
        >>> stack.leaderboard().index.to_list()
        ['linear', 'average', 'stack']
        """
        check_is_fitted(self)
        return make_leaderboard(self, X, y, scoring)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what is routed where: to the learners, the splitter and the final estimator.

        Returns
        -------
        MetadataRouter
        """
        router = super().get_metadata_routing()
        if not isinstance(self.cv, str):
            cv = self.cv if hasattr(self.cv, "split") else check_cv(None)
            mapping = MethodMapping().add(caller="fit", callee="split")
            router.add(splitter=cv, method_mapping=mapping)
        return router

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        return f"stackens.{super().__repr__(N_CHAR_MAX)}"


class StackingClassifier(_JobStacking, sklearn.ensemble.StackingClassifier):
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
        averaged.
    stack_method : {"auto", "predict_proba", "decision_function", "predict"}, default="auto"
        What the learners predict.
    n_jobs : int, default=None
        Processes. None and 1 use this one; networks use all its cores all the same.
    passthrough : bool, default=False
        Whether the final estimator also sees ``X``, which must be 2-D then.
    verbose : int, default=0
        1 shows progress.
    predict_with : {"refit", "folds"}, default="refit"
        Predict with learners that were fitted anew on all rows, or with the average of the fold
        models, which saves the refits.
    refit_epochs : {"median", "early_stopping"}, default="median"
        How a network with ``early_stopping`` is refitted: for the median of the best epochs of its
        folds, on all rows; or stopping early once more, on part of them.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Where trained networks are kept, and taken from when the same training is wanted again;
        None is nowhere. Needs seeds: ``random_state`` here or in the learners.
    random_state : int, RandomState instance or None, default=None
        Seeds every learner whose own ``random_state`` is None.

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
    fit_seconds_ : dict of str to float
        Training time of each learner's fits, which ran side by side.
    seconds_ : float
        Wall time of ``fit``.

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

    _parameter_constraints: ClassVar[dict[str, Any]] = {**_JobStacking._parameter_constraints}

    def __init__(
        self,
        estimators: Any,
        final_estimator: Any = None,
        *,
        cv: Any = None,
        stack_method: str = "auto",
        n_jobs: int | None = None,
        passthrough: bool = False,
        verbose: int = 0,
        predict_with: str = "refit",
        refit_epochs: str = "median",
        memory: Any = None,
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
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, *, groups: Any = None, **fit_params: Any) -> Any:
        """Train all learners, then the final estimator.

        Parameters
        ----------
        X : array-like
            Whatever the learners take, one entry per row.
        y : array-like of shape (n_samples,)
            Labels.
        groups : array-like of shape (n_samples,), default=None
            For the splitter.
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
        """
        fit_params = _check_params(self, fit_params)
        self._check_data(X, y, groups)
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            encoders = [LabelEncoder().fit(column) for column in np.asarray(y).T]
            columns = zip(encoders, np.asarray(y).T, strict=True)
            encoded = np.array([encoder.transform(column) for encoder, column in columns]).T
            self._label_encoder: Any = encoders
            self.classes_: Any = [encoder.classes_ for encoder in encoders]
        else:
            encoder = LabelEncoder().fit(y)
            if len(encoder.classes_) < 2:
                raise InvalidInputError(
                    "A stack of classifiers needs rows of at least 2 classes; `y` has only 1 "
                    f"class: {encoder.classes_.tolist()}."
                )
            encoded = encoder.transform(y)
            self._label_encoder, self.classes_ = encoder, encoder.classes_
        return self._fit(X, encoded, y, groups, fit_params)


class StackingRegressor(_JobStacking, sklearn.ensemble.StackingRegressor):
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
    passthrough : bool, default=False
        Whether the final estimator also sees ``X``, which must be 2-D then.
    verbose : int, default=0
        1 shows progress.
    predict_with : {"refit", "folds"}, default="refit"
        Predict with learners that were fitted anew on all rows, or with the average of the fold
        models, which saves the refits.
    refit_epochs : {"median", "early_stopping"}, default="median"
        How a network with ``early_stopping`` is refitted: for the median of the best epochs of its
        folds, on all rows; or stopping early once more, on part of them.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Where trained networks are kept, and taken from when the same training is wanted again;
        None is nowhere. Needs seeds: ``random_state`` here or in the learners.
    random_state : int, RandomState instance or None, default=None
        Seeds every learner whose own ``random_state`` is None.

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
    fit_seconds_ : dict of str to float
        Training time of each learner's fits, which ran side by side.
    seconds_ : float
        Wall time of ``fit``.

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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        name: rule
        for name, rule in _JobStacking._parameter_constraints.items()
        if name != "stack_method"
    }

    def __init__(
        self,
        estimators: Any,
        final_estimator: Any = None,
        *,
        cv: Any = None,
        n_jobs: int | None = None,
        passthrough: bool = False,
        verbose: int = 0,
        predict_with: str = "refit",
        refit_epochs: str = "median",
        memory: Any = None,
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
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, *, groups: Any = None, **fit_params: Any) -> Any:
        """Train all learners, then the final estimator.

        Parameters
        ----------
        X : array-like
            Whatever the learners take, one entry per row.
        y : array-like of shape (n_samples,)
            Target.
        groups : array-like of shape (n_samples,), default=None
            For the splitter.
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
        """
        fit_params = _check_params(self, fit_params)
        self._check_data(X, y, groups)
        y = column_or_1d(y, warn=True)
        return self._fit(X, y, y, groups, fit_params)


def _check_params(stack: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Refuse metadata without routing, but for weights; a None is the same as nothing."""
    others = {name: value for name, value in params.items() if name != "sample_weight"}
    _raise_for_params(others, stack, "fit")
    weights = params.get("sample_weight")
    return others if weights is None else {**others, "sample_weight": weights}


def _is_dropped(estimator: Any) -> bool:
    return isinstance(estimator, str) and estimator == "drop"


def _holds_sequences(X: Any) -> bool:
    if isinstance(X, np.ndarray) and X.dtype.kind != "O":
        return X.ndim > 2
    if isinstance(X, list | np.ndarray) and len(X):
        return isinstance(X[0], str) or np.ndim(X[0]) > 1
    return False


def _check_takes_weights(name: str, estimator: Any) -> None:
    if _is_dropped(estimator):
        return
    parameters = inspect.signature(estimator.fit).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if not takes_any and "sample_weight" not in parameters:
        raise TypeError(
            f"Underlying estimator {type(estimator).__name__} ({name!r}) does not support sample "
            "weights."
        )


def _fill_seeds(estimator: Any, rng: np.random.RandomState) -> Any:
    missing = {
        name: int(rng.randint(np.iinfo(np.int32).max))
        for name, value in sorted(estimator.get_params(deep=True).items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    return estimator.set_params(**missing) if missing else estimator


def _warn_missing(fit: Fit, absent: list[Any]) -> None:
    warnings.warn(
        f"The training rows of {fit.label} lack the classes {absent}: their columns are "
        f"{'0' if fit.method == 'predict_proba' else 'the smallest float'} there. Use fewer or "
        "stratified folds.",
        MissingClassWarning,
        stacklevel=2,
    )
