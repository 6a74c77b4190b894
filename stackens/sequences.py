"""What a sequence input is: read it, check it, know its lengths, hand it on.

Three kinds of numeric input are understood. A *table* is 2-D: one feature (channel) a timestep and
the same number of timesteps in every row. A 3-D *array* is (n_samples, n_timesteps, n_features);
trailing timesteps that are NaN in all channels are padding. *Ragged* input is a list or a 1-D
object array of (T_i, n_features) sequences. Tokens are integers of shape
(n_samples, n_timesteps), 0 is padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt

from stackens.exceptions import ChannelsFirstWarning, InvalidInputError, warn_user
from stackens.frames import column_names, find_nested, is_frame, join_cells
from stackens.views import has_views, refuse_as_several, view_names

# scikit-learn is imported where it is called: `import stackens` must stay quick.

__all__ = [
    "PADDING_VALUE",
    "SequenceBatch",
    "as_object_array",
    "channel_names",
    "check_names",
    "is_memory_map",
    "looks_like_tokens",
    "name_channels",
    "reading_files_once",
    "refuse_tokens",
    "to_container",
    "to_ragged",
    "token_dtype",
    "validate_sequences",
    "validate_tokens",
]

# Finite, so that 0 * PADDING_VALUE stays 0 in a masked graph, where NaN or infinity would not;
# equal in float32 and float64; and farther from any measurement than a "-1" or "0" could be.
PADDING_VALUE = float(np.finfo(np.float32).min)

Kind = Literal["table", "array", "ragged"]
DTypes = npt.DTypeLike | Sequence[npt.DTypeLike]

# Values are looked at in pieces of this many elements (4 MiB of float32), so that neither a scan's
# temporary arrays nor a memory map's pages ever add up to a second copy of the data.
_CHUNK_ELEMENTS = 1 << 20

_ACCEPTED = (
    "a table of shape (n_samples, n_timesteps), an array of shape "
    "(n_samples, n_timesteps, n_features), or a list of sequences of shape (T_i, n_features)"
)
_TEXT = "`X` holds text{where} where numbers are meant. Turn strings into token ids with {advice}."
_VECTORIZE = "`SequenceVectorizer`"
# Said by the type of an array of token ids. A type's metadata goes wherever its rows go.
_MANY = 20  # features of a single timestep, which then are likely to be timesteps
_CHANNELS_FIRST = (
    " All have as many rows: if these are channels, as in aeon and PyTorch, give "
    "`stackens.from_channels_first(X)`."
)
_VOCABULARY_SIZE = "vocabulary_size"
_CHANNELS = "channels"  # said by the type of an array of sequences
_PAD_BEHIND = (
    "Keras's `pad_sequences` does that by default: call it with `padding='post'{value}`, or pass "
    "the list of sequences itself"
)


@dataclass(frozen=True, eq=False)
class SequenceBatch:
    """Validated sequences of one common width, and how long each one is.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_timesteps, n_features) or (n_samples, n_timesteps)
        Floating numbers, whose padded timesteps hold `PADDING_VALUE` in every channel; or int32
        tokens, whose padding is 0.
    lengths : ndarray of shape (n_samples,), dtype int64
        Timesteps of each sequence that are no padding, at least 1.
    kind : {"table", "array", "ragged"}, default="array"
        What the caller's data came as; `to_container` gives it back as that.

    Examples
    --------
    >>> import numpy as np
    >>> batch = SequenceBatch(np.zeros((2, 3, 1)), np.array([3, 2]))
    >>> batch.is_padded, batch.n_timesteps
    (True, 3)
    >>> batch.take([1]).values.shape
    (1, 2, 1)
    """

    values: np.ndarray
    lengths: np.ndarray
    kind: Kind = "array"

    @property
    def n_samples(self) -> int:
        """Number of sequences."""
        return int(self.values.shape[0])

    @property
    def n_timesteps(self) -> int:
        """Common width, padding included, in timesteps."""
        return int(self.values.shape[1])

    @property
    def n_features(self) -> int:
        """Channels of a timestep; 1 for tokens."""
        return 1 if self.is_tokens else int(self.values.shape[2])

    @property
    def is_tokens(self) -> bool:
        """Whether the values are token ids."""
        return self.values.ndim == 2

    @property
    def is_padded(self) -> bool:
        """Whether any sequence is shorter than the common width."""
        return bool((self.lengths < self.n_timesteps).any())

    @property
    def mask(self) -> np.ndarray:
        """Boolean array of shape (n_samples, n_timesteps), True where a timestep is no padding."""
        return np.arange(self.n_timesteps) < self.lengths[:, np.newaxis]

    def take(self, rows: Any) -> SequenceBatch:
        """Choose sequences, cut to the longest of them.

        Parameters
        ----------
        rows : array-like of int, of bool with shape (n_samples,), or slice
            The rows to take, in this order.

        Returns
        -------
        SequenceBatch
            A view of the same memory where `rows` is a slice, otherwise a copy.
        """
        rows = rows if isinstance(rows, slice) else np.asarray(rows)
        lengths = self.lengths[rows]
        longest = int(lengths.max(initial=0))
        return replace(self, values=self.values[:, :longest][rows], lengths=lengths)

    def with_values(self, values: np.ndarray) -> SequenceBatch:
        """Put other values beside the same lengths; padded timesteps are padded anew.

        Parameters
        ----------
        values : ndarray of shape (n_samples, n_timesteps, any number of features)
            Written to where there is padding.

        Returns
        -------
        SequenceBatch
            Around `values` itself.
        """
        if self.is_padded:
            values[~self.mask] = 0 if self.is_tokens else PADDING_VALUE
        return replace(self, values=values)


def is_memory_map(array: Any) -> bool:
    """Tell whether an array is, or is a view of, a ``numpy.memmap``."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


