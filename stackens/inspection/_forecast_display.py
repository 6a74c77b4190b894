"""A forecast beside what was known."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.inspection._matplotlib import make_axes


class ForecastDisplay:
    """Draw a series, its forecast, and the interval around it.

    Parameters
    ----------
    times, y : ndarray of shape (n_past,)
        The end of the known series.
    forecast_times, y_pred : ndarray of shape (horizon,)
        The forecast.
    lower, upper : ndarray of shape (horizon,), default=None
        Bounds of the interval.
    coverage : float, default=None
        Of the interval.
    name : str, default=""
        Of the target.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import ForecastDisplay, NaiveForecaster
    >>> forecaster = NaiveForecaster(6, sp=6).fit(np.sin(np.arange(60)))
    >>> display = ForecastDisplay.from_forecaster(forecaster).plot()  # doctest: +SKIP
    """

    def __init__(
        self,
        times: Any,
        y: Any,
        forecast_times: Any,
        y_pred: Any,
        *,
        lower: Any = None,
        upper: Any = None,
        coverage: float | None = None,
        name: str = "",
    ) -> None:
        self.times = times
        self.y = y
        self.forecast_times = forecast_times
        self.y_pred = y_pred
        self.lower = lower
        self.upper = upper
        self.coverage = coverage
        self.name = name

    @classmethod
    def from_forecaster(
        cls,
        forecaster: Any,
        X: Any = None,
        *,
        coverage: float | None = 0.9,
        n_past: int | None = None,
        target: Any = None,
    ) -> Self:
        """Forecast, and keep what there is to draw.

        Parameters
        ----------
        forecaster : WindowForecaster or NaiveForecaster
            Fitted.
        X : array-like or DataFrame, default=None
            As in ``predict``.
        coverage : float in (0, 1), default=0.9
            Of the interval; None draws none.
        n_past : int, default=None
            Known steps to draw; None is five horizons.
        target : default=None
            Which target column, by name; None is the first.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        InvalidInputError
            If there is no such target.
        """
        known, y_pred = forecaster.known_, forecaster.predict(X)
        targets = list(known.columns) if hasattr(known, "columns") else range(_n_columns(known))
        if getattr(known, "name", None) is not None:
            targets = [known.name]
        target = targets[0] if target is None else target
        if target not in targets:
            raise InvalidInputError(f"`target` must be one of {list(targets)}; got {target!r}.")
        k = list(targets).index(target)
        n_steps = forecaster.horizon
        n_past = 5 * n_steps if n_past is None else n_past
        times = np.arange(len(known) + n_steps)
        past, future = times[: len(known)], times[len(known) :]
        if hasattr(known, "index"):
            past, future = known.index, y_pred.index
        bounds: dict[str, Any] = {}
        if coverage is not None:
            both = np.asarray(forecaster.predict_interval(X, coverage)).reshape(n_steps, -1, 2)
            bounds = {"lower": both[:, k, 0], "upper": both[:, k, 1], "coverage": coverage}
        return cls(
            _to_timestamps(past[-n_past:]),
            np.asarray(known).reshape(len(known), -1)[-n_past:, k],
            _to_timestamps(future),
            np.asarray(y_pred).reshape(n_steps, -1)[:, k],
            name="" if not hasattr(known, "index") or target == 0 else str(target),
            **bounds,
        )

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.

        Returns
        -------
        self

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        ax = make_axes("ForecastDisplay.plot", ax)
        ax.plot(self.times, self.y, color="black", linewidth=1, label="known")
        (line,) = ax.plot(self.forecast_times, self.y_pred, label="forecast")
        if self.lower is not None:
            ax.fill_between(
                self.forecast_times,
                self.lower,
                self.upper,
                color=line.get_color(),
                alpha=0.25,
                label=f"{self.coverage:.0%} interval",
            )
        ax.set_ylabel(self.name)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _n_columns(values: Any) -> int:
    return 1 if np.ndim(values) == 1 else int(np.shape(values)[1])


def _to_timestamps(times: Any) -> np.ndarray:
    times = times.to_timestamp() if hasattr(times, "to_timestamp") else times
    return np.asarray(times)
