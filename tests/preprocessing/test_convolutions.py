"""RandomConvolutions: what it learns, from which rows, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import stackens
from stackens import RandomConvolutions
from stackens.convolutions import POOLING
from stackens.exceptions import ArchiveError, InvalidInputError
from stackens.sequences import as_object_array

RNG = np.random.default_rng(0)
ALL = {"n_features": 84 * 8 * 3, "pooling": list(POOLING), "differences": True, "random_state": 0}
TABLE = RNG.normal(size=(12, 40))
ARRAY = RNG.normal(size=(12, 40, 3)).astype("float32")
RAGGED = as_object_array(RNG.normal(size=(n, 3)) for n in (1, 2, 5, 9, 30, 31, 40, 8))
KINDS = {"table": TABLE, "array": ARRAY, "ragged": RAGGED}


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_decides_all(kind):
    X = KINDS[kind]
    first, second = (RandomConvolutions(**ALL).fit(X) for _ in range(2))
    assert_array_equal(first.transform(X), second.transform(X))
    other = RandomConvolutions(**{**ALL, "random_state": 1}).fit(X)
    assert (first.biases_ != other.biases_).any()


@pytest.mark.parametrize("kind", KINDS)
def test_features_of_a_row_do_not_depend_on_other_rows(kind):
    X = KINDS[kind]
    fitted = RandomConvolutions(**ALL).fit(X)
    together = fitted.transform(X)
    assert_array_equal(together, np.vstack([fitted.transform(X[i : i + 1]) for i in range(len(X))]))
    assert_array_equal(together[::-1], fitted.transform(X[::-1]))


def test_padding_is_never_read():
    fitted = RandomConvolutions(**ALL).fit(RAGGED)
    padded = np.full((len(RAGGED), 70, 3), np.nan)
    for place, row in zip(padded, RAGGED, strict=True):
        place[: len(row)] = row
    assert_array_equal(fitted.transform(padded), fitted.transform(RAGGED))
    again = RandomConvolutions(**ALL).fit(padded)
    assert_array_equal(again.biases_, fitted.biases_)


def test_biases_are_outputs_of_training_rows():
    fitted = RandomConvolutions(84 * 20, random_state=0).fit(ARRAY[:6])
    before = fitted.biases_.copy()
    fitted.transform(ARRAY * 1000)
    assert_array_equal(fitted.biases_, before)
    # Twice as large rows have outputs twice as large: nothing but the rows is in the biases.
    twice = RandomConvolutions(84 * 20, random_state=0).fit(2 * ARRAY[:6])
    np.testing.assert_allclose(twice.biases_, 2 * before, rtol=1e-6)
    shares = fitted.transform(ARRAY[:6]).mean()
    assert 0.35 < shares < 0.65


def test_rows_that_are_held_out_change_nothing():
    X, y = np.concatenate([ARRAY, ARRAY + 1]), np.arange(24) % 2
    changed = X.copy()
    changed[18:] *= 50  # held out of the second fold, in which rows from 12 on are
    model = make_pipeline(RandomConvolutions(84, random_state=0), RidgeClassifierCV())
    found, other = (
        cross_val_predict(model, data, y, cv=KFold(2), method="decision_function")
        for data in (X, changed)
    )
    assert_array_equal(found[12:18], other[12:18])
    assert (found[:12] != other[:12]).any()


def test_the_width_is_what_was_asked_for():
    for n_features in (84 * 8, 84 * 8 * 5 - 1, 20_000):
        fitted = RandomConvolutions(**{**ALL, "n_features": n_features}).fit(ARRAY)
        width = n_features // (84 * 8) * 84 * 8
        assert fitted.transform(ARRAY).shape == (12, width)
        names = fitted.get_feature_names_out()
        assert len(set(names)) == width


def test_names_say_where_a_column_comes_from():
    fitted = RandomConvolutions(84 * 4, pooling=["mean", "proportion"], differences=True).fit(ARRAY)
    names = fitted.get_feature_names_out()
    assert names[0] == "mean_value_d1_k0_b0"
    assert names[84] == "mean_change_d1_k0_b0"
    assert names[-1] == "proportion_change_d1_k83_b0"
    frame = fitted.set_output(transform="pandas").transform(ARRAY)
    assert frame.columns.tolist() == names.tolist()


@pytest.mark.parametrize("n_timesteps", [1, 2, 3, 8, 9, 10])
@pytest.mark.parametrize("n_rows", [1, 3])
def test_short_series_and_single_rows_have_finite_features(n_timesteps, n_rows):
    X = RNG.normal(size=(n_rows, n_timesteps, 2))
    found = RandomConvolutions(**ALL).fit_transform(X)
    assert found.shape == (n_rows, 84 * 8 * 3)
    assert np.isfinite(found).all()


def test_outputs_that_are_a_bias_are_not_above_it():
    zeros = np.zeros((4, 30, 1))
    fitted = RandomConvolutions(84, random_state=0).fit(zeros)
    assert not fitted.biases_.any()
    assert not fitted.transform(zeros).any()


def test_constant_rows_are_described_alike():
    X = np.ones((4, 30, 1))
    found = RandomConvolutions(**ALL).fit_transform(X)
    assert np.isfinite(found).all()
    assert (found == found[0]).all()


def test_is_a_learner_of_a_pipeline_that_files_keep(tmp_path):
    y = np.arange(60) % 2
    X = RNG.normal(size=(60, 50, 2))
    X[y == 1] += np.sin(np.arange(50))[:, np.newaxis]
    model = make_pipeline(
        RandomConvolutions(**ALL), StandardScaler(), RidgeClassifierCV(np.logspace(-3, 3, 10))
    ).fit(X[:40], y[:40])
    assert model.score(X[40:], y[40:]) > 0.9
    stack = stackens.StackingClassifier([("kernels", model)], cv=2, random_state=0).fit(X, y)
    stackens.save(stack, tmp_path / "stack.stackens")
    back = stackens.load(tmp_path / "stack.stackens")
    assert_array_equal(back.predict_proba(X), stack.predict_proba(X))


@pytest.mark.parametrize(
    "attribute", ["orders_", "dilations_", "n_biases_", "channels_", "biases_"]
)
def test_a_file_whose_kernels_do_not_fit_is_refused(attribute):
    fitted = RandomConvolutions(**ALL).fit(ARRAY)
    fitted._check_loaded()
    setattr(fitted, attribute, getattr(fitted, attribute)[:-1])
    with pytest.raises(ArchiveError, match="do not fit"):
        fitted._check_loaded()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_features": 83}, r"`n_features` must be an integer >= 84; got 83"),
        ({"n_features": 335, "pooling": list(POOLING)}, r">= 336; got 335"),
        ({"n_features": 100, "differences": True}, r">= 168; got 100"),
        ({"n_features": 1e4}, r"`n_features` must be an integer"),
        ({"pooling": []}, r"`pooling` must be a sequence of different names"),
        ({"pooling": "mean"}, r"`pooling` must be a sequence of different names"),
        ({"pooling": ["mean", "mean"]}, r"`pooling` must be a sequence of different names"),
        ({"pooling": ["max"]}, r"`pooling` must be .*'longest_run'.*got \['max'\]"),
        ({"random_state": -1}, r"`random_state` must be"),
    ],
)
def test_wrong_parameters_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        RandomConvolutions(**options).fit(ARRAY)


def test_numbers_that_would_overflow_are_refused():
    X = ARRAY.copy()
    X[3, 4, 1] = 1e31
    with pytest.raises(InvalidInputError, match=r"within ±1e\+30.*`SequenceScaler`"):
        RandomConvolutions(84, random_state=0).fit(ARRAY).transform(X)
