"""The report as a file: what it says, and that it needs nothing else."""

from __future__ import annotations

import itertools
import re
import sys
from html.parser import HTMLParser

import pytest
from sklearn.datasets import load_breast_cancer, make_multilabel_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from stackens import StackingClassifier, StackingRegressor
from stackens.exceptions import InvalidInputError, MissingExtraError
from stackens.inspection import write_report

pytest.importorskip("matplotlib")

VOID = {"br", "img", "meta", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements with attributes and text, in their order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self._open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        while self._open and self._open.pop()["tag"] != tag:
            pass

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, *tags):
        return [element for element in self.elements if element["tag"] in tags]

    def table(self, caption):
        """Rows of a table, as text."""
        table = next(t for t in self.all("table") if t["text"].startswith(caption))
        start = self.elements.index(table)
        rows, last = [], None
        for element in self.elements[start + 1 :]:
            if element["tag"] == "table":
                break
            if element["tag"] == "tr":
                rows.append(last := [])
            elif element["tag"] in ("td", "th") and last is not None:
                last.append(element["text"])
        return rows


@pytest.fixture(scope="module")
def rnn_page(rnn_stack, digits, tmp_path_factory):
    X, y = digits
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert rnn_stack.report(path, X[:60], y[:60], title="Digits <b>") == path
    return Page(path.read_text("utf-8"))


def test_the_leaderboard_is_that_of_the_stack(rnn_page, rnn_stack, digits):
    X, y = digits
    board = rnn_stack.leaderboard(X[:60], y[:60])
    header, *rows = rnn_page.table("Leaderboard by accuracy")
    assert header[:3] == ["name", "out of fold", "test"]
    assert [row[0] for row in rows] == list(board.index)
    for row in rows:
        assert row[1:3] == [f"{board.loc[row[0], c]:.4f}" for c in ("out_of_fold", "test")]
    assert [row[0] for row in rows if row[-1] == "yes"] == ["stack"]


def test_all_pictures_are_in_the_file_and_told_in_words(rnn_page, rnn_stack):
    images = rnn_page.all("img")
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in images)
    assert all(len(image["alt"]) > 40 for image in images)
    titles = [image["alt"].split(":")[0] for image in images]
    assert titles == [
        "Training curves",
        "Correlation of the learners' errors",
        "Correlation of the learners' outputs",
        "Weights of the final estimator",
        "What each learner adds",
        "Cost and score",
        "Calibration",
        "Confusion of classes",
    ]
    outputs = rnn_stack.out_of_fold()
    n_right = int((outputs.y_true == outputs.y_pred).sum())
    assert f"Of 300 held-out rows the stack recognises {n_right};" in images[-1]["alt"]


