"""Tables of numbers: dense, or the few entries of each row that are not zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.portable._sequences import Sequences


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Rows with few entries, as in SciPy's compressed sparse rows.

    Parameters
    ----------
    values : ndarray of shape (n_entries,)
        What is not zero, row after row.
    columns : ndarray of int of shape (n_entries,)
        Where.
    ends : ndarray of int of shape (n_samples + 1,)
        Row i has the entries from ``ends[i]`` to ``ends[i + 1]``.
    n_columns : int
        Width.
    """

    values: np.ndarray
    columns: np.ndarray
    ends: np.ndarray
    n_columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.ends) - 1, self.n_columns

    @property
    def rows(self) -> np.ndarray:
        """Row of each entry."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.ends))

    def __len__(self) -> int:
        return self.shape[0]

    def __matmul__(self, other: np.ndarray) -> np.ndarray:
        # Row by row: what is taken of `other` is never larger than one row needs.
        product = np.zeros((len(self), *other.shape[1:]), np.result_type(self.values, other))
        for row, (start, stop) in enumerate(zip(self.ends, self.ends[1:], strict=False)):
            product[row] = self.values[start:stop] @ other[self.columns[start:stop]]
        return product

    def toarray(self) -> np.ndarray:
        """Return a dense array."""
        dense = np.zeros(self.shape, self.values.dtype)
        dense[self.rows, self.columns] = self.values
        return dense


def read_table(X: Any, n_features: int | None = None, *, allow_missing: bool = False) -> Any:
    """Read a table of numbers.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), SparseRows or Sequences of a table
        The table; sparse matrices of SciPy, too.
    n_features : int, default=None
        Columns that it must have; None takes any.
    allow_missing : bool, default=False
        Accept NaN.

    Returns
    -------
    ndarray of float32 or float64, or SparseRows

    Raises
    ------
    InvalidInputError
        If it is no such table.
    """
    if isinstance(X, Sequences) and X.is_table:
        X = X.values[:, :, 0]
    if hasattr(X, "tocsr"):
        matrix = X.tocsr(copy=True)
        matrix.sum_duplicates()
        values = read_table(matrix.data[np.newaxis], allow_missing=allow_missing)[0]
        X = SparseRows(values, matrix.indices, matrix.indptr, matrix.shape[1])
    if not isinstance(X, SparseRows):
        X = np.asarray(X)
        if X.ndim != 2 or X.dtype.kind not in "biufO":
            raise InvalidInputError(
                f"Expected a table of shape (n_samples, n_features); got {X.dtype} of shape "
                f"{X.shape}."
            )
        if X.dtype not in (np.float32, np.float64):
            X = X.astype(np.float64)
        missing = np.isnan(X) if allow_missing else False
        if not (np.isfinite(X) | missing).all():
            raise InvalidInputError("The table holds NaN or infinity, which training did not.")
    if n_features is not None and X.shape[1] != n_features:
        raise InvalidInputError(
            f"Expected a table of {n_features} columns, as in training; got {X.shape[1]}."
        )
    return X


def hstack(tables: list[Any]) -> Any:
    """Put tables side by side; sparse if one of them is."""
    if not any(isinstance(table, SparseRows) for table in tables):
        return np.hstack(tables)
    parts = [table if isinstance(table, SparseRows) else _to_sparse(table) for table in tables]
    rows = np.concatenate([part.rows for part in parts])
    starts = np.cumsum([0, *(part.n_columns for part in parts)])
    columns = np.concatenate([part.columns + s for part, s in zip(parts, starts, strict=False)])
    order = np.argsort(rows, kind="stable")
    counts = np.bincount(rows, minlength=len(parts[0]))
    values = np.concatenate([part.values for part in parts])
    ends = np.concatenate([[0], np.cumsum(counts)])
    return SparseRows(values[order], columns[order], ends, int(starts[-1]))


def _to_sparse(table: np.ndarray) -> SparseRows:
    rows, columns = np.nonzero(table)
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(table)))])
    return SparseRows(table[rows, columns], columns, ends, table.shape[1])
