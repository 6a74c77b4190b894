"""What TensorFlow needs of the process: a Python that it has, its threads, and quiet."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import keras
import numpy as np
import pytest
from scikeras.wrappers import KerasClassifier
from sklearn.linear_model import LogisticRegression

import stackens
from stackens import (
    EmbeddingPretrainer,
    KerasNetworkClassifier,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    TransformerClassifier,
)
from stackens.adapters import adapt
from stackens.exceptions import MissingExtraError
from stackens.text import SequenceTranslator, StackedRNNLanguageModel
from stackens.training import _architecture, require_keras

X = np.random.default_rng(0).normal(size=(12, 4, 2)).astype("float32")
Y = np.array([0, 1] * 6)
TEXTS = ["a b", "b a c"] * 6
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def build(meta=None):
    layers = [keras.Input((4, 2)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
    return keras.Sequential(layers)


def test_scikeras_leaves_our_bits_alone():
    """Its fits turn on other operations; left on, the same seed would give other weights."""
    program = """
        from scikeras.utils.random_state import tensorflow_random_state
        from stackens.training import require_keras
        from tensorflow.python.framework import config

        require_keras()
        with tensorflow_random_state(0):
            print(config.is_op_determinism_enabled())
        print(config.is_op_determinism_enabled())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["True", "False"], done.stdout + done.stderr


@pytest.fixture(scope="module")
def rnn():
    return StackedRNNClassifier(2, epochs=1, random_state=0).fit(X, Y)


def run_in_fork(function, seconds=60):
    """Return what ``function`` returns or raises in a forked child, as text."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads in the parent
        child = os.fork()
    if child == 0:
        try:
            said = repr(function())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode()[:4000])
        os._exit(0)
    os.close(writer)
    deadline = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail(f"the child still runs after {seconds} seconds")
        time.sleep(0.02)
    with os.fdopen(reader) as pipe:
        return pipe.read()


def fits():
    small = {"epochs": 1, "random_state": 0}
    rnn = StackedRNNClassifier(2, **small)
    wrapped = KerasClassifier(build, loss="binary_crossentropy", epochs=1)
    vectors = EmbeddingPretrainer(rnn, source=(["c a", "c b"] * 6, Y))
    language = StackedRNNLanguageModel(units=2, window=2, epochs=1)
    translator = SequenceTranslator(8, n_heads=2, n_layers=1, epochs=1)
    return {
        "rnn": lambda: rnn.fit(X, Y),
        "regressor": lambda: StackedRNNRegressor(2, **small).fit(X, Y),
        "transformer": lambda: TransformerClassifier(d_model=4, n_heads=2, **small).fit(X, Y),
        "own network": lambda: KerasNetworkClassifier(build, **small).fit(X, Y),
        "SciKeras": lambda: adapt(wrapped).fit(X, Y),
        "stack": lambda: StackingClassifier([("rnn", rnn)], cv=2).fit(X, Y),
        "pretrained": lambda: vectors.fit(TEXTS, Y),
        "language model": lambda: language.fit(TEXTS),
        "translator": lambda: translator.fit(TEXTS, TEXTS),
    }


@needs_fork
@pytest.mark.parametrize("name", fits())
def test_no_network_is_trained_in_a_fork_of_a_process_that_used_tensorflow(name, rnn):
    said = run_in_fork(fits()[name])
    assert said.startswith("BackendError: This process was forked")
    assert "spawn" in said
    assert "export_numpy" in said


@needs_fork
@pytest.mark.parametrize(
    "use",
    [
        lambda rnn: rnn.predict(X),
        lambda rnn: rnn.partial_fit(X, Y),
        lambda rnn: rnn.prepare_prediction(),
        lambda rnn: rnn.keras_estimator_,
    ],
    ids=["predict", "partial_fit", "prepare", "wrapper"],
)
def test_no_fitted_network_is_used_in_such_a_fork(use, rnn):
    assert run_in_fork(lambda: use(rnn)).startswith("BackendError: This process was forked")


@needs_fork
def test_what_needs_no_tensorflow_works_in_such_a_fork(rnn, tmp_path):
    flat = X.reshape(len(X), -1)
    logistic = LogisticRegression()
    stack = StackingClassifier([("logistic", logistic)], cv=2)
    stackens.export_numpy(rnn, tmp_path / "rnn")
    expected = repr(rnn.predict(X[:3]).tolist())

    def portable():
        return stackens.portable.load(tmp_path / "rnn").predict(X[:3]).tolist()

    assert run_in_fork(portable) == expected
    assert run_in_fork(lambda: len(stack.fit(flat, Y).predict(flat))) == "12"
    assert repr(rnn.predict(X[:3]).tolist()) == expected  # the parent goes on


@pytest.mark.slow
@pytest.mark.parametrize("level", [None, "0"])
def test_tensorflow_is_quiet_unless_the_user_set_its_variable(level):
    code = """
        import os, signal
        import numpy as np
        from stackens import StackedRNNClassifier

        X, y = np.random.default_rng(0).normal(size=(12, 4, 2)), np.array([0, 1] * 6)
        learner = StackedRNNClassifier(2, cell="gru", epochs=1, random_state=0)
        if hasattr(os, "fork"):  # before the first use, a fork is as good as its parent
            child = os.fork()
            if child == 0:
                signal.alarm(300)
                learner.fit(X, y)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        learner.fit(X, y).predict(X)
        print(os.environ.get("TF_CPP_MIN_LOG_LEVEL"))
    """
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    if level is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = level
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == f"{level}\n"
    assert bool(result.stderr) == (level is not None)


def test_on_a_newer_python_the_error_says_which_ones_have_tensorflow(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        require_keras()
    assert "Python" not in str(caught.value)
    monkeypatch.setattr(_architecture, "_NEWEST_PYTHON", (3, 10))
    this = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(MissingExtraError, match=rf"no release for {this}: 3\.11 to 3\.10"):
        require_keras()
