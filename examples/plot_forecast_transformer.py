"""
Do covariates help to forecast the oil temperature of a transformer?
====================================================================

ETTh1: hourly oil temperature, a day ahead. The six loads are known only in the past; the hour of
the day is known in advance. The forecaster keeps them apart: ``predict`` takes the hour and refuses
the loads.

The data are read from the folder that STACKENS_DATA names, or downloaded. With
STACKENS_EXAMPLES=quick there are fewer months and weeks.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from stackens import (
    ConvexBlendRegressor,
    ForecastDisplay,
    HorizonErrorDisplay,
    SequenceFlattener,
    StackedRNNRegressor,
    StackingRegressor,
    WindowForecaster,
)
from stackens.datasets import load_etth1

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    etth1 = load_etth1()
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

y = etth1.target["2018-02" if QUICK else "2017-06" :]
weeks = 2 if QUICK else 4
if QUICK:
    print(f"Quick: {len(y)} hours, {weeks} weeks of forecasts, so other errors.")
angle = 2 * np.pi * y.index.hour.to_numpy() / 24
hour = pd.DataFrame({"sin": np.sin(angle), "cos": np.cos(angle)}, index=y.index)
X = etth1.data.loc[y.index].join(hour)


# %%
# Two networks and a linear model on windows of two days
# ------------------------------------------------------
def make(**covariates):
    size = {"epochs": 5, "batch_size": 64, "learning_rate": 0.005}
    stack = StackingRegressor(
        [
            ("lstm", StackedRNNRegressor(16, **size)),
            ("gru", StackedRNNRegressor(16, cell="gru", **size)),
            ("ridge", make_pipeline(SequenceFlattener(), Ridge())),
        ],
        ConvexBlendRegressor(shrinkage=0.1),
        random_state=0,
    )
    return WindowForecaster(
        stack, 48, 24, sp=24, normalization="last", step_length=4, cv=3, **covariates
    )


# %%
# Without covariates, with the hour, with all
# -------------------------------------------
# A forecast every other day, trained once. The scores stand beside those of the learners and of
# what costs nothing.
options = {"initial_window": len(y) - weeks * 7 * 24, "step_length": 48, "refit_every": 14}
known = ["sin", "cos"]
runs = {
    "none": make().backtest(y, **options),
    "hour": make(known_future=known).backtest(y, hour, **options),
    "hour and loads": make(known_future=known).backtest(y, X, **options),
}
scores = {name: run.scores().loc["forecaster"] for name, run in runs.items()}
print(pd.DataFrame(scores).T.rename_axis("stack, covariates").round(3).to_string())
print(runs["hour and loads"].scores().round(3).to_string())

# %%
# The last day
# ------------
forecaster = make(known_future=known).fit(y[:-24], X[:-24])
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.5), layout="constrained")
ForecastDisplay.from_forecaster(forecaster, hour[-24:]).plot(left)
left.plot(y.index[-24:], y[-24:], "k:", label="came true")
left.set(ylabel="oil temperature (°C)", title="The last day")
left.tick_params(axis="x", rotation=30)
left.legend()
HorizonErrorDisplay.from_backtest(runs["hour and loads"]).plot(right)
right.set(xlabel="hours ahead", ylabel="scaled error (MASE)", title="With the hour and the loads")
figure = Path("demo_output") / "forecast_transformer.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
