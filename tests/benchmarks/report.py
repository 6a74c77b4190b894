"""Turns the JSON files of the benchmarks into the table and the plots of the documentation.

Every row says what was aimed at, what was reached, and whether that is enough; no figure is typed
in anywhere. Ratios are taken within a round; the median over rounds is given.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable

import bench_cells
import bench_import
import bench_scaling
from _harness import RESULTS, medians


def load(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


def ratio(sides: dict, above: str, below: str, key: str = "seconds", other: str = "") -> float:
    """Return how many times as much ``above`` takes as ``below``."""
    pairs = zip(sides[above], sides[below], strict=False)
    return statistics.median(a[key] / b[other or key] for a, b in pairs)


def stack_rows() -> list[tuple]:
    sides = load("stack")["sides"]
    found = {name: medians(rows) for name, rows in sides.items()}

    def show(ours: str, theirs: str) -> str:
        return " beside ".join(
            f"{found[side]['seconds']:.1f} s ({found[side]['accuracy']:.3f})"
            for side in (ours, theirs)
        )

    aims = [
        ("18 fits, cold; scikit-learn + SciKeras", "stackens", "scikeras", 25),
        ("the same; scikit-learn + skorch", "stackens", "skorch", 5),
        ("the same; one Keras fit of the two-layer learner", "stackens", "keras_lstm", 1),
        ("the same; one Keras fit of the bidirectional learner", "stackens", "keras_bilstm", 1),
        ("the same; one Keras fit of the three-layer learner", "stackens", "keras_lstm3", 1),
        ("plain Keras layers; scikit-learn + SciKeras", "stackens_builder", "scikeras", 5),
        ("early stopping, median refits; SciKeras by hand", "stackens_early", "scikeras_early", 15),
        ("early stopping, median refits; skorch by hand", "stackens_early", "skorch_early", None),
    ]
    rows = []
    for title, ours, theirs, aim in aims:
        times = ratio(sides, theirs, ours)
        wanted = "" if aim is None else f"≥ {aim}×"
        rows.append((title, wanted, f"{times:.2f}×", show(ours, theirs), _verdict(times, aim)))
    return rows


def cell_rows() -> list[tuple]:
    sides = load("cells")["sides"]
    rows = []
    for cell, steps, units in bench_cells.WORK:
        work = f"{cell} T={steps} units={units}"
        found = {n: medians(sides[f"{n} {work}"]) for n in ("stackens", "keras", "torch")}
        ours, keras, torch = found["stackens"], found["keras"]["one_ms"], found["torch"]["one_ms"]
        shown = f"{ours['one_ms']:.1f}, six {ours['six_ms']:.1f} ms; Keras {keras:.1f}, "
        shown += f"PyTorch {torch:.1f} ms"
        name = f"step of 2 × {cell}({units}), {steps} timesteps"
        six_torch = 6 * torch / ours["six_ms"]
        if cell == "lstm" and units == 32 and steps == 500:
            once = keras / ours["six_ms"]
            rows.append(
                (
                    f"{name}: six beside one of Keras",
                    "≥ 1×",
                    f"{once:.2f}×",
                    shown,
                    _verdict(once, 1),
                )
            )
            rows.append(
                (
                    f"{name}: six beside six of PyTorch",
                    "≥ 2.5×",
                    f"{six_torch:.2f}×",
                    shown,
                    _verdict(six_torch, 2.5),
                )
            )
        elif cell == "lstm" and units > 32:
            part = ours["fraction"]
            rates = f"{ours['gflops']:.0f} of {ours['matmul']:.0f} GFLOP/s; {shown}"
            rows.append(
                (
                    f"{name}, six: part of the matrix-product rate",
                    "≥ 50 %",
                    f"{part:.0%}",
                    rates,
                    _verdict(part, 0.5),
                )
            )
        elif cell != "lstm":
            alone = keras / ours["one_ms"]
            rows.append(
                (f"{name}: one beside Keras", "≥ 2×", f"{alone:.2f}×", shown, _verdict(alone, 2))
            )
            rows.append(
                (
                    f"{name}: six beside six of PyTorch",
                    "≥ 1×",
                    f"{six_torch:.2f}×",
                    shown,
                    _verdict(six_torch, 1),
                )
            )
    return rows


def predict_rows() -> list[tuple]:
    sides = load("predict")["sides"]
    found = {name: medians(rows) for name, rows in sides.items()}
    rows = []
    for size, most in ((1, 3), (32, None), (450, 20), (10_000, None)):
        key = f"ms_{size}"
        shown = ", ".join(f"{name} {values[key]:.1f} ms" for name, values in found.items())
        title = f"predict {size:,} rows, three learners"
        if most is not None:
            ours = found["stackens"][key]
            rows.append((title, f"≤ {most} ms", f"{ours:.1f} ms", shown, _verdict(most / ours, 1)))
        if size <= 32:
            times = ratio(sides, "scikeras", "stackens", key)
            rows.append(
                (f"{title}: SciKeras", "≥ 50×", f"{times:.0f}×", shown, _verdict(times, 50))
            )
        times = ratio(sides, "skorch", "stackens", key)
        rows.append((f"{title}: skorch", "≥ 1×", f"{times:.2f}×", shown, _verdict(times, 1)))
    return rows


def portable_rows() -> list[tuple]:
    sides = load("portable")["sides"]
    found = {name: medians(rows) for name, rows in sides.items()}
    ours, graph = found["numpy"], found["graph"]
    rows = []
    for title, key, unit, most in (
        ("exported stack, NumPy only: process start to first prediction", "start_s", "s", 0.5),
        ("the same: predict 1 row", "ms_1", "ms", 2.0),
        ("the same: predict 450 rows", "ms_450", "ms", None),
    ):
        shown = f"{ours[key]:.3g} {unit}; the stack itself {graph[key]:.3g} {unit}"
        if key == "start_s":
            cpu = f"{ours['start_cpu_s']:.2f} and {graph['start_cpu_s']:.2f} s"
            shown = f"{shown}; of the CPU {cpu}"
        wanted = "" if most is None else f"≤ {most:g} {unit}"
        enough = "" if most is None else _verdict(most / ours[key], 1)
        rows.append((title, wanted, f"{ours[key]:.3g} {unit}", shown, enough))
    apart = ours["apart"]
    shown = "largest difference of probabilities, 450 rows"
    reached = f"{apart:.1g}"
    rows.append(("the same: beside the graph", "≤ 1e-5", reached, shown, _verdict(1e-5, apart)))
    return rows


def import_rows() -> list[tuple]:
    sides = load("import")["sides"]
    return [
        (f"``{statement}``", "", f"{medians(sides[name])['seconds']:.3f} s", "", "")
        for name, statement in bench_import.STATEMENTS.items()
    ]


def load_rows() -> list[tuple]:
    """From the start of a program to its first prediction, by how the stack was saved."""
    found = {name: medians(rows) for name, rows in load("load")["sides"].items()}
    titles = {
        "stackens": "``stackens.load``, three networks: start to first prediction",
        "stackens_warm": "the same, ``warm_up=True``",
        "stackens_mmap": "the same, ``mmap=True``",
        "pickle": "pickle of the same stack",
        "joblib": "joblib of the same stack",
    }
    rows = []
    for name, title in titles.items():
        values = found[name]
        shown = (
            f"loading {values['load']:.2f} s (imports included), the next prediction "
            f"{values['second_ms']:.1f} ms, {values['kilobytes']:.0f} KiB"
        )
        rows.append((title, "", f"{values['first']:.2f} s", shown, ""))
    return rows


def write_sizes() -> None:
    """Sizes of one fitted stack in all formats."""
    found = medians(load("portable")["sides"]["sizes"])
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        "   :widths: 50 16 16 18",
        "",
        *_cells("Format", "KiB", "KiB with gzip", "Loading needs"),
    ]
    for title, key, needs in (
        ("pickle of the stack", "pickle", "everything"),
        ("joblib", "joblib", "everything"),
        ("joblib, compress=3", "joblib_3", "everything"),
        ("three Keras archives, without level 1", "keras", "Keras, TensorFlow"),
        ("export_numpy", "numpy", "NumPy"),
    ):
        sizes = [f"{found[name] / 1024:.0f}" for name in (key, f"{key}_gzip")]
        lines += _cells(title, *sizes, needs)
    bare = found["parameters"] * 4 / 1024
    lines += ["", f"The networks have {found['parameters']:,.0f} parameters: {bare:.0f} KiB."]
    (RESULTS.parent / "sizes.txt").write_text("\n".join(lines) + "\n")


def imdb_rows() -> list[tuple]:
    sides = load("imdb")["sides"]
    found = {name: medians(rows) for name, rows in sides.items()}
    ours, theirs = found["stackens"], found["keras_tutorial"]
    times = ratio(sides, "keras_tutorial", "stackens")
    shown = (
        f"{ours['seconds']:.0f} s ({ours['accuracy']:.4f}; best learner "
        f"{ours['best_learner']:.4f}) beside {theirs['seconds']:.0f} s ({theirs['accuracy']:.4f})"
    )
    accuracy = ours["accuracy"]
    return [
        (
            "film reviews: 18 fits beside the tutorial's one",
            "≥ 1×",
            f"{times:.2f}×",
            shown,
            _verdict(times, 1),
        ),
        ("the same: test accuracy", "≥ 0.87", f"{accuracy:.4f}", shown, _verdict(accuracy, 0.87)),
    ]


def scaling_rows() -> list[tuple]:
    found = {axis: medians(rows) for axis, rows in load("scaling")["sides"].items()}
    return [
        (
            f"cost against {axis}: slope",
            "≤ 1.0",
            f"{values['slope']:.2f}",
            ", ".join(f"{k}: {v:.2f} s" for k, v in values.items() if k != "slope"),
            _verdict(1.05, values["slope"]),
        )
        for axis, values in found.items()
    ]


def fixed_rows() -> list[tuple]:
    rows = []
    for values in (medians(v) for v in load("fixed_costs")["sides"].values()):
        for name in dict.fromkeys(key.split("_")[0] for key in values):
            parts = {k.split("_", 1)[1]: v for k, v in values.items() if k.split("_")[0] == name}
            shown = ", ".join(f"{k.replace('_', ' ')} {1e3 * v:.0f} ms" for k, v in parts.items())
            rows.append(
                (f"fixed costs of {name}", "", f"{1e3 * sum(parts.values()):.0f} ms", shown, "")
            )
    return rows


def memory_rows() -> list[tuple]:
    sides = load("memory")["sides"].values()
    few, many = (medians(rows) for rows in sides)
    shown = "; ".join(
        f"{v['fit_mib']:.0f} MiB to fit, {v['predict_mib']:.0f} to predict, of {v['file_mib']:.0f}"
        for v in (few, many)
    )
    growth = many["fit_mib"] - few["fit_mib"]
    # Row numbers, targets and weights are in memory, and noise: a tenth of what the file grew.
    allowed = (many["file_mib"] - few["file_mib"]) / 10
    aim, reached = f"≤ {allowed:.0f} MiB more", f"{growth:+.0f} MiB"
    return [("memory map: anonymous memory", aim, reached, shown, _verdict(allowed, growth))]


def search_rows() -> list[tuple]:
    sides = load("search")["sides"]
    found = {name: medians(rows) for name, rows in sides.items()}
    times = ratio(sides, "sixteen", "one")
    shown = "; ".join(
        f"{name}: {values['seconds']:.1f} s, {values['trained']:.0f} networks trained"
        for name, values in found.items()
    )
    title = "search over the final estimator with a store: 16 candidates beside one"
    aim = 1.3
    rows = [(title, f"≤ {aim}×", f"{times:.2f}×", shown, _verdict(aim, times))]
    again = ratio(sides, "again", "sixteen")
    rows.append(("the same 16 once more beside the first time", "", f"{again:.2f}×", shown, ""))
    return rows


def random_search_rows() -> list[tuple]:
    sides = load("random_search")["sides"]
    found = {name: medians(rows) for name, rows in sides.items()}
    rows = []
    for title, theirs, aim in (
        ("random search, 30 candidates × 5 folds; scikit-learn + SciKeras", "scikeras", 10),
        ("the same; scikit-learn over the same learner, one by one", "one_by_one", None),
    ):
        times = ratio(sides, theirs, "stackens")
        shown = " beside ".join(
            f"{found[side]['seconds']:.0f} s ({found[side]['accuracy']:.3f})"
            for side in ("stackens", theirs)
        )
        wanted = "" if aim is None else f"≥ {aim}×"
        rows.append((title, wanted, f"{times:.1f}×", shown, _verdict(times, aim)))
    sums = {found[side]["checksum"] for side in ("stackens", "one_by_one")}
    same = "yes" if len(sums) == 1 else "**no**"
    shown = ", ".join(f"{value:.6f}" for value in sums)
    rows.append(("the same: scores as one by one", "equal", same, f"mean {shown}", same))
    return rows


def time_limit_rows() -> list[tuple]:
    rows = []
    for found in map(medians, load("time_limit")["sides"].values()):
        shown = (
            f"{found['seconds']:.1f} s; {found['learners']:.0f} of 3 learners, "
            f"{found['covered']:.0%} of the rows, accuracy {found['accuracy']:.3f}"
        )
        reached = f"{found['over']:+.0%}"
        title = f"time limit of {found['limit']:.0f} s: longer by"
        rows.append((title, "≤ 10 %", reached, shown, _verdict(0.1, found["over"])))
    return rows


def _verdict(reached: float, aim: float | None) -> str:
    if aim is None:
        return ""
    return "yes" if reached >= aim else "**no**"


def write_table() -> None:
    parts: dict[str, Callable[[], list[tuple]]] = {
        "stack": stack_rows,
        "cells": cell_rows,
        "predict": predict_rows,
        "portable": portable_rows,
        "import": import_rows,
        "load": load_rows,
        "imdb": imdb_rows,
        "memory": memory_rows,
        "search": search_rows,
        "random_search": random_search_rows,
        "time_limit": time_limit_rows,
        "scaling": scaling_rows,
        "fixed_costs": fixed_rows,
    }
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        "   :widths: 30 9 9 42 10",
        "",
        *_cells("Work; against", "Aim", "Reached", "Seen (accuracy)", "Enough"),
    ]
    for name, make_rows in parts.items():
        if not (RESULTS / f"{name}.json").exists():
            print(f"{name}: was not run yet")
            continue
        for row in make_rows():
            lines += _cells(*row)
        machine, rounds = load(name)["machine"], load(name)["sides"]
        counts = sorted({len(r) for r in rounds.values()})
        print(f"{name}: {machine['cpu']}, {machine['cores']} cores, rounds {counts}")
    machine = load("stack")["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    lines += [
        "",
        f"Seen on: {machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python "
        f"{machine['python']}; {versions}.",
    ]
    (RESULTS.parent / "table.txt").write_text("\n".join(lines) + "\n")


def _cells(*cells: str) -> list[str]:
    return [f"   {'*' if not k else ' '} - {cell}" for k, cell in enumerate(cells)]


def write_forecasting() -> None:
    """Means over the seeds of every series."""
    document = load("forecasting")
    entries: dict[str, list[dict]] = {}
    earlier: dict[str, dict] = {}
    for key, entry in document["entries"].items():
        if key.endswith("earlier"):
            earlier[key.split()[0]] = entry["scores"]
        elif not key.startswith("year"):
            entries.setdefault(key.split()[0], []).append(entry["scores"])
    models = list(next(iter(entries.values()))[0])
    lines = [".. list-table::", "   :header-rows: 1", "", *_cells("MASE (sMAPE)", *entries)]
    for model in models:
        cells = [
            f"{_mean(runs, model, 'mase'):.3f} ({_mean(runs, model, 'smape'):.3f})"
            for runs in entries.values()
        ]
        lines += _cells(model, *cells)
    covers = [f"{_mean(runs, 'stack', 'coverage'):.3f}" for runs in entries.values()]
    lines += _cells("coverage of the stack's 90 % intervals", *covers)
    lines += ["", f"Seeds: {', '.join(f'{name} {len(runs)}' for name, runs in entries.items())}."]
    singles = [model for model in models if model.startswith("single")]
    won = {
        rival: [name for name, runs in entries.items() if _is_ahead(runs, rivals)]
        for rival, rivals in {
            "the seasonal naive forecast": ["seasonal_naive"],
            "the single learner that is best on these cutoffs": singles,
        }.items()
    }
    chosen = {
        name: min(singles, key=lambda model: scores[model]["mase"])
        for name, scores in earlier.items()
    }
    if chosen:
        won["the single learner that was best before the test"] = [
            name for name, model in chosen.items() if _is_ahead(entries[name], [model])
        ]
    lines += [
        f"The stack's MASE is below that of {rival} on {', '.join(names) or 'none'}."
        for rival, names in won.items()
    ]
    if chosen:
        words = ", ".join(f"{name} {model.split()[1]}" for name, model in chosen.items())
        lines += [f"Best before the test: {words}."]
    if "year 0" in document["entries"]:
        seconds = document["entries"]["year 0"]["seconds"]
        lines += [f"A year of hourly values, 52 cutoffs: {seconds:.0f} s on a shared machine."]
    (RESULTS.parent / "forecasting.txt").write_text("\n".join(lines) + "\n")


def _is_ahead(runs: list[dict], rivals: list[str]) -> bool:
    return _mean(runs, "stack", "mase") < min(_mean(runs, rival, "mase") for rival in rivals)


def _mean(runs: list[dict], model: str, score: str) -> float:
    return sum(run[model][score] for run in runs) / len(runs)


def draw() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "stackens"
    import matplotlib.pyplot as plt

    found = {name: medians(rows) for name, rows in load("stack")["sides"].items()}
    figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    names = sorted(found, key=lambda name: -found[name]["seconds"])
    bars = ax.barh(names, [found[name]["seconds"] for name in names])
    ax.bar_label(bars, [f"{found[name]['accuracy']:.3f}" for name in names], padding=3)
    ax.set(xscale="log", xlabel="seconds (test accuracy beside the bar)")
    figure.savefig(RESULTS.parent / "stack.svg", metadata={"Date": None})
    axes = load("scaling")["sides"]
    figure, panels = plt.subplots(1, len(axes), figsize=(11, 2.6), layout="constrained")
    for ax, (axis, rows) in zip(panels, axes.items(), strict=True):
        values = medians(rows)
        sizes = bench_scaling.SIZES[axis]
        ax.plot(sizes, [values[str(size)] for size in sizes], "o-")
        ax.set(xlabel=axis, ylim=(0, None), xlim=(0, None))
    panels[0].set_ylabel("seconds")
    figure.savefig(RESULTS.parent / "scaling.svg", metadata={"Date": None})


if __name__ == "__main__":
    write_table()
    write_forecasting()
    write_sizes()
    draw()
