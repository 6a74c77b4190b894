"""HydraConvolutions: what it draws, what it learns from which rows, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import stackens
from stackens import HydraConvolutions
from stackens.exceptions import ArchiveError, InvalidInputError
from stackens.sequences import as_object_array

RNG = np.random.default_rng(0)
SMALL = HydraConvolutions(4, 6, random_state=0)
TABLE = RNG.normal(size=(12, 40))
ARRAY = RNG.normal(size=(12, 40, 3)).astype("float32")
RAGGED = as_object_array(RNG.normal(size=(n, 3)) for n in (1, 2, 5, 9, 30, 31, 40, 8))
KINDS = {"table": TABLE, "array": ARRAY, "ragged": RAGGED}


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_decides_all(kind):
    X = KINDS[kind]
    first, second = (clone(SMALL).fit(X) for _ in range(2))
    assert_array_equal(first.transform(X), second.transform(X))
    other = clone(SMALL).set_params(random_state=1).fit(X)
    assert (first.weights_ != other.weights_).any()


@pytest.mark.parametrize("kind", KINDS)
def test_features_of_a_row_do_not_depend_on_other_rows(kind):
    X = KINDS[kind]
    fitted = clone(SMALL).fit(X)
    together = fitted.transform(X)
    assert_array_equal(together, np.vstack([fitted.transform(X[i : i + 1]) for i in range(len(X))]))
    assert_array_equal(together[::-1], fitted.transform(X[::-1]))


def test_padding_is_never_read():
    fitted = clone(SMALL).fit(RAGGED)
    padded = np.full((len(RAGGED), 70, 3), np.nan)
    for place, row in zip(padded, RAGGED, strict=True):
        place[: len(row)] = row
    assert_array_equal(fitted.transform(padded), fitted.transform(RAGGED))
    assert_array_equal(clone(SMALL).fit(padded).dilations_, fitted.dilations_)


def test_weights_are_drawn_and_half_of_the_groups_read_differences():
    fitted = HydraConvolutions(4, 7, random_state=0).fit(ARRAY)
    assert_array_equal(fitted.dilations_, np.repeat([1, 2, 4], 7))  # 8 * 4 steps of 40
    assert_array_equal(fitted.orders_, [0, 0, 0, 0, 1, 1, 1] * 3)
    assert fitted.channels_.shape == (21, 2)
    assert set(fitted.channels_.ravel()) == {0, 1, 2}
    assert_allclose(fitted.weights_.sum(axis=2), 0, atol=1e-6)
    assert_allclose(np.abs(fitted.weights_).sum(axis=2), 1, rtol=1e-6)


@pytest.mark.parametrize(("n_channels", "n_drawn"), [(1, 1), (2, 2), (3, 2), (9, 4), (40, 8)])
def test_a_group_reads_half_of_the_channels_at_most_eight(n_channels, n_drawn):
    fitted = clone(SMALL).fit(RNG.normal(size=(2, 9, n_channels)))
    assert fitted.channels_.shape == (6, n_drawn)


def test_every_timestep_of_a_row_has_one_winner_and_one_loser():
    fitted = clone(SMALL).fit(RAGGED)
    largest, smallest = np.moveaxis(fitted.transform(RAGGED).reshape(8, -1, 2, 4), 2, 0) ** 2
    lengths = np.array([len(row) for row in RAGGED])[:, np.newaxis]
    assert_allclose(smallest.sum(axis=2), np.maximum(lengths - fitted.orders_, 1), rtol=1e-5)
    assert (largest >= 0).all()


def test_sums_grow_with_the_rows_and_counts_do_not():
    fitted = clone(SMALL).fit(ARRAY)
    before, after = (fitted.transform(X).reshape(12, -1, 2, 4) for X in (ARRAY, 4 * ARRAY))
    assert_array_equal(after[:, :, 0], 2 * before[:, :, 0])
    assert_array_equal(after[:, :, 1], before[:, :, 1])


def test_rows_that_are_held_out_change_nothing():
    lengths = [10] * 12 + [40] * 12  # dilations come from the training rows
    X = as_object_array(RNG.normal(size=(n, 2)) for n in lengths)
    y = np.arange(24) % 2
    changed = X.copy()
    changed[18:] = as_object_array(50 * RNG.normal(size=(90, 2)) for _ in range(6))
    model = make_pipeline(clone(SMALL), RidgeClassifierCV())
    found, other = (
        cross_val_predict(model, data, y, cv=KFold(2), method="decision_function")
        for data in (X, changed)
    )
    assert_array_equal(found[12:18], other[12:18])
    assert (found[:12] != other[:12]).any()


def test_names_say_where_a_column_comes_from():
    fitted = clone(SMALL).fit(ARRAY)
    names = fitted.get_feature_names_out()
    assert names[0] == "max_value_d1_g0_k0"
    assert names[4] == "min_value_d1_g0_k0"
    assert names[-1] == "min_change_d4_g5_k3"
    assert len(set(names)) == fitted.transform(ARRAY).shape[1] == 3 * 6 * 2 * 4
    frame = fitted.set_output(transform="pandas").transform(ARRAY)
    assert frame.columns.tolist() == names.tolist()


@pytest.mark.parametrize("n_timesteps", [1, 2, 8, 9, 17])
def test_short_series_have_finite_features(n_timesteps):
    X = RNG.normal(size=(1, n_timesteps, 2))
    found = clone(SMALL).fit_transform(X)
    assert found.shape == (1, (1 + n_timesteps // 17) * 6 * 2 * 4)
    assert np.isfinite(found).all()


def test_is_a_learner_of_a_pipeline_that_files_keep(tmp_path):
    y = np.arange(60) % 2
    X = RNG.normal(size=(60, 50, 2))
    X[y == 1] += np.sin(np.arange(50))[:, np.newaxis]
    model = make_pipeline(
        HydraConvolutions(n_groups=16, random_state=0),
        StandardScaler(),
        RidgeClassifierCV(np.logspace(-3, 3, 10)),
    ).fit(X[:40], y[:40])
    assert model.score(X[40:], y[40:]) > 0.9
    stack = stackens.StackingClassifier([("kernels", model)], cv=2, random_state=0).fit(X, y)
    stackens.save(stack, tmp_path / "stack.stackens")
    back = stackens.load(tmp_path / "stack.stackens")
    assert_array_equal(back.predict_proba(X), stack.predict_proba(X))


@pytest.mark.parametrize(
    ("attribute", "damage"),
    [
        ("orders_", lambda kept: kept[:-1]),
        ("dilations_", lambda kept: kept[:-1]),
        ("dilations_", lambda kept: 0 * kept),
        ("channels_", lambda kept: kept[:-1]),
        ("channels_", lambda kept: kept + 3),
        ("channels_", lambda kept: kept - 3),
        ("weights_", lambda kept: kept[:, :, :-1]),
        ("weights_", lambda kept: np.repeat(kept, 64, axis=1)),
    ],
)
def test_a_file_whose_groups_do_not_fit_is_refused(attribute, damage):
    fitted = clone(SMALL).fit(ARRAY)
    fitted._check_loaded()
    setattr(fitted, attribute, damage(getattr(fitted, attribute)))
    with pytest.raises(ArchiveError, match="do not fit"):
        fitted._check_loaded()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_kernels": 1}, r"`n_kernels` must be an integer from 2 to 255; got 1"),
        ({"n_kernels": 256}, r"`n_kernels` must be an integer from 2 to 255; got 256"),
        ({"n_groups": 0}, r"`n_groups` must be an integer >= 1; got 0"),
        ({"n_groups": 2.0}, r"`n_groups` must be an integer"),
        ({"random_state": -1}, r"`random_state` must be"),
    ],
)
def test_wrong_parameters_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        HydraConvolutions(**options).fit(ARRAY)


def test_numbers_that_would_overflow_are_refused():
    X = ARRAY.copy()
    X[3, 4, 1] = 1e31
    with pytest.raises(InvalidInputError, match=r"within ±1e\+30.*`SequenceScaler`"):
        clone(SMALL).fit(ARRAY).transform(X)
