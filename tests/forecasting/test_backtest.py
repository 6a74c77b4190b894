"""Backtests against loops written out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from stackens import HorizonErrorDisplay, NaiveForecaster, WindowForecaster
from stackens.exceptions import InvalidInputError


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(0)
    index = pd.period_range("2001-01", periods=140, freq="M")
    steps = np.arange(140)
    X = pd.DataFrame({"past": rng.normal(size=140), "known": steps % 3}, index=index, dtype=float)
    y = 50 + 0.1 * steps + 5 * np.sin(steps * np.pi / 6) + rng.normal(size=140) + X["known"]
    return pd.Series(y, index=index), X


FORECASTER = WindowForecaster(Ridge(), 12, 4, known_future=["known"], sp=12, cv=3)


def test_rows_are_those_of_fit_update_predict_by_hand(series):
    y, X = series
    result = FORECASTER.backtest(
        y, X, initial_window=100, step_length=3, refit_every=4, coverage=0.8
    )
    own = result.rows[result.rows["model"] == "forecaster"]
    expected = []
    for k, n in enumerate(range(100, 137, 3)):
        if k % 4 == 0:
            fitted = WindowForecaster(Ridge(), 12, 4, known_future=["known"], sp=12, cv=3)
            fitted.fit(y[:n], X[:n])
        else:
            fitted.update(y[n - 3 : n], X[n - 3 : n])
        tail = X[["known"]][n : n + 4]
        frame = fitted.predict_interval(tail, coverage=0.8).droplevel([0, 1], axis=1)
        expected.append(frame.assign(y_pred=fitted.predict(tail), cutoff=y.index[n - 1]))
    expected = pd.concat(expected)
    assert own["time"].tolist() == expected.index.tolist()
    assert own["cutoff"].tolist() == expected["cutoff"].tolist()
    for column in ("y_pred", "lower", "upper"):
        np.testing.assert_allclose(own[column], expected[column], rtol=1e-12)
    assert own["step"].tolist() == [1, 2, 3, 4] * 13
    np.testing.assert_array_equal(own["y_true"], y[own["time"]])
    assert own.loc[own["refitted"], "cutoff"].nunique() == 4


def test_scores_are_the_textbook_formulas(series):
    y, X = series
    result = FORECASTER.backtest(y, X, initial_window=90, step_length=7, refit_every=3)
    for model, rows in result.rows.groupby("model"):
        mase, smape, inside = [], [], []
        for row in rows.itertuples():
            known = y[: row.cutoff].to_numpy()
            scale = np.mean(np.abs(known[12:] - known[:-12]))
            mase.append(abs(row.y_true - row.y_pred) / scale)
            smape.append(2 * abs(row.y_true - row.y_pred) / (abs(row.y_true) + abs(row.y_pred)))
            inside.append(row.lower <= row.y_true <= row.upper)
        scores = result.scores().loc[model]
        assert scores["mase"] == pytest.approx(np.mean(mase), rel=1e-12)
        assert scores["smape"] == pytest.approx(np.mean(smape), rel=1e-12)
        assert scores["coverage"] == pytest.approx(np.mean(inside), rel=1e-12)
    steps = result.by_step()
    np.testing.assert_allclose(
        steps["mase"].groupby("model", sort=False).mean(), result.scores()["mase"], rtol=1e-12
    )


def test_the_baselines_are_always_there(series):
    y, X = series
    result = FORECASTER.backtest(y, X, initial_window=120)
    models = ["forecaster", "naive", "seasonal_naive", "drift", "linear"]
    assert result.scores().index.tolist() == models
    rows = result.rows.set_index(["model", "cutoff", "step"])["y_pred"].sort_index()
    cutoff = y.index[119]
    assert rows["naive", cutoff, 4] == y.iloc[119]
    assert rows["seasonal_naive", cutoff, 4] == y.iloc[111]
    assert rows["drift", cutoff, 4] == pytest.approx(
        y.iloc[119] + 4 * (y.iloc[119] - y.iloc[0]) / 119
    )
    linear = WindowForecaster(Ridge(), 12, 4, known_future=["known"]).fit(y[:120], X[:120])
    tail = X[["known"]][120:124]
    np.testing.assert_allclose(rows["linear", cutoff], linear.predict(tail), rtol=1e-10)
    flat = WindowForecaster(Ridge(), 12, 4).backtest(y, initial_window=120)
    assert "seasonal_naive" not in flat.scores().index


def test_others_can_be_compared(series):
    y, _ = series
    other = WindowForecaster(Ridge(1e6), 12, 4, cv=None)
    scores = WindowForecaster(Ridge(), 12, 4).backtest(y, compare_with={"dull": other}).scores()
    assert scores.loc["dull", "mase"] > scores.loc["forecaster", "mase"]
    assert np.isnan(scores.loc["dull", "coverage"])


class LastValues:
    """A forecaster of somebody else: no base class, no ``update``, no intervals."""

    def __init__(self, horizon, known_future=()):
        self.horizon, self.known_future, self.calls = horizon, known_future, []

    def fit(self, y, X):
        self.last = y.iloc[-1:]
        self.calls.append((len(y), list(X)))
        return self

    def predict(self, X):
        self.calls.append(X)
        return np.repeat(self.last.to_numpy(), self.horizon)


def test_a_forecaster_of_your_own_can_be_compared(series, monkeypatch):
    y, X = series
    calls = []
    monkeypatch.setattr(LastValues, "__deepcopy__", copy_that_tells(calls), raising=False)
    others = {"own": LastValues(4), "knowing": LastValues(4, ["known"])}
    options = {"initial_window": 120, "step_length": 6, "refit_every": 2}
    rows = FORECASTER.backtest(y, X, compare_with=others, **options).rows
    naive, own = (rows[rows["model"] == name] for name in ("naive", "own"))
    np.testing.assert_array_equal(own["y_pred"], naive["y_pred"])
    np.testing.assert_array_equal(own["mase"], naive["mase"])
    assert own["lower"].isna().all()
    assert own["refitted"].all()
    assert not naive["refitted"].all()
    assert calls[0] == [(120, ["past", "known"]), None]
    (n_known, _), tail = calls[-1]
    pd.testing.assert_frame_equal(tail, X[["known"]][n_known : n_known + 4])
    assert others["own"].calls == []


def copy_that_tells(calls):
    def copy(self, memo):
        new = type(self)(self.horizon, self.known_future)
        calls.append(new.calls)
        return new

    return copy


def test_a_forecast_of_another_length_is_named(series):
    y, X = series
    wrong = LastValues(4)
    wrong.predict = lambda X: np.zeros(3)
    with pytest.raises(InvalidInputError, match=r"shape \(4, 1\) .*LastValues.* gave .* \(3,\)"):
        FORECASTER.backtest(y, X, compare_with={"wrong": wrong}, initial_window=130)


def test_several_targets_have_a_row_each(series):
    y, _ = series
    both = pd.DataFrame({"a": y, "b": 10 * y})
    rows = WindowForecaster(Ridge(), 12, 2).backtest(both, initial_window=120).rows
    assert rows["target"].tolist()[:4] == ["a", "b", "a", "b"]
    assert rows["step"].tolist()[:4] == [1, 1, 2, 2]
    wide = rows.pivot_table(index=["model", "cutoff", "step"], columns="target", values="mase")
    np.testing.assert_allclose(wide["a"], wide["b"], rtol=1e-6)


def test_nothing_of_the_caller_is_changed(series):
    y, X = series
    kept_y, kept_X = y.copy(), X.copy()
    FORECASTER.backtest(y, X, initial_window=120)
    pd.testing.assert_series_equal(y, kept_y)
    pd.testing.assert_frame_equal(X, kept_X)
    assert not hasattr(FORECASTER, "regressor_")


def test_arrays_count_their_steps(series):
    y, X = series
    options = {"initial_window": 120, "coverage": None}
    frame = FORECASTER.backtest(y, X, **options).rows
    array = (
        FORECASTER.set_params(known_future=[1]).backtest(y.to_numpy(), X.to_numpy(), **options).rows
    )
    FORECASTER.set_params(known_future=["known"])
    np.testing.assert_array_equal(array["y_pred"], frame["y_pred"])
    assert array["cutoff"].iloc[0] == 119
    assert array["lower"].isna().all()


def test_the_display_draws_what_the_table_says(series):
    y, X = series
    result = FORECASTER.backtest(y, X, initial_window=120)
    display = HorizonErrorDisplay.from_backtest(result, "smape").plot()
    lines = {line.get_label(): line.get_ydata() for line in display.ax_.get_lines()}
    table = result.by_step()["smape"]
    assert list(lines) == result.scores().index.tolist()
    for model, drawn in lines.items():
        np.testing.assert_array_equal(drawn, table[model])
    with pytest.raises(ValueError, match=r"`score` must be one of .* got 'rmse'"):
        HorizonErrorDisplay.from_backtest(result, "rmse")


def test_a_naive_forecaster_can_be_backtested_itself():
    y = np.tile([1.0, 2.0, 4.0], 30)
    scores = NaiveForecaster(3, sp=3).backtest(y + 0.01 * np.arange(90)).scores()
    assert scores.loc["forecaster", "mase"] == pytest.approx(1)
