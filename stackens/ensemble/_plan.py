"""What a stack is going to fit, on which rows: all that is decided before anything is trained."""

from __future__ import annotations

import inspect
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import _raise_for_params, _routing_enabled, process_routing
from sklearn.utils.validation import _num_samples

from stackens.adapters import adapt
from stackens.ensemble._fit import Fit, adapt_learner, is_network, last_step
from stackens.ensemble._groups import groups_for, groups_for_final
from stackens.ensemble._splits import (
    Split,
    check_decisions,
    check_weights,
    choose_held_out_rows,
    count_coverage,
    make_splits,
)
from stackens.exceptions import InvalidInputError
from stackens.frames import column_names, is_frame
from stackens.parameters import advise_argument, fill_seeds, stream
from stackens.sequences import channel_names
from stackens.targets import (
    check_rows,
    read_groups,
    read_target,
    read_weights,
    refuse_several_inputs,
)
from stackens.views import has_views, with_rows


@dataclass(frozen=True, eq=False)
class Data:
    """What ``fit`` of a stack was given, read and checked.

    Attributes
    ----------
    X : array-like of shape (n_samples, ...)
        Rows.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Target as learners see it: classes are numbered.
    y_given : array-like
        As it came, dense.
    groups : ndarray of shape (n_samples,) or None
        Group of each row.
    params : dict
        Metadata.
    names : dict of str to list of str
        Names of columns or channels, by view; None stands for ``X`` itself.
    """

    X: Any
    y: np.ndarray
    y_given: Any
    groups: Any
    params: dict[str, Any]
    names: dict[str | None, list[str]]


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """What a stack fits, on which rows; ``print`` it to see.

    Attributes
    ----------
    names : list of str
        Names of all learners, also of those that are "drop".
    learners : dict of str to estimator
        Those to be fitted, with their seeds.
    methods : dict of str to str
        What each predicts with.
    splits : dict of int to (ndarray, ndarray)
        Training and held-out rows of each split, by its number.
    groups : ndarray of shape (n_samples,) or None
        Group of each row, by which they were made.
    fits : list
        One learner on one set of rows each: those of a learner's folds, then its refit.
    final_estimator : estimator
        Trained on what the learners predict for held-out rows.
    n_rows : int
        Of the data.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stackens import StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> StackingClassifier([("linear", LogisticRegression()), ("tree", DecisionTreeClassifier())],
    ...                    cv=3).plan(X, y)
    Plan of 8 fits: 2 learners on 3 splits of 150 rows
      linear: LogisticRegression, 3 folds of 100 rows and a refit on all, by predict_proba
      tree: DecisionTreeClassifier, 3 folds of 100 rows and a refit on all, by predict_proba
      then LogisticRegression on their predictions for 150 held-out rows
    """

    names: list[str]
    learners: dict[str, Any]
    methods: dict[str, str]
    splits: dict[int, Split]
    groups: np.ndarray | None
    fits: list[Fit]
    final_estimator: Any
    n_rows: int

    def __repr__(self) -> str:
        n_fits, n_learners, n_splits = len(self.fits), len(self.learners), len(self.splits)
        lines = [
            f"Plan of {n_fits} fits: {n_learners} learner{'s' * (n_learners > 1)} on {n_splits} "
            f"split{'s' * (n_splits > 1)} of {self.n_rows} rows"
        ]
        for name, learner in self.learners.items():
            own = [fit for fit in self.fits if fit.name == name]
            refit = " and a refit on all" if any(fit.fold is None for fit in own) else ""
            lines.append(
                f"  {name}: {_describe(learner)}, {n_splits} fold{'s' * (n_splits > 1)} of "
                f"{_span(self.splits)} rows{refit}, by {self.methods[name]}"
            )
        held_out = np.count_nonzero(count_coverage(self.splits.values(), self.n_rows))
        final = type(self.final_estimator).__name__
        return "\n".join(
            [*lines, f"  then {final} on their predictions for {held_out} held-out rows"]
        )

    def of(self, names: Sequence[str], folds: Sequence[int]) -> Self:
        """Return what is left of it with some of the learners, and of the splits, only.

        Fits of other splits stay: they may predict where a refit is missing.

        Parameters
        ----------
        names : sequence of str
            Of learners.
        folds : sequence of int
            Numbers of splits.

        Returns
        -------
        Plan
        """
        return replace(
            self,
            learners={name: self.learners[name] for name in names},
            splits={fold: self.splits[fold] for fold in folds},
            fits=[fit for fit in self.fits if fit.name in names and fit.is_done],
        )

    @cached_property
    def networks(self) -> set[str]:
        """Names of the learners that are networks, or hold one, and so take long to train."""
        return {
            name
            for name, learner in self.learners.items()
            if any(is_network(adapt(part)) for part in (learner, *learner.get_params().values()))
        }

    def without(self, names: Container[str]) -> Self:
        """Return the plan without some learners, and their fits.

        Parameters
        ----------
        names : container of str
            Of learners.

        Returns
        -------
        Plan
        """
        return replace(
            self,
            learners={name: one for name, one in self.learners.items() if name not in names},
            fits=[fit for fit in self.fits if fit.name not in names],
        )

    def fits_of(self, name: str) -> dict[int, Fit]:
        """Return the fits of a learner whose held-out rows train the final estimator, by split.

        Parameters
        ----------
        name : str
            Of the learner.

        Returns
        -------
        dict of int to Fit
        """
        return {fit.fold: fit for fit in self.fits if fit.name == name and fit.fold in self.splits}


