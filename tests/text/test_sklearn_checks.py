"""Those of scikit-learn's checks that need no table."""

from __future__ import annotations

import pytest
from sklearn.utils import estimator_checks

from stackens.text import SequenceTranslator, StackedRNNLanguageModel


@pytest.mark.parametrize("estimator", [SequenceTranslator, StackedRNNLanguageModel])
@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_passes_the_checks_that_need_no_table(check, estimator):
    getattr(estimator_checks, check)(estimator.__name__, estimator())
