"""Parts of scikit-learn as JSON and arrays, and what of them is trusted; for files and stores."""

from __future__ import annotations

from stackens.sklearn_parts._part import pack_part, read_part, read_vocabularies, unpack_part
from stackens.sklearn_parts._schema import Schema
from stackens.sklearn_parts._soundness import check_objects, walk
from stackens.sklearn_parts._types import ESTIMATORS, INTERNALS

__all__ = [
    "ESTIMATORS",
    "INTERNALS",
    "Schema",
    "check_objects",
    "pack_part",
    "read_part",
    "read_vocabularies",
    "unpack_part",
    "walk",
]
