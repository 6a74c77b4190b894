"""Parts of scikit-learn as JSON and arrays, and what of them is trusted; for files and stores."""

from __future__ import annotations

from stackens.sklearn_parts._part import Part, pack_part
from stackens.sklearn_parts._soundness import check_objects, walk
from stackens.sklearn_parts._types import ESTIMATORS, INTERNALS, TRANSFORMERS

__all__ = [
    "ESTIMATORS",
    "INTERNALS",
    "TRANSFORMERS",
    "Part",
    "check_objects",
    "pack_part",
    "walk",
]
