"""The known part of a series: targets, covariates of either kind, and their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.forecasting._time_index import (
    check_follows,
    is_time_index,
    next_times,
    read_time_index,
)
from stackens.frames import as_pandas, column_names, is_frame
from stackens.targets import read_rows, refuse_times


@dataclass(frozen=True, eq=False)
class History:
    """What is known up to the cutoff, which is its last row.

    Attributes
    ----------
    y : ndarray of shape (n_steps, n_targets)
        float64.
    past : ndarray of shape (n_steps, n_past)
        Covariates that are known up to the cutoff only.
    future : ndarray of shape (n_steps, n_future)
        Covariates that are also known for the steps to forecast.
    index : pandas.DatetimeIndex, pandas.PeriodIndex or None
        Times; None are counted steps.
    targets : list
        Names of the target columns; of a nameless one, 0.
    is_flat : bool
        Whether the series was 1-D.
    past_names, future_names : list
        Names of covariates; positions in an array.
    """

    y: np.ndarray
    past: np.ndarray
    future: np.ndarray
    index: Any
    targets: list[Any]
    is_flat: bool
    past_names: list[Any]
    future_names: list[Any]

    def __len__(self) -> int:
        return len(self.y)

    def head(self, n_steps: int) -> Self:
        """Return the first ``n_steps``: nothing that comes later can be reached from them."""
        return self.between(0, n_steps)

    def between(self, start: int, stop: int) -> Self:
        """Return some of the steps, and nothing of the others."""
        return replace(
            self,
            y=self.y[start:stop],
            past=self.past[start:stop],
            future=self.future[start:stop],
            index=None if self.index is None else self.index[start:stop],
        )

    def extend(self, y: Any, X: Any) -> Self:
        """Return it with new rows at its end.

        Parameters
        ----------
        y, X
            As for ``read_history``, of the times that follow.

        Raises
        ------
        InvalidInputError
            If they do not follow, or have other columns.
        """
        if (self.index is None) == hasattr(y, "iloc"):
            raise InvalidInputError(
                f"`y` must be {'an array' if self.index is None else 'a pandas object'}, like the "
                f"series that was fitted; got {type(y).__name__}."
            )
        if self.index is not None:
            check_follows(y.index, self.index, "y")
        new = _read(y, X, self.future_names, regular=False)
        for what, known, came in (
            ("`y` must have the targets", self.targets, new.targets),
            ("`X` must have the covariates", self._covariates, new._covariates),
        ):
            if known != came:
                raise InvalidInputError(f"{what} {known}, as when fitted; got {came}.")
        index = None
        if self.index is not None:
            index = self.index.append(new.index)
            if hasattr(index, "tz"):  # appended datetimes lose their frequency
                index = type(index)(index, freq=self.index.freq)
        return replace(
            self,
            y=np.concatenate([self.y, new.y]),
            past=np.concatenate(
                [self.past, new.past[:, [new.past_names.index(name) for name in self.past_names]]]
            ),
            future=np.concatenate([self.future, new.future]),
            index=index,
        )

    @property
    def _covariates(self) -> list[Any]:
        return sorted([*self.past_names, *self.future_names], key=str)

    def read_future(self, X: Any, horizon: int) -> np.ndarray:
        """Check and return the covariates of the steps to forecast.

        Parameters
        ----------
        X : array-like or DataFrame of shape (horizon, n_future)
            The covariates known in advance, and no others.
        horizon : int
            Steps.

        Raises
        ------
        InvalidInputError
            If they are absent, of another length, at other times, or of other columns.
        """
        names = self.future_names
        if X is None:
            if names:
                raise InvalidInputError(
                    f"The covariates {names} are in `known_future`: `predict` needs `X` with "
                    f"their values for the {horizon} steps after the cutoff."
                )
            return np.empty((horizon, 0))
        if not names:
            raise InvalidInputError(
                "`predict` takes no `X`: no covariate is in `known_future`, so that none may be "
                "known after the cutoff."
            )
        values, columns = _read_table(X, "X")
        if not is_frame(X) or all(isinstance(name, int) for name in names):  # by position
            columns = names if self.index is None and len(columns) == len(names) else columns
        if sorted(columns, key=str) != sorted(names, key=str):
            raise InvalidInputError(
                f"`X` must have the covariates in `known_future`, {names}, and no others after "
                f"the cutoff; got {columns}."
            )
        if len(values) != horizon:
            raise InvalidInputError(
                f"`X` must have one row for each of the {horizon} steps to forecast; got "
                f"{len(values)}."
            )
        if self.index is not None:
            self._check_future_times(X, horizon)
        where = self.next_index(horizon)
        _check_finite(values, columns, where, "X")
        return values[:, [columns.index(name) for name in names]]

    def _check_future_times(self, X: Any, horizon: int) -> None:
        wanted = self.next_index(horizon)
        index = X.index if hasattr(X, "iloc") else None
        if index is None or not is_time_index(index) or not index.equals(wanted):
            raise InvalidInputError(
                f"`X` must have the times {wanted[0]} to {wanted[-1]}, which follow the cutoff; "
                + ("it has no times." if index is None else f"got {index[0]} to {index[-1]}.")
            )

    def next_index(self, n_steps: int) -> Any:
        """Return the times of the next steps: an index, or counted from 0 as rows are."""
        if self.index is None:
            return np.arange(len(self), len(self) + n_steps)
        return next_times(self.index, n_steps)

    @property
    def times(self) -> Any:
        """Time of each row; without an index, its number."""
        return np.arange(len(self)) if self.index is None else self.index

    @property
    def series(self) -> Any:
        """The target in the form in which it was given: ndarray, Series or DataFrame."""
        return self.write(self.y, self.index)

    @property
    def covariates(self) -> Any:
        """All covariates, as ``fit`` takes them: ndarray, DataFrame or None."""
        names = [*self.past_names, *self.future_names]
        values = np.hstack([self.past, self.future])
        return self._table(values[:, np.argsort(names)] if self._is_counted else values, names)

    @property
    def future_covariates(self) -> Any:
        """Those known in advance, as ``predict`` takes them: ndarray, DataFrame or None."""
        return self._table(self.future, self.future_names)

    @property
    def _is_counted(self) -> bool:
        """Whether covariates are named by their positions in an array."""
        names = {*self.past_names, *self.future_names}
        return self.index is None and names == set(range(len(names)))

    def _table(self, values: np.ndarray, names: list[Any]) -> Any:
        if not names or self._is_counted:
            return values if names else None
        import pandas as pd

        return pd.DataFrame(values, index=self.index, columns=names)

    def write(self, values: np.ndarray, index: Any) -> Any:
        """Return values of shape (n_steps, n_targets) in the form of the series."""
        if self.index is None:
            return values[:, 0] if self.is_flat else values
        import pandas as pd

        if self.is_flat:
            name = None if self.targets == [0] else self.targets[0]
            return pd.Series(values[:, 0], index=index, name=name)
        return pd.DataFrame(values, index=index, columns=self.targets)


def read_history(y: Any, X: Any, known_future: Sequence[Any] | str | None) -> History:
    """Check a series and its covariates.

    Parameters
    ----------
    y : array-like, Series or DataFrame of shape (n_steps,) or (n_steps, n_targets)
        Target.
    X : array-like or DataFrame of shape (n_steps, n_covariates), or None
        Covariates at the same times.
    known_future : sequence, str or None
        Names (or positions, in an array) of those that are known in advance.

    Returns
    -------
    History

    Raises
    ------
    InvalidInputError
        If anything is missing, not finite, not numeric, or not at the same regular times.
    """
    names = [known_future] if isinstance(known_future, str) else known_future
    return _read(y, X, [] if names is None else list(names), regular=True)


def _read(y: Any, X: Any, known_future: list[Any], *, regular: bool) -> History:
    values, targets = _read_table(y, "y")
    is_flat = np.ndim(y) == 1
    index = None
    if hasattr(y, "iloc"):  # pandas
        index = read_time_index(y.index, "y") if regular else y.index
    times = np.arange(len(values)) if index is None else index
    _check_finite(values, targets, times, "y")
    covariates = np.empty((len(values), 0))
    names: list[Any] = []
    if X is not None:
        covariates, names = _read_covariates(X, len(values), index)
        _check_finite(covariates, names, times, "X")
    unknown = [name for name in known_future if name not in names]
    if unknown:
        raise InvalidInputError(
            f"`known_future` names {unknown}, which `X` does not have; its covariates are {names}."
        )
    past_names = [name for name in names if name not in known_future]
    return History(
        y=values,
        past=covariates[:, [names.index(name) for name in past_names]],
        future=covariates[:, [names.index(name) for name in known_future]],
        index=index,
        targets=targets,
        is_flat=is_flat,
        past_names=past_names,
        future_names=known_future,
    )


def _read_covariates(X: Any, n_steps: int, index: Any) -> tuple[np.ndarray, list[Any]]:
    values, names = _read_table(X, "X")
    if len(values) != n_steps:
        raise InvalidInputError(
            f"`X` must have a row for each of the {n_steps} rows of `y`; got {len(values)}."
        )
    if index is not None and not (hasattr(X, "iloc") and X.index.equals(index)):
        raise InvalidInputError("`X` must be a pandas object with the index of `y`.")
    return values, names


def _read_table(table: Any, name: str) -> tuple[np.ndarray, list[Any]]:
    """Return float64 values of shape (n_rows, n_columns), and the names of the columns."""
    names = _names_of(table)
    if names is not None and len(set(names)) < len(names):
        raise InvalidInputError(f"`{name}` has columns of the same name: {names}.")
    table = read_rows(name, as_pandas(table) if is_frame(table) else table)
    refuse_times(name, table)
    if (n_dimensions := np.ndim(table)) not in (1, 2):
        raise InvalidInputError(
            f"`{name}` must be 1-D, or 2-D with a column each; got {n_dimensions} dimensions."
        )
    try:
        values = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"`{name}` must be numeric: {error}") from error
    if np.iscomplexobj(table):
        raise InvalidInputError(f"`{name}` must be real; got complex numbers.")
    if len(values) == 0:
        raise InvalidInputError(f"`{name}` must have at least one row; it has none.")
    values = values.reshape(len(values), -1)
    return values, list(range(values.shape[1])) if names is None else names


def _names_of(table: Any) -> list[Any] | None:
    if is_frame(table):
        return column_names(table)
    name = getattr(table, "name", None)
    is_nameless = name is None or (name == "" and not hasattr(table, "iloc"))  # "" of polars
    return None if is_nameless else [name]


def _check_finite(values: np.ndarray, names: list[Any], times: Any, name: str) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        where = f" in column {names[column]!r}" if values.shape[1] > 1 else ""
        raise InvalidInputError(
            f"`{name}` has NaN or infinity{where} at {times[row]} ({len(bad)} in all); fill or "
            "leave out what is missing first."
        )
