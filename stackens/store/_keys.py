"""The key of a job: a digest of everything that its result depends on.

Equal keys mean equal results. The key of a job on the rows ``train`` of ``X`` is that of the same
job on all rows of ``X[train]``, so that a stack and a search meet in the same entry of a store.
"""

from __future__ import annotations

import copy
import functools
import importlib.metadata
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stackens.digests import (
    Digester,
    UncertainContentError,
    combine,
    installed_name,
    package_version,
)
from stackens.training import Job, has_drawn_its_seed

# Raised when the meaning of a key or of what is stored under it changes.
_KEY_FORMAT = 3

_DISTRIBUTIONS = {
    "numpy": ("numpy",),
    "scipy": ("scipy",),
    "scikit-learn": ("scikit-learn",),
    "keras": ("keras", "keras-nightly"),
    "tensorflow": (
        "tensorflow",
        "tensorflow-cpu",
        "tensorflow-intel",
        "tensorflow-macos",
        "tf-nightly",
    ),
}


@dataclass(frozen=True)
class NoKey:
    """Why a job has no key; such a job is trained, and neither stored nor served.

    Attributes
    ----------
    reason : str
        For a message.
    unseeded : bool, default=False
        Whether that is because of a seed that is None.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stackens.store import data_digest, fit_key
    >>> data = data_digest([[0.0], [1.0]], [0, 1])
    >>> fit_key(DecisionTreeClassifier(), data).unseeded
    True
    """

    reason: str
    unseeded: bool = False


def data_digest(
    X: Any, y: Any, *, rows: Any = None, params: Mapping[str, Any] | None = None
) -> bytes | NoKey:
    """Digest of the rows that a job is trained on.

    It costs one pass over them; jobs on the same rows can share it.

    Parameters
    ----------
    X, y : array-like of shape (n_samples, ...)
        All rows: arrays, lists of sequences, frames, sparse matrices, memory maps.
    rows : array-like of int or bool of shape (n_rows,), or slice, default=None
        Rows that count; None is all.
    params : mapping, default=None
        Metadata of ``fit``: what has one entry per sample is cut to ``rows`` as well; None counts
        as absent.

    Returns
    -------
    bytes or NoKey
        The same as that of ``X[rows]``, ``y[rows]``, …, whatever the memory layout.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.store import data_digest
    >>> X, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 0])
    >>> data_digest(X, y, rows=[0, 2]) == data_digest(X[[0, 2]], y[[0, 2]])
    True
    """
    digester = Digester()
    try:
        parts = [digester.digest_rows(X, rows), digester.digest_rows(y, rows)]
        n_samples = _n_rows(X)
        for name, value in sorted((params or {}).items()):
            if value is None:
                continue
            is_per_row = _n_rows(value) == n_samples
            digest = digester.digest_rows(value, rows) if is_per_row else digester.digest(value)
            parts.append(combine(name) + digest)
        return combine("data", *parts)
    except UncertainContentError as error:
        return NoKey(str(error), error.unseeded)


def fit_key(
    estimator: Any, data: bytes | NoKey, *, seed: int | None = None, extra: Iterable[Any] = ()
) -> str | NoKey:
    """Key of an estimator's fit on some data.

    Parameters
    ----------
    estimator : estimator
        As it is before the fit: class and parameters count, also those of its parts; ``n_jobs``,
        ``verbose`` and caches do not.
    data : bytes or NoKey
        From ``data_digest``.
    seed : int, default=None
        The seed that the estimator drew, if its ``random_state`` is a generator. An int there is
        the same key as that int here. If ``random_state`` is None, there is no key in either case.
    extra : iterable, default=()
        Whatever else the result depends on.

    Returns
    -------
    str or NoKey
        64 hexadecimal digits.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stackens.store import data_digest, fit_key
    >>> data = data_digest([[0.0], [1.0]], [0, 1])
    >>> keys = [fit_key(DecisionTreeClassifier(random_state=seed), data) for seed in (0, 0, 1)]
    >>> len(keys[0]), keys[0] == keys[1], keys[0] == keys[2]
    (64, True, False)
    """
    return _key("fit", estimator, _fresh(estimator, data), seed, extra)


def network_key(learner: Any, job: Job) -> str | NoKey:
    """Key of the training of a learner's network.

    The data are those that the network sees: an encoded target is the same whatever the classes
    are called, and weights of classes are in those of the rows.

    Parameters
    ----------
    learner : TowerLearner
        The learner, as it is when it has planned the job. One that prepares data and initial
        weights for another one, which plans the network, names that as ``network_learner_``:
        both are part of the job, and how they came about is not.
    job : Job
        What it planned.

    Returns
    -------
    str or NoKey
        64 hexadecimal digits; ``job.name`` does not change them.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import StackedRNNClassifier
    >>> from stackens.store import network_key
    >>> X, y = np.zeros((4, 3, 2)), [0, 1, 0, 1]
    >>> def key(**parameters):
    ...     learner = StackedRNNClassifier(units=2, random_state=0, **parameters)
    ...     return network_key(learner, learner.plan_job(X, y))
    >>> key() == key(verbose=1), key() == key(epochs=7)
    (True, False)
    """
    if len(job.split()) > 1:
        return NoKey("it stands for networks of several seeds: each of `job.split()` has a key")
    if job.initial_optimizer_state is not None:
        return NoKey("it goes on from an earlier training")
    digester = Digester()
    try:
        parts = [combine(str(job.validation_rows is None))]
        for rows in (job.training_rows, job.validation_rows):
            for values in (job.X, job.y, job.sample_weight):
                is_used = values is not None and rows is not None
                parts.append(digester.digest_rows(values, rows) if is_used else combine("none"))
    except UncertainContentError as error:
        return NoKey(str(error), error.unseeded)
    # What a plan may set otherwise than the parameters say, as a refit does.
    stopping = job.early_stopping
    extra = (
        (job.epochs, job.batch_size, job.shuffle, job.keep_optimizer_state),
        None if stopping is None else (stopping.patience, stopping.min_delta),
        job.initial_weights,
    )
    return _key("network", _of_one_network(learner), combine("job", *parts), job.seed, extra)


