"""
Can a gesture be recognised before it ends?
===========================================

Motion: people on an aircraft carrier give signals with their arms, and whoever waits for the end
of a signal reacts late. How much of a gesture does a network need, beside the nearest neighbour on
the same frames? ``View`` in front of a learner cuts the frames off, and the rest stays as it is.

The data (NATOPS) are read from the folder that STACKENS_DATA names. With STACKENS_EXAMPLES=quick
two cuts are tried, for fewer epochs.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import (
    ConvexBlendClassifier,
    SequenceFlattener,
    SequenceScaler,
    SequenceSummarizer,
    StackedRNNClassifier,
    StackingClassifier,
    View,
)
from stackens.datasets import load_natops

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    X_train, y_train = load_natops("train", return_X_y=True)
    X_test, y_test = load_natops("test", return_X_y=True)
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

n_frames = X_train.shape[1]
parts = [0.5, 1.0] if QUICK else [0.25, 0.5, 0.75, 1.0]
epochs = 10 if QUICK else 40
if QUICK:
    print(f"Quick: {len(parts)} cuts and {epochs} epochs, so lower scores.")
print(f"{len(X_train)} gestures of {n_frames} frames with {X_train.shape[2]} channels")


# %%
# A learner for every cut
# -----------------------
# A network that was trained on whole gestures is no judge of halves, so each cut has a stack of its
# own, made of the same learners.
def make_stack(n):
    size = {"bidirectional": True, "dropout": 0.2, "learning_rate": 0.003, "batch_size": 16}
    rnn = StackedRNNClassifier(48, pooling="mean", epochs=epochs, **size)
    summary = SequenceSummarizer(), StandardScaler(), LogisticRegression(max_iter=2000)
    return StackingClassifier(
        [
            ("bilstm", make_pipeline(View(timesteps=(0, n)), SequenceScaler(), rnn)),
            ("linear", make_pipeline(View(timesteps=(0, n)), *summary)),
        ],
        ConvexBlendClassifier(),
        cv=3,
        random_state=0,
    )


# %%
# The baseline
# ------------
# The nearest neighbour, of the same frames one after the other.
def make_neighbour(n):
    return make_pipeline(
        View(timesteps=(0, n)), SequenceScaler(), SequenceFlattener(), KNeighborsClassifier(1)
    )


scores = {}
for part in parts:
    n = round(part * n_frames)
    stack = make_stack(n).fit(X_train, y_train)
    column = stack.leaderboard(X_test, y_test)["test"]
    column["neighbour"] = make_neighbour(n).fit(X_train, y_train).score(X_test, y_test)
    scores[n] = column
scores = pd.DataFrame(scores).rename_axis(columns="frames seen")
print(scores.round(3).to_string())

# %%
# Whole gestures
# --------------
# The last stack has seen everything. Published for whole gestures: 0.922 by a signature kernel.
predicted = stack.predict(X_test)
gain = (predicted == y_test).astype(float) - (
    make_neighbour(n_frames).fit(X_train, y_train).predict(X_test) == y_test
)
print(
    f"all {n_frames} frames: stack {scores.loc['stack', n_frames]:.3f}, neighbour "
    f"{scores.loc['neighbour', n_frames]:.3f}: {gain.mean():+.3f} ± "
    f"{gain.std() / np.sqrt(len(gain)):.3f} (standard error); linear model of a "
    f"summary {scores.loc['linear', n_frames]:.3f}"
)

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
height = X_train[:, :, 4]
for kind, color in zip(np.unique(y_train), plt.get_cmap("tab10").colors, strict=False):
    left.plot(height[y_train == kind].mean(axis=0), color=color, label=f"gesture {kind}")
left.set(xlabel="frame", ylabel="height of a hand, mean of the class", title="Six gestures")
left.legend(fontsize="small")
for name, line in scores.iterrows():
    style = {"linewidth": 2.5, "color": "black"} if name == "stack" else {"alpha": 0.8}
    style |= {"linestyle": "--", "color": "tab:red"} if name == "neighbour" else {}
    right.plot(scores.columns, line, marker="o", label=name, **style)
right.axhline(0.922, color="gray", linestyle=":", label="signature kernel (published)")
right.set(xlabel="frames seen", ylabel="test accuracy", title="How early?", xticks=scores.columns)
right.legend(fontsize="small")
figure = Path("demo_output") / "early_gestures.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
