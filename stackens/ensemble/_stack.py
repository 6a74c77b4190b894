"""What stacks of classifiers and of regressors have in common: one fit, and what it leaves."""

from __future__ import annotations

import copy
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.ensemble._base import _fit_single_estimator
from sklearn.ensemble._stacking import _BaseStacking
from sklearn.utils import Bunch, _safe_indexing, check_random_state
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    get_routing_for_object,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_method_params,
    _num_samples,
    check_is_fitted,
)

from stackens.ensemble._contributions import measure_contributions
from stackens.ensemble._cross_fit import read_outputs
from stackens.ensemble._fallback import choose_predictor
from stackens.ensemble._finished import what_is_left
from stackens.ensemble._fit import Fit, Policy, adapt_learner, as_arrays
from stackens.ensemble._from_search import collect_candidates
from stackens.ensemble._groups import groups_for_final, groups_request
from stackens.ensemble._leaderboard import make_leaderboard, scores_to_show
from stackens.ensemble._level_one import (
    TakesBlocks,
    check_takes_labels,
    columns_of_labels,
    declare_blocks,
    encode_target,
    held_out_predictions,
    keep_out_of_fold,
    read_histories,
    to_logits,
    what_predicts,
)
from stackens.ensemble._names import check_names
from stackens.ensemble._out_of_fold import OutOfFoldOutputs
from stackens.ensemble._passthrough import (
    SUMMARIES,
    check_passthrough,
    passthrough_names,
    passthrough_table,
)
from stackens.ensemble._plan import (
    Data,
    Plan,
    find_weights,
    is_dropped,
    make_plan,
    number_class_weight,
    read_data,
)
from stackens.ensemble._pruning import choose_pruned, without_weight
from stackens.ensemble._run import Run, plan_fits
from stackens.ensemble._splits import consumes_groups, count_coverage, is_number_of_folds
from stackens.exceptions import (
    InvalidInputError,
    LearnerDroppedWarning,
    TimeLimitError,
    TimeLimitWarning,
    warn_user,
)
from stackens.parameters import TIME_LIMIT, fill_seeds, stream
from stackens.store import JobStore
from stackens.training import CallbackSupportMixin, Progress, Task, has_callbacks, refuse_propagated
from stackens.views import with_rows

_LOGGER = logging.getLogger("stackens.ensemble")

# What scikit-learn keeps of callbacks, with their place in a search.
_OF_CALLBACKS = ("_skl_", "_callback_fit", "_parent_callback")


def final_has(method: str) -> Callable[[Any], bool]:
    """Look at the final estimator; scikit-learn's stacks overlook what None stands for."""

    def check(stack: Any) -> bool:
        final = getattr(stack, "final_estimator_", stack.final_estimator)
        getattr(stack._default_final if final is None else final, method)  # else its own error
        return True

    return check


