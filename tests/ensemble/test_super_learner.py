"""Cross-validation chooses the first final estimator that is near the best."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import LinearSVC

import stackens
from stackens import (
    ConvexBlendClassifier,
    ConvexBlendRegressor,
    DiscreteSuperLearnerClassifier,
    DiscreteSuperLearnerRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.ensemble.meta_learners._super_learner import choose_first_good, compare_losses
from stackens.exceptions import InvalidInputError
from stackens.exporting import to_numpy

SEEN: list[tuple[frozenset, frozenset]] = []


@pytest.fixture(autouse=True)
def forget():
    SEEN.clear()


class Off(RegressorMixin, BaseEstimator):
    """Predicts the first column, off by so much; notes the rows (third column) that it sees."""

    def __init__(self, by=0.0):
        self.by = by

    def fit(self, X, y, sample_weight=None):
        self.rows_ = frozenset(X[:, -1].astype(int))
        return self

    def predict(self, X):
        SEEN.append((self.rows_, frozenset(X[:, -1].astype(int))))
        return X[:, 0] + self.by * X[:, 1]


class OffClassifier(ClassifierMixin, Off):
    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return super().fit(X, y)

    def predict_proba(self, X):
        second = np.clip(super().predict(X), 0, 1)
        return np.column_stack([1 - second, second])


def test_the_rule_by_hand():
    # Losses of 4 rows, with means 1, 0.75 and 0.5.
    losses = np.array([[1.0, 1, 1, 1], [1, 0, 1, 1], [0, 0, 0, 2]])
    means, errors = compare_losses(losses, np.ones(4), None)
    np.testing.assert_allclose(means, [1, 0.75, 0.5])
    # Differences to the third: 1 1 1 -1, with deviation 1, and 1 0 1 -1, with sqrt(2.75 / 3).
    np.testing.assert_allclose(errors, [1 / 2, np.sqrt(2.75 / 3) / 2, 0])
    assert choose_first_good(means, errors, 1.0) == 0  # 0.5 above, which is one standard error
    assert choose_first_good(means, errors, 0.99) == 1
    assert choose_first_good(means, errors, 0.5) == 2
    assert choose_first_good(means, errors, 0.0) == 2


def test_what_is_worse_than_one_before_it_is_not_chosen_as_its_error_is_large():
    means, errors = np.array([0.46, 0.50, 0.42, 0.42]), np.array([0.03, 0.09, 0.0, 0.01])
    assert choose_first_good(means, errors, 1.0) == 2
    assert choose_first_good(means, errors, 2.0) == 0


def test_rows_of_a_group_count_together():
    losses = np.array([[1.0, 1, 1, 1], [0, 0, 0, 2]])
    _, errors = compare_losses(losses, np.ones(4), np.array([7, 7, 3, 3]))
    # Differences 1 1 | 1 -1 deviate from their mean by sums of 1 and -1; two groups are few.
    np.testing.assert_allclose(errors, [np.sqrt(2 * (1 + 1)) / 4, 0])
    same = compare_losses(losses, np.ones(4), np.arange(4))
    np.testing.assert_allclose(same, compare_losses(losses, np.ones(4), None))


def test_losses_weigh_rows_as_if_they_came_more_often():
    rng = np.random.default_rng(0)
    losses, weights = rng.uniform(size=(3, 10)), rng.integers(0, 4, 10)
    means, _ = compare_losses(losses, weights.astype(float), None)
    np.testing.assert_allclose(means, np.repeat(losses, weights, axis=1).mean(axis=1))


def table(n=40, seed=0):
    """First column: the target and noise; second: signs; third: the number of the row."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    return np.column_stack([y + rng.normal(size=n), rng.choice([-1, 1], n), np.arange(n)]), y


def test_the_first_of_equals_and_the_best_of_others_is_chosen():
    X, y = table()
    candidates = [("bad", Off(9.0)), ("simple", Off()), ("same", Off()), ("worse", Off(3.0))]
    model = DiscreteSuperLearnerRegressor(candidates).fit(X, y)
    assert model.chosen_ == "simple"
    assert model.losses_["simple"] == model.losses_["same"] < model.losses_["worse"]
    assert model.standard_errors_["simple"] == 0 < model.standard_errors_["bad"]
    np.testing.assert_array_equal(model.predict(X), X[:, 0])


def test_losses_are_those_of_cross_validation():
    X, y = load_diabetes(return_X_y=True)
    candidates = [("ridge", Ridge(1e-3)), ("neighbours", KNeighborsRegressor())]
    cv = KFold(4, shuffle=True, random_state=0)
    model = DiscreteSuperLearnerRegressor(candidates, cv=cv).fit(X, y)
    for name, one in candidates:
        held_out = cross_val_predict(one, X, y, cv=cv)
        assert model.losses_[name] == pytest.approx(((held_out - y) ** 2).mean())
    np.testing.assert_array_equal(
        model.predict(X), clone(dict(candidates)[model.chosen_]).fit(X, y).predict(X)
    )


