"""Forecasts against what they should be, computed another way."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from stackens import (
    SequenceFlattener,
    StackedRNNRegressor,
    StackingRegressor,
    WindowForecaster,
)
from stackens.exceptions import InvalidInputError
from stackens.forecasting._residuals import offsets


def noisy(n_steps=150, seed=0, n_targets=None):
    rng = np.random.default_rng(seed)
    shape = (n_steps, n_targets or 1)
    y = 30 + 3 * np.sin(np.arange(n_steps) * np.pi / 6)[:, None] + rng.normal(size=shape)
    return y if n_targets else y[:, 0]


def stack(cv=None):
    learners = [
        ("weak", make_pipeline(SequenceFlattener(), Ridge(100.0))),
        ("strong", make_pipeline(SequenceFlattener(), Ridge(1.0))),
    ]
    return StackingRegressor(learners, LinearRegression(), cv=cv)


def test_a_direct_linear_forecast_is_least_squares_on_lagged_columns():
    y, window, horizon = noisy(), 6, 3
    forecaster = WindowForecaster(LinearRegression(), window, horizon, scale=False, cv=None)
    places = range(len(y) - window - horizon + 1)
    lagged = np.array([y[k : k + window] for k in places])
    targets = np.array([y[k + window : k + window + horizon] for k in places])
    design = np.column_stack([np.ones(len(lagged)), lagged])
    weights = np.linalg.lstsq(design, targets, rcond=None)[0]
    expected = np.r_[1.0, y[-window:]] @ weights
    np.testing.assert_allclose(forecaster.fit(y).predict(), expected, rtol=1e-4)


def test_a_recursive_linear_forecast_feeds_itself():
    y, window = noisy(), 6
    one = WindowForecaster(LinearRegression(), window, 1, scale=False, cv=None).fit(y)
    forecaster = WindowForecaster(LinearRegression(), window, 4, "recursive", scale=False, cv=None)
    expected, known = [], y
    for _ in range(4):
        expected.append(one.predict()[0])
        known = np.append(known, expected[-1])
        one.update(known[-1:])
    np.testing.assert_allclose(forecaster.fit(y).predict(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"normalization": "last"},
        {"normalization": "seasonal", "sp": 4},
        {"difference": (1, 12), "transform": "log"},
    ],
)
@pytest.mark.parametrize("regressor", [Ridge(), stack()], ids=["ridge", "stack"])
def test_direct_and_recursive_agree_at_horizon_1(options, regressor):
    y, X = noisy(), noisy(seed=1, n_targets=2)
    fitted = [
        WindowForecaster(regressor, 8, 1, strategy, known_future=[1], **options).fit(y, X)
        for strategy in ("direct", "recursive")
    ]
    direct, recursive = ((f.predict(X[:1, 1]), f.predict_interval(X[:1, 1])) for f in fitted)
    np.testing.assert_array_equal(direct[0], recursive[0])
    np.testing.assert_array_equal(direct[1], recursive[1])


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize(
    "options",
    [{}, {"normalization": "last"}, {"difference": 1}, {"transform": "log", "difference": (12, 1)}],
)
def test_update_then_predict_is_the_frozen_model_on_new_windows(strategy, options):
    """The oracle has the frozen regressor and scale, and never saw the update."""
    y = noisy(170)
    forecaster = WindowForecaster(Ridge(), 12, 5, strategy, **options)
    whole = clone(forecaster).fit(y)
    part = clone(forecaster).fit(y[:140])
    whole._trained = part._trained  # windows of the whole series, weights of the part
    for start, stop in ((140, 141), (141, 160), (160, 170)):
        part.update(y[start:stop])
    np.testing.assert_array_equal(part.predict(), whole.predict())
    assert part.cutoff == whole.cutoff == 169


def test_one_update_is_many_small_ones():
    y = noisy(170)
    forecaster = WindowForecaster(Ridge(), 12, 5, step_length=3)
    at_once, slowly = clone(forecaster).fit(y[:140]), clone(forecaster).fit(y[:140])
    at_once.update(y[140:])
    for k in range(140, 170):
        slowly.update(y[k : k + 1])
    np.testing.assert_array_equal(at_once.predict(), slowly.predict())
    np.testing.assert_allclose(at_once.residuals_, slowly.residuals_, rtol=1e-6, atol=1e-8)


def test_residuals_of_an_update_are_those_of_forecasts_made_before():
    y = noisy(170)
    forecaster = WindowForecaster(Ridge(), 12, 5).fit(y[:140])
    n_before = len(forecaster.residuals_)
    promised = [forecaster.predict()]
    for k in range(140, 165):
        forecaster.update(y[k : k + 1])
        promised.append(forecaster.predict())
    actual = np.array([y[140 + k : 145 + k] for k in range(21)])
    expected = actual - np.array(promised[:21])
    np.testing.assert_allclose(forecaster.residuals_[n_before:, :, 0], expected, atol=1e-5)


@pytest.mark.parametrize(
    "options", [{"difference": 1}, {"difference": (12, 1)}, {"transform": "log"}]
)
def test_a_transformation_that_leaves_nothing_to_learn_is_inverted_exactly(options):
    steps = np.arange(120.0)
    y = {
        1: 5 + 0.5 * steps,
        (12, 1): 50 + 0.5 * steps + 3 * np.sin(steps * np.pi / 6),
        None: np.exp(0.02 * steps),
    }[options.get("difference")]
    forecaster = WindowForecaster(LinearRegression(), 12, 24, **options).fit(y[:96])
    np.testing.assert_allclose(forecaster.predict(), y[96:], rtol=1e-4)
    lower, upper = forecaster.predict_interval().T
    np.testing.assert_allclose(lower, y[96:], rtol=1e-3)
    np.testing.assert_allclose(upper, y[96:], rtol=1e-3)


def test_seasonal_normalisation_mends_the_seasonal_naive_forecast():
    season = np.array([5.0, 1.0, 8.0])
    y = np.tile(season, 20) + np.repeat(np.arange(20.0), 3)  # each season is 1 above the last one
    forecaster = WindowForecaster(Ridge(), 6, 7, normalization="seasonal", sp=3).fit(y[:45])
    np.testing.assert_allclose(forecaster.predict(), y[45:52], atol=1e-5)


def test_intervals_under_a_logarithm_are_positive():
    y = np.exp(np.random.default_rng(0).normal(size=200))
    forecaster = WindowForecaster(Ridge(), 4, 2, transform="log").fit(y)
    bounds = forecaster.predict_interval(coverage=0.9)
    assert (bounds[:, 0] > 0).all()
    assert (bounds[:, 0] < forecaster.predict()).all()
    assert (forecaster.predict() < bounds[:, 1]).all()


def test_a_covariate_known_in_advance_is_used_and_one_of_the_past_is_not():
    """The target is a covariate at the same time: known in advance, it is forecast exactly."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1))
    y = 3 * X[:, 0]
    known = WindowForecaster(LinearRegression(), 6, 4, known_future=[0]).fit(y[:180], X[:180])
    np.testing.assert_allclose(known.predict(X[180:184]), y[180:184], atol=1e-4)
    unknown = WindowForecaster(LinearRegression(), 6, 4).fit(y[:180], X[:180])
    assert np.abs(unknown.predict() - y[180:184]).max() > 0.5


