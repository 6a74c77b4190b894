"""SequencePadder: one length for all, padding is NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackens import SequencePadder
from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array

X = [np.arange(3.0), np.arange(5.0), np.arange(1.0)]


def numbers(row):
    return row[~np.isnan(row)].tolist()


def test_learns_the_longest_length():
    padder = SequencePadder().fit(X)
    assert padder.length_ == 5
    assert padder.transform(X[:1]).shape == (1, 5, 1)


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    max_length=st.integers(1, 9),
    truncation=st.sampled_from(["left", "right"]),
)
def test_cuts_the_chosen_end_and_pads_the_right(lengths, max_length, truncation):
    sequences = [np.arange(n)[:, np.newaxis] + [0.0, 100.0] for n in lengths]
    out = SequencePadder(max_length, truncation=truncation).fit_transform(sequences)
    assert out.shape == (len(lengths), max_length, 2)
    for row, sequence in zip(out, sequences, strict=True):
        kept = sequence[:max_length] if truncation == "right" else sequence[-max_length:]
        np.testing.assert_array_equal(row[: len(kept)], kept)
        assert np.isnan(row[len(kept) :]).all()


def test_later_sequences_are_cut_to_the_learned_length():
    out = SequencePadder().fit(as_object_array(X[:1])).transform(X)
    assert [numbers(row) for row in out] == [[0, 1, 2], [0, 1, 2], [0]]


def test_a_table_can_be_padded_because_it_becomes_an_array():
    out = SequencePadder(3).fit_transform(np.ones((2, 2)))
    assert out.shape == (2, 3, 1)
    assert np.isnan(out[:, 2]).all()


@pytest.mark.parametrize("max_length", [0, -1, 2.5, True, "3"])
def test_refuses_bad_lengths(max_length):
    with pytest.raises(InvalidInputError, match="`max_length` must be None or an integer >= 1"):
        SequencePadder(max_length).fit(X)


def test_refuses_an_unknown_side():
    with pytest.raises(InvalidInputError, match=r"`truncation` must be one of .*'middle'"):
        SequencePadder(truncation="middle").fit(X)
