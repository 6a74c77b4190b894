"""The one place that asks for TensorFlow and says what is missing."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from stackens.exceptions import BackendError, MissingExtraError

__all__ = ["require_keras"]

_LOGGER = logging.getLogger(__name__)
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_NEWEST_PYTHON = (3, 13)  # that TensorFlow has final releases for
_threads_are_set = False
_threads_are_lost = False


def require_keras() -> None:
    """Make sure that Keras runs on TensorFlow; importing it is left to the caller.

    Raises
    ------
    MissingExtraError
        If TensorFlow is not installed.
    BackendError
        If Keras is set to another backend, or this process is a fork of one that has used
        TensorFlow.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise MissingExtraError(
            "Training or using a network needs TensorFlow, which is not installed. "
            f'Install it with: pip install "stackens[cpu]" (or "stackens[gpu]").{_python_advice()}'
        )
    if _threads_are_lost:
        raise BackendError(
            "This process was forked from one that had used TensorFlow, whose threads do not exist "
            "here: a network would wait for them for ever. Start processes by 'spawn' or "
            "'forkserver' (multiprocessing.get_context), fork before the first fit or prediction "
            "(gunicorn without --preload), or predict without TensorFlow: stackens.export_numpy "
            "and stackens.portable.load."
        )
    # Looked at before the import: Keras would fail on an absent backend with its own message.
    wanted = os.environ.get("KERAS_BACKEND", "tensorflow")
    if wanted == "tensorflow":
        with _quiet_import():
            import keras

        wanted = keras.backend.backend()
        _set_threads()
    if wanted != "tensorflow":
        raise BackendError(
            f"stackens needs Keras on the 'tensorflow' backend; got {wanted!r}. Set the "
            "environment variable KERAS_BACKEND=tensorflow before Keras is first imported."
        )


def _python_advice() -> str:
    if sys.version_info[:2] <= _NEWEST_PYTHON:
        return ""
    newest, this = ("{}.{}".format(*version[:2]) for version in (_NEWEST_PYTHON, sys.version_info))
    return f" TensorFlow may have no release for Python {this}: 3.11 to {newest} are sure to work."


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Have TensorFlow log errors only, unless the user has said what it logs.

    It reads the variable once, when it is imported.
    """
    if _LOG_LEVEL in os.environ or "tensorflow" in sys.modules:
        yield
        return
    os.environ[_LOG_LEVEL] = "2"
    try:
        yield
    finally:
        del os.environ[_LOG_LEVEL]


def _note_fork() -> None:
    """Note in a child whether TensorFlow had started its threads: a fork leaves them behind."""
    global _threads_are_lost
    # TensorFlow has no public question for it that would not start them.
    module = sys.modules.get("tensorflow.python.eager.context")
    context = getattr(module, "_context", None)
    _threads_are_lost = _threads_are_lost or getattr(context, "_initialized", False)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_note_fork)


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
