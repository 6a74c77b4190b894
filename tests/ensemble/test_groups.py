"""Canaries: no learner predicts a group that it was fitted on, however groups are given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn.model_selection
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegressionCV, Ridge, RidgeClassifierCV
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeavePGroupsOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from stackens import (
    DistilledRegressor,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
    WindowForecaster,
)
from stackens.ensemble import _splits
from stackens.exceptions import InvalidInputError
from stackens.learners.base import NetworkLearner
from stackens.model_selection import GridSearchCV, RandomizedSearchCV
from stackens.recipes import make_stack
from stackens.training import HeldOutRows

N_ROWS = 60
GROUPS = np.array([f"subject {k}" for k in np.arange(N_ROWS) % 12])
X = np.column_stack([np.arange(N_ROWS), np.random.default_rng(0).normal(size=N_ROWS)])
Y = np.arange(N_ROWS) // 12 % 2  # both classes in every group
SEEN: list[tuple[np.ndarray, np.ndarray]] = []


@pytest.fixture(autouse=True)
def forget():
    SEEN.clear()


class Spy(BaseEstimator):
    """Notes the rows that it is fitted on, and those that it then predicts."""

    def __init__(self, c=0, column=0):
        self.c = c
        self.column = column  # where the numbers of the rows are

    def fit(self, X, y):
        self.rows_ = X[:, self.column].astype(int)
        return self

    def predict(self, X):
        SEEN.append((self.rows_, X[:, self.column].astype(int)))
        return X[:, 1]


class SpyClassifier(ClassifierMixin, Spy):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return super().fit(X, y)

    def predict_proba(self, X):
        share = 1 / (1 + np.exp(-super().predict(X)))
        return np.column_stack([1 - share, share])


class SpyRegressor(RegressorMixin, Spy):
    pass


def stack(cv=3, learner=None):
    return StackingClassifier([("spy", SpyClassifier() if learner is None else learner)], cv=cv)


def of_numbers(cv=3):
    return StackingRegressor([("spy", SpyRegressor())], Ridge(), cv=cv)


def piped(estimator):
    return make_pipeline(FunctionTransformer(), FunctionTransformer(), estimator)


def search(estimator, kind=GridSearchCV, cv=None, prefix="", **options):
    grid = {f"{prefix}spy__c": [0, 1]}
    return kind(estimator, grid, cv=GroupKFold(2) if cv is None else cv, **options)


theirs = sklearn.model_selection.GridSearchCV


def their_search(cv=None, learner=None):
    cv = GroupKFold(2) if cv is None else cv
    return theirs(learner or SpyClassifier(), {"c": [0, 1]}, cv=cv, scoring="roc_auc")


def with_final(final, cv=3):
    """The last two columns of level one are those of the table."""
    return StackingClassifier([("spy", SpyClassifier())], final, cv=cv, passthrough=True)


LEVEL_ONE = SpyClassifier(column=-2)
IN_PIPE = "stackingclassifier__"
PLAIN = {
    "plain": lambda: stack().fit(X, Y, groups=GROUPS),
    "of numbers": lambda: of_numbers().fit(X, X[:, 1], groups=GROUPS),
    "Pipeline": lambda: piped(stack()).fit(X, Y, stackingclassifier__groups=GROUPS),
    "nested": lambda: stack(2, stack(2)).fit(X, Y, groups=GROUPS),
    "nested behind Pipelines": lambda: stack(2, piped(piped(stack(2)))).fit(X, Y, groups=GROUPS),
    "search": lambda: search(stack()).fit(X, Y, groups=GROUPS),
    "search of a Pipeline": lambda: search(piped(stack()), prefix=IN_PIPE).fit(X, Y, groups=GROUPS),
    "search with folds": lambda: search(stack(), cv=3).fit(X, Y, groups=GROUPS),
    "search of a transformed target": lambda: search(
        TransformedTargetRegressor(of_numbers(2)), prefix="regressor__"
    ).fit(X, X[:, 1], groups=GROUPS),
    "random search": lambda: search(stack(), RandomizedSearchCV, n_iter=1, random_state=0).fit(
        X, Y, groups=GROUPS
    ),
    "search in a stack": lambda: stack(2, search(stack(2), cv=2)).fit(X, Y, groups=GROUPS),
    "nested cross-validation": lambda: cross_validate(
        search(stack(2), cv=2), X, Y, groups=GROUPS, cv=GroupKFold(2), params={"groups": GROUPS}
    ),
    "search of a search": lambda: GridSearchCV(
        search(stack(2), cv=2), {"estimator__cv": [2]}, cv=2
    ).fit(X, Y, groups=GROUPS),
    "student": lambda: DistilledRegressor(of_numbers(), Ridge()).fit(X, X[:, 1], groups=GROUPS),
    "search of a student": lambda: GridSearchCV(
        DistilledRegressor(of_numbers(2), Ridge()), {"label_weight": [0.5]}, cv=2
    ).fit(X, X[:, 1], groups=GROUPS),
    "scikit-learn's search in a stack": lambda: stack(2, their_search()).fit(X, Y, groups=GROUPS),
    "scikit-learn's search behind a Pipeline": lambda: stack(2, piped(their_search())).fit(
        X, Y, groups=GROUPS
    ),
    "scikit-learn's search in a search": lambda: GridSearchCV(
        their_search(), {"refit": [True]}, cv=3
    ).fit(X, Y, groups=GROUPS),
    "final search of scikit-learn": lambda: (
        with_final(their_search(learner=LEVEL_ONE)).fit(X, Y, groups=GROUPS).leaderboard()
    ),
    "final search with rows that are not held out": lambda: with_final(
        their_search(learner=LEVEL_ONE), GroupShuffleSplit(3, random_state=0)
    ).fit(X, Y, groups=GROUPS),
    "final stack": lambda: with_final(stack(2, LEVEL_ONE)).fit(X, Y, groups=GROUPS),
    "final stack behind a Pipeline": lambda: with_final(piped(stack(2, LEVEL_ONE))).fit(
        X, Y, groups=GROUPS
    ),
    "another final search": lambda: (
        with_final(None)
        .fit(X, Y, groups=GROUPS)
        .with_final_estimator(their_search(learner=LEVEL_ONE), X)
    ),
    "make_stack": lambda: (
        make_stack(X, Y, groups=GROUPS)
        .set_params(estimators=[("spy", SpyClassifier())])
        .fit(X, Y, groups=GROUPS)
    ),
    "make_stack of numbers": lambda: (
        make_stack(X, X[:, 1], groups=GROUPS)
        .set_params(estimators=[("spy", SpyRegressor())])
        .fit(X, X[:, 1], groups=GROUPS)
    ),
}


def asked(estimator):
    return estimator.set_fit_request(groups=True)


ROUTED = {
    "plain": PLAIN["plain"],
    "Pipeline": lambda: piped(stack()).fit(X, Y, groups=GROUPS),
    "nested": PLAIN["nested"],
    "nested behind Pipelines": PLAIN["nested behind Pipelines"],
    "nested and asked for": lambda: stack(2, asked(stack(2))).fit(X, Y, groups=GROUPS),
    "scikit-learn's search": lambda: search(stack(), theirs).fit(X, Y, groups=GROUPS),
    "scikit-learn's search, asked for": lambda: search(asked(stack()), theirs).fit(
        X, Y, groups=GROUPS
    ),
    "scikit-learn's search, group splitter": lambda: search(stack(GroupKFold(2)), theirs).fit(
        X, Y, groups=GROUPS
    ),
    "scikit-learn's search of a Pipeline": lambda: search(
        piped(asked(stack())), theirs, prefix=IN_PIPE
    ).fit(X, Y, groups=GROUPS),
    "search": PLAIN["search"],
    "search with folds": PLAIN["search with folds"],
    "search of a Pipeline": PLAIN["search of a Pipeline"],
    "nested cross-validation": lambda: cross_validate(
        search(stack(2), cv=2), X, Y, cv=GroupKFold(2), params={"groups": GROUPS}
    ),
    "nested cross-validation of scikit-learn": lambda: cross_validate(
        search(stack(2), theirs), X, Y, cv=GroupKFold(2), params={"groups": GROUPS}
    ),
    "VotingClassifier": lambda: stack(2, VotingClassifier([("stack", stack(2))])).fit(
        X, Y, groups=GROUPS
    ),
    "OneVsRestClassifier": lambda: stack(2, OneVsRestClassifier(stack(2))).fit(X, Y, groups=GROUPS),
    "scikit-learn's search in a stack": PLAIN["scikit-learn's search in a stack"],
    "final search of scikit-learn": PLAIN["final search of scikit-learn"],
    "final stack": PLAIN["final stack"],
    "student": PLAIN["student"],
    "search of a student": lambda: GridSearchCV(
        asked(DistilledRegressor(of_numbers(2), Ridge())), {"label_weight": [0.5]}, cv=2
    ).fit(X, X[:, 1], groups=GROUPS),
    "make_stack": PLAIN["make_stack"],
}
WAYS = [pytest.param(way, False, id=name) for name, way in PLAIN.items()]
WAYS += [pytest.param(way, True, id=f"routed: {name}") for name, way in ROUTED.items()]


def assert_groups_are_whole(way, is_routed):
    with config_context(enable_metadata_routing=is_routed):
        way()
    assert len(SEEN) >= 2
    for fitted_on, predicted in SEEN:
        assert not set(GROUPS[fitted_on]) & set(GROUPS[predicted])


@pytest.mark.parametrize(("way", "is_routed"), WAYS)
def test_no_learner_predicts_a_row_of_a_group_that_it_was_fitted_on(way, is_routed):
    assert_groups_are_whole(way, is_routed)


class DividesGroups(KFold):
    """A leak: it says that it takes groups, and does not."""

    def __init__(self, n_splits=5, shuffle=False, random_state=None):
        super().__init__(n_splits, shuffle=True, random_state=0)

    def split(self, X, y=None, groups=None):
        return super().split(X, y)


NOT_OURS = {
    "scikit-learn's search, group splitter",
    "final search with rows that are not held out",
}  # there nothing of ours can divide groups


@pytest.mark.parametrize(
    ("way", "is_routed"), [w for w in WAYS if w.id.removeprefix("routed: ") not in NOT_OURS]
)
def test_the_canary_sings_when_groups_are_divided(monkeypatch, way, is_routed):
    monkeypatch.setattr(_splits, "_check_groups_are_whole", lambda *_: None)
    monkeypatch.setattr(_splits, "GroupKFold", DividesGroups)
    monkeypatch.setattr(_splits, "StratifiedGroupKFold", DividesGroups)
    monkeypatch.setattr("stackens.recipes.GroupKFold", DividesGroups)
    monkeypatch.setattr("stackens.recipes.StratifiedGroupKFold", DividesGroups)
    with pytest.raises(AssertionError):
        assert_groups_are_whole(way, is_routed)
    assert len(SEEN) >= 3


# ---- early stopping of learners -----------------------------------------------------------------


def stopping(cls=StackedRNNClassifier, **parameters):
    settings = {"epochs": 1, "early_stopping": True, "validation_fraction": 0.3, "random_state": 0}
    return cls(2, **{**settings, **parameters})


def transformed():
    return TransformedTargetRegressor(stopping(StackedRNNRegressor))


RATES = {"learning_rate": [0.1, 0.01]}
PIPED_RATES = {"stackedrnnclassifier__learning_rate": [0.1, 0.01]}
NESTED_RATES = {"pipeline__stackedrnnclassifier__learning_rate": [0.1, 0.01]}
# The way, and how many sets of rows learners are fitted on.
STOPS = {
    "search": (lambda: GridSearchCV(stopping(), RATES, cv=2).fit(X, Y, groups=GROUPS), 3),
    "random search": (
        lambda: RandomizedSearchCV(stopping(), RATES, n_iter=1, cv=2).fit(X, Y, groups=GROUPS),
        3,
    ),
    "search of a Pipeline": (
        lambda: GridSearchCV(piped(stopping()), PIPED_RATES, cv=2).fit(X, Y, groups=GROUPS),
        3,
    ),
    "search of nested Pipelines": (
        lambda: GridSearchCV(piped(piped(stopping())), NESTED_RATES, cv=2).fit(X, Y, groups=GROUPS),
        3,
    ),
    "search of a transformed target": (
        lambda: GridSearchCV(transformed(), {"regressor__learning_rate": [0.1]}, cv=2).fit(
            X, X[:, 1], groups=GROUPS
        ),
        3,
    ),
    "search in a stack": (
        lambda: stack(2, GridSearchCV(stopping(), {}, cv=2)).fit(X, Y, groups=GROUPS),
        7,  # the folds of the refit are those of the stack
    ),
    "cross-validation": (
        lambda: cross_validate(
            stopping(), X, Y, groups=GROUPS, cv=GroupKFold(2), params={"groups": GROUPS}
        ),
        2,
    ),
    "stack": (lambda: stack(2, stopping()).fit(X, Y, groups=GROUPS), 3),
    "stack of a Pipeline": (lambda: stack(2, piped(stopping())).fit(X, Y, groups=GROUPS), 3),
    "stack of nested Pipelines": (
        lambda: stack(2, piped(piped(stopping()))).fit(X, Y, groups=GROUPS),
        3,
    ),
    "stack of a transformed target": (
        lambda: StackingRegressor([("a", transformed())], cv=2).fit(X, X[:, 1], groups=GROUPS),
        3,
    ),
    "final estimator": (lambda: with_final(stopping(), 2).fit(X, Y, groups=GROUPS), 1),
}
STOPS_ROUTED = {
    **STOPS,
    "cross-validation": (
        lambda: cross_validate(stopping(), X, Y, cv=GroupKFold(2), params={"groups": GROUPS}),
        2,
    ),
    "scikit-learn's search": (
        lambda: theirs(stopping(), RATES, cv=GroupKFold(2)).fit(X, Y, groups=GROUPS),
        3,
    ),
    "scikit-learn's search of a Pipeline": (
        lambda: theirs(piped(stopping()), PIPED_RATES, cv=GroupKFold(2)).fit(X, Y, groups=GROUPS),
        3,
    ),
    "scikit-learn's search of a transformed target": (
        lambda: theirs(transformed(), {"transformer": [None]}, cv=GroupKFold(2)).fit(
            X, X[:, 1], groups=GROUPS
        ),
        3,
    ),
    "scikit-learn's search in a stack": (
        lambda: stack(GroupKFold(2), theirs(stopping(), {}, cv=GroupKFold(2))).fit(
            X, Y, groups=GROUPS
        ),
        7,
    ),
    "VotingClassifier": (
        lambda: stack(2, VotingClassifier([("rnn", stopping())], voting="soft")).fit(
            X, Y, groups=GROUPS
        ),
        3,
    ),
}
WAYS_TO_STOP = [pytest.param(*way, False, id=name) for name, way in STOPS.items()]
WAYS_TO_STOP += [pytest.param(*way, True, id=f"routed: {n}") for n, way in STOPS_ROUTED.items()]


@pytest.fixture
def jobs_are_seen(monkeypatch):
    """Of each network that is planned: the rows to train on, and those to watch."""
    plan = NetworkLearner.plan_job

    def plan_job(self, *args, **options):
        job = plan(self, *args, **options)
        if job.validation_rows is not None:
            numbers = np.rint(job.X[:, -2, 0]).astype(int)
            SEEN.append((numbers[job.training_rows], numbers[job.validation_rows]))
        return job

    monkeypatch.setattr(NetworkLearner, "plan_job", plan_job)


def count_sets_of_rows():
    return len({frozenset(np.r_[training, watched]) for training, watched in SEEN})


@pytest.mark.usefixtures("jobs_are_seen")
@pytest.mark.parametrize(("way", "n_sets", "is_routed"), WAYS_TO_STOP)
def test_no_learner_watches_a_row_of_a_group_that_it_is_trained_on(way, n_sets, is_routed):
    assert_groups_are_whole(way, is_routed)
    assert count_sets_of_rows() == n_sets


@pytest.mark.usefixtures("jobs_are_seen")
@pytest.mark.parametrize(("way", "n_sets", "is_routed"), WAYS_TO_STOP)
def test_the_canary_sings_when_watched_rows_divide_groups(monkeypatch, way, n_sets, is_routed):
    monkeypatch.setattr(NetworkLearner, "_hold_out_groups", lambda *_: None)
    monkeypatch.setattr(HeldOutRows, "with_groups", lambda *_: None)
    with pytest.raises(AssertionError):
        assert_groups_are_whole(way, is_routed)
    assert count_sets_of_rows() == n_sets  # so it is for the rows that it sings


@pytest.mark.usefixtures("jobs_are_seen")
@pytest.mark.parametrize("is_routed", [False, True])
def test_a_learner_that_is_told_not_to_watches_rows_at_random(is_routed):
    with config_context(enable_metadata_routing=True):
        told = stopping().set_fit_request(groups=False)
    for model in (GridSearchCV(told, RATES, cv=2), stack(2, told), stack(2, piped(told))):
        SEEN.clear()
        with pytest.raises(AssertionError):
            assert_groups_are_whole(lambda model=model: model.fit(X, Y, groups=GROUPS), is_routed)


@pytest.mark.usefixtures("jobs_are_seen")
@pytest.mark.parametrize("wrap", [lambda e: e, piped], ids=["learner", "Pipeline"])
def test_a_learner_watches_the_groups_that_it_asked_for(wrap):
    sites = np.arange(N_ROWS) // 6
    with config_context(enable_metadata_routing=True):
        learner = wrap(stopping().set_fit_request(groups="subject"))
        for model in (
            theirs(learner, {}, cv=GroupKFold(2)),
            stack(GroupKFold(2), learner),
        ):
            assert_groups_are_whole(
                lambda model=model: model.fit(X, Y, groups=sites, subject=GROUPS), True
            )
            SEEN.clear()
        assert_groups_are_whole(lambda: stack(2, learner).fit(X, Y, subject=GROUPS), True)
        SEEN.clear()
        splitter = GroupKFold(2).set_split_request(groups="subject")
        other = stack(splitter, wrap(stopping()))  # as its splitter, if nobody says otherwise
        assert_groups_are_whole(lambda: other.fit(X, Y, subject=GROUPS), True)


def test_groups_change_nothing_for_a_learner_that_holds_out_no_rows():
    learners = [("a", stopping(early_stopping=False)), ("b", piped(stopping(early_stopping=False)))]
    splits = list(GroupKFold(2).split(X, Y, GROUPS))
    found, expected = (
        StackingClassifier(learners, cv=splits, random_state=0).fit(X, Y, groups=groups)
        for groups in (GROUPS, None)
    )
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


UNREACHED_STOPS = {
    "VotingClassifier": lambda learner: VotingClassifier([("x", learner)], voting="soft"),
    "OneVsRestClassifier": OneVsRestClassifier,
    "scikit-learn's search": lambda learner: theirs(learner, {}, cv=GroupKFold(2)),
    "last in a Pipeline": lambda learner: piped(OneVsRestClassifier(learner)),
}


@pytest.mark.parametrize("case", UNREACHED_STOPS)
def test_early_stopping_that_no_groups_reach_is_refused(case):
    for place, give_to in {
        "learner 'spy'": lambda estimator: stack(2, estimator),
        "`estimator`": lambda estimator: GridSearchCV(estimator, {}, cv=2),
        "`final_estimator`": with_final,
    }.items():
        model = give_to(UNREACHED_STOPS[case](stopping()))
        message = f"{place} has a part .* StackedRNNClassifier .*`early_stopping=True`"
        with pytest.raises(InvalidInputError, match=message):
            model.fit(X, Y, groups=GROUPS)
    assert not SEEN


@pytest.mark.parametrize("settings", [{"early_stopping": False}, {"validation_rows": "random"}])
def test_a_learner_that_watches_no_rows_or_others_is_not_refused(settings):
    voting = VotingClassifier([("x", stopping(**settings))], voting="soft")
    check_is_fitted(stack(2, voting).fit(X, Y, groups=GROUPS))


# ---- what is refused ---------------------------------------------------------------------------

IGNORE_GROUPS = [
    KFold(3),
    StratifiedKFold(3),
    RepeatedKFold(n_splits=3),
    RepeatedStratifiedKFold(n_splits=3),
    ShuffleSplit(2),
    StratifiedShuffleSplit(2),
    TimeSeriesSplit(3),
    PredefinedSplit(np.arange(N_ROWS) // 20),
    list(KFold(3).split(X)),
]
TAKERS = {
    "stack": stack,
    "stack of numbers": of_numbers,
    "student": lambda cv: DistilledRegressor(of_numbers(cv), Ridge()),
    "search": lambda cv: search(stack(), cv=cv),
    "random search": lambda cv: search(stack(), RandomizedSearchCV, cv=cv, n_iter=1),
}


@pytest.mark.parametrize("is_routed", [False, True])
@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("cv", IGNORE_GROUPS, ids=lambda cv: type(cv).__name__)
def test_a_splitter_that_takes_no_notice_of_groups_is_refused(cv, taker, is_routed):
    y = X[:, 1] if taker in ("stack of numbers", "student") else Y
    if y is not Y and type(cv).__name__.count("Stratified"):
        pytest.skip("it needs classes")
    estimator = TAKERS[taker](cv)
    names = "GroupKFold, StratifiedGroupKFold, GroupShuffleSplit, LeaveOneGroupOut"
    with config_context(enable_metadata_routing=is_routed):
        with pytest.raises(InvalidInputError, match=names):
            estimator.fit(X, y, groups=GROUPS)
        with pytest.raises(sklearn.exceptions.NotFittedError):
            check_is_fitted(estimator)
    assert not SEEN


NO_GROUPS = {
    "several columns": (np.column_stack([GROUPS, GROUPS]), r"must be 1-D.*shape \(60, 2\)"),
    "mixed types": (np.array([1, "a"] * 30, dtype=object), "names of one type; got int and str"),
    "NaN": (np.r_[np.nan, np.ones(59)], "holds nan in row 0"),
    "None": (np.array([None, *"ab" * 29, "a"], dtype=object), "holds None in row 0"),
    "another length": (GROUPS[:9], "`groups` has 9, and `X` has 60"),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("case", NO_GROUPS)
def test_groups_that_name_no_group_for_each_row_are_refused(case, taker):
    groups, message = NO_GROUPS[case]
    y = X[:, 1] if taker in ("stack of numbers", "student") else Y
    with pytest.raises(InvalidInputError, match=message):
        TAKERS[taker](3).fit(X, y, groups=groups)
    assert not SEEN


@pytest.mark.parametrize("taker", TAKERS)
def test_one_column_of_groups_is_taken_as_groups(taker):
    y = X[:, 1] if taker in ("stack of numbers", "student") else Y
    column = pd.DataFrame({"subject": GROUPS})
    assert_groups_are_whole(lambda: TAKERS[taker](3).fit(X, y, groups=column), False)


def test_a_stack_in_a_stack_is_refused_too():
    with pytest.raises(InvalidInputError, match="takes no notice of groups"):
        stack(GroupKFold(2), stack(KFold(2))).fit(X, Y, groups=GROUPS)


# The part that splits by itself, in an estimator that a stack or a search is given.
UNREACHED = {
    "VotingClassifier": (lambda: VotingClassifier([("x", stack(2))]), "StackingClassifier"),
    "OneVsRestClassifier": (lambda: OneVsRestClassifier(stack(2)), "StackingClassifier"),
    "MultiOutputClassifier": (lambda: MultiOutputClassifier(stack(2)), "StackingClassifier"),
    "BaggingClassifier": (lambda: BaggingClassifier(stack(2)), "StackingClassifier"),
    "scikit-learn's search of a stack": (
        lambda: theirs(stack(2), {"spy__c": [0]}, cv=GroupKFold(2)),
        "StackingClassifier",
    ),
    "a search of ours": (lambda: VotingClassifier([("x", search(stack(2)))]), "GridSearchCV"),
    "scikit-learn's search": (lambda: their_search(2), "GridSearchCV"),
    "scikit-learn's search of splitters": (lambda: their_search(KFold(2)), "GridSearchCV"),
    "CalibratedClassifierCV": (lambda: CalibratedClassifierCV(SpyClassifier()), "Calibrated"),
    "LogisticRegressionCV": (lambda: LogisticRegressionCV(cv=3), "LogisticRegressionCV"),
    "with a group splitter": (
        lambda: CalibratedClassifierCV(SpyClassifier(), cv=GroupKFold(2)),
        "CalibratedClassifierCV",
    ),
    "scikit-learn's stack": (
        lambda: sklearn.ensemble.StackingClassifier([("spy", SpyClassifier())]),
        "StackingClassifier",
    ),
    "first in a Pipeline": (
        lambda: make_pipeline(
            SequentialFeatureSelector(SpyClassifier(), n_features_to_select=1), SpyClassifier()
        ),
        "SequentialFeatureSelector",
    ),
    "last in a Pipeline": (lambda: piped(their_search(2)), "GridSearchCV"),
    "in a nested stack": (lambda: stack(2, their_search(2)), "GridSearchCV"),
    "final in a nested stack": (lambda: with_final(LogisticRegressionCV()), "LogisticRegressionCV"),
}
GIVEN_TO = {
    "learner 'spy'": lambda estimator: stack(2, estimator),
    "`estimator`": lambda estimator: GridSearchCV(estimator, {}, cv=2),
    "`final_estimator`": lambda estimator: with_final(estimator),
}


@pytest.mark.parametrize("place", GIVEN_TO)
@pytest.mark.parametrize("case", UNREACHED)
def test_splits_that_no_groups_reach_are_refused(case, place):
    make, name = UNREACHED[case]
    estimator = GIVEN_TO[place](make())
    message = f"{place} has a part that splits rows by itself .* {name}.*metadata routing"
    with pytest.raises(InvalidInputError, match=message):
        estimator.fit(X, Y, groups=GROUPS)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        check_is_fitted(estimator)
    assert not SEEN


def test_splits_of_what_a_prefit_stack_is_completed_with_are_refused():
    fitted = SpyClassifier().fit(X, Y)
    prefit = StackingClassifier([("spy", fitted)], LogisticRegressionCV(), cv="prefit")
    with pytest.raises(InvalidInputError, match="`final_estimator` has a part that splits"):
        prefit.fit(X, Y, groups=GROUPS)
    assert not SEEN


NO_SPLITS = {
    "of what is fitted": lambda: CalibratedClassifierCV(
        FrozenEstimator(SpyClassifier(column=0).fit(X, Y))
    ),
    "of a closed form": lambda: RidgeClassifierCV(),
    "of a stack that is fitted": lambda: FrozenEstimator(stack(2).fit(X, Y)),
}


@pytest.mark.parametrize("case", NO_SPLITS)
def test_what_makes_no_splits_of_rows_is_not_refused(case):
    learner = NO_SPLITS[case]()
    check_is_fitted(stack(2, learner).fit(X, Y, groups=GROUPS))


class TakesGroups:
    """No splitter of scikit-learn, and it does not say what it asks for."""

    def get_n_splits(self, X=None, y=None, groups=None):
        return 2

    def split(self, X, y, groups):
        yield np.flatnonzero(groups != groups[0]), np.flatnonzero(groups == groups[0])
        yield np.flatnonzero(groups != groups[1]), np.flatnonzero(groups == groups[1])


class KnowsGroups:
    """It is not given groups: it has its own."""

    def get_n_splits(self, X=None, y=None, groups=None):
        return 3

    def split(self, X, y=None):
        return GroupKFold(3).split(X, y, GROUPS)


WHOLE = [
    TakesGroups(),
    KnowsGroups(),
    GroupKFold(3),
    StratifiedGroupKFold(3),
    GroupShuffleSplit(2, random_state=0),
    LeaveOneGroupOut(),
    LeavePGroupsOut(1),
    list(GroupKFold(3).split(X, Y, GROUPS)),
    PredefinedSplit(np.unique(GROUPS, return_inverse=True)[1] % 3),
]


@pytest.mark.parametrize("is_routed", [False, True])
@pytest.mark.parametrize("cv", WHOLE, ids=lambda cv: type(cv).__name__)
def test_any_splitter_will_do_that_keeps_groups_whole(cv, is_routed):
    assert_groups_are_whole(lambda: stack(cv).fit(X, Y, groups=GROUPS), is_routed)
    found = SEEN.copy()
    SEEN.clear()
    assert_groups_are_whole(lambda: search(stack(2), cv=cv).fit(X, Y, groups=GROUPS), is_routed)
    assert len(SEEN) > len(found)


@pytest.mark.parametrize("is_routed", [False, True])
@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("cv", WHOLE[2:7], ids=lambda cv: type(cv).__name__)
def test_groups_that_were_forgotten_are_asked_for(cv, taker, is_routed):
    y = X[:, 1] if taker in ("stack of numbers", "student") else Y
    estimator, message = TAKERS[taker](cv), r"needs the group of each row: `fit\(X, y, groups="
    with (
        config_context(enable_metadata_routing=is_routed),
        pytest.raises(InvalidInputError, match=message),
    ):
        estimator.fit(X, y)
    assert not SEEN


@pytest.mark.parametrize("taker", TAKERS)
def test_more_folds_than_groups_are_refused(taker):
    y = X[:, 1] if taker in ("stack of numbers", "student") else Y
    with pytest.raises(InvalidInputError, match=r"5 folds of whole groups .* `groups` has 3"):
        TAKERS[taker](5).fit(X, y, groups=np.arange(N_ROWS) % 3)


def test_a_forecaster_says_that_a_stack_wants_groups_that_windows_have_not():
    model = WindowForecaster(of_numbers(GroupKFold(3)), window=5)
    with pytest.raises(InvalidInputError, match="needs the group of each row"):
        model.fit(np.arange(60.0))


# ---- what a stack asks for ---------------------------------------------------------------------


@pytest.mark.parametrize("is_routed", [False, True])
@pytest.mark.parametrize("wrap", [lambda e: e, piped], ids=["stack", "Pipeline"])
def test_a_stack_that_is_told_not_to_gets_no_groups_of_a_search(wrap, is_routed):
    with config_context(enable_metadata_routing=True):
        told = stack().set_fit_request(groups=False)
    prefix = "" if wrap(told) is told else IN_PIPE

    def way():
        search(wrap(told), prefix=prefix).fit(X, Y, groups=GROUPS)

    with pytest.raises(AssertionError):
        assert_groups_are_whole(way, is_routed)
    assert_groups_are_whole(lambda: SEEN.clear() or told.fit(X, Y, groups=GROUPS), is_routed)


def test_a_stack_with_a_splitter_that_takes_none_has_to_say_what_it_wants():
    """As scikit-learn's rule is for metadata that nobody decided on."""
    with config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError, match=r"\[groups\] are passed"):
            search(stack(KFold(3)), theirs).fit(X, Y, groups=GROUPS)
        told = stack(KFold(3)).set_fit_request(groups=False)
        search(told, theirs).fit(X, Y, groups=GROUPS)


def test_groups_go_by_the_name_that_was_asked_for():
    with config_context(enable_metadata_routing=True):
        by_subject = stack().set_fit_request(groups="subject")
        sites = np.arange(N_ROWS) % 6
        grid = search(by_subject, theirs, cv=GroupKFold(2))
        assert_groups_are_whole(lambda: grid.fit(X, Y, groups=sites, subject=GROUPS), True)
        SEEN.clear()
        splitter = GroupKFold(3).set_split_request(groups="subject")
        assert_groups_are_whole(lambda: stack(splitter).fit(X, Y, subject=GROUPS), True)


def test_without_routing_scikit_learn_keeps_groups_to_itself():
    """As the guide says; the day that it does not, the guide is to be changed."""
    with pytest.raises(AssertionError):
        assert_groups_are_whole(lambda: search(stack(), theirs).fit(X, Y, groups=GROUPS), False)
