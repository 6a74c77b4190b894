"""Names that nobody knows are refused at once, with the one that was meant."""

from __future__ import annotations

import pytest
from public_estimators import CLASSES_OF_ESTIMATORS, data_for, make
from sklearn.base import clone

from stackens.learners.base import NetworkLearner

ESTIMATORS = list(CLASSES_OF_ESTIMATORS)
LEARNERS = [n for n in ESTIMATORS if issubclass(CLASSES_OF_ESTIMATORS[n], NetworkLearner)]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_can_be_made(name):
    clone(make(name))


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("wrong", ["epoch", "epochs_", "_epochs", "epochs__"])
def test_a_wrong_name_of_a_parameter_is_refused_by_the_constructor(name, wrong):
    learner = make(name)
    with pytest.raises(TypeError, match=rf"{name} has no parameter `{wrong}`.*mean `epochs`\?"):
        type(learner)(**learner.get_params(), **{wrong: 3})
    with pytest.raises(ValueError, match=rf"{name} has no parameter `{wrong}`.*mean `epochs`\?"):
        learner.set_params(**{wrong: 3})


@pytest.mark.parametrize("name", LEARNERS)
def test_a_routed_name_with_an_underscore_at_its_end_is_not_lost(name):
    learner = make(name).set_params(optimizer__beta_1_=0.5)
    assert clone(learner).get_params()["optimizer__beta_1_"] == 0.5
    with pytest.raises(ValueError, match=r"optimizer__beta_1_.*mean `beta_1`\?"):
        learner.fit(*data_for(name))


@pytest.mark.parametrize("name", LEARNERS)
def test_what_is_set_on_a_learner_is_no_parameter(name):
    learner = make(name)
    learner.note = "mine"
    assert "note" not in clone(learner).get_params()


@pytest.mark.parametrize("name", [n for n in LEARNERS if "Keras" not in n])
def test_vectors_given_to_a_network_name_what_takes_them(name):
    with pytest.raises(TypeError, match=rf"EmbeddingPretrainer\({name}"):
        CLASSES_OF_ESTIMATORS[name](vectors="file.txt")


METHODS = [
    (name, method)
    for name in ESTIMATORS
    for method in ("fit", "partial_fit")
    # These pass on what their estimator may take.
    if hasattr(make(name), method) and not name.endswith(("SearchCV", "ColumnwiseRegressor"))
]


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_a_wrong_argument_is_refused_in_the_name_of_the_class(name, method):
    estimator = make(name)
    with pytest.raises((TypeError, ValueError)) as caught:
        getattr(estimator, method)(*data_for(name), nonsense=None)
    assert f"{name}.{method}" in str(caught.value)
    assert "nonsense" in str(caught.value)


@pytest.mark.parametrize("name", LEARNERS)
def test_words_of_keras_in_fit_get_advice(name):
    learner, data = make(name), data_for(name)
    for word, advice in (
        ("epochs", rf"`{name}\(epochs=…\)`"),
        ("validation_data", "early_stopping=True"),
        ("validation_split", "early_stopping=True"),
        ("sample_weigths", "mean `sample_weight`"),
    ):
        with pytest.raises(TypeError, match=rf"{name}.fit has no argument `{word}`.*{advice}"):
            learner.fit(*data, **{word: 3})


@pytest.mark.parametrize("name", ["StackingClassifier", "StackingRegressor"])
def test_a_misspelled_argument_of_a_stack_gets_advice(name):
    with pytest.raises(ValueError, match=r"enable_metadata_routing.*mean `sample_weight`\?"):
        make(name).fit(*data_for(name), sample_weigth=None)
    with pytest.raises(ValueError, match=rf"`{name}\(time_limit=…\)`"):
        make(name).fit(*data_for(name), time_limit=3)


@pytest.mark.parametrize("name", LEARNERS)
def test_the_name_of_the_further_settings_is_no_parameter_either(name):
    learner = make(name).set_params(routed=3)  # scikit-learn's checks may do this
    with pytest.raises(TypeError, match=rf"{name} has no parameter `routed`"):
        learner.fit(*data_for(name))


TIMED = [name for name in ESTIMATORS if "time_limit" in make(name).get_params()]


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("value", [True, False, 0, -1.0, "1"])
def test_a_time_limit_is_a_number_of_seconds(name, value):
    with pytest.raises(ValueError, match=f"'time_limit' parameter of {name} must be a float"):
        make(name).set_params(time_limit=value).fit(*data_for(name))
