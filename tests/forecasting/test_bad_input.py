"""One clear error for each kind of input that cannot be used, before anything is trained."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from stackens import NaiveForecaster, StackingRegressor, WindowForecaster
from stackens.exceptions import InvalidInputError


class Untrainable(Ridge):
    def fit(self, X, y):
        raise AssertionError("trained")


def make(**options):
    return WindowForecaster(Untrainable(), **{"window": 6, "horizon": 3, **options})


def daily(n=60, start="2024-01-01", freq="D"):
    return pd.Series(np.arange(float(n)), index=pd.date_range(start, periods=n, freq=freq))


@pytest.mark.parametrize("freq", ["D", "h", "MS", "W"])
def test_a_gap_is_named(freq):
    y = daily(freq=freq)
    gone = str(y.index[30])
    with pytest.raises(InvalidInputError, match=rf"gap.*{gone} are missing"):
        make().fit(y.drop(y.index[30]))


def test_a_gap_of_periods_is_named():
    y = daily(freq="MS").to_period("M")
    with pytest.raises(InvalidInputError, match=r"gap.* 2025-02, 2025-03 are missing"):
        make().fit(y.drop(y.index[[13, 14]]))


def test_duplicate_timestamps_are_named():
    y = daily()
    with pytest.raises(InvalidInputError, match=r"duplicate timestamps: 2024-01-06 .*Keep one"):
        make().fit(pd.concat([y[:6], y[5:]]))


def test_times_out_of_order_are_refused():
    with pytest.raises(InvalidInputError, match="must increase; sort"):
        make().fit(daily()[::-1])


def test_missing_times_are_refused():
    y = daily()
    y.index = y.index.where(np.arange(60) != 4)
    with pytest.raises(InvalidInputError, match="holds NaT"):
        make().fit(y)


def test_a_frequency_that_changes_is_refused():
    y = pd.concat([daily(30, freq="h"), daily(30, start="2024-02-01")])
    with pytest.raises(InvalidInputError, match=r"frequency of `y` changes from '[hH]' to 'D'"):
        make().fit(y)


def test_times_without_a_frequency_are_refused():
    times = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(40) ** 2, "min")
    with pytest.raises(InvalidInputError, match=r"frequency .* cannot be found .*asfreq"):
        make().fit(pd.Series(np.arange(40.0), index=times))


def test_an_index_that_is_no_time_is_refused():
    with pytest.raises(InvalidInputError, match=r"got RangeIndex.*to_numpy"):
        make().fit(pd.Series(np.arange(60.0)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_missing_are_named(bad):
    y = daily()
    y.iloc[7] = bad
    with pytest.raises(
        InvalidInputError, match=r"`y` has NaN or infinity at 2024-01-08 .*1 in all"
    ):
        make().fit(y)
    with pytest.raises(InvalidInputError, match="at 7 "):
        make().fit(y.to_numpy())
    X = pd.DataFrame({"a": 0.0, "b": y})
    with pytest.raises(InvalidInputError, match="`X` has NaN or infinity in column 'b' at 2024"):
        make().fit(daily(), X)


def test_a_window_longer_than_the_history_is_refused():
    with pytest.raises(InvalidInputError, match=r"`window`=6 .* at least 10 steps; it has 9"):
        make().fit(np.arange(9.0))
    with pytest.raises(InvalidInputError, match=r"differences over 13 steps.* 23 steps; it has 20"):
        make(difference=(1, 12)).fit(np.arange(20.0))
    with pytest.raises(InvalidInputError, match=r"`cv`=5 needs more than the 7 windows"):
        make().fit(np.arange(15.0))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"window": 0}, "`window` must be an integer >= 1; got 0"),
        ({"horizon": 1.5}, "`horizon` must be an integer >= 1; got 1.5"),
        ({"strategy": "both"}, r"`strategy` must be one of \['direct', 'recursive'\]; got 'both'"),
        ({"normalization": "first"}, "`normalization` must be one of"),
        ({"transform": "exp"}, "`transform` must be one of"),
        ({"normalization": "seasonal", "sp": 7}, "`window`=6 is below `sp`=7"),
        ({"difference": 0}, "`difference` must be an integer >= 1; got 0"),
        ({"n_residuals": 0}, "`n_residuals` must be an integer >= 1; got 0"),
        ({"cv": 1}, "`cv` must be an integer >= 2; got 1"),
        ({"regressor": LogisticRegression()}, "`regressor` must be a regressor; got Logistic"),
        ({"regressor": "ridge"}, "`regressor` must be a regressor; got 'ridge'"),
    ],
)
def test_parameters_are_checked(options, text):
    with pytest.raises(InvalidInputError, match=text):
        make().set_params(**options).fit(np.arange(60.0))


@pytest.mark.parametrize(
    ("transform", "values", "text"),
    [("log", "above 0", "0 at 0"), ("log1p", "above -1", "-1 at 0"), ("sqrt", "from 0 on", "-1 ")],
)
def test_values_without_a_transform_are_named(transform, values, text):
    y = np.arange(60.0) - (transform != "log")
    with pytest.raises(InvalidInputError, match=f"needs values {values}; `y` is {text}"):
        make(transform=transform).fit(y)


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (np.zeros((5, 5, 5)), "must be 1-D, or 2-D .* got 3 dimensions"),
        (np.array(["a"] * 60), "`y` must be numeric"),
        ([], "at least one row"),
        (pd.DataFrame(np.zeros((60, 2)), daily().index, ["a", "a"]), "columns of the same name"),
    ],
)
def test_series_of_another_kind_are_refused(y, text):
    with pytest.raises(InvalidInputError, match=text):
        make().fit(y)


# ---- covariates --------------------------------------------------------------------------------


def covariates(y):
    steps = np.arange(float(len(y)))
    return pd.DataFrame({"load": steps, "holiday": steps % 7}, index=y.index)


@pytest.fixture
def fitted():
    y = daily()
    return WindowForecaster(Ridge(), 6, 3, known_future=["holiday"]).fit(y, covariates(y))


def future(start="2024-03-01", n=3):
    return pd.DataFrame({"holiday": 1.0}, index=pd.date_range(start, periods=n))


@pytest.mark.parametrize(
    ("X", "text"),
    [
        (None, r"The covariates \['holiday'\] are in `known_future`.* the 3 steps after"),
        (future(n=2), "one row for each of the 3 steps to forecast; got 2"),
        (future(n=4), "one row for each of the 3 steps to forecast; got 4"),
        (future("2024-03-02"), "must have the times 2024-03-01 .*got 2024-03-02"),
        (future().to_numpy(), "`X` must have the covariates"),
        (future().assign(load=1.0), r"no others after the cutoff; got \['holiday', 'load'\]"),
        (future().rename(columns={"holiday": "load"}), r"got \['load'\]"),
        (future() * np.nan, "NaN or infinity at 2024-03-01"),
    ],
)
def test_future_covariates_are_checked(fitted, X, text):
    for method in (fitted.predict, fitted.predict_interval):
        with pytest.raises(InvalidInputError, match=text):
            method(X)


def test_future_covariates_of_an_array_are_counted():
    y = np.arange(60.0)
    forecaster = WindowForecaster(Ridge(), 6, 3, known_future=[1]).fit(y, np.column_stack([y, y]))
    assert forecaster.predict(np.ones((3, 1))).shape == (3,)
    assert forecaster.predict(np.ones(3)).shape == (3,)
    with pytest.raises(InvalidInputError, match=r"and no others after the cutoff; got \[0, 1\]"):
        forecaster.predict(np.ones((3, 2)))


def test_covariates_nobody_knows_in_advance_are_refused_after_the_cutoff():
    y = daily()
    forecaster = WindowForecaster(Ridge(), 6, 3).fit(y, covariates(y))
    with pytest.raises(InvalidInputError, match="`predict` takes no `X`"):
        forecaster.predict(future())


def test_the_recursive_strategy_refuses_covariates_of_the_past():
    y = daily()
    with pytest.raises(InvalidInputError, match=r"\['load'\] after the cutoff, where they are not"):
        make(strategy="recursive", known_future=["holiday"]).fit(y, covariates(y))


def test_the_window_must_hold_the_future_covariates():
    y = daily()
    with pytest.raises(InvalidInputError, match="`window`=2 and `horizon`=3"):
        make(window=2, known_future=["holiday"]).fit(y, covariates(y))


def test_covariates_must_be_those_that_are_named():
    y = daily()
    with pytest.raises(InvalidInputError, match=r"names \['price'\], .* are \['load', 'holiday'\]"):
        make(known_future=["price"]).fit(y, covariates(y))
    with pytest.raises(InvalidInputError, match=r"a row for each of the 60 rows .* got 59"):
        make().fit(y, covariates(y)[1:])
    with pytest.raises(InvalidInputError, match="with the index of `y`"):
        make().fit(y, covariates(y).to_numpy())
    with pytest.raises(InvalidInputError, match="with the index of `y`"):
        make().fit(y, covariates(y).shift(freq="D"))


# ---- updates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (daily(3, "2024-03-02"), "gap.*2024-03-01 00:00:00 are missing"),
        (daily(3, "2024-02-29"), "starts at 2024-02-29 .* not after the cutoff 2024-02-29"),
        (daily(3, "2024-03-01", "h"), r"frequency of `y` is '[hH]', that of the fitted series 'D'"),
        (daily(3, "2024-03-01 12:00"), "not on the frequency 'D': 2024-03-01 12:00:00"),
        (daily(3, "2024-03-01").to_period(), "must have a DatetimeIndex.* got PeriodIndex"),
        (daily(3, "2024-03-01").to_numpy(), "must be a pandas object"),
        (daily(3, "2024-03-01") * np.nan, "NaN or infinity at 2024-03-01"),
        (
            daily(3, "2024-03-01", "D").tz_localize("UTC"),
            "time zone UTC, the fitted series in None",
        ),
        (daily(0, "2024-03-01"), "at least one row"),
    ],
)
def test_updates_must_follow(fitted, y, text):
    X = covariates(y) if hasattr(y, "index") else np.zeros((3, 2))
    before = fitted.cutoff
    with pytest.raises(InvalidInputError, match=text):
        fitted.update(y, X)
    assert fitted.cutoff == before


def test_updates_must_have_the_same_columns(fitted):
    y = daily(3, "2024-03-01")
    with pytest.raises(InvalidInputError, match=r"`known_future` names \['holiday'\]"):
        fitted.update(y)
    with pytest.raises(InvalidInputError, match=r"covariates \['holiday', 'load'\].*\['holiday'\]"):
        fitted.update(y, covariates(y)[["holiday"]])
    with pytest.raises(InvalidInputError, match=r"`y` must have the targets"):
        fitted.update(y.rename("other"), covariates(y))


# ---- intervals and backtests -------------------------------------------------------------------


@pytest.mark.parametrize("coverage", [0, 1, 90, "0.9", None])
def test_the_coverage_is_a_share(fitted, coverage):
    with pytest.raises(InvalidInputError, match="`coverage` must be between 0 and 1"):
        fitted.predict_interval(future(), coverage)


def test_intervals_need_residuals():
    forecaster = WindowForecaster(Ridge(), 6, 3, cv=None).fit(np.arange(60.0))
    with pytest.raises(InvalidInputError, match="Intervals need residuals, which `cv=None`"):
        forecaster.predict_interval()
    with pytest.raises(InvalidInputError, match="Intervals need residuals"):
        make(cv=None).backtest(np.arange(60.0))
    few = WindowForecaster(Ridge(), 6, 3).fit(np.arange(40.0) % 7)
    with pytest.raises(InvalidInputError, match=r"`coverage`=0.99 needs 199 residuals .* are 15"):
        few.predict_interval(coverage=0.99)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"initial_window": 58}, "need 61 steps; `y` has 60"),
        ({"initial_window": 1}, "`initial_window` must be an integer >= 2"),
        ({"initial_window": 7, "sp": 12}, "above the seasonal period `sp`=12"),
        ({"step_length": 0}, "`step_length` must be"),
        ({"refit_every": 0}, "`refit_every` must be"),
        ({"coverage": 2}, "`coverage` must be"),
        ({"compare_with": {"naive": NaiveForecaster(3)}}, r"uses the names \['naive'\]"),
        ({"compare_with": {"other": NaiveForecaster(4)}}, "forecasters of `horizon`=3; 'other'"),
        ({"compare_with": {"other": Ridge()}}, "'other' is Ridge"),
    ],
)
def test_backtests_are_checked_before_anything_is_trained(options, text):
    options = dict(options)
    with pytest.raises(InvalidInputError, match=text):
        make(sp=options.pop("sp", 1)).backtest(np.arange(60.0), **options)


def test_a_naive_forecaster_needs_a_season():
    with pytest.raises(InvalidInputError, match=r"`sp`=12 needs at least 12 steps; `y` has 11"):
        NaiveForecaster(3, sp=12).fit(np.arange(11.0))
    with pytest.raises(InvalidInputError, match="`strategy` must be one of"):
        NaiveForecaster(3, strategy="mean").fit(np.arange(11.0))


def test_a_stack_of_tables_alone_gets_flat_windows():
    stack = StackingRegressor([("ridge", Ridge())])
    assert WindowForecaster(stack, 6, 3).fit(np.arange(60.0) % 7).predict().shape == (3,)


@pytest.mark.parametrize("forecaster", [make(), NaiveForecaster()], ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("y", [[[1.0, 2.0], [1.0]] * 5, [1.0, None, [2.0]]])
def test_rows_of_different_lengths_are_refused(forecaster, y):
    with pytest.raises(InvalidInputError, match="must be 1-D or 2-D"):
        forecaster.fit(y)


DATES = [dt.date(2024, 1, 1) + dt.timedelta(k) for k in range(60)]
TIMES = {
    "polars": pl.DataFrame({"date": DATES, "value": np.arange(60.0)}),
    "pandas": pd.DataFrame({"date": pd.to_datetime(DATES), "value": np.arange(60.0)}),
    "array": np.array(DATES, "datetime64[D]"),
    "objects": np.array(DATES, object),
    "arrow": pa.table({"date": DATES}),
}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_times_are_neither_targets_nor_covariates(times):
    y = np.arange(60.0)
    with pytest.raises(InvalidInputError, match=r"`X` holds times, such as 2024-01-01.*index"):
        make().fit(y, times)
    if isinstance(times, pd.DataFrame):
        times = times.set_index(pd.DatetimeIndex(times["date"]))
    with pytest.raises(InvalidInputError, match=r"`y` holds times, such as 2024-01-01.*index"):
        make().fit(times)
