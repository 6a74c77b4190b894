"""
Do networks that read the order of words beat a linear model?
=============================================================

Text classification: a question is short, and what kind of answer it wants (a person, a place, a
number ...) hangs on a few words and their order. Two recurrent networks stand beside a linear model
on words and letters, which is hard to beat on small sets of texts, and beside a stack of all three.

The data are read from the folder that STACKENS_DATA names. With STACKENS_EXAMPLES=quick fewer
questions are learnt from.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from stackens import (
    OutOfFoldConfusionDisplay,
    SequenceVectorizer,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.datasets import load_trec

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    X_train, y_train = load_trec("train", return_X_y=True)
    X_test, y_test = load_trec("test", return_X_y=True)
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

if QUICK:
    X_train, y_train = X_train[:1500], y_train[:1500]
    print(f"Quick: {len(X_train)} of the training questions, so lower scores.")
print(f"{len(X_train)} questions to learn from, e.g. {X_train[0]!r} -> {y_train[0]}")


# %%
# Three ways to read
# ------------------
# Each is a Pipeline from text to probabilities, so that every fold has a vocabulary of its own
# training questions. The punctuation of these questions stands by itself: words are what lies
# between blanks.
def network(cell, **options):
    return make_pipeline(
        SequenceVectorizer(5000, max_length=20, token_pattern=r"\S+"),
        StackedRNNClassifier(
            48,
            cell=cell,
            bidirectional=True,
            vocabulary_size=5000,
            embedding_dim=64,
            dropout=0.4,
            learning_rate=0.006,
            batch_size=128,
            epochs=6,
            **options,
        ),
    )


linear = make_pipeline(
    make_union(
        TfidfVectorizer(ngram_range=(1, 3), token_pattern=r"\S+", sublinear_tf=True),
        TfidfVectorizer(ngram_range=(2, 5), analyzer="char_wb", sublinear_tf=True),
    ),
    CalibratedClassifierCV(LinearSVC(C=0.5), cv=3, ensemble=False),
)
stack = StackingClassifier(
    [
        ("bilstm", network("lstm", pooling="max")),
        ("bigru", network("gru", pooling="attention")),
        ("linear", linear),
    ],
    LogisticRegression(max_iter=2000),
    cv=3,
    random_state=0,
)
stack.fit(X_train, y_train)

# %%
# Who is better, and by more than chance?
# ---------------------------------------
# Both answer the same 500 questions, so that the error of the difference comes from the questions
# on which they differ.
board = stack.leaderboard(X_test, y_test)
print(board.round(4).to_string())


def compare(name, other, right, other_right):
    gain = right.astype(float) - other_right
    error = gain.std() / np.sqrt(len(gain))
    print(
        f"{name} {right.mean():.3f}, {other} {other_right.mean():.3f}: "
        f"{gain.mean():+.3f} ± {error:.3f} (standard error)"
    )


# As in scikit-learn, the learners of a stack predict the numbers of classes.
right = {
    name: stack.classes_[learner.predict(X_test)] == y_test
    for name, learner in stack.named_estimators_.items()
}
stacked = stack.predict(X_test) == y_test
for name in ("bilstm", "bigru"):
    compare(name, "linear model", right[name], right["linear"])
compare("stack", "linear model", stacked, right["linear"])

# %%
# A network has to learn from these questions alone that "city" and "country" are alike. Which
# classes are mixed up is seen in the training rows, each predicted by those that did not see it.
fig, (left, right_ax) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
scores = board["test"].iloc[::-1]
chance = np.sqrt(scores * (1 - scores) / len(y_test))
left.errorbar(scores, scores.index, xerr=chance, fmt="o", capsize=3)
left.set(
    xlabel=f"accuracy on {len(y_test)} test questions (± standard error)", title="Who reads best?"
)
left.grid(axis="x", alpha=0.3)
OutOfFoldConfusionDisplay.from_estimator(stack).plot(right_ax)
right_ax.set_title("The stack on rows that were held out")
figure = Path("demo_output") / "trec_questions.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
