"""The second level of a stack: its columns, its final estimator, and what is kept of both."""

from __future__ import annotations

import copy
import time
import warnings
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import is_classifier
from sklearn.ensemble._base import _fit_single_estimator
from sklearn.ensemble._stacking import _BaseStacking
from sklearn.utils import Bunch, _safe_indexing, check_random_state, get_tags
from sklearn.utils.metadata_routing import _routing_enabled, get_routing_for_object
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_method_params,
    _num_samples,
    check_is_fitted,
)

from stackens.ensemble._fallback import choose_predictor
from stackens.ensemble._fit import Fit
from stackens.ensemble._fold_average import FoldAverage
from stackens.ensemble._groups import groups_for_final
from stackens.ensemble._level_one import declare_blocks
from stackens.ensemble._names import check_names, read_names
from stackens.ensemble._out_of_fold import (
    OutOfFoldPredictions,
    align_classes,
    average_predictions,
    row_labels,
)
from stackens.ensemble._out_of_fold_outputs import read_histories
from stackens.ensemble._outputs import encode_target, to_logits
from stackens.ensemble._passthrough import passthrough_names, passthrough_table
from stackens.ensemble._predictions import as_arrays
from stackens.ensemble._seeds import fill_seeds
from stackens.ensemble._splits import Split, count_coverage
from stackens.exceptions import InvalidInputError, MissingClassWarning
from stackens.training import Task, stream
from stackens.views import with_rows

__all__ = ["LevelOneStacking"]