def _describe(learner: Any) -> str:
    last = last_step(learner)
    kind = type(last).__name__ if last is learner else f"Pipeline of {type(last).__name__}"
    return f"{kind} (network)" if hasattr(adapt(last), "plan_job") else kind


def _span(splits: Mapping[int, Split]) -> str:
    sizes = sorted({len(train) for train, _ in splits.values()})
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"


def is_dropped(estimator: Any) -> bool:
    """Whether a learner is "drop"."""
    return isinstance(estimator, str) and estimator == "drop"


# ---- the data ------------------------------------------------------------------------------------


def read_data(stack: Any, X: Any, y: Any, groups: Any, params: dict[str, Any]) -> Data:
    """Refuse what no stack can be fitted on; the stack learns its classes.

    Parameters
    ----------
    stack : Stack
        To be fitted.
    X, y, groups, params
        As ``fit`` was given them.
    """
    params = _read_params(stack, params)
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
        raise InvalidInputError("Found array with 0 sample(s) while a minimum of 1 is required.")
    if stack.passthrough is True and (_holds_sequences(X) or has_views(X)):
        raise InvalidInputError(
            "`passthrough=True` needs a 2-D table; `X` holds sequences or views. Say what becomes "
            "a table: 'last', 'mean', 'summary', or a function."
        )
    X = with_rows(X)
    return Data(X, stack._learn_target(y), y, groups, params, read_names(X))


def _read_params(stack: Any, params: dict[str, Any]) -> dict[str, Any]:
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


def _holds_sequences(X: Any) -> bool:
    if isinstance(X, np.ndarray) and X.dtype.kind != "O":
        return X.ndim > 2
    if isinstance(X, list | np.ndarray) and len(X):
        return isinstance(X[0], str) or np.ndim(X[0]) > 1
    return False


def read_names(X: Any) -> dict[str | None, list[str]]:
    """Return the names of columns or channels, by view; None stands for ``X`` itself.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Rows of any kind.

    Returns
    -------
    dict
        Without what has no names; only strings are names.
    """
    parts = X[0].views if has_views(X) else {None: X}
    named = {
        view: column_names(part) if is_frame(part) else channel_names(part)
        for view, part in parts.items()
    }
    return {
        view: list(names)
        for view, names in named.items()
        if names and all(isinstance(name, str) for name in names)
    }


# ---- the plan ------------------------------------------------------------------------------------


def make_plan(stack: Any, data: Data) -> Plan:
    """Validate everything, and list the fits; nothing is trained.

    Parameters
    ----------
    stack : Stack
        Gets a seed and an unfitted ``final_estimator_``.
    data : Data
        From ``read_data``.
    """
    names, estimators = stack._validate_estimators()
    stack._draw_seed()
    stack._validate_final_estimator()
    stack._check_passthrough(data.X)
    routed = _route(stack, names, data)
    learners = {
        name: number_class_weight(_seeded(estimator, name, stack._seed), stack._classes)
        for name, estimator in zip(names, estimators, strict=True)
        if not is_dropped(estimator)
    }
    methods = {
        name: stack._method_name(name, adapt_learner(learner), stack.stack_method)
        for name, learner in learners.items()
    }
    classifier = is_classifier(stack)
    classes = data.y if classifier and data.y.ndim == 1 else None
    split_params = routed["splitter"]["split"]
    groups = split_params.get("groups")
    splits = make_splits(
        stack.cv, data.X, data.y, classifier=classifier, params=split_params, seed=stack._seed
    )
    check_weights(data.params.get("sample_weight"), splits)
    if classes is not None:
        check_decisions(methods, splits, classes)
    hold_out = choose_held_out_rows(
        splits,
        classes=classes,
        groups=groups,
        gap=getattr(stack.cv, "gap", 0),
    )
    folds_predict = stack.predict_with == "folds" or stack.time_limit is not None
    fits: list[Fit] = []
    for name, learner in learners.items():
        refit = Fit(
            learner, name, method=methods[name], params=routed[name]["fit"], hold_out=hold_out
        )
        fits += [
            replace(refit, fold=fold, train=train, test=test, needs_estimator=folds_predict)
            for fold, (train, test) in enumerate(splits)
        ]
        if stack.predict_with == "refit":
            fits.append(refit)
    return Plan(
        list(names),
        learners,
        methods,
        dict(enumerate(splits)),
        None if groups is None else np.asarray(groups),
        fits,
        stack.final_estimator_,
        _num_samples(data.X),
    )