@contextmanager
def reading_files_once() -> Iterator[None]:
    """Check the values of a memory map only the first time that it is read in this context.

    The caller holds the map open, and nobody writes to it meanwhile: the folds of a stack need
    not read a file of many gigabytes once each.
    """
    token = _files_read.set({})
    try:
        yield
    finally:
        _files_read.reset(token)


_files_read: ContextVar[dict[Any, bool] | None] = ContextVar("_files_read", default=None)


def as_object_array(sequences: Iterable[Any]) -> np.ndarray:
    """Put sequences into a 1-D object array, also when all of them have one length.

    Parameters
    ----------
    sequences : iterable of array-like
        The sequences; they are not copied.

    Returns
    -------
    ndarray of shape (n_samples,), dtype object
        What scikit-learn can index and split row by row.

    Examples
    --------
    >>> import numpy as np
    >>> as_object_array([np.zeros((2, 3)), np.zeros((2, 3))]).shape
    (2,)
    """
    items = list(sequences)
    array = np.empty(len(items), dtype=object)
    for row, item in enumerate(items):  # `array[:] = items` would broadcast equal shapes
        array[row] = item
    return array


def name_channels(sequences: np.ndarray, names: Sequence[Any]) -> np.ndarray:
    """Return a view of sequences whose type says the names of their channels.

    Parameters
    ----------
    sequences : ndarray of shape (n_samples,), dtype object
        Arrays of shape (T_i, n_features).
    names : sequence of length n_features
        Only strings are names.

    Returns
    -------
    ndarray of shape (n_samples,), dtype object
        What it says goes on to selected rows, copies and pickles; not to concatenations.
    """
    if not all(isinstance(name, str) for name in names):
        return sequences
    return sequences.view(np.dtype(object, metadata={_CHANNELS: tuple(map(str, names))}))


def channel_names(X: Any) -> list[str] | None:
    """Return the names of channels: of a list of frames, or of what ``name_channels`` returned.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    list of str or None
        None where there are no names.

    Raises
    ------
    InvalidInputError
        If frames of one list have other columns, or in another order.
    """
    said = _metadata(X)
    if _CHANNELS in said:
        return list(said[_CHANNELS])
    is_rows = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.ndim == 1)
    frames = {row: item for row, item in enumerate(X) if is_frame(item)} if is_rows else {}
    if not frames:
        return None
    first = next(iter(frames))
    names = column_names(frames[first])
    for row, frame in frames.items():
        if column_names(frame) != names:
            raise InvalidInputError(
                f"All frames of `X` must have the same columns in the same order; row {first} has "
                f"{names} and row {row} has {column_names(frame)}. Bring them into one order: "
                "[frame[names] for frame in X]."
            )
    return names if all(isinstance(name, str) for name in names) else None


def _metadata(X: Any) -> Any:
    return getattr(getattr(X, "dtype", None), "metadata", None) or {}


def token_dtype(vocabulary_size: int) -> np.dtype:
    """Return the type of arrays of token ids that say so: ``refuse_tokens`` knows them.

    Parameters
    ----------
    vocabulary_size : int
        Ids are below it.

    Returns
    -------
    dtype
        int32. What it says goes on to rows, copies and pickles, and not to other types.
    """
    return np.dtype(np.int32, metadata={_VOCABULARY_SIZE: int(vocabulary_size)})


