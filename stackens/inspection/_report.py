"""One HTML file that shows a fitted stack."""

from __future__ import annotations

import os
import platform
from html import escape
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from stackens import __version__
from stackens.archive import open_whole
from stackens.exceptions import InvalidInputError
from stackens.inspection._findings import diagnose
from stackens.inspection._fitted_stack import check_stack
from stackens.inspection._html import board_cells, diagram, format_number, prose, table
from stackens.inspection._pictures import Picture, draw_pictures

_PACKAGES = ("tensorflow", "keras", "scikit-learn", "scikeras", "numpy", "scipy")
_LONGEST_SETTING = 300  # characters


def write_report(
    stack: Any,
    path: Any,
    X: Any = None,
    y: Any = None,
    *,
    scoring: Any = None,
    title: str = "Report of a stack",
) -> Path:
    """Write one HTML file: leaderboard, pictures, diagram, data, settings and warnings.

    Parameters
    ----------
    stack : StackingClassifier or StackingRegressor
        Fitted, with out-of-fold predictions.
    path : path-like
        Of the file; one that exists is replaced, once all of the new one is there.
    X, y : array-like of shape (n_samples, ...), default=None
        Test data; without them only out-of-fold scores are given.
    scoring : str or callable, default=None
        As in scikit-learn; None is accuracy for classifiers and R² for regressors.
    title : str, default="Report of a stack"
        Heading.

    Returns
    -------
    pathlib.Path
        The file, which needs no other file and no network.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    InvalidInputError
        If there are no out-of-fold predictions, or several labels a row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from stackens import StackingClassifier
    >>> from stackens.inspection import write_report
    >>> X, y = load_iris(return_X_y=True)
    >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
    >>> write_report(stack, "report.html")  # doctest: +SKIP
    PosixPath('report.html')
    """
    check_stack(stack, "report")
    path = _read_path(path)
    board = stack.leaderboard(X, y, scoring)
    default = "accuracy" if hasattr(stack, "classes_") else "R²"
    score = scoring if isinstance(scoring, str) else default if scoring is None else "score"
    pictures = draw_pictures(stack, board, scoring)
    page = Template(_resource("report.html")).substitute(
        title=escape(title),
        style=_resource("report.css"),
        script=_resource("report.js"),
        summary=_summary(stack, board, score),
        findings=_findings(stack),
        leaderboard=_leaderboard(board, score),
        pictures="\n".join(_figure(picture) for picture in pictures if picture.source),
        missing=_missing([picture for picture in pictures if not picture.source]),
        diagram=diagram(stack),
        data=_data(stack, X),
        settings=_settings(stack),
        versions=_versions(),
    )
    with open_whole(path, follow_symlinks=True) as file:
        file.write(page.encode())
    return path


def _read_path(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike) or Path(path).is_dir():
        raise InvalidInputError(
            f"`path` must be that of a file, e.g. 'report.html'; got {path!r}"
            f"{', a folder' if isinstance(path, str | os.PathLike) else ''}."
        )
    return Path(path)


def _resource(name: str) -> str:
    return files("stackens.inspection").joinpath(name).read_text(encoding="utf-8")


def _summary(stack: Any, board: Any, score: str) -> str:
    learners = board.drop(index=["average", "stack"])
    best, row = learners.index[0], board.loc["stack"]
    ours, theirs = float(row["out_of_fold"]), float(learners["out_of_fold"].iloc[0])
    whose = f"its best learner, <strong>{escape(str(best))}</strong>, has"
    if np.isfinite(ours):
        parts = [
            f"On rows that its parts did not see, the stack has {escape(score)} "
            f"<strong>{format_number(ours)}</strong>; {whose} {format_number(theirs)}."
        ]
    else:
        parts = [
            "The rows that were held out are too few, or of one group, for an honest score of the "
            f"stack; {whose} {escape(score)} {format_number(theirs)} on them."
        ]
    gap, error = float(row["difference"]), float(row["standard_error"])
    if np.isfinite(gap) and np.isfinite(error):
        verdict = "clearly beats" if gap > 2 * error else "does not clearly beat"
        if gap < -2 * error:
            verdict = "is clearly behind"
        parts.append(
            f"The stack {verdict} it: the difference is {gap:+.4f}, with a standard error of "
            f"{error:.4f}."
        )
    if "test" in board:
        parts.append(f"On the test rows the stack has {format_number(float(row['test']))}.")
    return f"<p>{' '.join(parts)}</p>"


