"""Which part of each row an estimator takes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import InvalidInputError
from stackens.sequences import as_object_array
from stackens.views import has_views, take_view, view_names

__all__ = ["View"]


class View(TransformerMixin, BaseEstimator):
    """Take one view of the rows, or some of its channels, timesteps or columns.

    The first step of a learner's Pipeline in a stack: each learner sees what it is made for.

    Parameters
    ----------
    name : str, default=None
        A view of :func:`~stackens.make_views`; None takes ``X`` as it is.
    channels : int, list of int or slice, default=None
        Channels of sequences (the last axis) to keep, in that order; None is all.
    timesteps : slice or (start, stop), default=None
        Timesteps of each sequence to keep, as Python slices them: ``(-20, None)`` is the last 20.
        None is all.
    columns : list or slice, default=None
        Columns of a table to keep: numbers, or names of a DataFrame; None is all.

    Attributes
    ----------
    n_views_ : int
        How many views the rows of ``fit`` had; 0 if ``X`` is no views.

    See Also
    --------
    make_views : Puts views together.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from stackens import StackedRNNClassifier, StackingClassifier, View, make_views
    >>> rng = np.random.default_rng(0)
    >>> X = make_views(signal=rng.normal(size=(60, 8, 3)), static=rng.normal(size=(60, 4)))
    >>> y = np.arange(60) % 2
    >>> stack = StackingClassifier([
    ...     ("rnn", make_pipeline(
    ...         View("signal", channels=[0, 2]), StackedRNNClassifier(4, epochs=1))),
    ...     ("linear", make_pipeline(View("static"), LogisticRegression()))], random_state=0)
    >>> stack.fit(X, y).predict(X[:2]).shape
    (2,)
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        channels: Any = None,
        timesteps: Any = None,
        columns: Any = None,
    ) -> None:
        self.name = name
        self.channels = channels
        self.timesteps = timesteps
        self.columns = columns

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check that the part is there; nothing is learnt.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows of views, or whatever the part is taken of.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If there is no such view, channel, timestep or column.
        """
        self._check_parameters()
        self._take(X)
        self.n_views_ = len(view_names(X)) if has_views(X) else 0
        return self

    def transform(self, X: Any) -> Any:
        """Take the part.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            As in ``fit``.

        Returns
        -------
        array-like of shape (n_samples, ...)
            As many rows as ``X``, of the view's own type.
        """
        check_is_fitted(self)
        return self._take(X)

    def _check_parameters(self) -> None:
        if self.columns is not None and (self.channels is not None or self.timesteps is not None):
            raise InvalidInputError(
                "`columns` are those of a table, `channels` and `timesteps` those of sequences; "
                "give one or the other."
            )

    def _take(self, X: Any) -> Any:
        if self.name is not None:
            if not has_views(X):
                raise InvalidInputError(
                    f"`View({self.name!r})` needs rows of `make_views({self.name}=…)`; got "
                    f"{type(X).__name__}."
                )
            X = take_view(X, self.name)
        elif has_views(X):
            raise InvalidInputError(f"Name one of the views with `View(name)`: {view_names(X)}.")
        if self.columns is not None:
            return _columns(X, self.columns)
        if self.channels is None and self.timesteps is None:
            return X
        return self._cut(X)

    def _cut(self, X: Any) -> Any:
        steps = self.timesteps
        steps = (
            slice(None) if steps is None else steps if isinstance(steps, slice) else slice(*steps)
        )
        channels = [self.channels] if isinstance(self.channels, int) else self.channels
        if isinstance(X, np.ndarray) and X.dtype != object:
            if X.ndim != 3:
                raise InvalidInputError(
                    "`channels` and `timesteps` need sequences of shape (n_samples, n_timesteps, "
                    f"n_features); got an array of shape {X.shape}. Of a table take `columns`."
                )
            return _cut_one(X, steps, channels)
        return as_object_array([_cut_one(np.asarray(x), steps, channels) for x in X])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.requires_fit = False
        return tags


def _cut_one(x: np.ndarray, steps: slice, channels: Any) -> np.ndarray:
    x = x[..., steps, :]
    if channels is None:
        return x
    try:
        return x[..., channels]
    except IndexError as error:
        raise InvalidInputError(
            f"`channels` {channels} are not there: the sequences have {x.shape[-1]} channels."
        ) from error


def _columns(X: Any, columns: Any) -> Any:
    try:
        if hasattr(X, "loc"):
            by_name = not isinstance(columns, slice) and any(isinstance(c, str) for c in columns)
            return X.loc[:, columns] if by_name else X.iloc[:, columns]
        X = X if hasattr(X, "shape") else np.asarray(X)
        return X[:, columns]
    except (IndexError, KeyError) as error:
        raise InvalidInputError(
            f"`columns` {columns} are not there: the table has shape {X.shape}."
        ) from error
