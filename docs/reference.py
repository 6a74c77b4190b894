"""The page of the reference, of which the names of learners are written in the package."""

from __future__ import annotations

from pathlib import Path

from stackens import learners

API = Path(__file__).parent / "api"


def read_reference() -> str:
    """Return the page, every name on a line of its own."""
    names = "".join(f"   {name}\n" for name in learners.__all__)
    return (API / "index.rst.in").read_text("utf-8").replace("   <learners>\n", names)


def write_page() -> None:
    """Write it where Sphinx looks for it."""
    (API / "index.rst").write_text(read_reference(), "utf-8")
