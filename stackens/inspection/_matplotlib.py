"""matplotlib, imported when something is drawn."""

from __future__ import annotations

from typing import Any

from stackens.exceptions import MissingExtraError


def make_axes(caller: str, ax: Any) -> Any:
    """Return ``ax``, or new axes.

    Parameters
    ----------
    caller : str
        Who draws, for the message.
    ax : matplotlib.axes.Axes or None

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError(
            f'{caller} needs matplotlib; install it with: pip install "stackens[plot]"'
        ) from error
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def plain(name: Any) -> str:
    """Return a name as matplotlib is to write it: a learner may be called "$x_", no formula."""
    return str(name).replace("$", r"\$")
