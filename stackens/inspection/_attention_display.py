"""Where the timesteps of a sequence look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.inspection._matplotlib import make_axes, plain
from stackens.parameters import check_count


class AttentionDisplay:
    """Draw one sequence's attention: a square for each layer and head, layers from the top.

    Parameters
    ----------
    maps : ndarray of shape (n_layers, n_heads, n_timesteps, n_timesteps)
        Attention weights; the last axis is where is looked at.
    labels : sequence of str, default=None
        What the timesteps are, such as words; written beside a single map, of one layer and head.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.
    image_ : matplotlib.image.AxesImage
        After ``plot``.

    Examples
    --------
    >>> from stackens import AttentionDisplay, TransformerClassifier
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> learner = TransformerClassifier(d_model=8, n_heads=2, epochs=1, random_state=0)
    >>> display = AttentionDisplay.from_estimator(learner.fit(X[:100], y[:100]), X[:1])
    >>> display.maps.shape
    (2, 2, 8, 8)
    """

    def __init__(self, maps: Any, *, labels: Sequence[str] | None = None) -> None:
        self.maps = maps
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        row: int = 0,
        layer: int | None = None,
        head: int | None = None,
        labels: Sequence[str] | None = None,
    ) -> Self:
        """Compute the attention of one sequence.

        Parameters
        ----------
        estimator : TransformerClassifier or TransformerRegressor
            Fitted.
        X : array-like of shape (n_samples, ...)
            Sequences as in ``predict``.
        row : int, default=0
            Which of them.
        layer, head : int, default=None
            Which one, from 0; None is all.
        labels : sequence of str, default=None
            What its timesteps are; written beside a single map.

        Returns
        -------
        AttentionDisplay

        Raises
        ------
        InvalidInputError
            If the estimator has no attention maps, there is no such row, layer or head, or the
            row has another number of timesteps than there are labels.
        """
        check_attention(estimator, "AttentionDisplay")
        _choose("row", row, len(X))
        maps = estimator.attention_maps(X[row : row + 1])[0]
        maps = maps[_choose("layer", layer, len(maps))][:, _choose("head", head, len(maps[0]))]
        n_steps = int((~np.isnan(maps[0, 0, :, 0])).sum())
        if labels is not None and len(labels) != n_steps:
            raise InvalidInputError(
                f"`labels` must have one entry for each of the {n_steps} timesteps of row {row}; "
                f"got {len(labels)}."
            )
        return cls(maps[:, :, :n_steps, :n_steps], labels=labels)

    def plot(self, ax: Any = None, *, cmap: str = "Blues") -> Self:
        """Draw: queries downwards, where they look to the right.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        cmap : str, default="Blues"
            Colour map of matplotlib, from 0 to the largest weight.

        Returns
        -------
        self

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        ax = make_axes("AttentionDisplay.plot", ax)
        n_layers, n_heads, n_steps, _ = np.shape(self.maps)
        pitch = n_steps + max(1, n_steps // 8)  # of the squares, with a gap between them
        canvas = np.full((n_layers * pitch, n_heads * pitch), np.nan)
        for layer in range(n_layers):
            for head in range(n_heads):
                top, left = layer * pitch, head * pitch
                canvas[top : top + n_steps, left : left + n_steps] = self.maps[layer][head]
        height, width = n_layers * pitch - (pitch - n_steps), n_heads * pitch - (pitch - n_steps)
        self.image_ = ax.imshow(canvas[:height, :width], cmap=cmap, vmin=0)
        middle = (n_steps - 1) / 2
        if self.labels is not None and n_layers == n_heads == 1:
            names = [plain(label) for label in self.labels]
            ax.set_xticks(range(n_steps), names, rotation=90)
            ax.set_yticks(range(n_steps), names)
            ax.set(xlabel="looks at", ylabel="timestep")
        else:
            ax.set_xticks(np.arange(n_heads) * pitch + middle, range(1, n_heads + 1))
            ax.set_yticks(np.arange(n_layers) * pitch + middle, range(1, n_layers + 1))
            ax.set(xlabel="head", ylabel="layer")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.figure.colorbar(self.image_, ax=ax, label="attention")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _choose(name: str, number: int | None, size: int) -> slice:
    check_count(name, number, least=0, or_none=True)
    if number is None:
        return slice(None)
    if number >= size:
        raise InvalidInputError(f"`{name}` must be less than {size}; got {number}.")
    return slice(number, number + 1)


def check_attention(estimator: Any, owner: str) -> None:
    """Refuse an estimator that has no attention maps."""
    if not hasattr(estimator, "attention_maps"):
        raise InvalidInputError(
            f"{owner} needs a fitted TransformerClassifier or TransformerRegressor; got "
            f"{type(estimator).__name__}."
        )