def _seeded(estimator: Any, name: str, seed: int | None) -> Any:
    """Return a copy of a learner, whose missing seeds come from the stack's and from its name.

    The name, and not the order, so that a learner is the same whoever else is in the stack.
    """
    if seed is None:
        return estimator
    return fill_seeds(clone(estimator), stream(seed, f"learner {name}").integers)


# Estimators that hand the target on to what they hold as it is.
_HOLDERS = {
    "BaseSearchCV",
    "BaseThresholdClassifier",
    "CalibratedClassifierCV",
    "EmbeddingPretrainer",
}


def number_class_weight(estimator: Any, classes: Any) -> Any:
    """Return an estimator whose ``class_weight`` is by the numbers that a stack gives to classes.

    Parameters
    ----------
    estimator : estimator
        Not changed. What stands last in a Pipeline, or in a search or a stack, is looked at, too.
    classes : ndarray of shape (n_classes,), list of these, or None
        As the user calls them; several labels keep their 0 and 1, and numbers have no classes.

    Returns
    -------
    estimator
        The same if there is nothing to translate.
    """
    if not isinstance(classes, np.ndarray) or np.array_equal(classes, np.arange(len(classes))):
        return estimator
    numbers = {label: number for number, label in enumerate(classes.tolist())}
    translated = {}
    for path, holder in _see_target(estimator):
        weights = getattr(holder, "class_weight", None)
        if isinstance(weights, dict):
            unknown = iter(range(len(numbers), len(numbers) + len(weights)))  # in no row either
            translated[f"{path}class_weight"] = {
                numbers[label] if label in numbers else next(unknown): weight
                for label, weight in weights.items()
            }
    return clone(estimator).set_params(**translated) if translated else estimator


def _see_target(estimator: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield an estimator, and those within it that see the same target, with their paths."""
    yield path, estimator
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        yield from _see_target(last, f"{path}{name}__")
    elif hasattr(estimator, "_learn_target"):  # a stack, which then finds nothing to translate
        parts = [*estimator.estimators, ("final_estimator", estimator.final_estimator)]
        for name, part in parts:
            yield from _see_target(part, f"{path}{name}__")
    elif _HOLDERS.intersection(kind.__name__ for kind in type(estimator).__mro__):
        yield from _see_target(estimator.estimator, f"{path}estimator__")


def _route(stack: Any, names: Sequence[str], data: Data) -> dict[str, Any]:
    """Return what each learner's ``fit`` and the splitter get."""
    split_params = {} if data.groups is None else {"groups": data.groups}
    routed: dict[str, Any]
    if _routing_enabled():
        # What is given to us is ours, whatever we ask of a search around us.
        router = stack._make_router(True)
        routed = process_routing(router, "fit", **split_params, **data.params)
        own = routed.get("splitter", {}).get("split", {})
        splitter = {"split": {**split_params, **own}}
        return {**{name: routed[name] for name in names}, "splitter": splitter}
    routed = {name: {"fit": {}} for name, _ in stack.estimators}
    weights = data.params.get("sample_weight")
    if weights is not None:
        for name, estimator in stack.estimators:
            if not is_dropped(estimator):
                routed[name]["fit"][find_weights(name, estimator)] = weights
        # Refuses, before anything is trained.
        find_weights("final_estimator", stack.final_estimator_)
    if data.groups is not None:
        # A stack among the learners, or one that teaches a student, has splits, too.
        for name, estimator in stack.estimators:
            routed[name]["fit"] |= groups_for(estimator, data.groups, f"learner {name!r}")
        groups_for_final(stack.final_estimator_, data.groups)  # refuses, before anything is trained
    return {**routed, "splitter": {"split": split_params}}


def find_weights(name: str, estimator: Any) -> str:
    """Return what ``fit`` calls weights of rows, which the last step of a Pipeline gets.

    Parameters
    ----------
    name : str
        For the error.
    estimator : estimator
        A learner, or a final estimator.

    Raises
    ------
    TypeError
        If it takes none.
    """
    if isinstance(estimator, Pipeline):
        step, last = estimator.steps[-1]
        return f"{step}__{find_weights(name, last)}"
    if isinstance(estimator, TransformedTargetRegressor) and estimator.regressor is not None:
        return find_weights(name, estimator.regressor)
    parameters = inspect.signature(estimator.fit).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if not takes_any and "sample_weight" not in parameters:
        raise TypeError(
            f"Underlying estimator {type(estimator).__name__} ({name!r}) does not support sample "
            "weights."
        )
    return "sample_weight"
