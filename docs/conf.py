"""Settings of Sphinx; `make docs` builds."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import gallery
import notebook_pages
import reference

import stackens

project = "stackens"
author = "the stackens developers"
copyright = f"2026, {author}"
release = stackens.__version__
version = release

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "notebooks"]
templates_path = ["_templates"]
default_role = "code"
suppress_warnings = ["ref.python"]  # attributes of one name, that several classes have
# What is ours must be found; the classes of Keras and scikit-learn have their pages elsewhere.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!stackens\.).*"), (r"py:mod", r".*")]
linkcheck_anchors = False

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc sections say types, in words
numpydoc_show_class_members = False  # the class template lists them
numpydoc_use_plots = False

runs_examples = os.environ.get("DOCS_RUN_EXAMPLES") == "1"  # `make gallery`
sphinx_gallery_conf = {
    "examples_dirs": str(gallery.stage(runs=runs_examples)),
    "gallery_dirs": "auto_examples",
    "filename_pattern": "",  # all of them, not those named plot_ alone
    "plot_gallery": runs_examples,
    "abort_on_example_error": True,
    "within_subsection_order": "ExampleTitleSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "remove_config_comments": True,
}

notebook_pages.write_pages()
reference.write_page()

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["stackens.css"]
html_title = "stackens"
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
}
# Pages with nothing below them have no use for a column of what is below them.
html_sidebars = {
    page: []
    for page in (
        "accuracy",
        "add_a_learner",
        "auto_notebooks/*",
        "benchmarks",
        "design",
        "faq",
        "glossary",
        "installation",
        "migration",
        "quickstart",
        "reliability",
        "remedies",
        "reproduction",
    )
}


def skip_foreign_members(
    app: Any, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what a class has from scikit-learn and Keras, but not from a base of ours."""
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    is_ours = str(getattr(function, "__module__", "")).startswith("stackens.")
    return None if is_ours else True


def setup(app: Any) -> None:
    app.connect("autodoc-skip-member", skip_foreign_members)
