"""What a sequence input is: accepted kinds, lengths, and one clear error for all others."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing

from stackens import sequences
from stackens.exceptions import InvalidInputError
from stackens.sequences import (
    PADDING_VALUE,
    SequenceBatch,
    as_object_array,
    channel_names,
    looks_like_tokens,
    name_channels,
    to_container,
    to_ragged,
    token_dtype,
    validate_sequences,
    validate_tokens,
)
from stackens.store import data_digest

NAN = np.nan


class Learner(BaseEstimator):
    """The least that can be validated for."""


class SparseCube:
    """A sparse array of three dimensions; SciPy's own came with 1.15."""

    shape, ndim, nnz = (2, 3, 4), 3, 1

    def tocoo(self):
        return self


def read(X, **options):
    return validate_sequences(Learner(), X, reset=True, **options)


def read_tokens(X, **options):
    return validate_tokens(Learner(), X, reset=True, **options)


def fitted_on(X):
    learner = Learner()
    validate_sequences(learner, X, reset=True)
    return learner


def padded_array():
    """Three sequences of 3, 1 and 2 timesteps with 2 channels."""
    X = np.arange(18.0).reshape(3, 3, 2)
    X[1, 1:] = X[2, 2:] = NAN
    return X


ragged_rows = st.integers(1, 3).flatmap(
    lambda n_features: st.lists(
        st.lists(
            st.lists(st.floats(-1e6, 1e6, width=32), min_size=n_features, max_size=n_features),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
        max_size=5,
    )
)

# ---- kinds --------------------------------------------------------------------------------------


def test_a_table_has_one_feature_a_timestep():
    X = np.arange(6.0).reshape(2, 3)
    batch = read(X)
    assert batch.kind == "table"
    assert batch.lengths.tolist() == [3, 3]
    np.testing.assert_array_equal(batch.values, X[:, :, np.newaxis])


def test_a_table_sets_timesteps_as_features_and_names():
    learner = fitted_on(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    assert learner.n_features_in_ == 2
    assert learner.feature_names_in_.tolist() == ["a", "b"]


def test_trailing_nan_timesteps_are_padding():
    batch = read(padded_array())
    assert batch.lengths.tolist() == [3, 1, 2]
    assert (batch.values[1, 1:] == PADDING_VALUE).all()
    assert (batch.values[2, 2:] == PADDING_VALUE).all()
    np.testing.assert_array_equal(batch.values[0], padded_array()[0])
    assert batch.is_padded
    assert batch.n_features == 2


def test_lists_and_object_arrays_of_sequences_are_ragged():
    rows = [np.ones((2, 3)), np.zeros((1, 3))]
    for X in (rows, tuple(rows), as_object_array(rows), [row.tolist() for row in rows]):
        batch = read(X)
        assert batch.kind == "ragged"
        assert batch.lengths.tolist() == [2, 1]
        assert (batch.values[1, 1] == PADDING_VALUE).all()


def test_one_dimensional_sequences_have_one_channel():
    learner = fitted_on([[1.0, 2.0], [3.0]])
    assert learner.n_features_in_ == 1


def test_an_object_array_of_equal_lengths_stays_ragged():
    assert read(as_object_array([np.ones(4), np.zeros(4)])).kind == "ragged"


def test_equal_lists_of_numbers_are_a_table_unless_fitted_on_sequences():
    assert read([[1, 2], [3, 4]]).kind == "table"
    learner = fitted_on([[1.0], [2.0, 3.0]])
    assert validate_sequences(learner, [[1, 2], [3, 4]], reset=False).kind == "ragged"


def test_rows_of_a_padded_array_are_read_like_the_array():
    X = padded_array()
    from_rows, from_array = read(list(as_object_array(X))), read(X)
    np.testing.assert_array_equal(from_rows.lengths, from_array.lengths)
    np.testing.assert_array_equal(from_rows.values, from_array.values)


def test_padding_of_every_ragged_row_is_cut():
    rows = as_object_array([np.array([[1.0], [NAN]]), np.array([[2.0], [NAN]])])
    assert read(rows).values.shape == (2, 1, 1)


@given(ragged_rows)
def test_ragged_input_comes_back_unchanged(rows):
    batch = read(as_object_array([np.array(row) for row in rows]), dtype=np.float64)
    back = to_container(batch)
    assert [row.tolist() for row in back] == rows
    assert batch.mask.sum() == sum(map(len, rows))


@given(ragged_rows)
def test_ragged_and_padded_input_are_encoded_alike(rows):
    ragged = read(as_object_array([np.array(row) for row in rows]))
    padded = np.full(ragged.values.shape, NAN)
    for row, values in enumerate(rows):
        padded[row, : len(values)] = values
    array = read(padded)
    np.testing.assert_array_equal(array.values, ragged.values)
    np.testing.assert_array_equal(array.lengths, ragged.lengths)
    np.testing.assert_array_equal(to_container(array), padded.astype(np.float32))


def test_pieces_of_the_scan_agree_with_the_whole(monkeypatch):
    X = np.full((7, 4, 2), NAN)
    lengths = [4, 1, 3, 2, 4, 1, 2]
    for row, length in enumerate(lengths):
        X[row, :length] = row
    monkeypatch.setattr(sequences, "_CHUNK_ELEMENTS", 16)  # two rows each
    assert read(X).lengths.tolist() == lengths
    X[5, 0, 1] = NAN
    with pytest.raises(InvalidInputError, match="row 5, timestep 0, channel 1"):
        read(X)


# ---- memory -------------------------------------------------------------------------------------


def test_clean_float32_input_is_not_copied():
    for X in (np.ones((2, 3, 4), np.float32), np.ones((2, 3), np.float32)):
        assert np.shares_memory(read(X).values, X)


def test_a_memory_map_is_not_loaded_or_written(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, padded_array()[:, :1].astype(np.float32))
    X = np.load(path, mmap_mode="r")
    batch = read(X)
    assert np.shares_memory(batch.values, X)
    np.save(path, padded_array().astype(np.float32))
    X = np.load(path, mmap_mode="r+")
    batch = read(X)
    assert not np.shares_memory(batch.values, X)
    np.testing.assert_array_equal(X, padded_array().astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_callers_data_are_not_changed(dtype):
    X = padded_array().astype(dtype)
    before = X.copy()
    batch = read(X)
    batch.values[:] = 7
    np.testing.assert_array_equal(X, before)


def test_of_several_types_the_datas_own_is_kept():
    wanted = (np.float64, np.float32)
    for own, expected in ((np.float32, np.float32), (np.float64, np.float64), (int, np.float64)):
        for X in (
            np.ones((2, 3), own),
            np.ones((2, 3, 1), own),
            [np.ones(2, own), np.ones(3, own)],
        ):
            assert read(X, dtype=wanted).values.dtype == expected


# ---- batches ------------------------------------------------------------------------------------


def test_take_cuts_to_the_longest_row_taken():
    batch = read(padded_array())
    for rows in ([2, 1], slice(1, None), np.array([False, True, True])):
        taken = batch.take(rows)
        assert taken.n_timesteps == 2
        assert sorted(taken.lengths.tolist()) == [1, 2]
    assert batch.take([2, 1]).lengths.tolist() == [2, 1]
    np.testing.assert_array_equal(batch.take([2]).values[0], padded_array()[2, :2])


def test_with_values_pads_anew():
    batch = read(padded_array())
    other = batch.with_values(np.zeros((3, 3, 5)))
    assert other.n_features == 5
    assert (other.values[~other.mask] == PADDING_VALUE).all()
    assert (other.values[other.mask] == 0).all()


def test_token_batches_are_padded_with_zero():
    batch = SequenceBatch(np.array([[1, 2], [3, 9]], np.int32), np.array([2, 1]))
    assert batch.with_values(batch.values.copy()).values.tolist() == [[1, 2], [3, 0]]
    assert [row.tolist() for row in to_ragged(batch)] == [[1, 2], [3]]
    assert batch.n_features == 1


# ---- what is refused ----------------------------------------------------------------------------


def with_value(value, shape=(4, 3, 2), place=(2, 0, 1)):
    X = np.ones(shape)
    X[place[: len(shape)]] = value
    return X


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (with_value(NAN), r"NaN.*row 2, timestep 0, channel 1.*SequenceImputer"),
        (with_value(NAN, (4, 3)), r"NaN.*row 2, timestep 0.*SequenceImputer"),
        (with_value(NAN, (4, 3), (1, 2)), r"NaN.*row 1, timestep 2.*SequenceImputer"),
        (with_value(np.inf), "infinity.*row 2, timestep 0, channel 1"),
        (with_value(-np.inf, (4, 3)), "infinity.*row 2"),
        (with_value(1e300), "too large for dtype.*row 2"),
        ([[1.0, NAN, 2.0], [1.0]], "NaN.*row 0, timestep 1.*SequenceImputer"),
        (with_value(NAN, place=(2, slice(None))), "Row 2 .*length zero"),
        ([[1.0], []], "Row 1 .*length zero"),
        ([np.ones((2, 1)), np.ones((0, 1))], "Row 1 .*length zero"),
        ([], r"shape \(0,\)"),
        (np.empty(0, dtype=object), "0 sequences"),
        (np.ones((0, 3, 2)), r"0 sample.*\(0, 3, 2\)"),
        (np.ones((2, 0, 2)), r"0 timestep.*\(2, 0, 2\)"),
        (np.ones((2, 3, 0)), r"0 feature.*\(2, 3, 0\)"),
        ([np.ones((2, 0)), np.ones((1, 0))], "Row 0 .*0 feature"),
        ([np.ones((2, 3)), np.ones((3, 2))], "row 0 of `X` has 3 and row 1 has 2"),
        ([np.ones((2, 3)), np.ones((1, 2, 3))], r"row 1 of `X` has shape \(1, 2, 3\)"),
        ([[[1.0], [2.0, 3.0]], [[1.0]]], "Row 0 .*no rectangular"),
        (np.ones(3), r"1D array of shape \(3,\).*Reshape your data"),
        (1.0, "single value"),
        (np.ones((1, 2, 3, 4)), r"4D array of shape \(1, 2, 3, 4\)"),
        (["some", "text"], "SequenceVectorizer"),
        ("text", "SequenceVectorizer"),
        (np.array([["a", "b"]]), "SequenceVectorizer"),
        (np.array([["a", "b"]], dtype=object), "SequenceVectorizer"),
        (np.array([[["a"]]], dtype=object), "SequenceVectorizer"),
        ([["a", "b"], ["c"]], "row 0.*SequenceVectorizer"),
        (pd.Series(["some", "text"]), "SequenceVectorizer"),
        (pd.DataFrame({"a": ["some", "text"]}), "SequenceVectorizer"),
        (np.array([["2020-01-01"]], "M8[D]"), "datetime64"),
        ([np.ones(2), np.array(["2020-01-01"], "M8[D]")], "row 1 has type datetime64"),
        (np.ones((2, 2, 2), complex), "Complex data not supported"),
        (np.full((2, 2, 2), PADDING_VALUE), "row 0, timestep 0.*marks padding"),
        ([None, None], r"row 0 of `X` has shape \(\)"),
    ],
)
def test_bad_input_gets_one_error_and_leaves_nothing_fitted(X, message):
    learner = Learner()
    with pytest.raises(InvalidInputError, match=f"(?s){message}"):
        validate_sequences(learner, X, reset=True)
    assert not vars(learner)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (scipy.sparse.csr_array(np.eye(3)), "Sparse data was passed"),
        (SparseCube(), r"sparse with shape \(2, 3, 4\)"),
        ([scipy.sparse.csr_array(np.eye(2))] * 2, "Row 0 .*sparse"),
        (np.array([[[{}]]], dtype=object), "must hold numbers"),
    ],
)
def test_other_objects_are_type_errors(X, message):
    with pytest.raises(TypeError, match=message):
        read(X)


