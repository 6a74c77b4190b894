"""What the displays of a stack ask of it."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import InvalidInputError


def check_stack(stack: Any, caller: str) -> None:
    """Refuse what is no fitted stack with out-of-fold predictions.

    Parameters
    ----------
    stack : StackingClassifier or StackingRegressor
    caller : str
        Who asks, for the message.

    Raises
    ------
    InvalidInputError
        If it is no stack, or was fitted with ``cv="prefit"``.
    """
    if not hasattr(stack, "out_of_fold"):
        raise InvalidInputError(
            f"{caller} draws a stack, a StackingClassifier or StackingRegressor of stackens; got "
            f"{type(stack).__name__}."
        )
    check_is_fitted(stack)
    if not hasattr(stack, "out_of_fold_predictions_"):
        raise InvalidInputError(
            f"{caller} needs out-of-fold predictions, which `cv='prefit'` has not."
        )


def learner_names(stack: Any) -> list[str]:
    """Return the names of the learners that are part of the stack."""
    return list(stack.out_of_fold_predictions_.blocks)