class Stack(_BaseStacking, CallbackSupportMixin):
    """Replaces how scikit-learn's stacks fit: everything planned first, then run together."""

    _default_final: ClassVar[Any]
    _names_in: Mapping[str | None, list[str]] = MappingProxyType({})  # of columns, by view
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **_BaseStacking._parameter_constraints,
        "predict_with": [StrOptions({"refit", "folds"})],
        "refit_epochs": [StrOptions({"median", "early_stopping"})],
        "passthrough": ["boolean", StrOptions(set(SUMMARIES)), callable],
        "on_failure": [StrOptions({"raise", "drop"})],
        "time_limit": TIME_LIMIT,
        "fallback": [StrOptions({"best", "average"}), None],
        "prune": ["boolean"],
        "memory": [None, str, os.PathLike, HasMethods("cache"), JobStore],
        "random_state": ["random_state"],
    }

    # ---- fit -----------------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any, groups: Any, params: dict[str, Any]) -> Self:
        """Plan what is to be fitted, run it, and train the final estimator on what comes out."""
        started, cpu_started = time.perf_counter(), time.process_time()
        failures: dict[str, str] = {}
        elsewhere = 0.0
        deadline = None if self.time_limit is None else time.time() + float(self.time_limit)
        data = read_data(self, X, y, groups, params)
        if isinstance(self.cv, str):
            self._fit_prefit(data)
            self.predicts_with_ = "stack"
        else:
            plan = make_plan(self, data)
            task = self._begin(plan.learners, len(plan.fits) + 1, data)
            for number, fit in enumerate(plan.fits):
                fit.task = task.subtask(fit.label, number)
            final_task = task.subtask("fit-final-estimator", len(plan.fits))
            with Progress(self.verbose, unit="step") as progress:
                run = self._start(data, progress, deadline)
                fits = plan.fits
                plan, refits = self._fit_learners(plan, data, run)
                plan, failures = self._keep_finished(plan, data.y)
                self._adopt(plan, data)
                self._fit_final(plan, data, final_task)
                if refits:
                    self._adopt(self._refit(plan, refits, run), data)
            self._count_costs(fits)
            elsewhere = run.cpu_seconds_elsewhere
            self._choose_predictor()
            self._end(task, data)
        self.failures_, self.seconds_ = failures, time.perf_counter() - started
        self.cpu_seconds_ = time.process_time() - cpu_started + elsewhere
        return self

    def _start(self, data: Data, progress: Progress, deadline: float | None) -> Run:
        return Run(
            data.X,
            data.y,
            n_jobs=self.n_jobs,
            progress=progress,
            refit_epochs=self.refit_epochs,
            memory=self.memory,
            policy=Policy(self.on_failure, deadline),
        )

    def _fit_learners(self, plan: Plan, data: Data, run: Run) -> tuple[Plan, list[Fit]]:
        """Fit all learners; return what is left of the plan, and refits that are to wait."""
        self.pruned_: dict[str, str] = {}
        if not self.prune:
            run.fit(plan.fits)
            return plan, []
        refits = [fit for fit in plan.fits if fit.fold is None]
        plan = replace(plan, fits=[fit for fit in plan.fits if fit.fold is not None])
        run.fit([fit for fit in plan.fits if fit.name not in plan.networks])
        for n_done, split in enumerate(plan.splits, start=1):
            wave = [fit for fit in plan.fits if fit.fold == split and fit.name in plan.networks]
            if not wave:
                break
            started = time.perf_counter()
            later = [fit for fit in (*plan.fits, *refits) if fit.fold != split]
            run.fit(wave, later if n_done == 1 else ())
            pruned = choose_pruned(self, plan, data, list(plan.splits)[:n_done])
            plan = plan.without(pruned)
            self.pruned_ |= pruned
            if not any(fit.is_done for fit in wave):  # nothing is known of how long they take
                continue
            n_left = len(plan.networks) * (len(plan.splits) - n_done + bool(refits))
            _LOGGER.info(
                "%d of %d splits; %d more networks take about %.0f s if all are trained.",
                n_done,
                len(plan.splits),
                n_left,
                n_left * (time.perf_counter() - started) / len(wave),
            )
        return plan, [fit for fit in refits if fit.name in plan.learners]

    def _refit(self, plan: Plan, refits: list[Fit], run: Run) -> Plan:
        """Fit learners on all rows, but for those to which the final estimator gives no weight."""
        idle = without_weight(self.final_estimator_, list(plan.learners))
        self.pruned_ |= dict.fromkeys(idle, "no weight: not fitted on all rows")
        wanted = [fit for fit in refits if fit.name in plan.learners.keys() - idle]
        run.fit(wanted)
        for fit in wanted:
            if fit.error is not None:
                self.pruned_[fit.name] = f"not fitted on all rows: {fit.error}"
                is_late = isinstance(fit.error, TimeLimitError)
                warn_user(
                    f"Fold models of learner {fit.name!r} predict in place of a refit. {fit.error}",
                    TimeLimitWarning if is_late else LearnerDroppedWarning,
                )
        return replace(plan, fits=[*plan.fits, *(fit for fit in wanted if fit.is_done)])

    def _count_costs(self, fits: Sequence[Fit]) -> None:
        names = list(dict.fromkeys(fit.name for fit in fits))
        wall = {name: sum(fit.seconds for fit in fits if fit.name == name) for name in names}
        cpu = {name: sum(fit.cpu_seconds for fit in fits if fit.name == name) for name in names}
        self.fit_seconds_, self.fit_cpu_seconds_ = wall, cpu

    def _keep_finished(self, plan: Plan, y: np.ndarray) -> tuple[Plan, dict[str, str]]:
        if all(fit.is_done for fit in plan.fits):
            return plan, {}
        return what_is_left(plan, y, classifier=is_classifier(self))

    def _adopt(self, plan: Plan, data: Data) -> None:
        """Take what predicts at level 0, and what was seen while it was trained."""
        fitted = what_predicts(plan, self._classes)
        self.estimators_ = list(fitted.values())
        self.named_estimators_ = Bunch(**{name: fitted.get(name, "drop") for name in plan.names})
        self.stack_method_ = [plan.methods[name] for name in plan.learners]
        self.histories_ = read_histories(plan.fits)
        self._learn_names(data.names)

    def _fit_final(self, plan: Plan, data: Data, task: Task) -> None:
        """Train level 1 on what level 0 predicted for rows that it had not seen."""
        predictions = held_out_predictions(plan, len(data.y), self._classes)
        if isinstance(self._classes, list):
            predictions = columns_of_labels(predictions, self.stack_method_, self.estimators_)
        table = self._concatenate_predictions(data.X, predictions)
        y, params = data.y, dict(self._final_params(data.params))
        if plan.groups is not None:
            params |= groups_for_final(self.final_estimator_, plan.groups)
        self.coverage_ = count_coverage(plan.splits.values(), len(y))
        covered = np.flatnonzero(self.coverage_)
        if len(covered) < len(y):
            table, y = table[covered], y[covered]
            params = _check_method_params(data.X, params, indices=covered)
        kept = keep_out_of_fold(self, plan, data, table, predictions, covered)
        self._passed_through = _numbers_beyond(table, sum(kept.widths.values()))
        started = time.perf_counter()
        with task.fitting(self.final_estimator_, X=table, y=y, metadata=params or None):
            self._train_final(table, y, kept.widths, params)
        self._final_seconds = time.perf_counter() - started
        self.out_of_fold_predictions_ = kept

    def _train_final(
        self, table: Any, y: np.ndarray, widths: dict[str, int], params: dict[str, Any]
    ) -> None:
        declare_blocks(self.final_estimator_, widths, self._block_methods)
        _fit_single_estimator(self.final_estimator_, table, y, fit_params=params)
        self._final_weights = params.get("sample_weight")

    def _choose_predictor(self) -> None:
        self.__dict__.pop("_own_final_estimator", None)
        self.predicts_with_ = "stack" if self.fallback is None else choose_predictor(self)

    def _fit_prefit(self, data: Data) -> None:
        """Train the final estimator alone, on the predictions of learners that are fitted."""
        defaults = {"predict_with": "refit", "fallback": None, "prune": False}
        given = {name: getattr(self, name) for name in defaults}
        wrong = [f"{k}={value!r}" for k, value in given.items() if value != defaults[k]]
        if wrong:
            raise InvalidInputError(
                f"`cv='prefit'` trains no fold models; {', '.join(wrong)} needs their predictions."
            )
        if data.groups is not None:
            self._validate_final_estimator()
            groups_for_final(self.final_estimator_, data.groups)
        task = self._begin({}, 0, data)
        # A copy, since scikit-learn's own `fit` would end with tearing down our callbacks.
        inner = copy.copy(self)
        for name in [name for name in vars(inner) if name.startswith(_OF_CALLBACKS)]:
            delattr(inner, name)
        _BaseStacking.fit(inner, data.X, data.y, **data.params)  # its heirs learn the target anew
        self.__dict__.update(vars(inner))
        self._learn_names(data.names)
        if isinstance(self.final_estimator_, TakesBlocks):  # was fitted without
            names = [name for name, e in self.estimators if not is_dropped(e)]
            widths = dict(zip(names, self._n_feature_outs, strict=True))
            params = self._final_params(data.params)
            self._train_final(self.transform(data.X), data.y, widths, params)
        self._end(task, data)

    def _begin(self, learners: dict[str, Any], n_tasks: int, data: Data) -> Task:
        """Begin the task of the whole fit; its parts run side by side, so each has a number."""
        refuse_propagated(learners, "stack")
        parts = [p for e in learners.values() for p in (e, *e.get_params().values())]
        wanted = any(has_callbacks(part) for part in parts)
        task = Task.root(self, n_subtasks=n_tasks, sequential=False, wanted=wanted)
        task.begin(X=data.X, y=data.y_given, metadata=data.params or None)
        return task

    def _end(self, task: Task, data: Data) -> None:
        task.end(X=data.X, y=data.y_given, metadata=data.params or None, attributes={})

    # ---- before training -----------------------------------------------------------------------

    def _validate_estimators(self) -> tuple[Any, Any]:
        # Foreign estimators (SciKeras) are recognised by what they become.
        adapted = copy.copy(self)
        adapted.estimators = [
            (name, adapt_learner(e)) if not is_dropped(e) else (name, e)
            for name, e in self.estimators
        ]
        names, _ = super(Stack, adapted)._validate_estimators()
        taken = {"splitter", "final_estimator_"} & set(names)  # by the metadata router
        if taken:
            raise InvalidInputError(
                f"A learner cannot be named {taken.pop()!r}, which is a part of the stack itself. "
                "Choose another name."
            )
        return names, [e for _, e in self.estimators]

    def _validate_final_estimator(self) -> None:
        super()._validate_final_estimator()
        classes = getattr(self, "classes_", None)
        self.final_estimator_: Any = number_class_weight(self.final_estimator_, classes)
        if isinstance(classes, list):
            check_takes_labels(self.final_estimator_)
            for name, is_given in (("fallback", self.fallback is not None), ("prune", self.prune)):
                if is_given:
                    raise InvalidInputError(
                        f"`{name}` compares single-label targets; `y` has several labels."
                    )
        seed = getattr(self, "_seed", None)  # a prefit stack has none
        if seed is not None:
            fill_seeds(self.final_estimator_, stream(seed, "final estimator").integers)

    def _draw_seed(self) -> None:
        """Draw, once for a fit, what all missing seeds come from."""
        self._seed: int | None = None
        if self.random_state is not None:
            self._seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)

    def _check_passthrough(self, X: Any) -> None:
        if self.passthrough is not False:
            check_passthrough(X, self.passthrough, self.final_estimator_)

    def _final_params(self, params: dict[str, Any]) -> dict[str, Any]:
        if not _routing_enabled():
            final = self.final_estimator_
            return {find_weights("final_estimator", final): v for v in params.values()}
        request = get_routing_for_object(self.final_estimator_)
        asked = request.consumes("fit", params.keys())
        return {k: v for k, v in params.items() if k in asked}

    @staticmethod
    def _method_name(name: str, estimator: Any, method: Any) -> Any:
        # Logits are made of probabilities.
        method = "predict_proba" if method == "logit" else method
        return _BaseStacking._method_name(name, estimator, method)

    # ---- columns of level one ------------------------------------------------------------------

    @property
    def _classes(self) -> Any:
        """Classes, or those of each label; None of a regressor."""
        return self.classes_ if is_classifier(self) else None

    @property
    def _block_methods(self) -> list[str]:
        """What the columns of each learner are."""
        is_logit = self.stack_method == "logit"
        return [
            "logit" if is_logit and method == "predict_proba" else method
            for method in self.stack_method_
        ]

    def _concatenate_predictions(self, X: Any, predictions: list[Any]) -> Any:
        predictions = [as_arrays(p) for p in predictions]
        if isinstance(self._classes, list):
            predictions = columns_of_labels(predictions, self.stack_method_, self.estimators_)
        if self.stack_method == "logit":
            predictions = [
                to_logits(p) if method == "predict_proba" else p
                for p, method in zip(predictions, self.stack_method_, strict=True)
            ]
        if self.passthrough:
            X = passthrough_table(with_rows(X), self.passthrough)
            self._n_passthrough = X.shape[1] if hasattr(X, "shape") else np.shape(X)[1]
        return super()._concatenate_predictions(X, predictions)

    def _transform(self, X: Any) -> Any:
        check_is_fitted(self)
        if self._names_in:
            check_names(self, with_rows(X))
        return super()._transform(X)

    def _learn_names(self, names: dict[str | None, list[str]]) -> None:
        """Keep the names of columns or channels: not all learners do; some make up their own."""
        self._names_in = names
        self.__dict__.pop("feature_names_in_", None)
        if None in names:
            self.feature_names_in_ = np.array(names[None], dtype=object)

    # ---- public --------------------------------------------------------------------------------

    @available_if(final_has("predict"))
    def predict(self, X: Any, **predict_params: Any) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like
            As in ``fit``.
        **predict_params : dict
            For ``predict`` of the final estimator.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        return super().predict(X, **predict_params)

    def plan(self, X: Any, y: Any, *, groups: Any = None, **fit_params: Any) -> Plan:
        """Say what ``fit`` would train, and on which rows; nothing is trained.

        The stack's own parameters, the target and the splits are checked as in ``fit``; what a
        learner refuses, of its parameters or of the rows, is found out by ``fit``.

        Parameters
        ----------
        X, y, groups, **fit_params
            As in ``fit``.

        Returns
        -------
        Plan
            To be printed.

        Raises
        ------
        InvalidInputError
            If ``fit`` would refuse target, metadata or splits; with ``cv="prefit"``, which trains
            no learners; or if ``cv`` is an iterator, which would be used up.
        """
        self._validate_params()
        if isinstance(self.cv, str):
            raise InvalidInputError(
                "`cv='prefit'` trains no learners, so that there is nothing to plan."
            )
        if isinstance(self.cv, Iterator):
            raise InvalidInputError(
                "`cv` is an iterator, whose splits a plan would use up. Give `list(cv)`."
            )
        stack = clone(self)
        return make_plan(stack, read_data(stack, X, y, groups, fit_params))

    def plan_networks(self, X: Any, y: Any, *, groups: Any = None, **fit_params: Any) -> list[Any]:
        """Plan the networks that ``fit`` would train, without training them.

        Parameters
        ----------
        X, y, groups, **fit_params
            As in ``fit``.

        Returns
        -------
        list of (learner, Job)
            Without refits that wait for the folds' best epochs; with ``prune`` those of the first
            split, whose results decide on the others.
        """
        if isinstance(self.cv, str):
            return []
        stack = clone(self)
        data = read_data(stack, X, y, groups, fit_params)
        plan = make_plan(stack, data)
        fits = [fit for fit in plan.fits if fit.fold == 0] if self.prune else plan.fits
        return plan_fits(fits, data.X, data.y, self.refit_epochs)

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
            rows where the score is a mean over rows, else over splits), ``seconds`` (of the wall
            clock; those of the learners add up to those of ``average``) and ``cpu_seconds``,
            ``parameters``, ``predicts``, which marks what ``predict`` uses, and ``note``: why a
            learner was left out, if one was, or not fitted on all rows. The out-of-fold
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

    def out_of_fold(self, name: str = "stack") -> OutOfFoldOutputs:
        """Return what a learner, the average of all or the stack predicted for unseen rows.

        Parameters
        ----------
        name : str, default="stack"
            A learner, "average", or "stack", whose final estimator is fitted anew for each split on
            the out-of-fold predictions of the other rows.

        Returns
        -------
        OutOfFoldOutputs
            True and predicted targets, and probabilities if there are any. Of a stack, without the
            rows of splits whose training rows nobody else held out, such as the first split in
            time.

        Raises
        ------
        InvalidInputError
            If there are no out-of-fold predictions, several labels a row, or no such name.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from stackens import StackingClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
        >>> outputs = stack.out_of_fold()
        >>> outputs.y_pred.shape, outputs.y_proba.shape
        ((150,), (150, 3))
        """
        check_is_fitted(self)
        return read_outputs(self, name)

    def contributions(
        self, scoring: Any = None, *, n_repeats: int = 5, random_state: Any = 0
    ) -> Any:
        """Measure what each learner adds, on rows that the final estimator did not see.

        Parameters
        ----------
        scoring : str or callable, default=None
            As in scikit-learn; None is accuracy for classifiers and R² for regressors.
        n_repeats : int, default=5
            Permutations of each learner's columns.
        random_state : int, RandomState instance or None, default=0
            Of the permutations.

        Returns
        -------
        pandas.DataFrame
            A row for each learner. ``drop_one`` is the score that is lost if the final estimator
            is fitted without the learner, ``drop_one_error`` its standard error (over rows where
            the score is a mean over rows, else over splits); both are NaN for an only learner.
            ``permutation`` is the mean score that is lost if the learner's columns change places
            between the held-out rows, which shows how much this final estimator relies on it, and
            ``permutation_std`` the standard deviation. Two learners that know the same have a
            ``drop_one`` near 0 each. Columns of ``passthrough`` have no part in it.

        Raises
        ------
        InvalidInputError
            If there are no out-of-fold predictions, or several labels a row.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.dummy import DummyClassifier
        >>> from sklearn.linear_model import LogisticRegression
        >>> from stackens import StackingClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> stack = StackingClassifier(
        ...     [("linear", LogisticRegression(max_iter=1000)), ("dummy", DummyClassifier())])
        >>> table = stack.fit(X, y).contributions()
        >>> bool(table.loc["linear", "drop_one"] > 0.5), float(table.loc["dummy", "drop_one"])
        (True, 0.0)
        """
        check_is_fitted(self)
        return measure_contributions(self, scoring, n_repeats, random_state)

    def report(
        self,
        path: Any,
        X: Any = None,
        y: Any = None,
        *,
        scoring: Any = None,
        title: str = "Report of a stack",
    ) -> Path:
        """Write one HTML file: leaderboard, pictures, diagram, data, settings and warnings.

        Parameters
        ----------
        path : path-like
            Of the file, e.g. "report.html"; one that exists is replaced.
        X, y : array-like of shape (n_samples, ...), default=None
            Test data; without them only out-of-fold scores are given.
        scoring : str or callable, default=None
            As in scikit-learn; None is accuracy for classifiers and R² for regressors.
        title : str, default="Report of a stack"
            Heading.

        Returns
        -------
        pathlib.Path
            The file, which needs no other file and no network.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        InvalidInputError
            If there are no out-of-fold predictions, or several labels a row.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from stackens import StackingClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
        >>> stack.report("report.html")  # doctest: +SKIP
        PosixPath('report.html')
        """
        from stackens.inspection import write_report

        check_is_fitted(self)
        return write_report(self, path, X, y, scoring=scoring, title=title)

    def with_final_estimator(
        self, final_estimator: Any, X: Any = None, *, sample_weight: Any = None
    ) -> Self:
        """Return this fitted stack with another final estimator; no learner is trained.

        Parameters
        ----------
        final_estimator : estimator
            Trained on the out-of-fold predictions that are there; None is the default one.
        X : array-like of shape (n_samples, ...), default=None
            The training data; needed with ``passthrough=True`` only.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of all training rows, for the final estimator.

        Returns
        -------
        stack
            A new one, which shares the fitted learners with this one.

        Raises
        ------
        InvalidInputError
            If there are no out-of-fold predictions, or ``X`` is needed and missing.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from stackens import StackingClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
        >>> tree = stack.with_final_estimator(DecisionTreeClassifier(max_depth=2))
        >>> tree.estimators_ == stack.estimators_
        True
        """
        check_is_fitted(self)
        if not hasattr(self, "out_of_fold_predictions_"):
            raise InvalidInputError(
                "`with_final_estimator` needs out-of-fold predictions, which `cv='prefit'` has not."
            )
        kept = self.out_of_fold_predictions_
        matrix = kept.matrix
        if self.passthrough:
            if X is None or _num_samples(X) != len(self.coverage_):
                raise InvalidInputError(
                    "With `passthrough=True` the final estimator needs the training data: "
                    f"`with_final_estimator(…, X)` with {len(self.coverage_)} rows."
                )
            check_names(self, with_rows(X))
            X = passthrough_table(_safe_indexing(X, kept.row_index), self.passthrough)
            matrix = np.hstack([matrix, X.toarray() if hasattr(X, "toarray") else np.asarray(X)])
        stack: Self = copy.copy(self)
        stack.final_estimator = final_estimator
        stack._validate_final_estimator()
        params = groups_for_final(stack.final_estimator_, kept.group)
        if sample_weight is not None:
            params["sample_weight"] = np.asarray(sample_weight)[kept.row_index]
        stack._train_final(matrix, encode_target(kept.y, self._classes), kept.widths, params)
        stack._choose_predictor()
        return stack

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns that the final estimator sees.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of the columns of ``X``, which ``passthrough`` adds.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
            Class and learner, e.g. ``stackingclassifier_lstm``, with a number if the learner has
            several columns.
        """
        check_is_fitted(self, "estimators_")
        _check_feature_names_in(self, input_features, generate_names=False)
        if not hasattr(self, "out_of_fold_predictions_"):  # prefit
            return np.asarray(super().get_feature_names_out(input_features))
        prefix = type(self).__name__.lower()
        names = [
            f"{prefix}_{name}{'' if width == 1 else k}"
            for name, width in self.out_of_fold_predictions_.widths.items()
            for k in range(width)
        ]
        if self.passthrough is True:
            names += list(_check_feature_names_in(self, input_features))
        elif self.passthrough:
            names += passthrough_names(self.passthrough, self._n_passthrough)
        return np.asarray(names, dtype=object)

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

    def _repr_html_inner(self) -> str:
        from stackens.inspection import notebook_html

        return notebook_html(self, *scores_to_show(self))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] = self._repr_html_inner()
        return bundle


def _numbers_beyond(table: Any, start: int) -> Any:
    """Return a copy of the columns that are no learner's; None if there are no numbers there."""
    columns = table[:, start:]
    return columns.copy() if columns.shape[1] and columns.dtype.kind in "biuf" else None