def refuse_tokens(X: Any) -> None:
    """Refuse an array that says it holds token ids, where numbers are measurements.

    Parameters
    ----------
    X : object
        Anything.

    Raises
    ------
    InvalidInputError
        With the size of the vocabulary.
    """
    said = _metadata(X)
    if _VOCABULARY_SIZE in said:
        raise InvalidInputError(
            f"`X` holds token ids of {_VECTORIZE}, which would be read as measurements. Give them "
            f"to a learner with `vocabulary_size={said[_VOCABULARY_SIZE]}`, the `max_tokens` of "
            "the vectorizer; no other step takes them."
        )


def looks_like_tokens(X: Any) -> bool:
    """Tell whether a table of integers looks like token ids that were padded with 0.

    Parameters
    ----------
    X : object
        Anything. Tables of integers in which zeros come only at the ends of rows, and several
        lengths are left, look like that.
    """
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "iu" or not X.size:
        return False
    lengths = _lengths_from_mask(X != 0)
    is_padding = np.arange(X.shape[1]) >= lengths[:, np.newaxis]
    n_lengths = len(np.unique(lengths))
    return bool(n_lengths > 2 and lengths.all() and ((X > 0) != is_padding).all())


def to_ragged(batch: SequenceBatch) -> np.ndarray:
    """Cut each sequence of a batch to its own length.

    Parameters
    ----------
    batch : SequenceBatch
        Floats or tokens.

    Returns
    -------
    ndarray of shape (n_samples,), dtype object
        Arrays of shape (T_i, n_features), or (T_i,) for tokens; copies.

    Examples
    --------
    >>> import numpy as np
    >>> batch = SequenceBatch(np.zeros((2, 3, 1)), np.array([3, 2]))
    >>> [len(sequence) for sequence in to_ragged(batch)]
    [3, 2]
    """
    return as_object_array(
        values[:length].copy() for values, length in zip(batch.values, batch.lengths, strict=True)
    )


def to_container(batch: SequenceBatch) -> np.ndarray:
    """Give sequences back as the kind of container they came in.

    Parameters
    ----------
    batch : SequenceBatch
        Floats, of any kind.

    Returns
    -------
    ndarray
        Shape (n_samples, n_timesteps) for a table; (n_samples, n_timesteps, n_features) with padded
        timesteps NaN for an array; (n_samples,) of dtype object for ragged input.

    Examples
    --------
    >>> import numpy as np
    >>> batch = SequenceBatch(np.zeros((2, 3, 1)), np.array([3, 2]))
    >>> to_container(batch)[:, :, 0]
    array([[ 0.,  0.,  0.],
           [ 0.,  0., nan]])
    """
    if batch.kind == "ragged":
        return to_ragged(batch)
    if batch.kind == "table":
        return batch.values[:, :, 0]
    if not batch.is_padded:
        return batch.values
    values = batch.values.copy()
    values[~batch.mask] = np.nan
    return values


def validate_sequences(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    dtype: DTypes = np.float32,
    allow_missing: bool = False,
) -> SequenceBatch:
    """Read numeric sequences for an estimator, and check all there is to check about them.

    Parameters
    ----------
    estimator : estimator instance
        Gets `n_features_in_` (timesteps of a table; channels otherwise), and for a data frame
        `feature_names_in_`, once the data are found to be good.
    X : array-like of shape (n_samples, ...)
        A table of shape (n_samples, n_timesteps), an array of shape
        (n_samples, n_timesteps, n_features), or a list or 1-D object array of sequences of shape
        (T_i, n_features) or (T_i,). A list of equally long 1-D lists is a table when fitting.
    reset : bool
        True in `fit`: learn the number of features. False afterwards: compare with it.
    dtype : data type or sequence of them, default=np.float32
        The type of the values; of several, the data's own if it is among them, else the first.
    allow_missing : bool, default=False
        Accept NaN in timesteps that are no padding. In a table, NaN is never padding.

    Returns
    -------
    SequenceBatch
        Its values share the memory of `X` where neither type nor padding demands a copy. The
        caller's data are never changed.

    Raises
    ------
    InvalidInputError
        The data are no such sequences; the message names the first offending row.
    TypeError
        The data are sparse, or hold objects that are no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> batch = validate_sequences(BaseEstimator(), [[[1.0]], [[2.0], [3.0]]], reset=True)
    >>> batch.lengths
    array([1, 2])
    """
    refuse_tokens(X)
    fitted_kind = None if reset else getattr(estimator, "_input_kind", None)
    kind, data = _recognise(X, as_sequences=fitted_kind == "sequences")
    _check_same_kind(estimator, kind, data, fitted_kind)
    if kind == "table":
        batch = _read_table(estimator, data, reset, dtype, allow_missing)
    else:
        padded = _pad_rows(data, dtype) if kind == "ragged" else _read_array(data, dtype)
        owned = not np.may_share_memory(padded, data)
        batch = _read_padded(padded, owned, kind, allow_missing)
        if reset:
            warn_of_channels_first(batch, 1)
        names = channel_names(data) or channel_names(X)
        _record_features(estimator, batch.n_features, reset, names=names)
    if reset:
        estimator._input_kind = "table" if kind == "table" else "sequences"
    return batch


