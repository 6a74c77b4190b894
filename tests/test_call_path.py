"""A fit and a prediction pass no more files than they do."""

from __future__ import annotations

import pytest
from call_path import follow

# The most files of the package that each may pass; to be lowered, never raised.
MOST_FILES = {"fit": 26, "predict": 9}


@pytest.fixture(scope="module")
def paths():
    return follow()


@pytest.mark.parametrize("name", MOST_FILES)
def test_the_way_through_the_code_gets_no_longer(paths, name):
    files = list(paths[name])
    assert "ensemble/_stack.py" in files or name == "predict"
    assert "learners/base.py" in files
    assert len(files) <= MOST_FILES[name], files
