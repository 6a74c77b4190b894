"""Texts as token ids and back, without losing a character of what is known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError, UnknownTokenWarning, warn_user

BOUNDARY, UNKNOWN = 0, 1  # before and after every text; any token that is not known
_SHOWN = 5  # tokens that a warning names

# Words take the blank before them along, so that tokens put side by side are the text again.
_WORD = re.compile(r" ?\w+| ?[^\w\s]+|\s+(?!\S)|\s+")


def split_text(text: str, level: str) -> list[str]:
    """Return the tokens of a text: its characters, or words; joined they are the text."""
    return list(text) if level == "char" else _WORD.findall(text)


def learn_vocabulary(texts: Sequence[str], level: str, max_tokens: int | None) -> list[str]:
    """Return the tokens by id: most frequent first, ties by the alphabet.

    Parameters
    ----------
    texts : sequence of str
        Texts.
    level : {"char", "word"}
        What a token is.
    max_tokens : int or None
        Largest number of ids; None is no limit.

    Returns
    -------
    list of str
        The first two are empty: they stand for no text.
    """
    tokens = (token for text in texts for token in split_text(text, level))
    return ["", "", *most_frequent(tokens, None if max_tokens is None else max_tokens - 2)]


def most_frequent(tokens: Iterable[str], n: int | None, least: int = 1) -> list[str]:
    """Return the ``n`` (None is all) most frequent tokens that occur at least so often.

    The most frequent comes first; ties are sorted by the alphabet.
    """
    counts = Counter(tokens)
    frequent = [token for token, count in counts.items() if count >= least]
    return sorted(frequent, key=lambda token: (-counts[token], token))[:n]


def encode(text: str, level: str, ids: dict[str, int]) -> np.ndarray:
    """Return ids of shape (n_tokens + 2,), with a boundary at either end."""
    found = [ids.get(token, UNKNOWN) for token in split_text(text, level)]
    return np.array([BOUNDARY, *found, BOUNDARY], "int32")


def warn_of_unknown(n_unknown: int, n_tokens: int, unknown: set[str]) -> None:
    """Say how many tokens count as the unknown one, and name some."""
    warn_user(
        f"{n_unknown} of {n_tokens} tokens are not in the vocabulary and count as one unknown "
        f"token: {sorted(unknown)[:_SHOWN]}{' …' if len(unknown) > _SHOWN else ''}.",
        UnknownTokenWarning,
    )


def check_texts(texts: Any, name: str = "texts") -> list[str]:
    """Return one text, or several, as a list; refuse what is none, or empty."""
    if isinstance(texts, str):
        texts = [texts]
    has_order = isinstance(texts, Iterable) and not isinstance(texts, bytes | Mapping | Set)
    if not has_order:
        raise InvalidInputError(
            f"`{name}` must be a str or an iterable of str, in order; got a {type(texts).__name__}."
        )
    if hasattr(texts, "columns"):  # iterating a data frame gives the names of its columns
        raise InvalidInputError(
            f"`{name}` must be a str or an iterable of str; got a data frame. Pass one column."
        )
    if getattr(texts, "ndim", 1) != 1:
        raise InvalidInputError(
            f"`{name}` must be a str or an iterable of str; got a {type(texts).__name__} of shape "
            f"{texts.shape}."
        )
    texts = list(texts)
    if not texts:
        raise InvalidInputError(f"`{name}` must hold at least one text; got none.")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInputError(
                f"`{name}` must be a str or an iterable of str; text {number} is a "
                f"{type(text).__name__}."
            )
        if not text:
            raise InvalidInputError(
                f"`{name}` must not hold empty texts; text {number} is empty. Leave it out."
            )
    return texts


def check_tokens(vocabulary: Any, ids: Any, first: int) -> None:
    """Refuse a vocabulary whose ids are not the places of its tokens.

    Parameters
    ----------
    vocabulary : list of str
        Tokens by id.
    ids : dict of str to int
        The way back, for those from ``first`` on.
    first : int
        How many ids stand for no token.

    Raises
    ------
    ValueError
        If one says otherwise than the other.
    """
    if not isinstance(vocabulary, list) or not all(isinstance(t, str) for t in vocabulary):
        raise ValueError("a vocabulary that is no list of strings")
    if ids != {token: i for i, token in enumerate(vocabulary) if i >= first}:
        raise ValueError("ids of tokens that are not their places in the vocabulary")
