"""How many jobs are trained: jobs, towers, compiled programs, early stopping."""

from __future__ import annotations

from stackens.training._architecture import (
    Architecture,
    has_drawn_its_seed,
    initial_weights,
    require_keras,
)
from stackens.training._augmentation import Augmentation
from stackens.training._estimate import estimate_seconds
from stackens.training._job import (
    ArrayPool,
    CutShortError,
    EarlyStopping,
    Observer,
    Optimizer,
    StateKeeper,
    Trainable,
    TrainedNetwork,
    TrainingState,
)
from stackens.training._prediction import (
    PREDICTION_BLOCK,
    check_row_shape,
    predict,
    prepare_prediction,
    remembering_predictions,
)
from stackens.training._random import seeded_globals
from stackens.training._row_job import HeldOutRows, HoldOut, Job, TowerLearner
from stackens.training._soft_targets import with_soft_targets
from stackens.training._towers import EpochCounter, OnProgress, train
from stackens.training._watchers import (
    CallbackSupportMixin,
    FitObserver,
    Progress,
    Task,
    has_callbacks,
    manage_callbacks,
    refuse_propagated,
    without_callbacks,
)

__all__ = [
    "PREDICTION_BLOCK",
    "Architecture",
    "ArrayPool",
    "Augmentation",
    "CallbackSupportMixin",
    "CutShortError",
    "EarlyStopping",
    "EpochCounter",
    "FitObserver",
    "HeldOutRows",
    "HoldOut",
    "Job",
    "Observer",
    "OnProgress",
    "Optimizer",
    "Progress",
    "StateKeeper",
    "Task",
    "TowerLearner",
    "Trainable",
    "TrainedNetwork",
    "TrainingState",
    "check_row_shape",
    "estimate_seconds",
    "has_callbacks",
    "has_drawn_its_seed",
    "initial_weights",
    "manage_callbacks",
    "predict",
    "prepare_prediction",
    "refuse_propagated",
    "remembering_predictions",
    "require_keras",
    "seeded_globals",
    "train",
    "with_soft_targets",
    "without_callbacks",
]
