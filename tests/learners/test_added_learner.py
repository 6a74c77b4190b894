"""The learner of the page on adding one is a good one, and those of the package are found."""

from __future__ import annotations

import ast
import doctest
import os
import shutil
import subprocess
import sys
from importlib import import_module
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from public_estimators import CLASSES_OF_ESTIMATORS
from reference import read_reference
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator
from temporal_convolution import TemporalConvolutionClassifier

import stackens
from stackens import StackingClassifier, learners
from stackens.datasets import load_digits_sequences
from stackens.exporting._converter import _find_handler
from stackens.learners.base import NetworkLearner
from stackens.persistence._trust import OWN_TYPES
from stackens.training import CallbackSupportMixin

WEIGHTS = (
    "rows of weight 2 and repeated rows fall into other mini-batches; scikit-learn expects this "
    "of its own mini-batch learners"
)


def describe(value):
    """Name a case; scikit-learn's own names hold addresses of functions."""
    return getattr(getattr(value, "func", value), "__name__", type(value).__name__)


@pytest.mark.parametrize(
    ("estimator", "check"),
    list(
        estimator_checks_generator(
            TemporalConvolutionClassifier(),
            expected_failed_checks={"check_sample_weight_equivalence_on_dense_data": WEIGHTS},
            mark="xfail",
        )
    ),
    ids=describe,
)
def test_passes_every_check(estimator, check):
    check(estimator)


def relu_convolution(x, kernel, bias):
    """Convolve one sequence by hand; ``kernel`` is of shape (kernel_size, features, filters)."""
    padded = np.concatenate([np.zeros((len(kernel) - 1, x.shape[1])), x])
    windows = np.stack([padded[t : t + len(kernel)] for t in range(len(x))])
    return np.maximum(np.einsum("tkf,kfo->to", windows, kernel) + bias, 0)


def test_it_computes_what_it_says_of_ragged_sequences():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 3)) for length in (2, 5, 9, 4) * 5]
    y = np.arange(20) % 3
    learner = TemporalConvolutionClassifier(4, epochs=2, random_state=0).fit(X, y)
    kernel, bias, weights, offset = learner.weights_
    for x, found in zip(X, learner.predict_proba(X), strict=True):
        logits = relu_convolution(x, kernel, bias).max(axis=0) @ weights + offset
        wanted = np.exp(logits - logits.max())
        np.testing.assert_allclose(found, wanted / wanted.sum(), atol=1e-5)


def test_a_stack_trains_it_as_a_tower_that_equals_it_alone(trained):
    X, y = load_digits_sequences(return_X_y=True)
    learner = TemporalConvolutionClassifier(4, epochs=2, random_state=3)
    stack = StackingClassifier([("convolution", learner)], cv=2).fit(X[:100], y[:100])
    assert len(trained) == 3
    alone = clone(learner).fit(X[:100], y[:100])
    together = stack.named_estimators_["convolution"]
    for one, other in zip(alone.weights_, together.weights_, strict=True):
        np.testing.assert_array_equal(one, other)


# ---- into the package ----------------------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "add_a_learner.rst").read_text("utf-8")
SHOWN = "".join(example.source for example in doctest.DocTestParser().get_examples(PAGE))
SHOWN += (DOCS / "temporal_convolution.py").read_text("utf-8")


def test_the_page_imports_promised_names_alone():
    assert ".. literalinclude:: temporal_convolution.py" in PAGE
    imports = [node for node in ast.walk(ast.parse(SHOWN)) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imports if node.module.partition(".")[0] == "stackens"]
    assert {"stackens.learners.base", "stackens.training"} <= {node.module for node in ours}
    for node in ours:
        assert "._" not in node.module
        assert {alias.name for alias in node.names} <= set(import_module(node.module).__all__)


@pytest.mark.parametrize("name", learners.__all__)
def test_a_learner_of_the_room_is_found_everywhere(name):
    learner = getattr(learners, name)
    assert name in stackens.__all__
    assert getattr(stackens, name) is learner
    # whence every test of all estimators takes it: scikit-learn's checks, generated input
    assert CLASSES_OF_ESTIMATORS[name] is learner
    assert f"\n   {name}\n" in read_reference()
    assert f"stackens.learners.{name}" in OWN_TYPES
    assert _find_handler(learner)
    # of what a file says, nothing is built unless the user gives the function that builds it
    if issubclass(learner, NetworkLearner) and "build" not in signature(learner).parameters:
        assert learner._weight_shapes is not NetworkLearner._weight_shapes


FOUND = """
import numpy as np
from public_estimators import CLASSES_OF_ESTIMATORS, LEARNERS, data_for, make
from reference import read_reference

import stackens
from stackens.exporting._converter import _find_handler
from stackens.learners import TemporalConvolutionClassifier

name = "TemporalConvolutionClassifier"
assert TemporalConvolutionClassifier.__module__ == "stackens.learners._temporal_convolution"
assert stackens.TemporalConvolutionClassifier is TemporalConvolutionClassifier
assert name in stackens.__all__ and name in stackens.learners.__all__
assert CLASSES_OF_ESTIMATORS[name] is TemporalConvolutionClassifier and name in LEARNERS
assert f"\\n   {name}\\n" in read_reference()
assert _find_handler(TemporalConvolutionClassifier)
X, y = data_for(name)
learner = make(name).fit(X, y)
stackens.save(learner, "learner")
assert stackens.file_info("learner").untrusted_types == ()
loaded = stackens.load("learner")
np.testing.assert_array_equal(loaded.predict_proba(X), learner.predict_proba(X))
"""


def test_one_file_and_one_line_add_a_learner(tmp_path):
    package = tmp_path / "stackens"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(stackens.__file__).parent, package, ignore=ignored)
    (tmp_path / "docs" / "api").mkdir(parents=True)
    for file in ("reference.py", "api/index.rst.in"):
        shutil.copy(DOCS / file, tmp_path / "docs" / file)
    room = package / "learners"
    text = (DOCS / "temporal_convolution.py").read_text("utf-8")
    (room / "_temporal_convolution.py").write_text(text, "utf-8")
    with (room / "__init__.pyi").open("a", encoding="utf-8") as stub:
        name = "TemporalConvolutionClassifier"
        stub.write(f"from stackens.learners._temporal_convolution import {name} as {name}\n")
    paths = [tmp_path, tmp_path / "docs", Path(__file__).parents[1]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    subprocess.run([sys.executable, "-c", FOUND], cwd=tmp_path, env=environment, check=True)


# ---- classes -------------------------------------------------------------------------------------

# Own classes that may stand between a public estimator and those of scikit-learn.
MOST_BASES = 2


@pytest.mark.parametrize("name", [*learners.__all__, "StackingClassifier", "StackingRegressor"])
def test_few_classes_of_ours_stand_above_a_learner_or_a_stack(name):
    _, *bases = getattr(stackens, name).__mro__
    ours = [cls for cls in bases if cls.__module__.startswith("stackens.")]
    # The stand-in for a class that an older scikit-learn lacks is none of ours.
    assert len([cls for cls in ours if cls is not CallbackSupportMixin]) <= MOST_BASES, ours
