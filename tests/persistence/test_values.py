"""Values that files hold beside numbers and names: times, masks, generators, distributions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.linear_model import LogisticRegression, Ridge

import stackens
from stackens import NaiveForecaster, StackingClassifier
from stackens.model_selection import GridSearchCV, RandomizedSearchCV


@pytest.fixture
def again(tmp_path):
    """Save an estimator, and load it."""

    def save_and_load(estimator):
        stackens.save(estimator, tmp_path / "some.stackens")
        return stackens.load(tmp_path / "some.stackens")

    return save_and_load


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Paris"),  # a day of 23 hours
        pd.date_range("2024-01-01", periods=60, freq="15min", tz="Asia/Kolkata", unit="s"),
        pd.date_range("2024-01-31", periods=60, freq=pd.offsets.MonthEnd()),
        pd.date_range("2024-01-01", periods=60, freq="W-WED", name="weeks"),
        pd.period_range("2020Q1", periods=60, freq="Q"),
    ],
    ids=lambda index: f"{index.freqstr} {getattr(index, 'tz', None)}",
)
def test_times_are_the_same_times(again, index):
    forecaster = NaiveForecaster(3).fit(pd.Series(np.arange(60.0), index))
    found = again(forecaster)
    pd.testing.assert_index_equal(found.known_.index, index)
    assert found.known_.index.freq == index.freq
    pd.testing.assert_series_equal(found.predict(), forecaster.predict())


@pytest.mark.parametrize("n_drawn", [0, 1, 2])
def test_a_generator_goes_on_where_it_was(again, n_drawn):
    """After an odd number of normal draws it keeps the next one."""
    state = np.random.RandomState(3)
    state.normal(size=n_drawn)
    stack = StackingClassifier([("linear", LogisticRegression())], random_state=state)
    found = again(stack).random_state
    np.testing.assert_array_equal(found.normal(size=5), state.normal(size=5))


def test_results_that_are_masked_stay_masked(again):
    X = np.random.default_rng(0).normal(size=(30, 3))
    grid = [{"alpha": [0.1, 1.0]}, {"fit_intercept": [False]}]
    search = GridSearchCV(Ridge(), grid, cv=2).fit(X, X[:, 0])
    found = again(search).cv_results_
    for name, is_masked in (
        ("param_alpha", [False, False, True]),
        ("param_fit_intercept", [True, True, False]),
    ):
        expected = search.cv_results_[name]
        assert np.ma.getmaskarray(found[name]).tolist() == is_masked
        assert np.ma.getmaskarray(expected).tolist() == is_masked
        assert found[name].compressed().tolist() == expected.compressed().tolist()


@pytest.mark.parametrize(
    "distribution",
    [
        scipy.stats.loguniform(1e-3, 1e-1),
        scipy.stats.loguniform(a=1e-3, b=1e-1),
        scipy.stats.uniform(2, scale=5),
        scipy.stats.norm(loc=3.0, scale=0.5),
        scipy.stats.randint(low=2, high=9),
    ],
    ids=lambda one: f"{one.dist.name}-{len(one.args)}-{'-'.join(one.kwds)}",
)
def test_distributions_draw_the_same(again, distribution):
    search = RandomizedSearchCV(Ridge(), {"alpha": distribution}, random_state=0)
    found = again(search).param_distributions["alpha"]
    expected = distribution.rvs(20, random_state=0)
    np.testing.assert_array_equal(found.rvs(20, random_state=0), expected)
