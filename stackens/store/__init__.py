"""A folder that keeps what was trained: keys of jobs, entries, claims, checkpoints."""

from __future__ import annotations

from stackens.store._checkpoint import Checkpoint
from stackens.store._entries import KeptFit, get_fit, put_fit
from stackens.store._job_store import JobStore, StoreInfo
from stackens.store._keys import NoKey, data_digest, fit_key, network_key, prediction_key
from stackens.store._memory import (
    check_memory,
    train_alone,
    train_with_memory,
    using_store,
    warn_of_no_keys,
)
from stackens.store._once import fit_once, train_once

__all__ = [
    "Checkpoint",
    "JobStore",
    "KeptFit",
    "NoKey",
    "StoreInfo",
    "check_memory",
    "data_digest",
    "fit_key",
    "fit_once",
    "get_fit",
    "network_key",
    "prediction_key",
    "put_fit",
    "train_alone",
    "train_once",
    "train_with_memory",
    "using_store",
    "warn_of_no_keys",
]
