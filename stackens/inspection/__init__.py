"""Displays: what fitted estimators and results look like."""

from __future__ import annotations

from stackens.inspection._attention_display import AttentionDisplay
from stackens.inspection._attention_entropy_display import (
    AttentionEntropyDisplay,
    attention_entropy,
)
from stackens.inspection._cost_accuracy_display import CostAccuracyDisplay
from stackens.inspection._findings import Finding, diagnose
from stackens.inspection._forecast_display import ForecastDisplay
from stackens.inspection._horizon_error_display import HorizonErrorDisplay
from stackens.inspection._learner_contribution_display import LearnerContributionDisplay
from stackens.inspection._learner_correlation_display import LearnerCorrelationDisplay
from stackens.inspection._learner_weights_display import LearnerWeightsDisplay
from stackens.inspection._notebook import notebook_html
from stackens.inspection._out_of_fold_calibration_display import OutOfFoldCalibrationDisplay
from stackens.inspection._out_of_fold_confusion_display import OutOfFoldConfusionDisplay
from stackens.inspection._report import write_report
from stackens.inspection._training_curves_display import TrainingCurvesDisplay

__all__ = [
    "AttentionDisplay",
    "AttentionEntropyDisplay",
    "CostAccuracyDisplay",
    "Finding",
    "ForecastDisplay",
    "HorizonErrorDisplay",
    "LearnerContributionDisplay",
    "LearnerCorrelationDisplay",
    "LearnerWeightsDisplay",
    "OutOfFoldCalibrationDisplay",
    "OutOfFoldConfusionDisplay",
    "TrainingCurvesDisplay",
    "attention_entropy",
    "diagnose",
    "notebook_html",
    "write_report",
]
