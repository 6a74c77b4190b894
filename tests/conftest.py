"""Settings and fixtures that all tests share."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import settings

# Read by TensorFlow and matplotlib at their first import, which comes after this.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# Read by SciPy; without it scikit-learn skips its checks of array API input.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# A busy machine makes no test fail.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse an address in the name of a test: processes that run tests have to agree on names."""
    addresses = [item.nodeid for item in items if re.search("at ?0x[0-9a-f]{8}", item.nodeid)]
    if addresses:
        raise pytest.UsageError(f"no two processes give these tests one name: {addresses}")


@pytest.fixture
def trained(monkeypatch) -> list[str]:
    """Collect the names of the networks that are trained in this process."""
    from stackens.training import _towers

    names, run = [], _towers._Tower.run

    def counted(tower):
        names.append(tower.job.name)
        return run(tower)

    monkeypatch.setattr(_towers._Tower, "run", counted)
    return names


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets that STACKENS_DATA names; a test without it is skipped."""
    folder = os.environ.get("STACKENS_DATA")
    if not folder:
        pytest.skip("needs real data: set STACKENS_DATA to the folder that holds it")
    return Path(folder)
