"""The gallery of examples: what Sphinx-Gallery reads, and pictures of scripts that did not run.

A build of the documentation runs no example unless it is asked to (``make gallery``). Pages show
the picture that the example drew when it was last run by ``make examples``;
``python docs/gallery.py`` takes these pictures from ``demo_output``.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

DOCS = Path(__file__).parent
EXAMPLES, WRITTEN = DOCS.parent / "examples", DOCS.parent / "demo_output"
PICTURES = DOCS / "pictures" / "gallery"
STAGED = DOCS / "_build" / "examples"
WIDEST = 900  # pixels
HEADER = """\
Gallery
=======

Each example asks a question and ends with a figure or a score. ``make examples`` runs them all, as
every change does; ``STACKENS_EXAMPLES=quick make examples`` with smaller data or fewer epochs where
an example takes long. Examples on real data read the folder that ``STACKENS_DATA`` names, and say
what they need where it is not there.
"""
PICTURE = """
# %%
# What it drew when it was last run, at full size:
#
# .. image:: /pictures/gallery/{name}.png
#    :alt: The figure that this example draws.

# sphinx_gallery_thumbnail_path = 'pictures/gallery/{name}.png'
"""


def figure_of(script: Path) -> Path | None:
    """Where an example writes its figure."""
    names = re.findall(r'"(\w+\.png)"', script.read_text("utf-8"))
    return WRITTEN / names[0] if names else None


def stage(*, runs: bool) -> Path:
    """Copy the examples for Sphinx-Gallery, so that what they write stays out of ``examples``.

    If they will not run, each gets its kept picture at the end.
    """
    shutil.rmtree(STAGED, ignore_errors=True)
    STAGED.mkdir(parents=True)
    (STAGED / "GALLERY_HEADER.rst").write_text(HEADER, "utf-8")
    for script in sorted(EXAMPLES.glob("*.py")):
        text = script.read_text("utf-8")
        if not runs and (PICTURES / f"{script.stem}.png").is_file():
            text += PICTURE.format(name=script.stem)
        (STAGED / script.name).write_text(text, "utf-8")
    return STAGED


def keep_pictures() -> None:
    """Shrink the figures that the examples wrote, and keep them with the documentation."""
    from PIL import Image

    PICTURES.mkdir(parents=True, exist_ok=True)
    for script in sorted(EXAMPLES.glob("*.py")):
        figure = figure_of(script)
        if figure is None or not figure.is_file():
            print(f"{script.name}: no figure in {WRITTEN.name}")
            continue
        picture = Image.open(figure).convert("RGB")
        picture.thumbnail((WIDEST, WIDEST))
        path = PICTURES / f"{script.stem}.png"
        picture.quantize(128).save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    keep_pictures()
