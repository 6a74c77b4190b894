"""Which of a fit's training rows an early-stopping learner watches, by the nature of the splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError

__all__ = ["HeldOutRows", "choose_held_out_rows"]

# Draws of whole groups; the one that comes nearest to the wanted size and classes is taken.
_N_DRAWS = 50


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """A rule that splits the rows of a fit into rows to train on and validation rows.

    Parameters
    ----------
    kind : {"groups", "latest", "latest groups"}
        The rule.
    classes : ndarray of shape (n_samples,), default=None
        Class of each row, where rows have one.
    groups : ndarray of shape (n_samples,), default=None
        Group of each row.
    gap : int, default=0
        Rows between the last training row and the first of the latest rows that are left out.
    time : ndarray of int of shape (n_samples,), default=None
        Place of each row in time; None is the order of the rows.
    """

    kind: str
    classes: np.ndarray | None = None
    groups: np.ndarray | None = None
    gap: int = 0
    time: np.ndarray | None = None

    def of(self, rows: np.ndarray | None) -> Self:
        """Return the rule for data that are ``rows`` of these (None is all)."""
        if rows is None:
            return self
        return replace(
            self,
            classes=None if self.classes is None else self.classes[rows],
            groups=None if self.groups is None else self.groups[rows],
            time=rows if self.time is None else self.time[rows],
        )

    def with_groups(self, groups: Any) -> Self | None:
        """Return the rule for other groups of the rows; None are none, as in ``choose…``."""
        in_time = self.kind.startswith("latest")
        if groups is not None:
            kind = "latest groups" if in_time else "groups"
            return replace(self, kind=kind, groups=np.asarray(groups))
        return replace(self, kind="latest", groups=None) if in_time else None

    def _times(self, rows: np.ndarray) -> np.ndarray:
        return rows if self.time is None else self.time[rows]

    def __call__(
        self, rows: np.ndarray, fraction: float, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Split ``rows``; about ``fraction`` of them become validation rows.

        Raises
        ------
        InvalidInputError
            If one of both parts would be empty.
        """
        rows = np.asarray(rows)
        if self.kind == "latest":
            return self._split_latest(rows, fraction)
        return self._split_groups(rows, fraction, seed)

    def _split_latest(self, rows: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
        rows = rows[np.argsort(self._times(rows), kind="stable")]
        start = len(rows) - int(np.ceil(len(rows) * fraction))
        training, validation = rows[: max(0, start - self.gap)], rows[start:]
        if not len(training):
            gap = f" with a gap of {self.gap}" if self.gap else ""
            raise InvalidInputError(
                f"`early_stopping` holds out the latest {len(validation)} of {len(rows)} training "
                f"rows, which{gap} leave none to train on. Train without it, or use fewer splits."
            )
        return training, validation

    def _split_groups(
        self, rows: np.ndarray, fraction: float, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        assert self.groups is not None
        names, group_of_row = np.unique(self.groups[rows], return_inverse=True)
        if len(names) < 2:
            raise InvalidInputError(
                f"`early_stopping` holds out whole groups, and all {len(rows)} training rows are "
                f"of the group {names.tolist()}. Train without it, or set `validation_rows`."
            )
        if self.kind == "latest groups":
            times = self._times(rows)
            latest = np.array([times[group_of_row == g].max() for g in range(len(names))])
            orders = [np.argsort(-latest)]
        else:
            rng = np.random.RandomState(seed)
            orders = [rng.permutation(len(names)) for _ in range(_N_DRAWS)]
        draws = [self._take_groups(order, group_of_row, fraction) for order in orders]
        classes = None if self.classes is None else self.classes[rows]
        is_validation = min(draws, key=lambda draw: _cost(draw, classes, fraction))
        return rows[~is_validation], rows[is_validation]

    def _take_groups(
        self, order: np.ndarray, group_of_row: np.ndarray, fraction: float
    ) -> np.ndarray:
        """Mark the rows of as many groups, in an order, as come nearest to the fraction."""
        share = np.cumsum(np.bincount(group_of_row)[order]) / len(group_of_row)
        n_taken = 1 + int(np.argmin(np.abs(share[:-1] - fraction)))  # one group stays, at least
        return np.isin(group_of_row, order[:n_taken])


def _cost(
    is_validation: np.ndarray, classes: np.ndarray | None, fraction: float
) -> tuple[int, float]:
    """Order draws of groups: lost classes first, then distance in size and class shares."""
    distance = abs(float(is_validation.mean()) - fraction)
    if classes is None:
        return 0, distance
    codes = np.unique(classes, return_inverse=True)[1]
    all_counts = np.bincount(codes)
    counts = np.bincount(codes[is_validation], minlength=len(all_counts))
    shares = np.abs(counts / counts.sum() - all_counts / len(codes)).sum() / 2
    return int((counts == all_counts).sum()), distance + fraction * float(shares)


def choose_held_out_rows(
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    classes: Any = None,
    groups: Any = None,
    gap: int = 0,
) -> HeldOutRows | None:
    """Choose the rule by the nature of the splits.

    Whole groups are held out if there are groups; the latest rows if every split trains on rows
    before those that it holds out (of groups, the latest).

    Parameters
    ----------
    splits : sequence of (ndarray, ndarray)
        Training and held-out rows.
    classes : ndarray of shape (n_samples,), default=None
        Class of each row, where rows have one.
    groups : array-like of shape (n_samples,), default=None
        Group of each row.
    gap : int, default=0
        Of the splitter; kept in front of the latest rows, too.

    Returns
    -------
    HeldOutRows or None
        None leaves it to the learner.
    """
    in_time = all(train.max() < test.min() for train, test in splits)
    if groups is not None:
        kind = "latest groups" if in_time else "groups"
    elif in_time:
        kind = "latest"
    else:
        return None
    return HeldOutRows(kind, classes, None if groups is None else np.asarray(groups), gap)
