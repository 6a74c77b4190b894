"""How a stack is fitted: all jobs planned first, then run together."""

from __future__ import annotations

import copy
import inspect
import os
import time
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.ensemble._base import _fit_single_estimator
from sklearn.ensemble._stacking import _BaseStacking
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import _num_samples, check_is_fitted

from stackens.ensemble._fallback import choose_predictor
from stackens.ensemble._fit import Fit, Policy, adapt_learner
from stackens.ensemble._fits import plan_fits, run_fits
from stackens.ensemble._from_search import collect_candidates
from stackens.ensemble._groups import (
    consumes_groups,
    groups_for,
    groups_for_final,
    groups_request,
    is_number_of_folds,
)
from stackens.ensemble._inspectable import Inspectable
from stackens.ensemble._leaderboard import make_leaderboard
from stackens.ensemble._level_one import TakesBlocks, declare_blocks
from stackens.ensemble._level_one_stacking import LevelOneStacking
from stackens.ensemble._passthrough import SUMMARIES, check_passthrough
from stackens.ensemble._seeds import fill_seeds
from stackens.ensemble._splits import Split, check_decisions, check_weights, make_splits
from stackens.ensemble._survivors import drop_failed, keep_finished
from stackens.exceptions import InvalidInputError
from stackens.parameters import advise_argument
from stackens.store import JobStore, check_memory
from stackens.targets import (
    check_rows,
    read_groups,
    read_target,
    read_weights,
    refuse_several_inputs,
)
from stackens.training import (
    CallbackSupportMixin,
    Progress,
    Task,
    choose_held_out_rows,
    has_callbacks,
    refuse_propagated,
    stream,
)
from stackens.views import has_views, with_rows

__all__ = ["JobStacking", "check_fit_params"]

# What scikit-learn keeps of callbacks, with their place in a search.
_OF_CALLBACKS = ("_skl_", "_callback_fit", "_parent_callback")


