"""scikit-learn's own tests of stacking, unmodified, on our classes.

The modules ship in scikit-learn's wheel. They are executed from their source with the two names
that they import replaced by ours.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import sklearn.ensemble
import sklearn.ensemble.tests

import stackens

FOLDER = Path(sklearn.ensemble.tests.__file__).parent


def load_with_ours(file_name: str):
    """Import a test module while scikit-learn's names mean our classes."""
    name = f"stackens_run_of_{Path(file_name).stem}"
    spec = importlib.util.spec_from_file_location(name, FOLDER / file_name)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sklearn.ensemble, "StackingClassifier", stackens.StackingClassifier)
        patch.setattr(sklearn.ensemble, "StackingRegressor", stackens.StackingRegressor)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    assert module.StackingClassifier is stackens.StackingClassifier
    return module


_stacking = load_with_ours("test_stacking.py")
_common = load_with_ours("test_common.py")

# Collected by pytest as if they were written here.
globals().update({k: v for k, v in vars(_stacking).items() if k.startswith("test_")})
globals().update(
    {f"{k}_of_ensembles": v for k, v in vars(_common).items() if k.startswith("test_")}
)
pytestmark = pytest.mark.filterwarnings("default")
enable_slep006 = pytest.fixture(lambda: None)


@pytest.fixture(autouse=True)
def skip_other_ensembles(request):
    """The common tests also cover voting and others, which are not ours."""
    if request.node.name.endswith("]") and "_of_ensembles" in request.node.name:
        values = [str(type(v)) + str(v) for v in request.node.callspec.params.values()]
        if not any("tack" in value for value in values):
            pytest.skip("not a stacking case")


def test_the_suite_is_really_there():
    ours = [k for k in vars(_stacking) if k.startswith("test_")]
    assert len(ours) >= 25
    source = (FOLDER / "test_common.py").read_text()
    assert "StackingClassifier" in source
