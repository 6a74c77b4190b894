"""
My sensors are in a CSV file: how good will it be on a new recording?
=====================================================================

From a long table, one line for each moment of each recording, to a stack: the file is read by
pandas, its rows become sequences, sequences become windows, and windows of one recording stay
together when the stack is judged. What does a score say that forgets the last step?

The table here holds recordings of a smart watch (BasicMotions): standing, walking, running, and
badminton. They are read from the folder that STACKENS_DATA names, and written to a CSV file first,
so that everything after that is what you would do with your own. With STACKENS_EXAMPLES=quick the
networks train for fewer epochs.
"""

import os
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import (
    ConvexBlendClassifier,
    SequenceScaler,
    SequenceSummarizer,
    SlidingWindows,
    StackedRNNClassifier,
    StackingClassifier,
    sequences_from_frame,
)
from stackens.datasets import load_ucr

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    watch = load_ucr("BasicMotions")
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

# %%
# A file like yours
# -----------------
# 80 recordings of ten seconds, ten moments a second: acceleration and turning in three directions.
# The archive does not say which of four people wore the watch. If your file says who, that is the
# ``group``: a new person differs more than a new recording.
channels = ["acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z"]
n_recordings, n_moments, _ = watch.data.shape
frame = pd.DataFrame(watch.data.reshape(-1, len(channels)).round(4), columns=channels)
frame.insert(0, "recording", np.repeat(np.arange(n_recordings), n_moments))
frame.insert(1, "seconds", np.tile(np.arange(n_moments) / 10, n_recordings))
frame["activity"] = np.repeat(watch.target, n_moments)
path = Path(tempfile.mkdtemp()) / "watch.csv"
frame.to_csv(path, index=False)
print(path.read_text(encoding="utf-8")[:210], f"... {path.stat().st_size / 1024:.0f} KiB")

# %%
# From the file to sequences
# --------------------------
frame = pd.read_csv(path)
recordings, activity, _, ids = sequences_from_frame(
    frame, id="recording", time="seconds", features=channels, label="activity"
)
print(f"{len(recordings)} recordings; the first is of shape {recordings[0].shape}")

# %%
# Half of the recordings are put away, to see in the end which score was right. Windows of a second
# that overlap by half make many rows of few recordings; ``groups`` says which one a window is from.
is_test = watch.is_test[ids]
cut = SlidingWindows(10, step=5)
X, y, groups = cut.split(recordings[~is_test], activity[~is_test])
X_test, y_test, groups_test = cut.split(recordings[is_test], activity[is_test])
print(f"{len(X)} windows of {len(np.unique(groups))} recordings; {len(X_test)} windows to test")

# %%
# Judged twice
# ------------
epochs = 8 if QUICK else 30
if QUICK:
    print(f"Quick: {epochs} epochs, so lower scores.")


def make_stack(cv):
    size = {"bidirectional": True, "dropout": 0.2, "learning_rate": 0.003, "epochs": epochs}
    summary = SequenceSummarizer(), StandardScaler(), LogisticRegression(max_iter=2000)
    return StackingClassifier(
        [
            ("bilstm", make_pipeline(SequenceScaler(), StackedRNNClassifier(32, **size))),
            (
                "bigru",
                make_pipeline(SequenceScaler(), StackedRNNClassifier(32, cell="gru", **size)),
            ),
            ("linear", make_pipeline(*summary)),
        ],
        ConvexBlendClassifier(),
        cv=cv,
        random_state=0,
    )


by_window = make_stack(StratifiedKFold(4, shuffle=True, random_state=0)).fit(X, y)
by_recording = make_stack(GroupKFold(4)).fit(X, y, groups=groups)

# %%
# The refits are the same networks. What differs is what was promised.
promised = by_window.leaderboard()["out_of_fold"]
board = by_recording.leaderboard(X_test, y_test)
table = pd.DataFrame(
    {
        "folds of windows": promised,
        "folds of recordings": board["out_of_fold"],
        "new recordings": board["test"],
    }
).loc[board.index]
print(table.round(3).to_string())
for name in table.columns[:2]:
    print(f"{name}: off by {(table[name] - table['new recordings']).abs().mean():.3f} on average")

# %%
# A recording has many windows: their mean decides. That is the figure for whole recordings, beside
# the linear model.


def by_vote(model):
    means = pd.DataFrame(model.predict_proba(X_test)).groupby(groups_test).mean()
    voted = by_recording.classes_[means.to_numpy().argmax(axis=1)]
    return (voted == activity[is_test]).mean()


linear = by_recording.named_estimators_["linear"]
print(f"whole recordings: stack {by_vote(by_recording):.3f}, linear {by_vote(linear):.3f}")

fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
for column, marker, color in zip(table, "ovD", ("tab:red", "tab:blue", "black"), strict=True):
    ax.plot(table[column], table.index, marker, color=color, label=column, markersize=8)
ax.invert_yaxis()
ax.set(xlabel="accuracy for windows of one second", title="Which folds promise what comes true?")
ax.grid(alpha=0.3)
ax.legend()
figure = Path("demo_output") / "sensor_csv.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
