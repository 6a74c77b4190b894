"""What a notebook shows: scores beside the diagram, bars, and short errors."""

from __future__ import annotations

import sys
import textwrap

import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from stackens import StackingClassifier
from stackens.exceptions import InvalidInputError, NoLearnerLeftError


def test_a_fitted_stack_shows_its_scores(healthy):
    html = healthy._repr_html_()
    assert "sk-container" in html
    board = healthy.leaderboard()
    for name in board.index:
        assert f'<th scope="row">{name}</th>' in html
        assert f">{board.loc[name, 'out_of_fold']:.4f}</td>" in html
    assert "predicts: stack" in html
    assert "stackens-scores" in healthy._repr_mimebundle_()["text/html"]
    assert healthy._repr_mimebundle_()["text/plain"] == repr(healthy)


def test_only_the_diagram_of_what_has_no_scores(healthy):
    assert "stackens-scores" not in clone(healthy)._repr_html_()
    X, Y = make_multilabel_classification(random_state=0)
    stack = StackingClassifier([("near", KNeighborsClassifier())], KNeighborsClassifier())
    assert "stackens-scores" not in stack.fit(X, Y)._repr_html_()
    with sklearn.config_context(display="text"):
        assert not hasattr(healthy, "_repr_html_")
        assert "text/html" not in healthy._repr_mimebundle_()


def test_scores_are_computed_once_for_each_final_estimator(healthy, monkeypatch):
    stack = healthy.with_final_estimator(DummyClassifier())
    assert f">{stack.leaderboard().loc['stack', 'out_of_fold']:.4f}</td>" in stack._repr_html_()

    def refuse(*args):
        raise AssertionError("computed again")

    monkeypatch.setattr(type(stack), "leaderboard", refuse)
    assert "stackens-scores" in stack._repr_html_()


def test_a_slow_final_estimator_is_not_cross_fitted_for_a_mere_look(healthy):
    stack = healthy.with_final_estimator(DummyClassifier())
    stack._final_seconds = 60.0
    html = stack._repr_html_()
    assert "stackens-scores" not in html
    assert "Scores: <code>leaderboard()</code>, which takes about 300 s." in html


def test_an_error_shows_what_the_user_wrote(healthy):
    X, y = load_breast_cancer(return_X_y=True)
    stack = clone(healthy).set_params(passthrough=True)
    with pytest.raises(InvalidInputError) as caught:
        stack.fit(X[:, :, None], y)
    lines = caught.value._render_traceback_()
    assert len(lines) < 12
    text = "\n".join(lines)
    assert "stack.fit(X[:, :, None], y)" in text
    assert f"InvalidInputError: {caught.value}" in text
    assert "ensemble/_" not in text


def test_an_error_tells_its_cause_and_where_it_happened():
    error = NoLearnerLeftError("All learners failed.")
    error.__cause__ = KeyError("x")
    error.add_note("Raised by learner 'lstm', fold 1.")
    lines = error._render_traceback_()
    assert "Raised by learner 'lstm', fold 1." in lines
    assert "Its cause was KeyError: 'x'" in lines


CELLS = [
    """
    import warnings

    warnings.simplefilter("error")
    from sklearn.linear_model import LogisticRegression

    from stackens import StackedRNNClassifier, StackingClassifier
    from stackens.datasets import load_digits_sequences

    X, y = load_digits_sequences(return_X_y=True)
    learners = [("lstm", StackedRNNClassifier(units=8, epochs=2))]
    final = LogisticRegression(max_iter=1000)
    stack = StackingClassifier(learners, final, cv=2, random_state=0, verbose=1)
    stack.fit(X[:100], y[:100]);
    """,
    "stack",
    "stack.fit(X[:100], y[:99])",
    "StackingClassifier(learners, passthrough=True).fit(X, y)",
]


@pytest.mark.slow
def test_a_notebook_is_executed():
    nbformat = pytest.importorskip("nbformat", reason="notebooks need nbclient and ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="notebooks need nbclient and ipykernel")
    pytest.importorskip("ipykernel", reason="notebooks need nbclient and ipykernel")
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(cell).strip()) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(notebook, timeout=300, allow_errors=True)
    manager = client.create_kernel_manager()
    manager.kernel_spec.argv[0] = sys.executable
    client.execute()
    fitted, shown, mismatched, refused = (cell.outputs for cell in notebook.cells)
    assert not [o for o in fitted if o.output_type == "error"], fitted
    bars = [o for o in fitted if "widget" in str(o.get("data")) or "step" in o.get("text", "")]
    assert bars
    assert not [o for o in fitted if "Warning" in o.get("text", "")]
    html = shown[0].data["text/html"]
    assert "sk-container" in html
    assert '<th scope="row">lstm</th>' in html
    assert [o.ename for o in mismatched] == ["InvalidInputError"]
    (error,) = refused
    assert error.ename == "InvalidInputError"
    assert len("\n".join(error.traceback).splitlines()) < 12
    assert "StackingClassifier(learners, passthrough=" in "\n".join(error.traceback)
