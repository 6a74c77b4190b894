"""
A forecast in operation: updated weekly, trained anew monthly
=============================================================

Daily minimum temperatures in Melbourne, a week ahead. Every week the cutoff moves; every fourth
week the stack is trained anew. Is it better than its learners, and than what costs nothing?

The data are read from the folder that STACKENS_DATA names, or downloaded. With
STACKENS_EXAMPLES=quick there are fewer weeks and years.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.base import clone
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
from stackens.datasets import load_daily_min_temperatures

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    y = load_daily_min_temperatures()["1988" if QUICK else "1986" :]
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

weeks = 8 if QUICK else 16
if QUICK:
    print(f"Quick: {weeks} weeks of operation, learnt from {len(y)} days, so other errors.")

# %%
# Two networks and a linear model on windows of four weeks
# --------------------------------------------------------
size = {"epochs": 6, "batch_size": 64, "learning_rate": 0.005}
learners = {
    "lstm": StackedRNNRegressor(16, random_state=0, **size),
    "gru": StackedRNNRegressor(16, cell="gru", random_state=0, **size),
    "ridge": make_pipeline(SequenceFlattener(), Ridge()),
}
stack = StackingRegressor(list(learners.items()), ConvexBlendRegressor(shrinkage=0.1))
forecaster = WindowForecaster(stack, window=28, horizon=7, sp=365, cv=3)

# %%
# Weeks of operation
# ------------------
# Each is forecast from what was known on that day.
# ``linear`` is the ridge regression alone.
singles = {
    name: clone(forecaster).set_params(regressor=learners[name], cv=None)
    for name in ("lstm", "gru")
}
result = forecaster.backtest(
    y, initial_window=len(y) - weeks * 7, step_length=7, refit_every=4, compare_with=singles
)
print(result.scores().round(3).to_string())

# %%
# The same by hand
# ----------------
# Fit once, then forecast, wait a week, update.
forecaster.fit(y[:-14])
print(forecaster.predict().round(1).to_string())
forecaster.update(y[-14:-7])

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.5), layout="constrained")
ForecastDisplay.from_forecaster(forecaster).plot(left)
left.plot(y.index[-7:], y[-7:], "k:", label="came true")
left.set(ylabel="minimum temperature (°C)", title="The last forecast")
left.tick_params(axis="x", rotation=30)
left.legend()
HorizonErrorDisplay.from_backtest(result).plot(right)
right.set(xlabel="days ahead", ylabel="scaled error (MASE)", title="Weeks of operation")
figure = Path("demo_output") / "forecast_temperatures.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
