"""Save, load, and look at a file."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stackens import __version__
from stackens.archive import Archive, read_archive, write_archive
from stackens.exceptions import (
    ArchiveError,
    InvalidInputError,
    MissingExtraError,
    UntrustedTypesError,
)
from stackens.persistence._decode import Content
from stackens.persistence._encode import Encoder
from stackens.persistence._info import FileInfo, describe_estimator, installed_versions
from stackens.persistence._trust import Trust
from stackens.sklearn_parts import check_objects, walk

_KIND = "estimator"
_FORMAT = 4  # to be raised when an older version could not read what is written
_FIRST_FORMAT = 4  # that a release has written; all later ones are read


def save(estimator: Any, path: str | os.PathLike[str]) -> int:
    """Write an estimator to a file that holds numbers and names, and no code.

    Parameters
    ----------
    estimator : estimator
        A learner, stack, search or forecaster of this package, or a Pipeline or other estimator of
        scikit-learn, which may hold any of them.
    path : path-like
        The file, which appears whole or not at all; one that is there is replaced, and keeps its
        mode. Of a symbolic link, the file that it names is written. By custom the name ends in
        ``.stackens``.

    Returns
    -------
    int
        Size of the file in bytes.

    Raises
    ------
    InvalidInputError
        If something in the estimator cannot be written, such as a lambda, or could not be read
        again; the message says what. There is no new file then.
    ArchiveError
        If the file cannot be written, or what is there is no regular file.
    MissingExtraError
        If there are parts of scikit-learn in it, and skops is not installed.

    See Also
    --------
    load : Reads it.
    file_info : Says what is in it.

    Notes
    -----
    What was written is read back, all of it, before the file appears. The boosters of LightGBM,
    XGBoost and CatBoost are kept as the bytes that they write of themselves; as their own code
    reads these, ``load`` asks to be given the names of their types.

    Callbacks, hooks and ``memory`` are not written: they belong to the process that trains. The
    out-of-fold predictions of a stack are, with the labels of its training rows, and what its
    ``passthrough`` made of these rows; the sequences themselves are not, but for the history of a
    forecaster.

    Examples
    --------
    >>> import tempfile, pathlib, stackens
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> learner = stackens.StackedRNNClassifier(units=8, epochs=1, random_state=0)
    >>> learner = learner.fit(X[:200], y[:200])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "digits.stackens")
    ...     size = stackens.save(learner, path)
    ...     again = stackens.load(path)
    >>> bool((again.predict_proba(X) == learner.predict_proba(X)).all())
    True
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise InvalidInputError(f"`estimator` must be an estimator; got {estimator!r}.")
    try:
        check_objects(estimator)
    except ArchiveError as error:
        raise InvalidInputError(f"The estimator cannot be saved: {error}") from error
    encoder = Encoder()
    encoder.encode(estimator)
    meta = {
        "format": _FORMAT,
        "versions": installed_versions(__version__),
        "info": describe_estimator(estimator),
        "objects": encoder.objects,
    }
    return write_archive(
        path, encoder.arrays, meta, kind=_KIND, check=_read_back, follow_symlinks=True
    )


def _read_back(path: Path) -> None:
    """Refuse what nobody could read again, as long as the file is not there yet."""
    try:
        archive = read_archive(path, kind=_KIND)
        with _naming("what was written"):
            content = _read_content(archive)
            _make(content, Trust(content.names))
            _describe(archive, content, path)
    except ArchiveError as error:
        raise InvalidInputError(f"The estimator cannot be saved: {error}") from error


def load(
    path: str | os.PathLike[str], *, warm_up: bool = False, trusted: Any = (), mmap: bool = False
) -> Any:
    """Read an estimator from a file, without running anything that the file says.

    Parameters
    ----------
    path : path-like
        From ``save``; no symbolic link.
    warm_up : bool, default=False
        Whether to prepare the programs that predict, so that the first prediction takes no longer
        than the next.
    trusted : list of str, types or functions, default=()
        Types and functions that the file may use beside those that this package vouches for: your
        own estimators, and the functions that build your networks. Names are imported; what is
        given itself is used as it is.
    mmap : bool, default=False
        Whether arrays stay in the file, to be read when they are used, instead of in memory. The
        file must stay as it is meanwhile.

    Returns
    -------
    estimator
        It predicts what the saved one predicted.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ArchiveError
        If it is no file of ``save``, damaged, of a later format, or was tampered with.
    UntrustedTypesError
        If it needs types or functions that are not trusted; its ``names`` say which.
    MissingExtraError
        If there are parts of scikit-learn in it, and skops is not installed.

    See Also
    --------
    save : Writes it.
    file_info : Says what is in it.

    Examples
    --------
    >>> import tempfile, pathlib, stackens
    >>> from sklearn.linear_model import Ridge
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "ridge.stackens")
    ...     size = stackens.save(Ridge(alpha=2.0), path)
    ...     stackens.load(path)
    Ridge(alpha=2.0)
    """
    trust = Trust(trusted)
    archive = read_archive(path, kind=_KIND, mmap=mmap)
    with _naming(path):
        content = _read_content(archive)
        unknown = content.unknown(trust)
        if unknown:
            raise UntrustedTypesError(_explain(path, unknown), unknown)
        estimator = _make(content, trust)
    if warm_up:
        for one in walk(estimator):
            if hasattr(type(one), "prepare_prediction") and one.__sklearn_is_fitted__():
                one.prepare_prediction()
    return estimator


