"""Transformers of tables, as they are after training; named after those of scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stackens.portable._part import Part
from stackens.portable._tables import SparseRows, hstack, read_table


@dataclass(frozen=True, eq=False)
class Scaler(Part):
    """Subtracts and multiplies, column by column: standard, min-max, robust or largest value.

    Parameters
    ----------
    center, scale : ndarray of shape (n_features,) or None
        ``(x - center) * scale``; None is 0 and 1.
    clip : list of two floats, default=None
        Bounds of the result; None is none.
    n_features : int
        Columns.
    """

    center: np.ndarray | None
    scale: np.ndarray | None
    n_features: int
    clip: list[float] | None = None

    def transform(self, X: Any) -> Any:
        """Scale."""
        table = read_table(X, self.n_features, allow_missing=True)
        if isinstance(table, SparseRows):
            if self.center is not None or self.clip is not None:
                table = table.toarray()
            elif self.scale is None:
                return table
            else:
                return replace(table, values=table.values * self.scale[table.columns])
        scaled = table if self.center is None else table - self.center
        scaled = scaled if self.scale is None else scaled * self.scale
        return scaled if self.clip is None else np.clip(scaled, self.clip[0], self.clip[1])

    def inverse_transform(self, table: np.ndarray) -> np.ndarray:
        """Undo the scaling, in the type of the table."""
        values = table if self.scale is None else table / self.scale
        values = values if self.center is None else values + self.center
        return values.astype(table.dtype)


@dataclass(frozen=True, eq=False)
class SimpleImputer(Part):
    """Fills missing values of a table by a number for each column.

    Parameters
    ----------
    statistics : ndarray of shape (n_features,)
        The numbers; a column whose number is NaN is left out.
    """

    statistics: np.ndarray

    def transform(self, X: Any) -> np.ndarray:
        """Fill."""
        table = read_table(X, len(self.statistics), allow_missing=True)
        filled = np.where(np.isnan(table), self.statistics, table)
        return filled[:, ~np.isnan(self.statistics)]


@dataclass(frozen=True, eq=False)
class Normalizer(Part):
    """Brings each row to norm 1.

    Parameters
    ----------
    norm : {"l1", "l2", "max"}
        Which norm.
    """

    norm: str

    def transform(self, X: Any) -> Any:
        """Normalise."""
        table = read_table(X)
        if isinstance(table, SparseRows):
            return normalize_sparse(table, self.norm)
        norms = _norms(table, self.norm)
        return table / np.where(norms == 0, 1, norms)[:, np.newaxis]


def normalize_sparse(table: SparseRows, norm: str) -> SparseRows:
    """Bring each row to norm 1; empty rows stay empty."""
    size = np.abs(table.values) if norm != "l2" else table.values**2
    norms = np.zeros(len(table))
    (np.maximum if norm == "max" else np.add).at(norms, table.rows, size)
    norms = np.sqrt(norms) if norm == "l2" else norms
    return replace(table, values=table.values / np.where(norms == 0, 1, norms)[table.rows])


def _norms(table: np.ndarray, norm: str) -> np.ndarray:
    if norm == "l2":
        return np.sqrt((table * table).sum(axis=1))
    size = np.abs(table)
    return size.max(axis=1) if norm == "max" else size.sum(axis=1)


@dataclass(frozen=True, eq=False)
class Projection(Part):
    """Projects rows on components: PCA, truncated singular value decomposition.

    Parameters
    ----------
    components : ndarray of shape (n_components, n_features)
        Directions, whitened if training did so.
    mean : ndarray of shape (n_features,), default=None
        Subtracted before; None is zero.
    """

    components: np.ndarray
    mean: np.ndarray | None = None

    def transform(self, X: Any) -> np.ndarray:
        """Project."""
        projected: np.ndarray = read_table(X, self.components.shape[1]) @ self.components.T
        return projected if self.mean is None else projected - self.mean @ self.components.T


@dataclass(frozen=True, eq=False)
class ColumnSelector(Part):
    """Keeps some columns.

    Parameters
    ----------
    columns : ndarray of int of shape (n_kept,)
        Which, in increasing order.
    n_features : int
        Columns of the input.
    """

    columns: np.ndarray
    n_features: int

    def transform(self, X: Any) -> Any:
        """Select."""
        table = read_table(X, self.n_features, allow_missing=True)
        if not isinstance(table, SparseRows):
            return table[:, self.columns]
        place = np.full(self.n_features, -1)
        place[self.columns] = np.arange(len(self.columns))
        kept = place[table.columns] >= 0
        counts = np.bincount(table.rows[kept], minlength=len(table))
        ends = np.concatenate([[0], np.cumsum(counts)])
        return SparseRows(table.values[kept], place[table.columns[kept]], ends, len(self.columns))


@dataclass(frozen=True, eq=False)
class Chain(Part):
    """Transformers one after the other.

    Parameters
    ----------
    steps : list of Part
        The transformers.
    """

    steps: list[Any]

    def transform(self, X: Any) -> Any:
        """Transform by each."""
        for step in self.steps:
            X = step.transform(X)
        return X


@dataclass(frozen=True, eq=False)
class FeatureUnion(Part):
    """Puts what several transformers give side by side.

    Parameters
    ----------
    transformers : list of Part
        Each takes the same input.
    weights : list of float, default=None
        Multiply each block; None is 1.
    """

    transformers: list[Any]
    weights: list[float] | None = None

    def transform(self, X: Any) -> Any:
        """Transform by each."""
        blocks = [read_table(one.transform(X)) for one in self.transformers]
        if self.weights is not None:
            blocks = [
                replace(b, values=b.values * w) if isinstance(b, SparseRows) else b * w
                for b, w in zip(blocks, self.weights, strict=True)
            ]
        return hstack(blocks)
