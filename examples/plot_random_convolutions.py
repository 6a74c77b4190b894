"""
What do kernels that nobody trains add to a network?
====================================================

Handwritten digits, read row by row: 8 steps with 8 features. At level 0 stands a stacked LSTM, and
beside it random convolutions before ridge classifiers: thousands of kernels as in MiniRocket, and
competing ones as in Hydra, of which only the weights behind them are trained. No download. With
STACKENS_EXAMPLES=quick the network trains for fewer epochs.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import (
    HydraConvolutions,
    RandomConvolutions,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.datasets import load_digits_sequences

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

X, y = load_digits_sequences(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=500, stratify=y, random_state=0
)

# %%
# Three learners
# --------------
# Biases of kernels are quantiles of outputs on training rows; in a stack, on those of the fold.
epochs = 6 if QUICK else 30
if QUICK:
    print(f"Quick: {epochs} epochs, so lower scores.")
linear = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-3, 3, 10)))
stack = StackingClassifier(
    [
        ("convolutions", make_pipeline(RandomConvolutions(5_000, random_state=0), linear)),
        ("hydra", make_pipeline(HydraConvolutions(random_state=0), linear)),
        ("lstm", StackedRNNClassifier(32, n_layers=2, bidirectional=True, epochs=epochs)),
    ],
    LogisticRegression(max_iter=1000),
    random_state=0,
)
stack.fit(X_train, y_train)

# %%
# Each alone, and together
# ------------------------
board = stack.leaderboard(X_test, y_test)
print(board.round(4).to_string())
wrong = {
    name: learner.predict(X_test) != y_test for name, learner in stack.named_estimators_.items()
}
common = np.logical_and.reduce(list(wrong.values())).sum()
print("\nDigits that are wrong: " + ", ".join(f"{name} {w.sum()}" for name, w in wrong.items()))
print(f"by all: {common} of {len(y_test)}")
score = stack.score(X_test, y_test)
print(f"Test accuracy of the stack: {score:.4f}")

# %%
# They err on different digits
# ----------------------------
# That is what a stack lives on: where one is wrong, others often are not.
fig, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
scores = board["test"].drop("average").iloc[::-1]
ax.barh(scores.index, scores)
ax.set(xlim=(min(scores) - 0.02, 1.0), xlabel="test accuracy", title="Digits, 500 training rows")
figure = Path("demo_output") / "random_convolutions.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