@pytest.mark.parametrize("hold", [np.asarray, as_object_array])
def test_padding_in_front_is_to_be_put_behind(hold):
    X = np.ones((3, 4, 2))
    X[1, 0, 0] = NAN  # a missing value alone
    X[2, :3] = NAN
    advice = "(?s)first timestep.*row 2.*padding='post', value=np.nan.*SequenceImputer"
    with pytest.raises(InvalidInputError, match=advice):
        read(hold(X))
    assert read(hold(X[2:, ::-1])).lengths.tolist() == [1]


def test_tokens_padded_in_front_are_to_be_padded_behind():
    with pytest.raises(InvalidInputError, match=r"row 1 of `X` begins with 0.*padding='post'"):
        read_tokens([[4, 2], [0, 7]])
    assert read_tokens([[4, 2], [7, 0]]).lengths.tolist() == [2, 1]


def test_in_a_table_a_missing_first_column_is_no_padding():
    with pytest.raises(InvalidInputError, match="first in row 0, timestep 0") as caught:
        read([[NAN, 1.0], [2.0, 3.0]])
    assert "pad_sequences" not in str(caught.value)


def test_missing_values_can_be_allowed_but_infinity_never():
    X = with_value(NAN)
    batch = read(X, allow_missing=True)
    np.testing.assert_array_equal(batch.values, X)
    with pytest.raises(InvalidInputError, match="row 2"):
        read(with_value(np.inf), allow_missing=True)


