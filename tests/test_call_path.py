"""A fit and a prediction pass few files, and the design page walks the same way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from call_path import follow

# The most files of the package that each may pass; to be lowered, never raised.
MOST_FILES = {"fit": 25, "predict": 9}

PAGE = Path(__file__).parent.parent / "docs" / "design.rst"
HEADINGS = {"fit": "A fit, file by file", "predict": "A prediction, file by file"}
STEP = re.compile(r"^\d+\. (.+(?:\n {3}.+)*)", re.MULTILINE)
FILE = re.compile(r"``([a-z_]+(?:/[a-z_]+)*\.py)``")
FUNCTION = re.compile(r"``([A-Za-z_]+(?:\.[A-Za-z_]+)*)``")


@pytest.fixture(scope="module")
def paths():
    return follow()


def walk(name: str) -> list[tuple[list[str], list[str]]]:
    """The steps of a section of the page: which files each names, and which functions."""
    text = PAGE.read_text(encoding="utf-8").partition(f"{HEADINGS[name]}\n")[2]
    section = re.split(r"\n(?=.+\n[-=]{4,}\n)", text)[0]
    steps = STEP.findall(section)
    return [(FILE.findall(step), FUNCTION.findall(FILE.sub("", step))) for step in steps]


@pytest.mark.parametrize("name", MOST_FILES)
def test_the_way_through_the_code_gets_no_longer(paths, name):
    files = list(paths[name])
    assert "ensemble/_stack.py" in files
    assert "learners/base.py" in files
    assert len(files) <= MOST_FILES[name], files


@pytest.mark.parametrize("name", MOST_FILES)
def test_the_page_names_all_files_of_the_way_and_no_other(paths, name):
    assert {file for files, _ in walk(name) for file in files} == set(paths[name])


@pytest.mark.parametrize("name", MOST_FILES)
def test_what_a_step_of_the_page_names_is_called_in_its_files(paths, name):
    for files, functions in walk(name):
        assert functions, files
        called = {function for file in files for function in paths[name][file]}
        assert set(functions) <= called, (files, set(functions) - called)
