"""Pairs of sentences, as they come and as the network reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.text._tokenizer import BEGIN, END
from stackens.text._tokens import check_texts

__all__ = ["check_pairs", "close"]


def check_pairs(source: Any, target: Any) -> tuple[list[str], list[str]]:
    """Return both sides as lists; refuse what are no pairs of texts."""
    source, target = check_texts(source, "source"), check_texts(target, "target")
    if len(source) != len(target):
        raise InvalidInputError(
            "`source` and `target` must have equally many sentences, one translation for each; "
            f"got {len(source)} and {len(target)}."
        )
    return source, target


def close(ids: np.ndarray, *, begin: bool = False) -> np.ndarray:
    """Put the end after a sentence, and perhaps begin before it."""
    return np.array([*([BEGIN] if begin else []), *ids, END], "int32")