def test_columns_of_an_update_may_come_in_another_order():
    index = pd.period_range("2020-01", periods=90, freq="M")
    X = pd.DataFrame(noisy(90, n_targets=3), index, ["a", "known", "b"])
    y = pd.Series(noisy(90, seed=1), index)
    forecaster = WindowForecaster(Ridge(), 8, 2, known_future=["known"])
    fits = [clone(forecaster).fit(y[:80], X[:80]) for _ in range(2)]
    fits[0].update(y[80:88], X[80:88])
    fits[1].update(y[80:88], X.loc[index[80:88], ["b", "known", "a"]])
    tail = X.loc[index[88:], ["known"]]
    np.testing.assert_array_equal(fits[0].predict(tail), fits[1].predict(tail))
    np.testing.assert_array_equal(fits[0].residuals_, fits[1].residuals_)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_several_targets_are_forecast_at_once(strategy):
    y = noisy(n_targets=2)
    y[:, 1] = 2 * y[:, 0] + 1
    frame = pd.DataFrame(y, columns=["a", "b"])
    frame.index = pd.date_range("2020-01-01", periods=len(y), freq="D")
    forecaster = WindowForecaster(Ridge(), 8, 3, strategy).fit(frame)
    forecast = forecaster.predict()
    assert list(forecast.columns) == ["a", "b"]
    np.testing.assert_allclose(forecast["b"], 2 * forecast["a"] + 1, rtol=1e-3)
    bounds = forecaster.predict_interval()
    assert bounds.columns.tolist() == [
        (t, 0.9, side) for t in ("a", "b") for side in ("lower", "upper")
    ]
    from_array = WindowForecaster(Ridge(), 8, 3, strategy).fit(y)
    np.testing.assert_allclose(from_array.predict(), forecast)
    assert from_array.predict_interval().shape == (3, 2, 2)


