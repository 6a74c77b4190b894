"""What holds for every transformer of numeric sequences, whatever container they come in."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

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
)
from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array

TRANSFORMERS = [
    HydraConvolutions(3, 4, random_state=0),
    RandomConvolutions(84, random_state=0),
    SequenceDifferencer(),
    SequenceFlattener(),
    SequenceImputer(),
    SequencePadder(),
    SequencePatcher(),
    SequenceScaler(),
    SequenceScaler(by="sequence"),
    SequenceSummarizer(),
    SlidingWindows(),
]
each = pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
KERNELS = (HydraConvolutions, RandomConvolutions)
LENGTHS = [4, 1, 3, 6, 2]


def ragged(n_features=3, dtype=np.float64):
    rng = np.random.default_rng(0)
    return as_object_array(rng.normal(size=(n, n_features)).astype(dtype) for n in LENGTHS)


def padded(n_timesteps=6, dtype=np.float64):
    X = np.full((len(LENGTHS), n_timesteps, 3), np.nan, dtype)
    for row, values in zip(X, ragged(), strict=True):
        row[: len(values)] = values
    return X


def as_lists(output):
    """Ragged or padded output as nested lists of what is no padding."""
    if output.ndim == 2:
        return output.tolist()
    return [values[~np.isnan(values).all(axis=1)].tolist() for values in output]


@each
def test_ragged_lists_and_padded_arrays_give_the_same(transformer):
    expected = as_lists(clone(transformer).fit_transform(ragged()))
    for X in (padded(), padded(n_timesteps=9), list(ragged())):
        assert as_lists(clone(transformer).fit_transform(X)) == expected


@each
def test_the_callers_data_are_not_changed(transformer):
    X, table = padded(), np.arange(12.0).reshape(3, 4)
    before, table_before = X.copy(), table.copy()
    clone(transformer).fit_transform(X)[:] = 7
    np.testing.assert_array_equal(X, before)
    clone(transformer).fit_transform(table)[:] = 7
    np.testing.assert_array_equal(table, table_before)


@each
def test_names_of_channels_are_kept_and_compared(transformer):
    frames = [pd.DataFrame(values, columns=["a", "b", "c"]) for values in ragged()]
    fitted = clone(transformer).fit(frames)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    assert as_lists(fitted.transform(frames)) == as_lists(
        clone(transformer).fit_transform(padded())
    )
    with pytest.raises(InvalidInputError, match=r"(?s)feature names.*same order"):
        fitted.transform([frame[["b", "a", "c"]] for frame in frames])
    if hasattr(fitted, "get_feature_names_out"):
        names = fitted.get_feature_names_out()
        if not isinstance(transformer, KERNELS):  # which read several channels
            assert {name.split("_")[0] for name in names} == {"a", "b", "c"}
    with pytest.raises(InvalidInputError, match="same columns in the same order"):
        clone(transformer).fit([frames[0], frames[1][["b", "a", "c"]]])


@each
def test_token_ids_are_no_measurements(transformer):
    pipeline = make_pipeline(SequenceVectorizer(max_tokens=9), clone(transformer))
    with pytest.raises(InvalidInputError, match=r"token ids.*`vocabulary_size=9`"):
        pipeline.fit(["a b", "b", "c a b"])


@each
def test_float32_stays_float32(transformer):
    fitted = clone(transformer).fit(padded(dtype=np.float32))
    assert fitted.transform(padded(dtype=np.float32)).dtype == np.float32
    if not isinstance(transformer, KERNELS):  # which give thousands of columns
        assert fitted.transform(padded()).dtype == np.float64


@each
def test_survives_pickling(transformer):
    fitted = clone(transformer).fit(ragged())
    back = pickle.loads(pickle.dumps(fitted))
    assert as_lists(back.transform(padded())) == as_lists(fitted.transform(padded()))


@each
def test_refuses_infinity_another_width_and_use_before_fit(transformer):
    fitted = clone(transformer).fit(ragged())
    X = padded()
    X[3, 2, 1] = np.inf
    with pytest.raises(InvalidInputError, match="row 3, timestep 2, channel 1"):
        fitted.transform(X)
    name = type(transformer).__name__
    with pytest.raises(InvalidInputError, match=f"2 features, but {name} is expecting 3"):
        fitted.transform(ragged(n_features=2))
    with pytest.raises(NotFittedError):
        clone(transformer).transform(X)


@each
def test_names_the_imputer_where_values_are_missing(transformer):
    X = padded()
    X[3, 2, 1] = np.nan
    if isinstance(transformer, SequenceImputer):
        assert not np.isnan(clone(transformer).fit_transform(X)[3]).any()
    else:
        with pytest.raises(InvalidInputError, match=r"row 3.*`SequenceImputer`"):
            clone(transformer).fit(X)


@pytest.mark.parametrize("transformer", [SequenceScaler(), SequenceImputer()])
def test_a_container_comes_back_as_it_was(transformer):
    assert clone(transformer).fit_transform(np.eye(3)).shape == (3, 3)
    array = clone(transformer).fit_transform(padded(n_timesteps=8))
    np.testing.assert_array_equal(np.isnan(array), np.isnan(padded(n_timesteps=8)))
    rows = clone(transformer).fit_transform(list(ragged()))
    assert rows.dtype == object
    assert [row.shape for row in rows] == [(n, 3) for n in LENGTHS]


@pytest.mark.parametrize("transformer", [SequenceScaler(), SequenceImputer()])
def test_data_frames_come_out_where_they_can(transformer):
    frame = pd.DataFrame(np.eye(3), columns=["a", "b", "c"], index=[7, 8, 9])
    out = clone(transformer).set_output(transform="pandas").fit_transform(frame)
    assert out.columns.tolist() == ["a", "b", "c"]
    assert out.index.tolist() == [7, 8, 9]
    with sklearn.config_context(transform_output="pandas"):
        assert clone(transformer).fit_transform(padded()).shape == (5, 6, 3)
        assert clone(transformer).fit_transform(ragged()).dtype == object


def test_a_pipeline_gives_a_named_table():
    steps = (SequenceImputer(), SequenceScaler(), SequenceSummarizer(("mean", "length")))
    out = make_pipeline(*steps).set_output(transform="pandas").fit_transform(ragged())
    assert out.columns.tolist() == ["x0_mean", "x1_mean", "x2_mean", "length"]
    assert out["length"].tolist() == LENGTHS
