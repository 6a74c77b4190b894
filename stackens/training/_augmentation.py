"""Random changes of training rows, drawn anew in every epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval

from stackens.exceptions import InvalidInputError
from stackens.parameters import did_you_mean, stream
from stackens.sequence_statistics import STATISTICS
from stackens.sequences import PADDING_VALUE, SequenceBatch

_KNOTS = 4  # places of a row whose speeds are drawn
_PIECE = 1 << 20  # numbers that are looked at together

_UP_TO_ONE = Interval(Real, 0, 1, closed="both")
_STRENGTHS = {
    "jitter": (_UP_TO_ONE, "0 adds no noise"),
    "scaling": (_UP_TO_ONE, "0 scales nothing"),
    "window": (Interval(Real, 0, 1, closed="right"), "the fraction of a row to keep; 1 is all"),
    "time_warp": (_UP_TO_ONE, "0 leaves the speed as it is"),
    "mixup": (Interval(Real, 0, 100, closed="both"), "0 mixes nothing"),
}


@dataclass(frozen=True)
class Augmentation:
    """How strongly training rows are changed: in time first, then in size, then by mixing.

    A row keeps its length. Each change draws from a stream of its own.

    Parameters
    ----------
    jitter : float in [0, 1], default=0.0
        Deviation of the noise that is added, in deviations of each channel over the training rows.
    scaling : float in [0, 1], default=0.0
        Deviation of the factor, of mean 1, by which each channel of a row is multiplied.
    window : float in (0, 1], default=1.0
        Fraction of a row that is kept, from a random place on, and stretched to its length.
    time_warp : float in [0, 1], default=0.0
        Deviation of the logarithm of the speed at which a row is read, at four places of it.
    mixup : float in [0, 100], default=0.0
        Parameter of the symmetric beta distribution of the shares of two rows that are mixed.
    """

    jitter: float = 0.0
    scaling: float = 0.0
    window: float = 1.0
    time_warp: float = 0.0
    mixup: float = 0.0

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Augmentation | None:
        """Return what a mapping of names to strengths says; None if it changes nothing.

        Raises
        ------
        InvalidInputError
            If a name is not known, or a strength is out of its range.
        """
        for name, strength in given.items():
            if name not in _STRENGTHS:
                raise InvalidInputError(
                    f"`augmentation` must name changes among {list(_STRENGTHS)}; got {name!r}."
                    f"{did_you_mean(str(name), _STRENGTHS)}"
                )
            interval, meaning = _STRENGTHS[name]
            if isinstance(strength, bool) or not interval.is_satisfied_by(strength):
                raise InvalidInputError(
                    f"`augmentation[{name!r}]` must be {interval} ({meaning}); got {strength!r}."
                )
        read = cls(**{name: float(strength) for name, strength in given.items()})
        return None if read == cls() else read

    def streams(self, seed: int, epoch: int) -> dict[str, np.random.Generator]:
        """Return the generators of an epoch; its batches draw from them one after the other."""
        return {name: stream(seed, f"augmentation, {name}", epoch) for name in _STRENGTHS}

    def change(
        self,
        x: np.ndarray,
        y: np.ndarray,
        weights: np.ndarray | None,
        deviations: np.ndarray,
        streams: Mapping[str, np.random.Generator],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Change a batch.

        Parameters
        ----------
        x : ndarray of shape (n_rows, n_timesteps, n_features)
            Its padded timesteps stay what they are.
        y : ndarray of shape (n_rows, ...)
            Floating numbers if rows are mixed.
        weights : ndarray of shape (n_rows,) or None
            Rows of weight 0 are mixed with none.
        deviations : ndarray of shape (n_features,)
            What noise is measured by.
        streams : mapping of str to numpy.random.Generator
            Of the epoch.

        Returns
        -------
        x, y, weights
            New arrays where something was changed.
        """
        # Only what is no padding is drawn for, so that the width of the array changes nothing.
        lengths = _lengths(x)
        mask = np.arange(x.shape[1]) < lengths[:, np.newaxis]
        rows = _Rows(x[mask], lengths, mask)
        if self.window < 1 or self.time_warp:
            rows = rows.read_at(self._places(lengths, x.shape[1], streams))
        if self.scaling:
            factors = streams["scaling"].normal(1.0, self.scaling, (len(x), x.shape[2]))
            rows.frames *= np.repeat(factors, lengths, axis=0)
        if self.jitter:
            noise = streams["jitter"].standard_normal(rows.frames.shape)
            rows.frames += self.jitter * deviations * noise
        if self.mixup:
            y, weights = self._mix(rows, y, weights, streams["mixup"])
        changed = np.full_like(x, PADDING_VALUE)
        changed[mask] = rows.frames
        return changed, y, weights

    def _places(
        self, lengths: np.ndarray, n_timesteps: int, streams: Mapping[str, np.random.Generator]
    ) -> np.ndarray:
        """Draw where each row is read instead of at 0, 1, 2, …: places that only grow."""
        steps, last = np.arange(float(n_timesteps)), lengths[:, np.newaxis] - 1.0
        places = np.tile(steps, (len(lengths), 1))
        if self.time_warp:
            shape = (len(lengths), _KNOTS)
            speeds = np.exp(self.time_warp * streams["time_warp"].standard_normal(shape))
            knots = (_KNOTS - 1) * np.minimum((steps[:-1] + 0.5) / np.maximum(last, 1.0), 1.0)
            low = np.minimum(knots.astype(int), _KNOTS - 2)
            before, after = (np.take_along_axis(speeds, k, axis=1) for k in (low, low + 1))
            places[:, 1:] = np.cumsum(before + (knots - low) * (after - before), axis=1)
            ends = np.take_along_axis(places, lengths[:, np.newaxis] - 1, axis=1)
            places *= last / np.where(ends > 0, ends, 1.0)
        if self.window < 1:
            start = (1 - self.window) * last * streams["window"].random((len(lengths), 1))
            places = start + self.window * places
        return places

    def _mix(
        self, rows: _Rows, y: np.ndarray, weights: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Mix each row with one of the same batch, stretched to its length; it counts the more."""
        n_rows, lengths = len(y), rows.lengths
        partners, shares = rng.permutation(n_rows), rng.beta(self.mixup, self.mixup, n_rows)
        shares = np.minimum(shares, 1 - shares)  # of the partner
        if weights is not None:
            shares[(weights == 0) | (weights[partners] == 0)] = 0
        paces = (lengths[partners] - 1) / np.maximum(lengths - 1, 1)
        places = np.arange(rows.mask.shape[1]) * paces[:, np.newaxis]
        others = rows.read_at(places, partners).frames
        rows.frames += np.repeat(shares, lengths)[:, np.newaxis] * (others - rows.frames)

        def mixed(values: np.ndarray) -> np.ndarray:
            share = shares.reshape(-1, *[1] * (values.ndim - 1))
            return (values + share * (values[partners] - values)).astype(values.dtype)

        return mixed(y), None if weights is None else mixed(weights)


@dataclass
class _Rows:
    """Rows of a batch without their padding, one after the other."""

    frames: np.ndarray  # (n_frames, n_features)
    lengths: np.ndarray
    mask: np.ndarray  # (n_rows, n_timesteps): where frames stand in the batch

    def read_at(self, places: np.ndarray, sources: np.ndarray | None = None) -> _Rows:
        """Interpolate linearly: each row, or its source, at places of shape (n_rows, n_timesteps).

        A row has as many frames as before.
        """
        sources = np.arange(len(self.lengths)) if sources is None else sources
        first = (np.cumsum(self.lengths) - self.lengths)[sources, np.newaxis]
        last = self.lengths[sources, np.newaxis] - 1
        low = np.minimum(places.astype(int), last)
        parts = (places - low)[self.mask].astype(self.frames.dtype)[:, np.newaxis]
        before, after = (
            self.frames[(first + np.minimum(step, last))[self.mask]] for step in (low, low + 1)
        )
        return _Rows(before + parts * (after - before), self.lengths, self.mask)


def _lengths(x: np.ndarray) -> np.ndarray:
    return (x != PADDING_VALUE).any(axis=2).sum(axis=1)


def channel_deviations(X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each channel over some rows, padding left out.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps, n_features)
        May be a memory map.
    rows : ndarray of int of shape (n_rows,)
        Those that count.

    Returns
    -------
    ndarray of shape (n_features,), float64
    """
    size = max(1, _PIECE // X[0].size)
    parts = (_statistics(X[rows[start : start + size]]) for start in range(0, len(rows), size))
    lengths, means, deviations = (np.concatenate(part) for part in zip(*parts, strict=True))
    mean = np.average(means, axis=0, weights=lengths)
    squares = deviations**2 + (means - mean) ** 2
    return np.sqrt(np.average(squares, axis=0, weights=lengths))


def _statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    batch = SequenceBatch(x, _lengths(x))
    return batch.lengths, STATISTICS["mean"](batch), STATISTICS["std"](batch)
