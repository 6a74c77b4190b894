"""SequenceSummarizer against NumPy on each sequence alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stackens import SequenceSummarizer
from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array


def slope(values):
    if len(values) == 1:
        return np.zeros(values.shape[1])
    return np.polyfit(np.arange(len(values)), values, 1)[0]


ORACLES = {
    "mean": lambda values: values.mean(axis=0),
    "std": lambda values: values.std(axis=0),
    "min": lambda values: values.min(axis=0),
    "max": lambda values: values.max(axis=0),
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "slope": slope,
    "length": lambda values: [len(values)],
}
sequences = st.lists(
    st.integers(1, 7).flatmap(
        lambda n: arrays(np.float64, (n, 2), elements=st.integers(-1000, 1000).map(float))
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("statistic", ORACLES)
@given(X=sequences)
def test_every_statistic_leaves_padding_out(statistic, X):
    out = SequenceSummarizer([statistic]).fit_transform(as_object_array(X))
    expected = [ORACLES[statistic](values) for values in X]
    np.testing.assert_allclose(out, expected, atol=1e-8)


def test_statistics_stand_side_by_side_with_names():
    X = [[[1.0, 5.0], [3.0, 5.0]], [[5.0, 6.0]]]
    summarizer = SequenceSummarizer(("mean", "length", "last")).fit(X)
    assert summarizer.transform(X).tolist() == [[2, 5, 2, 3, 5], [5, 6, 1, 5, 6]]
    names = ["x0_mean", "x1_mean", "length", "x0_last", "x1_last"]
    assert summarizer.get_feature_names_out().tolist() == names


def test_long_float32_sequences_keep_their_mean():
    X = np.full((1, 200_000, 1), 0.1, np.float32)
    out = SequenceSummarizer(("mean", "std")).fit_transform(X)
    np.testing.assert_allclose(out, [[np.float32(0.1), 0]], rtol=1e-6, atol=1e-7)


def test_a_table_is_one_series():
    summarizer = SequenceSummarizer(("min", "max")).fit([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    assert summarizer.get_feature_names_out().tolist() == ["series_min", "series_max"]


@pytest.mark.parametrize("statistics", [(), "mean", ("mean", "mode"), ("mean", "mean")])
def test_refuses_unknown_no_and_repeated_statistics(statistics):
    with pytest.raises(InvalidInputError, match="`statistics` must be a sequence of different"):
        SequenceSummarizer(statistics).fit([[1.0, 2.0]])
