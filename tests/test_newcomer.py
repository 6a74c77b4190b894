"""The way of a newcomer, from the README to a notebook with data of their own."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "notebooks" / "own_data.ipynb"


def test_the_readme_leads_to_the_notebook():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert NOTEBOOK.relative_to(ROOT).as_posix() in readme
    assert "auto_notebooks/own_data" in (ROOT / "docs" / "index.rst").read_text("utf-8")


def test_the_notebook_is_kept_without_outputs():
    cells = [c for c in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if "outputs" in c]
    assert cells
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)


def test_its_page_says_what_it_says(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import notebook_pages

    monkeypatch.setattr(notebook_pages, "PAGES", tmp_path)
    notebook_pages.write_pages()
    page = (tmp_path / "own_data.rst").read_text("utf-8")
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        for line in "".join(cell["source"]).splitlines():
            assert re.sub(r"[#`]", "", line).strip() in re.sub(r"`", "", page)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    """Set STACKENS_NOTEBOOKS to a folder to keep it there, with its outputs."""
    nbformat = pytest.importorskip("nbformat", reason="notebooks need nbclient and ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="notebooks need nbclient and ipykernel")
    pytest.importorskip("ipykernel", reason="notebooks need nbclient and ipykernel")
    pytest.importorskip("matplotlib")
    pytest.importorskip("skops")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.create_kernel_manager().kernel_spec.argv[0] = sys.executable
    client.execute()
    keep_if_asked(notebook)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [data for output in outputs if (data := output.get("data"))]
    printed = "".join(output.get("text", "") for output in outputs)
    assert "Warning" not in printed
    html = "".join(data.get("text/html", "") for data in shown)
    assert "sk-container" in html  # the diagram of the stack
    assert '<th scope="row">lstm</th>' in html  # with its scores
    assert sum("image/png" in data for data in shown) == 1
    assert "600 recordings of 8 times and 8 channels" in printed
    assert "8 features" in printed  # the message of the refused row
    same = shown[-1]["text/plain"]
    assert same.count("True") == 2
    assert "False" not in same


def keep_if_asked(notebook):
    import os

    import nbformat

    if folder := os.environ.get("STACKENS_NOTEBOOKS"):
        nbformat.write(notebook, Path(folder, NOTEBOOK.name))
