"""How many jobs are trained: jobs, towers, compiled programs, early stopping, the store."""

from __future__ import annotations

from stackens.training._architecture import Architecture, initial_weights
from stackens.training._backend import require_keras
from stackens.training._callbacks import (
    CallbackSupportMixin,
    Task,
    has_callbacks,
    manage_callbacks,
    refuse_propagated,
)
from stackens.training._checkpoint import Checkpoint, TrainingState
from stackens.training._data import ArrayPool
from stackens.training._entries import KeptFit, get_fit, put_fit
from stackens.training._fingerprint import (
    NoKey,
    data_digest,
    fit_key,
    network_key,
    prediction_key,
)
from stackens.training._held_out_rows import HeldOutRows, choose_held_out_rows
from stackens.training._job import (
    EarlyStopping,
    Observer,
    Optimizer,
    Trainable,
    TrainedNetwork,
)
from stackens.training._observer import FitObserver
from stackens.training._prediction import (
    PREDICTION_BLOCK,
    check_row_shape,
    predict,
    prepare_prediction,
)
from stackens.training._progress import OnProgress, Progress
from stackens.training._protocol import HoldOut, TowerLearner, adapt, register_adapter
from stackens.training._random import seeded_globals, stream
from stackens.training._remembered import remembering_predictions
from stackens.training._row_job import Job
from stackens.training._served import fit_once, train_once, train_with_memory, warn_of_no_keys
from stackens.training._soft_targets import with_soft_targets
from stackens.training._store import JobStore, StoreInfo, check_memory, using_store
from stackens.training._towers import train

__all__ = [
    "PREDICTION_BLOCK",
    "Architecture",
    "ArrayPool",
    "CallbackSupportMixin",
    "Checkpoint",
    "EarlyStopping",
    "FitObserver",
    "HeldOutRows",
    "HoldOut",
    "Job",
    "JobStore",
    "KeptFit",
    "NoKey",
    "Observer",
    "OnProgress",
    "Optimizer",
    "Progress",
    "StoreInfo",
    "Task",
    "TowerLearner",
    "Trainable",
    "TrainedNetwork",
    "TrainingState",
    "adapt",
    "check_memory",
    "check_row_shape",
    "choose_held_out_rows",
    "data_digest",
    "fit_key",
    "fit_once",
    "get_fit",
    "has_callbacks",
    "initial_weights",
    "manage_callbacks",
    "network_key",
    "predict",
    "prediction_key",
    "prepare_prediction",
    "put_fit",
    "refuse_propagated",
    "register_adapter",
    "remembering_predictions",
    "require_keras",
    "seeded_globals",
    "stream",
    "train",
    "train_once",
    "train_with_memory",
    "using_store",
    "warn_of_no_keys",
    "with_soft_targets",
]
