"""Students of stacks: what they are taught, and that nothing of it was learnt by heart."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.datasets import load_iris, make_regression
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import (
    KFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from stackens import (
    DistilledClassifier,
    DistilledRegressor,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.ensemble.distillation._soft_targets import join_rows, out_of_fold_targets, soften
from stackens.exceptions import InvalidInputError, StoreWarning

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
LABELS = np.array(["setosa", "versicolor", "virginica"])[Y]
CV = StratifiedKFold(5, shuffle=True, random_state=0)


def make_stack(**options):
    learners = [
        ("linear", LogisticRegression()),
        ("neighbours", KNeighborsClassifier(5)),
    ]
    settings = {"final_estimator": LogisticRegression(), "cv": CV, **options}
    return StackingClassifier(learners, **settings)


def student(**options):
    return StackedRNNClassifier(
        **{"units": 4, "cell": "simple_rnn", "epochs": 2, "random_state": 0, **options}
    )


class ByHeart(ClassifierMixin, BaseEstimator):
    """Knows the labels of rows that it has seen, and is wrong about all others."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.known_ = {row.tobytes(): label for row, label in zip(X, y, strict=True)}
        return self

    def predict_proba(self, X):
        codes = [
            np.searchsorted(self.classes_, self.known_[row.tobytes()])
            if row.tobytes() in self.known_
            else -1
            for row in X
        ]
        known = np.eye(len(self.classes_))
        uniform = np.full(len(self.classes_), 1 / len(self.classes_))
        return np.array([known[code] if code >= 0 else uniform for code in codes])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class MeanOfKnown(RegressorMixin, BaseEstimator):
    """Knows the targets of rows that it has seen; of others it says a number of its own."""

    def fit(self, X, y):
        self.known_ = {row.tobytes(): value for row, value in zip(X, y, strict=True)}
        return self

    def predict(self, X):
        return np.array([self.known_.get(row.tobytes(), -1e3) for row in X])


# ---- targets ------------------------------------------------------------------------------------


def test_targets_are_those_of_scikit_learn_by_hand():
    """Level 0 and level 1, each cross-fitted by scikit-learn's own function."""
    small = DistilledClassifier(make_stack(), student()).fit(X, LABELS)
    blocks = [
        cross_val_predict(learner, X, LABELS, cv=CV, method="predict_proba")
        for learner in (LogisticRegression(), KNeighborsClassifier(5))
    ]
    expected = cross_val_predict(
        LogisticRegression(), np.hstack(blocks), LABELS, cv=CV, method="predict_proba"
    )
    np.testing.assert_allclose(small.soft_targets_, expected, atol=1e-6)


def test_targets_know_what_passes_through():
    stack = StackingRegressor(
        [("linear", Ridge(50.0))], LinearRegression(), cv=KFold(3), passthrough=True
    )
    table, y = make_regression(60, 3, noise=5.0, random_state=0)
    small = DistilledRegressor(stack, Ridge()).fit(table, y)
    block = cross_val_predict(Ridge(50.0), table, y, cv=KFold(3))[:, None]
    beside = np.hstack([block, table])
    expected = cross_val_predict(LinearRegression(), beside, y, cv=KFold(3))
    np.testing.assert_allclose(small.soft_targets_, expected, rtol=1e-6)


def test_what_was_learnt_by_heart_is_never_taught():
    stack = StackingClassifier([("heart", ByHeart())], LogisticRegression(), cv=CV)
    small = DistilledClassifier(stack, student()).fit(X, LABELS)
    in_sample = small.teacher_.estimators_[0].predict_proba(X)
    assert (in_sample.max(axis=1) == 1).all()  # the refitted learner does know them
    assert small.soft_targets_.max() < 0.5  # all that it says of rows it has not seen: a third