def test_in_a_table_missing_values_are_never_padding():
    X = with_value(NAN, (2, 3), (1, 2))
    assert read(X, allow_missing=True).lengths.tolist() == [3, 3]


# ---- after fit ----------------------------------------------------------------------------------


def test_another_number_of_timesteps_is_fine_for_sequences():
    learner = fitted_on(np.ones((2, 3, 4)))
    assert validate_sequences(learner, np.ones((5, 9, 4)), reset=False).n_timesteps == 9
    assert validate_sequences(learner, [np.ones((2, 4))], reset=False).n_timesteps == 2


def test_another_number_of_channels_is_refused():
    learner = fitted_on(np.ones((2, 3, 12)))
    message = "X has 3 features, but Learner is expecting 12 features.*channels"
    for X in (np.ones((2, 3, 3)), [np.ones((2, 3)), np.ones((4, 3))]):
        with pytest.raises(InvalidInputError, match=message):
            validate_sequences(learner, X, reset=False)


def test_a_table_and_sequences_are_not_mixed_up():
    with pytest.raises(InvalidInputError, match=r"shape \(2, 3, 1\).*fitted on a 2-D table of 3"):
        validate_sequences(fitted_on(np.ones((2, 3))), np.ones((2, 3, 1)), reset=False)
    with pytest.raises(InvalidInputError, match=r"2-D with shape \(3, 4\).*X\[np.newaxis\]"):
        validate_sequences(fitted_on(np.ones((2, 3, 4))), np.ones((3, 4)), reset=False)


