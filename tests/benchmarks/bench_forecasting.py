"""Rolling backtests of a stack on four series, beside its learners and baselines.

Every series is forecast from many cutoffs, each time from what came before alone; the stack is
trained anew at some of them. Its learners are of the same kinds for all series: an LSTM and a GRU
network (each the average of three seeds), a ridge regression, a kernel ridge regression and
extremely randomized trees; "single" is one learner alone ("ridge" is the linear baseline of the
backtest). Which kinds, and how they are blended, was chosen on what came before the first cutoff
(``--earlier``). Errors are MASE (scaled by the seasonal naive forecast of the training part) and
sMAPE; "coverage" is that of 90 % intervals. "year" is the time of one backtest: a year of hourly
values, windows of 168, 24 steps ahead, 52 cutoffs, a stack of three networks trained anew every 13
cutoffs.

    python tests/benchmarks/bench_forecasting.py               # all; goes on where it stopped
    python tests/benchmarks/bench_forecasting.py --only airline --seeds 0
    python tests/benchmarks/bench_forecasting.py --earlier --seeds 0   # before the test
    python tests/benchmarks/bench_forecasting.py --short       # few cutoffs, writes nothing

Each series and seed is kept in ``docs/benchmarks/results/forecasting.json`` when it is done; one
that is there with the same settings is not run again.
"""

from __future__ import annotations

import argparse
import json
import warnings

from _harness import RESULTS, Stopwatch, describe_machine

PATH = RESULTS / "forecasting.json"
N_SEEDS = 3  # networks that are averaged

SERIES = {
    "airline": {
        "forecaster": {
            "window": 24,
            "horizon": 12,
            "sp": 12,
            "transform": "log",
            "normalization": "seasonal",
        },
        "backtest": {"initial_window": 84, "step_length": 2, "refit_every": 6},
        "earlier": 54,
        # 5 learners, and 2.5 horizons in the half of the first 84 months that is held out
        "shrinkage": 2.0,
        "networks": {"units": 8, "epochs": 40, "batch_size": 16, "learning_rate": 0.005},
    },
    "sunspots": {
        "forecaster": {
            "window": 96,
            "horizon": 12,
            "sp": 132,
            "transform": "sqrt",
            "normalization": "last",
            "cv": 3,
        },
        "backtest": {"initial_window": 1880, "step_length": 12, "refit_every": 26},
        "earlier": 1244,
        "networks": {"units": 16, "epochs": 12, "batch_size": 64, "learning_rate": 0.005},
    },
    "temperatures": {
        "forecaster": {
            "window": 28,
            "horizon": 7,
            "sp": 365,
            "cv": 3,
            "known_future": ["sin", "cos"],
        },
        "backtest": {"initial_window": 2557, "step_length": 7, "refit_every": 52},
        "earlier": 1461,
        "networks": {"units": 16, "epochs": 10, "batch_size": 64, "learning_rate": 0.005},
    },
    "etth1": {
        "forecaster": {
            "window": 72,
            "horizon": 24,
            "sp": 24,
            "normalization": "last",
            "cv": 3,
            "step_length": 4,
            "known_future": ["sin", "cos"],
        },
        "backtest": {"initial_window": 11616, "step_length": 84, "refit_every": 24},
        "earlier": 8736,
        "networks": {"units": 16, "epochs": 8, "batch_size": 64, "learning_rate": 0.005},
    },
}


def load(name):
    import pandas as pd

    from stackens import datasets

    if name == "airline":
        return datasets.load_airline_passengers(), None
    if name == "sunspots":
        return datasets.load_sunspots(), None
    if name == "temperatures":
        y = datasets.load_daily_min_temperatures()
        return y, make_clock(y.index, y.index.dayofyear / 365.25)
    bunch = datasets.load_etth1()
    clock = make_clock(bunch.target.index, bunch.target.index.hour / 24)
    return bunch.target, pd.concat([bunch.data, clock], axis=1)


def make_clock(index, turns):
    """The time of the year or of the day, as a place on a circle."""
    import numpy as np
    import pandas as pd

    angle = 2 * np.pi * np.asarray(turns)
    return pd.DataFrame({"sin": np.sin(angle), "cos": np.cos(angle)}, index=index)


def make_learners(networks, seed):
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    from stackens import SequenceFlattener, StackedRNNRegressor

    seeds = {"random_state": seed, "n_seeds": N_SEEDS}
    return {
        "lstm": StackedRNNRegressor(**networks, **seeds),
        "gru": StackedRNNRegressor(cell="gru", **networks, **seeds),
        "ridge": make_pipeline(SequenceFlattener(), Ridge()),
        "kernel": make_pipeline(SequenceFlattener(), KernelRidge(alpha=0.3, kernel="rbf")),
        "trees": make_pipeline(
            SequenceFlattener(),
            ExtraTreesRegressor(100, min_samples_leaf=3, random_state=seed),
        ),
    }


