"""Training and test part of a data set, as one answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from stackens.exceptions import InvalidInputError


def check_split(split: str | None) -> tuple[str, ...]:
    """Return the names of the parts that are wanted, training rows first."""
    if split not in ("train", "test", None):
        raise InvalidInputError(f"`split` must be 'train', 'test' or None; got {split!r}.")
    return ("train", "test") if split is None else (split,)


def join_parts(
    parts: Sequence[tuple[np.ndarray, ...]],
    wanted: tuple[str, ...],
    description: str,
    *,
    return_X_y: bool,
    more: tuple[str, ...] = (),
) -> Any:
    """Put parts under each other.

    Parameters
    ----------
    parts : sequence of tuple of ndarray
        Data, target and whatever ``more`` names, for each part.
    wanted : tuple of str
        Name of each part.
    description : str
        For ``DESCR``.
    return_X_y : bool
        Whether only data and target are wanted.
    more : tuple of str, default=()
        Names of further arrays.

    Returns
    -------
    Bunch or (X, y)
    """
    X, y, *rest = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if return_X_y:
        return X, y
    is_test = np.repeat([name == "test" for name in wanted], [len(part[0]) for part in parts])
    extra = dict(zip(more, rest, strict=True))
    return Bunch(data=X, target=y, is_test=is_test, DESCR=description, **extra)


def number_labels(labels: np.ndarray) -> np.ndarray:
    """Return labels as integers if all are whole numbers ("1.0" is 1), else as they are."""
    try:
        values = labels.astype(float)
    except ValueError:
        return labels
    return values.astype(int) if (values == np.rint(values)).all() else labels
