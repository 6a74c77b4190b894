"""What importing the package brings into a process, and what it offers before that."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from importlib import import_module

import pytest
from reference import read_reference

import stackens

ROOMS = sorted(set(re.findall(r"^   (\w+)\.\w+$", read_reference(), re.MULTILINE)))
HEAVY = {"tensorflow", "keras", "scikeras", "sklearn", "scipy", "numpy", "pandas", "matplotlib"}


def without(*packages: str) -> str:
    """Return code that hides packages as if they had never been installed."""
    return f"""
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname.partition(".")[0] in {packages!r}:
            return None
        return super().find_spec(fullname, path, target)

sys.meta_path[:] = [Without if f is PathFinder else f for f in sys.meta_path]
"""


WITHOUT_TENSORFLOW = without("tensorflow", "tensorflow_cpu")


def run(code: str, before: str = "") -> str:
    """Run ``code`` in an interpreter of its own and return what it prints."""
    finished = subprocess.run(
        [sys.executable, "-c", before + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def top_level_modules_after(code: str) -> set[str]:
    printed = run(f"{code}\nimport sys\nprint(*sys.modules, sep=chr(10))")
    return {name.partition(".")[0] for name in printed.splitlines()}


def test_importing_the_package_imports_nothing_heavy():
    assert not HEAVY & top_level_modules_after("import stackens")


def test_listing_the_names_imports_nothing_heavy():
    assert not HEAVY & top_level_modules_after("import stackens\ndir(stackens)")


@pytest.mark.parametrize(
    "statement",
    [
        "from stackens import StackingClassifier, StackingRegressor",
        "from stackens import SequenceScaler, SequenceVectorizer",
        "from stackens import export_numpy, portable",
        "from stackens.datasets import load_digits_sequences",
    ],
)
def test_what_needs_no_network_imports_no_tensorflow(statement):
    loaded = top_level_modules_after(statement)
    assert "stackens" in loaded
    assert not {"tensorflow", "keras", "scikeras"} & loaded


@pytest.mark.parametrize("name", stackens.__all__)
def test_every_public_name_can_be_had(name):
    assert getattr(stackens, name) is getattr(stackens, name)
    assert getattr(stackens, name).__doc__


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_the_reference_is_had_without_an_import_of_its_own(room):
    assert {"layers", "training"} <= set(ROOMS)
    assert stackens.__getattr__(room) is import_module(f"stackens.{room}")


def test_predictors_without_tensorflow_need_numpy_only():
    loaded = top_level_modules_after("import stackens.portable")
    assert {"numpy", "stackens"} <= loaded
    assert not (HEAVY - {"numpy"}) & loaded


def test_dir_lists_the_public_names():
    assert set(dir(stackens)) == {*stackens.__all__, "__version__"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'stackens' has no attribute 'StackingClasifier'"):
        stackens.StackingClasifier  # noqa: B018


def test_importing_an_unknown_name_is_an_import_error():
    with pytest.raises(ImportError, match="StackingClasifier"):
        from stackens import StackingClasifier  # noqa: F401


def test_without_tensorflow_every_public_name_can_still_be_had():
    code = """
        import stackens
        from stackens import *
        print(sum(globals()[name] is getattr(stackens, name) for name in stackens.__all__))
        for room in ("layers", "networks"):
            try:
                getattr(stackens, room)
            except ImportError as error:
                print(error.name)
    """
    expected = [str(len(stackens.__all__)), "tensorflow", "tensorflow"]
    assert run(code, before=WITHOUT_TENSORFLOW).split() == expected


def test_without_tensorflow_the_first_fit_of_a_network_names_the_extra():
    code = """
        import numpy as np
        from stackens import StackedRNNClassifier
        from stackens.exceptions import MissingExtraError

        X, y = np.zeros((6, 4, 2)), np.array([0, 1] * 3)
        try:
            StackedRNNClassifier(epochs=1).fit(X, y)
        except MissingExtraError as error:
            print(error)
    """
    assert 'pip install "stackens[cpu]"' in run(code, before=WITHOUT_TENSORFLOW)


def test_without_tensorflow_stacking_other_estimators_works():
    code = """
        from sklearn.datasets import load_iris
        from sklearn.linear_model import LogisticRegression
        from sklearn.naive_bayes import GaussianNB
        from stackens import StackingClassifier

        X, y = load_iris(return_X_y=True)
        stack = StackingClassifier(
            [("bayes", GaussianNB())], final_estimator=LogisticRegression(max_iter=1000)
        )
        print(stack.fit(X, y).score(X, y) > 0.9)
    """
    assert run(code, before=WITHOUT_TENSORFLOW) == "True"


def test_without_scikeras_only_the_held_estimator_is_missing():
    code = """
        import pickle, tempfile
        from pathlib import Path

        import keras
        import numpy as np
        from sklearn.base import clone
        import stackens
        from stackens.exceptions import MissingExtraError

        def build(meta):
            layers = [keras.Input((4, 2)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
            return keras.Sequential(layers)

        X, y = np.random.default_rng(0).normal(size=(12, 4, 2)), np.array([0, 1] * 6)
        rnn = stackens.StackedRNNClassifier(2, epochs=1, random_state=0)
        own = stackens.KerasNetworkClassifier(build, epochs=1, random_state=0)
        stack = stackens.StackingClassifier([("rnn", rnn), ("own", own)], cv=2).fit(X, y)
        expected = stack.predict_proba(X)
        rnn = rnn.fit(X, y)
        for one in (rnn, clone(own).fit(X, y), stack):
            again = pickle.loads(pickle.dumps(one))
            assert (again.predict_proba(X) == one.predict_proba(X)).all()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "stack")
            rnn.partial_fit(X, y)
            stackens.save(rnn, path)
            assert (stackens.load(path).predict_proba(X) == rnn.predict_proba(X)).all()
            stackens.export_numpy(stack, path)
            found = stackens.portable.load(path).predict_proba(X)
            np.testing.assert_allclose(found, expected, atol=1e-5)
        try:
            rnn.keras_estimator_
        except MissingExtraError as error:
            print(error)
    """
    printed = run(code, before=without("scikeras"))
    assert "`keras_estimator_`" in printed
    assert "pip install scikeras" in printed
