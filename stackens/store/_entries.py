"""What the store keeps, as arrays and JSON: trained networks, and fits of other estimators."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from stackens.sklearn_parts import Part, check_objects, pack_part
from stackens.store._job_store import JobStore
from stackens.training import TrainedNetwork, without_callbacks

_NETWORK = "network"
_FIT = "fit"
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, eq=False)
class KeptFit:
    """A fit of an estimator that is no network: what it predicted, and, where possible, itself.

    Attributes
    ----------
    values : ndarray of shape (n_rows, ...), list of ndarray, or None
        What its method returned for the rows that it did not see; None if there are none.
    classes : ndarray of shape (n_classes,) or None
        Classes that the estimator knows.
    seconds : float
        Time that fit and prediction took.
    estimator : estimator or None
        The fitted estimator. It is kept if skops is installed and all types in it are trusted.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.store import KeptFit
    >>> KeptFit(np.array([0.2, 0.8]), classes=None, seconds=0.1).estimator is None
    True
    """

    values: Any
    classes: np.ndarray | None
    seconds: float
    estimator: Any = None


def put_network(store: JobStore, key: str, trained: TrainedNetwork) -> bool:
    """Keep a trained network.

    Parameters
    ----------
    store : JobStore
        Where.
    key : str
        Of its job.
    trained : TrainedNetwork
        The network.

    Returns
    -------
    bool
        Whether it was kept.
    """
    arrays, names = pack_history(trained.history)
    arrays.update(pack_list("weights", trained.weights))
    state = trained.optimizer_state
    arrays.update(pack_list("optimizer", state or []))
    meta = {
        "n_weights": len(trained.weights),
        "n_optimizer": None if state is None else len(state),
        "history": names,
        "best_epoch": int(trained.best_epoch),
        "seconds": float(trained.seconds),
    }
    return store.put(key, arrays, meta, kind=_NETWORK)


def get_network(store: JobStore, key: str) -> TrainedNetwork | None:
    """Return a trained network that was kept.

    Parameters
    ----------
    store : JobStore
        Where.
    key : str
        Of its job.

    Returns
    -------
    TrainedNetwork or None
        Bit for bit what was kept; None if there is nothing.
    """
    return _read(store, key, _NETWORK, _unpack_network)


def _unpack_network(meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> TrainedNetwork:
    n_optimizer = meta["n_optimizer"]
    return TrainedNetwork(
        unpack_list("weights", arrays, meta["n_weights"]),
        unpack_history(arrays, meta["history"]),
        int(meta["best_epoch"]),
        float(meta["seconds"]),
        None if n_optimizer is None else unpack_list("optimizer", arrays, n_optimizer),
    )


def put_fit(store: JobStore, key: str, kept: KeptFit) -> bool:
    """Keep a fit: its predictions, and the estimator if that is possible.

    Parameters
    ----------
    store : JobStore
        Where.
    key : str
        From ``prediction_key``, or from ``fit_key`` if there are no predictions.
    kept : KeptFit
        With arrays of numbers or strings; sparse ones are not kept.

    Returns
    -------
    bool
        Whether anything was kept.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from stackens import JobStore
    >>> from stackens.store import KeptFit, get_fit, put_fit
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store, key = JobStore(folder), "0" * 64
    ...     put_fit(store, key, KeptFit(np.array([0.2, 0.8]), classes=None, seconds=0.1))
    ...     get_fit(store, key).values
    True
    array([0.2, 0.8])
    """
    is_list = isinstance(kept.values, list)
    values = kept.values if is_list else [] if kept.values is None else [kept.values]
    part, part_arrays = _pack_estimator(kept.estimator)
    if not all(isinstance(value, np.ndarray) for value in values) or (part is None and not values):
        return False
    arrays = pack_list("values", values) | part_arrays
    if kept.classes is not None:
        arrays["classes"] = np.asarray(kept.classes)
    meta = {
        "is_list": is_list,
        "n_values": len(values),
        "seconds": float(kept.seconds),
        "estimator": part,
    }
    return store.put(key, arrays, meta, kind=_FIT)


def get_fit(store: JobStore, key: str) -> KeptFit | None:
    """Return a fit that was kept.

    Parameters
    ----------
    store : JobStore
        Where.
    key : str
        From ``prediction_key`` or ``fit_key``.

    Returns
    -------
    KeptFit or None
        None if there is nothing. Its ``estimator`` is None if only predictions were kept.

    Examples
    --------
    >>> import tempfile
    >>> from stackens import JobStore
    >>> from stackens.store import get_fit
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     get_fit(JobStore(folder), "0" * 64) is None
    True
    """
    return _read(store, key, _FIT, _unpack_fit)


def _read(store: JobStore, key: str, kind: str, unpack: Callable[..., _Kept]) -> _Kept | None:
    """Unpack an entry; one that cannot be unpacked is thrown away."""
    found = store.get(key, kind=kind)
    if found is None:
        return None
    try:
        return unpack(found.meta, found.arrays)
    except (KeyError, TypeError, ValueError) as error:
        store.reject(key, error)
        return None


def _unpack_fit(meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> KeptFit:
    values = unpack_list("values", arrays, meta["n_values"])
    return KeptFit(
        values if meta["is_list"] else values[0] if values else None,
        arrays.get("classes"),
        float(meta["seconds"]),
        _unpack_estimator(meta["estimator"], arrays),
    )


def _pack_estimator(estimator: Any) -> tuple[dict[str, Any] | None, dict[str, np.ndarray]]:
    """Write an estimator down; None if there is none, or it would be refused."""
    arrays: dict[str, np.ndarray] = {}

    def add_array(array: np.ndarray) -> str:
        name = f"estimator/{len(arrays)}"
        arrays[name] = array
        return name

    if estimator is None:
        return None, {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            node = pack_part(without_callbacks(estimator), add_array)
        unknown = Part(node, arrays).unknown
        check_objects(estimator)
    except Exception:  # without skops, or whatever the many types in an estimator raise
        return None, {}
    return (None, {}) if unknown else (node, arrays)


def _unpack_estimator(node: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Do the reverse; None without skops, or if it is not sound and trusted in every part."""
    if node is None:
        return None
    try:
        part = Part(node, arrays)
        if part.unknown:
            return None
        estimator = part.make()
        check_objects(estimator)
    except Exception:  # whatever comes of parts that do not fit together
        return None
    return estimator


# ---- lists and histories as named arrays --------------------------------------------------------


def pack_list(name: str, arrays: Sequence[Any]) -> dict[str, np.ndarray]:
    """Name the arrays of a list."""
    return {f"{name}/{i}": np.asarray(array) for i, array in enumerate(arrays)}


def unpack_list(name: str, arrays: Mapping[str, np.ndarray], n_arrays: int) -> list[np.ndarray]:
    """Do the reverse of ``pack_list``."""
    return [arrays[f"{name}/{i}"] for i in range(n_arrays)]


def pack_history(history: Mapping[str, Sequence[float]]) -> tuple[dict[str, Any], list[str]]:
    """Turn a history into arrays (JSON has no NaN) and their names in order."""
    values = [np.asarray(column, np.float64) for column in history.values()]
    return pack_list("history", values), list(history)


def unpack_history(
    arrays: Mapping[str, np.ndarray], names: Sequence[str]
) -> dict[str, list[float]]:
    """Do the reverse of ``pack_history``."""
    return {name: arrays[f"history/{i}"].tolist() for i, name in enumerate(names)}
