"""
What does a calendar know that the last month does not?
=======================================================

Sequences beside a table: the minimum temperature in Melbourne, a week ahead. Networks read the last
four weeks; a table says what the date says, and what it was around that date a year ago. Nothing in
the table was measured for this purpose: it is made of the date and of the same series.
``make_views`` puts both together as one ``X``, and each learner takes its own by ``View``. Are both
better than one?

The data are read from the folder that STACKENS_DATA names, or downloaded. With
STACKENS_EXAMPLES=quick there are fewer years and epochs.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import (
    SequenceFlattener,
    SequenceScaler,
    StackedRNNRegressor,
    StackingRegressor,
    View,
    make_views,
)
from stackens.datasets import load_daily_min_temperatures

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"
WINDOW, AHEAD = 28, 7  # days

try:
    series = load_daily_min_temperatures()
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

first_year, epochs = ("1986", 8) if QUICK else ("1982", 40)
if QUICK:
    print(f"Quick: years from {first_year}, {epochs} epochs, so other errors.")

# %%
# Two views of a row
# ------------------
# A row is a day on which a forecast is made. ``week_a_year_ago`` is the mean of the seven days
# around the wanted date, one year before it.
degrees = series.to_numpy()
now = np.arange(series.index.get_loc(f"{first_year}-02-01"), len(series) - AHEAD)
signal = np.lib.stride_tricks.sliding_window_view(degrees, WINDOW)[now - WINDOW + 1, :, np.newaxis]
wanted = series.index[now + AHEAD]
angle = 2 * np.pi * wanted.day_of_year.to_numpy() / 365.25
weekly = series.rolling(7, center=True).mean().to_numpy()
calendar = pd.DataFrame(
    {
        "sin": np.sin(angle),
        "cos": np.cos(angle),
        "week_a_year_ago": weekly[now + AHEAD - 365],
    },
    index=series.index[now],
)
X, y = make_views(signal=signal, calendar=calendar), degrees[now + AHEAD]
print(calendar.head(3).round(2).to_string())

# %%
# The last two years are the test; training answers end before them.
is_test = series.index[now] >= pd.Timestamp("1989-01-01")
is_training = wanted < pd.Timestamp("1989-01-01")


# %%
# Learners that each see one of them
# ----------------------------------
def network(cell):
    rnn = StackedRNNRegressor(
        16,
        cell=cell,
        dropout=0.1,
        learning_rate=0.005,
        batch_size=64,
        epochs=epochs,
        early_stopping=True,  # by the latest of the training rows
        validation_rows="latest",
    )
    pipeline = make_pipeline(View("signal"), SequenceScaler(), rnn)
    return TransformedTargetRegressor(pipeline, transformer=StandardScaler())


def make_stack(*views):
    learners = {
        "signal": [
            ("lstm", network("lstm")),
            ("gru", network("gru")),
            ("lags", make_pipeline(View("signal"), SequenceFlattener(), RidgeCV())),
        ],
        "calendar": [
            ("seasons", make_pipeline(View("calendar"), StandardScaler(), RidgeCV())),
            (
                "trees",
                make_pipeline(View("calendar"), ExtraTreesRegressor(200, min_samples_leaf=20)),
            ),
        ],
    }
    # A linear final estimator may subtract: the season, where the signal has it already.
    return StackingRegressor(
        [learner for view in views for learner in learners[view]],
        RidgeCV(np.logspace(-2, 3, 6)),
        cv=TimeSeriesSplit(4, gap=AHEAD),
        random_state=0,
    )


stacks = {
    "last month": make_stack("signal"),
    "calendar": make_stack("calendar"),
    "both": make_stack("signal", "calendar"),
}
predicted = {
    name: stack.fit(X[is_training], y[is_training]).predict(X[is_test])
    for name, stack in stacks.items()
}

# %%
# Beside what costs nothing
# -------------------------
predicted["as today"] = degrees[now][is_test]
predicted["as a year ago"] = calendar["week_a_year_ago"].to_numpy()[is_test]
misses = pd.DataFrame(predicted, index=wanted[is_test]).sub(y[is_test], axis=0).abs()
print("mean absolute error (degrees Celsius):")
print(misses.mean().sort_values().round(3).to_string())

# %%
# Warm days come together, so that months, not days, are what an error can be read from.
monthly = misses.groupby(misses.index.to_period("M")).mean()
for other in ("last month", "calendar", "as a year ago"):
    gain = monthly[other] - monthly["both"]
    print(
        f"both beside {other}: {gain.mean():.3f} ± {gain.std() / np.sqrt(len(gain)):.3f} degrees "
        f"less (standard error over months), better in {(gain > 0).sum()} of {len(gain)} months"
    )

fig, (left, right) = plt.subplots(
    1, 2, figsize=(12, 4), layout="constrained", width_ratios=[1, 1.6]
)
mean = misses.mean().sort_values()
left.barh(mean.index, mean, color=["tab:blue" if k in stacks else "tab:gray" for k in mean.index])
left.invert_yaxis()
left.set(xlabel="mean absolute error (°C)", title="A week ahead, two years")
part = slice("1990-01", "1990-06")
right.plot(series["1990-01":"1990-06"], color="lightgray", label="came true")
frame = pd.DataFrame(predicted, index=wanted[is_test])
for name in stacks:
    right.plot(frame.loc[part, name], label=name, linewidth=2.2 if name == "both" else 1.2)
right.set(ylabel="minimum temperature (°C)", title="Forecasts for half a year")
right.tick_params(axis="x", rotation=20)
right.legend(ncols=2, fontsize="small")
figure = Path("demo_output") / "series_and_table.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
