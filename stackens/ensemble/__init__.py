"""Level 1: out-of-fold predictions of any learners train a final estimator."""

from __future__ import annotations

from stackens.ensemble._columnwise import ColumnwiseRegressor
from stackens.ensemble._convex_blend import ConvexBlendClassifier, ConvexBlendRegressor
from stackens.ensemble._distilled_classifier import DistilledClassifier
from stackens.ensemble._distilled_regressor import DistilledRegressor
from stackens.ensemble._ensemble_selection import (
    EnsembleSelectionClassifier,
    EnsembleSelectionRegressor,
)
from stackens.ensemble._fallback import AveragingClassifier as AveragingClassifier
from stackens.ensemble._fallback import AveragingRegressor as AveragingRegressor
from stackens.ensemble._fit import is_network, last_step
from stackens.ensemble._fits import plan_networks
from stackens.ensemble._fold_average import FoldAverage as FoldAverage
from stackens.ensemble._groups import (
    choose_splitter,
    draw_splits,
    groups_for,
    is_number_of_folds,
)
from stackens.ensemble._out_of_fold import OutOfFoldPredictions
from stackens.ensemble._out_of_fold_outputs import OutOfFoldOutputs
from stackens.ensemble._seeds import fill_seeds
from stackens.ensemble._stacking import StackingClassifier, StackingRegressor

# The others are for files, which know types by the names of rooms.
__all__ = [
    "ColumnwiseRegressor",
    "ConvexBlendClassifier",
    "ConvexBlendRegressor",
    "DistilledClassifier",
    "DistilledRegressor",
    "EnsembleSelectionClassifier",
    "EnsembleSelectionRegressor",
    "OutOfFoldOutputs",
    "OutOfFoldPredictions",
    "StackingClassifier",
    "StackingRegressor",
    "choose_splitter",
    "draw_splits",
    "fill_seeds",
    "groups_for",
    "is_network",
    "is_number_of_folds",
    "last_step",
    "plan_networks",
]