def test_what_a_regressor_learnt_by_heart_is_never_taught():
    X, y = make_regression(60, 3, random_state=0)
    stack = StackingRegressor([("heart", MeanOfKnown())], LinearRegression())
    taught = []

    class Recorder(LinearRegression):
        def fit(self, X, y, sample_weight=None):
            taught.append(y)
            return super().fit(X, y, sample_weight)

    small = DistilledRegressor(stack, Recorder(), label_weight=0.0).fit(X, y)
    np.testing.assert_allclose(small.teacher_.estimators_[0].predict(X), y)
    # A constant column says nothing: what is left is the mean of the other folds' targets.
    for train, test in small.teacher_.out_of_fold_predictions_.splits:
        np.testing.assert_allclose(taught[-1][test], y[train].mean())


def test_the_final_estimator_has_not_seen_the_rows_that_it_teaches():
    """Of rows of one fold, targets do not change with those rows' own labels at level 1."""
    stack, changed = (make_stack().fit(X, Y) for _ in range(2))
    before = out_of_fold_targets(stack, len(X))
    test = stack.out_of_fold_predictions_.splits[0][1]
    changed.out_of_fold_predictions_.y[test] = (stack.out_of_fold_predictions_.y[test] + 1) % 3
    after = out_of_fold_targets(changed, len(X))
    np.testing.assert_array_equal(after[test], before[test])
    assert not np.array_equal(after, before)


def test_rows_that_were_never_held_out_are_taught_by_labels():
    order = np.random.default_rng(0).permutation(len(X))
    small = DistilledClassifier(make_stack(cv=TimeSeriesSplit(3)), student(), label_weight=0.2)
    labels, targets = small.fit(X[order], Y[order])._mix(
        Y[order], small.soft_targets_, np.empty((0, 3))
    )
    first = np.isnan(small.soft_targets_).any(axis=1)
    # 39 rows are never held out; of the next 37, no final estimator was fitted without them.
    np.testing.assert_array_equal(first, np.arange(len(X)) < 39 + 37)
    honest = small.teacher_.out_of_fold("stack")
    np.testing.assert_array_equal(honest.row_index, np.flatnonzero(~first))
    np.testing.assert_allclose(small.soft_targets_[~first], honest.y_proba, atol=1e-12)
    np.testing.assert_array_equal(labels[first], np.eye(3)[Y[order]][first])
    assert (targets[first] == 0).all()
    np.testing.assert_allclose((labels + targets).sum(axis=1), 1)


