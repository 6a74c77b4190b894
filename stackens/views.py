"""Several views of each row, e.g. a sequence and a table, as one array of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from stackens.exceptions import InvalidInputError

__all__ = [
    "ViewRow",
    "has_views",
    "make_views",
    "refuse_as_several",
    "take_view",
    "view_names",
    "with_rows",
]


class ViewRow:
    """One row of several views: where they are, and which row it is."""

    __slots__ = ("index", "views")

    def __init__(self, views: Mapping[str, Any], index: int) -> None:
        self.views = views
        self.index = index

    def __repr__(self) -> str:
        return f"<row {self.index} of views {', '.join(self.views)}>"

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, ViewRow) and self.views is other.views
        return same and self.index == other.index  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((id(self.views), self.index))


def make_views(**views: Any) -> np.ndarray:
    """Put several views of the same rows together, as ``X`` of estimators.

    What comes back is a 1-D array with one element for each row. It goes through Pipelines,
    searches, splits and stacks as any other ``X``; :class:`~stackens.View` in front of an
    estimator says which view it takes. The data are not copied.

    Parameters
    ----------
    **views : array-like of shape (n_samples, ...)
        By name: arrays, memory maps, lists of sequences or texts, pandas DataFrames, sparse
        matrices; all with as many rows.

    Returns
    -------
    ndarray of shape (n_samples,) and dtype object

    Raises
    ------
    InvalidInputError
        If there is no view, or their numbers of rows differ.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import View, make_views
    >>> X = make_views(signal=np.zeros((4, 10, 2)), static=np.eye(4))
    >>> X.shape, View("signal").fit_transform(X[:3]).shape
    ((4,), (3, 10, 2))
    """
    if not views:
        raise InvalidInputError("`make_views` needs at least one view, e.g. `signal=X`; got none.")
    views = {name: with_rows(view) for name, view in views.items()}
    n_rows = {name: _count_rows(name, view) for name, view in views.items()}
    if len(set(n_rows.values())) > 1:
        counts = ", ".join(f"{name}: {n}" for name, n in n_rows.items())
        raise InvalidInputError(f"All views must have as many rows; got {counts}.")
    # A list of unequal sequences cannot be indexed by an array.
    held = {
        name: _as_rows(view) if isinstance(view, list) else view for name, view in views.items()
    }
    rows = np.empty(next(iter(n_rows.values())), dtype=object)
    rows[:] = [ViewRow(held, i) for i in range(len(rows))]
    return rows


def with_rows(X: Any) -> Any:
    """Return data whose rows can be taken by an array of numbers.

    Parameters
    ----------
    X : array-like or sparse matrix
        Formats of sparse matrices that have no rows become CSR; tensors of TensorFlow, and objects
        that have nothing but ``__array__``, become arrays. Anything else is returned itself.
    """
    if getattr(X, "format", "csr") in ("bsr", "coo", "dia", "dok") and hasattr(X, "tocsr"):
        return X.tocsr()
    is_tensor = type(X).__module__.partition(".")[0] == "tensorflow"
    has_rows = hasattr(X, "__getitem__") or hasattr(X, "iloc")
    is_opaque = hasattr(X, "__array__") and not has_rows
    return np.asarray(X) if is_tensor or is_opaque else X


def refuse_as_several(what: str) -> NoReturn:
    """Say how several inputs of the same rows are put together."""
    raise InvalidInputError(
        f"`X` is {what}. Several inputs of the same rows go together by "
        "`make_views(name=…, other=…)`, and `View(name)` in front of an estimator takes its own."
    )


def has_views(X: Any) -> bool:
    """Whether the rows of ``X`` are rows of views."""
    is_array = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    return is_array and len(X) > 0 and isinstance(X[0], ViewRow)


def view_names(X: np.ndarray) -> list[str]:
    """Return the names of the views of ``X``."""
    return list(X[0].views)


def take_view(X: np.ndarray, name: str) -> Any:
    """Return one view of the rows of ``X``, in their order, in its own type.

    Parameters
    ----------
    X : ndarray of ViewRow
        Rows, also of several calls of ``make_views``.
    name : str
        Which view.

    Returns
    -------
    array-like
        With as many rows as ``X``.

    Raises
    ------
    InvalidInputError
        If there is no such view.
    """
    owners = {id(row.views): row.views for row in X}
    for views in owners.values():
        if name not in views:
            raise InvalidInputError(f"There is no view {name!r}; the views are {list(views)}.")
    if len(owners) == 1:
        (views,) = owners.values()
        return _select(views[name], np.fromiter((row.index for row in X), int, len(X)))
    # Rows of several: each by itself, then in the order that is wanted.
    parts, places = [], []
    for key, views in owners.items():
        own = np.array([i for i, row in enumerate(X) if id(row.views) == key])
        places.append(own)
        parts.append(_select(views[name], np.array([X[i].index for i in own])))
    order = np.argsort(np.concatenate(places))
    return _select(_concatenate(parts), order)


def _count_rows(name: str, view: Any) -> int:
    shape = getattr(view, "shape", None)
    if shape is not None and len(shape):
        return int(shape[0])
    if isinstance(view, list):
        return len(view)
    raise InvalidInputError(
        f"View {name!r} must be an array, a list or a DataFrame with rows; got "
        f"{type(view).__name__}."
    )


def _as_rows(values: list[Any]) -> np.ndarray:
    rows = np.empty(len(values), dtype=object)
    rows[:] = values
    return rows


def _select(view: Any, rows: np.ndarray) -> Any:
    return view.iloc[rows] if hasattr(view, "iloc") else view[rows]


def _concatenate(parts: list[Any]) -> Any:
    first = parts[0]
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat(parts)
    if hasattr(first, "tocsr"):
        import scipy.sparse

        return scipy.sparse.vstack(parts, format="csr")
    return np.concatenate(parts)
