"""Vocabularies go out of estimators and come back as they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from stackens.vocabularies import Vocabulary, put_vocabularies, without_vocabularies

TEXTS = [f"word{i} {'even' if i % 2 == 0 else 'odd'}" for i in range(1000)]

words = st.lists(st.text(), unique=True)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words, st.data())
def test_any_words_come_back_in_their_order(words, data):
    numbers = data.draw(
        st.lists(st.integers(0, 2**63 - 1), min_size=len(words), max_size=len(words))
    )
    for given_numbers in (None, np.array(numbers, np.int64)):
        arrays = Vocabulary(["a", 0], words, given_numbers).to_arrays()
        found = Vocabulary.from_arrays(["a", 0], arrays)
        assert found.words == words
        assert found.path == ["a", 0]
        if given_numbers is not None:
            assert list(found.restore().items()) == list(zip(words, numbers, strict=True))


def test_what_was_never_text_comes_back():
    words = ["\ud800", "a\x00b", "", "\n"]
    arrays = Vocabulary(["a"], words, None).to_arrays()
    assert Vocabulary.from_arrays(["a"], arrays).words == words


def fitted():
    words = make_union(TfidfVectorizer(), CountVectorizer(analyzer="char"))
    return make_pipeline(words, LogisticRegression()).fit(TEXTS, np.arange(1000) % 2)


def test_an_estimator_stays_as_it_is():
    """Somebody may predict with it meanwhile."""
    pipeline = fitted()
    before = pipeline.predict_proba(TEXTS)
    vectorizer = pipeline[0].transformer_list[0][1]
    state, vocabulary = dict(vars(vectorizer)), vectorizer.vocabulary_
    small, found = without_vocabularies(pipeline)
    assert [one.path[-1] for one in found] == ["vocabulary_"]  # 20 characters stay
    assert small[0].transformer_list[0][1].vocabulary_ == {}
    assert small[1] is pipeline[1]
    assert pipeline[0].transformer_list[0][1] is vectorizer
    assert vectorizer.vocabulary_ is vocabulary
    assert vars(vectorizer) == state
    np.testing.assert_array_equal(pipeline.predict_proba(TEXTS), before)


def test_what_stands_in_two_places_is_taken_out_of_both():
    """As in scikit-learn's stacks, whose fitted learners also go by name."""
    words = CountVectorizer().fit(TEXTS)
    held = {"list": [words], "name": {"words": words}}
    held["itself"] = held
    small, found = without_vocabularies(held)
    assert [one.path for one in found] == [
        ["list", 0, "vocabulary_"],
        ["name", "words", "vocabulary_"],
    ]
    assert found[0].words is found[1].words
    assert small["list"][0].vocabulary_ == small["name"]["words"].vocabulary_ == {}
    assert len(words.vocabulary_) == 1002


def test_vocabularies_come_back_into_what_has_none():
    pipeline, again = fitted(), fitted()
    _, found = without_vocabularies(pipeline)
    again[0].transformer_list[0][1].vocabulary_ = {}
    put_vocabularies(again, found)
    np.testing.assert_array_equal(again.predict_proba(TEXTS), pipeline.predict_proba(TEXTS))
    with pytest.raises(ValueError, match="no empty place"):  # it is there
        put_vocabularies(again, found)


def test_lists_and_dicts_of_words_are_vocabularies_and_others_are_not():
    names = DictVectorizer().fit([{f"k{i}": 1.0} for i in range(1000)])
    _, found = without_vocabularies(names)
    assert {tuple(one.path): one.numbers is None for one in found} == {
        ("feature_names_",): True,
        ("vocabulary_",): False,
    }
    for vocabulary in (
        {f"k{i}": -i for i in range(1000)},
        {f"k{i}": 2**70 for i in range(1000)},
        {i: i for i in range(1000)},
        {f"k{i}": True for i in range(1000)},
    ):
        names.vocabulary_ = vocabulary
        _, found = without_vocabularies(names)
        assert [one.path for one in found] == [["feature_names_"]]


def test_what_is_a_parameter_comes_back_too():
    given_words = {f"word{i}": i for i in range(1000)}
    counter = CountVectorizer(vocabulary=given_words).fit(TEXTS)
    small, found = without_vocabularies(counter)
    assert {one.path[0] for one in found} == {"vocabulary", "vocabulary_"}
    emptied = clone(small)
    put_vocabularies(emptied, [one for one in found if one.path == ["vocabulary"]])
    assert emptied.vocabulary == given_words


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ([], ValueError),
        (["other"], KeyError),
        (["steps", 9], IndexError),
        (["steps", 1, 1, "coef_", 0], TypeError),
        (["steps", 0, 1], ValueError),
        (["steps", 1, 1, "solver"], ValueError),
    ],
)
def test_places_that_are_none_are_refused(path, error):
    with pytest.raises(error):
        put_vocabularies(fitted(), [Vocabulary(path, ["a"], np.array([0]))])


@pytest.mark.parametrize(
    "arrays",
    [
        {"ends": np.array([1, 2])},
        {"text": np.array(["ab"])},
        {"ends": np.array([2, 1, 2])},
        {"ends": np.array([-1, 2, 2])},
        {"ends": np.array([1, 2, 3])},
        {"ends": np.array([1.0, 2.0])},
        {"numbers": np.array([0, 1, 2])},
        {"numbers": np.array([0.0, 1.0])},
        {"text": np.frombuffer(b"aa", np.uint8), "ends": np.array([1, 2])},
        {"text": np.frombuffer(b"\xff\xff", np.uint8)},
    ],
)
def test_arrays_that_are_no_vocabulary_are_refused(arrays):
    good = Vocabulary([], ["a", "b"], np.array([0, 1])).to_arrays()
    if arrays.keys() == {"ends"} and arrays["ends"].tolist() == [1, 2]:
        del good["text"]  # nothing to refuse in these ends but that there is no text
    with pytest.raises((KeyError, TypeError, ValueError)):
        Vocabulary.from_arrays([], {**good, **arrays})


@pytest.mark.parametrize("path", [[None], [True], [1.5], [["a"]]])
def test_paths_of_other_things_are_refused(path):
    arrays = Vocabulary([], ["a"], None).to_arrays()
    with pytest.raises(TypeError):
        Vocabulary.from_arrays(path, arrays)
