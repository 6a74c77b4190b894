"""Weights that are not negative and sum to 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from stackens import ColumnwiseRegressor, WeightedAverageRegressor
from stackens.exceptions import InvalidInputError


@parametrize_with_checks(
    [
        WeightedAverageRegressor(),
        ColumnwiseRegressor(Ridge()),
        ColumnwiseRegressor(WeightedAverageRegressor()),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shrinkage=st.sampled_from([0.0, 0.1, 1.0]))
def test_weights_are_those_of_a_general_optimiser(seed, shrinkage):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=40)
    X = y[:, None] * rng.uniform(0, 1.5, 3) + rng.normal(size=(40, 3))
    spread = ((X - X.mean(axis=1, keepdims=True)) ** 2).sum() / 3

    def loss(w):
        return ((X @ w - y) ** 2).sum() + shrinkage * spread * ((w - 1 / 3) ** 2).sum()

    best = minimize(
        loss,
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    weights = WeightedAverageRegressor(shrinkage).fit(X, y).weights_
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert loss(weights) <= best.fun * (1 + 1e-5)


def test_much_shrinkage_is_the_plain_average():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    np.testing.assert_allclose(WeightedAverageRegressor(1e6).fit(X, y).weights_, 0.25, atol=1e-3)


def test_equal_columns_share_the_weight():
    y = np.arange(10.0)
    weights = WeightedAverageRegressor().fit(np.column_stack([y, y]), y).weights_
    assert weights.sum() == pytest.approx(1)


def test_negative_shrinkage_is_refused():
    with pytest.raises(InvalidInputError, match="`shrinkage` must be >= 0; got -1"):
        WeightedAverageRegressor(-1).fit([[1.0, 2.0]], [1.0])
