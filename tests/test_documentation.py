"""The code in the documentation runs, and every public name has its page."""

from __future__ import annotations

import ast
import doctest
import json
import re
import statistics
import textwrap
from pathlib import Path

import pytest
from reference import read_reference

import stackens

ROOT = Path(__file__).parent.parent
FENCED = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
DIRECTIVE = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", re.MULTILINE)


def code_of(page: Path) -> str:
    """All Python blocks of a page, in order: they build on each other."""
    pattern = FENCED if page.suffix == ".md" else DIRECTIVE
    return "\n".join(textwrap.dedent(block) for block in pattern.findall(page.read_text("utf-8")))


def written_pages() -> list[Path]:
    """All pages but those that a build of the documentation makes."""
    docs = ROOT / "docs"
    made = ("_", "api/generated", "api/index", "auto_", "sg_")
    pages = sorted(docs.rglob("*.rst"))
    return [page for page in pages if not page.relative_to(docs).as_posix().startswith(made)]


PAGES = [page for page in (ROOT / "README.md", *written_pages()) if code_of(page)]
SESSIONS = [page for page in written_pages() if ">>> " in page.read_text("utf-8")]


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
    reference = read_reference()
    documented = {line.strip().split(".")[0] for line in reference.splitlines()}
    documented |= set(re.findall(r"``stackens\.(\w+)``", reference))  # rooms, at the head
    assert set(stackens.__all__) <= documented


@pytest.mark.parametrize(
    "example", sorted((ROOT / "examples").glob("*.py")), ids=lambda example: example.stem
)
def test_examples_can_be_pages_of_the_gallery(example):
    text = ast.get_docstring(ast.parse(example.read_text("utf-8")))
    title, line, *_ = text.splitlines()
    assert line == "=" * len(title)


LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    paths = [link.partition("#")[0] for link in links if not link.startswith(("#", "mailto:"))]
    assert [path for path in paths if not (page.parent / path).exists()] == []


def test_the_readme_says_what_was_measured():
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    times = r"([\d.]+) times as fast as scikit-learn with SciKeras and ([\d.]+) times as fast"
    scikeras, skorch = re.search(times, text).groups()
    assert measured_ratio("stack", "scikeras") == pytest.approx(float(scikeras), rel=0.03)
    assert measured_ratio("stack", "skorch") == pytest.approx(float(skorch), rel=0.03)
    assert "in about the time of one plain Keras fit" in text
    assert measured_ratio("stack", "keras_lstm") == pytest.approx(1, rel=0.25)
    assert "30 candidates on 5 folds took a twentieth of the time" in text
    assert measured_ratio("random_search", "scikeras") == pytest.approx(20, rel=0.1)


def measured_ratio(name, peer):
    """Return how many times as long as stackens a peer took: the median over rounds."""
    results = ROOT / "docs" / "benchmarks" / "results" / f"{name}.json"
    sides = json.loads(results.read_text("utf-8"))["sides"]
    rounds = zip(sides[peer], sides["stackens"], strict=False)
    return statistics.median(theirs["seconds"] / ours["seconds"] for theirs, ours in rounds)


def test_every_page_is_found_from_the_first_one():
    docs = ROOT / "docs"
    pages = {page.relative_to(docs).with_suffix("").as_posix() for page in written_pages()}
    pages -= {"index"}
    listed = set()
    for index in [docs / "index.rst", *docs.glob("*/index.rst")]:
        folder = index.parent.relative_to(docs).as_posix()
        names = re.findall(r"^   (?:[\w ]+ <)?([\w/]+)>?$", index.read_text("utf-8"), re.MULTILINE)
        listed |= {name if folder == "." else f"{folder}/{name}" for name in names}
    assert pages - listed == set()
