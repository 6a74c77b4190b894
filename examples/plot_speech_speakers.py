"""
How well does it understand a speaker whom it has never heard?
==============================================================

Speech: six people say the digits 0 to 9. If some recordings of every speaker are held out, a
network may know the voice by heart; if all recordings of a speaker are held out, it must know the
digit. Only ``cv`` and ``groups`` differ, and both figures come from what the stack keeps anyway:
its out-of-fold predictions.

The data are read from the folder that STACKENS_DATA names. With STACKENS_EXAMPLES=quick fewer
recordings are learnt from, for fewer epochs.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from stackens import (
    ConvexBlendClassifier,
    SequenceScaler,
    SequenceSummarizer,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.datasets import load_fsdd

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    digits = load_fsdd()
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

some = digits.take % (10 if QUICK else 5) == 0  # 5 or 10 of 50 recordings of each digit
X, y, speaker = digits.data[some], digits.target[some], digits.speaker[some]
epochs = 8 if QUICK else 20
if QUICK:
    print(f"Quick: {len(X)} recordings and {epochs} epochs, so lower scores.")
lengths = [len(x) for x in X]
print(
    f"{len(X)} recordings of {min(lengths)} to {max(lengths)} frames, {len(set(speaker))} speakers"
)


# %%
# A voice is level and spread of the spectrum, a digit is how it moves: each recording is scaled by
# itself, and gets its changes as further channels. Two frames become one step.
def hide_the_voice(recordings):
    scaled = [(x - x.mean(axis=0)) / (x.std(axis=0) + 1e-3) for x in recordings]
    return [np.hstack([x, np.diff(x, axis=0, prepend=x[:1])]) for x in scaled]


def pair_frames(recordings):
    return [x[: len(x) // 2 * 2].reshape(len(x) // 2, 2 * x.shape[1]) for x in recordings]


def network():
    return make_pipeline(
        FunctionTransformer(hide_the_voice),
        FunctionTransformer(pair_frames),
        SequenceScaler(),
        StackedRNNClassifier(
            32,
            bidirectional=True,
            dropout=0.3,
            learning_rate=0.005,
            epochs=epochs,
            pooling="max",
        ),
    )


def make_stack(cv):
    return StackingClassifier(
        [
            ("bilstm", network()),
            (
                "linear",
                make_pipeline(
                    FunctionTransformer(hide_the_voice),
                    SequenceSummarizer(),
                    StandardScaler(),
                    LogisticRegression(C=0.1, max_iter=2000),
                ),
            ),
        ],
        ConvexBlendClassifier(),
        cv=cv,
        predict_with="folds",  # out-of-fold predictions are all that is asked for
        random_state=0,
    )


# %%
# Six folds at random, and one for each speaker
# ---------------------------------------------
# The baseline is the nearest neighbour by mean and deviation of each channel, which is good at
# voices.
neighbour = make_pipeline(
    SequenceSummarizer(["mean", "std"]), StandardScaler(), KNeighborsClassifier(1)
)
folds = {
    "folds at random": (StratifiedKFold(6, shuffle=True, random_state=0), None),
    "a speaker left out": (LeaveOneGroupOut(), speaker),
}
scores, by_speaker = {}, {}
for name, (cv, groups) in folds.items():
    stack = make_stack(cv).fit(X, y, groups=groups)
    scores[name] = stack.leaderboard()["out_of_fold"]
    scores[name]["neighbour"] = cross_val_score(neighbour, X, y, cv=cv, groups=groups).mean()
    found = stack.out_of_fold("stack")
    right = pd.Series(found.y_pred == found.y_true)
    by_speaker[name] = right.groupby(speaker[found.row_index]).mean()
scores, by_speaker = pd.DataFrame(scores), pd.DataFrame(by_speaker)
scores = scores.sort_values("a speaker left out")
print(scores[::-1].round(3).to_string())

# %%
# The column on the right is what a new caller will meet. Its spread over speakers is wide, and six
# speakers are few: the mean comes with a large error.
honest = by_speaker["a speaker left out"]
print(by_speaker.round(3).to_string())
print(
    f"new speaker: stack {honest.mean():.3f} ± {honest.std() / np.sqrt(len(honest)):.3f}, "
    f"neighbour {scores.loc['neighbour', 'a speaker left out']:.3f}; the random split promised "
    f"{scores.loc['stack', 'folds at random']:.3f} and "
    f"{scores.loc['neighbour', 'folds at random']:.3f}"
)

fig, (left, right_ax) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.hlines(scores.index, scores.min(axis=1), scores.max(axis=1), color="lightgray", zorder=0)
for name, color in zip(folds, ("tab:red", "tab:blue"), strict=True):
    left.scatter(scores[name], scores.index, color=color, label=name, s=60)
left.axvline(0.1, color="black", linestyle=":", label="chance")
left.set(xlabel="accuracy on rows that were held out", xlim=(0, 1.02), title="Who knew the voice?")
left.legend(loc="center left")
by_speaker.plot.bar(ax=right_ax, color=["tab:red", "tab:blue"], rot=20, width=0.75, legend=False)
right_ax.set(ylabel="accuracy of the stack", xlabel="", ylim=(0, 1), title="The stack, by speaker")
figure = Path("demo_output") / "speech_speakers.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
