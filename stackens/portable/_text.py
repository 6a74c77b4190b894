"""From strings to token ids, counts and TF-IDF."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.portable._part import Part
from stackens.portable._table_transformers import normalize_sparse
from stackens.portable._tables import SparseRows

_PADDING, _UNKNOWN = 0, 1
_WHITE_SPACE = re.compile(r"\s\s+")


@dataclass(frozen=True, eq=False)
class Analyzer(Part):
    r"""Splits a text into terms, as scikit-learn's vectorizers do.

    Parameters
    ----------
    analyzer : {"word", "char", "char_wb"}
        Words, characters, or characters within words.
    lowercase : bool
        Whether upper case does not matter.
    token_pattern : str
        Regular expression of a word.
    ngram_range : list of two ints
        Smallest and largest number of words or characters in a term.
    stop_words : list of str, default=None
        Words that are left out; None is none.
    strip_accents : {"ascii", "unicode"}, default=None
        How accents are removed; None leaves them.

    Examples
    --------
    >>> from stackens.portable import Analyzer
    >>> Analyzer("word", True, r"\b\w+\b", [1, 2]).terms("The cat")
    ['the', 'cat', 'the cat']
    """

    analyzer: str
    lowercase: bool
    token_pattern: str
    ngram_range: list[int]
    stop_words: list[str] | None = None
    strip_accents: str | None = None

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text, with repetitions."""
        text = _strip(text.lower() if self.lowercase else text, self.strip_accents)
        if self.analyzer == "word":
            words = self._pattern.findall(text)
            return self._word_ngrams([w for w in words if w not in self._stop_words])
        text = _WHITE_SPACE.sub(" ", text)
        if self.analyzer == "char":
            low, high = self.ngram_range
            return [g for n in range(low, min(high, len(text)) + 1) for g in _windows(text, n)]
        return [term for word in text.split() for term in self._bounded_ngrams(f" {word} ")]

    def _word_ngrams(self, words: list[str]) -> list[str]:
        low, high = self.ngram_range
        if high == 1:
            return words
        sizes = range(low, min(high, len(words)) + 1)
        return [" ".join(words[i : i + n]) for n in sizes for i in range(len(words) - n + 1)]

    def _bounded_ngrams(self, word: str) -> Iterator[str]:
        low, high = self.ngram_range
        for n in range(low, high + 1):
            if n >= len(word):  # a short word counts once
                yield word
                return
            yield from _windows(word, n)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.token_pattern)

    @cached_property
    def _stop_words(self) -> frozenset[str]:
        return frozenset(self.stop_words or ())


def _windows(text: str, n: int) -> list[str]:
    return [text[i : i + n] for i in range(len(text) - n + 1)]


def _strip(text: str, how: str | None) -> str:
    if how is None or text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    if how == "ascii":
        return apart.encode("ascii", "ignore").decode("ascii")
    return "".join(c for c in apart if not unicodedata.combining(c))


def _check_texts(X: Any) -> list[str]:
    if isinstance(X, str | bytes) or not isinstance(X, Iterable):
        raise InvalidInputError(
            f"`X` must be an iterable of strings; got a single {type(X).__name__}. Pass a list."
        )
    texts = list(X)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInputError(
                f"`X` must be an iterable of strings; row {row} is a {type(text).__name__}."
            )
    if not texts:
        raise InvalidInputError("`X` must hold at least one text; got none.")
    return texts


@dataclass(frozen=True, eq=False)
class SequenceVectorizer(Part):
    """Turns strings into sequences of token ids.

    Parameters
    ----------
    analyzer : Analyzer
        Finds the tokens.
    tokens : list of str
        Known tokens in the order of their ids, from 2.
    max_length : int, default=None
        Longer sequences are cut to it; None is no limit.
    truncation : {"right", "left"}, default="right"
        Which end is cut off.
    """

    analyzer: Analyzer
    tokens: list[str]
    max_length: int | None = None
    truncation: str = "right"

    def transform(self, X: Any) -> np.ndarray:
        """Return ids of shape (n_samples, n_timesteps), padded with 0 on the right."""
        rows = [self._cut(self._ids_of(text)) for text in _check_texts(X)]
        ids = np.full((len(rows), max(map(len, rows))), _PADDING, dtype=np.int32)
        for place, row in zip(ids, rows, strict=True):
            place[: len(row)] = row
        return ids

    def _ids_of(self, text: str) -> list[int]:
        return [self._ids.get(token, _UNKNOWN) for token in self.analyzer.terms(text)]

    def _cut(self, ids: list[int]) -> list[int]:
        if self.max_length is not None:
            right = self.truncation == "right"
            ids = ids[: self.max_length] if right else ids[-self.max_length :]
        return ids or [_UNKNOWN]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: i for i, token in enumerate(self.tokens, start=_UNKNOWN + 1)}


@dataclass(frozen=True, eq=False)
class CountVectorizer(Part):
    """Counts the terms of texts.

    Parameters
    ----------
    analyzer : Analyzer
        Finds the terms.
    terms : list of str
        Known terms in the order of their columns.
    binary : bool, default=False
        Whether a count is 1 at most.
    """

    analyzer: Analyzer
    terms: list[str]
    binary: bool = False

    def transform(self, X: Any) -> SparseRows:
        """Return counts of shape (n_samples, n_terms)."""
        values, columns, ends = [], [], [0]
        for text in _check_texts(X):
            found = Counter(self._columns.get(term, -1) for term in self.analyzer.terms(text))
            found.pop(-1, None)
            columns += sorted(found)
            values += [1 if self.binary else found[column] for column in sorted(found)]
            ends.append(len(columns))
        return SparseRows(
            np.array(values, np.float64),
            np.array(columns, np.int64),
            np.array(ends, np.int64),
            len(self.terms),
        )

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {term: column for column, term in enumerate(self.terms)}


@dataclass(frozen=True, eq=False)
class TfidfTransformer(Part):
    """Weighs counts by how rare their terms are, and brings rows to norm 1.

    Parameters
    ----------
    idf : ndarray of shape (n_terms,) or None
        Weight of each term; None is 1.
    norm : {"l1", "l2"} or None
        Norm of the rows; None leaves them.
    sublinear : bool, default=False
        Replace counts by 1 plus their logarithm.
    """

    idf: np.ndarray | None
    norm: str | None
    sublinear: bool = False

    def transform(self, X: SparseRows) -> SparseRows:
        """Weigh."""
        values = 1 + np.log(X.values) if self.sublinear else X.values
        if self.idf is not None:
            values = values * self.idf[X.columns]
        weighted = SparseRows(values, X.columns, X.ends, X.n_columns)
        return weighted if self.norm is None else normalize_sparse(weighted, self.norm)