def warn_of_channels_first(batch: SequenceBatch, most_timesteps: int) -> None:
    """Warn of few timesteps of very many features, which may be channels of timesteps.

    Parameters
    ----------
    batch : SequenceBatch
        As it was read.
    most_timesteps : int
        What is few.
    """
    n_steps, n_features = batch.n_timesteps, batch.n_features
    if n_steps <= most_timesteps and n_features >= max(_MANY, 5 * n_steps):
        warn_user(
            f"`X` has sequences of {n_steps} timestep{'s' * (n_steps > 1)} with {n_features} "
            f"features each, shape {batch.values.shape}. If these are timesteps, as in (n_samples, "
            "n_channels, n_timesteps) of aeon and PyTorch, give `stackens.from_channels_first(X)`.",
            ChannelsFirstWarning,
        )


def validate_tokens(
    estimator: Any, X: Any, *, reset: bool, vocabulary_size: int | None = None
) -> SequenceBatch:
    """Read sequences of token ids for an estimator, and check them.

    Parameters
    ----------
    estimator : estimator instance
        Gets `n_features_in_`: timesteps of 2-D input, 1 for ragged input. Later input may have
        another number of timesteps.
    X : array-like of shape (n_samples, n_timesteps), or list of array-likes of shape (T_i,)
        Whole numbers, of an integer or floating type; trailing zeros are padding.
    reset : bool
        True in `fit`, False afterwards.
    vocabulary_size : int, default=None
        Ids must be below it. None accepts every id that an int32 holds.

    Returns
    -------
    SequenceBatch
        With int32 values; they share the memory of `X` if that is an int32 array.

    Raises
    ------
    InvalidInputError
        The data are no token ids; the message names the first offending row.
    TypeError
        The data are sparse, or hold objects that are no numbers.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> batch = validate_tokens(BaseEstimator(), [[4, 2, 0], [7, 0, 0]], reset=True)
    >>> batch.lengths, batch.values.dtype
    (array([2, 1]), dtype('int32'))
    """
    kind, data = _recognise(X, as_sequences=False)
    if kind == "array":
        _refuse_token_shape(f"`X` has shape {data.shape}")
    ids = _read_token_table(estimator, data) if kind == "table" else _pad_token_rows(data)
    _check_whole_numbers(ids)
    _check_token_range(ids, vocabulary_size)
    lengths = _lengths_from_mask(ids != 0)
    _check_token_padding(ids, lengths)
    if reset:
        _record_features(estimator, ids.shape[1] if kind == "table" else 1, reset, data)
    return SequenceBatch(ids.astype(np.int32, copy=False), lengths, kind)


# ---- which kind of input it is ----------------------------------------------------------------


def _recognise(X: Any, *, as_sequences: bool) -> tuple[Kind, Any]:
    """Say which kind `X` is, and return it as a table-like, a 3-D array or an object array."""
    _refuse_views(X)
    if isinstance(X, Mapping) and not _is_sparse(X):
        refuse_as_several(f"a dict of {', '.join(map(repr, X))}")
    if _is_sparse(X):
        if getattr(X, "ndim", 2) == 2:
            return "table", X  # scikit-learn refuses it in its own words
        raise TypeError(f"`X` is sparse with shape {X.shape}; sequences must be dense arrays.")
    if is_frame(X):
        return _recognise_frame(X)
    if hasattr(X, "__dataframe__"):
        return "table", X
    if isinstance(X, str | bytes):
        _refuse_text("")
    array = _from_list(X, as_sequences) if isinstance(X, list | tuple) else np.asarray(X)
    return _kind_of_array(array), array


def _recognise_frame(frame: Any) -> tuple[Kind, Any]:
    nested = find_nested(frame)
    if not nested:
        return "table", frame
    rows = as_object_array(join_cells(frame))
    is_channel = np.ndim(_row_as_array(rows[0], 0)) == 1 or len(nested) > 1
    return "ragged", name_channels(rows, nested) if is_channel else rows


def _refuse_views(X: Any) -> None:
    if has_views(X):
        raise InvalidInputError(
            f"`X` holds the views {view_names(X)}; put `View(name)` in front of the estimator."
        )


def _from_list(X: Sequence[Any], as_sequences: bool) -> np.ndarray:
    try:
        array = np.asarray(X)
    except ValueError:  # not rectangular
        return as_object_array(X)
    # Equally long 1-D sequences are a table, but not for an estimator that was fitted on sequences.
    return as_object_array(X) if array.ndim == 2 and as_sequences else array


