"""Another translator to learn from: from its probabilities, or by beginning with its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import InvalidInputError
from stackens.text._tokenizer import Tokenizer
from stackens.training import Architecture, initial_weights

_PARTS = ("encoder", "decoder")
_EMBEDDINGS = ("source_embedding", "target_embedding", "output_embedding")
_GIVE_THE_SAME = "Give both the same `d_model`, `n_heads` and `feed_forward_dim`."


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


def transferred_weights(
    child: Architecture,
    seed: int,
    parent: Architecture,
    weights: Sequence[np.ndarray],
    layer_map: Mapping[str, Sequence[int]] | None,
) -> list[np.ndarray]:
    """Return weights for a student: those of its teacher, where it has the same.

    Embeddings, the last normalisations, vectors of depths if there are as many, and for each
    distinct layer that of the parent that the map names.

    Parameters
    ----------
    child, parent : Architecture
        Of ``TranslationNetwork``, with the same ids.
    seed : int
        Of what is drawn.
    weights : list of ndarray
        Of the parent.
    layer_map : mapping, default=None
        ``{"encoder": (…), "decoder": (…)}``: for each distinct layer of the child, the number (from
        0) of the distinct layer of the parent that it begins as. None, or a part that is left
        out, spreads them evenly over the parent's.

    Returns
    -------
    list of ndarray
        In the order of the child's ``get_weights``.

    Raises
    ------
    InvalidInputError
        If the map does not fit, layers differ in their shapes or heads, or the student ties
        embeddings that its teacher does not.
    """
    n_heads = [network.options["n_heads"] for network in (parent, child)]
    if n_heads[0] != n_heads[1]:
        raise InvalidInputError(
            f"`init_from` has `n_heads`={n_heads[0]}, where the student has {n_heads[1]}: weights "
            f"of other heads mean something else. {_GIVE_THE_SAME}"
        )
    old, new = parent.build(), child.build()
    old.set_weights(list(weights))
    new.set_weights(initial_weights(child, seed))
    _check_ties(old, new)
    for name in (*_EMBEDDINGS, "encoder_norm", "decoder_norm"):
        _copy(getattr(old, name), getattr(new, name), name)
    for part in _PARTS:
        mine, theirs = (getattr(network, f"{part}_depths") for network in (new, old))
        if mine is not None and theirs is not None and mine.n_layers == theirs.n_layers:
            _copy(theirs, mine, f"{part}_depths")
    chosen = _check_map(layer_map, new, old)
    for part in reversed(_PARTS):  # what both share begins as the encoder's
        blocks = getattr(new, f"{part}_blocks")
        for number, (block, index) in enumerate(zip(blocks, chosen[part], strict=True)):
            _copy(getattr(old, f"{part}_blocks")[index], block, f"layer {number} of the {part}")
    return new.get_weights()


def _check_ties(old: Any, new: Any) -> None:
    """Refuse one embedding of the student where the teacher has two: it cannot be both."""
    for one, other in combinations(_EMBEDDINGS, 2):
        is_one = [getattr(m, one) is getattr(m, other) for m in (old, new)]
        if is_one == [False, True]:
            raise InvalidInputError(
                f"`init_from` has a {one} and an {other} of its own, where the student has one "
                "matrix for both. Give both the same `tied_embeddings`."
            )


def _check_map(layer_map: Any, child: Any, parent: Any) -> dict[str, tuple[int, ...]]:
    given = {} if layer_map is None else layer_map
    if not isinstance(given, Mapping) or not set(given) <= set(_PARTS):
        raise InvalidInputError(
            "`layer_map` must be None or a dict with keys among 'encoder' and 'decoder'; got "
            f"{layer_map!r}."
        )
    chosen = {}
    for part in _PARTS:
        n_child, n_parent = (len(getattr(m, f"{part}_blocks")) for m in (child, parent))
        spread = np.linspace(0, n_parent - 1, n_child).round().astype(int)
        indices = given.get(part, spread)
        is_list = isinstance(indices, Sequence | np.ndarray) and len(indices) == n_child
        if not is_list or not all(_is_index(i, n_parent) for i in indices):
            raise InvalidInputError(
                f"`layer_map[{part!r}]` must hold, for each of the {n_child} distinct layers of "
                f"the student's {part}, the number of one of the {n_parent} of the teacher's (0 to "
                f"{n_parent - 1}); got {indices!r}."
            )
        chosen[part] = tuple(int(i) for i in indices)
    return chosen


def _is_index(value: Any, n: int) -> bool:
    return isinstance(value, Integral) and 0 <= int(value) < n


def _copy(old: Any, new: Any, name: str) -> None:
    shapes = [[tuple(v.shape) for v in layer.weights] for layer in (old, new)]
    if shapes[0] != shapes[1]:
        raise InvalidInputError(
            f"`init_from` has other shapes in {name}: {shapes[0]}, where the student has "
            f"{shapes[1]}. {_GIVE_THE_SAME}"
        )
    new.set_weights(old.get_weights())
