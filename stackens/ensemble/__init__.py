"""Level 1: out-of-fold predictions of any learners train a final estimator."""

from __future__ import annotations

from stackens.ensemble._fallback import AveragingClassifier as AveragingClassifier
from stackens.ensemble._fallback import AveragingRegressor as AveragingRegressor
from stackens.ensemble._fit import is_network, last_step
from stackens.ensemble._fold_average import FoldAverage as FoldAverage
from stackens.ensemble._groups import groups_for
from stackens.ensemble._out_of_fold import OutOfFoldOutputs, OutOfFoldPredictions
from stackens.ensemble._plan import Plan
from stackens.ensemble._run import plan_networks
from stackens.ensemble._splits import choose_splitter, draw_splits, is_number_of_folds
from stackens.ensemble._stacking import StackingClassifier, StackingRegressor
from stackens.ensemble.distillation._classifier import DistilledClassifier
from stackens.ensemble.distillation._regressor import DistilledRegressor
from stackens.ensemble.meta_learners._columnwise import ColumnwiseRegressor
from stackens.ensemble.meta_learners._convex_blend import (
    ConvexBlendClassifier,
    ConvexBlendRegressor,
)
from stackens.ensemble.meta_learners._ensemble_selection import (
    EnsembleSelectionClassifier,
    EnsembleSelectionRegressor,
)
from stackens.ensemble.meta_learners._super_learner import (
    DiscreteSuperLearnerClassifier,
    DiscreteSuperLearnerRegressor,
)

# The others are for files, which know types by the names of rooms.
__all__ = [
    "ColumnwiseRegressor",
    "ConvexBlendClassifier",
    "ConvexBlendRegressor",
    "DiscreteSuperLearnerClassifier",
    "DiscreteSuperLearnerRegressor",
    "DistilledClassifier",
    "DistilledRegressor",
    "EnsembleSelectionClassifier",
    "EnsembleSelectionRegressor",
    "OutOfFoldOutputs",
    "OutOfFoldPredictions",
    "Plan",
    "StackingClassifier",
    "StackingRegressor",
    "choose_splitter",
    "draw_splits",
    "groups_for",
    "is_network",
    "is_number_of_folds",
    "last_step",
    "plan_networks",
]
