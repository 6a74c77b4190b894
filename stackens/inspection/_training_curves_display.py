"""Losses of all networks of a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.inspection._fitted_stack import check_stack
from stackens.inspection._matplotlib import make_axes, plain


class TrainingCurvesDisplay:
    """Draw how a loss or metric went, for all networks of a stack and all their folds.

    Parameters
    ----------
    curves : dict of str to dict of str to ndarray of shape (n_epochs,)
        For each learner, and each of "fold 0", "fold 1", … and "refit", one value an epoch.
    validation_curves : dict of str to dict of str to ndarray of shape (n_epochs,), default=None
        The same of the rows that were watched for early stopping.
    metric : str, default="loss"
        What it is.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.
    lines_ : list of matplotlib.lines.Line2D
        After ``plot``.

    Examples
    --------
    >>> from stackens import StackedRNNClassifier, StackingClassifier, TrainingCurvesDisplay
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> stack = StackingClassifier(
    ...     [("gru", StackedRNNClassifier(units=8, cell="gru", epochs=3))], cv=2, random_state=0)
    >>> display = TrainingCurvesDisplay.from_estimator(stack.fit(X[:100], y[:100]))
    >>> {part: curve.shape for part, curve in display.curves["gru"].items()}
    {'fold 0': (3,), 'fold 1': (3,), 'refit': (3,)}
    """

    def __init__(
        self,
        curves: Mapping[str, Mapping[str, Any]],
        *,
        validation_curves: Mapping[str, Mapping[str, Any]] | None = None,
        metric: str = "loss",
    ) -> None:
        self.curves = curves
        self.validation_curves = validation_curves
        self.metric = metric

    @classmethod
    def from_estimator(
        cls, stack: Any, *, metric: str = "loss", learners: Sequence[str] | None = None
    ) -> Self:
        """Collect the curves of a stack, or of a single network.

        Parameters
        ----------
        stack : StackingClassifier, StackingRegressor or learner
            Fitted. A learner has a ``history_``.
        metric : str, default="loss"
            A key of the histories, without ``val_``.
        learners : sequence of str, default=None
            Which networks of the stack; None is all.

        Returns
        -------
        TrainingCurvesDisplay

        Raises
        ------
        InvalidInputError
            If no network recorded the metric.
        """
        if hasattr(stack, "history_"):
            histories = {type(stack).__name__: {"fit": stack.history_}}
        else:
            check_stack(stack, "TrainingCurvesDisplay")
            histories = stack.histories_
        for name in learners or ():
            if name not in histories:
                raise InvalidInputError(
                    f"`learners` must be networks of the stack, {list(histories)}; got {name!r}."
                )
        chosen = {n: parts for n, parts in histories.items() if learners is None or n in learners}
        curves = _select(chosen, metric)
        if not curves:
            found = sorted({key for parts in chosen.values() for h in parts.values() for key in h})
            raise InvalidInputError(
                f"No network of the stack recorded {metric!r}; "
                + (f"recorded were {found}." if found else "it has no networks.")
            )
        return cls(
            curves, validation_curves=_select(chosen, f"val_{metric}") or None, metric=metric
        )

    def plot(self, ax: Any = None) -> Self:
        """Draw a line for each fold, in the learner's colour; validation rows are dashed.

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
        ax = make_axes("TrainingCurvesDisplay.plot", ax)
        self.lines_ = []
        for number, (name, parts) in enumerate(self.curves.items()):
            watched = (self.validation_curves or {}).get(name, {})
            colour, is_labelled = f"C{number}", False
            for part, curve in parts.items():
                width = 1.8 if part == "refit" else 1.0
                label = None if is_labelled else plain(name)
                self.lines_ += _draw(ax, curve, colour, width, "-", label)
                is_labelled = True
                if part in watched:
                    self.lines_ += _draw(ax, watched[part], colour, width, "--", None)
        values = np.concatenate([line.get_ydata() for line in self.lines_])
        if self.metric == "loss" and values.min() > 0:
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel=self.metric)
        ax.legend(title="dashed: validation rows" if self.validation_curves else None)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _select(
    histories: Mapping[str, Mapping[str, Mapping[str, Any]]], metric: str
) -> dict[str, dict[str, np.ndarray]]:
    found = {
        name: {part: np.asarray(h[metric]) for part, h in parts.items() if metric in h}
        for name, parts in histories.items()
    }
    return {name: parts for name, parts in found.items() if parts}


def _draw(ax: Any, curve: Any, colour: str, width: float, style: str, label: str | None) -> Any:
    marker = "." if len(curve) == 1 else None  # a single epoch is no line
    epochs = np.arange(1, len(curve) + 1)
    return ax.plot(
        epochs, curve, color=colour, linewidth=width, linestyle=style, label=label, marker=marker
    )
