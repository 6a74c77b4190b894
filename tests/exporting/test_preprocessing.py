"""Transformers of sequences against their exported forms."""

from __future__ import annotations

import numpy as np
import pytest

from stackens import (
    HydraConvolutions,
    RandomConvolutions,
    SequenceDifferencer,
    SequenceFlattener,
    SequenceImputer,
    SequencePadder,
    SequencePatcher,
    SequenceScaler,
    SequenceSummarizer,
    SequenceVectorizer,
    SlidingWindows,
    View,
    make_views,
    portable,
)
from stackens.convolutions import POOLING
from stackens.exceptions import InvalidInputError
from stackens.exporting._converter import Converter

RNG = np.random.default_rng(0)
RAGGED = [RNG.normal(size=(n, 2)) for n in (4, 1, 6, 3)]
TABLE = RNG.normal(size=(5, 4))
ARRAY = RNG.normal(size=(4, 5, 2)).astype("float32")
PADDED = ARRAY.copy()
PADDED[1, 3:] = np.nan
KINDS = {"ragged": RAGGED, "table": TABLE, "array": ARRAY, "padded": PADDED}


def to_numpy(transformer):
    converter = Converter()
    part = converter.convert(transformer)
    converter.check()
    return part


def rows_of(X):
    """Each row of any container, without its padding."""
    if isinstance(X, portable.Sequences):
        rows = [v[:n] for v, n in zip(X.values, X.lengths, strict=True)]
        return [row[:, 0] for row in rows] if X.is_table else rows
    X = list(X)
    return [x[~np.isnan(x).all(axis=1)] if np.ndim(x) == 2 else x for x in X]


def assert_same(transformer, X, unseen=None):
    part = to_numpy(transformer.fit(X))
    for data in (X, X[:1], X if unseen is None else unseen):
        expected, found = rows_of(transformer.transform(data)), rows_of(part.transform(data))
        assert len(expected) == len(found)
        for one, other in zip(expected, found, strict=True):
            assert one.shape == other.shape
            assert one.dtype == other.dtype
            np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "transformer",
    [
        SequenceScaler(),
        SequenceScaler("minmax"),
        SequenceScaler("robust"),
        SequenceScaler(by="sequence"),
        SequenceScaler("minmax", by="sequence"),
        SequenceScaler("robust", by="sequence"),
        SequencePadder(),
        SequencePadder(2, truncation="left"),
        SequencePadder(9),
        SequenceDifferencer(),
        SequenceDifferencer(2, append=False),
        SequencePatcher(),
        SequencePatcher(3, stride=2),
        SequenceFlattener(fill_value=-1.0),
        SequenceSummarizer(),
        SequenceSummarizer(["length", "slope", "std"]),
        SequenceImputer(),
        SequenceImputer("linear"),
        RandomConvolutions(84, random_state=0),
        HydraConvolutions(3, 4, random_state=0),
        RandomConvolutions(672, pooling=list(POOLING), differences=True, random_state=0),
    ],
    ids=repr,
)
def test_transformers_of_sequences(transformer, kind):
    X = KINDS[kind]
    longer = [RNG.normal(size=(8, 2)), RNG.normal(size=(2, 2))]
    assert_same(transformer, X, None if kind == "table" else longer)


@pytest.mark.parametrize("strategy", ["forward", "linear", "mean", "median", "constant"])
@pytest.mark.parametrize("kind", ["ragged", "table", "array"])
def test_missing_values(strategy, kind):
    X = [x.copy() for x in KINDS[kind]]
    X[0][0] = np.nan  # the first timestep, of a table a single value
    X[2][1:3] = np.nan
    X = X if kind == "ragged" else np.stack(X)
    assert_same(SequenceImputer(strategy, fill_value=0.5), X)


@pytest.mark.parametrize(
    "vectorizer",
    [
        SequenceVectorizer(),
        SequenceVectorizer(max_tokens=4, max_length=2),
        SequenceVectorizer(max_length=3, truncation="left", lowercase=False),
        SequenceVectorizer(analyzer="char", max_length=10),
    ],
)
def test_texts(vectorizer):
    texts = ["The cat sat on the mat", "a  dog", "...", "THE DOG sat\n on it"]
    part = to_numpy(vectorizer.fit(texts))
    for unseen in (texts, ["zebra", "the\tmat"], ["?"]):
        np.testing.assert_array_equal(part.transform(unseen), vectorizer.transform(unseen))


@pytest.mark.parametrize("X", ["text", ["a", 3], []])
def test_what_is_no_text(X):
    part = to_numpy(SequenceVectorizer().fit(["a b"]))
    with pytest.raises(InvalidInputError, match=r"iterable of strings|at least one text"):
        part.transform(X)


@pytest.mark.parametrize(
    "view",
    [
        View("signal"),
        View("signal", channels=[1]),
        View("signal", channels=0),
        View("signal", timesteps=(-3, None)),
        View("signal", channels=slice(0, 2), timesteps=slice(1, 4)),
        View("table", columns=[2, 0]),
        View("table", columns=slice(1, None)),
        View("ragged", timesteps=(0, 2)),
        View("text"),
    ],
    ids=repr,
)
def test_views(view):
    parts = {"signal": ARRAY, "table": TABLE[:4], "ragged": RAGGED, "text": list("abcd")}
    X = make_views(**parts)
    part = to_numpy(view.fit(X))
    for rows in (X, X[[2, 0]]):
        expected, found = view.transform(rows), part.transform(rows)
        assert len(expected) == len(found)
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one, other)
    by_name = part.transform(parts)  # a dict will do, where make_views is not at hand
    for one, other in zip(view.transform(X), by_name, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_view_that_is_not_there():
    part = to_numpy(View("signal").fit(make_views(signal=ARRAY)))
    with pytest.raises(InvalidInputError, match="no view 'signal'; the views are \\['other'\\]"):
        part.transform({"other": ARRAY})
    with pytest.raises(InvalidInputError, match="pass a dict with 'signal'"):
        part.transform(ARRAY)


def test_windows_are_named():
    with pytest.raises(InvalidInputError, match="SlidingWindows: windows change the number of row"):
        to_numpy(SlidingWindows(2).fit(ARRAY))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (TABLE, "Expected sequences of 2 feature"),
        (RNG.normal(size=(3, 4, 5)), "Expected sequences of 2 feature"),
        ([np.zeros((3, 2)), np.zeros((0, 2))], "T_i at least 1"),
        ([np.zeros((3, 2)), np.zeros((3, 1))], "same number of features"),
        (np.full((1, 3, 2), np.nan), "length zero"),
        (np.array([[[1.0, np.nan], [1.0, 1.0]]]), "nan in row 0, timestep 0, channel 1"),
        (np.array([[[1.0, 1.0], [np.inf, 1.0]]]), "inf in row 0, timestep 1, channel 0"),
        ([["a", "b"]], "must hold numbers"),
        (np.zeros((0, 3, 2)), "Expected sequences"),
    ],
)
def test_what_cannot_be_read(X, message):
    part = to_numpy(SequenceScaler().fit(RAGGED))
    with pytest.raises(InvalidInputError, match=message):
        part.transform(X)


def test_a_table_of_another_width():
    part = to_numpy(SequenceScaler().fit(TABLE))
    with pytest.raises(InvalidInputError, match="Expected a table of 4 timesteps"):
        part.transform(TABLE[:, :3])
