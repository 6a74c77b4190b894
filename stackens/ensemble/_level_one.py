"""Level one: the table that the final estimator is trained on, and who is told what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from sklearn.utils import get_tags

from stackens.ensemble._fit import Fit, last_step
from stackens.ensemble._fold_average import FoldAverage
from stackens.ensemble._out_of_fold import OutOfFoldPredictions, align_classes, row_labels
from stackens.ensemble._plan import Data, Plan
from stackens.exceptions import InvalidInputError, MissingClassWarning, warn_user

# Probabilities below count as this when their logarithm is taken.
_LEAST = 1e-9


@runtime_checkable
class TakesBlocks(Protocol):
    """A final estimator that wants to know whose column is whose, before ``fit``."""

    def set_level_one_blocks(
        self, blocks: Mapping[str, slice], methods: Mapping[str, str] | None = None
    ) -> Any:
        """Take the columns of each learner, and the method that they come from."""
        ...


def declare_blocks(final: Any, widths: Mapping[str, int], methods: Sequence[str]) -> Any:
    """Tell a final estimator the layout of what it is about to see, if it asks.

    Parameters
    ----------
    final : estimator
        Not fitted yet; not changed unless it is a TakesBlocks.
    widths : mapping of str to int
        Number of columns of each learner, in their order. Further columns are no learner's.
    methods : sequence of str
        What each learner predicts with.

    Returns
    -------
    estimator
        ``final``.
    """
    if not isinstance(final, TakesBlocks):
        return final
    blocks, start = {}, 0
    for name, width in widths.items():
        blocks[name] = slice(start, start + width)
        start += width
    final.set_level_one_blocks(blocks, dict(zip(widths, methods, strict=True)))
    return final


# ---- from fits to the table ----------------------------------------------------------------------


def what_predicts(plan: Plan, classes: Any) -> dict[str, Any]:
    """Return of each learner its refit, or the average of its fold models where there is none.

    Parameters
    ----------
    plan : Plan
        Whose fits have run.
    classes : ndarray, list of ndarray or None
        Classes of the target, or those of each label; None of numbers.
    """
    if isinstance(classes, list):
        numbered: Any = [np.arange(len(own)) for own in classes]
    else:
        numbered = None if classes is None else np.arange(len(classes))
    fitted = {}
    for name in plan.learners:
        own = {fit.fold: fit.fitted for fit in plan.fits if fit.name == name}
        fitted[name] = own[None] if None in own else FoldAverage(list(own.values()), numbered)
    return fitted


def read_histories(fits: Sequence[Fit]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Collect what networks recorded while they were trained, by learner and by fold."""
    histories: dict[str, dict[str, dict[str, list[float]]]] = {}
    for fit in fits:
        history = getattr(last_step(fit.fitted), "history_", None)
        if isinstance(history, dict) and history:
            part = "refit" if fit.fold is None else f"fold {fit.fold}"
            own = {name: [float(v) for v in values] for name, values in history.items()}
            histories.setdefault(fit.name, {})[part] = own
    return histories


def held_out_predictions(plan: Plan, n_rows: int, classes: Any) -> list[Any]:
    """Return what each learner predicted for held-out rows; rows that never were are NaN.

    Parameters
    ----------
    plan : Plan
        Whose fits have run.
    n_rows : int
        Rows of the data.
    classes : ndarray, list of ndarray or None
        Classes of the target, or those of each label; None of numbers.

    Returns
    -------
    list of ndarray, or of lists with an array for each label
    """
    return [
        average_predictions(
            [(plan.splits[k][1], _align(fit, classes)) for k, fit in plan.fits_of(name).items()],
            n_rows,
            are_labels=classes is not None and method == "predict",
        )
        for name, method in plan.methods.items()
        if name in plan.learners
    ]


def _align(fit: Fit, classes: Any) -> Any:
    """Put the columns of a fold model, which may lack classes, where they belong."""
    if classes is None:
        return fit.predictions
    if isinstance(classes, list):
        return _align_labels(fit.predictions, fit.fitted, fit.method)
    seen = getattr(fit.fitted, "classes_", None)
    if fit.method != "predict" and seen is not None and len(seen) < len(classes):
        warn_user(
            f"The training rows of {fit.label} lack the classes "
            f"{np.delete(classes, np.asarray(seen, int)).tolist()}: their columns are "
            f"{'0' if fit.method == 'predict_proba' else 'the smallest float'} there. Use fewer or "
            "stratified folds.",
            MissingClassWarning,
        )
    return align_classes(fit.predictions, fit.fitted, len(classes), fit.method)


def _align_labels(predictions: Any, estimator: Any, method: str) -> Any:
    """Give every label of a list the columns of its absence and its presence."""
    if not isinstance(predictions, list) or all(part.shape[1] == 2 for part in predictions):
        return predictions
    return align_classes(predictions, estimator, 2, method)


def columns_of_labels(
    predictions: Sequence[Any], methods: Sequence[str], estimators: Sequence[Any]
) -> list[Any]:
    """Write probabilities of several labels as one array of two columns for each of them."""
    return [
        [np.column_stack([1 - column, column]) for column in p.T]
        if method == "predict_proba" and not isinstance(p, list)
        else _align_labels(p, estimator, method)
        for p, method, estimator in zip(predictions, methods, estimators, strict=True)
    ]


