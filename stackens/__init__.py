"""Stacking ensembles of stacked recurrent networks, for scikit-learn and Keras.

Every name is imported at its first use, so that ``import stackens`` needs neither TensorFlow
nor scikit-learn, and what runs without TensorFlow never asks for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackens import datasets, exceptions, model_selection, recipes
    from stackens.ensemble import (
        ColumnwiseRegressor,
        ConvexBlendClassifier,
        ConvexBlendRegressor,
        EnsembleSelectionClassifier,
        EnsembleSelectionRegressor,
        StackingClassifier,
        StackingRegressor,
    )
    from stackens.forecasting import (
        BacktestResult,
        ForecastDisplay,
        HorizonErrorDisplay,
        NaiveForecaster,
        WindowForecaster,
    )
    from stackens.inspection import AttentionDisplay, AttentionEntropyDisplay
    from stackens.learners import (
        EmbeddingPretrainer,
        KerasNetworkClassifier,
        KerasNetworkRegressor,
        StackedRNNClassifier,
        StackedRNNRegressor,
        TransformerClassifier,
        TransformerRegressor,
    )
    from stackens.preprocessing import (
        SequenceFlattener,
        SequenceImputer,
        SequencePadder,
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
    "ConvexBlendClassifier",
    "ConvexBlendRegressor",
    "EmbeddingPretrainer",
    "EnsembleSelectionClassifier",
    "EnsembleSelectionRegressor",
    "KerasNetworkClassifier",
    "KerasNetworkRegressor",
    "NaiveForecaster",
    "SequenceFlattener",
    "SequenceImputer",
    "SequencePadder",
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
    "make_views",
    "model_selection",
    "read_word_vectors",
    "recipes",
    "sequences_from_frame",
]

_SUBMODULES = ("datasets", "exceptions", "model_selection", "recipes")
_NAMES_OF_ROOMS = {
    "ensemble": (
        "ColumnwiseRegressor",
        "ConvexBlendClassifier",
        "ConvexBlendRegressor",
        "EnsembleSelectionClassifier",
        "EnsembleSelectionRegressor",
        "StackingClassifier",
        "StackingRegressor",
    ),
    "forecasting": (
        "BacktestResult",
        "ForecastDisplay",
        "HorizonErrorDisplay",
        "NaiveForecaster",
        "WindowForecaster",
    ),
    "inspection": ("AttentionDisplay", "AttentionEntropyDisplay"),
    "learners": (
        "EmbeddingPretrainer",
        "KerasNetworkClassifier",
        "KerasNetworkRegressor",
        "StackedRNNClassifier",
        "StackedRNNRegressor",
        "TransformerClassifier",
        "TransformerRegressor",
    ),
    "preprocessing": (
        "SequenceFlattener",
        "SequenceImputer",
        "SequencePadder",
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
