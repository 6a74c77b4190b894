"""Examples have one form: a question, prose, a figure, and a clear word where data are missing.

``make examples`` runs them; here they are only read, and those that need data are started without
any.
"""

from __future__ import annotations

import ast
import re
import runpy
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from stackens import datasets

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
BUNDLED = {"load_digits_sequences"}

every_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def text_of(path):
    return path.read_text(encoding="utf-8")


def loaders_of(path):
    """Names of loaders that an example imports, without those that need no file."""
    tree = ast.parse(text_of(path))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "stackens.datasets"
        for alias in node.names
    }
    return imported - BUNDLED


NEED_DATA = [path for path in EXAMPLES if loaders_of(path)]


def test_each_area_has_an_example():
    """Text, its generation, speech, handwriting, motion, DNA, sensors, forecasts, translation."""
    areas = {
        *("trec", "tinyshakespeare", "fsdd", "pendigits", "natops", "splice", "ucr", "etth1"),
        "small_parallel_enja",
    }
    shown = set().union(*map(loaders_of, EXAMPLES))
    assert {f"load_{area}" for area in areas} <= shown <= set(datasets.__all__)


@every_example
def test_begins_with_a_title_and_a_question(path):
    """Sphinx-gallery takes the page's title from the docstring, in reStructuredText."""
    docstring = ast.get_docstring(ast.parse(text_of(path)), clean=True)
    assert docstring is not None
    title, underline, empty, *rest = docstring.splitlines()
    assert set(underline) == {"="}
    assert len(underline) == len(title)
    assert empty == ""
    assert len(rest) >= 2
    assert "?" in docstring


@every_example
def test_has_blocks_of_prose(path):
    blocks = re.split(r"^# %%\n", text_of(path), flags=re.MULTILINE)[1:]
    if not path.stem.startswith("plot_"):
        return  # read, not run, where the gallery is built
    assert len(blocks) >= 3
    for block in blocks:
        assert block.startswith("# "), f"a block begins without a word: {block[:60]!r}"


@every_example
def test_ends_with_a_figure_and_prints_numbers(path):
    text = text_of(path)
    assert 'Path("demo_output")' in text
    assert ".savefig(" in text
    assert "print(" in text


@every_example
def test_names_what_makes_it_quick(path):
    """Whoever reads the variable says so on the page and in the output."""
    text = text_of(path)
    if "STACKENS_EXAMPLES" not in text.replace(ast.get_docstring(ast.parse(text)) or "", ""):
        return
    assert "STACKENS_EXAMPLES=quick" in (ast.get_docstring(ast.parse(text)) or "")
    assert 'print(f"Quick: ' in text


@pytest.mark.parametrize("path", NEED_DATA, ids=lambda path: path.stem)
def test_names_the_folder_of_its_data(path):
    assert "STACKENS_DATA" in (ast.get_docstring(ast.parse(text_of(path))) or "")


@pytest.mark.parametrize("path", NEED_DATA, ids=lambda path: path.stem)
def test_says_what_is_missing_and_ends_cleanly(path, tmp_path, monkeypatch, capsys):
    """Without data and without a network there is one message, and no figure."""

    def refuse(*args, **options):
        raise urllib.error.URLError("no network")

    monkeypatch.delenv("STACKENS_DATA", raising=False)
    monkeypatch.setenv("STACKENS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert printed.startswith("This example needs data that are not here.")
    assert "STACKENS_DATA" in printed
    assert not list(tmp_path.iterdir())
