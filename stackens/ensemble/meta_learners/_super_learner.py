"""Meta-learners: cross-validation chooses between final estimators."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    _fit_context,
    clone,
    is_classifier,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from stackens.ensemble._level_one import TakesBlocks
from stackens.ensemble._splits import (
    Split,
    choose_splitter,
    draw_splits,
    is_number_of_folds,
)
from stackens.ensemble.meta_learners._blend import TakesBlocksMixin, row_weights
from stackens.ensemble.meta_learners._columnwise import for_columns
from stackens.ensemble.meta_learners._convex_blend import (
    ConvexBlendClassifier,
    ConvexBlendRegressor,
)
from stackens.ensemble.meta_learners._ensemble_selection import (
    EnsembleSelectionClassifier,
    EnsembleSelectionRegressor,
)
from stackens.exceptions import InvalidInputError
from stackens.parameters import all_or_nothing, known_arguments
from stackens.targets import check_numbers, read_groups, read_target

Candidates = list[tuple[str, Any]]

_LEAST = 1e-3  # a single row that one learner is sure of does not decide


class _DiscreteSuperLearner(TakesBlocksMixin, BaseEstimator):
    """What classes and numbers have in common."""

    # Groups are asked for without a request, as folds must not divide them.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "candidates": [list, None],
        "cv": ["cv_object"],
        "n_standard_errors": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self, candidates: Any = None, *, cv: Any = None, n_standard_errors: float = 1.0
    ) -> None:
        self.candidates = candidates
        self.cv = cv
        self.n_standard_errors = n_standard_errors

    def _choose(self, X: np.ndarray, y: np.ndarray, sample_weight: Any, groups: Any) -> Self:
        weights = row_weights(sample_weight, X)
        groups = read_groups(X, groups)
        candidates = self._read_candidates(y, weighted=sample_weight is not None)
        params = {} if sample_weight is None else {"sample_weight": weights}
        losses = np.full((len(candidates), len(y)), np.nan)
        for train, test in self._splits(X, y, weights, groups):
            own = {name: value[train] for name, value in params.items()}
            for row, (_, candidate) in zip(losses, candidates, strict=True):
                fitted = self._clone(candidate).fit(X[train], y[train], **own)
                row[test] = self._losses(fitted, X[test], y[test])
        means, errors = compare_losses(losses, weights, groups)
        names = [name for name, _ in candidates]
        self.losses_ = dict(zip(names, means.tolist(), strict=True))
        self.standard_errors_ = dict(zip(names, errors.tolist(), strict=True))
        place = choose_first_good(means, errors, self.n_standard_errors)
        self.chosen_ = names[place]
        self.best_estimator_ = self._clone(candidates[place][1]).fit(X, y, **params)
        return self

    def _read_candidates(self, y: np.ndarray, *, weighted: bool) -> Candidates:
        candidates = self._default_candidates() if self.candidates is None else self.candidates
        pairs = [isinstance(one, tuple) and len(one) == 2 for one in candidates]
        if not candidates or not all(pairs):
            raise InvalidInputError(
                "`candidates` must be a list of at least one (name, estimator), what is to be "
                f"taken in doubt first; got {candidates!r}."
            )
        names = [name for name, _ in candidates]
        if len(set(names)) < len(names):
            raise InvalidInputError(f"`candidates` must have different names; got {names}.")
        for name, one in candidates:
            if weighted and not has_fit_parameter(one, "sample_weight"):
                raise InvalidInputError(
                    f"`sample_weight` was given, which candidate {name!r}, "
                    f"{type(one).__name__}, does not take. Leave one of them out."
                )
            if is_classifier(self) and not hasattr(one, "predict_proba"):
                raise InvalidInputError(
                    f"Candidate {name!r}, {type(one).__name__}, has no `predict_proba`, by which "
                    "candidates are compared. Leave it out, or wrap it into a "
                    "CalibratedClassifierCV."
                )
        if y.ndim == 1:
            return list(candidates)
        return [(name, for_columns(one)) for name, one in candidates]

    def _clone(self, candidate: Any) -> Any:
        candidate = clone(candidate)
        if isinstance(candidate, TakesBlocks) and hasattr(self, "_declared_blocks"):
            candidate.set_level_one_blocks(self._declared_blocks, self._declared_methods)
        return candidate

    def _splits(
        self, X: np.ndarray, y: np.ndarray, weights: np.ndarray, groups: np.ndarray | None
    ) -> Iterator[Split]:
        """Yield splits whose training rows can train every candidate; there may be none."""
        is_class, cv = is_classifier(self), self.cv
        if is_number_of_folds(cv):
            if groups is not None:
                n_units = len(np.unique(groups))
            else:
                n_units = np.unique(y, return_counts=True)[1].max() if is_class else len(y)
            if n_units < 2:
                return
            cv = min(5 if cv is None else int(cv), int(n_units))
        splitter = choose_splitter(cv, y, classifier=is_class, groups=groups)
        with warnings.catch_warnings():  # a class may have fewer rows than there are folds
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            splits = draw_splits(splitter, X, y, {} if groups is None else {"groups": groups})
        rows = np.arange(len(y))
        for train, test in splits:
            counting = rows[train][weights[train] > 0]
            if len(np.unique(y[counting]) if is_class else counting) >= 2:
                yield rows[train], rows[test]

    def predict(self, X: Any) -> np.ndarray:
        """Predict by the candidate that was chosen.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Outputs of the learners as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(self.best_estimator_.predict(X))

    def _default_candidates(self) -> Candidates:
        raise NotImplementedError

    def _losses(self, fitted: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError


def row_log_losses(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the log-loss of each row; a probability below 0.001 counts as that.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Of each class.
    classes : ndarray of int of shape (n_samples,)
        Number of the true one.
    """
    return -np.log(np.maximum(probabilities[np.arange(len(classes)), classes], _LEAST))


def compare_losses(
    losses: np.ndarray, weights: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean losses, and standard errors of their differences to the smallest one.

    Parameters
    ----------
    losses : ndarray of shape (n_candidates, n_samples)
        Of held-out rows; NaN where a row never was, for all candidates alike.
    weights : ndarray of shape (n_samples,)
        Weight of each row.
    groups : ndarray of shape (n_samples,) or None
        Group of each row; rows of one count together, as they are not independent.

    Returns
    -------
    means, errors : ndarray of shape (n_candidates,)
        NaN if no row was held out.
    """
    held_out = np.isfinite(losses).all(axis=0) & (weights > 0)
    if not held_out.any():
        return np.full(len(losses), np.nan), np.full(len(losses), np.nan)
    losses, share = losses[:, held_out], weights[held_out] / weights[held_out].sum()
    means = losses @ share
    gaps = losses - losses[means.argmin()]
    parts = share * (gaps - (gaps @ share)[:, np.newaxis])
    if groups is not None:
        _, unit = np.unique(groups[held_out], return_inverse=True)
        parts = np.stack([np.bincount(unit, part) for part in parts])
    n_units = parts.shape[1]
    return means, np.sqrt((parts**2).sum(axis=1) * n_units / max(1, n_units - 1))


def choose_first_good(means: np.ndarray, errors: np.ndarray, n_standard_errors: float) -> int:
    """Return the place of the first candidate that is near enough to the best; NaN is 0.

    One that is worse than another before it is never near enough: its error may just be large.
    """
    if np.isnan(means).any():
        return 0
    is_near = means - means.min() <= n_standard_errors * errors
    return int(np.argmax(is_near & (means <= np.minimum.accumulate(means))))


class DiscreteSuperLearnerClassifier(ClassifierMixin, _DiscreteSuperLearner):
    """Final estimator that cross-validation chooses: a blend, an average, a linear model, ….

    Each candidate is cross-validated on the learners' out-of-fold predictions, and the first one is
    chosen whose loss is at most a standard error above the smallest, and not above that of one
    before it: with few rows, what is safe; with many, what is best. It is then fitted on all rows.

    Parameters
    ----------
    candidates : list of (str, estimator), default=None
        Final estimators with ``predict_proba``, what is to be taken in doubt first. None is, in
        this order: "convex_blend" (:class:`ConvexBlendClassifier`, whose weights are near equal
        ones where rows are few), "average" (equal weights), "best_learner" (the one with the
        smallest log-loss: a single row may make it another) and "linear" (a logistic regression).
    cv : int, splitter or iterable, default=None
        As everywhere in scikit-learn; None is 5. A number of folds is stratified, holds out whole
        groups if ``fit`` gets groups, and is lowered to what rows or groups allow.
    n_standard_errors : float, default=1.0
        How far the loss may be above the smallest one, in standard errors of the difference of the
        two over rows, or over groups; 0 takes the smallest loss.

    Attributes
    ----------
    chosen_ : str
        Name of the candidate that was chosen.
    losses_ : dict of str to float
        Log-loss of each candidate on held-out rows, where a probability below 0.001 counts as that.
        NaN where no row could be held out; the first candidate is chosen then.
    standard_errors_ : dict of str to float
        Of the difference of each loss to the smallest one.
    best_estimator_ : estimator
        What was chosen, fitted on all rows.
    classes_ : ndarray of shape (n_classes,)
        Classes.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    ConvexBlendClassifier : One of the candidates.
    DiscreteSuperLearnerRegressor : The same for numbers.

    References
    ----------
    M. J. van der Laan, E. C. Polley and A. E. Hubbard, *Super learner*, 2007; R. V. Phillips, M. J.
    van der Laan, H. Lee and S. Gruber, *Practical considerations for specifying a super learner*,
    2023 (candidates that are super learners themselves); L. Breiman, J. Friedman, R. Olshen and C.
    Stone, *Classification and regression trees*, 1984 (the rule of one standard error).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from stackens import DiscreteSuperLearnerClassifier, StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> learners = [("linear", LogisticRegression(max_iter=1000)), ("bayes", GaussianNB())]
    >>> stack = StackingClassifier(learners, DiscreteSuperLearnerClassifier()).fit(X, y)
    >>> stack.final_estimator_.chosen_
    'convex_blend'
    >>> sorted(stack.final_estimator_.losses_)
    ['average', 'best_learner', 'convex_blend', 'linear']
    """

    @known_arguments
    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Choose a candidate, and fit it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Outputs of the learners side by side, as for the blends.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, in fits and in losses; None is 1.
        groups : array-like of shape (n_samples,), default=None
            Group of each row; no split divides one.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If there is only one class, a candidate has no ``predict_proba`` or takes no
            ``sample_weight`` that was given, or ``cv`` divides a group.
        """
        X, y = validate_data(self, X, read_target(y), dtype=np.float64)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise InvalidInputError(
                f"{type(self).__name__} needs rows of at least 2 classes; got 1 class."
            )
        return self._choose(X, y, sample_weight, groups)

    def _default_candidates(self) -> Candidates:
        return [
            ("convex_blend", ConvexBlendClassifier()),
            ("average", ConvexBlendClassifier(np.inf)),
            ("best_learner", EnsembleSelectionClassifier(0)),
            ("linear", LogisticRegression(max_iter=2_000)),
        ]

    def _losses(self, fitted: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        found = np.zeros((len(y), len(self.classes_)))
        found[:, np.searchsorted(self.classes_, fitted.classes_)] = fitted.predict_proba(X)
        return row_log_losses(found, np.searchsorted(self.classes_, y))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the candidate that was chosen.

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
        return np.asarray(self.best_estimator_.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # as the blends
        return tags


class DiscreteSuperLearnerRegressor(RegressorMixin, _DiscreteSuperLearner):
    """Final estimator that cross-validation chooses: a blend, an average, a linear model, ….

    Each candidate is cross-validated on the learners' out-of-fold predictions, and the first one is
    chosen whose loss is at most a standard error above the smallest, and not above that of one
    before it: with few rows, what is safe; with many, what is best. It is then fitted on all rows.

    Parameters
    ----------
    candidates : list of (str, estimator), default=None
        Final estimators, what is to be taken in doubt first. None is, in this order: "convex_blend"
        (:class:`ConvexBlendRegressor`, whose weights are near equal ones where rows are few),
        "average" (equal weights), "best_learner" (the one with the smallest squared error: a single
        row may make it another) and "linear" (a ridge regression, for each output). Of several
        outputs, what takes one gets a :class:`ColumnwiseRegressor`.
    cv : int, splitter or iterable, default=None
        As everywhere in scikit-learn; None is 5. A number of folds holds out whole groups if
        ``fit`` gets groups, and is lowered to what rows or groups allow.
    n_standard_errors : float, default=1.0
        How far the loss may be above the smallest one, in standard errors of the difference of the
        two over rows, or over groups; 0 takes the smallest loss.

    Attributes
    ----------
    chosen_ : str
        Name of the candidate that was chosen.
    losses_ : dict of str to float
        Mean squared error of each candidate on held-out rows. NaN where no row could be held out;
        the first candidate is chosen then.
    standard_errors_ : dict of str to float
        Of the difference of each loss to the smallest one.
    best_estimator_ : estimator
        What was chosen, fitted on all rows.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    ConvexBlendRegressor : One of the candidates.
    DiscreteSuperLearnerClassifier : The same for classes.

    References
    ----------
    M. J. van der Laan, E. C. Polley and A. E. Hubbard, *Super learner*, 2007; R. V. Phillips, M. J.
    van der Laan, H. Lee and S. Gruber, *Practical considerations for specifying a super learner*,
    2023 (candidates that are super learners themselves); L. Breiman, J. Friedman, R. Olshen and C.
    Stone, *Classification and regression trees*, 1984 (the rule of one standard error).

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import DiscreteSuperLearnerRegressor
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=50)
    >>> predictions = y[:, np.newaxis] + rng.normal(size=(50, 2))  # of two learners
    >>> chosen = DiscreteSuperLearnerRegressor().fit(predictions, y)
    >>> chosen.chosen_, list(chosen.losses_)
    ('linear', ['convex_blend', 'average', 'best_learner', 'linear'])
    """

    @known_arguments
    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Choose a candidate, and fit it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Predictions of the learners side by side, each as wide as ``y``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, in fits and in losses; None is 1.
        groups : array-like of shape (n_samples,), default=None
            Group of each row; no split divides one.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If a candidate takes no ``sample_weight`` that was given, or ``cv`` divides a group.
        """
        y = read_target(y)
        check_numbers(y)
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        return self._choose(X, y, sample_weight, groups)

    def _default_candidates(self) -> Candidates:
        return [
            ("convex_blend", ConvexBlendRegressor()),
            ("average", ConvexBlendRegressor(np.inf)),
            ("best_learner", EnsembleSelectionRegressor(0)),
            ("linear", RidgeCV(np.logspace(-2, 4, 13))),
        ]

    def _losses(self, fitted: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        errors = np.reshape(fitted.predict(X) - y, (len(y), -1))
        return np.asarray((errors**2).mean(axis=1))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.regressor_tags.poor_score = True
        return tags
