"""sequences_from_frame: a long table read back, or refused by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackens import sequences_from_frame
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


def test_refuses_an_empty_frame_and_what_is_no_frame():
    with pytest.raises(InvalidInputError, match="at least one row"):
        read(long_frame().iloc[:0])
    with pytest.raises(InvalidInputError, match=r"must be a pandas.DataFrame; got ndarray"):
        read(np.ones((2, 2)))
