"""SequenceImputer: every gap is filled, padding and what was there stay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.impute import SimpleImputer

from stackens import SequenceImputer
from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array

NAN = np.nan
STRATEGIES = ("forward", "linear", "mean", "median", "constant")
each_strategy = pytest.mark.parametrize("strategy", STRATEGIES)
with_gaps = arrays(
    np.float64, (3, 5, 2), elements=st.one_of(st.just(NAN), st.integers(-9, 9).map(float))
).filter(lambda X: (~np.isnan(X)).any(axis=(1, 2)).all())


def lengths_of(X):
    observed = ~np.isnan(X).all(axis=2)
    return X.shape[1] - observed[:, ::-1].argmax(axis=1)


@each_strategy
@given(X=with_gaps)
def test_fills_gaps_and_nothing_else(strategy, X):
    filled = SequenceImputer(strategy).fit_transform(X)
    inside = np.arange(X.shape[1]) < lengths_of(X)[:, np.newaxis]
    assert not np.isnan(filled[inside]).any()
    assert np.isnan(filled[~inside]).all()
    there = ~np.isnan(X)
    np.testing.assert_array_equal(filled[there], X[there])


@pytest.mark.parametrize(("strategy", "pandas_fill"), [("forward", "ffill"), ("linear", "linear")])
@given(X=with_gaps)
def test_agrees_with_pandas_in_time(strategy, pandas_fill, X):
    imputer = SequenceImputer(strategy).fit(X)
    filled = imputer.transform(X)
    for row, length in enumerate(lengths_of(X)):
        frame = pd.DataFrame(X[row, :length])
        if strategy == "forward":
            frame = frame.ffill()
        else:
            frame = frame.interpolate(limit_direction="both")
        expected = frame.fillna(pd.Series(imputer.statistics_))
        np.testing.assert_allclose(filled[row, :length], expected.to_numpy(), atol=1e-12)


@pytest.mark.parametrize("strategy", ["mean", "median"])
def test_statistics_come_from_the_rows_of_fit(strategy):
    X = as_object_array([[[1.0, 5.0], [NAN, 7.0]], [[2.0, NAN], [9.0, 6.0], [1.0, 6.0]]])
    oracle = SimpleImputer(strategy=strategy).fit(np.vstack(X.tolist()))
    imputer = SequenceImputer(strategy).fit(X)
    np.testing.assert_allclose(imputer.statistics_, oracle.statistics_)
    new = imputer.transform([[[NAN, NAN], [100.0, 100.0]]])[0]
    np.testing.assert_allclose(new[0], oracle.statistics_)


def test_nothing_before_a_gap_means_the_training_mean():
    imputer = SequenceImputer("forward").fit([[[1.0], [5.0]]])
    assert imputer.transform([[[NAN], [7.0], [NAN], [8.0]]])[0].ravel().tolist() == [3, 7, 7, 8]


def test_in_a_table_trailing_gaps_are_filled_too():
    X = [[1.0, 2.0, NAN], [4.0, NAN, NAN]]
    assert SequenceImputer().fit_transform(X).tolist() == [[1, 2, 2], [4, 4, 4]]


def test_a_constant_fills_also_a_channel_never_seen():
    X = [[[1.0, NAN], [NAN, NAN]], [[2.0, NAN]]]
    array = np.array([X[0], [X[1][0], [NAN, NAN]]])
    array[0, 1, 0] = 3.0
    filled = SequenceImputer("constant", fill_value=-1).fit_transform(array)
    assert filled[0].tolist() == [[1, -1], [3, -1]]
    assert SequenceImputer("mean", fill_value=-1).fit(array).statistics_.tolist() == [2, -1]


def test_refuses_bad_parameters():
    X = [[1.0, 2.0]]
    with pytest.raises(InvalidInputError, match="`strategy` must be one of"):
        SequenceImputer("backward").fit(X)
    with pytest.raises(InvalidInputError, match="`fill_value` must be finite"):
        SequenceImputer("constant", fill_value=NAN).fit(X)