def test_the_loss_of_classes_is_the_log_loss():
    X, y = load_iris(return_X_y=True)
    candidates = [("bayes", GaussianNB()), ("linear", LogisticRegression(max_iter=1000))]
    cv = KFold(5, shuffle=True, random_state=0)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = DiscreteSuperLearnerClassifier(candidates, cv=cv).fit(X, names)
    for name, one in candidates:
        held_out = cross_val_predict(one, X, y, cv=cv, method="predict_proba")
        expected = -np.log(np.maximum(held_out[np.arange(150), y], 1e-3)).mean()
        assert model.losses_[name] == pytest.approx(expected)
    assert set(model.predict(X)) <= set(names)


def test_many_rows_get_the_better_model_and_few_the_safer():
    def chosen(n):
        rng = np.random.default_rng(0)
        y = rng.normal(size=n)
        X = np.column_stack([0.8 * y + noise * rng.normal(size=n) for noise in (0.5, 0.6, 0.7)])
        return DiscreteSuperLearnerRegressor().fit(X, y).chosen_  # all learners fall short

    assert chosen(1_000) == "linear"
    assert chosen(15) == "convex_blend"


# ---- groups -------------------------------------------------------------------------------------

GROUPS = np.repeat(np.arange(8), 5)


def split_groups():
    """Return groups of which rows were on both sides of a split, the last fits left out."""
    return [
        set(GROUPS[list(train)]) & set(GROUPS[list(test)])
        for train, test in SEEN
        if not test <= train
    ]


@pytest.mark.parametrize("cv", [None, 3, GroupKFold(4), LeaveOneGroupOut()])
def test_no_split_divides_a_group(cv):
    X, y = table()
    rows = np.random.default_rng(1).permutation(40)  # groups are nowhere in one place
    X[:, -1] = rows
    for model, target in (
        (DiscreteSuperLearnerRegressor([("off", Off())], cv=cv), y),
        (DiscreteSuperLearnerClassifier([("off", OffClassifier())], cv=cv), (y > 0).astype(int)),
    ):
        model.fit(X, target, groups=GROUPS[rows])
        assert split_groups()
        assert not any(split_groups())
        SEEN.clear()
        if cv is None or cv == 3:  # the canary: without groups, they are divided
            model.fit(X, target)
            assert any(split_groups())
            SEEN.clear()


@pytest.mark.parametrize("routing", [False, True])
def test_a_stack_hands_groups_on(routing):
    from sklearn import config_context

    X, y = table()
    X[:, -1] = rows = np.random.default_rng(1).permutation(40)
    final = DiscreteSuperLearnerRegressor([("off", Off())])
    stack = StackingRegressor([("linear", LinearRegression())], final, cv=4, passthrough=True)
    with config_context(enable_metadata_routing=routing):
        stack.fit(X, y, groups=GROUPS[rows]).leaderboard()
        stack.with_final_estimator(final, X)
    assert split_groups()
    assert not any(split_groups())


def test_splits_that_divide_a_group_are_refused():
    X, y = table()
    with pytest.raises(InvalidInputError, match="`groups` were given, and split 0"):
        DiscreteSuperLearnerRegressor(cv=KFold(2)).fit(X, y, groups=np.arange(40) % 3)


def test_where_no_row_can_be_held_out_the_first_is_chosen():
    X, y = table()
    model = DiscreteSuperLearnerRegressor().fit(X, y, groups=np.zeros(40))
    assert model.chosen_ == "convex_blend"
    assert np.isnan(list(model.losses_.values())).all()
    two = DiscreteSuperLearnerClassifier().fit(X[:2], [0, 1])
    assert two.chosen_ == "convex_blend"


# ---- inside a stack -----------------------------------------------------------------------------


def test_candidates_know_whose_columns_are_whose():
    X, y = load_iris(return_X_y=True)
    learners = [("linear", LogisticRegression(max_iter=1000)), ("bayes", GaussianNB())]
    final = DiscreteSuperLearnerClassifier([("blend", ConvexBlendClassifier())])
    stack = StackingClassifier(learners, final, passthrough=True).fit(X, y)
    assert list(stack.final_estimator_.best_estimator_.weights_) == ["linear", "bayes"]
    alone = stack.with_final_estimator(ConvexBlendClassifier(), X)
    np.testing.assert_array_equal(stack.predict_proba(X), alone.predict_proba(X))


