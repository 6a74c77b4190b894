"""scikit-learn's searches, with all candidates and folds of networks trained side by side."""

from __future__ import annotations

import copy
import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
import sklearn.model_selection
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GroupKFold, check_cv
from sklearn.utils import indexable
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, _routing_enabled
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from stackens.ensemble import (
    choose_splitter,
    draw_splits,
    groups_for,
    is_network,
    is_number_of_folds,
    last_step,
    plan_networks,
)
from stackens.parameters import all_or_nothing, fill_seeds
from stackens.store import JobStore, check_memory, train_with_memory, using_store
from stackens.targets import read_groups, read_target
from stackens.views import with_rows

_LOGGER = logging.getLogger("stackens.model_selection")


class _TrainsAhead:
    """Mixed into a search: trains the networks of all candidates and folds before any is scored.

    scikit-learn's own code then fits and scores one candidate after the other, and every fit is
    served from a store. So scores are those of one by one, by construction.
    """

    estimator: Any
    cv: Any
    n_jobs: int | None
    memory: Any
    cv_results_: dict[str, Any]

    @all_or_nothing
    def fit(self, X: Any, y: Any = None, *, groups: Any = None, **params: Any) -> Any:
        """Search, and fit the best candidate on all rows unless ``refit`` is False.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whatever the estimator takes, one entry per row.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target.
        groups : array-like of shape (n_samples,), default=None
            Group of each row. No split of ``cv`` divides one, and a stack or a learner among the
            candidates (also behind a Pipeline) gets those of its rows, for its own splits and its
            early stopping, unless its ``set_fit_request(groups=False)`` says not to.
        **params : dict
            As in scikit-learn: metadata for the estimator and the scorer.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If a split divides a group, or ``cv`` needs groups and there are none.
        """
        self._open_store()
        if is_network(last_step(self.estimator)):
            y = read_target(y)
        X, y = indexable(with_rows(X), y)
        groups = read_groups(X, groups)
        params = params if groups is None else {**params, "groups": groups}
        with self._prepared(), using_store(self.store_):
            self._X_y = X, y
            self._seconds: list[np.ndarray] = []
            try:
                super().fit(X, y, **params)  # type: ignore[misc]
                self._tell_times()
            except BaseException:
                for name in [n for n in vars(self) if n.endswith("_") and not n.startswith("_")]:
                    delattr(self, name)
                raise
            finally:
                # The last is scikit-learn's: the splits that were drawn, as long as the rows.
                for name in (
                    "_X_y",
                    "_seconds",
                    "_splits",
                    "_groups",
                    "_fit_params",
                    "_own_fit_params",
                    "_checked_cv_orig",
                ):
                    vars(self).pop(name, None)
        return self

    def _get_routed_params_for_fit(self, params: dict[str, Any]) -> Any:
        """Route metadata, and draw the splits: once for training ahead and for the scores."""
        routed = super()._get_routed_params_for_fit(params)  # type: ignore[misc]
        X, y = self._X_y
        groups = routed.splitter.split.get("groups", params.get("groups"))
        self._groups = None if _routing_enabled() else groups
        groups_for(self.estimator, self._groups)  # refuses what they cannot reach
        self.splitter_ = self.cv
        if groups is not None and is_number_of_folds(self.cv):
            classifier = is_classifier(self.estimator)
            self.splitter_ = choose_splitter(self.cv, y, classifier=classifier, groups=groups)
        splitter = check_cv(self.splitter_, y, classifier=is_classifier(self.estimator))
        self.cv = self._splits = draw_splits(
            splitter, X, y, {**routed.splitter.split, "groups": groups}
        )
        routed.splitter.split = {}  # the splits are there
        self._fit_params = routed.estimator.fit  # what every fit gets, of a candidate and the best
        self._own_fit_params = dict(self._fit_params)
        return routed

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what is routed where; a number of folds asks for ``groups``.

        Returns
        -------
        MetadataRouter
        """
        router = super().get_metadata_routing()  # type: ignore[misc]
        if is_number_of_folds(self.cv):
            mapping = MethodMapping().add(caller="fit", callee="split")
            router.add(splitter=GroupKFold(), method_mapping=mapping)
        return router

    def _run_search(
        self, evaluate_candidates: Callable[..., Any], callback_ctx: Any = None
    ) -> None:
        def evaluate(candidates: Any, cv: Any = None, **contexts: Any) -> Any:
            candidates = [_seed_values(c, self._rng) for c in candidates]
            self._seconds.append(self._train_ahead(candidates, cv))
            n_done, results, told = 0, None, contexts
            for batch in self._batches(candidates):
                if n_done:
                    told = {name: _NumberedOn(of, n_done) for name, of in contexts.items()}
                results = evaluate_candidates(batch, cv=cv, **told)
                n_done += len(batch) * len(self._splits)
            return results

        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        super()._run_search(evaluate, **context)  # type: ignore[misc]

    def _batches(self, candidates: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """Yield candidates whose ``fit`` takes groups by the same names: as a rule, all of them."""
        by_names = groupby(candidates, lambda candidate: set(self._groups_of(candidate)))
        for batch in [list(alike) for _, alike in by_names] or [[]]:
            for first in batch[:1]:
                self._hand_on(first)
            yield batch

    def _groups_of(self, candidate: Mapping[str, Any]) -> dict[str, Any]:
        """Return groups as metadata of a candidate, which may have other parts than others."""
        if self._groups is None:
            return {}
        return groups_for(self._make_candidate(candidate), self._groups)

    def _make_candidate(self, candidate: Mapping[str, Any]) -> Any:
        return clone(self.estimator).set_params(**clone(candidate, safe=False))

    def _hand_on(self, candidate: Mapping[str, Any]) -> None:
        """Change, in place, the metadata that scikit-learn hands to the fits that come next."""
        groups = self._groups_of(candidate)
        self._fit_params.clear()
        self._fit_params.update({**self._own_fit_params, **groups})

    def _select_best_index(self, refit: Any, refit_metric: str, results: Any) -> Any:
        index = super()._select_best_index(refit, refit_metric, results)  # type: ignore[misc]
        self._hand_on(results["params"][index])  # the refit
        return index

    def _train_ahead(self, candidates: Sequence[Mapping[str, Any]], cv: Any) -> np.ndarray:
        """Train all networks that are going to be asked for; return their seconds, per fit."""
        X, y = self._X_y
        splits = self._splits if cv is None else list(cv.split(X, y))
        seconds = np.zeros((len(candidates), len(splits)))
        planned: list[tuple[int, int, Any, Any]] = []
        parts = [_safe_split(self.estimator, X, y, train) for train, _ in splits]
        for i, candidate in enumerate(candidates):
            for k, ((train, _), (X_train, y_train)) in enumerate(zip(splits, parts, strict=True)):
                label = f"candidate {i}, split {k}"
                try:
                    estimator = self._make_candidate(candidate)
                    params = {**self._own_fit_params, **groups_for(estimator, self._groups)}
                    metadata = _check_method_params(X, params=params, indices=train)
                    plan = plan_networks(estimator, X_train, y_train, metadata, name=label)
                except Exception as error:  # the search meets it again, and treats it by its rules
                    _LOGGER.debug("%s cannot be planned: %s", label, error)
                    continue
                planned += [(i, k, learner, job) for learner, job in plan]
        if not planned:
            return seconds
        _LOGGER.info(
            "%d candidates on %d splits: %d networks in one run.",
            len(candidates),
            len(splits),
            len(planned),
        )
        trained = train_with_memory(
            [job for *_, job in planned],
            [learner for *_, learner, _ in planned],
            None,  # the store in use
            n_jobs=self._n_processes,
            on_error="return",
        )
        for (i, k, _, _), network in zip(planned, trained, strict=True):
            seconds[i, k] += getattr(network, "seconds", 0.0)
        return seconds

    def _tell_times(self) -> None:
        """Count the training of networks among the times of ``fit``."""
        seconds = np.concatenate(self._seconds)
        for name, value in (("mean", seconds.mean(axis=1)), ("std", seconds.std(axis=1))):
            column = f"{name}_fit_time"
            self.cv_results_[column] = np.where(
                seconds.any(axis=1), value, self.cv_results_[column]
            )

    # ---- before and after ----------------------------------------------------------------------

    @contextmanager
    def _prepared(self) -> Iterator[None]:
        """Put a seeded estimator and splitter in place, for the time of the search."""
        before = {name: getattr(self, name) for name in ("estimator", "cv", "n_jobs")}
        self._rng = np.random.RandomState(np.random.randint(np.iinfo(np.int32).max))  # noqa: NPY002 - the global generator is what None means in scikit-learn
        self._n_processes = self.n_jobs
        self.estimator = fill_seeds(clone(self.estimator), self._rng.randint)
        self.cv = _seed_splitter(self.cv, self._rng)
        if is_network(last_step(self.estimator)):  # trained in processes; predicting needs none
            self.n_jobs = None
        self.base_estimator_ = self.estimator
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)
            del self._rng, self._n_processes

    def _open_store(self) -> None:
        self._keeps_store = self.memory is not None
        store = check_memory(self.memory)
        if store is None:
            folder = tempfile.mkdtemp(prefix="stackens-search-")
            store = JobStore(folder)
            weakref.finalize(store, shutil.rmtree, folder, ignore_errors=True)
        self.store_ = store

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore[call-overload]
        if not state.get("_keeps_store", True):  # the folder goes when nobody here needs it
            state.pop("store_", None)  # a copy of a copy has none
        return state


class GridSearchCV(_TrainsAhead, sklearn.model_selection.GridSearchCV):
    """Exhaustive search over candidates that train side by side.

    scikit-learn's :class:`~sklearn.model_selection.GridSearchCV` with the same parameters,
    results and scores. The networks of all candidates and folds (of learners of this package, of
    Pipelines that end in one, and of stacks) are trained as one list of jobs beforehand, and no
    job twice.

    Parameters
    ----------
    estimator : estimator
        What is searched for. Seeds that are None are drawn once, and are the same for all
        candidates and folds.
    param_grid : dict or list of dict
        Values to try for each parameter.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in scikit-learn. Networks use all cores with ``n_jobs=None``.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Where trained networks are kept, also for later searches and stacks; None keeps them as
        long as this object.

    Attributes
    ----------
    cv_results_, best_estimator_, best_params_, best_score_, best_index_, n_splits_
        As in scikit-learn. The time of a fit is that of its training beside the others.
    base_estimator_ : estimator
        The estimator with the seeds that were drawn.
    splitter_ : int, splitter or list
        ``cv`` with the seed that was drawn.
    store_ : JobStore
        Where the networks are.

    See Also
    --------
    stackens.StackingClassifier.from_search : Makes a stack of the best candidates.

    Examples
    --------
    >>> from stackens import StackedRNNClassifier
    >>> from stackens.datasets import load_digits_sequences
    >>> from stackens.model_selection import GridSearchCV
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> learner = StackedRNNClassifier(units=8, epochs=2, random_state=0)
    >>> search = GridSearchCV(learner, {"learning_rate": [0.001, 0.01]}, cv=3)
    >>> search.fit(X[:150], y[:150]).best_params_
    {'learning_rate': 0.01}
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **sklearn.model_selection.GridSearchCV._parameter_constraints,
        "memory": [None, str, os.PathLike, HasMethods("cache"), JobStore],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        memory: Any = None,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.memory = memory


