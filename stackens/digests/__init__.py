"""Digests of content and of code, the same in every process."""

from __future__ import annotations

from stackens.digests._code import UncertainContentError, installed_name, package_version
from stackens.digests._content import Digester, combine, rename_layers

__all__ = [
    "Digester",
    "UncertainContentError",
    "combine",
    "installed_name",
    "package_version",
    "rename_layers",
]