def keep_out_of_fold(
    stack: Any, plan: Plan, data: Data, table: Any, predictions: Sequence[Any], covered: np.ndarray
) -> OutOfFoldPredictions:
    """Cut the table into the blocks of the learners, with what belongs to its rows.

    Parameters
    ----------
    stack : Stack
        Which has made the table.
    plan, data
        What was fitted.
    table : array-like of shape (n_covered, n_columns)
        What the final estimator is trained on.
    predictions : sequence of ndarray, or of lists with an array for each label
        What it was made of.
    covered : ndarray of int of shape (n_covered,)
        Rows that were held out.

    Raises
    ------
    InvalidInputError
        If a learner predicted NaN or infinity, and the final estimator takes none.
    """
    classes, sizes, start = stack._classes, iter(stack._n_feature_outs), 0
    blocks: dict[str, np.ndarray] = {}
    for name, part in zip(plan.learners, predictions, strict=True):
        width = sum(next(sizes) for _ in (part if isinstance(part, list) else [part]))
        block = table[:, start : start + width]
        blocks[name] = block.toarray() if hasattr(block, "toarray") else np.array(block)
        start += width
    if not get_tags(stack.final_estimator_).input_tags.allow_nan:
        _check_finite(blocks, stack.final_estimator_)
    fold = np.full(len(data.y), -1)
    for k, (_, test) in reversed(list(enumerate(plan.splits.values()))):
        fold[test] = k
    group = plan.groups
    y = data.y if classes is None else np.asarray(data.y_given)
    labels, kind = row_labels(data.X, data.y_given)
    is_single = classes is not None and not isinstance(classes, list)
    outputs = classes if is_single else getattr(data.y_given, "columns", None)
    return OutOfFoldPredictions(
        covered,
        fold[covered],
        stack.coverage_[covered],
        y[covered],
        blocks,
        list(plan.splits.values()),
        None if group is None else np.unique(group, return_inverse=True)[1][covered],
        index=None if labels is None else labels[covered],
        index_type=kind,
        outputs=None if outputs is None else [str(output) for output in outputs],
    )


def _check_finite(blocks: Mapping[str, np.ndarray], final: Any) -> None:
    for name, block in blocks.items():
        if block.dtype.kind == "f" and not np.isfinite(block).all():
            raise InvalidInputError(
                f"Learner {name!r} predicted NaN or infinity for held-out rows, which the final "
                f"estimator {type(final).__name__} does not take. Mend the learner, or leave it "
                "out with `on_failure='drop'`."
            )


def check_takes_labels(final: Any) -> None:
    """Refuse what says that it takes one label a row; of other packages the tags say little."""
    tags = get_tags(final)
    takes = tags.target_tags.multi_output or (tags.classifier_tags or tags).multi_label
    if not takes and type(final).__module__.startswith(("sklearn.", "stackens.")):
        raise InvalidInputError(
            f"`y` has several labels a row, which the final estimator {type(final).__name__} does "
            "not take. Use one that does, such as `KNeighborsClassifier()`, `MLPClassifier()` or "
            "`MultiOutputClassifier(LogisticRegression())`."
        )


def to_logits(probabilities: Any) -> Any:
    """Return log-odds of the second of two columns; of more, logarithms that sum to 0.

    Their softmax (of one column, the logistic function) gives the probabilities back.
    """
    if isinstance(probabilities, list):
        return [to_logits(part) for part in probabilities]
    logarithms = np.log(np.clip(probabilities, _LEAST, None))
    if logarithms.shape[1] == 2:
        odds = logarithms[:, 1:] - logarithms[:, :1]
        return np.hstack([-odds, odds])
    return logarithms - logarithms.mean(axis=1, keepdims=True)


def encode_target(y: np.ndarray, classes: Any) -> np.ndarray:
    """Return a target as the final estimator sees it, with numbers for classes.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Of any rows.
    classes : ndarray, list of ndarray or None
        Classes, or those of each label; None of numbers.
    """
    if classes is None:
        return y
    if isinstance(classes, list):
        columns = zip(classes, y.T, strict=True)
        return np.array([np.searchsorted(own, column) for own, column in columns]).T
    return np.searchsorted(classes, y)


def average_predictions(
    parts: Sequence[tuple[np.ndarray, Any]], n_rows: int, *, are_labels: bool = False
) -> Any:
    """Average what each row was predicted; rows that never were stay NaN.

    Parameters
    ----------
    parts : sequence of (rows, predictions)
        One per split; predictions are an array, or a list of arrays (one per label).
    n_rows : int
        Rows of the training data.
    are_labels : bool, default=False
        Whether predictions are numbers of classes, which have no mean: the most frequent one
        counts, and of several such the first.

    Returns
    -------
    ndarray or list of ndarray
        Of shape (n_rows,) or (n_rows, n_columns).
    """
    first = parts[0][1]
    if isinstance(first, list):
        return [
            average_predictions([(rows, p[i]) for rows, p in parts], n_rows, are_labels=are_labels)
            for i in range(len(first))
        ]
    total = np.zeros((n_rows, *np.shape(first)[1:]), dtype=np.asarray(first).dtype)
    counts = np.zeros(n_rows, dtype=int)
    for rows, _ in parts:
        np.add.at(counts, rows, 1)
    if counts.max() == 1 and counts.min() == 1:  # a partition: no arithmetic, same type and bits
        for rows, predictions in parts:
            total[rows] = predictions
        return total
    if are_labels:
        labels = np.unique(np.concatenate([np.ravel(predictions) for _, predictions in parts]))
        votes = np.zeros((len(labels), *total.shape), dtype=int)
        for rows, predictions in parts:
            for own, label in zip(votes, labels, strict=True):
                np.add.at(own, rows, predictions == label)
        return np.where(votes.any(axis=0), labels[votes.argmax(axis=0)], np.nan)
    total = total.astype(float)
    for rows, predictions in parts:
        np.add.at(total, rows, predictions)
    counts = counts.reshape(-1, *[1] * (total.ndim - 1))
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
