"""Files of predictors: damage, other versions, and machines that have NumPy only."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from stackens import portable
from stackens.archive import write_archive
from stackens.exceptions import ArchiveError, InvalidInputError

# As if they had never been installed.
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "sklearn", "scipy", "scikeras",
                                      "joblib", "pandas", "tqdm"}:
            raise ModuleNotFoundError(f"{name} is not there", name=name)
sys.meta_path.insert(0, Blocked())
"""


def make_model():
    rng = np.random.default_rng(0)
    network = portable.Network(
        [
            portable.Masking(-9.0),
            portable.LSTM(rng.normal(size=(2, 12)), rng.normal(size=(3, 12)), np.zeros(12)),
            portable.Dense(rng.normal(size=(3, 2)), None, "softmax"),
        ]
    )
    source = portable.SequenceInput(False, 2, -9.0)
    return portable.NetworkClassifier(network, source, np.array(["a", "b"]))


@pytest.fixture
def path(tmp_path):
    portable.write_part(tmp_path / "model", make_model(), {"class": "Example"})
    return tmp_path / "model"


def test_a_file_gives_the_same_bits(path):
    X = np.random.default_rng(1).normal(size=(300, 5, 2))  # more rows than go through at once
    loaded = portable.load(path)
    np.testing.assert_array_equal(loaded.predict_proba(X), make_model().predict_proba(X))
    assert set(loaded.predict(X)) <= {"a", "b"}
    assert repr(loaded) == "<PortablePredictor of Example: predict, predict_proba>"


def test_methods_that_are_not_there(path):
    loaded = portable.load(path)
    assert hasattr(loaded, "predict_proba")
    assert not hasattr(loaded, "decision_function")
    with pytest.raises(AttributeError, match="no 'decision_function'; it has predict, predict_p"):
        loaded.decision_function([[0.0]])


def test_numbers_that_json_has_not(tmp_path):
    part = portable.SequenceFlattener(False, 1, 2, float("nan"))
    portable.write_part(tmp_path / "part", portable.Pipeline([part], make_model()), {})
    found, _ = portable.read_part(tmp_path / "part")
    assert np.isnan(found.steps[0].fill_value)


def test_an_array_that_is_used_twice_is_written_once(tmp_path):
    weights = np.zeros((100, 100))
    once = portable.write_part(tmp_path / "a", portable.Network([portable.Dense(weights)]), {})
    layers = [portable.Dense(weights), portable.Dense(weights)]
    twice = portable.write_part(tmp_path / "b", portable.Network(layers), {})
    assert twice < once + 1000


def test_any_damaged_byte_is_noticed(path):
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(content), 40, replace=False):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ArchiveError):
            portable.load(path)
    for length in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ArchiveError, match=r"damaged|no archive"):
            portable.load(path)


def test_files_of_another_kind(tmp_path):
    with pytest.raises(FileNotFoundError):
        portable.load(tmp_path / "nowhere")
    write_archive(tmp_path / "other", {}, {}, kind="network")
    with pytest.raises(ArchiveError, match="holds 'network'; expected 'stackens predictor'"):
        portable.load(tmp_path / "other")
    portable.write_part(tmp_path / "layer", portable.Identity(), {})
    with pytest.raises(ArchiveError, match="a Identity, which predicts nothing"):
        portable.load(tmp_path / "layer")


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"format": 2, "about": {}, "root": {}}, "is of format 2"),
        ({"format": 1, "about": {}, "root": {"part": "Zebra", "fields": {}}}, "part 'Zebra'"),
        (
            {"format": 1, "about": {}, "root": {"part": "Dense", "fields": {"speed": 3}}},
            "describes 'Dense' in a way that is not understood",
        ),
        ({"format": 1, "about": {}, "root": {"array": "nowhere"}}, "holds no predictor"),
        ({"format": 1, "about": {}}, "holds no predictor"),
        ({}, "is of format None"),
    ],
)
def test_files_of_another_version(tmp_path, meta, message):
    write_archive(tmp_path / "model", {}, meta, kind="stackens predictor")
    with pytest.raises(ArchiveError, match=message):
        portable.load(tmp_path / "model")


def test_trees_without_an_end_are_an_error():
    one = np.zeros(1, int)
    trees = portable.Trees(one, one, one, one, np.zeros(1), np.zeros(1, bool), np.ones((1, 1)), 1)
    with pytest.raises(ArchiveError, match="no end"):
        portable.TreesRegressor(trees).predict([[1.0]])


def test_it_runs_where_there_is_numpy_only(path):
    code = f"""
        import stackens, stackens.portable
        import numpy as np
        predictor = stackens.portable.load({str(path)!r})
        print(predictor.predict_proba(np.ones((2, 3, 2))).tolist())
        print(sorted(m for m in sys.modules
                     if m.partition(".")[0] in ("tensorflow", "keras", "sklearn", "scipy")))
    """
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    predicted, modules = done.stdout.splitlines()
    expected = make_model().predict_proba(np.ones((2, 3, 2)))
    np.testing.assert_array_equal(json.loads(predicted), expected)
    assert json.loads(modules) == []


def test_the_room_imports_numpy_and_the_standard_library_only():
    folder = Path(portable.__file__).parent
    lines = [line for file in folder.glob("*.py") for line in file.read_text("utf-8").split("\n")]
    imports = [line.split()[1] for line in lines if line.startswith(("import ", "from "))]
    roots = {name.partition(".")[0] for name in imports}
    assert roots - sys.stdlib_module_names == {"numpy", "stackens"}


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((2, 3)), "Expected sequences of 2 feature"),
        (np.full((1, 1, 2), 1e300), "too large for float32"),
        ("text", "must hold numbers|Expected"),
    ],
)
def test_input_that_cannot_be_used(path, X, message):
    with pytest.raises(InvalidInputError, match=message):
        portable.load(path).predict(X)
