"""What can be said of a file without making anything of it."""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass
from importlib import metadata
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from stackens.sklearn_parts import walk

_PACKAGES = ("keras", "numpy", "scikit-learn", "scikeras", "scipy", "skops")
_TENSORFLOW = ("tensorflow", "tensorflow-cpu")
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class FileInfo:
    """What a file of :func:`stackens.save` says of itself.

    Attributes
    ----------
    estimator : str
        Class of the estimator.
    learners : tuple of str
        Names of a stack's learners.
    classes : tuple or None
        Labels of a classifier; None for others, and for more than 1000.
    input_shape : tuple or None
        Of what it predicts from, None where any number will do: rows, timesteps, features of
        sequences; rows and columns of a table.
    out_of_fold_score : float or None
        Accuracy or R² of a stack on rows that it did not train on; of a search its best score.
    n_parameters : int
        Weights of all networks in it.
    versions : dict of str to str
        Of the packages that wrote it.
    format : int
        Version of the file's format.
    types : tuple of str
        Everything that has to be made.
    untrusted_types : tuple of str
        Those among them that ``load`` refuses unless they are trusted by name.
    n_bytes : int
        Size of the file.

    Examples
    --------
    >>> import tempfile, pathlib, stackens
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "iris.stackens")
    ...     size = stackens.save(LogisticRegression(max_iter=1000).fit(X, y), path)
    ...     info = stackens.file_info(path)
    >>> info.estimator, info.classes, info.input_shape, info.n_bytes == size
    ('LogisticRegression', (0, 1, 2), (None, 4), True)
    """

    estimator: str
    learners: tuple[str, ...]
    classes: tuple[Any, ...] | None
    input_shape: tuple[int | None, ...] | None
    out_of_fold_score: float | None
    n_parameters: int
    versions: dict[str, str]
    format: int
    types: tuple[str, ...]
    untrusted_types: tuple[str, ...]
    n_bytes: int


def installed_versions(own: str) -> dict[str, str]:
    """Return the versions of what a file depends on; ``own`` is that of this package."""
    found = {"stackens": own, "python": platform.python_version()}
    for package in (*_PACKAGES, *_TENSORFLOW):
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        found.setdefault("tensorflow" if package in _TENSORFLOW else package, version)
    return found


def describe_estimator(estimator: Any) -> dict[str, Any]:
    """Describe an estimator in JSON: what ``FileInfo`` has of it."""
    named = getattr(estimator, "named_estimators_", None)
    unique = {id(one): one for one in walk(estimator) if hasattr(type(one), "n_parameters_")}
    networks = [one for one in unique.values() if "weights_" in vars(one)]
    return {
        "estimator": type(estimator).__name__,
        "learners": list(named) if isinstance(named, dict) else [],
        "classes": _classes(estimator),
        "input_shape": _input_shape(estimator, networks),
        "out_of_fold_score": _score(estimator),
        "n_parameters": sum(int(one.n_parameters_) for one in networks),
    }


def _classes(estimator: Any) -> list[Any] | None:
    classes = getattr(estimator, "classes_", None) if is_classifier(estimator) else None
    if not isinstance(classes, np.ndarray) or len(classes) > _MOST_CLASSES:
        return None
    listed = classes.tolist()
    return listed if all(isinstance(one, str | int | float | bool) for one in listed) else None


def _input_shape(estimator: Any, networks: list[Any]) -> list[int | None] | None:
    n_features = getattr(estimator, "n_features_in_", None)
    if n_features is None:
        return None
    kinds = {getattr(one, "_input_kind", None) for one in (estimator, *networks)} - {None}
    if "sequences" in kinds:
        return [None, None, int(n_features)]
    return [None, int(n_features)]


def _score(estimator: Any) -> float | None:
    found = getattr(estimator, "best_score_", None)
    if found is None and hasattr(estimator, "leaderboard"):
        try:
            found = estimator.leaderboard().loc["stack", "out_of_fold"]
        except (ValueError, KeyError, AttributeError):  # prefit, several labels, too few rows
            return None
    # Boosters have a dict of that name.
    return float(found) if isinstance(found, Real) and math.isfinite(found) else None
