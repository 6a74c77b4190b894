"""SequenceDifferencer: the change since an earlier step, beside the value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline

from stackens import SequenceDifferencer, SequenceSummarizer
from stackens.exceptions import InvalidInputError


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    lag=st.integers(1, 11),
    append=st.booleans(),
)
def test_subtracts_within_each_sequence(lengths, lag, append):
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 2)) for n in lengths]
    found = SequenceDifferencer(lag, append=append).fit_transform(sequences)
    for row, sequence in zip(found, sequences, strict=True):
        earlier = np.vstack([sequence[:lag], sequence[:-lag]])[: len(sequence)]
        changes = sequence - earlier
        expected = np.hstack([sequence, changes]) if append else changes
        np.testing.assert_array_equal(row, expected)


def test_a_table_is_a_sequence_of_one_channel():
    table = np.array([[1.0, 4.0, 2.0]])
    found = SequenceDifferencer().fit_transform(table)
    np.testing.assert_array_equal(found, [[[1, 0], [4, 3], [2, -2]]])


def test_padding_stays_padding():
    X = np.array([[[1.0], [4.0], [np.nan]], [[1.0], [2.0], [3.0]]])
    found = SequenceDifferencer().fit_transform(X)
    assert np.isnan(found[0, 2]).all()
    np.testing.assert_array_equal(found[0, :2], [[1, 0], [4, 3]])


def test_twice_is_the_second_difference_too():
    X = (np.arange(6.0) ** 2)[np.newaxis, :, np.newaxis]
    changes = SequenceDifferencer(append=False)
    found = make_pipeline(changes, SequenceDifferencer(append=False)).fit_transform(X)
    np.testing.assert_array_equal(found[0, 2:, 0], np.diff(X[0, :, 0], n=2))


def test_parameters_of_numpy():
    table = np.random.default_rng(0).normal(size=(3, 6))
    found = SequenceDifferencer(np.uint8(2), append=np.True_).fit_transform(table)
    np.testing.assert_array_equal(found, SequenceDifferencer(2).fit_transform(table))


def test_channels_have_names():
    X = [np.ones((3, 2)), np.ones((4, 2))]
    pipeline = make_pipeline(SequenceDifferencer(), SequenceSummarizer(("mean",)))
    names = pipeline.fit(X).get_feature_names_out()
    assert names.tolist() == ["x0_mean", "x1_mean", "x0_change_mean", "x1_change_mean"]
    changes = SequenceDifferencer(append=False).fit(np.ones((2, 3)))
    assert changes.get_feature_names_out().tolist() == ["value_change"]


@pytest.mark.parametrize("lag", [0, -1, 1.5, None])
def test_refuses_bad_lags(lag):
    with pytest.raises(InvalidInputError, match="`lag` must be an integer >= 1"):
        SequenceDifferencer(lag).fit(np.ones((2, 3)))


def test_refuses_what_is_no_answer():
    with pytest.raises(InvalidInputError, match="`append` must be one of"):
        SequenceDifferencer(append="no").fit(np.ones((2, 3)))
