"""Strings as sequences of token ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import InvalidInputError
from stackens.parameters import all_or_nothing, check_choice, check_count
from stackens.preprocessing._base import TakesOutputMixin
from stackens.sequences import to_ragged, token_dtype, validate_tokens

_PADDING, _UNKNOWN = 0, 1


class SequenceVectorizer(TakesOutputMixin, TransformerMixin, BaseEstimator):
    r"""Turn strings into sequences of token ids, frequent tokens first.

    Tokens are found by scikit-learn's
    :class:`~sklearn.feature_extraction.text.CountVectorizer`. Id 0 is padding and 1 stands for
    every token that is not in the vocabulary; a string without any token becomes a single 1.

    Parameters
    ----------
    max_tokens : int, default=20000
        Largest number of ids, padding and unknown included: the ``vocabulary_size`` of a learner
        that comes next, whatever the rows of a fold hold.
    max_length : int, default=None
        Cut longer sequences to this many tokens; None is no limit.
    truncation : {"right", "left"}, default="right"
        Which end is cut off.
    analyzer : {"word", "char"}, default="word"
        What a token is: what ``token_pattern`` finds, or each character.
    lowercase : bool, default=True
        Whether upper case does not matter.
    token_pattern : str, default=r"(?u)\b\w+\b"
        Regular expression of a word; the default also finds words of one letter.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Id of each known token, from 2.
    n_tokens_ : int
        Ids in use, padding and unknown included; at most ``max_tokens``.

    Examples
    --------
    >>> from stackens import SequenceVectorizer
    >>> vectorizer = SequenceVectorizer(max_tokens=100).fit(["the cat", "the dog sat"])
    >>> vectorizer.transform(["the bird sat", "cat"])
    array([[2, 1, 5],
           [3, 0, 0]], dtype=int32)
    """

    def __init__(
        self,
        max_tokens: int = 20_000,
        *,
        max_length: int | None = None,
        truncation: str = "right",
        analyzer: str = "word",
        lowercase: bool = True,
        token_pattern: str = r"(?u)\b\w+\b",
    ) -> None:
        self.max_tokens = max_tokens
        self.max_length = max_length
        self.truncation = truncation
        self.analyzer = analyzer
        self.lowercase = lowercase
        self.token_pattern = token_pattern

    @all_or_nothing
    def fit(self, X: Iterable[str], y: Any = None) -> Self:
        """Learn the vocabulary.

        Parameters
        ----------
        X : iterable of str
            Texts.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If a text is no string, or there is none.
        """
        check_choice("truncation", self.truncation, ("right", "left"))
        check_choice("analyzer", self.analyzer, ("word", "char"))
        if not isinstance(self.max_tokens, Integral) or self.max_tokens < 3:
            raise InvalidInputError(
                "`max_tokens` must be an integer >= 3 (padding, unknown, one token); got "
                f"{self.max_tokens!r}."
            )
        check_count("max_length", self.max_length, or_none=True)
        analyze = self._analyzer()
        counts = Counter(token for text in _check_texts(X) for token in analyze(text))
        # Ties by the alphabet: the ids must not depend on the order of rows.
        frequent = sorted(counts, key=lambda token: (-counts[token], token))
        frequent = frequent[: self.max_tokens - 2]
        self.vocabulary_: dict[str, int] = {
            token: i for i, token in enumerate(frequent, start=_UNKNOWN + 1)
        }
        self.n_tokens_: int = len(self.vocabulary_) + 2
        return self

    def transform(self, X: Iterable[str]) -> np.ndarray:
        """Turn texts into ids.

        Parameters
        ----------
        X : iterable of str
            Texts.

        Returns
        -------
        ndarray of int32 of shape (n_samples, n_timesteps)
            As wide as the longest text given here, padded with 0 on the right. Its dtype says, in
            its ``metadata``, that these are token ids: what would read them as measurements, such
            as a learner without ``vocabulary_size``, refuses them.
        """
        check_is_fitted(self)
        analyze = self._analyzer()
        rows = [
            self._cut([self.vocabulary_.get(token, _UNKNOWN) for token in analyze(text)])
            for text in _check_texts(X)
        ]
        ids = np.full(
            (len(rows), max(map(len, rows))), _PADDING, dtype=token_dtype(self.max_tokens)
        )
        for row, tokens in zip(ids, rows, strict=True):
            row[: len(tokens)] = tokens
        return ids

    def add_tokens(self, tokens: Iterable[str]) -> Self:
        """Give ids to further tokens, as far as ``max_tokens`` leaves room.

        Parameters
        ----------
        tokens : iterable of str
            In the order of their importance; those that are known already keep their ids.

        Returns
        -------
        self

        Examples
        --------
        >>> from stackens import SequenceVectorizer
        >>> vectorizer = SequenceVectorizer(max_tokens=5).fit(["a film"])
        >>> vectorizer.add_tokens(["film", "plot", "actor"]).get_vocabulary()
        ['', '[UNK]', 'a', 'film', 'plot']
        """
        check_is_fitted(self)
        special = set(self.get_vocabulary()[:2])
        for token in tokens:
            if self.n_tokens_ == self.max_tokens:
                break
            if token not in self.vocabulary_ and token not in special:
                self.vocabulary_[token] = self.n_tokens_
                self.n_tokens_ += 1
        return self

    def inverse_transform(self, X: Any) -> list[list[str]]:
        """Turn ids back into tokens.

        Parameters
        ----------
        X : array-like of int of shape (n_samples, n_timesteps)
            Ids; padding is dropped.

        Returns
        -------
        list of list of str
            "[UNK]" stands for unknown tokens.
        """
        check_is_fitted(self)
        ids = validate_tokens(BaseEstimator(), X, reset=True, vocabulary_size=self.n_tokens_)
        tokens = self.get_vocabulary()
        return [[tokens[i] for i in row] for row in to_ragged(ids)]

    def get_vocabulary(self) -> list[str]:
        """Return the tokens by id.

        Returns
        -------
        list of str
            Token 0 is the empty string, which is padding, and 1 is "[UNK]".
        """
        check_is_fitted(self)
        return ["", "[UNK]", *self.vocabulary_]

    def _analyzer(self) -> Any:
        return CountVectorizer(
            analyzer=self.analyzer, lowercase=self.lowercase, token_pattern=self.token_pattern
        ).build_analyzer()

    def _cut(self, tokens: list[int]) -> list[int]:
        if self.max_length is not None:
            right = self.truncation == "right"
            tokens = tokens[: self.max_length] if right else tokens[-self.max_length :]
        return tokens or [_UNKNOWN]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _check_texts(X: Iterable[str]) -> list[str]:
    if isinstance(X, str | bytes) or not isinstance(X, Iterable):
        raise InvalidInputError(
            f"`X` must be an iterable of strings; got a single {type(X).__name__}. Pass a list."
        )
    if hasattr(X, "columns"):  # iterating a data frame gives the names of its columns
        raise InvalidInputError(
            "`X` must be an iterable of strings; got a data frame. Pass one column: X['text']."
        )
    n_dimensions = getattr(X, "ndim", 1)
    if n_dimensions != 1:
        raise InvalidInputError(
            "`X` must be an iterable of strings; got a "
            f"{type(X).__name__} of {n_dimensions} dimensions."
        )
    texts = X.to_pylist() if hasattr(X, "to_pylist") else list(X)  # of Arrow
    if not texts:
        raise InvalidInputError("`X` must hold at least one text; got none.")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInputError(
                f"`X` must be an iterable of strings; row {row} is a {type(text).__name__}."
            )
    return texts
