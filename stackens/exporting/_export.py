"""``export_numpy``: a fitted estimator as one file that NumPy alone can use."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

import stackens.exporting._ensembles
import stackens.exporting._learners
import stackens.exporting._linear
import stackens.exporting._preprocessing
import stackens.exporting._text
import stackens.exporting._trees  # noqa: F401 - each registers its handlers
from stackens import __version__
from stackens.exceptions import InvalidInputError
from stackens.exporting._converter import Converter
from stackens.portable import PortablePredictor, write_part

# Within float32 rounding, which a network adds up over its timesteps.
_TOLERANCE = 1e-5


def to_numpy(estimator: Any) -> PortablePredictor:
    """Turn a fitted estimator into a predictor that needs NumPy only, without a file.

    Parameters
    ----------
    estimator : estimator
        As in :func:`export_numpy`.

    Returns
    -------
    stackens.portable.PortablePredictor

    Raises
    ------
    NotFittedError
        If it is not fitted.
    InvalidInputError
        If parts of it cannot be exported; the message names them all.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from stackens.exporting import to_numpy
    >>> X, y = load_iris(return_X_y=True)
    >>> to_numpy(LogisticRegression(max_iter=1000).fit(X, y)).predict(X[:3]).tolist()
    [0, 0, 0]
    """
    check_is_fitted(estimator)
    converter = Converter()
    model = converter.convert(estimator)
    converter.check()
    if not hasattr(model, "predict"):
        raise InvalidInputError(
            f"`estimator` must predict; {type(estimator).__name__} only transforms. Export the "
            "whole pipeline that it is part of."
        )
    about = {"class": type(estimator).__name__, "stackens": __version__}
    return PortablePredictor(model, about)


def export_numpy(estimator: Any, path: str | os.PathLike[str], X: Any = None) -> int:
    """Write a fitted estimator to one file from which NumPy alone predicts.

    :func:`stackens.portable.load` reads the file, on machines that have neither TensorFlow nor
    scikit-learn nor SciPy. The file holds arrays and JSON, with checksums, and no code.

    Parameters
    ----------
    estimator : estimator
        A fitted learner, Pipeline, search or stack. What can be part of it: networks of this
        package, SciKeras's, and your own of common Keras layers; this package's transformers;
        scikit-learn's linear models, naive Bayes, trees, forests, boosting, multilayer
        perceptrons, calibration, scalers, imputers, selectors, projections and vectorizers of
        text; every final estimator of this package.
    path : path-like
        The file; one that is there is replaced, and keeps its mode. Of a symbolic link, the file
        that it names is written. Its folder must exist.
    X : array-like of shape (n_samples, ...), default=None
        Rows on which predictions of the estimator and of the file are compared before the file is
        written; None compares nothing.

    Returns
    -------
    int
        Size of the file in bytes.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    InvalidInputError
        If parts of the estimator cannot be exported, or predictions for ``X`` differ; the message
        names the parts, and nothing is written.
    ArchiveError
        If the file cannot be written, or what is there is no regular file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from stackens import export_numpy, portable
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "iris.stackens")
    ...     size = export_numpy(model, path, X)
    ...     portable.load(path).predict_proba(X[:1]).round(2)
    array([[0.98, 0.02, 0.  ]])
    """
    predictor = to_numpy(estimator)
    if X is not None:
        _compare(estimator, predictor, X)
    return write_part(path, predictor.model, predictor.about)


def _compare(estimator: Any, predictor: PortablePredictor, X: Any) -> None:
    names = [n for n in ("predict_proba", "decision_function") if n in predictor.model.methods]
    name = names[0] if names else "predict"
    theirs, ours = getattr(estimator, name)(X), getattr(predictor, name)(X)
    if np.asarray(theirs).dtype.kind in "fc":
        scale = max(1.0, float(np.abs(theirs).max()))
        apart = float(np.abs(ours - theirs).max()) / scale
    else:
        apart = float((ours != theirs).any())
    if not apart <= _TOLERANCE:
        raise InvalidInputError(
            f"`{name}` of the exported predictor differs from the estimator's by {apart:.2g} on "
            "`X`; nothing was written. Please report this, with the estimator."
        )
