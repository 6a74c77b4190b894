"""Forecasts without training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stackens import ForecastDisplay, NaiveForecaster, WindowForecaster
from stackens.exceptions import InvalidInputError, MissingExtraError


def test_strategies_do_what_they_say():
    y = np.array([1.0, 4.0, 9.0, 16.0, 25.0, 37.0])
    assert NaiveForecaster(3).fit(y).predict().tolist() == [37, 37, 37]
    assert NaiveForecaster(5, sp=3).fit(y).predict().tolist() == [16, 25, 37, 16, 25]
    drift = NaiveForecaster(2, strategy="drift").fit(y).predict()
    np.testing.assert_allclose(drift, [37 + 7.2, 37 + 14.4])


@pytest.mark.parametrize("options", [{}, {"sp": 4}, {"strategy": "drift"}])
def test_residuals_are_those_of_all_earlier_cutoffs(options):
    y = np.random.default_rng(0).normal(size=40).cumsum()
    fitted = NaiveForecaster(3, **options).fit(y)
    first = 2 if options.get("strategy") else options.get("sp", 1)
    expected = [
        y[n : n + 3] - NaiveForecaster(3, **options).fit(y[:n]).predict() for n in range(first, 38)
    ]
    np.testing.assert_allclose(fitted.residuals_[:, :, 0], expected)


@pytest.mark.parametrize("options", [{}, {"sp": 4}, {"strategy": "drift"}])
def test_updating_is_fitting_anew(options):
    y = np.random.default_rng(0).normal(size=(60, 2)).cumsum(axis=0)
    updated = NaiveForecaster(3, **options).fit(y[:40]).update(y[40:45]).update(y[45:])
    fitted = NaiveForecaster(3, **options).fit(y)
    np.testing.assert_array_equal(updated.predict(), fitted.predict())
    assert updated.cutoff == fitted.cutoff == 59
    late = NaiveForecaster(3, **options).fit(y[:40])
    n = len(late.residuals_)
    np.testing.assert_allclose(updated.residuals_[:n], fitted.residuals_[:n])
    np.testing.assert_allclose(updated.residuals_[n:], fitted.residuals_[n + 2 :])


def test_covariates_are_ignored():
    y = pd.Series(np.arange(9.0), index=pd.date_range("2024", periods=9, tz="Europe/Paris"))
    forecast = NaiveForecaster(2).fit(y, y.to_frame()).predict()
    assert forecast.index.equals(pd.date_range("2024-01-10", periods=2, tz="Europe/Paris"))
    assert NaiveForecaster(2).fit(y).predict(y.to_frame()).tolist() == [8, 8]


@pytest.mark.parametrize(
    ("index", "following"),
    [
        (pd.period_range("2020-01", periods=30, freq="M"), ["2022-07", "2022-08"]),
        (pd.period_range("2020Q1", periods=30, freq="Q"), ["2027Q3", "2027Q4"]),
        (
            pd.date_range("2024-01-31", periods=30, freq=pd.offsets.MonthEnd()),
            ["2026-07-31", "2026-08-31"],
        ),
        (pd.bdate_range("2024-01-01", periods=30), ["2024-02-12", "2024-02-13"]),
        (
            pd.DatetimeIndex([*pd.date_range("2024-03-30", periods=30, freq="h")]),
            ["2024-03-31 06:00", "2024-03-31 07:00"],
        ),
    ],
)
def test_forecasts_carry_the_times_that_follow(index, following):
    y = pd.Series(np.arange(30.0) % 7, index=index, name="sold")
    for forecaster in (NaiveForecaster(2), WindowForecaster(_ridge(), 5, 2, cv=2)):
        forecast = forecaster.fit(y[:28]).update(y[28:]).predict()
        assert [str(time) for time in forecast.index.astype(str)] == [
            str(time) for time in type(index)(following, freq=forecast.index.freq).astype(str)
        ]
        assert forecast.name == "sold"
        assert forecaster.cutoff == index[-1]


def _ridge():
    from sklearn.linear_model import Ridge

    return Ridge()


def test_the_display_draws_the_forecast_and_its_interval():
    index = pd.period_range("2020-01", periods=60, freq="M")
    frame = pd.DataFrame({"a": np.arange(60.0), "b": np.sin(np.arange(60.0))}, index=index)
    forecaster = NaiveForecaster(4, sp=6).fit(frame)
    display = ForecastDisplay.from_forecaster(forecaster, n_past=12, target="b").plot()
    known, forecast = display.ax_.get_lines()
    np.testing.assert_array_equal(known.get_ydata(), frame["b"][-12:])
    np.testing.assert_array_equal(forecast.get_ydata(), forecaster.predict()["b"])
    bounds = forecaster.predict_interval()["b"][0.9]
    np.testing.assert_array_equal(display.lower, bounds["lower"])
    assert display.ax_.get_ylabel() == "b"
    assert "90% interval" in display.ax_.get_legend_handles_labels()[1]
    again = ForecastDisplay.from_forecaster(forecaster, coverage=None).plot(display.ax_)
    assert again.figure_ is display.figure_
    with pytest.raises(InvalidInputError, match=r"`target` must be one of \['a', 'b'\]; got 'c'"):
        ForecastDisplay.from_forecaster(forecaster, target="c")


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    display = ForecastDisplay.from_forecaster(NaiveForecaster(2).fit(np.arange(30.0)))
    with pytest.raises(MissingExtraError, match=r'pip install "stackens\[plot\]"'):
        display.plot()