class LevelOneStacking(_BaseStacking):
    """From the predictions of held-out rows to a fitted final estimator."""

    def _learn_names(self, X: Any) -> None:
        """Keep the names of columns or channels: not all learners do; some make up their own."""
        self._names_in = read_names(X)
        self.__dict__.pop("feature_names_in_", None)
        if None in self._names_in:
            self.feature_names_in_ = np.array(self._names_in[None], dtype=object)

    def _transform(self, X: Any) -> Any:
        check_is_fitted(self)
        check_names(self, with_rows(X))
        return super()._transform(X)

    def _draw_seed(self) -> None:
        """Draw, once for a fit, what all missing seeds come from."""
        self._seed: int | None = None
        if self.random_state is not None:
            self._seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)

    def _validate_final_estimator(self) -> None:
        super()._validate_final_estimator()
        if isinstance(getattr(self, "classes_", None), list):
            _check_takes_labels(self.final_estimator_)
        seed = getattr(self, "_seed", None)  # a prefit stack has none
        if seed is not None:
            fill_seeds(self.final_estimator_, stream(seed, "final estimator").integers)

    def _adopt(
        self, names: Any, learners: dict[str, Any], methods: dict[str, str], fits: list[Fit]
    ) -> None:
        """Set what predicts: the refits, or averages of fold models."""
        fitted = {}
        for name in learners:
            own = {fit.fold: fit.fitted for fit in fits if fit.name == name}
            if None in own:
                fitted[name] = own[None]
            else:
                fitted[name] = FoldAverage(list(own.values()), self._numbered_classes())
        self.estimators_ = list(fitted.values())
        self.named_estimators_ = Bunch(**{name: fitted.get(name, "drop") for name in names})
        self.stack_method_ = [methods[name] for name in learners]
        self.fit_seconds_ = {
            name: sum(fit.seconds for fit in fits if fit.name == name) for name in learners
        }
        self.histories_ = read_histories(fits)

    def _numbered_classes(self) -> Any:
        """Return the classes as learners see them: their numbers; None for numbers as targets."""
        if not is_classifier(self):
            return None
        if isinstance(self.classes_, list):
            return [np.arange(len(classes)) for classes in self.classes_]
        return np.arange(len(self.classes_))

    def _fit_final(
        self,
        X: Any,
        y: Any,
        y_given: Any,
        splits: list[Split],
        fits: list[Fit],
        names: list[str],
        params: dict[str, Any],
        task: Task,
    ) -> None:
        kept_y = np.asarray(y_given) if is_classifier(self) else y
        predictions = [
            average_predictions(
                [(f.test, self._align(f)) for f in fits if f.name == name and f.test is not None],
                len(y),
                are_labels=is_classifier(self) and method == "predict",
            )
            for name, method in zip(names, self.stack_method_, strict=True)
        ]
        predictions = self._split_labels(predictions)
        matrix = self._concatenate_predictions(X, predictions)
        self.coverage_ = count_coverage(splits, len(y))
        covered = np.flatnonzero(self.coverage_)
        groups = None if fits[0].hold_out is None else fits[0].hold_out.groups
        params = {
            **self._final_params(params),
            **groups_for_final(self.final_estimator_, groups),
        }
        if len(covered) < len(y):
            matrix, y = matrix[covered], y[covered]
            params = _check_method_params(X, params, indices=covered)
        self._check_predictions(predictions, covered, names)
        sizes = iter(self._n_feature_outs)  # a learner with a list has one for each label
        widths = [
            sum(next(sizes) for _ in range(len(p) if isinstance(p, list) else 1))
            for p in predictions
        ]
        self._passed_through = _numbers_beyond(matrix, sum(widths))
        layout = dict(zip(names, widths, strict=True))
        declare_blocks(self.final_estimator_, layout, self._block_methods)
        started = time.perf_counter()
        with task.fitting(self.final_estimator_, X=matrix, y=y, metadata=params or None):
            _fit_single_estimator(self.final_estimator_, matrix, y, fit_params=params)
        self._final_seconds = time.perf_counter() - started
        self._final_weights = params.get("sample_weight")
        group = None if groups is None else np.unique(groups, return_inverse=True)[1][covered]
        self._keep_out_of_fold(matrix, kept_y, splits, covered, layout, group)
        self._name_out_of_fold(X, y_given)

    def _final_params(self, params: dict[str, Any]) -> dict[str, Any]:
        if not _routing_enabled():
            return params
        request = get_routing_for_object(self.final_estimator_)
        asked = request.consumes("fit", params.keys())
        return {k: v for k, v in params.items() if k in asked}

    def _concatenate_predictions(self, X: Any, predictions: list[Any]) -> Any:
        predictions = self._split_labels([as_arrays(p) for p in predictions])
        if self.stack_method == "logit":
            predictions = [
                to_logits(p) if method == "predict_proba" else p
                for p, method in zip(predictions, self.stack_method_, strict=True)
            ]
        if self.passthrough:
            X = passthrough_table(with_rows(X), self.passthrough)
            self._n_passthrough = X.shape[1] if hasattr(X, "shape") else np.shape(X)[1]
        return super()._concatenate_predictions(X, predictions)

    def _split_labels(self, predictions: list[Any]) -> list[Any]:
        """Write probabilities of several labels as one array of two columns for each of them."""
        if not is_classifier(self) or not isinstance(self.classes_, list):
            return predictions
        return [
            [np.column_stack([1 - column, column]) for column in p.T]
            if method == "predict_proba" and not isinstance(p, list)
            else _align_labels(p, estimator, method)
            for p, method, estimator in zip(
                predictions, self.stack_method_, self.estimators_, strict=True
            )
        ]

    @staticmethod
    def _method_name(name: str, estimator: Any, method: Any) -> Any:
        # Logits are made of probabilities.
        method = "predict_proba" if method == "logit" else method
        return _BaseStacking._method_name(name, estimator, method)

    @property
    def _block_methods(self) -> list[str]:
        """What the columns of each learner are."""
        is_logit = self.stack_method == "logit"
        return [
            "logit" if is_logit and method == "predict_proba" else method
            for method in self.stack_method_
        ]

    def _align(self, fit: Fit) -> Any:
        if not is_classifier(self):
            return fit.predictions
        if isinstance(self.classes_, list):
            return _align_labels(fit.predictions, fit.fitted, fit.method)
        n_classes = len(self.classes_)
        seen = getattr(fit.fitted, "classes_", None)
        if fit.method != "predict" and seen is not None and len(seen) < n_classes:
            absent = np.delete(self.classes_, np.asarray(seen, int)).tolist()
            _warn_missing(fit, absent)
        return align_classes(fit.predictions, fit.fitted, n_classes, fit.method)

    def _check_predictions(
        self, predictions: list[Any], covered: np.ndarray, names: list[str]
    ) -> None:
        if get_tags(self.final_estimator_).input_tags.allow_nan:
            return
        for name, values in zip(names, predictions, strict=True):
            for part in values if isinstance(values, list) else [values]:
                part = np.asarray(part)
                if part.dtype.kind == "f" and not np.isfinite(part[covered]).all():
                    raise InvalidInputError(
                        f"Learner {name!r} predicted NaN or infinity for held-out rows, which the "
                        f"final estimator {type(self.final_estimator_).__name__} does not take. "
                        "Mend the learner, or leave it out with `on_failure='drop'`."
                    )

    def _keep_out_of_fold(
        self,
        matrix: Any,
        y: np.ndarray,
        splits: list[Split],
        covered: np.ndarray,
        widths: dict[str, int],
        group: np.ndarray | None,
    ) -> None:
        fold = np.full(len(y), -1)
        for k, (_, test) in reversed(list(enumerate(splits))):
            fold[test] = k
        blocks = {}
        start = 0
        for name, width in widths.items():
            block = matrix[:, start : start + width]
            blocks[name] = block.toarray() if hasattr(block, "toarray") else np.array(block)
            start += width
        self.out_of_fold_predictions_ = OutOfFoldPredictions(
            covered, fold[covered], self.coverage_[covered], y[covered], blocks, splits, group
        )

    def _name_out_of_fold(self, X: Any, y: Any) -> None:
        """Add the labels of the rows, and classes or targets as names of columns."""
        kept = self.out_of_fold_predictions_
        labels, kind = row_labels(X, y)
        is_single = is_classifier(self) and not isinstance(self.classes_, list)
        outputs = self.classes_ if is_single else getattr(y, "columns", None)
        self.out_of_fold_predictions_ = replace(
            kept,
            index=None if labels is None else labels[kept.row_index],
            index_type=kind,
            outputs=None if outputs is None else [str(output) for output in outputs],
        )

    def with_final_estimator(
        self, final_estimator: Any, X: Any = None, *, sample_weight: Any = None
    ) -> Self:
        """Return this fitted stack with another final estimator; no learner is trained.

        Parameters
        ----------
        final_estimator : estimator
            Trained on the out-of-fold predictions that are there; None is the default one.
        X : array-like of shape (n_samples, ...), default=None
            The training data; needed with ``passthrough=True`` only.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of all training rows, for the final estimator.

        Returns
        -------
        stack
            A new one, which shares the fitted learners with this one.

        Raises
        ------
        InvalidInputError
            If there are no out-of-fold predictions, or ``X`` is needed and missing.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from stackens import StackingClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
        >>> tree = stack.with_final_estimator(DecisionTreeClassifier(max_depth=2))
        >>> tree.estimators_ == stack.estimators_
        True
        """
        check_is_fitted(self)
        if not hasattr(self, "out_of_fold_predictions_"):
            raise InvalidInputError(
                "`with_final_estimator` needs out-of-fold predictions, which `cv='prefit'` has not."
            )
        kept = self.out_of_fold_predictions_
        matrix = kept.matrix
        if self.passthrough:
            if X is None or _num_samples(X) != len(self.coverage_):
                raise InvalidInputError(
                    "With `passthrough=True` the final estimator needs the training data: "
                    f"`with_final_estimator(…, X)` with {len(self.coverage_)} rows."
                )
            check_names(self, with_rows(X))
            X = passthrough_table(_safe_indexing(X, kept.row_index), self.passthrough)
            matrix = np.hstack([matrix, X.toarray() if hasattr(X, "toarray") else np.asarray(X)])
        stack: Self = copy.copy(self)
        stack.final_estimator = final_estimator
        stack._validate_final_estimator()
        params = groups_for_final(stack.final_estimator_, kept.group)
        if sample_weight is not None:
            params["sample_weight"] = np.asarray(sample_weight)[kept.row_index]
        declare_blocks(stack.final_estimator_, kept.widths, self._block_methods)
        _fit_single_estimator(
            stack.final_estimator_, matrix, encode_target(self, kept.y), fit_params=params
        )
        stack._final_weights = params.get("sample_weight")
        stack.predicts_with_ = choose_predictor(stack)
        return stack

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns that the final estimator sees.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of the columns of ``X``, which ``passthrough`` adds.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
            Class and learner, e.g. ``stackingclassifier_lstm``, with a number if the learner has
            several columns.
        """
        check_is_fitted(self, "estimators_")
        _check_feature_names_in(self, input_features, generate_names=False)
        if not hasattr(self, "out_of_fold_predictions_"):  # prefit
            return np.asarray(super().get_feature_names_out(input_features))
        prefix = type(self).__name__.lower()
        names = [
            f"{prefix}_{name}{'' if width == 1 else k}"
            for name, width in self.out_of_fold_predictions_.widths.items()
            for k in range(width)
        ]
        if self.passthrough is True:
            names += list(_check_feature_names_in(self, input_features))
        elif self.passthrough:
            names += passthrough_names(self.passthrough, self._n_passthrough)
        return np.asarray(names, dtype=object)


def _align_labels(predictions: Any, estimator: Any, method: str) -> Any:
    """Give every label of a list the columns of its absence and its presence."""
    if not isinstance(predictions, list) or all(part.shape[1] == 2 for part in predictions):
        return predictions
    return align_classes(predictions, estimator, 2, method)


def _numbers_beyond(matrix: Any, start: int) -> Any:
    """Return a copy of the columns that are no learner's; None if there are no numbers there."""
    columns = matrix[:, start:]
    return columns.copy() if columns.shape[1] and columns.dtype.kind in "biuf" else None


def _check_takes_labels(final: Any) -> None:
    """Refuse what says that it takes one label a row; of other packages the tags say little."""
    tags = get_tags(final)
    takes = tags.target_tags.multi_output or (tags.classifier_tags or tags).multi_label
    if not takes and type(final).__module__.startswith(("sklearn.", "stackens.")):
        raise InvalidInputError(
            f"`y` has several labels a row, which the final estimator {type(final).__name__} does "
            "not take. Use one that does, such as `KNeighborsClassifier()`, `MLPClassifier()` or "
            "`MultiOutputClassifier(LogisticRegression())`."
        )


def _warn_missing(fit: Fit, absent: list[Any]) -> None:
    warnings.warn(
        f"The training rows of {fit.label} lack the classes {absent}: their columns are "
        f"{'0' if fit.method == 'predict_proba' else 'the smallest float'} there. Use fewer or "
        "stratified folds.",
        MissingClassWarning,
        stacklevel=2,
    )