def _of_one_network(learner: Any) -> Any:
    """Return the learner with what makes a network: how many there are is nothing to one of them.

    Nor is a hook, which may end a training, but not change one, or the seed that an initializer
    without one has drawn, as the network draws another.
    """
    learner = getattr(learner, "network_learner_", learner)  # of one that only prepares its data
    neutral: dict[str, Any] = {"on_epoch_end": None, "n_seeds": 1}
    changes = {k: v for k, v in neutral.items() if getattr(learner, k, v) != v}
    for name, value in vars(learner).items():
        if has_drawn_its_seed(value):
            changes[name] = copy.copy(value)
            changes[name].seed = None
    if not changes:
        return learner
    bare = object.__new__(type(learner))
    bare.__dict__.update(vars(learner), **changes)
    return bare


def prediction_key(
    estimator: Any,
    data: bytes | NoKey,
    X: Any,
    *,
    rows: Any = None,
    method: str = "predict",
    seed: int | None = None,
    extra: Iterable[Any] = (),
) -> str | NoKey:
    """Key of what an estimator, fitted on some data, predicts for other rows.

    Parameters
    ----------
    estimator, data
        As for ``fit_key``.
    X : array-like of shape (n_samples, ...)
        What it predicts for.
    rows : array-like of int or bool of shape (n_rows,), or slice, default=None
        Which rows of that; None is all.
    method : str, default="predict"
        What is called.
    seed, extra
        As for ``fit_key``.

    Returns
    -------
    str or NoKey
        64 hexadecimal digits.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from stackens.store import data_digest, prediction_key
    >>> data = data_digest([[0.0], [1.0]], [0, 1])
    >>> one, other = (prediction_key(GaussianNB(), data, [[x]]) for x in (0.5, 0.6))
    >>> one == other
    False
    """
    try:
        predicted = Digester().digest_rows(X, rows)
    except UncertainContentError as error:
        return NoKey(str(error), error.unseeded)
    return _key(method, estimator, _fresh(estimator, data), seed, (predicted, *extra))


def _key(
    purpose: str, estimator: Any, data: bytes | NoKey, seed: int | None, extra: Iterable[Any]
) -> str | NoKey:
    if isinstance(data, NoKey):
        return data
    digester = Digester()
    try:
        if seed is not None and estimator.get_params(deep=False).get("random_state", 0) is None:
            raise UncertainContentError(
                f"{type(estimator).__name__}: `random_state` is None", unseeded=True
            )
        parts = [
            _digest_of_versions(_versions()),
            digester.digest(_custom_objects()),
            digester.digest_estimator(estimator, seed=seed),
            data,
            digester.digest_all("extra", extra),
        ]
    except UncertainContentError as error:
        return NoKey(str(error), error.unseeded)
    return combine(purpose, *parts).hex()


def _fresh(estimator: Any, data: bytes | NoKey) -> bytes | NoKey:
    """Return the data, unless the next fit would also build on the last one."""
    is_fitted = any(name.endswith("_") and not name.endswith("__") for name in vars(estimator))
    if is_fitted and getattr(estimator, "warm_start", False):
        return NoKey(f"{type(estimator).__name__}: `warm_start` goes on from an earlier fit")
    return data


@functools.lru_cache(maxsize=16)
def _digest_of_versions(versions: tuple[Any, ...]) -> bytes:
    return Digester().digest(versions)


def _versions() -> tuple[Any, ...]:
    """Versions and global settings that change results."""
    found = [(name, _distribution_version(names)) for name, names in _DISTRIBUTIONS.items()]
    own = ("stackens", package_version("stackens"))
    python = tuple(sys.version_info[:2])
    return (_KEY_FORMAT, python, own, tuple(found), _keras_settings(), _sklearn_settings())


_known_versions: dict[tuple[str, ...], str | None] = {}


def _distribution_version(names: tuple[str, ...]) -> str | None:
    """Version of the first of these that is installed; nothing is imported for it."""
    if names not in _known_versions:
        _known_versions[names] = None
        for name in names:
            try:
                _known_versions[names] = importlib.metadata.version(name)
                break
            except importlib.metadata.PackageNotFoundError:
                continue
    return _known_versions[names]


def _keras_settings() -> tuple[str, str]:
    """Default type and precision; before Keras is imported, what these are then."""
    keras = sys.modules.get("keras")
    if keras is None:
        return ("float32", "float32")
    return (keras.config.floatx(), keras.config.dtype_policy().name)


def _custom_objects() -> list[tuple[str, Any]]:
    """What users have registered with Keras, so that a name may stand for it."""
    keras = sys.modules.get("keras")
    if keras is None:
        return []
    found = sorted(keras.saving.get_custom_objects().items())
    return [(name, value) for name, value in found if installed_name(value) is None]


def _sklearn_settings() -> tuple[Any, ...]:
    if "sklearn" not in sys.modules:
        return ()
    import sklearn

    names = ("transform_output", "enable_metadata_routing", "array_api_dispatch")
    return tuple(sklearn.get_config().get(name) for name in names)


def _n_rows(value: Any) -> int | None:
    """Number of rows, if it has any."""
    if isinstance(value, (str, bytes, Mapping)):
        return None
    shape = getattr(value, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    return len(value) if hasattr(value, "__len__") else None