def file_info(path: str | os.PathLike[str]) -> FileInfo:
    """Say what is in a file, without making anything of it.

    All of its bytes are checked against their checksums. What it says of its estimator is the word
    of who wrote it; ``types`` and ``untrusted_types`` are read from what would be made.

    Parameters
    ----------
    path : path-like
        From ``save``; no symbolic link.

    Returns
    -------
    FileInfo
        Versions, classes, shape of the input, out-of-fold score, and more.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ArchiveError
        If it is no file of ``save``, or damaged.

    Examples
    --------
    >>> import tempfile, pathlib, stackens
    >>> from sklearn.linear_model import Ridge
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "ridge.stackens")
    ...     size = stackens.save(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), path)
    ...     info = stackens.file_info(path)
    >>> info.estimator, info.input_shape, info.untrusted_types
    ('Ridge', (None, 1), ())
    """
    archive = read_archive(path, kind=_KIND, mmap=True)
    with _naming(path):
        return _describe(archive, _read_content(archive), path)


def _read_content(archive: Archive) -> Content:
    found = archive.meta.get("format")
    if type(found) is int and 1 <= found < _FIRST_FORMAT:
        raise ArchiveError(
            f"It is of format {found}, from before the first release of stackens; formats from "
            f"{_FIRST_FORMAT} on are read. Fit the estimator again, and save it anew."
        )
    if type(found) is not int or not _FIRST_FORMAT <= found <= _FORMAT:
        raise ArchiveError(
            f"It is of format {found!r}; this version of stackens reads up to {_FORMAT}. It was "
            f"written by {archive.meta.get('versions')}: update stackens."
        )
    return Content(archive.meta["objects"], archive.arrays)


def _make(content: Content, trust: Trust) -> Any:
    estimator = content.make(trust)
    check_objects(estimator)
    if not hasattr(estimator, "get_params"):
        raise ArchiveError(f"There is a {type(estimator).__name__} in it, and no estimator.")
    return estimator


def _describe(archive: Archive, content: Content, path: str | os.PathLike[str]) -> FileInfo:
    info, versions = archive.meta["info"], archive.meta["versions"]
    score = info["out_of_fold_score"]
    if score is not None and not math.isfinite(score):
        raise ValueError(f"a score of {score}")
    return FileInfo(
        estimator=str(info["estimator"]),
        learners=tuple(map(str, info["learners"])),
        classes=None if info["classes"] is None else tuple(info["classes"]),
        input_shape=None if info["input_shape"] is None else tuple(info["input_shape"]),
        out_of_fold_score=score,
        n_parameters=int(info["n_parameters"]),
        versions={str(name): str(version) for name, version in versions.items()},
        format=archive.meta["format"],
        types=tuple(sorted(content.names)),
        untrusted_types=tuple(content.unknown(Trust())),
        n_bytes=Path(path).stat().st_size,
    )


def _explain(path: Any, unknown: list[str]) -> str:
    listed = ", ".join(unknown)
    return (
        f"{path} needs types or functions that stackens does not vouch for: {listed}. To load it "
        "runs their code on what the file holds. If you know them and trust whoever wrote the "
        f"file, name them: `load(path, trusted={unknown!r})`."
    )


@contextmanager
def _naming(path: Any) -> Iterator[None]:
    """Name the file in errors; whatever a file with right checksums causes, its content did."""
    try:
        yield
    except (UntrustedTypesError, MissingExtraError):
        raise
    except ArchiveError as error:
        raise ArchiveError(f"{path} cannot be used: {error}") from error
    except (MemoryError, RecursionError) as error:
        raise ArchiveError(f"{path} cannot be used: it is too large or too deep.") from error
    except Exception as error:
        raise ArchiveError(
            f"{path} cannot be used: what it holds does not fit together "
            f"({type(error).__name__}: {error})."
        ) from error
