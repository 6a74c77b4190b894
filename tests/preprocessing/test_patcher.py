"""SequencePatcher: a few timesteps side by side as one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackens import SequencePatcher, StackedRNNClassifier
from stackens.exceptions import InvalidInputError


def cut(sequence, size, stride):
    """Patches by hand: those that fit, and one more if steps are left, filled by the last one."""
    patches, start = [], 0
    while True:
        patch = list(sequence[start : start + size])
        patch += [sequence[-1]] * (size - len(patch))
        patches.append(np.concatenate(patch))
        if start + size >= len(sequence):
            return np.stack(patches)
        start += stride


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    size=st.integers(1, 7),
    data=st.data(),
)
def test_cuts_as_by_hand(lengths, size, data):
    stride = data.draw(st.none() | st.integers(1, size))
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 2)) for n in lengths]
    found = SequencePatcher(size, stride=stride).fit_transform(sequences)
    for row, sequence in zip(found, sequences, strict=True):
        np.testing.assert_array_equal(row, cut(sequence, size, stride or size))


def test_patches_of_a_table_are_channels():
    found = SequencePatcher(2).fit_transform(np.arange(8.0).reshape(2, 4))
    np.testing.assert_array_equal(found, [[[0, 1], [2, 3]], [[4, 5], [6, 7]]])


def test_padding_is_in_no_patch():
    X = np.array([[[1.0], [2.0], [np.nan], [np.nan]], [[1.0], [2.0], [3.0], [4.0]]])
    found = SequencePatcher(2).fit_transform(X)
    np.testing.assert_array_equal(found[0], [[1, 2], [np.nan, np.nan]])


def test_longer_sequences_than_in_training_have_more_patches():
    patcher = SequencePatcher(2).fit(np.ones((3, 4, 1)))
    assert patcher.transform(np.ones((1, 9, 1))).shape == (1, 5, 2)
    network = StackedRNNClassifier(4, epochs=1, random_state=0)
    X = np.random.default_rng(0).normal(size=(20, 8, 1))
    network.fit(patcher.transform(X), np.arange(20) % 2)
    assert network.predict(patcher.transform(X[:, :5])).shape == (20,)


def test_parameters_of_numpy():
    table = np.random.default_rng(0).normal(size=(3, 6))
    found = SequencePatcher(np.uint64(4), stride=np.uint8(2)).fit_transform(table)
    np.testing.assert_array_equal(found, SequencePatcher(4, stride=2).fit_transform(table))


def test_an_array_is_as_wide_as_its_padding_whatever_rows_it_holds():
    X = np.full((3, 9, 2), np.nan)
    X[:, :5] = 1.0
    patcher = SequencePatcher(2).fit(X)
    assert patcher.transform(X).shape == (3, 5, 4)
    assert patcher.transform(X[:1]).shape == (1, 5, 4)


@pytest.mark.parametrize("size", [0, 2.5, None])
def test_refuses_bad_sizes(size):
    with pytest.raises(InvalidInputError, match="`size` must be an integer >= 1"):
        SequencePatcher(size).fit(np.ones((2, 3)))


@pytest.mark.parametrize("stride", [0, 3, 1.5])
def test_refuses_strides_that_leave_timesteps_out(stride):
    with pytest.raises(InvalidInputError, match="`stride` must be None or an integer from 1 to 2"):
        SequencePatcher(2, stride=stride).fit(np.ones((2, 3)))
