"""
Can a classifier of aeon stand beside a network?
================================================

Six gestures of the NATOPS data: 24 channels, 51 steps. At level 0 stands MiniRocket of the package
aeon, and beside it a stacked GRU. A learner of another package is an ordinary one; only its arrays
have channels before timesteps, which one step of a pipeline sees to. Whether it adds something is
for the final estimator to find out, on rows held out.

Needs ``pip install aeon``. The data are read from the folder that STACKENS_DATA names, or
downloaded. With STACKENS_EXAMPLES=quick the network trains for fewer epochs.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from stackens import (
    DiscreteSuperLearnerClassifier,
    SequenceDifferencer,
    SequenceScaler,
    StackedRNNClassifier,
    StackingClassifier,
    to_channels_first,
)
from stackens.datasets import load_natops

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    X_train, y_train = load_natops("train", return_X_y=True)
    X_test, y_test = load_natops("test", return_X_y=True)
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()
try:
    from aeon.classification.convolution_based import MiniRocketClassifier
except ImportError:
    print("This example needs aeon, which is not here: pip install aeon")
    sys.exit()

# %%
# Channels first, for one learner
# -------------------------------
# ``to_channels_first`` learns nothing, so it needs no estimator of its own. Behind its kernels,
# MiniRocket has a ridge classifier unless another is given; a stack can use one with probabilities.
rocket = make_pipeline(
    FunctionTransformer(to_channels_first),
    MiniRocketClassifier(estimator=LogisticRegression(C=0.1, max_iter=1000), random_state=0),
)

# %%
# The network beside it
# ---------------------
epochs = 10 if QUICK else 40
if QUICK:
    print(f"Quick: {epochs} epochs, so lower scores.")
network = make_pipeline(
    SequenceDifferencer(),  # changes from step to step, as further channels
    SequenceScaler(),
    StackedRNNClassifier(32, n_layers=2, cell="gru", pooling="max", batch_size=16, epochs=epochs),
)
stack = StackingClassifier(
    [("minirocket", rocket), ("gru", network)], DiscreteSuperLearnerClassifier(), random_state=0
)
stack.fit(X_train, y_train)

# %%
# Each alone, and together
# ------------------------
board = stack.leaderboard(X_test, y_test)
print(board.round(4).to_string())
wrong = {  # learners know classes by their numbers
    name: stack.classes_[learner.predict(X_test)] != y_test
    for name, learner in stack.named_estimators_.items()
}
both = np.logical_and(*wrong.values()).sum()
print("\nGestures that are wrong: " + ", ".join(f"{name} {w.sum()}" for name, w in wrong.items()))
print(f"by both: {both} of {len(y_test)}")
print(f"Test accuracy of the stack: {stack.score(X_test, y_test):.4f}")
print(f"It is: {stack.final_estimator_.chosen_}")

fig, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
scores = board["test"].iloc[::-1]
ax.barh(scores.index, scores)
ax.set(xlim=(min(scores) - 0.02, 1.0), xlabel="test accuracy", title="NATOPS, 180 training rows")
figure = Path("demo_output") / "aeon_at_level_zero.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
