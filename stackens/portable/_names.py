"""Names of columns and channels, compared with those of training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.portable._part import Part


@dataclass(frozen=True, eq=False)
class ColumnNames(Part):
    """Passes on what it gets, and refuses data frames with other columns than training had.

    Parameters
    ----------
    names : list of str
        Columns of a table, or channels of each sequence, in order.
    """

    names: list[str]

    def transform(self, X: Any) -> Any:
        """Compare the columns of a frame, or of each frame among the rows; others have no names."""
        for frame in _frames(X):
            found = list(getattr(frame, "column_names", frame.columns))
            if found != self.names and all(isinstance(name, str) for name in found):
                raise InvalidInputError(
                    f"The columns of `X` must be those of training, in their order: {self.names}; "
                    f"got {found}. Select them by their names."
                )
        return X


def _frames(X: Any) -> Iterator[Any]:
    is_rows = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.ndim == 1)
    for one in X if is_rows else [X]:
        if hasattr(one, "columns") and hasattr(one, "shape"):
            yield one
