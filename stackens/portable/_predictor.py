"""The predictor that ``load`` returns."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from stackens.exceptions import ArchiveError
from stackens.portable._estimators import Estimator
from stackens.portable._file import read_part


class _IfThere:
    """A method that an object has only if its model has it, so that ``hasattr`` tells."""

    def __init__(self, method: Callable[..., np.ndarray]) -> None:
        self.method = method
        self.__doc__ = method.__doc__

    def __get__(self, predictor: Any, owner: Any = None) -> Any:
        if predictor is None:
            return self.method
        name = self.method.__name__
        if name not in predictor.model.methods:
            raise AttributeError(
                f"This predictor has no {name!r}; it has {', '.join(predictor.model.methods)}."
            )
        return self.method.__get__(predictor, owner)


class PortablePredictor:
    """A fitted learner, pipeline or stack that needs NumPy only.

    :func:`load` makes it from a file of :func:`stackens.export_numpy`.

    Parameters
    ----------
    model : Estimator
        What computes.
    about : dict, default=None
        Where it comes from: class, version of the package.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; only of classifiers.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import Dense, PortablePredictor
    >>> from stackens.portable import ArrayInput, Network, NetworkClassifier
    >>> network = Network([Dense(np.array([[1.0, -1.0]]), None, "softmax")])
    >>> model = NetworkClassifier(network, ArrayInput([1], "float64"), np.array(["up", "down"]))
    >>> predictor = PortablePredictor(model)
    >>> predictor.predict([[0.3], [-2.0]]).tolist()
    ['up', 'down']
    """

    def __init__(self, model: Estimator, about: dict[str, Any] | None = None) -> None:
        self.model = model
        self.about = dict(about or {})

    def __repr__(self) -> str:
        name = self.about.get("class", type(self.model).__name__)
        return f"<PortablePredictor of {name}: {', '.join(self.model.methods)}>"

    @property
    def classes_(self) -> np.ndarray:
        """Class labels."""
        if self.model.classes is None:
            raise AttributeError("This predictor has no 'classes_': it predicts numbers.")
        return self.model.classes

    def predict(self, X: Any) -> np.ndarray:
        """Predict classes or numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            What the exported estimator takes; of several views a dict by name, too.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        InvalidInputError
            If ``X`` is not what the estimator was trained on.
        """
        return self.model.predict(X)

    @_IfThere
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return self.model.predict_proba(X)

    @_IfThere
    def decision_function(self, X: Any) -> np.ndarray:
        """Return decision values.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self.model.decision_function(X)


def load(path: str | os.PathLike[str]) -> PortablePredictor:
    """Read a predictor that ``stackens.export_numpy`` wrote.

    Nothing in the file is executed, and every byte of it is checked.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    PortablePredictor
        With ``predict`` and, of classifiers, ``classes_`` and what the exported estimator has of
        ``predict_proba`` and ``decision_function``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ArchiveError
        If it is damaged, no predictor, or of a version that is not understood.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from stackens import StackedRNNClassifier, export_numpy, portable
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> learner = StackedRNNClassifier(8, epochs=1, random_state=0).fit(X[:100], y[:100])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "digits.stackens")
    ...     size = export_numpy(learner, path)
    ...     predictor = portable.load(path)
    >>> bool((predictor.predict(X) == learner.predict(X)).all())
    True
    """
    part, about = read_part(path)
    if not isinstance(part, Estimator):
        raise ArchiveError(f"{path} holds a {type(part).__name__}, which predicts nothing.")
    return PortablePredictor(part, about)