class RandomizedSearchCV(_TrainsAhead, sklearn.model_selection.RandomizedSearchCV):
    """Random search over candidates that train side by side.

    scikit-learn's :class:`~sklearn.model_selection.RandomizedSearchCV` with the same parameters,
    results and scores; see :class:`GridSearchCV` for what is different.

    Parameters
    ----------
    estimator : estimator
        What is searched for. Seeds that are None are drawn once, and are the same for all
        candidates and folds.
    param_distributions : dict or list of dict
        Distributions or lists to draw parameters from.
    n_iter : int, default=10
        Candidates to draw.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, random_state, error_score, return_train_score
        As in scikit-learn. Networks use all cores with ``n_jobs=None``.
    memory : path-like, joblib.Memory, JobStore or None, default=None
        Where trained networks are kept, also for later searches and stacks; None keeps them as
        long as this object.

    Attributes
    ----------
    cv_results_, best_estimator_, best_params_, best_score_, best_index_, n_splits_
        As in scikit-learn. The time of a fit is that of its training beside the others.
    base_estimator_ : estimator
        The estimator with the seeds that were drawn.
    splitter_ : int, splitter or list
        ``cv`` with the seed that was drawn.
    store_ : JobStore
        Where the networks are.

    See Also
    --------
    GridSearchCV : Tries all combinations.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from stackens import StackedRNNClassifier
    >>> from stackens.datasets import load_digits_sequences
    >>> from stackens.model_selection import RandomizedSearchCV
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> search = RandomizedSearchCV(
    ...     StackedRNNClassifier(units=8, epochs=2, random_state=0),
    ...     {"learning_rate": loguniform(1e-3, 1e-1)}, n_iter=3, cv=3, random_state=0)
    >>> len(search.fit(X[:150], y[:150]).cv_results_["params"])
    3
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **sklearn.model_selection.RandomizedSearchCV._parameter_constraints,
        "memory": [None, str, os.PathLike, HasMethods("cache"), JobStore],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        memory: Any = None,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.memory = memory


class _NumberedOn:
    """A context of callbacks whose subtasks are numbered on, after those of earlier candidates."""

    def __init__(self, context: Any, n_before: int) -> None:
        self._context, self._n_before = context, n_before

    def subcontext(self, *, task_id: int, **options: Any) -> Any:
        return self._context.subcontext(task_id=self._n_before + task_id, **options)


def _seed_values(candidate: Mapping[str, Any], rng: np.random.RandomState) -> dict[str, Any]:
    """Seed estimators that are values of parameters."""
    return {
        name: fill_seeds(clone(value), rng.randint)
        if hasattr(value, "get_params") and not isinstance(value, type)
        else value
        for name, value in candidate.items()
    }


def _seed_splitter(cv: Any, rng: np.random.RandomState) -> Any:
    """Make a splitter give the same splits whenever it is asked."""
    if hasattr(cv, "split"):
        if getattr(cv, "shuffle", True) and not isinstance(getattr(cv, "random_state", 0), int):
            cv = copy.deepcopy(cv)
            cv.random_state = int(rng.randint(np.iinfo(np.int32).max))
        return cv
    return cv if is_number_of_folds(cv) else list(cv)
