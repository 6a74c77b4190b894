"""Settings of Sphinx; `make docs` builds."""

from __future__ import annotations

import stackens

project = "stackens"
author = "the stackens developers"
copyright = f"2026, {author}"
release = stackens.__version__
version = release

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "numpydoc"]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "code"
suppress_warnings = ["ref.python"]  # attributes of one name, that several classes have
nitpicky = False  # the classes of Keras and scikit-learn are named, but their pages are elsewhere

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc sections say types, in words
numpydoc_show_class_members = False  # the class template lists them
numpydoc_use_plots = False

html_theme = "pydata_sphinx_theme"
html_title = "stackens"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