def make_stack(learners, seed, shrinkage=0.1):
    from stackens import ConvexBlendRegressor, StackingRegressor

    final = ConvexBlendRegressor(shrinkage)
    return StackingRegressor(list(learners.items()), final, random_state=seed)


def run_series(name, seed, *, short, earlier):
    from sklearn.base import clone

    from stackens import WindowForecaster

    settings = SERIES[name]
    y, X = load(name)
    learners = make_learners(settings["networks"], seed)
    forecaster = WindowForecaster(
        make_stack(learners, seed, settings.get("shrinkage", 0.1)),
        n_residuals=500,
        **settings["forecaster"],
    )
    singles = {  # the ridge regression alone is the linear baseline
        f"single {key}": clone(forecaster).set_params(regressor=learner, cv=None)
        for key, learner in learners.items()
        if key != "ridge"
    }
    backtest = dict(settings["backtest"])
    if earlier:
        end = backtest["initial_window"]
        y, X = y[:end], None if X is None else X[:end]
        backtest |= {"initial_window": settings["earlier"], "coverage": 0.5}  # few residuals yet
    if short:
        backtest["initial_window"] = len(y) - 3 * settings["forecaster"]["horizon"]
    with Stopwatch() as watch:
        result = forecaster.backtest(y, X, compare_with=singles, **backtest)
    scores = result.scores().rename(index={"forecaster": "stack", "linear": "single ridge"})
    return {
        "seconds": watch.seconds,
        "cutoffs": int(result.rows["cutoff"].nunique()),
        "scores": {
            model: {key: float(value) for key, value in row.items() if value == value}
            for model, row in scores.iterrows()
        },
    }


def run_year(seed, *, short):
    """The first 8,760 hours of ETTh1."""
    from stackens import (
        ConvexBlendRegressor,
        StackedRNNRegressor,
        StackingRegressor,
        WindowForecaster,
    )

    y = load("etth1")[0].iloc[:8760]
    size = {"units": 16, "epochs": 3, "batch_size": 128, "learning_rate": 0.01}
    learners = [
        ("lstm", StackedRNNRegressor(**size)),
        ("gru", StackedRNNRegressor(cell="gru", **size)),
        ("simple", StackedRNNRegressor(cell="simple_rnn", **size)),
    ]
    final = ConvexBlendRegressor(shrinkage=0.1)
    forecaster = WindowForecaster(
        StackingRegressor(learners, final, random_state=seed),
        window=168,
        horizon=24,
        sp=24,
        normalization="last",
        step_length=4,
        cv=3,
    )
    first = 8760 - 24 - 51 * 84
    n_refits = 1 if short else 13
    with Stopwatch() as watch:
        result = forecaster.backtest(
            y,
            initial_window=8760 - 24 - 84 if short else first,
            step_length=84,
            refit_every=n_refits,
        )
    scores = result.scores()
    return {
        "seconds": watch.seconds,
        "cutoffs": int(result.rows["cutoff"].nunique()),
        "scores": {"stack": {k: float(v) for k, v in scores.loc["forecaster"].items()}},
    }


def show(key, entry):
    print(f"\n{key}: {entry['cutoffs']} cutoffs, {entry['seconds']:.1f} s")
    for model, row in entry["scores"].items():
        print(f"  {model:15s}", *(f"{name} {value:.3f}" for name, value in row.items()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join([*SERIES, "year"]))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--earlier", action="store_true")
    options = parser.parse_args()
    kept = json.loads(PATH.read_text()) if PATH.exists() else {"entries": {}}
    for seed in map(int, options.seeds.split(",")):
        for name in options.only.split(","):
            key, settings = (
                f"{name} {seed}{' earlier' if options.earlier else ''}",
                json.loads(json.dumps({**SERIES.get(name, {}), "n_seeds": N_SEEDS})),
            )
            known = kept["entries"].get(key)
            if known and known["settings"] == settings and not options.short:
                show(f"{key} (kept)", known)
                continue
            if name == "year" and (seed > 0 or options.earlier):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                run = (
                    run_year(seed, short=options.short)
                    if name == "year"
                    else run_series(name, seed, short=options.short, earlier=options.earlier)
                )
            show(key, run)
            if not options.short:
                kept["entries"][key] = {"settings": settings, **run}
                kept["machine"] = describe_machine()
                PATH.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
