"""Canaries: what comes after a cutoff changes nothing; leaks put in on purpose are caught."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from stackens import NaiveForecaster, SequenceFlattener, StackingRegressor, WindowForecaster
from stackens.forecasting import _backtest, _base, _window_forecaster
from stackens.forecasting._regressors import held_out_predictions

N_STEPS, CUTOFF, HORIZON = 130, 90, 4


def series():
    rng = np.random.default_rng(0)
    y = 20 + np.sin(np.arange(N_STEPS) / 3) + rng.normal(scale=0.3, size=N_STEPS).cumsum()
    return y, np.column_stack([y + rng.normal(size=N_STEPS), np.arange(N_STEPS) % 7])


def stack(**options):
    flat = [make_pipeline(SequenceFlattener(), e) for e in (Ridge(), KNeighborsRegressor(3))]
    return StackingRegressor([("line", flat[0]), ("near", flat[1])], LinearRegression(), **options)


def forecaster(regressor=None, **options):
    return WindowForecaster(
        Ridge() if regressor is None else regressor,
        **{"window": 8, "horizon": HORIZON, "known_future": [1], "sp": 7, "cv": 3, **options},
    )


def changed_after(y, X, cutoff):
    """The same up to the cutoff; later the past-only covariate and the target are others."""
    y, X = y.copy(), X.copy()
    y[cutoff:] = y[cutoff:] ** 2
    X[cutoff:, 0] = -100 - X[cutoff:, 0]
    return y, X


def outcome(model, y, X, cutoff):
    """Whatever a backtest gives up to a cutoff."""
    result = model.backtest(
        y, X, initial_window=70, step_length=5, refit_every=2, coverage=0.8
    ).rows
    columns = ["model", "cutoff", "step", "y_pred", "lower", "upper"]
    return result.loc[result["cutoff"] < cutoff, columns].reset_index(drop=True)


def is_sound(model, cutoff=CUTOFF):
    y, X = series()
    honest, other = (
        outcome(model, y, X, cutoff),
        outcome(model, *changed_after(y, X, cutoff), cutoff),
    )
    assert len(honest) == len(other) > 50
    return honest.equals(other)


MODELS = [
    pytest.param(forecaster(), id="direct"),
    pytest.param(forecaster(normalization="last", step_length=3), id="last"),
    pytest.param(forecaster(normalization="seasonal", transform="log"), id="seasonal"),
    pytest.param(forecaster(difference=(1, 7)), id="difference"),
    pytest.param(forecaster(stack()), id="stack"),
    pytest.param(forecaster(KNeighborsRegressor(3), scale=False), id="neighbours"),
    pytest.param(NaiveForecaster(HORIZON, sp=7), id="naive"),
    pytest.param(NaiveForecaster(HORIZON, strategy="drift"), id="drift"),
]


@pytest.mark.parametrize("model", MODELS)
def test_what_comes_after_a_cutoff_changes_nothing_before_it(model):
    assert is_sound(model)


def test_the_recursive_strategy_is_sound():
    y, X = series()
    model = forecaster(strategy="recursive", known_future=[0])
    other_y, _ = changed_after(y, X, CUTOFF)
    honest = outcome(model, y, X[:, 1:], CUTOFF)
    assert len(honest) > 50
    assert honest.equals(outcome(model, other_y, X[:, 1:], CUTOFF))


# ---- inside the training part ------------------------------------------------------------------


def assert_residuals_do_not_know_the_future(model):
    """Fitted on the whole series: what comes later is in no residual of earlier targets."""
    y, X = series()
    one, other = (clone(model).fit(*data) for data in ((y, X), changed_after(y, X, CUTOFF)))
    cutoffs = np.asarray(one._training_cutoffs(one._history))[-len(one.residuals_) :]
    is_early = cutoffs + HORIZON < CUTOFF
    assert 0 < is_early.sum() < len(is_early)
    np.testing.assert_allclose(one.residuals_[is_early], other.residuals_[is_early], atol=1e-9)
    assert (np.abs(one.residuals_ - other.residuals_)[~is_early] > 1e-3).any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"normalization": "last"},
        {"transform": "log"},
        {"difference": (1, 7)},
        {"regressor": stack()},
    ],
)
def test_no_residual_knows_the_future(options):
    assert_residuals_do_not_know_the_future(forecaster(cv=5, **options))


def test_the_canary_sings_when_residuals_are_those_of_a_model_of_all_windows(monkeypatch):
    honest = WindowForecaster._fit_windows

    def leaky(self, history, cutoffs):
        return vars(self).get("_trained") or honest(self, history, cutoffs)

    monkeypatch.setattr(WindowForecaster, "_fit_windows", leaky)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_residuals_do_not_know_the_future(forecaster(cv=5))


def scales(regressor):
    """Of two series that differ from the first held-out window on."""
    y, X = series()
    model = forecaster(regressor)
    one = clone(model).fit(y, X)
    cutoffs = one._training_cutoffs(one._history)
    first_held_out = cutoffs[int(next(one._chain(cutoffs).split(cutoffs))[1][0])]
    other = clone(model).fit(*changed_after(y, X, first_held_out + 1))
    return [np.concatenate(list(vars(fitted._trained.scale).values())) for fitted in (one, other)]


def test_the_folds_of_a_stack_share_a_scale_that_knows_no_held_out_window():
    np.testing.assert_array_equal(*scales(stack()))


def test_the_canary_sings_when_the_scale_is_that_of_all_windows():
    """A regressor without folds may have it."""
    with pytest.raises(AssertionError, match="not equal"):
        np.testing.assert_array_equal(*scales(Ridge()))


@pytest.mark.parametrize("gap", [0, 3])
def test_residuals_of_a_stack_are_of_final_estimators_that_knew_earlier_parts_alone(gap):
    """Against a loop over parts; the nearest neighbour of a row that was seen is that row."""
    rng = np.random.default_rng(0)
    X, y, parts = rng.normal(size=(60, 2)), rng.normal(size=60), np.arange(20, 60).reshape(4, 10)
    learners = [("line", Ridge()), ("near", KNeighborsRegressor(3))]
    splits = [(np.arange(part[0] - gap), part) for part in parts]
    stack = StackingRegressor(learners, KNeighborsRegressor(1), cv=splits).fit(X, y)
    matrix = stack.out_of_fold_predictions_.matrix
    expected = []
    for part in parts[1:]:
        known = np.arange(20, part[0] - gap)
        final = KNeighborsRegressor(1).fit(matrix[known - 20], y[known])
        expected.extend(final.predict(matrix[part - 20]))
    rows, found = held_out_predictions([stack])
    np.testing.assert_array_equal(rows, np.arange(30, 60))
    np.testing.assert_array_equal(found[:, 0], expected)
    assert (np.abs(stack.final_estimator_.predict(matrix) - y[20:]) < 1e-12).all()  # could cheat


def test_residuals_of_a_stack_are_of_whoever_predicts():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = X[:, 0] + rng.normal(scale=0.1, size=60)
    splits = [(np.arange(k), np.arange(k, k + 10)) for k in (20, 30, 40, 50)]
    learners = [("line", Ridge()), ("near", KNeighborsRegressor(3))]
    final = DummyRegressor(strategy="constant", constant=100.0)
    stack = StackingRegressor(learners, final, cv=splits, fallback="best").fit(X, y)
    assert stack.predicts_with_ == "line"
    rows, found = held_out_predictions([stack])
    np.testing.assert_array_equal(rows, np.arange(20, 60))  # nothing is fitted: the first part, too
    np.testing.assert_array_equal(found, stack.out_of_fold_predictions_.blocks["line"])


@pytest.mark.parametrize("regressor", [Ridge(), stack()], ids=["ridge", "stack"])
@pytest.mark.parametrize("step_length", [1, 3])
def test_held_out_windows_are_forecast_from_what_came_before_them(regressor, step_length):
    """The first held-out part, whatever comes after the last step that its models may know."""
    y, _ = series()
    model = forecaster(regressor, known_future=[], step_length=step_length)
    first = clone(model).fit(y)
    cutoffs = first._training_cutoffs(first._history)
    train, test = next(first._chain(cutoffs).split(cutoffs))
    last_known = cutoffs[int(test[0])]
    assert cutoffs[int(train[-1])] + HORIZON <= last_known
    changed = y.copy()
    changed[last_known + 1 :] += 50
    other = clone(model).fit(changed)
    if regressor.__class__ is Ridge:  # the models of the part, seen by their forecasts
        np.testing.assert_allclose(
            y[last_known + 1 :][:HORIZON] - first.residuals_[0, :, 0],
            changed[last_known + 1 :][:HORIZON] - other.residuals_[0, :, 0],
            atol=1e-9,
        )
    else:
        for name, block in first.regressor_.out_of_fold_predictions_.blocks.items():
            theirs = other.regressor_.out_of_fold_predictions_.blocks[name]
            np.testing.assert_array_equal(block[0], theirs[0])
            assert not np.array_equal(block[-1], theirs[-1])


def test_no_target_of_a_training_window_reaches_into_the_held_out_part():
    y, _ = series()
    for step_length in (1, 2, 3, 5):
        fitted = forecaster(stack(), known_future=[], step_length=step_length).fit(y)
        cutoffs = np.asarray(fitted._training_cutoffs(fitted._history))
        for train, test in fitted.regressor_.out_of_fold_predictions_.splits:
            assert (cutoffs[train] + HORIZON).max() <= cutoffs[test].min()


class Spy(RegressorMixin, BaseEstimator):
    """Keeps the rows that it sees, in the order in which it sees them."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y):
        type(self).seen.append((X.copy(), y.copy()))
        self.mean_ = y.mean(axis=0)
        return self

    def predict(self, X):
        return np.tile(self.mean_, (len(X), 1))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        return tags


