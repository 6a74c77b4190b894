"""Vectors of words: a table, and the text files that word2vec and GloVe write."""

from __future__ import annotations

import functools
import gzip
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.parameters import check_count

_SHOWN = 3  # words in a message


class WordVectors:
    """Words, each with a vector; it does not change.

    Parameters
    ----------
    words : sequence of str
        Words; of equal ones, the first counts.
    vectors : array-like of shape (n_words, n_dimensions)
        Their vectors, without NaN.

    Attributes
    ----------
    words : tuple of str
        Words.
    vectors : ndarray of float32 of shape (n_words, n_dimensions)
        Their vectors; cannot be written to.

    Raises
    ------
    InvalidInputError
        If there is not one finite vector for each word, or no word at all.

    See Also
    --------
    read_word_vectors : Reads them from a file.
    EmbeddingPretrainer : Puts them into a network.

    Examples
    --------
    >>> from stackens import WordVectors
    >>> vectors = WordVectors(["good", "bad"], [[1.0, 0.0], [0.0, 1.0]])
    >>> vectors["bad"]
    array([0., 1.], dtype=float32)
    >>> vectors.matrix(["", "[UNK]", "bad"])
    array([[ 0.,  0.],
           [nan, nan],
           [ 0.,  1.]], dtype=float32)
    """

    def __init__(self, words: Sequence[str], vectors: Any) -> None:
        self.words = tuple(words)
        if isinstance(vectors, str | os.PathLike):
            raise InvalidInputError(
                f"`vectors` must be numbers; got the path {str(vectors)!r}. Read the file by "
                f"`read_word_vectors({str(vectors)!r})`."
            )
        self.vectors = np.array(vectors, dtype=np.float32)
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.words) or not self.words:
            raise InvalidInputError(
                "`vectors` must have shape (n_words, n_dimensions), with at least one word; got "
                f"shape {self.vectors.shape} for {len(self.words)} words."
            )
        wrong = np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))
        if len(wrong):
            raise InvalidInputError(
                f"`vectors` must be finite; that of {self.words[wrong[0]]!r} is not."
            )
        self.vectors.setflags(write=False)

    @property
    def n_dimensions(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        return {word: i for i, word in reversed(list(enumerate(self.words)))}

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._places

    def __getitem__(self, word: str) -> np.ndarray:
        return self.vectors[self._places[word]]

    def __repr__(self) -> str:
        return f"WordVectors({len(self)} words of {self.n_dimensions} dimensions)"

    def __getstate__(self) -> dict[str, Any]:
        return {"words": self.words, "vectors": self.vectors}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.vectors.setflags(write=False)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # `clone` of an estimator that has it as a parameter costs nothing

    def matrix(self, vocabulary: Sequence[str], *, n_rows: int | None = None) -> np.ndarray:
        """Return the vectors in the order of ids: what ``embedding__weights`` of a learner takes.

        Parameters
        ----------
        vocabulary : sequence of str
            Words by id, as :meth:`SequenceVectorizer.get_vocabulary` returns them: id 0 is
            padding, whose vector is zero, and id 1 stands for unknown words.
        n_rows : int, default=None
            Number of ids, if there are more than words; None is as many.

        Returns
        -------
        ndarray of float32 of shape (n_rows, n_dimensions)
            NaN in the rows of ids without a vector.

        Raises
        ------
        InvalidInputError
            If no word of the vocabulary has a vector, or there are more words than rows.
        """
        n_rows = len(vocabulary) if n_rows is None else n_rows
        if len(vocabulary) > n_rows:
            raise InvalidInputError(
                f"`vocabulary` has {len(vocabulary)} ids, which is more than `n_rows`={n_rows}."
            )
        places = np.array([self._places.get(word, -1) for word in vocabulary], dtype=int)
        if not (places[2:] >= 0).any():
            raise InvalidInputError(_no_overlap(vocabulary[2:], self.words))
        known = np.flatnonzero(places >= 0)
        table = np.full((n_rows, self.n_dimensions), np.nan, dtype=np.float32)
        table[known] = self.vectors[places[known]]
        table[0] = 0
        return table


def read_word_vectors(
    path: str | os.PathLike[str], words: Iterable[str] | None = None, *, n_more: int = 0
) -> WordVectors:
    r"""Read vectors from a text file of word2vec or GloVe.

    A line is a word and its numbers, separated by single spaces. word2vec writes a first line
    with the number of words and of dimensions; GloVe does not. Nothing is kept, or turned into
    numbers, but what is asked for.

    Parameters
    ----------
    path : path-like
        The file; ``.gz`` is unpacked while it is read.
    words : iterable of str, default=None
        The words that are needed; None is all that the file holds.
    n_more : int, default=0
        So many other words are read, too, from the beginning of the file, where the frequent ones
        are: words that the training rows lack and other rows may have.

    Returns
    -------
    WordVectors
        Needed words that the file lacks are left out; of a word that comes twice the first counts.

    Raises
    ------
    InvalidInputError
        If a line is no word with its numbers, has another dimension than the first, or holds NaN
        (the message names the line); if the file is empty or damaged; or if it has none of the
        needed words.
    OSError
        If it cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from stackens import read_word_vectors
    >>> path = Path(tempfile.mkdtemp()) / "vectors.txt"
    >>> _ = path.write_text("the 0.1 0.2\nfilm 0.3 0.4\nzebra 0.5 0.6\n")
    >>> read_word_vectors(path, ["film", "plot"]).words
    ('film',)
    """
    check_count("n_more", n_more, least=0)
    needed = None if words is None else {word.encode() for word in words}
    lines = _Lines(Path(path))
    found: dict[bytes, np.ndarray] = {}
    n_left = np.inf if needed is None else n_more
    missing = len(needed) if needed is not None else np.inf
    for number, line in lines:
        word = lines.word(number, line)
        is_needed = needed is not None and word in needed
        if word in found or not (is_needed or n_left):
            continue
        found[word] = lines.numbers(number, line)
        missing, n_left = (missing - 1, n_left) if is_needed else (missing, n_left - 1)
        if not missing and not n_left:
            break
    else:
        lines.check_end()
    if needed is not None and missing == len(needed):
        known = [word.decode(errors="replace") for word in lines.first_words]
        raise InvalidInputError(_no_overlap(sorted(w.decode() for w in needed), known, path))
    decoded = [word.decode(errors="replace") for word in found]
    return WordVectors(decoded, np.stack(list(found.values())))


class _Lines:
    """The lines of a file of vectors, as bytes, and what is known of all of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_dimensions: int | None = None
        self.first_words: list[bytes] = []
        self._n_words: int | None = None  # as the first line says, if it does
        self._n_read = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield the number (from 1) of each line with a vector, and the line."""
        unpack = self.path.suffix == ".gz"
        try:
            with gzip.open(self.path, "rb") if unpack else self.path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    line = line.strip(b" \r\n")
                    if number == 1 and self._read_header(line):
                        continue
                    if self.n_dimensions is None:
                        self.n_dimensions = line.count(b" ")
                    self._n_read += 1
                    yield number, line
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InvalidInputError(
                f"{self.path} is damaged, or no gzip file: {error}. Get it again."
            ) from error

    def _read_header(self, line: bytes) -> bool:
        parts = line.split(b" ")
        if len(parts) != 2 or not all(part.isdigit() for part in parts):
            return False
        self._n_words, self.n_dimensions = map(int, parts)
        return True

    def word(self, number: int, line: bytes) -> bytes:
        """Return the word of a line; a few of GloVe's have spaces inside."""
        n_more = line.count(b" ") - (self.n_dimensions or 0)
        if n_more < 0 or not self.n_dimensions:
            raise self._bad(number, line)
        parts = line.split(b" ", n_more + 1)
        if any(map(_is_number, parts[1:-1])):  # no word, but more numbers than elsewhere
            raise self._bad(number, line)
        word = b" ".join(parts[:-1])
        if len(self.first_words) < _SHOWN:
            self.first_words.append(word)
        return word

    def numbers(self, number: int, line: bytes) -> np.ndarray:
        """Return the vector of a line."""
        parts = line.rsplit(b" ", self.n_dimensions or 0)[1:]
        try:
            vector = np.array([float(part) for part in parts], dtype=np.float32)
        except ValueError as error:
            raise self._bad(number, line) from error
        if not np.isfinite(vector).all():
            raise self._bad(number, line)
        return vector

    def check_end(self) -> None:
        """Refuse a file that ends too early."""
        if not self._n_read:
            raise InvalidInputError(
                f"{self.path} must hold a word and numbers a line; it is empty."
            )
        if self._n_words is not None and self._n_read < self._n_words:
            raise InvalidInputError(
                f"{self.path} must hold {self._n_words} words by its first line; it ends after "
                f"{self._n_read}. Get it again."
            )

    def _bad(self, number: int, line: bytes) -> InvalidInputError:
        shown = line[:40].decode(errors="replace")
        has = max(0, line.count(b" "))
        return InvalidInputError(
            f"{self.path}, line {number}: expected a word and {self.n_dimensions} finite numbers, "
            f"separated by spaces; got {has} values after {shown!r}. Only text files of word2vec "
            "and GloVe can be read, and all vectors must have one dimension."
        )


def _is_number(part: bytes) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True


def _no_overlap(words: Sequence[str], known: Sequence[str], path: Any = None) -> str:
    where = "among the word vectors" if path is None else f"in {path}"
    return (
        f"None of the {len(words)} words of the vocabulary is {where}: the first are "
        f"{list(words[:_SHOWN])}, and there {list(known[:_SHOWN])}. Are both of one language, "
        "and in lower case?"
    )
