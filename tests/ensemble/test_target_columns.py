"""A stack of regressors on several target columns."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import TimeSeriesSplit, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils import get_tags

from stackens import ColumnwiseRegressor, StackedRNNRegressor, StackingRegressor
from stackens.exceptions import InvalidInputError

LEARNERS = [("ridge", Ridge()), ("near", KNeighborsRegressor(5))]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    return X, np.column_stack([X @ rng.normal(size=4), np.sin(X[:, 0]), X[:, 1] ** 2])


@pytest.mark.parametrize("cv", [5, TimeSeriesSplit(4, gap=2)])
def test_each_column_has_the_final_estimator_of_a_stack_of_its_own(data, cv):
    X, y = data
    together = StackingRegressor(
        [("ridge", Ridge()), ("line", LinearRegression())], Ridge(), cv=cv
    ).fit(X, y)
    alone = [clone(together).fit(X, column).predict(X) for column in y.T]
    np.testing.assert_allclose(together.predict(X), np.column_stack(alone), rtol=1e-8, atol=1e-10)


def test_the_leaderboard_and_the_fallback_know_columns(data):
    X, y = data
    stack = StackingRegressor(LEARNERS, LinearRegression(), fallback="best").fit(X, y)
    board = stack.leaderboard(X, y)
    assert set(board.index) == {"ridge", "near", "average", "stack"}
    assert np.isfinite(board["out_of_fold"]).all()
    assert stack.predict(X).shape == y.shape
    one = stack.with_final_estimator(Ridge(alpha=3.0))
    assert one.predict(X).shape == y.shape


def test_a_column_vector_stays_one_target(data):
    X, y = data
    with pytest.warns(match="column-vector"):
        stack = StackingRegressor(LEARNERS).fit(X, y[:, :1])
    assert stack.predict(X).shape == (120,)


def test_it_says_whether_it_takes_columns():
    def takes(*learners, **options):
        named = [(str(k), learner) for k, learner in enumerate(learners)]
        return get_tags(StackingRegressor(named, **options)).target_tags.multi_output

    assert takes(Ridge(), StackedRNNRegressor())
    assert not takes(Ridge(), GradientBoostingRegressor())
    assert not takes(Ridge(), passthrough=True)


def test_passthrough_is_refused(data):
    with pytest.raises(InvalidInputError, match="`y` has 3"):
        StackingRegressor(LEARNERS, passthrough=True).fit(*data)


def test_missing_values_are_refused(data):
    X, y = data
    bad = y.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        StackingRegressor(LEARNERS).fit(X, bad)


@pytest.mark.slow
def test_networks_train_on_columns_as_towers(data):
    X, y = data
    learners = [("a", StackedRNNRegressor(4, epochs=2)), ("b", StackedRNNRegressor(6, epochs=2))]
    stack = StackingRegressor(learners, cv=3, random_state=0).fit(X[:, :, None], y)
    assert stack.predict(X[:5, :, None]).shape == (5, 3)
    assert stack.out_of_fold_predictions_.matrix.shape == (120, 6)
    for name, block in stack.out_of_fold_predictions_.blocks.items():
        alone = cross_val_predict(clone(stack.named_estimators_[name]), X[:, :, None], y, cv=3)
        np.testing.assert_array_equal(block, alone)


def test_shared_coefficients_are_those_of_all_columns_in_a_row(data):
    X, y = data
    Z = np.hstack([y + 1, 2 * y])  # columns of two learners
    final = ColumnwiseRegressor(LinearRegression(), share=True)
    stacked = np.column_stack([Z[:, :3].T.ravel(), Z[:, 3:].T.ravel()])
    weights = np.repeat(np.arange(1.0, 4), 40)
    one = LinearRegression().fit(stacked, y.T.ravel(), sample_weight=np.tile(weights, 3))
    expected = one.predict(stacked).reshape(3, -1).T
    np.testing.assert_allclose(final.fit(Z, y, sample_weight=weights).predict(Z), expected)
    shared = StackingRegressor(LEARNERS, final).fit(X, y)
    assert shared.final_estimator_.estimators_[0] is shared.final_estimator_.estimators_[2]
    with pytest.raises(InvalidInputError, match="got 5 columns"):
        final.fit(Z[:, :5], y)
