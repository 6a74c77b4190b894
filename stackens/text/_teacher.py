"""Another translator to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import InvalidInputError
from stackens.text._tokenizer import Tokenizer
from stackens.training import Architecture

__all__ = ["SoftTargets", "check_teacher", "describe_teacher"]


@dataclass(frozen=True, eq=False)
class SoftTargets:
    """A trained translator, from whose probabilities another one learns.

    Parameters
    ----------
    architecture : Architecture
        Its network, with the same ids.
    weights : list of ndarray
        In the order of ``keras.Model.get_weights``.
    temperature : float
        Logits of both are divided by it.
    alpha : float
        Share of the soft targets in the loss; the rest is the loss of the hard ones.
    """

    architecture: Architecture
    weights: list[np.ndarray]
    temperature: float
    alpha: float


def check_teacher(teacher: Any, tokenizers: list[Tokenizer], name: str) -> None:
    """Refuse a teacher that is no fitted translator, or has learnt other vocabularies.

    Parameters
    ----------
    teacher : SequenceTranslator or None
        None is none.
    tokenizers : list of two Tokenizer
        Those of the student, for source and target.
    name : str
        The parameter that holds the teacher.

    Raises
    ------
    InvalidInputError
        If it cannot be one.
    NotFittedError
        If it is not fitted.
    """
    if teacher is None:
        return
    if not hasattr(teacher, "target_vocabulary_") and not hasattr(teacher, "sentence_scores"):
        raise InvalidInputError(
            f"`{name}` must be a fitted SequenceTranslator; got a {type(teacher).__name__}."
        )
    check_is_fitted(
        teacher, msg=f"`{name}` must be a fitted SequenceTranslator; this one is not fitted yet."
    )
    for side, own, other in zip(("source", "target"), tokenizers, teacher._tokenizers, strict=True):
        if own != other:
            n_common = len(set(own.vocabulary) & set(other.vocabulary))
            raise InvalidInputError(
                f"`{name}` has another vocabulary of the {side}: {len(other)} tokens, where the "
                f"student has {len(own)}, of which {n_common} are common. Fit both on the same "
                "sentences, with the same `tokens`, `max_tokens`, `min_frequency`, "
                "`tied_embeddings` and, with `early_stopping`, `random_state`."
            )


def describe_teacher(teacher: Any) -> tuple[Architecture, list[np.ndarray]]:
    """Return network and weights of a teacher that was checked."""
    return teacher._architecture(), teacher.weights_
