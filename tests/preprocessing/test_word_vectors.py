"""Tables of word vectors, and the text files that hold them."""

from __future__ import annotations

import copy
import gzip
import pickle

import numpy as np
import pytest

from stackens import SequenceVectorizer, WordVectors, read_word_vectors
from stackens.exceptions import InvalidInputError

WORDS = ["the", "film", "good", "café", "bad"]
VECTORS = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


def lines():
    return [
        f"{word} {' '.join(f'{value:.9g}' for value in vector)}"
        for word, vector in zip(WORDS, VECTORS, strict=True)
    ]


GLOVE = "\n".join(lines()) + "\n"
WORD2VEC = "5 3\n" + " \n".join(lines()) + " \n"  # its writer leaves a space at each line's end


@pytest.fixture(params=["glove", "word2vec", "glove.gz", "word2vec.gz"])
def path(request, tmp_path):
    text = WORD2VEC if request.param.startswith("word2vec") else GLOVE
    path = tmp_path / f"vectors.{request.param}"
    content = text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def test_reads_what_was_written(path):
    vectors = read_word_vectors(path)
    assert vectors.words == tuple(WORDS)
    np.testing.assert_array_equal(vectors.vectors, VECTORS)
    assert len(vectors) == 5
    assert vectors.n_dimensions == 3


def test_reads_only_the_needed_words_and_some_more(path):
    assert read_word_vectors(path, ["bad", "film", "zebra"]).words == ("film", "bad")
    assert read_word_vectors(str(path), ["bad"], n_more=2).words == ("the", "film", "bad")


def test_stops_reading_when_all_is_there(tmp_path):
    path = tmp_path / "broken_later.txt"
    path.write_text(GLOVE + "no numbers\n")
    assert read_word_vectors(path, ["film"]).words == ("film",)
    with pytest.raises(InvalidInputError, match="line 6"):
        read_word_vectors(path, ["film", "zebra"])


def test_agrees_with_numpy_on_a_larger_file(tmp_path):
    rng = np.random.default_rng(1)
    table = rng.normal(size=(200, 20)).astype("float32")
    path = tmp_path / "large.txt"
    np.savetxt(path, table, fmt="%.9g")
    numbers = path.read_text().splitlines()
    path.write_text("".join(f"w{i} {row}\n" for i, row in enumerate(numbers)))
    needed = [f"w{i}" for i in rng.permutation(200)[:50]]
    vectors = read_word_vectors(path, needed)
    for word in needed:
        np.testing.assert_array_equal(vectors[word], table[int(word[1:])])


def test_words_of_glove_may_hold_spaces(tmp_path):
    path = tmp_path / "spaces.txt"
    path.write_text("a 1 2\n. . . 3 4\nat name@domain 5 6\n")
    assert read_word_vectors(path).words == ("a", ". . .", "at name@domain")


def test_of_equal_words_the_first_counts(tmp_path):
    path = tmp_path / "twice.txt"
    path.write_text("a 1 2\na 3 4\n")
    assert read_word_vectors(path).vectors.tolist() == [[1, 2]]
    assert WordVectors(["a", "a"], [[1, 2], [3, 4]])["a"].tolist() == [1, 2]


