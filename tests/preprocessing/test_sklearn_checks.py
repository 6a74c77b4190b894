"""scikit-learn's own checks of transformers."""

from __future__ import annotations

from sklearn.utils.estimator_checks import parametrize_with_checks

from stackens import (
    SequenceDifferencer,
    SequenceFlattener,
    SequenceImputer,
    SequencePadder,
    SequencePatcher,
    SequenceScaler,
    SequenceSummarizer,
    SlidingWindows,
)


@parametrize_with_checks(
    [
        SequenceDifferencer(),
        SequenceFlattener(),
        SequenceImputer(),
        SequencePadder(),
        SequencePatcher(),
        SequenceScaler(),
        SequenceSummarizer(),
        SlidingWindows(),
    ]
)
def test_passes_every_check(estimator, check):
    check(estimator)