def test_a_regressor_of_one_column_is_cloned_for_each_step():
    y = noisy()
    one = GradientBoostingRegressor(n_estimators=5, random_state=0)
    fitted = WindowForecaster(one, 6, 3, scale=False, cv=None).fit(y)
    assert len(fitted.regressor_) == 3
    rows = np.array([y[k : k + 6] for k in range(len(y) - 8)])
    for step in range(3):
        alone = clone(one).fit(rows, y[6 + step : 6 + step + len(rows)])
        expected = alone.predict(y[None, -6:])[0]
        assert fitted.predict()[step] == pytest.approx(expected, rel=1e-12)


def test_a_pipeline_of_tables_gets_flat_windows():
    y = noisy()
    flat = WindowForecaster(make_pipeline(StandardScaler(), Ridge()), 6, 3).fit(y)
    own = make_pipeline(SequenceFlattener(), StandardScaler(), Ridge())
    np.testing.assert_array_equal(flat.predict(), WindowForecaster(own, 6, 3).fit(y).predict())


def test_a_stack_chains_forward_unless_it_has_splits_of_its_own():
    y = noisy()
    fitted = WindowForecaster(stack(), 6, 3, cv=4).fit(y)
    splits = fitted.regressor_.out_of_fold_predictions_.splits
    assert len(splits) == 4
    assert all(train.max() + 3 == test.min() for train, test in splits)
    own = WindowForecaster(stack(KFold(3)), 6, 3, cv=4).fit(y)
    splits = own.regressor_.out_of_fold_predictions_.splits
    assert next(test.min() for _, test in splits) == 0
    # Of whole stacks, chained forward; final estimators alone know nothing before the first part.
    assert len(own.residuals_) / 4 == len(fitted.residuals_) / 3


def test_the_residuals_of_a_stack_are_near_those_of_refitted_stacks():
    y = noisy(400)
    quick = WindowForecaster(stack(), 6, 3).fit(y)
    slow = WindowForecaster(make_pipeline(FunctionTransformer(), stack()), 6, 3).fit(y)
    np.testing.assert_array_equal(quick.predict(), slow.predict())
    assert len(quick.residuals_) / 4 == len(slow.residuals_) / 5
    same_windows = slow.residuals_[-len(quick.residuals_) :]
    assert quick.residuals_.shape == same_windows.shape
    assert quick.residuals_.std() == pytest.approx(same_windows.std(), rel=0.1)


@pytest.mark.parametrize(("n_steps", "n_known"), [(40, 0), (60, 4)])
def test_on_a_short_series_the_average_forecasts_what_no_final_estimator_can(n_steps, n_known):
    """The targets of 12 steps reach across the parts, which have 2 and 4 windows."""
    fitted = WindowForecaster(stack(), 6, 12, cv=5, scale=False).fit(noisy(n_steps))
    kept = fitted.regressor_.out_of_fold_predictions_
    average = np.mean(list(kept.blocks.values()), axis=0)
    residuals = kept.y - average
    assert fitted.residuals_.shape == (len(kept.y), 12, 1)
    n_average = len(kept.y) - n_known
    np.testing.assert_allclose(fitted.residuals_[:n_average, :, 0], residuals[:n_average])
    is_other = ~np.isclose(fitted.residuals_[n_average:, :, 0], residuals[n_average:]).all(axis=1)
    assert is_other.all()


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_intervals_cover_as_often_as_they_say(coverage):
    rng = np.random.default_rng(0)
    y = np.convolve(rng.normal(size=3002), [1, 0.5, 0.2], "valid")
    forecaster = WindowForecaster(Ridge(), 5, 3)
    rows = forecaster.backtest(
        y, initial_window=600, step_length=5, refit_every=200, coverage=coverage
    )
    assert rows.scores().loc["forecaster", "coverage"] == pytest.approx(coverage, abs=0.03)


def test_the_bounds_are_order_statistics_of_split_conformal_prediction():
    residuals = np.random.default_rng(0).permutation(np.arange(1.0, 20.0)).reshape(19, 1, 1)
    below, above = offsets(residuals, 0.8)  # ceil(20 * 0.9) = 18
    assert (below.item(), above.item()) == (2, 18)
    below, above = offsets(residuals, 0.9)
    assert (below.item(), above.item()) == (1, 19)
    with pytest.raises(InvalidInputError, match=r"needs 39 residuals .* there are 19"):
        offsets(residuals, 0.95)