FAULTS = {
    "a number missing": ("a 1 2 3\nb 1 2\n", r"line 2: expected a word and 3 finite.*got 2"),
    "a number more": ("a 1 2 3\nb 1 2 3 4\n", "line 2: .*got 4"),
    "no number": ("a 1 2 3\nb 1 x 3\n", "line 2"),
    "not a number": ("a 1 2 3\nb 1 nan 3\n", "line 2"),
    "infinite": ("3 2\na 1 2\nb 1 inf\nc 1 2\n", "line 3"),
    "another dimension than the first line says": (
        "2 4\na 1 2 3\nb 1 2 3\n",
        "line 2: .* 4 finite",
    ),
    "an empty line": ("a 1 2 3\n\nb 1 2 3\n", "line 2"),
    "a word alone": ("a\nb\n", "line 1"),
    "too short": ("3 2\na 1 2\nb 1 2\n", "3 words by its first line; it ends after 2"),
    "empty": ("", "it is empty"),
    "a header alone": ("0 2\n", "it is empty"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_names_the_bad_line(case, tmp_path):
    text, message = FAULTS[case]
    path = tmp_path / "faulty.txt"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        read_word_vectors(path)


def test_a_line_that_is_not_needed_is_counted_but_not_parsed(tmp_path):
    path = tmp_path / "faulty.txt"
    path.write_text("a 1 2\nb 1 x\nc 1 2\n")
    assert read_word_vectors(path, ["a", "c", "d"]).words == ("a", "c")
    path.write_text("a 1 2\nb 1\nc 1 2\n")
    with pytest.raises(InvalidInputError, match="line 2"):
        read_word_vectors(path, ["a", "c"])


@pytest.mark.parametrize(
    "content", [b"a 1 2\n", gzip.compress(b"a 1 2\n" * 5000)[:-20]], ids=["plain", "cut off"]
)
def test_a_damaged_archive(content, tmp_path):
    path = tmp_path / "vectors.txt.gz"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"vectors\.txt\.gz is damaged"):
        read_word_vectors(path)


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "vectors.bin"
    path.write_bytes(b"2 3\na " + np.arange(3, dtype="f4").tobytes() + b"\n" + b"\x00" * 14)
    with pytest.raises(InvalidInputError, match="Only text files"):
        read_word_vectors(path)


def test_no_needed_word_in_the_file(path):
    with pytest.raises(InvalidInputError, match=r"None of the 2 words.*'Film'.*'the'.*lower case"):
        read_word_vectors(path, ["Film", "Plot"])


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_word_vectors(tmp_path / "none.txt")
    with pytest.raises(InvalidInputError, match="n_more"):
        read_word_vectors(tmp_path / "none.txt", n_more=-1)


def test_a_matrix_in_the_order_of_a_vocabulary():
    vectorizer = SequenceVectorizer(max_tokens=8).fit(["good film plot", "good"])
    vectors = WordVectors(WORDS, VECTORS)
    table = vectors.matrix(vectorizer.get_vocabulary(), n_rows=8)
    assert table.shape == (8, 3)
    for word, i in vectorizer.vocabulary_.items():
        expected = vectors[word] if word in vectors else np.full(3, np.nan)
        np.testing.assert_array_equal(table[i], expected)
    assert table[0].tolist() == [0, 0, 0]
    assert np.isnan(table[[1, 5, 6, 7]]).all()
    with pytest.raises(InvalidInputError, match=r"5 ids.*`n_rows`=4"):
        vectors.matrix(vectorizer.get_vocabulary(), n_rows=4)


def test_vectors_of_another_vocabulary():
    with pytest.raises(InvalidInputError, match=r"None of the 1 words.*'chat'.*'the'"):
        WordVectors(["[UNK]", "the"], [[1], [2]]).matrix(["", "[UNK]", "chat"])


@pytest.mark.parametrize(
    ("words", "vectors"),
    [(["a"], [[1.0], [2.0]]), (["a"], [1.0]), ([], np.empty((0, 3))), (["a"], [[np.nan]])],
)
def test_refuses_what_is_no_table(words, vectors):
    with pytest.raises(InvalidInputError, match="`vectors` must"):
        WordVectors(words, vectors)


def test_it_does_not_change_and_copies_cost_nothing():
    given = VECTORS.copy()
    vectors = WordVectors(WORDS, given)
    given[:] = 0
    assert vectors["film"].any()
    with pytest.raises(ValueError, match="read-only"):
        vectors.vectors[0] = 1
    assert copy.deepcopy(vectors) is vectors
    loaded = pickle.loads(pickle.dumps(vectors))
    assert loaded.words == vectors.words
    np.testing.assert_array_equal(loaded["bad"], vectors["bad"])
    with pytest.raises(ValueError, match="read-only"):
        loaded.vectors[0] = 1
    assert repr(vectors) == "WordVectors(5 words of 3 dimensions)"


def test_further_tokens_get_ids_while_there_is_room():
    vectorizer = SequenceVectorizer(max_tokens=6).fit(["a b", "a"])
    before = dict(vectorizer.vocabulary_)
    vectorizer.add_tokens(["[UNK]", "b", "", "c", "d", "e"])
    assert vectorizer.vocabulary_ == {**before, "c": 4, "d": 5}
    assert vectorizer.n_tokens_ == 6
    assert vectorizer.transform(["d c e"]).tolist() == [[5, 4, 1]]


def test_a_path_in_the_place_of_vectors_names_what_reads_it():
    with pytest.raises(InvalidInputError, match=r"read_word_vectors\('glove.txt'\)"):
        WordVectors(["a"], "glove.txt")
