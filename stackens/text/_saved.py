"""What is checked of a model that was made from a file, before it is used."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens.training import Architecture

__all__ = ["check_tokens", "check_weights"]

_KINDS = (np.float32, np.float64)


def check_weights(weights: Any, architecture: Architecture, at_least: int) -> None:
    """Refuse weights that are not those of a network.

    Parameters
    ----------
    weights : list of ndarray
        What the file holds.
    architecture : Architecture
        The network that it asks for. It is built only if there are as many numbers as it needs.
    at_least : int
        How many these are, or fewer.

    Raises
    ------
    ValueError
        If their shapes are others.
    """
    is_list = isinstance(weights, list) and all(isinstance(w, np.ndarray) for w in weights)
    if not is_list or any(w.dtype not in _KINDS for w in weights):
        raise ValueError("weights that are no list of arrays of floats")
    n_found = sum(w.size for w in weights)
    if n_found < at_least:
        raise ValueError(f"{n_found} weights, where the network has {at_least} or more")
    shapes = [tuple(variable.shape) for variable in architecture.build().weights]
    found = [w.shape for w in weights]
    if found != shapes:
        raise ValueError(f"weights of shapes {found}, where the parameters say {shapes}")


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