def _kind_of_array(array: np.ndarray) -> Kind:
    if array.dtype.kind in "UST":
        _refuse_text("")
    if array.dtype.kind not in "biufcO":
        raise InvalidInputError(
            f"`X` must hold numbers; got values of type {array.dtype}. Convert them first."
        )
    if array.ndim == 2:
        return "table"
    if array.ndim == 3:
        return "array"
    if array.ndim == 1 and array.dtype == object and not (array.size and np.isscalar(array[0])):
        return "ragged"
    return _refuse_shape(array)


def _refuse_shape(array: np.ndarray) -> NoReturn:
    if array.ndim == 1 and array.size and isinstance(array[0], str | bytes):
        _refuse_text(" in row 0")
    if array.ndim == 1:
        raise InvalidInputError(
            f"Expected {_ACCEPTED}; got a 1D array of shape {array.shape}. Reshape your data: "
            "X.reshape(-1, 1) makes each number a sequence of one timestep, X.reshape(1, -1) "
            "makes all of them one sequence."
        )
    what = "a single value" if array.ndim == 0 else f"a {array.ndim}D array of shape {array.shape}"
    raise InvalidInputError(
        f"Expected {_ACCEPTED}; got {what}. Bring `X` into one of these shapes: axes beyond the "
        "third can be merged into the last by X.reshape(n_samples, n_timesteps, -1)."
    )


def _refuse_text(where: str) -> NoReturn:
    raise InvalidInputError(_TEXT.format(where=where, advice=_VECTORIZE))


def _is_sparse(X: Any) -> bool:
    """Whether `X` is of a sparse type; by its attributes, to import no SciPy."""
    return hasattr(X, "nnz") and (hasattr(X, "tocoo") or hasattr(X, "todense"))


def _check_same_kind(estimator: Any, kind: Kind, data: Any, fitted_kind: str | None) -> None:
    if fitted_kind is None or (kind == "table") == (fitted_kind == "table"):
        return
    name, n_features = type(estimator).__name__, estimator.n_features_in_
    if kind == "table":
        raise InvalidInputError(
            f"`X` is 2-D with shape {np.shape(data)}, but {name} was fitted on sequences with "
            f"{n_features} feature(s) a timestep. Pass an array of shape (n_samples, n_timesteps, "
            f"{n_features}); X[np.newaxis] makes a single sequence a batch of one."
        )
    raise InvalidInputError(
        f"`X` holds sequences, in an array of shape {data.shape}, but {name} was fitted on a 2-D "
        f"table of {n_features} timesteps. Pass a table of shape (n_samples, {n_features}), or fit "
        "on X[..., np.newaxis], which is the same data as sequences."
    )


# ---- numbers ------------------------------------------------------------------------------------


def _read_table(
    estimator: Any, X: Any, reset: bool, dtype: DTypes, allow_missing: bool
) -> SequenceBatch:
    """Let scikit-learn read a table, in its own words; only NaN and infinity also name the row."""
    from sklearn.utils.validation import check_array, validate_data

    _refuse_columns(X)
    options = {"dtype": dtype, "ensure_all_finite": False}
    if reset:
        table = _reading_text(check_array, X, input_name="X", estimator=estimator, **options)
    else:
        table = _reading_text(validate_data, estimator, X, reset=False, **options)
    values = table[:, :, np.newaxis]
    lengths = np.full(len(values), values.shape[1])
    _check_values(values, lengths, allow_missing, can_pad=False)
    if reset:  # last, so that data which cannot be used leave nothing fitted behind
        validate_data(estimator, X, reset=True, skip_check_array=True)
    return SequenceBatch(values, lengths, "table")


def _refuse_columns(X: Any) -> None:
    """Refuse columns of a data frame that hold dates or categories, by name."""
    for name, dtype in zip(getattr(X, "columns", ()), getattr(X, "dtypes", ()), strict=False):
        kind = str(dtype).lower()
        if kind.startswith(("date", "time", "duration", "period")):
            raise InvalidInputError(
                f"Column {name!r} of `X` holds times ({dtype}) where numbers are meant. Leave it "
                "out, or make numbers of it; of a table with a row for each time, "
                "`sequences_from_frame` makes sequences."
            )
        categories = getattr(getattr(dtype, "categories", None), "dtype", None)
        is_number = getattr(categories, "kind", "O") in "biuf"
        if kind.startswith(("categor", "enum")) and not is_number:
            raise InvalidInputError(
                f"Column {name!r} of `X` holds categories where numbers are meant. Encode them, "
                "for example with scikit-learn's OneHotEncoder in a ColumnTransformer."
            )


