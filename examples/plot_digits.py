"""
Does a stack of stacked RNNs beat the best of them?
===================================================

Handwritten digits, read row by row: each image is a sequence of 8 steps with 8 features. Three
different stacked RNNs are trained on five folds and once more on all training rows; their
out-of-fold predictions train a logistic regression. No download. With STACKENS_EXAMPLES=quick the
networks train for fewer epochs.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from stackens import StackedRNNClassifier, StackingClassifier
from stackens.datasets import load_digits_sequences

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0  # another one: plot_digits.py 1
X, y = load_digits_sequences(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Level 0 and level 1
# -------------------
epochs = 6 if QUICK else 30
if QUICK:
    print(f"Quick: {epochs} epochs, so lower scores.")
stack = StackingClassifier(
    [
        ("lstm", StackedRNNClassifier(64, n_layers=2, epochs=epochs)),
        ("bilstm", StackedRNNClassifier(48, n_layers=2, bidirectional=True, epochs=epochs)),
        (
            "attention",
            StackedRNNClassifier(
                48, n_layers=2, bidirectional=True, pooling="attention", dropout=0.1, epochs=epochs
            ),
        ),
    ],
    LogisticRegression(max_iter=1000),
    cv=5,
    random_state=seed,
    verbose=1,
)
stack.fit(X_train, y_train)

# %%
# Who is how good, and at what cost?
# ----------------------------------
board = stack.leaderboard(X_test, y_test)
print(board.round(4).to_string())

# %%
# What needs no test set
# ----------------------
# Out-of-fold scores are of three times as many rows as the test has. Where the two disagree by a
# percent or two, the order of the learners is not known.
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
scores = board[["out_of_fold", "test"]].iloc[::-1]
scores.plot.barh(ax=left, xlim=(scores.min().min() - 0.05, 1.0))
left.set_xlabel("accuracy")
left.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
for name, learner in stack.named_estimators_.items():
    right.plot(learner.history_["loss"], label=name)
right.set(xlabel="epoch", ylabel="training loss", yscale="log", title="The refits on all rows")
right.legend()
figure = Path("demo_output") / "digits_stack.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"\nTest accuracy of the stack: {stack.score(X_test, y_test):.4f}")
print(f"{len(stack.estimators) * 6} networks trained in {stack.seconds_:.1f} s")
print(f"Figure: {figure.resolve()}")