@pytest.mark.parametrize("name", ["average", "convex_blend", "best_learner", "linear"])
def test_what_was_chosen_is_saved_and_exported(name, tmp_path):
    X, y = load_iris(return_X_y=True)
    learners = [("linear", LogisticRegression(max_iter=1000)), ("bayes", GaussianNB())]
    default = dict(DiscreteSuperLearnerClassifier()._default_candidates())
    final = DiscreteSuperLearnerClassifier([(name, default[name])])
    stack = StackingClassifier(learners, final).fit(X, y)
    expected = stack.predict_proba(X)
    stackens.save(stack, tmp_path / "stack")
    loaded = stackens.load(tmp_path / "stack")
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert loaded.final_estimator_.chosen_ == name
    np.testing.assert_allclose(to_numpy(stack).predict_proba(X), expected, atol=1e-12)


def test_several_outputs():
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(60, 2))
    X = np.hstack([Y + rng.normal(size=(60, 2)) * scale for scale in (0.5, 0.5, 2.0)])
    model = DiscreteSuperLearnerRegressor().fit(X, Y)
    assert model.predict(X).shape == (60, 2)
    assert model.chosen_ != "average"
    linear = DiscreteSuperLearnerRegressor([("ridge", Ridge())]).fit(X, Y)
    assert linear.predict(X).shape == (60, 2)
    stack = StackingRegressor([("ridge", Ridge())], DiscreteSuperLearnerRegressor()).fit(X, Y)
    assert stack.predict(X).shape == (60, 2)


def test_a_class_may_be_rare():
    rng = np.random.default_rng(0)
    y = np.r_[np.zeros(10), np.ones(10), 2].astype(int)
    X = np.hstack([rng.dirichlet(np.ones(3), 21) for _ in range(2)])
    model = DiscreteSuperLearnerClassifier().fit(X, y)
    assert model.predict_proba(X).shape == (21, 3)
    assert np.isfinite(list(model.losses_.values())).all()


def test_rows_of_weight_zero_train_nothing():
    X, y = table(60)
    weights = np.r_[np.ones(40), np.zeros(20)]
    y[40:] += 100
    cv = [(np.r_[0:20, 40:50], np.r_[20:40, 50:60]), (np.r_[20:40, 50:60], np.r_[0:20, 40:50])]
    of_weights = DiscreteSuperLearnerRegressor(cv=cv).fit(X, y, weights)
    cv = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
    without = DiscreteSuperLearnerRegressor(cv=cv).fit(X[:40], y[:40])
    assert of_weights.chosen_ == without.chosen_
    for name, loss in without.losses_.items():
        assert of_weights.losses_[name] == pytest.approx(loss)
        assert of_weights.standard_errors_[name] == pytest.approx(without.standard_errors_[name])


def test_the_same_again():
    X, y = load_iris(return_X_y=True)
    first, again = (DiscreteSuperLearnerClassifier().fit(X, y) for _ in range(2))
    assert first.losses_ == again.losses_
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))


@pytest.mark.parametrize(
    ("candidates", "complaint"),
    [
        ([], r"at least one \(name, estimator\), what is to be taken in doubt first; got \[\]"),
        ([Ridge()], "at least one"),
        ([("a", Ridge()), ("a", Off())], r"different names; got \['a', 'a'\]"),
        ([("a", KNeighborsRegressor())], "'a', KNeighborsRegressor, does not take"),
    ],
)
def test_candidates_that_cannot_be_compared_are_refused(candidates, complaint):
    X, y = table()
    with pytest.raises(InvalidInputError, match=complaint):
        DiscreteSuperLearnerRegressor(candidates).fit(X, y, sample_weight=np.ones(40))


def test_a_classifier_without_probabilities_is_refused():
    X, y = table()
    with pytest.raises(InvalidInputError, match="'svc', LinearSVC, has no `predict_proba`"):
        DiscreteSuperLearnerClassifier([("svc", LinearSVC())]).fit(X, (y > 0).astype(int))


def test_blends_of_equal_weights_are_the_average():
    rng = np.random.default_rng(0)
    y = np.arange(12) % 3
    parts = [rng.dirichlet(np.ones(3), 12) for _ in range(3)]
    average = DiscreteSuperLearnerClassifier([("a", ConvexBlendClassifier(np.inf))])
    found = average.fit(np.hstack(parts), y).predict_proba(np.hstack(parts))
    np.testing.assert_allclose(found, np.mean(parts, axis=0))
    values = DiscreteSuperLearnerRegressor([("a", ConvexBlendRegressor(np.inf))])
    X = rng.normal(size=(12, 4))
    np.testing.assert_allclose(values.fit(X, X[:, 0]).predict(X), X.mean(axis=1))
