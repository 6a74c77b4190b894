"""SequenceScaler against scikit-learn's scalers on the timesteps that are no padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from stackens import SequenceScaler
from stackens.exceptions import InvalidInputError

ORACLES = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}
each_method = pytest.mark.parametrize("method", ORACLES)


def sequences(n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(3, [1, 20][:n_features], size=(n, n_features)) for n in (5, 2, 9, 1)]


@each_method
def test_agrees_with_scikit_learn_on_all_timesteps(method):
    X, other = sequences(), sequences(seed=1)
    oracle = ORACLES[method]().fit(np.vstack(X))
    scaled = SequenceScaler(method).fit(X).transform(other)
    for ours, values in zip(scaled, other, strict=True):
        np.testing.assert_allclose(ours, oracle.transform(values), rtol=1e-12, atol=1e-12)


@each_method
def test_a_table_has_one_channel(method):
    X = np.random.default_rng(0).normal(size=(6, 4))
    expected = ORACLES[method]().fit_transform(X.reshape(-1, 1)).reshape(6, 4)
    np.testing.assert_allclose(SequenceScaler(method).fit_transform(X), expected, atol=1e-12)


@each_method
@given(shift=st.floats(-1e6, 1e6), scale=st.floats(1e-3, 1e3))
def test_inverse_transform_undoes_transform(method, shift, scale):
    X = [values * scale + shift for values in sequences()]
    scaler = SequenceScaler(method).fit(X)
    for back, values in zip(scaler.inverse_transform(scaler.transform(X)), X, strict=True):
        np.testing.assert_allclose(back, values, rtol=1e-9, atol=1e-9 * scale)


@each_method
@given(X=arrays(np.float64, (3, 4, 2), elements=st.sampled_from([0.1, 1e8, -7.3])))
def test_a_constant_channel_stays_finite(method, X):
    X[:, :, 0] = 1e5 + 0.1
    scaled = SequenceScaler(method).fit_transform(X)
    assert np.isfinite(scaled).all()
    np.testing.assert_allclose(scaled[:, :, 0], 0, atol=1e-9)


@each_method
def test_padding_does_not_count(method):
    X = np.full((4, 9, 2), np.nan, np.float32)
    for row, values in zip(X, sequences(), strict=True):
        row[: len(values)] = values
    shorter = SequenceScaler(method).fit(sequences())
    np.testing.assert_allclose(SequenceScaler(method).fit(X).center_, shorter.center_, rtol=1e-5)
    np.testing.assert_allclose(SequenceScaler(method).fit(X).scale_, shorter.scale_, rtol=1e-5)


def test_refuses_an_unknown_method():
    with pytest.raises(InvalidInputError, match=r"`method` must be one of .*'zscore'"):
        SequenceScaler("zscore").fit(sequences())


@each_method
def test_each_sequence_is_scaled_on_its_own(method):
    X = sequences()
    scaler = SequenceScaler(method, by="sequence").fit(X[:1])
    for ours, values in zip(scaler.transform(X), X, strict=True):
        np.testing.assert_allclose(ours, ORACLES[method]().fit_transform(values), atol=1e-12)
    padded = np.full((4, 11, 2), np.nan)
    for row, values in zip(padded, X, strict=True):
        row[: len(values)] = values
    for ours, row in zip(scaler.transform(X), scaler.transform(padded), strict=True):
        np.testing.assert_array_equal(ours, row[: len(ours)])
        assert np.isnan(row[len(ours) :]).all()


@each_method
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_channel_that_is_constant_in_a_row_is_not_blown_up(method, dtype):
    X = np.random.default_rng(0).normal(size=(3, 8, 2)).astype(dtype)
    X[1, :, 0] = 1e5 + 0.1
    X[1, ::2, 0] = np.nextafter(X[1, 0, 0], dtype(np.inf))  # but for rounding
    scaled = SequenceScaler(method, by="sequence").fit_transform(X)
    assert scaled.dtype == dtype
    assert np.abs(scaled[1, :, 0]).max() < 0.1
    assert scaled[[0, 2], :, 0].std() > 0.1


def test_there_is_no_way_back_from_sequences_scaled_on_their_own():
    scaler = SequenceScaler(by="sequence").fit(sequences())
    assert not hasattr(scaler, "inverse_transform")
    assert not hasattr(scaler, "center_")
    with pytest.raises(InvalidInputError, match=r"`by` must be one of .*'row'"):
        SequenceScaler(by="row").fit(sequences())
