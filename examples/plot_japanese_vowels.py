"""
Who is speaking?
================

Nine speakers say a vowel: ragged sequences of 7 to 29 frames with 12 channels. Nothing is padded
by hand. Published accuracies on the same split: 0.965 by TWIESN (recurrent), 0.992 by a ResNet.

The data are read from the folder that STACKENS_DATA names, or downloaded. With
STACKENS_EXAMPLES=quick the networks train for fewer epochs.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import (
    SequenceScaler,
    SequenceSummarizer,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.datasets import load_japanese_vowels

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    X_train, y_train = load_japanese_vowels("train", return_X_y=True)
    X_test, y_test = load_japanese_vowels("test", return_X_y=True)
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

epochs = 8 if QUICK else 40
if QUICK:
    print(f"Quick: {epochs} epochs, so lower scores.")


# %%
# Level 0
# -------
# Every learner is a Pipeline; the scaler of a fold sees the training rows of that fold alone.
def rnn(**parameters):
    return make_pipeline(
        SequenceScaler(),
        StackedRNNClassifier(32, bidirectional=True, dropout=0.2, epochs=epochs, **parameters),
    )


# %%
# A stack of networks and a linear model
# --------------------------------------
stack = StackingClassifier(
    [
        ("bilstm", rnn()),
        ("stacked", rnn(n_layers=2, pooling="mean")),
        ("attention", rnn(n_layers=2, pooling="attention")),
        (
            "summary",
            make_pipeline(
                SequenceSummarizer(), StandardScaler(), LogisticRegression(max_iter=2000)
            ),
        ),
    ],
    LogisticRegression(max_iter=2000),
    random_state=0,
    verbose=1,
)
stack.fit(X_train, y_train)

# %%
# Beside the linear model on a summary
# ------------------------------------
board = stack.leaderboard(X_test, y_test)
print(board.round(4).to_string())
print(
    f"\nTest accuracy of the stack: {stack.score(X_test, y_test):.4f}; of the linear model on a "
    f"summary: {board.loc['summary', 'test']:.4f}"
)

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
board["test"].iloc[::-1].plot.barh(ax=ax, label="_", xlim=(0.9, 1.0), xlabel="test accuracy")
ax.set_title("Who is speaking?")
ax.axvline(0.965, color="black", linestyle=":", label="TWIESN (published)")
ax.axvline(0.992, color="black", linestyle="--", label="ResNet (published)")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
figure = Path("demo_output") / "japanese_vowels.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
