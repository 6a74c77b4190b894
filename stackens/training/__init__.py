"""How many jobs are trained: jobs, towers, compiled programs, early stopping."""

from __future__ import annotations

from stackens.training._architecture import Architecture, initial_weights
from stackens.training._backend import require_keras
from stackens.training._data import ArrayPool
from stackens.training._job import EarlyStopping, Job, Optimizer, TrainedNetwork
from stackens.training._prediction import PREDICTION_BLOCK, predict
from stackens.training._protocol import TowerLearner, adapt, register_adapter
from stackens.training._random import seeded_globals, stream
from stackens.training._towers import train

__all__ = [
    "PREDICTION_BLOCK",
    "ArrayPool",
    "Architecture",
    "EarlyStopping",
    "Job",
    "Optimizer",
    "TowerLearner",
    "TrainedNetwork",
    "adapt",
    "initial_weights",
    "predict",
    "register_adapter",
    "require_keras",
    "seeded_globals",
    "stream",
    "train",
]
