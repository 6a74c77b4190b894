"""sequences_from_frame: a long table read back, or refused by name."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer

from stackens import SequenceScaler, SequenceSummarizer, sequences_from_frame
from stackens.exceptions import InvalidInputError


def long_frame(**changes):
    columns = {
        "patient": ["p", "q", "p", "q", "p"],
        "visit": [1, 1, 2, 3, 5],
        "pulse": [60.0, 70.0, 61.0, 71.0, 62.0],
        "weight": [80, 90, 81, 91, 82],
        "ill": ["no", "yes", "no", "yes", "no"],
        "clinic": [4, 5, 4, 5, 4],
    }
    return pd.DataFrame({**columns, **changes})


def read(frame, **options):
    options = {"id": "patient", "time": "visit", "label": "ill", "group": "clinic"} | options
    return sequences_from_frame(frame, **options)


def test_rows_of_an_id_become_a_sequence():
    X, y, groups, ids = read(long_frame())
    assert X.dtype == object
    assert X[0].tolist() == [[60, 80], [61, 81], [62, 82]]
    assert X[1].tolist() == [[70, 90], [71, 91]]
    assert y.tolist() == ["no", "yes"]
    assert groups.tolist() == [4, 5]
    assert ids.tolist() == ["p", "q"]


def test_features_can_be_chosen_and_ordered():
    sequences = read(long_frame(), features=["weight", "pulse"], label=None, group=None)
    assert sequences.X[1][0].tolist() == [90, 70]
    assert sequences.y is None
    assert sequences.groups is None


@given(st.permutations(range(5)))
def test_sorting_undoes_every_order_of_rows(order):
    shuffled = read(long_frame().iloc[order], sort=True)
    expected = dict(zip(*[read(long_frame())[i] for i in (3, 0)], strict=True))
    assert sorted(shuffled.ids) == ["p", "q"]
    for key, values in zip(shuffled.ids, shuffled.X, strict=True):
        np.testing.assert_array_equal(values, expected[key])


def test_missing_measurements_become_nan():
    frame = long_frame(pulse=[60.0, None, 61.0, 71.0, 62.0])
    assert np.isnan(read(frame).X[1][0, 0])
    frame["weight"] = pd.array([80, None, 81, 91, 82], dtype="Int64")
    assert np.isnan(read(frame).X[1][0]).all()


def test_unused_categories_make_no_sequences():
    frame = long_frame(patient=pd.Categorical(list("pqpqp"), categories=list("opq")))
    assert read(frame).ids.tolist() == ["p", "q"]


def test_the_frame_is_not_changed():
    frame = long_frame().iloc[::-1]
    before = frame.copy()
    read(frame, sort=True)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({}, {"time": "day"}, r"lacks the columns \['day'\]; it has \['patient'"),
        ({"visit": [1, 1, 2, 1, 5]}, {}, "Sequence 'q' has the visit .*1.* more than once"),
        ({"visit": [2, 1, 1, 3, 5]}, {}, "sequence 'p' are not in the order of 'visit'.*sort=True"),
        ({"ill": ["no", "yes", "yes", "yes", "no"]}, {}, "'ill' must be constant.*'p' has"),
        ({"clinic": [4, 5, 4, 6, 4]}, {}, r"'clinic' must be constant.*'q' has \[5, 6\]"),
        ({"pulse": list("abcde")}, {}, r"must be numeric; the columns \['pulse'\]"),
        ({"patient": ["p", None, "p", "q", "p"]}, {}, "'patient' must have no missing"),
        ({"ill": [None, "yes", "no", "yes", "no"]}, {}, "'ill' must have no missing"),
        ({}, {"features": []}, "at least one column"),
        ({"ill": [0, 1, 0, 1, 0]}, {"features": ["pulse", "ill"]}, "'ill' cannot be both"),
    ],
)
def test_errors_name_the_column_and_the_sequence(changes, options, message):
    with pytest.raises(InvalidInputError, match=message):
        read(long_frame(**changes), **options)


TEXT_TIMES = {
    "hours": ["8:59", "8:59", "9:59", "9:59", "10:00"],
    "days": ["30.01.2024", "30.01.2024", "01.02.2024", "01.02.2024", "02.02.2024"],
    "numbered": ["t8", "t8", "t9", "t9", "t10"],
}
NO_TIMES = {"bytes": [b"8", b"8", b"9", b"9", b"10"], "mixed": [1, 1, "2", "2", 3]}
TEXT_TYPES = {
    "string": lambda values: pd.Series(values, dtype="string"),
    "arrow": lambda values: pd.Series(values, dtype=pd.ArrowDtype(pa.string())),
    "polars": pl.Series,
    "polars category": lambda values: pl.Series(values, dtype=pl.Categorical),
}
ANY_TYPES = {
    "object": lambda values: pd.Series(values, dtype=object),
    "category": lambda values: pd.Series(values, dtype=object).astype("category"),
}


@pytest.mark.parametrize("sort", [False, True])
@pytest.mark.parametrize(
    ("times", "held"),
    [
        *itertools.product(TEXT_TIMES.values(), [*TEXT_TYPES.values(), *ANY_TYPES.values()]),
        *itertools.product(NO_TIMES.values(), ANY_TYPES.values()),
    ],
)
def test_times_that_are_text_are_refused_however_they_are_held(times, held, sort):
    column = held(times)
    make = pd.DataFrame if isinstance(column, pd.Series) else pl.DataFrame
    frame = make(long_frame().to_dict("list") | {"visit": column})
    with pytest.raises(InvalidInputError, match=r"'visit' must hold times.*pandas\.to_datetime"):
        read(frame, sort=sort)


WORDS = ["first", "first", "second", "last", "last"]
ORDERED_TIMES = {
    "ordered category": pd.Categorical(WORDS, ["first", "second", "last"], ordered=True),
    "numbers in a category": pd.Categorical([8, 8, 9, 10, 10]),
    "dates": [dt.date(2024, month, 1) for month in (1, 1, 2, 3, 12)],
    "durations": pd.to_timedelta([8, 8, 9, 10, 10], unit="h"),
    "dates of a zone": pd.to_datetime([8, 8, 9, 10, 10], unit="h", utc=True),
    "periods": pd.period_range("2024-01", periods=5, freq="M"),
    "nullable": pd.array([8, 8, 9, 10, 10], dtype="Int64"),
    "infinite": [-np.inf, -np.inf, 0, 1, np.inf],
}


@pytest.mark.parametrize("times", ORDERED_TIMES)
def test_times_with_an_order_are_taken_in_it(times):
    frame = long_frame(visit=ORDERED_TIMES[times])
    expected = [sequence.tolist() for sequence in read(long_frame()).X]
    assert [sequence.tolist() for sequence in read(frame).X] == expected
    backwards = read(frame.iloc[::-1], sort=True)
    assert [sequence.tolist() for sequence in backwards.X] == expected
    with pytest.raises(InvalidInputError, match="not in the order of 'visit'"):
        read(frame.iloc[::-1])


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas])
def test_frames_of_other_libraries_give_the_same(convert):
    frame = long_frame(pulse=[60.0, None, 61.0, 71.0, 62.0])
    frame["visit"] = pd.to_datetime(frame["visit"], unit="D")
    expected, given = read(frame), read(convert(frame))
    for own, other in zip(expected.X, given.X, strict=True):
        np.testing.assert_array_equal(own, other)
    for name in ("y", "groups", "ids"):
        assert getattr(given, name).tolist() == getattr(expected, name).tolist()


def test_a_lazy_frame_is_to_be_collected_first():
    with pytest.raises(InvalidInputError, match=r"collect\(\)"):
        read(pl.from_pandas(long_frame()).lazy())


def test_several_columns_together_say_which_sequence_it_is():
    frame = long_frame(clinic=[4, 5, 4, 5, 7])
    sequences = read(frame, id=["patient", "clinic"], group=None)
    assert sequences.ids.tolist() == [("p", 4), ("q", 5), ("p", 7)]
    assert sequences.y.tolist() == ["no", "yes", "no"]
    assert sequences.X[0].tolist() == [[60, 80], [61, 81]]
    with pytest.raises(InvalidInputError, match=r"\('p', 4\) are not in the order"):
        read(long_frame(visit=[2, 1, 1, 3, 5]), id=["patient", "clinic"], group=None)


def slow_sequences(frame):
    """Read one id after the other: what any faster way must agree with."""
    parts = {key: part.sort_values("t", kind="stable") for key, part in frame.groupby("id")}
    return {key: part[["x"]].to_numpy(float).tolist() for key, part in parts.items()}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 9)), min_size=1, unique=True))
def test_any_rows_are_read_as_one_id_after_the_other(rows):
    frame = pd.DataFrame(rows, columns=["id", "t"])
    frame["x"] = np.arange(len(frame))
    X, _, _, ids = sequences_from_frame(frame, id="id", time="t", sort=True)
    given = dict(zip(ids.tolist(), [x.tolist() for x in X], strict=True))
    assert given == slow_sequences(frame)
    assert ids.tolist() == frame["id"].unique().tolist()


def test_refuses_an_empty_frame_and_what_is_no_frame():
    with pytest.raises(InvalidInputError, match="at least one row"):
        read(long_frame().iloc[:0])
    with pytest.raises(InvalidInputError, match=r"must be a data frame.*got ndarray"):
        read(np.ones((2, 2)))


def test_names_of_channels_travel_to_an_estimator():
    frame = long_frame()
    names = {"features": ["pulse", "weight"]}
    scaler = SequenceScaler().fit(read(frame, **names).X)
    assert scaler.feature_names_in_.tolist() == ["pulse", "weight"]
    with pytest.raises(InvalidInputError, match="feature names"):
        scaler.transform(read(frame, features=["weight", "pulse"]).X)


def test_a_column_transformer_selects_columns_of_sequences():
    frame = pd.DataFrame(
        {"pulse": [[1.0, 3.0], [5.0]], "weight": [[2.0, 4.0], [6.0]], "age": [7, 8]}
    )
    mean = SequenceSummarizer(["mean"])
    table = make_column_transformer((mean, ["pulse", "weight"]), ("passthrough", ["age"]))
    assert table.fit_transform(frame).tolist() == [[2, 3, 7], [5, 6, 8]]
    names = ["sequencesummarizer__pulse_mean", "sequencesummarizer__weight_mean"]
    assert table.get_feature_names_out().tolist() == [*names, "passthrough__age"]
    single = make_column_transformer((mean, "weight"))
    assert single.fit_transform(frame).tolist() == [[3], [6]]


@pytest.mark.parametrize("twice", ["pulse", "patient", "ill"])
def test_duplicate_columns_are_named(twice):
    frame = long_frame()
    frame = pd.concat([frame, frame[[twice]]], axis=1)
    with pytest.raises(InvalidInputError, match=rf"`frame` .* once; got \['{twice}'\]"):
        read(frame)
    if twice == "pulse":
        assert read(frame, features=["weight"]).X[0].tolist() == [[80], [81], [82]]


def test_duplicate_features_are_named():
    with pytest.raises(InvalidInputError, match=r"`features` .* once; got \['pulse'\]"):
        read(long_frame(), features=["pulse", "weight", "pulse"])
