"""Values that files hold beside numbers and names: times, masks, generators, distributions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from dateutil import tz
from pandas.tseries.holiday import USFederalHolidayCalendar
from sklearn.ensemble import GradientBoostingRegressor, VotingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

import stackens
from stackens import NaiveForecaster, StackingClassifier
from stackens.exceptions import InvalidInputError
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


# Every class of pandas as it comes, and options whose loss would mean other dates.
OFFSETS = [
    *(
        getattr(pd.offsets, name)()
        for name in sorted(pd.tseries.offsets.__all__)
        if name not in ("BaseOffset", "Tick")
    ),
    pd.offsets.CustomBusinessDay(holidays=["2024-02-27", "2024-03-04"]),
    pd.offsets.CustomBusinessDay(2, normalize=True, weekmask="Sun Mon Tue"),
    pd.offsets.CustomBusinessDay(calendar=USFederalHolidayCalendar()),
    pd.offsets.CustomBusinessDay(calendar=np.busdaycalendar("1010100", ["2024-03-04"])),
    pd.offsets.CustomBusinessMonthEnd(holidays=["2024-01-31"]),
    pd.offsets.BusinessHour(start=["08:00", "13:15"], end=["12:00", "17:00"]),
    pd.offsets.CustomBusinessHour(start="07:00", holidays=["2024-01-05"], weekmask="Mon Thu Fri"),
    pd.offsets.Week(2),
    pd.offsets.Week(weekday=4),
    pd.offsets.DateOffset(months=1),
    pd.offsets.DateOffset(days=3, hours=2),
    pd.offsets.FY5253(weekday=3, startingMonth=5, variation="last"),
    pd.offsets.MonthEnd(3, normalize=True),
    pd.offsets.Minute(90),
]


@pytest.mark.parametrize("offset", OFFSETS, ids=repr)
def test_every_offset_gives_the_same_dates(again, offset):
    index = pd.date_range("2024-01-01", periods=8, freq=offset)
    series = pd.Series(np.arange(float(len(index))), index)
    forecaster = NaiveForecaster(30).fit(series)
    found = again(forecaster)
    assert type(found.known_.index.freq) is type(index.freq)
    pd.testing.assert_index_equal(found.known_.index, index, exact=True)
    expected = pd.date_range(index[-1], periods=31, freq=offset)[1:]
    pd.testing.assert_index_equal(found.predict().index, expected, check_names=False)


class OwnOffset(pd.offsets.DateOffset):
    """Nothing that a file could name."""


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2024-01-01", periods=9, freq=OwnOffset(days=2)),
        pd.date_range("2024-01-01", periods=9, freq=pd.offsets.BusinessDay(offset=pd.Timedelta(1))),
        pd.date_range("2024-01-01", periods=9, freq="h", tz=tz.gettz("Europe/Paris")),
    ],
    ids=["own offset", "more than days", "a zone without a name"],
)
def test_what_would_be_other_dates_is_refused_before_it_is_written(index, tmp_path):
    forecaster = NaiveForecaster(3).fit(pd.Series(np.arange(float(len(index))), index))
    with pytest.raises(InvalidInputError, match="cannot keep an index of the frequency"):
        stackens.save(forecaster, tmp_path / "some.stackens")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n_drawn", [0, 1, 2])
def test_a_generator_goes_on_where_it_was(again, n_drawn):
    """After an odd number of normal draws it keeps the next one."""
    state = np.random.RandomState(3)
    state.normal(size=n_drawn)
    stack = StackingClassifier([("linear", LogisticRegression())], random_state=state)
    found = again(stack).random_state
    np.testing.assert_array_equal(found.normal(size=5), state.normal(size=5))


def test_a_generator_that_would_draw_without_end_is_refused(again):
    state = np.random.RandomState(3)
    state.set_state(("MT19937", np.zeros(624, np.uint32), 624, 0, 0.0))
    stack = StackingClassifier([("linear", LogisticRegression())], random_state=state)
    with pytest.raises(ValueError, match="consists of zeros"):
        again(stack)


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


def test_trees_that_share_a_random_state_share_one_again(again):
    X = np.random.default_rng(0).normal(size=(20, 2))
    two = VotingRegressor(
        [(name, GradientBoostingRegressor(n_estimators=3, random_state=0)) for name in "ab"]
    ).fit(X, X[:, 0])
    loaded = again(two)
    for made in (two, loaded):
        shared = [{id(t.random_state) for t in one.estimators_.flat} for one in made.estimators_]
        assert [len(ids) for ids in shared] == [1, 1]
        assert shared[0] != shared[1]
    random_state = loaded.estimators_[0].estimators_[0, 0].random_state
    expected = two.estimators_[0].estimators_[0, 0].random_state
    assert random_state.randint(2**31) == expected.randint(2**31)
