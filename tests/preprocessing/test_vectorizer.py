"""SequenceVectorizer: strings to ids, by scikit-learn's tokens."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer

from stackens import SequenceVectorizer
from stackens.exceptions import InvalidInputError
from stackens.sequences import validate_tokens

TEXTS = ["The cat sat.", "the dog sat on the mat", "A cat"]
texts = st.lists(st.text(alphabet="ab c.ÄDé", max_size=12), min_size=1, max_size=5)


def test_frequent_tokens_come_first_and_ties_by_the_alphabet():
    vectorizer = SequenceVectorizer().fit(TEXTS)
    expected = ["", "[UNK]", "the", "cat", "sat", "a", "dog", "mat", "on"]
    assert vectorizer.get_vocabulary() == expected
    assert vectorizer.n_tokens_ == len(expected)
    assert SequenceVectorizer().fit(TEXTS[::-1]).vocabulary_ == vectorizer.vocabulary_


def test_unknown_tokens_are_1_and_padding_is_0():
    ids = SequenceVectorizer().fit(TEXTS).transform(["the bird sat", "dog"])
    assert ids.tolist() == [[2, 1, 4], [6, 0, 0]]
    assert ids.dtype == np.int32


@pytest.mark.parametrize("analyzer", ["word", "char"])
@given(X=texts)
def test_tokens_are_those_of_scikit_learn(analyzer, X):
    vectorizer = SequenceVectorizer(analyzer=analyzer).fit(X)
    analyze = CountVectorizer(analyzer=analyzer, token_pattern=r"(?u)\b\w+\b").build_analyzer()
    expected = [list(analyze(text)) or ["[UNK]"] for text in X]
    assert vectorizer.inverse_transform(vectorizer.transform(X)) == expected


@given(X=texts, new=texts, max_tokens=st.integers(3, 8), max_length=st.integers(1, 6))
def test_ids_always_fit_a_learners_table(X, new, max_tokens, max_length):
    vectorizer = SequenceVectorizer(max_tokens, max_length=max_length).fit(X)
    assert vectorizer.n_tokens_ <= max_tokens
    batch = validate_tokens(
        clone(vectorizer),
        vectorizer.transform(new),
        reset=True,
        vocabulary_size=vectorizer.n_tokens_,
    )
    assert batch.n_timesteps <= max_length


def test_a_budget_keeps_the_most_frequent():
    assert SequenceVectorizer(4).fit(TEXTS).get_vocabulary() == ["", "[UNK]", "the", "cat"]


@pytest.mark.parametrize(("truncation", "kept"), [("right", "the dog"), ("left", "the mat")])
def test_the_chosen_end_is_cut_off(truncation, kept):
    vectorizer = SequenceVectorizer(max_length=2, truncation=truncation).fit(TEXTS)
    assert vectorizer.inverse_transform(vectorizer.transform(TEXTS))[1] == kept.split()


def test_a_text_without_tokens_is_one_unknown():
    assert SequenceVectorizer().fit(TEXTS).transform(["", "..."]).tolist() == [[1], [1]]


def test_lower_case_and_token_pattern_are_settings():
    vectorizer = SequenceVectorizer(lowercase=False, token_pattern=r"[A-Z]\w*").fit(TEXTS)
    assert vectorizer.get_vocabulary()[2:] == ["A", "The"]


def test_series_and_arrays_of_strings_are_texts():
    series = pd.Series(TEXTS, index=[5, 6, 7])
    others = pa.array(TEXTS), pa.chunked_array([TEXTS]), pl.Series(TEXTS)
    for X in (series, np.array(TEXTS), np.array(TEXTS, object), *others):
        assert SequenceVectorizer().fit_transform(X).shape == (3, 6)


def test_survives_pickling():
    vectorizer = SequenceVectorizer().fit(TEXTS)
    back = pickle.loads(pickle.dumps(vectorizer))
    np.testing.assert_array_equal(back.transform(TEXTS), vectorizer.transform(TEXTS))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("one text", "got a single str"),
        (3, "got a single int"),
        ([], "at least one text"),
        (["a", None], "row 1 is a NoneType"),
        (["a", 2.5], "row 1 is a float"),
        ([["a", "b"]], "row 0 is a list"),
        (pd.DataFrame({"text": TEXTS}), "data frame. Pass one column"),
    ],
)
def test_refuses_what_is_no_list_of_texts(X, message):
    with pytest.raises(InvalidInputError, match=message):
        SequenceVectorizer().fit(X)
    with pytest.raises(InvalidInputError, match=message):
        SequenceVectorizer().fit(TEXTS).transform(X)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("max_tokens", 2),
        ("max_tokens", 10.5),
        ("max_length", 0),
        ("truncation", "middle"),
        ("analyzer", "syllable"),
    ],
)
def test_refuses_bad_parameters(parameter, value):
    with pytest.raises(InvalidInputError, match=f"`{parameter}` must be .*{value}"):
        SequenceVectorizer(**{parameter: value}).fit(TEXTS)


def test_needs_fit_and_known_ids():
    with pytest.raises(NotFittedError):
        SequenceVectorizer().transform(TEXTS)
    with pytest.raises(InvalidInputError, match="holds 99 in row 0"):
        SequenceVectorizer().fit(TEXTS).inverse_transform([[99]])
