"""Forms of other packages: channels first, indices of several levels, padding with NaN."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from stackens import (
    RandomConvolutions,
    SequenceScaler,
    SequenceSummarizer,
    StackedRNNClassifier,
    StackingClassifier,
    from_channels_first,
    sequences_from_frame,
    to_channels_first,
)
from stackens.exceptions import ChannelsFirstWarning, InvalidInputError
from stackens.recipes import make_stack

RNG = np.random.default_rng(0)
SERIES = RNG.normal(size=(12, 30, 3))
RAGGED = [x[: 20 + i] for i, x in enumerate(SERIES[:10])]
Y = np.arange(12) % 2
READERS = {
    "transformer": SequenceScaler(),
    "statistics": SequenceSummarizer(),
    "convolutions": RandomConvolutions(84),
    "network": StackedRNNClassifier(2, epochs=1, random_state=0),
}


def test_an_array_comes_back():
    first = SERIES.transpose(0, 2, 1)
    np.testing.assert_array_equal(from_channels_first(first), SERIES)
    assert np.shares_memory(from_channels_first(first), first)
    np.testing.assert_array_equal(to_channels_first(SERIES), first)
    np.testing.assert_array_equal(from_channels_first(first.tolist()), SERIES)


@pytest.mark.parametrize("container", [list, tuple, lambda rows: to_channels_first(rows)])
def test_rows_of_several_lengths_come_back(container):
    first = container([x.T for x in RAGGED]) if container in (list, tuple) else container(RAGGED)
    for found, given in zip(from_channels_first(first), RAGGED, strict=True):
        np.testing.assert_array_equal(found, given)


def test_rows_of_one_channel_may_be_flat():
    rows = [np.arange(4.0), np.arange(6.0)]
    assert [x.shape for x in from_channels_first(rows)] == [(4, 1), (6, 1)]
    assert [x.shape for x in to_channels_first(rows)] == [(1, 4), (1, 6)]


@pytest.mark.parametrize("wrong", [SERIES[0], SERIES[..., None], ["text"], 3.0], ids=type)
@pytest.mark.parametrize("convert", [from_channels_first, to_channels_first])
def test_other_axes_are_refused(convert, wrong):
    with pytest.raises(InvalidInputError, match="3 axes"):
        convert(wrong)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_one_timestep_with_many_features_brings_a_warning(reader):
    first = SERIES[:, :, :1].transpose(0, 2, 1)  # one channel, thirty timesteps
    with pytest.warns(ChannelsFirstWarning, match=r"30 features.*from_channels_first\(X\)"):
        reader.fit(first, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.fit(from_channels_first(first), Y)
        reader.fit(first[:, :, :19], Y)  # few: a table of one step
    with pytest.warns(ChannelsFirstWarning):
        make_stack(first, Y)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_ragged_rows_with_channels_first_are_refused_with_the_line(reader):
    with pytest.raises(InvalidInputError, match=r"from_channels_first\(X\)"):
        reader.fit([x.T for x in RAGGED], Y[:10])
    with pytest.raises(InvalidInputError, match="same number of features") as caught:
        reader.fit([RAGGED[0], RAGGED[1][:, :2], *RAGGED[2:]], Y[:10])
    assert "channels_first" not in str(caught.value)


@pytest.mark.parametrize(
    ("ids", "line"),
    [
        (["person"], "id='person', time='step'"),
        (["person", "day"], "id=['person', 'day'], time='step'"),
        ([None], "id='level_0', time='step'"),
    ],
)
def test_a_long_frame_with_an_index_of_levels_is_refused_with_the_line(ids, line):
    levels = [*[range(12)] * len(ids[:1]), *[[0]] * len(ids[1:]), range(5)]
    index = pd.MultiIndex.from_product(levels, names=[*ids, "step"])
    frame = pd.DataFrame(RNG.normal(size=(60, 2)), index, ["x", "y"])
    stack = StackingClassifier([("rnn", READERS["network"])], LogisticRegression(), cv=2)
    for estimator in (READERS["network"], stack):
        with pytest.raises(InvalidInputError) as caught:
            estimator.fit(frame, Y)
        assert f"sequences_from_frame(X.reset_index(), {line})" in str(caught.value)
    (arguments,) = re.findall(r"X.reset_index\(\), (.*?)\)`", str(caught.value))
    X = sequences_from_frame(frame.reset_index(), **eval(f"dict({arguments})")).X
    assert len(X) == 12
    READERS["network"].fit(X, Y)


def test_rows_padded_with_nan_are_read():
    padded = np.full((10, 29, 3), np.nan)
    for place, row in zip(padded, RAGGED, strict=True):
        place[: len(row)] = row
    fitted = READERS["network"].fit(RAGGED, Y[:10])
    np.testing.assert_array_equal(fitted.predict_proba(padded), fitted.predict_proba(RAGGED))


def takes_channels_first(X):
    assert X.shape[1:] == (3, 30)
    return X.mean(axis=2)


def test_an_estimator_that_wants_channels_first_stands_in_a_stack():
    theirs = make_pipeline(
        FunctionTransformer(to_channels_first),
        FunctionTransformer(takes_channels_first),
        KNeighborsClassifier(1),
    )
    stack = StackingClassifier([("rnn", READERS["network"]), ("theirs", theirs)], cv=2)
    assert stack.fit(SERIES, Y).predict_proba(SERIES).shape == (12, 2)
