"""What a stack says of its training rows without having seen them: targets for a student."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import _num_samples

from stackens.ensemble._cross_fit import cross_fit_final, final_outputs
from stackens.exceptions import InvalidInputError

_LEAST = 1e-9  # probabilities below count as this when their logarithm is taken


def out_of_fold_targets(stack: Any, n_rows: int) -> np.ndarray:
    """Return what level 1 predicts for rows that neither it nor level 0 was trained on.

    The learners' predictions are out-of-fold, and so is what the final estimator makes of them: it
    is fitted anew for each split, on the out-of-fold predictions of the other rows.

    Parameters
    ----------
    stack : fitted stack
        With out-of-fold predictions.
    n_rows : int
        Rows that it was fitted on.

    Returns
    -------
    ndarray of shape (n_rows, n_classes) or (n_rows, n_outputs)
        NaN for rows that were never held out.
    """
    kept = stack.out_of_fold_predictions_
    if stack.predicts_with_ == "stack":
        outputs, covered = cross_fit_final(stack)
        values = outputs.outputs[covered]
    else:  # a fallback learns nothing, so that it has seen nothing
        values, covered = final_outputs(stack.final_estimator_, kept.matrix), np.arange(len(kept.y))
        if is_classifier(stack) and values.ndim == 1:
            values = (values[:, None] == np.arange(len(stack.classes_))).astype(float)
    values = values.reshape(len(values), -1)
    targets = np.full((n_rows, values.shape[1]), np.nan)
    targets[kept.row_index[covered]] = values
    return targets


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logits behind probabilities by a temperature."""
    powers = np.clip(probabilities, _LEAST, None) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def join_rows(X: Any, more: Any) -> Any:
    """Put the rows of two inputs of one kind under each other.

    Parameters
    ----------
    X, more : array-like
        Arrays, data frames, sparse matrices, or lists; ``more`` may be None.
    """
    if hasattr(X, "tocsr"):
        X = X.tocsr()  # other formats have no rows to take
    elif not isinstance(X, np.ndarray | list | tuple) and not hasattr(X, "iloc"):
        X = np.asarray(X)
    if more is None:
        return X
    if _num_samples(more) == 0:
        raise InvalidInputError("`X_unlabelled` has no rows; leave it out.")
    if hasattr(X, "iloc") != hasattr(more, "iloc"):
        raise InvalidInputError(
            f"`X_unlabelled` must be of the kind of `X`, a {type(X).__name__}; got a "
            f"{type(more).__name__}."
        )
    if hasattr(X, "iloc"):
        columns, others = ([*getattr(frame, "columns", ())] for frame in (X, more))
        if columns != others:
            raise InvalidInputError(
                f"`X_unlabelled` must have the columns of `X`, {columns}, in that order; got "
                f"{others}."
            )
        import pandas as pd

        return pd.concat([X, more], ignore_index=True)
    if hasattr(X, "tocsr"):
        import scipy.sparse

        return scipy.sparse.vstack([X, more]).tocsr()
    if isinstance(X, np.ndarray):
        more = more if isinstance(more, np.ndarray) else _make_array(more, X)
        if X.shape[1:] != more.shape[1:]:
            raise InvalidInputError(
                f"Rows of `X_unlabelled` must have the shape of rows of `X`, {X.shape[1:]}; got "
                f"{more.shape[1:]}. Sequences of several lengths go into a list of arrays."
            )
        return np.concatenate([X, more])
    return [*X, *more]


def _make_array(rows: Any, like: np.ndarray) -> np.ndarray:
    """Return an array of rows that are none; its type is its own, so that nothing is cut."""
    if like.dtype == object and like.ndim == 1:  # texts, or sequences of any lengths
        found = np.empty(len(rows), dtype=object)
        for place, row in enumerate(rows):
            found[place] = row
        return found
    try:
        return np.asarray(rows)
    except ValueError as error:  # of several lengths
        raise InvalidInputError(
            f"Rows of `X_unlabelled` must have the shape of rows of `X`, {like.shape[1:]}; their "
            "lengths differ. Sequences of several lengths go into a list of arrays, `X` as well."
        ) from error
