"""Which part of each row an estimator takes."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from stackens.exceptions import InvalidInputError
from stackens.frames import column_names, is_frame
from stackens.parameters import all_or_nothing
from stackens.preprocessing._base import TakesOutputMixin
from stackens.sequences import as_object_array, channel_names, check_names
from stackens.views import has_views, take_view, view_names, with_rows


class View(TakesOutputMixin, TransformerMixin, BaseEstimator):
    """Take one view of the rows, or some of its channels, timesteps or columns.

    The first step of a learner's Pipeline in a stack: each learner sees what it is made for.

    Parameters
    ----------
    name : str, default=None
        A view of :func:`~stackens.make_views`; None takes ``X`` as it is.
    channels : int, list of int or slice, default=None
        Channels of sequences (the last axis) to keep, in that order; None is all.
    timesteps : slice or (start, stop), default=None
        Timesteps of each sequence to keep, as Python slices them: ``(-20, None)`` is the last 20,
        where padding is no timestep. None is all.
    columns : int, str, list or slice, default=None
        Columns of a table to keep: numbers, or names of a DataFrame; None is all.

    Attributes
    ----------
    n_views_ : int
        How many views the rows of ``fit`` had; 0 if ``X`` is no views.
    n_features_in_ : int
        Columns of a table, or channels of sequences; not there if ``X`` is views, or texts.
    feature_names_in_ : ndarray of str of shape (n_features,)
        Names of the columns, of a DataFrame that has any.

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

    @all_or_nothing
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
        X = with_rows(X)
        self._take(X, reset=True)
        self.n_views_ = len(view_names(X)) if has_views(X) else 0
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        if _is_table(X):
            validate_data(self, X, reset=True, skip_check_array=True)
        elif not self.n_views_ and (width := _width(X)):
            self.n_features_in_ = width
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

        Raises
        ------
        InvalidInputError
            If ``columns`` or ``channels`` are numbers, and the part has others than in ``fit``, or
            the same in another order.
        """
        check_is_fitted(self)
        X = with_rows(X)
        by_place = self.columns is not None and not _by_name(_as_list(self.columns))
        if by_place and _is_table(X):  # numbers mean other columns in another order
            check_names(self, X, reset=False)
        return self._take(X, reset=False)

    def _check_parameters(self) -> None:
        if self.columns is not None and (self.channels is not None or self.timesteps is not None):
            raise InvalidInputError(
                "`columns` are those of a table, `channels` and `timesteps` those of sequences; "
                "give one or the other."
            )
        steps = self.timesteps
        is_range = isinstance(steps, tuple | list) and len(steps) in (2, 3)
        if not (steps is None or isinstance(steps, slice) or is_range):
            raise InvalidInputError(
                f"`timesteps` must be a slice or (start, stop), such as (-20, None); got {steps!r}."
            )

    def _take(self, X: Any, *, reset: bool) -> Any:
        if self.name is not None:
            if not has_views(X):
                raise InvalidInputError(
                    f"`View({self.name!r})` needs rows of `make_views({self.name}=…)`; got "
                    f"{type(X).__name__}."
                )
            X = take_view(X, self.name)
        elif has_views(X):
            raise InvalidInputError(f"Name one of the views with `View(name)`: {view_names(X)}.")
        self._compare_names(X, reset)
        if self.columns is not None:
            return _columns(X, _as_list(self.columns))
        if self.channels is None and self.timesteps is None:
            return X
        return self._cut(X)

    def _compare_names(self, part: Any, reset: bool) -> None:
        """Keep the names of what is taken by number, or compare them: of a frame, of channels."""
        of_frame = is_frame(part)
        chosen = self.columns if of_frame else self.channels
        names = None
        if chosen is not None and not _by_name(_as_list(chosen)):
            names = column_names(part) if of_frame else channel_names(part)
        known = getattr(self, "_part_names", None)
        if reset:
            self._part_names = names
        elif None not in (names, known) and names != known:
            raise InvalidInputError(
                "The feature names should match those that were passed during fit, in the same "
                f"order, as the view takes them by number; they were {known} and are "
                f"{names}. Take them by name, or bring them into that order."
            )

    def _cut(self, X: Any) -> Any:
        steps = self.timesteps
        steps = (
            slice(None) if steps is None else steps if isinstance(steps, slice) else slice(*steps)
        )
        channels = _as_list(self.channels)
        if hasattr(X, "shape") and getattr(X, "dtype", None) != np.dtype(object):
            if np.ndim(X) != 3:
                raise InvalidInputError(
                    "`channels` and `timesteps` need sequences of shape (n_samples, n_timesteps, "
                    f"n_features); got {type(X).__name__} of shape {X.shape}. Of a table take "
                    "`columns`."
                )
            if steps != slice(None) and X.dtype.kind == "f" and np.isnan(X[:, -1:]).any():
                return self._cut_padded(X, steps, channels)
            return _cut_one(X, steps, channels)
        if isinstance(X, type) or not hasattr(X, "__iter__"):
            raise InvalidInputError(
                f"`channels` and `timesteps` need an array or a list of sequences; got {X!r}."
            )
        return as_object_array([_cut_one(_as_sequence(x), steps, channels) for x in X])

    def _cut_padded(self, X: np.ndarray, steps: slice, channels: Any) -> np.ndarray:
        """Cut each sequence by its own timesteps, and pad them anew."""
        is_step = ~np.isnan(X).all(axis=2)
        lengths = X.shape[1] - is_step[:, ::-1].argmax(axis=1)
        parts = [_cut_one(x[:n], steps, channels) for x, n in zip(X, lengths, strict=True)]
        longest = max(map(len, parts))
        padded = np.full((len(parts), longest, parts[0].shape[1]), np.nan, X.dtype)
        for row, part in zip(padded, parts, strict=True):
            row[: len(part)] = part
        return padded

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.requires_fit = False
        return tags


def _is_table(X: Any) -> bool:
    return len(getattr(X, "shape", ())) == 2


def _width(X: Any) -> int | None:
    """Count the columns of a list of rows, or the channels of sequences; texts have none."""
    if len(getattr(X, "shape", ())) > 1:
        return int(X.shape[-1])
    first = X[0] if len(X) else ""
    if isinstance(first, str | bytes):
        return None
    shape = np.shape(first)
    is_table = isinstance(X, list) and len({np.shape(row) for row in X}) == 1 and len(shape) == 1
    return shape[-1] if is_table or len(shape) > 1 else 1


def _as_list(names: Any) -> Any:
    """Write a single channel or column as a list of one: the axis stays."""
    return [names] if isinstance(names, str | Integral) else names


def _as_sequence(x: Any) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim not in (1, 2) or x.dtype.kind not in "biufO":
        raise InvalidInputError(
            "`channels` and `timesteps` need sequences of shape (n_timesteps, n_features); got "
            f"{x.dtype} of shape {x.shape}. Of a table take `columns`."
        )
    return x


def _cut_one(x: np.ndarray, steps: slice, channels: Any) -> np.ndarray:
    """Cut one sequence, or an array of such."""
    if channels is not None and x.ndim == 1:  # of a single channel
        x = x[:, np.newaxis]
    n_steps = x.shape[max(0, x.ndim - 2)]
    x = x[steps] if x.ndim == 1 else x[..., steps, :]
    if not x.shape[max(0, x.ndim - 2)]:
        raise InvalidInputError(
            f"`timesteps` from {steps.start} to {steps.stop} leave nothing of a sequence of "
            f"{n_steps} timesteps."
        )
    if channels is None:
        return x
    try:
        kept = x[..., channels]
    except IndexError as error:
        raise InvalidInputError(
            f"`channels` {channels} are not there: the sequences have {x.shape[-1]} channels."
        ) from error
    if not kept.shape[-1]:
        raise InvalidInputError(f"`channels` {channels} are none of the {x.shape[-1]} channels.")
    return kept


def _by_name(columns: Any) -> bool:
    names = (columns.start, columns.stop) if isinstance(columns, slice) else columns
    return any(isinstance(name, str) for name in names)


def _columns(X: Any, columns: Any) -> Any:
    X = X if hasattr(X, "shape") else np.asarray(X)
    if len(X.shape) != 2:
        raise InvalidInputError(
            f"`columns` are those of a table; got an array of shape {X.shape}. Of sequences take "
            "`channels` or `timesteps`."
        )
    try:
        if hasattr(X, "loc"):
            return X.loc[:, columns] if _by_name(columns) else X.iloc[:, columns]
        return X[:, columns]
    except (IndexError, KeyError) as error:
        raise InvalidInputError(
            f"`columns` {columns} are not there: the table has shape {X.shape}."
        ) from error
