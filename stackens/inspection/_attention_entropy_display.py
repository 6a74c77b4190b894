"""How spread out attention is, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.inspection._attention_display import check_attention
from stackens.inspection._matplotlib import make_axes, plain


def attention_entropy(maps: Any) -> np.ndarray:
    r"""Compute the mean entropy of attention weights.

    Of the weights :math:`a` of a timestep it is :math:`-\sum_s a_s \ln a_s`: 0 for a timestep that
    looks at one other, :math:`\ln n` for one that looks at all :math:`n` alike.

    Parameters
    ----------
    maps : array-like of shape (n_samples, n_layers, n_heads, n_timesteps, n_timesteps)
        From ``attention_maps``; rows of NaN are padding, and are left out.

    Returns
    -------
    ndarray of shape (n_samples, n_layers, n_heads)
        In nats, mean over the timesteps of each sequence.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.inspection import attention_entropy
    >>> attention_entropy(np.full((1, 1, 1, 4, 4), 0.25)).round(4)  # of 4 timesteps
    array([[[1.3863]]])
    """
    maps = np.asarray(maps, dtype=np.float64)
    logarithms = np.log(np.where(maps > 0, maps, 1.0))
    entropy = -(maps * logarithms).sum(axis=-1)  # NaN stays NaN
    mean: np.ndarray = np.nanmean(entropy, axis=-1)
    return np.maximum(mean, 0.0)  # and no -0.0


class AttentionEntropyDisplay:
    """Draw the entropy of attention at each depth, for one or several networks.

    Parameters
    ----------
    entropies : dict of str to ndarray of shape (n_layers, n_heads)
        For each network, in nats.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.
    lines_ : list of matplotlib.lines.Line2D
        After ``plot``, the mean over the heads of each network.

    Examples
    --------
    >>> from stackens import AttentionEntropyDisplay, TransformerClassifier
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> settings = {"d_model": 8, "n_heads": 2, "n_layers": 3, "epochs": 1, "random_state": 0}
    >>> networks = {
    ...     sharing: TransformerClassifier(layer_sharing=sharing, **settings).fit(X[:99], y[:99])
    ...     for sharing in ("none", "all")}
    >>> display = AttentionEntropyDisplay.from_estimator(networks, X[:20])
    >>> display.entropies["all"].shape
    (3, 2)
    """

    def __init__(self, entropies: Mapping[str, Any]) -> None:
        self.entropies = entropies

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any) -> Self:
        """Compute the mean entropy over sequences.

        Parameters
        ----------
        estimator : TransformerClassifier, TransformerRegressor, or dict of str to such
            Fitted; a dict compares several, by their names.
        X : array-like of shape (n_samples, ...)
            Sequences as in ``predict``.

        Returns
        -------
        AttentionEntropyDisplay

        Raises
        ------
        InvalidInputError
            If an estimator has no attention maps, or there is none.
        """
        estimators = estimator
        if not isinstance(estimator, Mapping):
            estimators = {type(estimator).__name__: estimator}
        if not estimators:
            raise InvalidInputError("`estimator` must name at least one fitted estimator; got {}.")
        for each in estimators.values():
            check_attention(each, "AttentionEntropyDisplay")
        return cls(
            {
                name: attention_entropy(each.attention_maps(X)).mean(axis=0)
                for name, each in estimators.items()
            }
        )

    def plot(self, ax: Any = None) -> Self:
        """Draw a line for each network, the mean of its heads, and a dot for each head.

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
        ax = make_axes("AttentionEntropyDisplay.plot", ax)
        self.lines_ = []
        for name, entropy in self.entropies.items():
            depths = np.arange(1, len(entropy) + 1)
            self.lines_ += ax.plot(depths, np.mean(entropy, axis=1), label=plain(name))
            colour = self.lines_[-1].get_color()
            ax.plot(depths, entropy, linestyle="none", marker=".", alpha=0.5, color=colour)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set(xlabel="layer", ylabel="entropy of attention (nats)")
        ax.set_ylim(bottom=0)
        if len(self.entropies) > 1:
            ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