def _reading_text(read: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a validator of scikit-learn, and say what to do where it meets text."""
    try:
        with np.errstate(over="ignore"):  # becomes infinity, which is reported with its row
            return read(*args, **options)
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise InvalidInputError(_TEXT.format(where=f" ({error})", advice=_VECTORIZE)) from error


def _read_array(array: np.ndarray, dtype: DTypes) -> np.ndarray:
    n_samples, n_timesteps, n_features = array.shape
    if not min(array.shape):
        raise InvalidInputError(
            f"Found array with {n_samples} sample(s), {n_timesteps} timestep(s) and {n_features} "
            f"feature(s) (shape={array.shape}) while a minimum of 1 of each is required."
        )
    return np.asarray(_as_floats(array, dtype, ""))  # a memory map goes on as a plain view of it


def _as_floats(array: np.ndarray, dtype: DTypes, where: str) -> np.ndarray:
    """Convert to the wanted floating type; the array itself if it has it."""
    if array.dtype.kind == "c":
        raise InvalidInputError(f"Complex data not supported; `X` holds complex numbers{where}.")
    wanted = _choose_dtype(array.dtype, dtype)
    try:
        with np.errstate(over="ignore"):  # becomes infinity, which is reported with its row
            return array.astype(wanted, copy=False)
    except (TypeError, ValueError) as error:
        if "could not convert string" in str(error):
            raise InvalidInputError(_TEXT.format(where=where, advice=_VECTORIZE)) from error
        raise TypeError(f"`X` must hold numbers{where}; it holds other objects: {error}") from error


def _choose_dtype(own: np.dtype, wanted: Any) -> np.dtype:
    several = wanted if isinstance(wanted, list | tuple) else [wanted]
    candidates = [np.dtype(one) for one in several]
    return own if own in candidates else candidates[0]


def _pad_rows(sequences: np.ndarray, dtype: DTypes) -> np.ndarray:
    """Copy ragged sequences into one array whose other timesteps are NaN."""
    if not len(sequences):
        raise InvalidInputError("`X` holds 0 sequences while a minimum of 1 is required.")
    rows = [_read_row(item, row) for row, item in enumerate(sequences)]
    n_features = rows[0].shape[1]
    for row, values in enumerate(rows):
        if values.shape[1] != n_features:
            raise InvalidInputError(
                f"All sequences must have the same number of features; row 0 of `X` has "
                f"{n_features} and row {row} has {values.shape[1]} (shape {values.shape})."
                + (_CHANNELS_FIRST if len({len(each) for each in rows}) == 1 else "")
            )
    common = _choose_dtype(np.result_type(*{values.dtype for values in rows}), dtype)
    padded = np.full((len(rows), max(map(len, rows)), n_features), np.nan, dtype=common)
    for row, values in enumerate(rows):
        padded[row, : len(values)] = _as_floats(values, common, f" in row {row}")
    return padded


def _read_row(item: Any, row: int) -> np.ndarray:
    """Read one sequence as an array of shape (T_i, n_features)."""
    values = _row_as_array(item, row)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim != 2:
        raise InvalidInputError(
            f"Each sequence must have shape (T_i, n_features) or (T_i,); row {row} of `X` has "
            f"shape {values.shape}."
        )
    if not len(values):
        _refuse_empty(row)
    if not values.shape[1]:
        raise InvalidInputError(
            f"Row {row} of `X` has 0 feature(s) (shape={values.shape}) while a minimum of 1 is "
            "required."
        )
    return values


def _row_as_array(item: Any, row: int) -> np.ndarray:
    if _is_sparse(item):
        raise TypeError(f"Row {row} of `X` is sparse; sequences must be dense: call its toarray().")
    try:
        values = np.asarray(item)
    except ValueError as error:
        raise InvalidInputError(
            f"Row {row} of `X` is no rectangular array of shape (T_i, n_features): {error}"
        ) from error
    if values.dtype == object and values.ndim == 1 and len(values) and np.ndim(values[0]) == 1:
        return _row_as_array(values.tolist(), row)  # of Arrow: an array of arrays
    if values.dtype.kind in "UST":
        _refuse_text(f" in row {row}")
    if values.dtype.kind not in "biufcO":
        raise InvalidInputError(f"`X` must hold numbers; row {row} has type {values.dtype}.")
    return values


def _refuse_empty(row: int) -> NoReturn:
    raise InvalidInputError(
        f"Row {row} of `X` is a sequence of length zero; each needs at least 1 timestep. Drop such "
        "rows (and their y) first."
    )


def _read_padded(values: np.ndarray, owned: bool, kind: Kind, allow_missing: bool) -> SequenceBatch:
    """Find the lengths of a NaN-padded array, check the rest, and encode the padding."""
    if _is_clean(values):
        return SequenceBatch(values, np.full(len(values), values.shape[1]), kind)
    lengths = np.concatenate(
        [_lengths_from_mask(~np.isnan(part).all(axis=2)) for _, part in _chunks(values)]
    )
    if not lengths.all():
        _refuse_empty(int(np.argmin(lengths)))
    _check_values(values, lengths, allow_missing)
    longest = int(lengths.max()) if kind == "ragged" else values.shape[1]
    batch = SequenceBatch(values[:, :longest], lengths, kind)
    if not batch.is_padded:
        return batch
    return batch.with_values(batch.values if owned else batch.values.copy())


def _lengths_from_mask(mask: np.ndarray) -> np.ndarray:
    """Per row, one more than the last position that is True; 0 where there is none."""
    lengths: np.ndarray = mask.shape[1] - mask[:, ::-1].argmax(axis=1)
    return np.where(mask.any(axis=1), lengths, 0)


def _chunks(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (number of the first row, rows) of about `_CHUNK_ELEMENTS` elements each."""
    step = max(1, _CHUNK_ELEMENTS // max(1, values[0].size))
    for start in range(0, len(values), step):
        yield start, values[start : start + step]


def _is_clean(values: np.ndarray) -> bool:
    """Whether there is no NaN, no infinity and nothing like padding; cheap, and never wrong."""
    known = _files_read.get()
    key = (values.ctypes.data, values.shape, values.strides, values.dtype)
    if known is not None and key in known:
        return known[key]
    # NaN makes minimum and maximum NaN, which compares False.
    clean = all(part.min() > PADDING_VALUE and part.max() < np.inf for _, part in _chunks(values))
    if known is not None and is_memory_map(values):
        known[key] = clean
    return clean


def _check_values(
    values: np.ndarray, lengths: np.ndarray, allow_missing: bool, *, can_pad: bool = True
) -> None:
    if _is_clean(values):
        return
    for start, part in _chunks(values):
        valid = np.arange(values.shape[1]) < lengths[start : start + len(part), np.newaxis]
        _check_chunk(part, valid, start, allow_missing, can_pad)


def _check_chunk(
    part: np.ndarray, valid: np.ndarray, start: int, allow_missing: bool, can_pad: bool
) -> None:
    """Refuse what cannot be used in the `valid` timesteps of some rows."""
    infinite = np.isinf(part)  # never in padding, which is NaN
    if infinite.any():
        raise InvalidInputError(
            f"Input X contains infinity or a value too large for {part.dtype!r}, first "
            f"{_position(infinite, start)}. Clip, transform or drop such values."
        )
    missing = np.isnan(part) & valid[:, :, np.newaxis]
    if missing.any() and not allow_missing:
        if can_pad:
            _refuse_padding_in_front(missing, start)
        raise InvalidInputError(
            f"Input X contains NaN, first {_position(missing, start)}. Only trailing timesteps of "
            "3-D or ragged input may be NaN, in all channels: they are padding. Fill other missing "
            "values with `SequenceImputer`."
        )
    reserved = (part == PADDING_VALUE).all(axis=2) & valid
    if reserved.any():
        raise InvalidInputError(
            f"Input X holds only {PADDING_VALUE} {_position(reserved, start)}; that number marks "
            "padding inside the networks. Mark padding by NaN instead."
        )


def _refuse_padding_in_front(missing: np.ndarray, start: int) -> None:
    in_front = missing[:, 0].all(axis=1)
    if in_front.any():
        raise InvalidInputError(
            "Input X contains NaN in all channels of the first timestep, as padding in front has "
            f"it, in row {start + int(in_front.argmax())}. Padding must come after the last "
            f"timestep. {_PAD_BEHIND.format(value=', value=np.nan')}. If values are missing "
            "there, fill them with `SequenceImputer`."
        )


def _position(mask: np.ndarray, first_row: int) -> str:
    place = np.argwhere(mask)[0]
    place[0] += first_row
    names = ("row", "timestep", "channel")
    return "in " + ", ".join(f"{name} {index}" for name, index in zip(names, place, strict=False))


def _record_features(
    estimator: Any, n_features: int, reset: bool, X: Any = None, names: list[str] | None = None
) -> None:
    """Set or compare `n_features_in_` and the feature names in scikit-learn's own way."""
    # scikit-learn counts shape[1], which is time in 3-D: an array of the right width stands in.
    stand_in = np.broadcast_to(0.0, (1, n_features))
    named = X if hasattr(X, "columns") else stand_in
    check_names(estimator, named, names, reset=reset, is_sequence=X is None)


def check_names(
    estimator: Any,
    X: Any,
    names: list[str] | None = None,
    *,
    reset: bool,
    is_sequence: bool = False,
) -> None:
    """Set or compare `n_features_in_` and the feature names of a table, and nothing else.

    Parameters
    ----------
    estimator : estimator
        Gets them.
    X : array-like of shape (n_samples, n_features)
        Table of features.
    names : list of str of length n_features, default=None
        Names of its columns, if it is no frame.
    reset : bool
        True sets, False compares.
    is_sequence : bool, default=False
        Whether the features are channels. Their names may be missing where rows were picked out
        of an array that had them, and no warning says so.

    Raises
    ------
    InvalidInputError
        If there are others than in ``fit``.
    """
    from sklearn.utils.validation import _check_n_features, validate_data

    if names is not None and len(names) == X.shape[1]:
        import pandas as pd

        X = pd.DataFrame(X, columns=names)
    try:
        if is_sequence and names is None and not reset:  # scikit-learn would warn of missing names
            _check_n_features(estimator, X, reset=False)
        else:
            validate_data(estimator, X, reset=reset, skip_check_array=True)
    except ValueError as error:
        raise InvalidInputError(
            f"{error} Pass the features that were there in fit, in that order; of sequences these "
            "are the channels, on the last axis."
        ) from error


# ---- tokens -------------------------------------------------------------------------------------


def _refuse_token_shape(what: str) -> NoReturn:
    raise InvalidInputError(
        "Token ids must come as an array of shape (n_samples, n_timesteps), or as a list of 1-D "
        f"sequences; {what}."
    )


def _read_token_table(estimator: Any, X: Any) -> np.ndarray:
    from sklearn.utils.validation import check_array

    _refuse_columns(X)
    return _reading_text(
        check_array,
        X,
        input_name="X",
        estimator=estimator,
        dtype="numeric",
        ensure_all_finite=False,
    )


def _pad_token_rows(sequences: np.ndarray) -> np.ndarray:
    if not len(sequences):
        raise InvalidInputError("`X` holds 0 sequences while a minimum of 1 is required.")
    rows = [_read_token_row(item, row) for row, item in enumerate(sequences)]
    dtype = np.result_type(*{values.dtype for values in rows})
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=dtype)
    for row, values in enumerate(rows):
        ids[row, : len(values)] = values
    return ids


def _read_token_row(item: Any, row: int) -> np.ndarray:
    values = _row_as_array(item, row)
    if values.ndim != 1:
        _refuse_token_shape(f"row {row} of `X` has shape {values.shape}")
    if not len(values):
        _refuse_empty(row)
    return _as_floats(values, np.float64, f" in row {row}") if values.dtype == object else values


def _check_whole_numbers(ids: np.ndarray) -> None:
    if ids.dtype.kind in "biu":
        return
    if ids.dtype.kind == "c":
        raise InvalidInputError("Complex data not supported; token ids are whole numbers.")
    broken = ~np.isfinite(ids) | (ids != np.rint(ids))
    if broken.any():
        raise InvalidInputError(
            f"Token ids must be whole numbers; `X` holds {ids[broken][0]} {_position(broken, 0)} "
            "(Input X may contain neither NaN nor infinity; padding is 0). For measurements, use "
            "an estimator without an embedding."
        )


def _check_token_range(ids: np.ndarray, vocabulary_size: int | None) -> None:
    negative = ids < 0
    if negative.any():
        raise InvalidInputError(
            f"Token ids must be >= 0; `X` holds {ids[negative][0]:.0f} {_position(negative, 0)}. "
            "Number the tokens from 1 on; 0 is padding."
        )
    limit = np.iinfo(np.int32).max if vocabulary_size is None else vocabulary_size
    beyond = ids >= limit
    if beyond.any():
        raise InvalidInputError(
            f"Token ids must be below the size of the embedding's table, {limit}; `X` holds "
            f"{ids[beyond][0]:.0f} {_position(beyond, 0)}. Make the table larger, or map rare "
            f"tokens to one id, as `max_tokens` of {_VECTORIZE} does."
        )


def _check_token_padding(ids: np.ndarray, lengths: np.ndarray) -> None:
    if not lengths.all():
        _refuse_empty(int(np.argmin(lengths)))
    inside = (ids == 0) & (np.arange(ids.shape[1]) < lengths[:, np.newaxis])
    if inside[:, 0].any():
        raise InvalidInputError(
            f"Token id 0 is padding, which must come after the last token; row "
            f"{int(inside[:, 0].argmax())} of `X` begins with 0: padding in front. "
            f"{_PAD_BEHIND.format(value='')}. If 0 is a token, number the tokens from 1 on."
        )
    if inside.any():
        raise InvalidInputError(
            f"Token id 0 is reserved for padding after the last token; `X` holds 0 "
            f"{_position(inside, 0)}, before later tokens. Number the tokens from 1 on."
        )
