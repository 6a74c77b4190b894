"""
Which folds promise a score that comes true?
============================================

Groups and time: will the oil of a power transformer be warmer in the next 24 hours than in the last
24? Rows that are four hours apart share most of what they show and most of what is asked, so that a
row held out at random has a near twin among the training rows. The same stack is fitted with three
splitters: folds at random, whole weeks held out, and the past before the future, with a gap between
them. ``coverage_`` says how often each row was held out. What each promises is compared with the
half year that follows.

The data (ETTh1) are read from the folder that STACKENS_DATA names, or downloaded. With
STACKENS_EXAMPLES=quick there are fewer rows and epochs.
"""

import os
import sys
from pathlib import Path

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from stackens import (
    ConvexBlendClassifier,
    SequenceFlattener,
    SequenceScaler,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.datasets import load_etth1

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"
WINDOW, AHEAD, EVERY = 48, 24, 4  # hours

try:
    etth1 = load_etth1()
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

# %%
# Rows
# ----
# Two days of loads and oil temperature, a value every two hours. They are known up to the hour that
# a row is named after, the answer a day later.
hourly = etth1.data.assign(oil=etth1.target)
now = np.arange(WINDOW, len(hourly) - AHEAD, EVERY)
windows = np.lib.stride_tricks.sliding_window_view(hourly.to_numpy(np.float32), WINDOW, axis=0)
X = np.ascontiguousarray(windows[now - WINDOW + 1, :, 1::2].transpose(0, 2, 1))
daily = etth1.target.rolling(AHEAD).mean().to_numpy()  # of the last 24 hours
y = np.where(daily[now + AHEAD] > daily[now], "warmer", "colder")
times = hourly.index[now]
weeks = now // (24 * 7)

# %%
# The half year at the end is the future. A gap keeps training answers out of it.
future = times >= times[-1] - pd.DateOffset(months=6)
first = int(np.argmax(future))
gap = (WINDOW + AHEAD) // EVERY
past = np.arange(len(y)) < first - gap
epochs = 8
if QUICK:
    past &= times >= times[first] - pd.DateOffset(months=9)
    epochs = 3
    print(f"Quick: {past.sum()} training rows and {epochs} epochs, so lower scores.")
X_past, y_past, X_future, y_future = X[past], y[past], X[future], y[future]
print(f"{past.sum()} rows to learn from; {future.sum()} in the half year from {times[first]:%F} on")

# %%
# Three ways to hold rows out
# ---------------------------
# Two learners see how much each value is above or below the last one. The third sees the values as
# they are, by which it can recognise a day that it has learnt by heart.
folds = {
    "at random": (StratifiedKFold(5, shuffle=True, random_state=0), None),
    "whole weeks": (StratifiedGroupKFold(5, shuffle=True, random_state=0), weeks[past]),
    "past, gap, future": (TimeSeriesSplit(5, gap=gap), None),
}


def less_the_last(X):
    return X - X[:, -1:]


def make_stack(cv):
    change = FunctionTransformer(less_the_last)
    size = {"dropout": 0.2, "learning_rate": 0.003, "batch_size": 64, "epochs": epochs}
    linear = StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)
    return StackingClassifier(
        [
            (
                "lstm of changes",
                make_pipeline(change, SequenceScaler(), StackedRNNClassifier(16, **size)),
            ),
            ("linear of changes", make_pipeline(change, SequenceFlattener(), *linear)),
            ("trees of levels", make_pipeline(SequenceFlattener(), ExtraTreesClassifier(200))),
        ],
        ConvexBlendClassifier(),
        cv=cv,
        random_state=0,
    )


stacks = {
    name: make_stack(cv).fit(X_past, y_past, groups=groups) for name, (cv, groups) in folds.items()
}
for name, stack in stacks.items():
    times_out, n_rows = np.unique(stack.coverage_, return_counts=True)
    said = ", ".join(f"{n} rows {k} times" for k, n in zip(times_out, n_rows, strict=True))
    print(f"{name}: held out: {said}")

# %%
# The first rows of the last splitter were never held out: nothing is invented for them, and the
# final estimator is fitted without them.
#
# What was promised, and what came true
# -------------------------------------
# A rule needs no training: warmer, if the oil is warmer now than a day ago. Rows follow each other
# closely and say less than as many coins, so that the error is counted over weeks.
a_day_ago = X_future[:, -1 - AHEAD // 2, -1]
rule = np.where(X_future[:, -1, -1] > a_day_ago, "warmer", "colder")
table = pd.concat(
    {
        name: stack.leaderboard(X_future, y_future)[["out_of_fold", "test"]]
        for name, stack in stacks.items()
    },
    axis=1,
)
print(table.round(3).to_string())


def weekly_error(right):
    weekly = pd.Series(right).groupby(weeks[future]).mean()
    return weekly.std() / np.sqrt(len(weekly))


for name, stack in stacks.items():
    right = stack.predict(X_future) == y_future
    print(
        f"{name}: stack promised {table.loc['stack', (name, 'out_of_fold')]:.3f}, came true "
        f"{right.mean():.3f} ± {weekly_error(right):.3f}; weight of the trees "
        f"{stack.final_estimator_.weights_['trees of levels']:.2f}"
    )
one_class = max((y_future == kind).mean() for kind in set(y))
print(f"rule {(rule == y_future).mean():.3f}, always the same class {one_class:.3f}")

fig, (left, right_ax) = plt.subplots(
    1, 2, figsize=(12, 4.6), layout="constrained", width_ratios=[1, 1.25]
)
names = ["trees of levels", "linear of changes", "lstm of changes", "stack"]
for k, name in enumerate(folds):
    promised, true = table[name, "out_of_fold"][names], table[name, "test"][names]
    places = np.arange(len(names)) + 0.22 * (1 - k)
    left.hlines(places, true, promised, color=f"C{k}", alpha=0.5)
    left.scatter(promised, places, color=f"C{k}", label=f"promised, {name}")
    left.scatter(true, places, color=f"C{k}", marker="|", s=160)
left.scatter([], [], color="black", marker="|", s=160, label="came true")
left.axvline((rule == y_future).mean(), color="black", linestyle=":", label="the rule")
left.set_yticks(range(len(names)), names)
left.set(xlabel="accuracy", title="Promised, and come true")
left.legend(fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.45, -0.17))
for k, stack in enumerate(stacks.values()):
    kept = stack.out_of_fold_predictions_
    fold = np.full(past.sum(), np.nan)
    fold[kept.row_index] = kept.fold
    height = np.full(past.sum(), -k)
    right_ax.scatter(times[past], height, c=fold, cmap="viridis", marker="|", s=500)
right_ax.set_yticks([0, -1, -2], folds)
right_ax.set(ylim=(-2.5, 0.5), title="Which split held a row out (white: none)")
right_ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(right_ax.xaxis.get_major_locator()))
figure = Path("demo_output") / "groups_and_time.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
