"""What a notebook shows of a fitted stack."""

from __future__ import annotations

from typing import Any

from stackens.inspection._html import board_cells, diagram, prose, table

# No colour: those of the notebook, be it dark or light.
_STYLE = """
.stackens-scores { display: flex; flex-wrap: wrap; gap: 1.5em; align-items: flex-start; }
.stackens-scores > .scroll table { border-collapse: collapse; font-size: 90%; }
.stackens-scores > .scroll caption { text-align: left; padding-bottom: .4em; }
.stackens-scores > .scroll :is(th, td) { padding: .15em .6em; text-align: right; }
.stackens-scores > .scroll th:first-child { text-align: left; }
.stackens-scores > .scroll thead { border-bottom: 1px solid currentColor; }
"""
_HEADER = ("", "out of fold", "to best", "± error", "seconds")
_SHOWN = ("out_of_fold", "difference", "standard_error", "seconds")


def notebook_html(stack: Any, board: Any = None, reason: str = "") -> str:
    """Return the diagram of a stack, with its scores beside it.

    Parameters
    ----------
    stack : StackingClassifier or StackingRegressor
        Fitted or not.
    board : pandas.DataFrame, default=None
        Its leaderboard; None shows the diagram alone.
    reason : str, default=""
        Why there are no scores, where there could be some.

    Returns
    -------
    str
    """
    if board is None:
        note = f"<p>{prose(reason)}</p>" if reason else ""
        return diagram(stack) + note
    _, rows = board_cells(board[list(_SHOWN)])
    caption = f"Scores on held-out rows; predicts: {_who(board)}"
    scores = table(_HEADER, rows, caption=caption, digits={"seconds": 1})
    return (
        f'<style>{_STYLE}</style><div class="stackens-scores">'
        f"<div>{diagram(stack)}</div>{scores}</div>"
    )


def _who(board: Any) -> str:
    return str(board.index[board["predicts"]][0])
