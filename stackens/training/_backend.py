"""The one place that asks for TensorFlow and says what is missing."""

from __future__ import annotations

import importlib.util
import logging
import os

from stackens.exceptions import BackendError, MissingExtraError

__all__ = ["require_keras"]

_LOGGER = logging.getLogger(__name__)
_threads_are_set = False


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
        _set_threads()
    if wanted != "tensorflow":
        raise BackendError(
            f"stackens needs Keras on the 'tensorflow' backend; got {wanted!r}. Set the "
            "environment variable KERAS_BACKEND=tensorflow before Keras is first imported."
        )


def _set_threads() -> None:
    """Give every operation of TensorFlow one thread, as towers fill the cores side by side.

    TensorFlow's default is one thread for each core in every operation, which costs small ones
    more in handing over than it gains. Whoever has set a number, by environment variable or by
    ``tf.config.threading``, or has used TensorFlow already, is left alone.
    """
    global _threads_are_set
    if _threads_are_set:
        return
    _threads_are_set = True
    import tensorflow as tf

    if "TF_NUM_INTRAOP_THREADS" in os.environ:
        return
    try:
        if tf.config.threading.get_intra_op_parallelism_threads() == 0:
            tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError:
        _LOGGER.info(
            "TensorFlow was used before stackens, with threads inside every operation; training "
            "may take longer. Set TF_NUM_INTRAOP_THREADS=1 to avoid that."
        )