def _findings(stack: Any) -> str:
    found = diagnose(stack)
    if not found:
        return "<p>Nothing was found that keeps the stack from being better.</p>"
    items = [
        f'<li class="finding" data-kind="{escape(f.kind)}"><h3>{escape(f.title)}</h3>'
        f"<p>{prose(f.text)}</p></li>"
        for f in found
    ]
    return f'<ul class="findings">{"".join(items)}</ul>'


def _leaderboard(board: Any, score: str) -> str:
    header, rows = board_cells(board)
    return table(
        header,
        rows,
        caption=f"Leaderboard by {score}",
        digits={"seconds": 1, "cpu seconds": 1},
        sortable=True,
    )


def _figure(picture: Picture) -> str:
    text = escape(picture.text)
    return (
        f"<figure><h3>{escape(picture.title)}</h3>"
        f'<img src="{picture.source}" alt="{escape(picture.title)}: {text}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _missing(pictures: list[Picture]) -> str:
    if not pictures:
        return ""
    items = "".join(f"<li>{escape(p.title)}: {prose(p.text)}</li>" for p in pictures)
    return f"<p>Not drawn:</p><ul>{items}</ul>"


def _data(stack: Any, X: Any) -> str:
    kept = stack.out_of_fold_predictions_
    held_out = [len(test) for _, test in kept.splits]
    rows: list[list[Any]] = [
        ["training rows", len(stack.coverage_)],
        ["rows that were held out", len(kept.row_index)],
        ["splits", len(kept.splits)],
        ["rows held out by a split", f"{min(held_out)} to {max(held_out)}"],
        ["predictions for a row", f"{kept.n_predictions.min()} to {kept.n_predictions.max()}"],
        ["columns that the final estimator sees of the learners", kept.matrix.shape[1]],
    ]
    features = getattr(stack, "n_features_in_", None)
    if features is not None:
        rows.insert(1, ["features", int(features)])
    if X is not None:
        rows.append(["test rows", len(X) if hasattr(X, "__len__") else X.shape[0]])
    parts = [table(["what", "number"], rows, caption="Data", is_titled=True)]
    if hasattr(stack, "classes_"):
        counts = [[label, int(np.sum(kept.y == label))] for label in stack.classes_]
        parts.append(table(["class", "held-out rows"], counts, caption="Classes"))
    else:
        parts.append(_targets(kept.y))
    return "\n".join(parts)


def _targets(y: np.ndarray) -> str:
    columns = np.reshape(y, (len(y), -1)).astype(float).T
    rows = [[k, *map(float, (c.mean(), c.std(), c.min(), c.max()))] for k, c in enumerate(columns)]
    return table(
        ["target", "mean", "standard deviation", "least", "greatest"], rows, caption="Target"
    )


def _settings(stack: Any) -> str:
    rows = []
    for name, value in sorted(stack.get_params(deep=True).items()):
        text = " ".join(repr(value).split())
        if len(text) > _LONGEST_SETTING:
            text = f"{text[:_LONGEST_SETTING]} …"
        rows.append([name, text])
    return table(["parameter", "value"], rows, caption="Parameters of the stack and its learners")


def _versions() -> str:
    rows = [["stackens", __version__], ["python", platform.python_version()]]
    rows.append(["platform", platform.platform()])
    for package in _PACKAGES:
        found = _version(package) or (_version("tensorflow-cpu") if package == "tensorflow" else "")
        rows.append([package, found or "not installed"])
    return table(["package", "version"], rows, caption="Versions", is_titled=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
