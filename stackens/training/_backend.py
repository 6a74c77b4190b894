"""The one place that asks for TensorFlow and says what is missing."""

from __future__ import annotations

import importlib.util
import os

from stackens.exceptions import BackendError, MissingExtraError

__all__ = ["require_keras"]


def require_keras() -> None:
    """Make sure that Keras runs on TensorFlow; importing it is left to the caller.

    Raises
    ------
    MissingExtraError
        If TensorFlow is not installed.
    BackendError
        If Keras is set to another backend.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise MissingExtraError(
            "Training or using a network needs TensorFlow, which is not installed. "
            'Install it with: pip install "stackens[cpu]" (or "stackens[gpu]").'
        )
    # Looked at before the import: Keras would fail on an absent backend with its own message.
    wanted = os.environ.get("KERAS_BACKEND", "tensorflow")
    if wanted == "tensorflow":
        import keras

        wanted = keras.backend.backend()
    if wanted != "tensorflow":
        raise BackendError(
            f"stackens needs Keras on the 'tensorflow' backend; got {wanted!r}. Set the "
            "environment variable KERAS_BACKEND=tensorflow before Keras is first imported."
        )
