"""Texts as token ids and back, without losing a character of what is known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError

__all__ = ["BOUNDARY", "UNKNOWN", "check_texts", "encode", "learn_vocabulary", "split_text"]

BOUNDARY, UNKNOWN = 0, 1  # before and after every text; any token that is not known

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
    counts = Counter(token for text in texts for token in split_text(text, level))
    frequent = sorted(counts, key=lambda token: (-counts[token], token))
    return ["", "", *(frequent if max_tokens is None else frequent[: max_tokens - 2])]


def encode(text: str, level: str, ids: dict[str, int]) -> np.ndarray:
    """Return ids of shape (n_tokens + 2,), with a boundary at either end."""
    found = [ids.get(token, UNKNOWN) for token in split_text(text, level)]
    return np.array([BOUNDARY, *found, BOUNDARY], "int32")


def check_texts(texts: Any, name: str = "texts") -> list[str]:
    """Return one text, or several, as a list; refuse what is none, or empty."""
    if isinstance(texts, str):
        texts = [texts]
    if isinstance(texts, bytes) or not isinstance(texts, Iterable):
        raise InvalidInputError(
            f"`{name}` must be a str or an iterable of str; got a {type(texts).__name__}."
        )
    if hasattr(texts, "columns"):  # iterating a data frame gives the names of its columns
        raise InvalidInputError(
            f"`{name}` must be a str or an iterable of str; got a data frame. Pass one column."
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