def test_softening_divides_logits():
    logits = np.random.default_rng(0).normal(size=(20, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.exp(logits / 3) / np.exp(logits / 3).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(soften(probabilities, 3), expected)


def test_a_fallback_teaches_what_it_predicts():
    stack = make_stack(fallback="average", final_estimator=DummyClassifier()).fit(X, Y)
    assert stack.predicts_with_ == "average"
    blocks = list(stack.out_of_fold_predictions_.blocks.values())
    np.testing.assert_allclose(out_of_fold_targets(stack, len(X)), np.mean(blocks, axis=0))


# ---- the loss -----------------------------------------------------------------------------------


def test_the_loss_is_that_of_keras():
    """Keras's own distillation gives the part of the teacher, up to the teacher's entropy."""
    keras = pytest.importorskip("keras")
    distillation = pytest.importorskip("keras.distillation")
    from stackens.training._objective import make_loss
    from stackens.training._soft_targets import SoftTargetLoss

    rng = np.random.default_rng(0)
    ours, teacher = rng.normal(size=(2, 30, 5)).astype("float32")
    labels = rng.integers(5, size=30)
    temperature, share = 2.5, 0.4
    taught = np.array(keras.ops.softmax(teacher / temperature))
    target = np.hstack([share * np.eye(5)[labels], (1 - share) * temperature**2 * taught])
    loss = float(make_loss(SoftTargetLoss(temperature))(target, keras.ops.softmax(ours)))
    by_keras = distillation.LogitsDistillation(temperature, loss=keras.losses.KLDivergence())
    soft = float(by_keras.compute_loss(teacher, ours))
    entropy = -(taught * np.log(taught)).sum(axis=1).mean()
    hard = float(
        keras.ops.mean(
            keras.losses.sparse_categorical_crossentropy(labels, keras.ops.softmax(ours))
        )
    )
    expected = share * hard + (1 - share) * (soft + temperature**2 * entropy)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_labels_alone_are_the_network_trained_on_labels():
    plain = student(epochs=5).fit(X, LABELS)
    small = DistilledClassifier(make_stack(), student(epochs=5), label_weight=1.0).fit(X, LABELS)
    np.testing.assert_allclose(small.predict_proba(X), plain.predict_proba(X), atol=1e-5)


def test_two_classes_with_one_output():
    rows = Y > 0
    plain = student(epochs=5).fit(X[rows], Y[rows])
    small = DistilledClassifier(make_stack(), student(epochs=5), label_weight=1.0)
    small.fit(X[rows], Y[rows])
    assert small.student_.weights_[-1].shape == (1,)
    np.testing.assert_allclose(small.predict_proba(X), plain.predict_proba(X), atol=1e-5)
    assert small.predict_proba(X).shape == (150, 2)


def test_a_student_of_a_stack_says_what_the_stack_says():
    network = student(units=16, epochs=60, learning_rate=0.01)
    small = DistilledClassifier(make_stack(), network, label_weight=0.0, temperature=1.0)
    small.fit(X[::2], LABELS[::2], X_unlabelled=X[1::2])
    taught = small.teacher_.predict_proba(X[1::2])
    assert np.abs(small.predict_proba(X[1::2]) - taught).mean() < 0.05
    assert small.score(X[1::2], LABELS[1::2]) > 0.9
    np.testing.assert_array_equal(small.predict(X), small.student_.predict(X))


# ---- how it is used -----------------------------------------------------------------------------


def test_a_fitted_teacher_is_read_and_not_copied():
    stack = make_stack().fit(X, LABELS)
    small = DistilledClassifier(stack, student(), prefit=True).fit(X, LABELS)
    assert small.teacher_ is stack
    copy = clone(small)
    assert copy.teacher is stack
    assert copy.student is not small.student
    np.testing.assert_array_equal(small.predict_proba(X), copy.fit(X, LABELS).predict_proba(X))
    fresh = DistilledClassifier(make_stack(), student()).fit(X, LABELS)
    assert clone(fresh).teacher is not fresh.teacher
    np.testing.assert_allclose(small.soft_targets_, fresh.soft_targets_)
    np.testing.assert_array_equal(small.predict_proba(X), fresh.predict_proba(X))


def test_folds_of_a_stack_with_memory_are_not_trained_again(tmp_path, monkeypatch):
    """Of learners that are no networks predictions are kept; the refit is done each time."""
    fit_teacher = DistilledClassifier._fit_teacher
    noted = tmp_path / "n_rows.txt"  # a list would count: what is put into a class is in its key

    def count(self, X, *args):
        with noted.open("a") as file:
            print(len(X), file=file)
        return fit_teacher(self, X, *args)

    monkeypatch.setattr(DistilledClassifier, "_fit_teacher", count)
    small = DistilledClassifier(make_stack(), student(), random_state=0)
    learners = [("small", small), ("linear", LogisticRegression())]
    stack = StackingClassifier(learners, cv=2, memory=tmp_path / "store", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", StoreWarning)
        first, again = (clone(stack).fit(X, Y).predict_proba(X) for _ in range(2))
    assert sorted(map(int, noted.read_text().split())) == [75, 75, 150, 150]
    np.testing.assert_array_equal(first, again)


def test_seeds_of_teacher_and_student_come_from_ours():
    def fit(seed):
        stack = StackingClassifier([("rnn", student(random_state=None))], cv=3)
        small = DistilledClassifier(stack, student(random_state=None), random_state=seed)
        return small.fit(X, LABELS).predict_proba(X)

    np.testing.assert_array_equal(fit(3), fit(3))
    assert not np.array_equal(fit(3), fit(4))


def test_pipelines_weights_groups_and_several_seeds():
    groups = np.arange(len(X)) // 2
    weights = np.where(Y == 0, 0.5, 1.0)
    head = make_pipeline(StandardScaler(), student(n_seeds=2))
    small = DistilledClassifier(make_stack(cv=3), head).fit(
        X, LABELS, X_unlabelled=X[:10] + 0.1, groups=groups
    )
    assert small.predict(X).shape == (150,)
    np.testing.assert_allclose(small.student_[0].mean_, np.r_[X, X[:10] + 0.1].mean(axis=0))
    linear = StackingClassifier([("linear", LogisticRegression())], cv=CV)
    weighted = DistilledClassifier(linear, student()).fit(X, LABELS, sample_weight=weights)
    plain = DistilledClassifier(linear, student()).fit(X, LABELS)
    assert not np.array_equal(weighted.predict_proba(X), plain.predict_proba(X))
    assert clone(small).get_params().keys() == small.get_params().keys()


def test_groups_reach_the_teacher_of_a_learner_of_a_stack():
    groups = np.arange(len(X)) % 30
    teacher = StackingClassifier([("linear", LogisticRegression())], cv=3)
    learners = [("small", DistilledClassifier(teacher, student(epochs=1)))]
    outer = StackingClassifier(learners, LogisticRegression(), cv=2).fit(X, LABELS, groups=groups)
    for train, test in outer.estimators_[0].teacher_.out_of_fold_predictions_.splits:
        assert not set(groups[train]) & set(groups[test])


def test_numbers():
    X, y = make_regression(120, 6, noise=5.0, random_state=0)
    y = (y - y.mean()) / y.std()
    stack = StackingRegressor([("linear", LinearRegression())])
    network = StackedRNNRegressor(8, epochs=3, random_state=0)
    small = DistilledRegressor(stack, network, label_weight=0.25).fit(X, y, X_unlabelled=X[:20])
    block = cross_val_predict(LinearRegression(), X, y)[:, None]
    final = clone(small.teacher_.final_estimator_)
    expected = cross_val_predict(final, block, y)
    np.testing.assert_allclose(small.soft_targets_, expected, rtol=1e-6)
    target = np.concatenate([0.25 * y + 0.75 * expected, small.teacher_.predict(X[:20])])
    plain = clone(network).fit(np.concatenate([X, X[:20]]), target)
    np.testing.assert_allclose(small.predict(X), plain.predict(X), rtol=1e-4, atol=1e-5)
    again = DistilledRegressor(small.teacher_, network, label_weight=0.25, prefit=True)
    again.fit(X, y[:, None], X_unlabelled=X[:20])
    np.testing.assert_array_equal(again.predict(X), small.predict(X))
    both = DistilledRegressor(stack, network).fit(X, np.column_stack([y, -y]))
    assert both.predict(X).shape == both.soft_targets_.shape == (120, 2)


REPEATED = "repeated rows fall into other folds, so that the stack says something else of them"
CHECKED = [
    DistilledClassifier(
        StackingClassifier([("linear", LogisticRegression())], cv=2),
        StackedRNNClassifier(2, cell="simple_rnn", epochs=30, random_state=0),
    ),
    DistilledRegressor(StackingRegressor([("linear", Ridge())], cv=2), Ridge()),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        case
        for estimator in CHECKED
        for case in estimator_checks_generator(
            estimator,
            expected_failed_checks={
                "check_sample_weight_equivalence_on_dense_data": REPEATED,
                "check_sample_weight_equivalence_on_sparse_data": REPEATED,
            },
            mark="xfail",
        )
    ],
    ids=lambda value: getattr(getattr(value, "func", value), "__name__", type(value).__name__),
)
def test_passes_every_check(estimator, check):
    check(estimator)


# ---- bad input ----------------------------------------------------------------------------------


def test_a_teacher_with_other_classes():
    stack = make_stack().fit(X, Y)
    with pytest.raises(InvalidInputError, match=r"classes of `y`, \['setosa', .*\[0, 1, 2\]"):
        DistilledClassifier(stack, student(), prefit=True).fit(X, LABELS)


def test_several_labels():
    with pytest.raises(InvalidInputError, match="one class a row"):
        DistilledClassifier(make_stack(), student()).fit(X, np.eye(3, dtype=int)[Y] | [1, 0, 0])


def test_a_teacher_of_other_rows():
    stack = make_stack().fit(X, Y)
    with pytest.raises(InvalidInputError, match=r"150 rows, .* got 140 rows"):
        DistilledClassifier(stack, student(), prefit=True).fit(X[:140], Y[:140])
    with pytest.raises(InvalidInputError, match="with other targets"):
        DistilledClassifier(stack, student(), prefit=True).fit(X, Y[::-1])
    with pytest.raises(InvalidInputError, match="cross-validation are other rows"):
        cross_val_score(
            DistilledClassifier(stack, student(), prefit=True), X, Y, error_score="raise"
        )
    for unfitted in (
        DistilledClassifier(make_stack(), student(), prefit=True),
        DistilledRegressor(make_regressors(), Ridge(), prefit=True),
    ):
        with pytest.raises(NotFittedError, match="`prefit=True` says that `teacher` is fitted"):
            unfitted.fit(X, Y)


@pytest.mark.parametrize(
    ("teacher", "network", "message"),
    [
        (LogisticRegression(), student(), "`teacher` must be a stack"),
        (make_stack(), LogisticRegression(), "`student` must be a network"),
    ],
)
def test_parts_that_do_not_fit(teacher, network, message):
    with pytest.raises(InvalidInputError, match=message):
        DistilledClassifier(teacher, network).fit(X, Y)


def make_regressors():
    return StackingRegressor([("linear", Ridge())], cv=2)


@pytest.mark.parametrize(
    ("distilled", "message"),
    [
        (
            DistilledClassifier(make_regressors(), student()),
            "`teacher` must be a classifier; got StackingRegressor.*DistilledRegressor",
        ),
        (
            DistilledClassifier(make_stack(), StackedRNNRegressor(2)),
            "`student` must be a classifier; got StackedRNNRegressor",
        ),
        (
            DistilledRegressor(make_stack(), Ridge()),
            "`teacher` must be a regressor; got StackingClassifier.*DistilledClassifier",
        ),
        (
            DistilledRegressor(make_regressors(), make_pipeline(StandardScaler(), student())),
            "`student` must be a regressor; got StackedRNNClassifier",
        ),
    ],
)
@pytest.mark.parametrize("prefit", [False, True])
def test_parts_that_predict_something_else(distilled, message, prefit, monkeypatch):
    for stack in (StackingClassifier, StackingRegressor):
        monkeypatch.setattr(stack, "fit", lambda *args, **kwargs: pytest.fail("trained"))
    with pytest.raises(InvalidInputError, match=message):
        clone(distilled).set_params(prefit=prefit).fit(X, Y)


def test_weights_that_a_student_cannot_take_are_refused_before_training(monkeypatch):
    monkeypatch.setattr(StackingRegressor, "fit", lambda *args, **kwargs: pytest.fail("trained"))
    options = {"sample_weight": np.ones(len(X))}
    with pytest.raises(InvalidInputError, match="`student` must take `sample_weight`, which KNei"):
        DistilledRegressor(make_regressors(), KNeighborsRegressor()).fit(X, Y, **options)
    head = make_pipeline(StandardScaler(), Ridge())
    with pytest.raises(InvalidInputError, match="does not reach the regressor at the end"):
        DistilledRegressor(make_regressors(), head).fit(X, Y, **options)


RARE = np.where(np.arange(len(X)) == 7, 3, Y)  # one row of a class


@pytest.mark.parametrize(
    "distilled",
    [
        DistilledClassifier(make_stack(), student(early_stopping=True)),
        DistilledClassifier(
            make_stack(), make_pipeline(StandardScaler(), student(early_stopping=True))
        ),
        DistilledRegressor(
            make_regressors(),
            StackedRNNRegressor(2, early_stopping=True, validation_fraction=0.999),
        ),
    ],
)
def test_early_stopping_that_cannot_hold_out_rows_is_refused_before_training(
    distilled, monkeypatch
):
    for stack in (StackingClassifier, StackingRegressor):
        monkeypatch.setattr(stack, "fit", lambda *args, **kwargs: pytest.fail("trained"))
    for y in (RARE, RARE.tolist()):
        with pytest.raises(InvalidInputError, match="`early_stopping` holds out"):
            distilled.fit(X, y)
    with pytest.raises(pytest.fail.Exception):  # more rows of the class may be among these
        distilled.fit(X, RARE, X_unlabelled=X)


def test_lists_of_unlabelled_rows_are_not_cut_to_the_type_of_an_array():
    words = join_rows(np.array(["one", "six"]), ["a longer word"])
    assert words.tolist() == ["one", "six", "a longer word"]
    numbers = join_rows(np.array([[1, 2], [3, 4]]), [[0.5, 1.5]])
    np.testing.assert_array_equal(numbers, [[1, 2], [3, 4], [0.5, 1.5]])
    ragged = np.empty(2, dtype=object)
    ragged[:] = [np.ones((2, 1)), np.ones((3, 1))]
    for lengths in ([1, 4], [4, 4], [4]):
        joined = join_rows(ragged, [np.zeros((n, 1)) for n in lengths])
        assert [row.shape for row in joined] == [(n, 1) for n in (2, 3, *lengths)]
    with pytest.raises(InvalidInputError, match=r"of `X`, \(3, 1\); their lengths differ"):
        join_rows(np.zeros((2, 3, 1)), [np.zeros((3, 1)), np.zeros((2, 1))])


def test_unlabelled_rows_that_are_none_or_of_other_columns(monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    small = DistilledRegressor(make_regressors(), Ridge())
    again = small.fit(frame, Y, X_unlabelled=frame[:9]).predict(frame)
    np.testing.assert_allclose(again, small.fit(X, Y, X_unlabelled=X[:9]).predict(X))
    monkeypatch.setattr(StackingRegressor, "fit", lambda *args, **kwargs: pytest.fail("trained"))
    for more in (frame[["d", "c", "b", "a"]], frame.rename(columns={"a": "z"}), frame[["a"]]):
        with pytest.raises(InvalidInputError, match=r"columns of `X`, \['a', 'b', 'c', 'd'\]"):
            small.fit(frame, Y, X_unlabelled=more)
    for rows, none in ((frame, frame[:0]), (X, X[:0]), (X.tolist(), [])):
        with pytest.raises(InvalidInputError, match="`X_unlabelled` has no rows"):
            small.fit(rows, Y, X_unlabelled=none)


def test_a_prefit_stack_has_nothing_to_teach():
    learners = [("linear", LogisticRegression().fit(X, Y))]
    with pytest.raises(InvalidInputError, match="by heart"):
        DistilledClassifier(StackingClassifier(learners, cv="prefit"), student()).fit(X, Y)


def test_unlabelled_rows_of_another_shape():
    with pytest.raises(InvalidInputError, match=r"shape of rows of `X`, \(4,\); got \(3,\)"):
        DistilledClassifier(make_stack(), student()).fit(X, Y, X_unlabelled=X[:, :3])


def test_a_failed_fit_leaves_nothing():
    small = DistilledClassifier(make_stack(), student()).fit(X, Y)
    with pytest.raises(InvalidInputError):
        small.set_params(teacher=LogisticRegression()).fit(X, Y)
    assert not hasattr(small, "student_")