def test_refitting_on_sequences_forgets_the_tables_names():
    learner = fitted_on(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    validate_sequences(learner, np.ones((2, 3, 4)), reset=True)
    assert learner.n_features_in_ == 4
    assert not hasattr(learner, "feature_names_in_")


# ---- tokens -------------------------------------------------------------------------------------


def test_tokens_are_padded_with_trailing_zeros():
    for X in ([[4, 2, 0], [7, 0, 0]], [[4.0, 2.0], [7.0]], as_object_array([[4, 2], [7]])):
        batch = read_tokens(X)
        assert batch.values[:, :2].tolist() == [[4, 2], [7, 0]]
        assert batch.values.dtype == np.int32
        assert batch.lengths.tolist() == [2, 1]
        assert batch.is_tokens


def test_int32_tokens_are_not_copied():
    X = np.ones((2, 3), np.int32)
    assert np.shares_memory(read_tokens(X).values, X)


def test_tokens_of_another_length_are_fine_after_fit():
    learner = Learner()
    validate_tokens(learner, [[1, 2, 3]], reset=True)
    assert learner.n_features_in_ == 3
    assert validate_tokens(learner, [[1, 2]], reset=False).n_timesteps == 2


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1, 2], [3, 10]], "below .* 10; `X` holds 10 in row 1, timestep 1.*max_tokens"),
        ([[1, 2], [-3, 1]], "holds -3 in row 1, timestep 0"),
        ([[1, 2], [0, 0]], "Row 1 .*length zero"),
        ([[1, 2], []], "Row 1 .*length zero"),
        ([[1, 2], [0, 1]], "row 1 of `X` begins with 0.*padding='post'.*from 1 on"),
        ([[1, 2, 3], [1, 0, 1]], "holds 0 in row 1, timestep 1.*from 1 on"),
        ([[1.5, 2.0]], "whole numbers; `X` holds 1.5 in row 0"),
        ([[NAN, 2.0]], "whole numbers; `X` holds nan in row 0"),
        ([["a"], ["b", "c"]], "SequenceVectorizer"),
        (["a b", "c"], "SequenceVectorizer"),
        (np.ones((2, 3, 4)), r"shape \(2, 3, 4\)"),
        ([np.ones((2, 2)), np.ones((3, 2))], r"row 0 of `X` has shape \(2, 2\)"),
        ([1, 2], "Reshape your data"),
    ],
)
def test_bad_tokens_get_one_error_and_leave_nothing_fitted(X, message):
    learner = Learner()
    with pytest.raises(InvalidInputError, match=message):
        validate_tokens(learner, X, reset=True, vocabulary_size=10)
    assert not vars(learner)


