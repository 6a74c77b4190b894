"""Notebooks as pages: what they say and do, without what they printed."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

DOCS = Path(__file__).parent
NOTEBOOKS, PAGES = DOCS / "notebooks", DOCS / "auto_notebooks"
TOP = """\
.. This page is made from {path}: change that instead.

"""
DOWNLOAD = """
The notebook: :download:`{name} <../notebooks/{name}>`. The tests of every change run it.

"""


def write_pages() -> None:
    """Write one page for each notebook."""
    PAGES.mkdir(exist_ok=True)
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        title, *rest = [convert(cell) for cell in cells]
        text = TOP.format(path=f"docs/notebooks/{notebook.name}") + title
        text += DOWNLOAD.format(name=notebook.name) + "\n".join(rest)
        (PAGES / f"{notebook.stem}.rst").write_text(text, "utf-8")


def convert(cell: dict) -> str:
    """Convert one cell to reStructuredText; of Markdown headings, code, bold type and links."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "code":
        return f".. code-block:: python3\n\n{textwrap.indent(source, '   ')}\n"
    return "\n".join(map(convert_line, source.splitlines())) + "\n"


def convert_line(line: str) -> str:
    heading = re.fullmatch(r"(#{1,2}) (.*)", line)
    if heading:
        return f"{heading[2]}\n{'=-'[len(heading[1]) - 1] * len(heading[2])}"
    line = re.sub(r"`([^`]+)`", r"``\1``", line)
    return re.sub(r"\[([^]]+)\]\(([^)]+)\)", r"`\1 <\2>`__", line)