class JobStacking(Inspectable, LevelOneStacking, CallbackSupportMixin):
    """Replaces how scikit-learn's stacking fits: all jobs planned first, then run together."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **_BaseStacking._parameter_constraints,
        "predict_with": [StrOptions({"refit", "folds"})],
        "refit_epochs": [StrOptions({"median", "early_stopping"})],
        "passthrough": ["boolean", StrOptions(set(SUMMARIES)), callable],
        "on_failure": [StrOptions({"raise", "drop"})],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "fallback": [StrOptions({"best", "average"}), None],
        "memory": [None, str, os.PathLike, HasMethods("cache"), JobStore],
        "random_state": ["random_state"],
    }

    def _fit(self, X: Any, y: Any, y_given: Any, groups: Any, params: dict[str, Any]) -> Any:
        """Fit on ``y`` as learners see it; ``y_given`` is what the caller gave."""
        started, X = time.perf_counter(), with_rows(X)
        deadline = None if self.time_limit is None else time.time() + self.time_limit
        if isinstance(self.cv, str) and self.cv == "prefit":
            self._fit_prefit(X, y, groups, params)
        else:
            self._fit_jobs(X, y, y_given, groups, params, deadline)
        self.seconds_ = time.perf_counter() - started
        return self

    def _fit_jobs(
        self,
        X: Any,
        y: Any,
        y_given: Any,
        groups: Any,
        params: dict[str, Any],
        deadline: float | None,
    ) -> None:
        names, learners, methods, splits, fits = self._plan(X, y, groups, params)
        task = self._begin(learners, len(fits) + 1, X, y_given, params)
        for number, fit in enumerate(fits):
            fit.task = task.subtask(fit.label, number)
        final_task = task.subtask("fit-final-estimator", len(fits))
        with Progress(self.verbose, unit="step") as progress:
            run_fits(
                fits,
                X,
                y,
                n_jobs=self.n_jobs,
                progress=progress,
                refit_epochs=self.refit_epochs,
                memory=self.memory,
                policy=Policy(self.on_failure, deadline),
            )
        fits, self.failures_ = drop_failed(fits, list(learners))
        learners = {n: e for n, e in learners.items() if n not in self.failures_}
        if deadline is not None:
            kept, folds = keep_finished(
                fits, list(learners), len(splits), y, classifier=is_classifier(self)
            )
            self.failures_ |= {n: "`time_limit` came first" for n in learners if n not in kept}
            learners = {n: learners[n] for n in kept}
            splits = [splits[fold] for fold in folds]
            fits = [f for f in fits if f.is_done and f.name in learners]
        else:
            folds = list(range(len(splits)))
        self._learn_names(X)
        self._adopt(names, learners, methods, fits)
        fits = [fit for fit in fits if fit.fold in folds]
        self._fit_final(X, y, y_given, splits, fits, list(learners), params, final_task)
        self.predicts_with_ = choose_predictor(self)
        self._end(task, X, y_given, params)

    def _fit_prefit(self, X: Any, y: Any, groups: Any, params: dict[str, Any]) -> None:
        wrong = [
            f"{name}={value!r}"
            for name, value, default in (
                ("predict_with", self.predict_with, "refit"),
                ("fallback", self.fallback, None),
            )
            if value != default
        ]
        if wrong:
            raise InvalidInputError(
                f"`cv='prefit'` trains no fold models; {', '.join(wrong)} needs their predictions."
            )
        if groups is not None:
            self._validate_final_estimator()
            groups_for_final(self.final_estimator_, groups)
        task = self._begin({}, 0, X, y, params)
        # A copy, since scikit-learn's own `fit` would end with tearing down our callbacks.
        inner = copy.copy(self)
        for name in [name for name in vars(inner) if name.startswith(_OF_CALLBACKS)]:
            delattr(inner, name)
        _BaseStacking.fit(inner, X, y, **params)  # those of its heirs learn the target anew
        self.__dict__.update(vars(inner))
        self._learn_names(X)
        if isinstance(self.final_estimator_, TakesBlocks):  # was fitted without
            names = [name for name, e in self.estimators if not _is_dropped(e)]
            widths = dict(zip(names, self._n_feature_outs, strict=True))
            declare_blocks(self.final_estimator_, widths, self._block_methods)
            matrix, params = self.transform(X), self._final_params(params)
            _fit_single_estimator(self.final_estimator_, matrix, y, fit_params=params)
        self.failures_, self.predicts_with_ = {}, "stack"
        self._end(task, X, y, params)

    # ---- callbacks -----------------------------------------------------------------------------

    def _begin(self, learners: dict[str, Any], n_tasks: int, X: Any, y: Any, params: Any) -> Task:
        """Begin the task of the whole fit; its parts run side by side, so each has a number."""
        refuse_propagated(learners, "stack")
        parts = [p for e in learners.values() for p in (e, *e.get_params().values())]
        wanted = any(has_callbacks(part) for part in parts)
        task = Task.root(self, n_subtasks=n_tasks, sequential=False, wanted=wanted)
        task.begin(X=X, y=y, metadata=params or None)
        return task

    def _end(self, task: Task, X: Any, y: Any, params: Any) -> None:
        task.end(X=X, y=y, metadata=params or None, attributes={})

    # ---- before training -----------------------------------------------------------------------

    def _validate_estimators(self) -> tuple[Any, Any]:
        # Foreign estimators (SciKeras) are recognised by what they become.
        adapted = copy.copy(self)
        adapted.estimators = [
            (name, adapt_learner(e)) if not _is_dropped(e) else (name, e)
            for name, e in self.estimators
        ]
        names, _ = super(JobStacking, adapted)._validate_estimators()
        taken = {"splitter", "final_estimator_"} & set(names)  # by the metadata router
        if taken:
            raise InvalidInputError(
                f"A learner cannot be named {taken.pop()!r}, which is a part of the stack itself. "
                "Choose another name."
            )
        return names, [e for _, e in self.estimators]

    def _check_data(self, X: Any, y: Any, groups: Any, params: dict[str, Any]) -> Any:
        """Refuse what no stack can be fitted on; return the dense target, and groups."""
        weights = params.get("sample_weight")
        y = read_target(y)
        refuse_several_inputs(X, y)
        check_rows(X, y, weights)
        groups = read_groups(X, groups)
        if weights is not None and (np.ndim(weights) != 1 or np.isnan(weights).any()):
            raise InvalidInputError(
                "`sample_weight` must hold one number for each row; got an array of shape "
                f"{np.shape(weights)}{' with NaN' if np.ndim(weights) == 1 else ''}."
            )
        if weights is not None and np.min(weights) < 0:
            raise InvalidInputError(
                f"`sample_weight` must not be negative; got {np.min(weights)} in row "
                f"{np.argmin(weights)}."
            )
        if weights is not None and not np.any(weights):
            raise InvalidInputError("`sample_weight` is zero for every row.")
        if _num_samples(X) == 0:
            raise InvalidInputError(
                "Found array with 0 sample(s) while a minimum of 1 is required."
            )
        if self.passthrough is True and (_holds_sequences(X) or has_views(X)):
            raise InvalidInputError(
                "`passthrough=True` needs a 2-D table; `X` holds sequences or views. Say what "
                f"becomes a table: {', '.join(map(repr, SUMMARIES))}, or a function."
            )
        return y, groups

    def _seeded(self, names: Any, estimators: Any) -> list[Any]:
        """Copies of the learners, whose missing seeds come from ours and their names.

        The names, and not the order, so that a learner is the same whoever else is in the stack.
        """
        seed = self._seed
        if seed is None:
            return list(estimators)
        return [
            e if _is_dropped(e) else fill_seeds(clone(e), stream(seed, f"learner {name}").integers)
            for name, e in zip(names, estimators, strict=True)
        ]

    def _route(self, names: Any, groups: Any, params: dict[str, Any]) -> Any:
        """Return what each learner's ``fit`` and the splitter get."""
        split_params = {} if groups is None else {"groups": groups}
        if _routing_enabled():
            # What is given to us is ours, whatever we ask of a search around us.
            router = self._make_router(True)
            routed = process_routing(router, "fit", **split_params, **params)
            own = routed.get("splitter", {}).get("split", {})
            splitter = {"split": {**split_params, **own}}
            return {**{name: routed[name] for name in names}, "splitter": splitter}
        weights = {k: v for k, v in params.items() if k == "sample_weight"}
        if weights:
            for name, estimator in self.estimators:
                _check_takes_weights(name, estimator)
            _check_takes_weights("final_estimator", self.final_estimator_)
        # A stack among the learners, or one that teaches a student, has splits, too.
        routed = {
            name: {"fit": {**weights, **groups_for(estimator, groups, f"learner {name!r}")}}
            for name, estimator in self.estimators
        }
        groups_for_final(self.final_estimator_, groups)  # refuses, before anything is trained
        return {**routed, "splitter": {"split": split_params}}

    def _plan(
        self, X: Any, y: Any, groups: Any, params: dict[str, Any]
    ) -> tuple[list[str], dict[str, Any], dict[str, str], list[Split], list[Fit]]:
        """Validate everything, and list the fits; nothing is trained."""
        names, estimators = self._validate_estimators()
        self._draw_seed()
        self._validate_final_estimator()
        check_passthrough(X, self.passthrough, self.final_estimator_)
        check_memory(self.memory)
        if self.fallback is not None and isinstance(getattr(self, "classes_", None), list):
            raise InvalidInputError("`fallback` compares single-label targets; `y` has several.")
        routed = self._route(names, groups, params)
        learners = dict(zip(names, self._seeded(names, estimators), strict=True))
        learners = {n: e for n, e in learners.items() if not _is_dropped(e)}
        methods = {
            n: self._method_name(n, adapt_learner(e), self.stack_method)
            for n, e in learners.items()
        }
        splits = make_splits(
            self.cv,
            X,
            y,
            classifier=is_classifier(self),
            params=routed["splitter"]["split"],
            seed=self._seed,
        )
        check_weights(params.get("sample_weight"), splits)
        if is_classifier(self) and y.ndim == 1:
            check_decisions(methods, splits, y)
        groups = routed["splitter"]["split"].get("groups")
        hold_out = choose_held_out_rows(
            splits,
            classes=y if is_classifier(self) and y.ndim == 1 else None,
            groups=groups,
            gap=getattr(self.cv, "gap", 0),
        )
        fits: list[Fit] = []
        folds_predict = self.predict_with == "folds" or self.time_limit is not None
        for name, learner in learners.items():
            method, params = methods[name], routed[name]["fit"]
            fits += [
                Fit(learner, name, fold, train, test, method, params, hold_out, folds_predict)
                for fold, (train, test) in enumerate(splits)
            ]
            if self.predict_with == "refit":
                fits.append(Fit(learner, name, None, None, None, method, params, hold_out))
        return list(names), learners, methods, splits, fits

    def plan_networks(self, X: Any, y: Any, *, groups: Any = None, **fit_params: Any) -> list[Any]:
        """Plan the networks that ``fit`` would train, without training them.

        Parameters
        ----------
        X, y, groups, **fit_params
            As in ``fit``.

        Returns
        -------
        list of (learner, Job)
            Without refits that wait for the folds' best epochs.
        """
        stack = clone(self)
        params = check_fit_params(stack, fit_params)
        y, groups = stack._check_data(X, y, groups, params)
        if isinstance(stack.cv, str):
            return []
        X, y = with_rows(X), stack._learn_target(y)
        *_, fits = stack._plan(X, y, groups, params)
        return plan_fits(fits, X, y, stack.refit_epochs)

    # ---- public --------------------------------------------------------------------------------

    @classmethod
    def from_search(
        cls, searches: Any, *, top: Any = 1, final_estimator: Any = None, **options: Any
    ) -> Self:
        """Make a stack of the best candidates of searches, to be fitted on the same rows.

        The searches have trained its folds already; ``fit`` finds them in their store, and
        trains refits only. The candidates were chosen on these rows, so the honest score of the
        stack is one on rows that neither search nor stack has seen.

        Parameters
        ----------
        searches : fitted search or list of fitted searches
            From :mod:`stackens.model_selection`; or from scikit-learn, over learners with
            ``memory`` and a seed. All with the same ``cv``.
        top : int or list of int, default=1
            How many candidates of each search.
        final_estimator : estimator, default=None
            As in the constructor.
        **options : dict
            Further parameters of the constructor; ``cv`` and ``memory`` are those of the searches
            otherwise.

        Returns
        -------
        stack
            Not fitted; its learners are named after class and rank.

        Examples
        --------
        >>> from stackens import StackedRNNClassifier, StackingClassifier
        >>> from stackens.datasets import load_digits_sequences
        >>> from stackens.model_selection import GridSearchCV
        >>> X, y = load_digits_sequences(return_X_y=True)
        >>> learner = StackedRNNClassifier(units=8, epochs=2, random_state=0)
        >>> search = GridSearchCV(learner, {"cell": ["lstm", "gru"]}, cv=3, refit=False)
        >>> stack = StackingClassifier.from_search(search.fit(X[:150], y[:150]), top=2)
        >>> [name for name, _ in stack.fit(X[:150], y[:150]).estimators]
        ['stackedrnnclassifier_1', 'stackedrnnclassifier_2']
        """
        estimators, found = collect_candidates(searches, top)
        return cls(estimators, final_estimator, **{**found, **options})

    def leaderboard(self, X: Any = None, y: Any = None, scoring: Any = None) -> Any:
        """Compare the learners, their plain average, and the stack.

        Parameters
        ----------
        X, y : array-like of shape (n_samples, ...), default=None
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
            the out-of-fold predictions of the other rows, and what ``passthrough`` adds; with a
            single split, on those of four fifths of the rows that it held out. It is NaN where
            these are too few, or of one group.

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

    @property
    def n_features_in_(self) -> int:
        """Number of features of the first learner that counts them; texts have none."""
        if "estimators_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} object has no attribute n_features_in_")
        counting = [e for e in self.estimators_ if hasattr(e, "n_features_in_")]
        return int((counting or self.estimators_)[0].n_features_in_)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what is routed where: to the learners, the splitter and the final estimator.

        A stack asks for ``groups`` if its ``cv`` is a number of folds or a splitter for groups,
        unless ``set_fit_request(groups=False)`` says not to.

        Returns
        -------
        MetadataRouter
        """
        asked = groups_request(self)
        takes_groups = is_number_of_folds(self.cv) or consumes_groups(self.cv)
        return self._make_router(True if asked is None and takes_groups else asked)

    def _make_router(self, asks: Any) -> MetadataRouter:
        router = super().get_metadata_routing()
        if isinstance(self.cv, str):  # prefit
            return router
        request = self._get_metadata_request()  # a copy
        request.fit.add_request(param="groups", alias=asks)
        router.add_self_request(request)
        if hasattr(self.cv, "split"):
            mapping = MethodMapping().add(caller="fit", callee="split")
            router.add(splitter=self.cv, method_mapping=mapping)
        return router


def check_fit_params(stack: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Refuse metadata without routing, but for weights; a None is the same as nothing."""
    others = {name: value for name, value in params.items() if name != "sample_weight"}
    try:
        _raise_for_params(others, stack, "fit")
    except ValueError as error:
        known = ("groups", "sample_weight")
        advice = [advise_argument(stack, name, known) for name in others]
        raise InvalidInputError(f"{error}{''.join(advice)}") from None
    weights = read_weights(params.get("sample_weight"))
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
    if isinstance(estimator, Pipeline):
        raise TypeError(
            f"The Pipeline {name!r} takes no `sample_weight` by itself. Turn on scikit-learn's "
            "metadata routing, `sklearn.set_config(enable_metadata_routing=True)`, and let the "
            "step that takes weights ask for them, `set_fit_request(sample_weight=True)`."
        )
    parameters = inspect.signature(estimator.fit).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if not takes_any and "sample_weight" not in parameters:
        raise TypeError(
            f"Underlying estimator {type(estimator).__name__} ({name!r}) does not support sample "
            "weights."
        )
