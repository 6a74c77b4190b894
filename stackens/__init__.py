"""Stacking ensembles of stacked recurrent networks, for scikit-learn and Keras.

Every name is imported at its first use, so that ``import stackens`` needs neither TensorFlow
nor scikit-learn, and what runs without TensorFlow never asks for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackens import (
        datasets,
        exceptions,
        inspection,
        model_selection,
        portable,
        recipes,
        text,
    )
    from stackens.ensemble import (
        ColumnwiseRegressor,
        ConvexBlendClassifier,
        ConvexBlendRegressor,
        DistilledClassifier,
        DistilledRegressor,
        EnsembleSelectionClassifier,
        EnsembleSelectionRegressor,
        StackingClassifier,
        StackingRegressor,
    )
    from stackens.exporting import export_numpy
    from stackens.forecasting import (
        BacktestResult,
        NaiveForecaster,
        WindowForecaster,
    )
    from stackens.inspection import (
        AttentionDisplay,
        AttentionEntropyDisplay,
        CostAccuracyDisplay,
        ForecastDisplay,
        HorizonErrorDisplay,
        LearnerContributionDisplay,
        LearnerCorrelationDisplay,
        LearnerWeightsDisplay,
        OutOfFoldCalibrationDisplay,
        OutOfFoldConfusionDisplay,
        TrainingCurvesDisplay,
    )
    from stackens.learners import (
        EmbeddingPretrainer,
        KerasNetworkClassifier,
        KerasNetworkRegressor,
        StackedRNNClassifier,
        StackedRNNRegressor,
        TransformerClassifier,
        TransformerRegressor,
    )
    from stackens.persistence import FileInfo, file_info, load, save
    from stackens.preprocessing import (
        SequenceDifferencer,
        SequenceFlattener,
        SequenceImputer,
        SequencePadder,
        SequencePatcher,
        SequenceScaler,
        SequenceSummarizer,
        SequenceVectorizer,
        SlidingWindows,
        View,
        WordVectors,
        read_word_vectors,
        sequences_from_frame,
    )
    from stackens.training import JobStore
    from stackens.views import make_views

__version__ = "0.1.0.dev0"

__all__ = [
    "AttentionDisplay",
    "AttentionEntropyDisplay",
    "BacktestResult",
    "ColumnwiseRegressor",
    "ForecastDisplay",
    "HorizonErrorDisplay",
    "JobStore",
    "CostAccuracyDisplay",
    "LearnerContributionDisplay",
    "LearnerCorrelationDisplay",
    "LearnerWeightsDisplay",
    "OutOfFoldCalibrationDisplay",
    "OutOfFoldConfusionDisplay",
    "TrainingCurvesDisplay",
    "ConvexBlendClassifier",
    "ConvexBlendRegressor",
    "EmbeddingPretrainer",
    "DistilledClassifier",
    "DistilledRegressor",
    "EnsembleSelectionClassifier",
    "EnsembleSelectionRegressor",
    "FileInfo",
    "KerasNetworkClassifier",
    "KerasNetworkRegressor",
    "NaiveForecaster",
    "SequenceDifferencer",
    "SequenceFlattener",
    "SequenceImputer",
    "SequencePadder",
    "SequencePatcher",
    "SequenceScaler",
    "SequenceSummarizer",
    "SequenceVectorizer",
    "SlidingWindows",
    "StackedRNNClassifier",
    "StackedRNNRegressor",
    "StackingClassifier",
    "StackingRegressor",
    "TransformerClassifier",
    "TransformerRegressor",
    "View",
    "WindowForecaster",
    "WordVectors",
    "datasets",
    "exceptions",
    "inspection",
    "file_info",
    "load",
    "make_views",
    "model_selection",
    "read_word_vectors",
    "export_numpy",
    "portable",
    "recipes",
    "save",
    "sequences_from_frame",
    "text",
]

_SUBMODULES = (
    "datasets",
    "exceptions",
    "inspection",
    "model_selection",
    "portable",
    "recipes",
    "text",
)
_NAMES_OF_ROOMS = {
    "ensemble": (
        "ColumnwiseRegressor",
        "ConvexBlendClassifier",
        "ConvexBlendRegressor",
        "DistilledClassifier",
        "DistilledRegressor",
        "EnsembleSelectionClassifier",
        "EnsembleSelectionRegressor",
        "StackingClassifier",
        "StackingRegressor",
    ),
    "exporting": ("export_numpy",),
    "forecasting": (
        "BacktestResult",
        "NaiveForecaster",
        "WindowForecaster",
    ),
    "inspection": (
        "AttentionDisplay",
        "AttentionEntropyDisplay",
        "CostAccuracyDisplay",
        "ForecastDisplay",
        "HorizonErrorDisplay",
        "LearnerContributionDisplay",
        "LearnerCorrelationDisplay",
        "LearnerWeightsDisplay",
        "OutOfFoldCalibrationDisplay",
        "OutOfFoldConfusionDisplay",
        "TrainingCurvesDisplay",
    ),
    "learners": (
        "EmbeddingPretrainer",
        "KerasNetworkClassifier",
        "KerasNetworkRegressor",
        "StackedRNNClassifier",
        "StackedRNNRegressor",
        "TransformerClassifier",
        "TransformerRegressor",
    ),
    "persistence": ("FileInfo", "file_info", "load", "save"),
    "preprocessing": (
        "SequenceDifferencer",
        "SequenceFlattener",
        "SequenceImputer",
        "SequencePadder",
        "SequencePatcher",
        "SequenceScaler",
        "SequenceSummarizer",
        "SequenceVectorizer",
        "SlidingWindows",
        "View",
        "WordVectors",
        "read_word_vectors",
        "sequences_from_frame",
    ),
    "training": ("JobStore",),
    "views": ("make_views",),
}
_ROOM_OF_NAME = {name: room for room, names in _NAMES_OF_ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import the room that holds ``name`` (PEP 562)."""
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _ROOM_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ROOM_OF_NAME[name]}"), name)
    globals()[name] = value  # found without this function from now on
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted([*__all__, "__version__"])
