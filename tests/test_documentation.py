"""The code in the documentation runs, and every public name has its page."""

from __future__ import annotations

import doctest
import re
import textwrap
from pathlib import Path

import pytest

import stackens

ROOT = Path(__file__).parent.parent
FENCED = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
DIRECTIVE = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", re.MULTILINE)


def code_of(page: Path) -> str:
    """All Python blocks of a page, in order: they build on each other."""
    pattern = FENCED if page.suffix == ".md" else DIRECTIVE
    return "\n".join(textwrap.dedent(block) for block in pattern.findall(page.read_text("utf-8")))


PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.rst"))) if code_of(page)
]


SESSIONS = [
    page for page in sorted((ROOT / "docs").rglob("*.rst")) if ">>> " in page.read_text("utf-8")
]


def test_the_pages_that_should_hold_code_do():
    assert {"README.md", "quickstart.rst", "stacking.rst"} <= {page.name for page in PAGES}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_runs(page):
    exec(compile(code_of(page), page.name, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.name)
def test_sessions_print_what_the_page_says(page):
    found = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert found.attempted
    assert not found.failed


def test_the_recurrence_by_hand_is_a_session():
    assert "recurrence_by_hand.rst" in {page.name for page in SESSIONS}


def test_every_public_name_is_in_the_reference():
    reference = (ROOT / "docs" / "api" / "index.rst").read_text("utf-8")
    documented = {line.strip().split(".")[0] for line in reference.splitlines()}
    assert set(stackens.__all__) <= documented
