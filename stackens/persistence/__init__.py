"""Save and load estimators without pickle: files that hold numbers and names, and no code."""

from __future__ import annotations

from stackens.persistence._files import file_info, load, save
from stackens.persistence._info import FileInfo

__all__ = ["FileInfo", "file_info", "load", "save"]
