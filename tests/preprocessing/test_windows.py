"""SlidingWindows: no window crosses two recordings, and each knows its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, StratifiedKFold

from stackens import SlidingWindows
from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array


def recordings(*lengths):
    """Recordings whose values tell recording and timestep."""
    return as_object_array(
        np.column_stack([np.full(n, float(row)), np.arange(float(n))])
        for row, n in enumerate(lengths)
    )


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    window=st.integers(1, 6),
    step=st.integers(1, 7),
)
def test_every_window_is_a_run_of_its_own_recording(lengths, window, step):
    windows, y, groups = SlidingWindows(window, step=step, short="keep").split(
        recordings(*lengths), np.array(lengths) * 10
    )
    expected = [
        (row, start)
        for row, n in enumerate(lengths)
        for start in range(0, max(n - window, 0) + 1, step)
    ]
    assert [(int(w[0, 0]), int(w[0, 1])) for w in windows] == expected
    assert groups.tolist() == [row for row, _ in expected]
    assert y.tolist() == [lengths[row] * 10 for row in groups]
    for values, row in zip(windows, groups, strict=True):
        assert len(values) == min(window, lengths[row])
        assert (values[:, 0] == row).all()
        assert (np.diff(values[:, 1]) == 1).all()


def test_windows_of_one_length_are_an_array_and_do_not_overlap_by_default():
    windows, y, groups = SlidingWindows(3).split(recordings(7, 3))
    assert windows.shape == (3, 3, 2)
    assert windows[:, 0, 1].tolist() == [0, 3, 0]
    assert groups.tolist() == [0, 0, 1]
    assert y is None


def test_no_window_means_whole_recordings():
    windows, _, groups = SlidingWindows().split(recordings(4, 2))
    assert [len(w) for w in windows] == [4, 2]
    assert groups.tolist() == [0, 1]


def test_a_table_gives_a_table():
    windows = SlidingWindows(2, step=1).fit_transform([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert windows.tolist() == [[1, 2], [2, 3], [4, 5], [5, 6]]


def test_padding_of_an_array_is_in_no_window():
    X = np.full((2, 6, 1), np.nan)
    X[0], X[1, :3] = 1, 2
    windows, _, groups = SlidingWindows(3).split(X)
    assert not np.isnan(windows).any()
    assert groups.tolist() == [0, 0, 1]


def test_short_recordings_are_left_out_with_a_warning():
    with pytest.warns(UserWarning, match=r"1 of 3 recordings are shorter.*row 1 with 2.*left out"):
        windows, y, groups = SlidingWindows(3).split(recordings(4, 2, 3), ["a", "b", "c"])
    assert y.tolist() == ["a", "c"]
    assert groups.tolist() == [0, 2]
    assert len(windows) == 2


@pytest.mark.parametrize(("short", "lengths"), [("raise", (4, 2)), ("drop", (1, 2))])
def test_short_recordings_can_be_errors(short, lengths):
    with pytest.raises(InvalidInputError, match=r"shorter than `window`=3.*Choose a smaller"):
        SlidingWindows(3, short=short).split(recordings(*lengths))


def test_groups_keep_a_recording_on_one_side_of_a_split():
    windows, y, groups = SlidingWindows(3, step=1).split(recordings(8, 9, 7, 6), [0, 1, 0, 1])
    for train, test in GroupKFold(2).split(windows, y, groups):
        assert not set(windows[train, 0, 0]) & set(windows[test, 0, 0])
    for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(windows, y):
        assert set(windows[train, 0, 0]) & set(windows[test, 0, 0])  # without them it would be


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window": 0}, "`window` must be None or an integer >= 1; got 0"),
        ({"window": 2.5}, "`window` must be None or an integer >= 1; got 2.5"),
        ({"window": 2, "step": 0}, "`step` must be None or an integer >= 1; got 0"),
        ({"step": 2}, "`step` needs a `window`"),
        ({"short": "ignore"}, "`short` must be one of"),
    ],
)
def test_refuses_bad_parameters(parameters, message):
    with pytest.raises(InvalidInputError, match=message):
        SlidingWindows(**parameters).fit(recordings(4))


def test_refuses_targets_of_another_length():
    with pytest.raises(InvalidInputError, match="2 recordings and `y` has 3"):
        SlidingWindows(2).split(recordings(4, 4), [1, 2, 3])