def test_rows_are_the_windows_that_they_should_be():
    """Against indices written out by hand: channels, shift of the known future, targets."""
    y, X = np.arange(40.0), np.column_stack([100 + np.arange(40.0), 200 + np.arange(40.0)])
    Spy.seen.clear()
    forecaster(Spy(), window=5, horizon=3, scale=False, cv=None).fit(y, X)
    ((rows, targets),) = Spy.seen
    assert rows.shape == (40 - 5 - 3 + 1, 5, 4)
    for k, (row, target) in enumerate(zip(rows, targets, strict=True)):
        steps = np.arange(k, k + 5)
        np.testing.assert_array_equal(row[:, 0], steps)
        np.testing.assert_array_equal(row[:, 1], 100 + steps)  # known in the past
        np.testing.assert_array_equal(row[:, 2], 200 + steps)
        np.testing.assert_array_equal(row[:, 3], 200 + steps + 3)  # known in advance
        np.testing.assert_array_equal(target, np.arange(k + 5, k + 8))


# ---- leaks put in on purpose -------------------------------------------------------------------


def leak_scale(monkeypatch):
    """Every model scales by the whole series: the classic mistake."""
    histories = []
    honest = WindowForecaster._fit_windows
    run = _backtest._run

    def remember(model, history, *args):
        histories.append(history)
        return run(model, history, *args)

    def leaky(self, history, cutoffs):
        trained = honest(self, history, cutoffs)
        whole = histories[-1].y
        scale = _window_forecaster.WindowScale(
            trained.scale.input_center,
            trained.scale.input_scale,
            trained.scale.target_center,
            np.full_like(trained.scale.target_scale, whole.std()),
        )
        return _window_forecaster.TrainedRegressors(trained.regressors, scale, trained.dtype)

    monkeypatch.setattr(_backtest, "_run", remember)
    monkeypatch.setattr(WindowForecaster, "_fit_windows", leaky)


