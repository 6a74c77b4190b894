"""What a fitted stack shows of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from stackens.ensemble._contributions import measure_contributions
from stackens.ensemble._out_of_fold_outputs import OutOfFoldOutputs, check_comparable, read_outputs
from stackens.exceptions import InvalidInputError

__all__ = ["Inspectable"]

_PATIENCE = 2.0  # seconds that a notebook may compute for what it only shows

# By final estimator, so that a notebook that shows a stack again computes nothing.
_SHOWN: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


class Inspectable:
    """Methods of a stack that look at what it has learnt; pictures are in ``inspection``."""

    def out_of_fold(self, name: str = "stack") -> OutOfFoldOutputs:
        """Return what a learner, the average of all or the stack predicted for unseen rows.

        Parameters
        ----------
        name : str, default="stack"
            A learner, "average", or "stack", whose final estimator is fitted anew for each split on
            the out-of-fold predictions of the other rows.

        Returns
        -------
        OutOfFoldOutputs
            True and predicted targets, and probabilities if there are any. Of a stack, without the
            rows of splits whose training rows nobody else held out, such as the first split in
            time.

        Raises
        ------
        InvalidInputError
            If there are no out-of-fold predictions, several labels a row, or no such name.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from stackens import StackingClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
        >>> outputs = stack.out_of_fold()
        >>> outputs.y_pred.shape, outputs.y_proba.shape
        ((150,), (150, 3))
        """
        check_is_fitted(self)
        return read_outputs(self, name)

    def contributions(
        self, scoring: Any = None, *, n_repeats: int = 5, random_state: Any = 0
    ) -> Any:
        """Measure what each learner adds, on rows that the final estimator did not see.

        Parameters
        ----------
        scoring : str or callable, default=None
            As in scikit-learn; None is accuracy for classifiers and R² for regressors.
        n_repeats : int, default=5
            Permutations of each learner's columns.
        random_state : int, RandomState instance or None, default=0
            Of the permutations.

        Returns
        -------
        pandas.DataFrame
            A row for each learner. ``drop_one`` is the score that is lost if the final estimator
            is fitted without the learner, ``drop_one_error`` its standard error (over rows where
            the score is a mean over rows, else over splits); both are NaN for an only learner.
            ``permutation`` is the mean score that is lost if the learner's columns change places
            between the held-out rows, which shows how much this final estimator relies on it, and
            ``permutation_std`` the standard deviation. Two learners that know the same have a
            ``drop_one`` near 0 each. Columns of ``passthrough`` have no part in it.

        Raises
        ------
        InvalidInputError
            If there are no out-of-fold predictions, or several labels a row.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.dummy import DummyClassifier
        >>> from sklearn.linear_model import LogisticRegression
        >>> from stackens import StackingClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> stack = StackingClassifier(
        ...     [("linear", LogisticRegression(max_iter=1000)), ("dummy", DummyClassifier())])
        >>> table = stack.fit(X, y).contributions()
        >>> bool(table.loc["linear", "drop_one"] > 0.5), float(table.loc["dummy", "drop_one"])
        (True, 0.0)
        """
        check_is_fitted(self)
        return measure_contributions(self, scoring, n_repeats, random_state)

    def report(
        self,
        path: Any,
        X: Any = None,
        y: Any = None,
        *,
        scoring: Any = None,
        title: str = "Report of a stack",
    ) -> Path:
        """Write one HTML file: leaderboard, pictures, diagram, data, settings and warnings.

        Parameters
        ----------
        path : path-like
            Of the file, e.g. "report.html"; one that exists is replaced.
        X, y : array-like of shape (n_samples, ...), default=None
            Test data; without them only out-of-fold scores are given.
        scoring : str or callable, default=None
            As in scikit-learn; None is accuracy for classifiers and R² for regressors.
        title : str, default="Report of a stack"
            Heading.

        Returns
        -------
        pathlib.Path
            The file, which needs no other file and no network.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        InvalidInputError
            If there are no out-of-fold predictions, or several labels a row.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from stackens import StackingClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
        >>> stack.report("report.html")  # doctest: +SKIP
        PosixPath('report.html')
        """
        from stackens.inspection import write_report

        check_is_fitted(self)
        return write_report(self, path, X, y, scoring=scoring, title=title)

    def _repr_html_inner(self) -> str:
        from stackens.inspection import notebook_html

        return notebook_html(self, *_scores_to_show(self))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] = self._repr_html_inner()
        return bundle


def _scores_to_show(stack: Any) -> tuple[Any, str]:
    """Return the leaderboard of a fitted stack, or None and why it is not shown."""
    try:
        check_is_fitted(stack)
        check_comparable(stack, "leaderboard")
    except (NotFittedError, InvalidInputError):
        return None, ""
    seconds = stack._final_seconds * len(stack.out_of_fold_predictions_.splits)
    if seconds > _PATIENCE:
        return None, f"Scores: `leaderboard()`, which takes about {seconds:.0f} s."
    if stack.final_estimator_ not in _SHOWN:
        try:
            _SHOWN[stack.final_estimator_] = stack.leaderboard()
        except InvalidInputError as error:  # splits on which the stack has no honest score
            return None, str(error)
    return _SHOWN[stack.final_estimator_], ""