def test_only_the_latest_residuals_can_make_the_interval():
    y = noisy(200)
    y[150:] += np.random.default_rng(1).normal(scale=20, size=50)
    forecaster = WindowForecaster(Ridge(), 6, 3, n_residuals=30).fit(y[:150])
    calm = np.diff(forecaster.predict_interval()).mean()
    forecaster.update(y[150:])
    below, above = offsets(forecaster.residuals_[-30:], 0.9)
    expected = forecaster.predict()[:, None] + np.column_stack([below[:, 0], above[:, 0]])
    np.testing.assert_allclose(forecaster.predict_interval(), expected)
    assert np.diff(forecaster.predict_interval()).mean() > 3 * calm


def test_it_is_an_estimator():
    forecaster = WindowForecaster(Ridge(2.0), 6, 3, transform="log")
    assert clone(forecaster).get_params()["regressor__alpha"] == 2.0
    y = noisy()
    fitted = clone(forecaster).fit(y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(), fitted.predict())
    np.testing.assert_array_equal(again.predict_interval(), fitted.predict_interval())
    before = y.copy()
    fitted.update(y[:3]).predict()
    np.testing.assert_array_equal(y, before)


def test_a_fit_that_fails_leaves_nothing_fitted():
    forecaster = WindowForecaster(Ridge(), 6, 3).fit(noisy())
    with pytest.raises(InvalidInputError):
        forecaster.fit(noisy(8))
    assert not hasattr(forecaster, "regressor_")
    with pytest.raises(NotFittedError):
        forecaster.predict()


LIBRARIES = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "arrow": lambda columns: pa.table(dict(columns)),
}


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_covariates_go_by_their_names_without_an_index_too(library):
    rng = np.random.default_rng(0)
    y, a, h, own = noisy(60), *rng.normal(size=(3, 66))
    known = {"a": a * 9, "h": h, "own": own}

    def frame(names, rows):
        return library({name: known[name][rows] for name in names})

    def fitted():
        forecaster = WindowForecaster(Ridge(), 6, 3, known_future=["h", "a"], cv=None)
        return forecaster.fit(y, frame(["own", "h", "a"], slice(60)))

    after, later = slice(60, 63), slice(63, 66)
    forecast = fitted().predict(frame(["h", "a"], after))
    np.testing.assert_array_equal(fitted().predict(frame(["a", "h"], after)), forecast)
    moved, same = (
        fitted().update(y[:3], frame(names, after)).predict(frame(["a", "h"], later))
        for names in (["own", "h", "a"], ["a", "own", "h"])
    )
    np.testing.assert_array_equal(moved, same)
    other = library({"a": a[after], "x": h[after]})
    with pytest.raises(InvalidInputError, match=r"\['h', 'a'\].*got \['a', 'x'\]"):
        fitted().predict(other)
    with pytest.raises(InvalidInputError, match="which `X` does not have"):
        fitted().update(y[:3], library({"a": a[after], "x": h[after], "own": own[after]}))


def test_covariates_without_names_go_by_their_places():
    y, X = noisy(60), np.random.default_rng(0).normal(size=(63, 2))
    forecaster = WindowForecaster(Ridge(), 6, 3, known_future=[0, 1], cv=None).fit(y, X[:60])
    forecast = forecaster.predict(X[60:])
    np.testing.assert_array_equal(forecaster.predict(pl.DataFrame(X[60:])), forecast)
    np.testing.assert_array_equal(forecaster.predict(X[60:].tolist()), forecast)


@pytest.mark.slow
def test_networks_stop_early_on_the_latest_windows_and_repeat_bit_for_bit():
    y = noisy(120)
    learner = StackedRNNRegressor(
        6, epochs=4, early_stopping=True, patience=2, learning_rate=0.02, batch_size=16
    )
    both = StackingRegressor(
        [("a", learner), ("b", clone(learner).set_params(cell="gru"))],
        LinearRegression(),
        random_state=0,
    )
    forecaster = WindowForecaster(both, 12, 4, normalization="last", cv=2)
    first, second = clone(forecaster).fit(y), clone(forecaster).fit(y)
    np.testing.assert_array_equal(first.predict(), second.predict())
    np.testing.assert_array_equal(
        first.predict_interval(coverage=0.5), second.predict_interval(coverage=0.5)
    )
    assert {e.validation_rows for e in first.regressor_.estimators_} == {"latest"}
    assert learner.validation_rows == "auto"  # the user's own is not changed
    assert first.predict().shape == (4,)


@pytest.mark.slow
def test_a_network_forecasts_a_wave():
    y = np.sin(np.arange(400) * np.pi / 12)
    network = StackedRNNRegressor(16, epochs=15, learning_rate=0.01, random_state=0)
    forecaster = WindowForecaster(network, 24, 12, cv=None).fit(y[:380])
    np.testing.assert_allclose(forecaster.predict(), y[380:392], atol=0.1)