def test_an_id_beyond_int32_does_not_wrap_around():
    with pytest.raises(InvalidInputError, match="row 0, timestep 0"):
        read_tokens(np.array([[2**32 + 1]]))


def marked_tokens():
    return np.array([[3, 1, 2], [4, 0, 0], [5, 6, 0]], token_dtype(9))


@pytest.mark.parametrize(
    "change",
    [
        lambda ids: ids,
        lambda ids: ids[:2],
        lambda ids: ids[[2, 0]],
        lambda ids: _safe_indexing(ids, [0, 1]),
        lambda ids: train_test_split(ids)[0],
        lambda ids: pickle.loads(pickle.dumps(ids)),
        copy.deepcopy,
    ],
)
def test_token_ids_are_known_wherever_their_rows_go(change):
    ids = change(marked_tokens())
    learner = Learner()
    with pytest.raises(InvalidInputError, match=r"token ids.*`vocabulary_size=9`"):
        validate_sequences(learner, ids, reset=True)
    assert not vars(learner)
    assert type(ids) is np.ndarray
    assert read_tokens(ids).values.tolist() == ids.tolist()
    validate_sequences(learner, ids.astype(float), reset=True)


LOOKS = {
    "padded": (marked_tokens().astype(int), True),
    "unsigned": (marked_tokens().astype(np.uint8), True),
    "one length": (np.arange(1, 7).reshape(2, 3), False),
    "two lengths": (np.array([[1, 2], [3, 0]]), False),
    "zeros in between": (np.array([[3, 1, 2], [4, 0, 1], [5, 6, 0], [3, 0, 0]]), False),
    "below zero": (np.array([[3, 1, 2], [-4, 0, 0], [5, 6, 0]]), False),
    "an empty row": (np.array([[3, 1, 2], [0, 0, 0], [5, 6, 0]]), False),
    "floats": (marked_tokens().astype(float), False),
    "three dimensions": (marked_tokens()[..., np.newaxis].astype(int), False),
    "no rows": (np.zeros((0, 3), int), False),
}


@pytest.mark.parametrize("case", LOOKS)
def test_what_looks_like_padded_tokens(case):
    X, expected = LOOKS[case]
    assert looks_like_tokens(X) is expected


# ---- frames: cells that are sequences, and names of channels ------------------------------------

CHANNELS = ["pulse", "weight"]
RECORDS = [np.arange(2.0 * n).reshape(n, 2) for n in (3, 1, 4, 2, 5, 2)]
NESTED = pd.DataFrame({"s": [values.tolist() for values in RECORDS]})
ARROW = pl.DataFrame(NESTED.to_dict("list")).to_arrow()
BY_CHANNEL = {name: [v[:, k] for v in RECORDS] for k, name in enumerate(CHANNELS)}
FRAMES = [pd.DataFrame(values, columns=CHANNELS) for values in RECORDS]

COLUMNS_OF_SEQUENCES = {
    "a column of lists": NESTED,
    "a selected column": NESTED["s"],
    "a column of arrays": pd.DataFrame({"s": RECORDS}),
    "polars": pl.DataFrame(NESTED.to_dict("list")),
    "a column of polars": pl.DataFrame(NESTED.to_dict("list"))["s"],
    "Arrow": ARROW,
    "a column of Arrow": ARROW["s"],
    "from Parquet": ARROW.to_pandas(),
    "Arrow in pandas": ARROW.to_pandas(types_mapper=pd.ArrowDtype),
}
NAMED_SEQUENCES = {
    "nested": pd.DataFrame({k: [pd.Series(v) for v in c] for k, c in BY_CHANNEL.items()}),
    "arrays": pd.DataFrame(BY_CHANNEL),
    "polars channels": pl.DataFrame({k: [v.tolist() for v in c] for k, c in BY_CHANNEL.items()}),
    "a list of frames": FRAMES,
    "a list of polars frames": [pl.from_pandas(frame) for frame in FRAMES],
    "a column of frames": pd.Series(FRAMES),
    "an array that says its channels": name_channels(as_object_array(RECORDS), CHANNELS),
}


