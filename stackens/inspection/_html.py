"""Small pieces of HTML; everything that a user named is escaped here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_BUTTON_IN_SUMMARY = re.compile(
    r'(<summary>(?:(?!</summary>).)*?)<div class="image-container">.*?</div>', re.DOTALL
)


def format_number(value: Any, digits: int = 4) -> str:
    """Return a number as people read it; nothing for NaN."""
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, float):
        if value.is_integer() and abs(value) >= 1000:
            return f"{value:,.0f}"
        return f"{value:,.{digits}f}" if 1e-3 <= abs(value) < 1e6 or not value else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    caption: str,
    digits: Mapping[str, int] | None = None,
    sortable: bool = False,
    is_titled: bool = False,
) -> str:
    """Return a table whose first column names the rows.

    Parameters
    ----------
    header : sequence of str
        Of the columns.
    rows : iterable of sequences
        Numbers, which are formatted and can be sorted, or anything else, which is escaped.
    caption : str
        What the table shows.
    digits : mapping of str to int, default=None
        Decimals of some columns, by header; of others 4.
    sortable : bool, default=False
        Whether the headers are buttons, for the script of the report.
    is_titled : bool, default=False
        Whether a heading says the same as the caption, which is then for screen readers alone.
    """
    cells = [
        f'<th scope="col"><button type="button">{escape(name)}</button></th>'
        if sortable
        else f'<th scope="col">{escape(name)}</th>'
        for name in header
    ]
    decimals = [(digits or {}).get(name, 4) for name in header]
    body = "\n".join(_row(row, decimals) for row in rows)
    hidden = ' class="hidden"' if is_titled else ""
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table{kind}><caption{hidden}>{escape(caption)}</caption>"
        f"<thead><tr>{''.join(cells)}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _row(row: Sequence[Any], decimals: Sequence[int]) -> str:
    first, *others = row
    cells = [f'<th scope="row">{escape(str(first))}</th>']
    for value, digits in zip(others, decimals[1:], strict=True):
        if isinstance(value, int | float) and not isinstance(value, bool):
            text = format_number(value, digits)
            exact = "" if isinstance(value, float) and math.isnan(value) else repr(value)
            cells.append(f'<td class="number" data-value="{exact}">{text}</td>')
        else:
            cells.append(f"<td>{escape(str(value))}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def board_cells(board: Any) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows of a leaderboard."""
    names = {"predicts": "used by predict", "test": "test", "difference": "difference to best"}
    header = ["name", *[names.get(c, c.replace("_", " ")) for c in board.columns]]
    rows: list[list[Any]] = []
    for name, values in zip(board.index, board.to_dict("records"), strict=True):
        cells = [
            ("yes" if value else "no")
            if column == "predicts"
            else value
            if column == "note"
            else float(value)
            for column, value in values.items()
        ]
        rows.append([name, *cells])
    return header, rows


def prose(text: str) -> str:
    """Return text with its `code` marked."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def diagram(estimator: Any) -> str:
    """Return scikit-learn's picture of an estimator, as part of a page."""
    from sklearn.utils import estimator_html_repr

    page = re.sub(r"</?body>", "", estimator_html_repr(estimator))
    # A button within a summary is out of reach of who cannot see it, and its script complains.
    page = _BUTTON_IN_SUMMARY.sub(r"\1", page)
    focusable = 'class="features-container" tabindex="0" role="region" aria-label="Columns"'
    return page.replace('class="features-container"', focusable)
