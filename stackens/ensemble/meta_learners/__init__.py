"""Meta-learners: final estimators that know which column is which learner's."""