@pytest.mark.parametrize("case", COLUMNS_OF_SEQUENCES | NAMED_SEQUENCES)
def test_cells_of_frames_may_be_sequences(case):
    X = (COLUMNS_OF_SEQUENCES | NAMED_SEQUENCES)[case]
    learner = Learner()
    batch, expected = validate_sequences(learner, X, reset=True), read(RECORDS)
    np.testing.assert_array_equal(batch.values, expected.values)
    assert batch.lengths.tolist() == expected.lengths.tolist()
    names = getattr(learner, "feature_names_in_", None)
    assert (None if names is None else names.tolist()) == (
        CHANNELS if case in NAMED_SEQUENCES else None
    )


def test_a_column_of_token_ids_is_read():
    assert read_tokens(pd.DataFrame({"ids": [[4, 2], [7]]})).values.tolist() == [[4, 2], [7, 0]]
    assert read_tokens(pl.DataFrame({"ids": [[4, 2], [7]]})).lengths.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (NESTED.assign(age=3), r"\['s'\] of `X` hold sequences and \['age'\].*make_views"),
        (pd.DataFrame({"s": [[1.0], None]}), "Row 1 .* cell without a sequence"),
        (pd.DataFrame({"a": [[1.0]], "b": [[1.0, 2.0]]}), r"row 0 .*shapes \[\(1,\), \(2,\)\]"),
        (pd.DataFrame({"a": [[[1.0]]], "b": [[[1.0]]]}), r"row 0 .*shapes \[\(1, 1\)"),
        ([FRAMES[0], FRAMES[1][CHANNELS[::-1]]], "row 0 has .* and row 1 has .*one order"),
        ([FRAMES[0], FRAMES[1].rename(columns={"pulse": "x"})], "same columns"),
        ([FRAMES[0], RECORDS[1], FRAMES[2][CHANNELS[::-1]]], "row 0 has .* and row 2 has"),
    ],
)
def test_frames_that_do_not_fit_leave_nothing_fitted(X, message):
    learner = Learner()
    with pytest.raises(InvalidInputError, match=f"(?s){message}"):
        validate_sequences(learner, X, reset=True)
    assert not vars(learner)


def swap_channels(X):
    if isinstance(X, list):
        return [frame[CHANNELS[::-1]] for frame in X]
    if isinstance(X, pd.Series):
        return X.map(lambda frame: frame[CHANNELS[::-1]])
    if isinstance(X, np.ndarray):
        return name_channels(X, CHANNELS[::-1])
    return X[CHANNELS[::-1]]


@pytest.mark.parametrize("case", NAMED_SEQUENCES)
def test_names_of_channels_are_compared_after_fit(case):
    X = NAMED_SEQUENCES[case]
    learner = fitted_on(X)
    validate_sequences(learner, X, reset=False)
    with pytest.raises(InvalidInputError, match=r"(?s)feature names.*same order"):
        validate_sequences(learner, swap_channels(X), reset=False)
    validate_sequences(learner, RECORDS, reset=False)  # picked out of an array: no names, no word
    validate_sequences(learner, RECORDS, reset=True)
    assert not hasattr(learner, "feature_names_in_")


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X[1:],
        lambda X: _safe_indexing(X, [1, 0]),
        lambda X: train_test_split(X)[1],
        lambda X: pickle.loads(pickle.dumps(X)),
        copy.deepcopy,
    ],
)
def test_names_of_channels_go_wherever_their_rows_go(change):
    X = change(NAMED_SEQUENCES["an array that says its channels"])
    assert channel_names(X) == CHANNELS
    assert type(X) is np.ndarray
    assert X.dtype == object
    assert channel_names(np.concatenate([X, X])) is None


def test_only_strings_are_names():
    assert channel_names([pd.DataFrame(values) for values in RECORDS]) is None
    assert channel_names(name_channels(as_object_array(RECORDS), [0, 1])) is None


def test_names_are_part_of_the_content_of_sequences():
    swapped = swap_channels(NAMED_SEQUENCES["an array that says its channels"])
    digests = {data_digest(X, None) for X in (swapped, as_object_array(RECORDS))}
    digests.add(data_digest(NAMED_SEQUENCES["an array that says its channels"], None))
    assert len(digests) == 3
