"""Private files of the package can be renamed: what is kept does not know their names."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from persistence.read_elsewhere import keys_of_all
from public_estimators import CLASSES_OF_ESTIMATORS, TRANSFORMERS, data_for, make
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import stackens
from stackens import SequenceFlattener, SequenceScaler, StackedRNNClassifier, StackingClassifier
from stackens.datasets import load_digits_sequences
from stackens.store import KeptFit, get_fit, put_fit

TESTS = Path(__file__).parent.parent
PRIVATE = re.compile(rb"stackens[a-z_.]*\._[A-Za-z_]+")
WITHOUT_NETWORKS = [
    *TRANSFORMERS,
    "ColumnwiseRegressor",
    "ConvexBlendClassifier",
    "ConvexBlendRegressor",
    "DistilledRegressor",
    "EnsembleSelectionClassifier",
    "GridSearchCV",
    "NaiveForecaster",
    "StackingClassifier",
    "StackingRegressor",
    "WindowForecaster",
]
KEY = "0" * 64


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some"


def fitted(name, **options):
    return make(name).set_params(**options).fit(*data_for(name))


@pytest.mark.parametrize("name", CLASSES_OF_ESTIMATORS)
def test_no_file_names_a_private_part(name, path):
    stackens.save(make(name), path)
    assert not PRIVATE.findall(path.read_bytes())


@pytest.mark.parametrize("name", WITHOUT_NETWORKS)
def test_nor_does_a_file_of_what_is_fitted(name, path):
    stackens.save(fitted(name), path)
    assert not PRIVATE.findall(path.read_bytes())


@pytest.mark.parametrize("options", [{"predict_with": "folds"}, {"fallback": "average"}], ids=str)
@pytest.mark.parametrize("name", ["StackingClassifier", "StackingRegressor"])
def test_nor_does_a_file_of_any_stack(name, options, path):
    stackens.save(fitted(name, **options), path)
    assert not PRIVATE.findall(path.read_bytes())


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_nor_does_an_entry_of_a_store(name, path):
    store = stackens.JobStore(path)
    assert put_fit(store, KEY, KeptFit(None, None, 0.1, fitted(name)))
    assert not any(PRIVATE.findall(file.read_bytes()) for file in path.rglob("*.entry"))
    assert type(get_fit(store, KEY).estimator) is CLASSES_OF_ESTIMATORS[name]


def renamed_copy(folder: Path) -> Path:
    """Copy the package as one that is released, with another name for each private file."""
    package = folder / "stackens"
    shutil.copytree(
        Path(stackens.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    private = sorted(package.rglob("_[a-z]*.py"))
    names = "|".join({file.stem for file in private})
    for file in private:
        file.rename(file.with_stem(f"{file.stem}_moved"))
    for file in package.rglob("*.py*"):
        text = file.read_text("utf-8").replace(stackens.__version__, "0.1.0")
        text = re.sub(rf"(\bstackens(\.[a-z]\w*)+\.({names}))\b", r"\1_moved", text)
        imported = rf"(from stackens(\.[a-z]\w*)+ import )({names})\n"
        file.write_text(re.sub(imported, r"\1\3_moved as \3\n", text), "utf-8")
    return package


@pytest.mark.slow
def test_another_package_with_other_files_reads_what_this_one_wrote(tmp_path, monkeypatch):
    """And finds in a store what this one would find there."""
    package = renamed_copy(tmp_path)
    X, y = load_digits_sequences(return_X_y=True)
    X, y = X[:90], y[:90] % 3
    table = make_pipeline(SequenceScaler(), SequenceFlattener(), LogisticRegression(max_iter=500))
    learners = [("lstm", StackedRNNClassifier(3, epochs=1)), ("linear", table)]
    stack = StackingClassifier(
        learners, stackens.ConvexBlendClassifier(), cv=2, fallback="average", random_state=0
    ).fit(X, y)
    stackens.save(stack, tmp_path / "stack.stackens")
    kept = KeptFit(None, None, 0.1, table.fit(X, y))
    assert put_fit(stackens.JobStore(tmp_path / "store"), KEY, kept)
    np.save(tmp_path / "X.npy", X)

    command = [sys.executable, str(TESTS / "persistence" / "read_elsewhere.py"), tmp_path, KEY]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(TESTS)])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert Path(found["package"]).parent == package
    assert found["module"] == "stackens.ensemble._stacking_moved"
    assert found["kept"] == "SequenceScaler"
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), stack.predict_proba(X))
    monkeypatch.setattr(stackens, "__version__", "0.1.0")  # a key of other code is another one
    monkeypatch.setattr("stackens.digests._code._versions", {})
    assert found["keys"] == keys_of_all()
    assert sum(len(key) == 64 for key in found["keys"]) > len(found["keys"]) / 2
