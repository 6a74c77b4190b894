"""What ``pyproject.toml`` promises of extras."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
OURS = re.compile(r"stackens\[([\w,-]+)\]")


def closure(extra: str) -> set[str]:
    """The extra, and all that it brings."""
    found = {extra}
    for requirement in EXTRAS[extra]:
        if match := OURS.fullmatch(requirement):
            found |= set().union(*map(closure, match[1].split(",")))
    return found


@pytest.mark.parametrize("extra", ["plot", "text", "dask", "bench", "docs", "dev", "all"])
def test_what_users_and_developers_ask_for_is_there(extra):
    assert EXTRAS[extra]


def test_all_is_everything():
    # One TensorFlow for each process: on machines with a GPU, `gpu` is asked for by name.
    assert set(EXTRAS) - closure("all") == {"gpu"}


def test_extras_that_errors_name_are_there():
    named = set()
    for path in (ROOT / "stackens").rglob("*.py"):
        for names in re.findall(r"stackens\[([\w,]+)\]", path.read_text("utf-8")):
            named |= set(names.split(","))
    assert named
    assert named <= set(EXTRAS)


def test_the_citation_is_of_this_package():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(r"^cff-version: 1\.2", citation, re.MULTILINE)
    assert "title: stackens" in citation.replace('"', "")


def test_the_python_versions_that_networks_run_on_are_the_same_everywhere():
    from stackens.training._architecture import _NEWEST_PYTHON

    newest = ".".join(map(str, _NEWEST_PYTHON))
    classifiers = "\n".join(PROJECT["classifiers"])
    assert re.findall(r"Python :: (3\.\d+)", classifiers)[-1] == newest
    for name in ("README.md", "CONTRIBUTING.md", "Makefile", "docs/installation.rst"):
        assert f"3.11 to {newest}" in (ROOT / name).read_text("utf-8"), name
    assert f"< (3, {_NEWEST_PYTHON[1] + 1})" in (ROOT / "Makefile").read_text("utf-8")