def test_headings_leave_no_level_out(rnn_page):
    levels = [int(element["tag"][1]) for element in rnn_page.all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_nothing_is_loaded_from_elsewhere(rnn_page):
    for element in rnn_page.elements:
        assert element["tag"] not in ("link", "iframe", "object", "embed", "base")
        assert element.get("src", "data:").startswith("data:")
    styles = " ".join(element["text"] for element in rnn_page.all("style"))
    assert not re.search(r"@import|url\(\s*['\"]?http", styles)
    policy = next(e for e in rnn_page.all("meta") if "http-equiv" in e)
    assert "default-src 'none'" in policy["content"]


def test_data_settings_and_versions_are_there(rnn_page, rnn_stack):
    import sklearn

    data = {row[0]: row[1] for row in rnn_page.table("Data")[1:]}
    assert data["training rows"] == "300"
    assert data["splits"] == "3"
    assert data["test rows"] == "60"
    classes = rnn_page.table("Classes")[1:]
    counts = [int((rnn_stack.out_of_fold_predictions_.y == k).sum()) for k in range(10)]
    assert classes == [[str(k), str(count)] for k, count in enumerate(counts)]
    settings = {row[0]: row[1] for row in rnn_page.table("Parameters of the stack")[1:]}
    assert set(settings) == set(rnn_stack.get_params())
    assert settings["gru__cell"] == "'gru'"
    versions = {row[0]: row[1] for row in rnn_page.table("Versions")[1:]}
    assert versions["scikit-learn"] == sklearn.__version__


def test_findings_are_listed(rnn_page, rnn_stack):
    from stackens.inspection import diagnose

    found = diagnose(rnn_stack)
    items = [element for element in rnn_page.all("li") if element.get("class") == "finding"]
    assert [item["data-kind"] for item in items] == [finding.kind for finding in found]
    assert "carried_class" in {finding.kind for finding in found}  # networks of three epochs
    for item, finding in zip(items, found, strict=True):
        assert item["text"] == finding.title + finding.text.replace("`", "")


def test_what_a_user_named_is_no_html(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    bad = "<script>alert('1')</script>\"&"
    learners = [
        (bad, GaussianNB()),
        ("<img src=x onerror=alert(1)>", GaussianNB(priors=[0.5, 0.5])),
    ]
    labels = [f"<b onclick='x'>{k}</b>" for k in y]
    stack = StackingClassifier(learners).fit(X, labels)
    path = stack.report(tmp_path / "report.html", title=bad)
    page = Page(path.read_text("utf-8"))
    assert not [element for element in page.elements if "onerror" in element]
    assert not [element for element in page.all("b") if "onclick" in element]
    assert not [s for s in page.all("script") if "alert" in s["text"]]
    assert page.all("h1")[0]["text"] == page.all("title")[0]["text"] == bad
    shown = Page(stack._repr_html_())
    assert not [element for element in shown.elements if "onerror" in element]
    assert not [s for s in shown.all("script") if "alert" in s["text"]]
    assert bad in [row[0] for row in shown.table("Scores")]


def test_a_report_of_numbers(regression, outputs, tmp_path):
    path = write_report(regression, tmp_path / "report.html", scoring="neg_mean_absolute_error")
    page = Page(path.read_text("utf-8"))
    titles = [image["alt"].split(":")[0] for image in page.all("img")]
    assert titles[-1] == "Predicted and true values"
    assert "Training curves: No network" in page.all("main")[0]["text"]
    y = regression.out_of_fold_predictions_.y
    assert page.table("Target")[1][1:] == [
        f"{v:.4f}" for v in (y.mean(), y.std(), y.min(), y.max())
    ]
    assert page.table("Leaderboard by neg_mean_absolute_error")
    page = Page(outputs.report(tmp_path / "two.html").read_text("utf-8"))
    assert len(page.table("Target")) == 3


def test_an_only_learner_has_a_report(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    stack = StackingClassifier([("bayes", GaussianNB())], KNeighborsClassifier()).fit(X, y)
    text = stack.report(tmp_path / "report.html").read_text("utf-8")
    assert "There are no two learners to compare" in text
    assert "KNeighborsClassifier has no <code>weights_</code>" in text


def test_the_same_stack_has_the_same_report(regression, tmp_path):
    first, again = (
        re.sub(r"sk-(container-id|estimator-id)-\d+", "", path.read_text("utf-8"))
        for path in (regression.report(tmp_path / name) for name in ("a.html", "b.html"))
    )
    assert first == again


def test_a_report_that_fails_leaves_the_old_one(regression, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        patch.setitem(sys.modules, "matplotlib.style", None)
        with pytest.raises(MissingExtraError, match=r"stackens\[plot\]"):
            regression.report(path)
    assert path.read_text() == "old"
    with pytest.raises(ValueError, match="needs both `X` and `y`"):
        regression.report(path, X=[[0.0] * 10])
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_stacks_without_comparable_predictions_are_refused(tmp_path):
    X, Y = make_multilabel_classification(random_state=0)
    stack = StackingClassifier([("near", KNeighborsClassifier())], KNeighborsClassifier())
    with pytest.raises(ValueError, match="several labels"):
        stack.fit(X, Y).report(tmp_path / "report.html")
    with pytest.raises(ValueError, match="not fitted"):
        StackingRegressor([("ridge", Ridge())]).report(tmp_path / "report.html")
    fitted = LogisticRegression(max_iter=5000).fit(X, Y[:, 0])
    prefit = StackingClassifier([("linear", fitted)], cv="prefit").fit(X, Y[:, 0])
    with pytest.raises(InvalidInputError, match="report needs out-of-fold predictions"):
        prefit.report(tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", [None, 3, "."])
def test_a_report_needs_the_path_of_a_file(regression, path):
    with pytest.raises(InvalidInputError, match=r"`path` must be that of a file, e\.g\."):
        regression.report(path)