def leak_cutoff(monkeypatch):
    """Training goes one step past the cutoff."""
    head = _backtest.History.head
    monkeypatch.setattr(_backtest.History, "head", lambda self, n: head(self, n + 1))


def leak_covariate(monkeypatch):
    """A covariate that is known only in the past is read as if it were known in advance."""
    honest = _backtest.read_history

    def leaky(y, X, known_future):
        return honest(y, X, [0] if known_future else ())

    for module in (_backtest, _base):
        monkeypatch.setattr(module, "read_history", leaky)


def leak_residuals(monkeypatch):
    """Updating takes residuals of forecasts whose targets have not come yet."""
    full = {}
    run, move = _backtest._run, WindowForecaster._move_to

    def remember(model, history, *args):
        full["history"] = history
        return run(model, history, *args)

    def leaky(self, history):
        move(self, full["history"])
        self._history = history

    monkeypatch.setattr(_backtest, "_run", remember)
    monkeypatch.setattr(WindowForecaster, "_move_to", leaky)


@pytest.mark.parametrize("leak", [leak_scale, leak_cutoff, leak_covariate, leak_residuals])
def test_a_leak_put_in_on_purpose_is_caught(monkeypatch, leak):
    model = forecaster()
    assert is_sound(model)
    leak(monkeypatch)
    assert not is_sound(model)
