"""Views of rows in exported predictors: whatever a view may be, and padding among its sequences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from stackens import (
    SequenceScaler,
    SequenceSummarizer,
    StackingClassifier,
    View,
    export_numpy,
    make_views,
    portable,
)
from stackens.exceptions import InvalidInputError
from stackens.exporting import to_numpy

N = 40
RNG = np.random.default_rng(0)
Y = np.arange(N) % 2
TABLE = RNG.normal(size=(N, 4)) + Y[:, None]
SIGNAL = RNG.normal(size=(N, 6, 3)) + Y[:, None, None]
RAGGED = [SIGNAL[i, : 2 + i % 4] for i in range(N)]
PARTS = {
    "frame": pd.DataFrame(TABLE, columns=list("abcd"), index=range(100, 100 + N)),
    "sparse": scipy.sparse.csr_matrix(np.where(TABLE > 0, TABLE, 0)),
    "static": TABLE,
    "signal": SIGNAL,
    "ragged": RAGGED,
}


def views(rows=slice(None)):
    return make_views(**PARTS)[rows]


def padded(n_timesteps=8):
    array = np.full((N, n_timesteps, 3), np.nan)
    for row, x in zip(array, RAGGED, strict=True):
        row[: len(x)] = x
    return array


@pytest.mark.parametrize(
    "view",
    [
        View("frame"),
        View("frame", columns=[3, 0]),
        View("frame", columns=2),
        View("sparse"),
        View("sparse", columns=slice(1, 3)),
        View("static", columns=np.int64(1)),
    ],
    ids=repr,
)
def test_tables_of_every_kind(view, tmp_path):
    model = make_pipeline(view, LogisticRegression()).fit(views(), Y)
    export_numpy(model, tmp_path / "model", views())  # compares
    predictor = portable.load(tmp_path / "model")
    expected = model.predict_proba(views())
    np.testing.assert_allclose(predictor.predict_proba(PARTS), expected, rtol=1e-7)
    rows = np.array([5, 2, 2, 30])
    np.testing.assert_allclose(predictor.predict_proba(views(rows)), expected[rows], rtol=1e-7)
    of_two_calls = np.concatenate([views(slice(3)), views(slice(3, 6))])
    np.testing.assert_allclose(predictor.predict_proba(of_two_calls), expected[:6], rtol=1e-7)


def test_a_stack_of_views(tmp_path):
    learners = [
        ("frame", make_pipeline(View("frame"), LogisticRegression())),
        ("sparse", make_pipeline(View("sparse"), LogisticRegression())),
        ("ragged", make_pipeline(View("ragged"), SequenceSummarizer(), LogisticRegression())),
    ]
    stack = StackingClassifier(learners, cv=3).fit(views(), Y)
    assert export_numpy(stack, tmp_path / "model", views()) > 0
    with pytest.raises(InvalidInputError, match=r"as many rows; got \[5, 40\]"):
        portable.load(tmp_path / "model").predict({**PARTS, "ragged": RAGGED[:5]})


@pytest.mark.parametrize("steps", [(-2, None), (1, 3), slice(None, None, -1)], ids=repr)
@pytest.mark.parametrize("channels", [None, [2, 0], 1], ids=repr)
@pytest.mark.parametrize("scaled", [False, True])
def test_padding_is_no_timestep(steps, channels, scaled):
    before = [SequenceScaler()] if scaled else []
    view = View(timesteps=steps, channels=channels)
    summary = SequenceSummarizer(("first", "last", "mean", "length"))
    model = make_pipeline(*before, view, summary, LogisticRegression()).fit(RAGGED, Y)
    predictor = to_numpy(model)
    expected = model.predict_proba(RAGGED)
    for X in (RAGGED, padded(), padded(5)):
        np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-7)
        np.testing.assert_allclose(predictor.predict_proba(X), expected, rtol=1e-6)


def test_nothing_left_of_a_sequence_is_said():
    model = make_pipeline(View(timesteps=(2, None)), SequenceSummarizer(), LogisticRegression())
    predictor = to_numpy(model.fit(SIGNAL, Y))
    with pytest.raises(InvalidInputError, match="Row 0 of `X` has 2 timesteps"):
        predictor.predict(RAGGED)


def test_names_of_columns_are_no_numbers(tmp_path):
    model = make_pipeline(View("frame", columns=slice("a", "b")), LogisticRegression())
    with pytest.raises(InvalidInputError, match="give their numbers"):
        export_numpy(model.fit(views(), Y), tmp_path / "model")


def test_sparse_tables_without_views(tmp_path):
    X = PARTS["sparse"]
    model = LogisticRegression().fit(X, Y)
    export_numpy(model, tmp_path / "model", X)
    twice = scipy.sparse.coo_matrix(
        (np.r_[X.tocoo().data / 2, X.tocoo().data / 2], np.tile(X.tocoo().coords, 2)), X.shape
    )
    found = portable.load(tmp_path / "model").predict_proba(twice)
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=1e-7)
