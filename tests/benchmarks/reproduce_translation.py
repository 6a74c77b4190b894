"""Japanese to English with shared layers: what sharing costs, and what wins it back.

    python tests/benchmarks/reproduce_translation.py [--seeds 2] [--only NAME …] [--list]

small_parallel_enja, its own split, width 128 and 4 heads everywhere: one layer, six and twelve
that are one and the same, six of their own; then the means against what sharing costs, one at a
time: longer training, a vector for each depth, a few distinct layers, a wider one, transfer from
the six layers, and distillation from them, word by word or by their translations. Epochs and
settings are fixed, and the test sentences are looked at once, at the end.

Each run has a file of its own in ``docs/benchmarks/results/translation``, and is not done again. A
network that was being trained goes on with its last epoch; networks are kept in ``--store``, and
teachers are taken from there. ``--only "1 layer" "6 shared"`` runs these.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path

import numpy as np
from _harness import RESULTS, describe_machine
from _runs import show, write_table
from sacrebleu.metrics import BLEU

from stackens import JobStore
from stackens.datasets import load_small_parallel_enja
from stackens.inspection import attention_entropy
from stackens.text import SequenceTranslator

FOLDER = RESULTS / "translation"
TABLE = RESULTS.parent / "translation.txt"
FIGURE = RESULTS.parent / "translation_attention.svg"
SETTINGS = {
    "d_model": 128,
    "n_heads": 4,
    "feed_forward_dim": 512,
    "dropout": 0.1,
    "min_frequency": 2,
    "max_tokens": None,
    "max_length": 40,
    "label_smoothing": 0.1,
    "learning_rate": 0.002,
    "schedule": "linear",
    "warmup_steps": 600,
    "batch_tokens": 1250,
    "epochs": 8,
}
LONG = 16  # epochs
N_UNCACHED = 64  # test sentences that are also translated without cached keys and values
N_ATTENTION = 50  # test sentences whose attention is looked at
DRAWN = 21  # the test sentence whose attention is drawn


def share(spec):
    return {"encoder_sharing": spec, "decoder_sharing": spec}


SIX = {"n_layers": 6}
SIX_SHARED = {**SIX, **share("all")}
TWO_OF_SIX = share((0, 0, 0, 1, 1, 1))
TEACHER = "6 unshared"
YARDSTICK = "6 shared"
# Settings beside those above; a teacher is the name of another run, with the same seed.
RUNS = {
    "1 layer": {"n_layers": 1},
    "6 shared": SIX_SHARED,
    "6 unshared": SIX,
    "12 shared": {"n_layers": 12, **share("all")},
    "6 shared, depth embedding": {**SIX_SHARED, "depth_embedding": True},
    "6 shared, feed-forward 1536": {**SIX_SHARED, "feed_forward_dim": 1536},
    "6 of 2 distinct": TWO_OF_SIX,
    "6 of 3 distinct": share((0, 0, 1, 1, 2, 2)),
    "6 shared, encoder and decoder": {**SIX_SHARED, "share_encoder_decoder": True},
    "6 shared, transfer": {**SIX_SHARED, "init_from": TEACHER},
    "6 shared, word distillation": {**SIX_SHARED, "distill_from": TEACHER},
    "6 shared, sequence distillation": {
        **SIX_SHARED,
        "distill_from": TEACHER,
        "distillation": "sequence",
    },
    "6 of 2 distinct, transfer, word distillation": {
        **TWO_OF_SIX,
        "init_from": TEACHER,
        "distill_from": TEACHER,
    },
    f"1 layer, {LONG} epochs": {"n_layers": 1, "epochs": LONG},
    f"6 shared, {LONG} epochs": {**SIX_SHARED, "epochs": LONG},
    f"6 unshared, {LONG} epochs": {**SIX, "epochs": LONG},
    f"6 of 2 distinct, {LONG} epochs": {**TWO_OF_SIX, "epochs": LONG},
}


class Clock(logging.Handler):
    """Writes down what every epoch cost, so that an interrupted run does not forget it."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.restart()

    def restart(self):
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def emit(self, record):
        spent = (time.process_time() - self.cpu, time.perf_counter() - self.wall)
        with self.path.open("a") as file:
            file.write(json.dumps([record.args[0], *spent]) + "\n")
        print(f"{self.path.stem}: {record.getMessage()} ({spent[0]:.0f} s CPU)", flush=True)
        self.restart()

    def totals(self):
        """Sum over epochs; of one that was done twice the last time counts."""
        epochs = {}
        for line in self.path.read_text().splitlines():
            epoch, *spent = json.loads(line)
            epochs[epoch] = spent
        cpu, wall = np.sum(list(epochs.values()), axis=0)
        return {"training_cpu_seconds": round(cpu, 1), "training_seconds": round(wall, 1)}


def file_name(name, seed):
    return f"{name.replace(', ', '_').replace(' ', '-')}_{seed}"


def train(name, seed, data, store):
    """Return a fitted translator; from the store, if it is there."""
    settings = {**SETTINGS, **RUNS[name], "random_state": seed}
    for role in ("init_from", "distill_from"):
        if role in settings:
            settings[role] = train(settings[role], seed, data, store)
    clock = Clock(store / f"{file_name(name, seed)}.jsonl")
    logger = logging.getLogger("stackens.training")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(clock)
    try:
        memory = JobStore(store / "networks", checkpoint_every=0)
        model = SequenceTranslator(**settings, memory=memory).fit(data.train.ja, data.train.en)
    finally:
        logger.removeHandler(clock)
    model.clock_ = clock
    return model


def translate(model, source, **options):
    """Return translations, and seconds by the clock and of the processor."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = model._translate(model._read(source), **options)
    return found, time.perf_counter() - wall, time.process_time() - cpu


def run(name, seed, data, store):
    model = train(name, seed, data, store)
    metric = BLEU(tokenize="none", force=True)
    found = {
        "n_parameters": model.n_parameters_,
        "n_layer_parameters": model.n_layer_parameters_,
        "loss": model.history_["loss"],
        **model.clock_.totals(),
    }
    for width in (1, 4):
        model.set_params(beam_width=width)
        for options in ({}, {"cached": False}):  # traces
            translate(model, data.test.ja[:2], **options)
        translations, wall, cpu = translate(model, data.test.ja)
        found[f"test_bleu_beam_{width}"] = metric.corpus_score(translations, [data.test.en]).score
        found[f"decoding_seconds_beam_{width}"] = wall
        found[f"decoding_cpu_seconds_beam_{width}"] = cpu
        found[f"sentences_per_second_beam_{width}"] = len(translations) / wall
        longest = sorted(data.test.ja, key=lambda s: -len(s.split()))[:N_UNCACHED]
        fast, fast_wall, fast_cpu = translate(model, longest)
        slow, slow_wall, slow_cpu = translate(model, longest, cached=False)
        found[f"uncached_to_cached_beam_{width}"] = slow_wall / fast_wall
        found[f"uncached_to_cached_cpu_beam_{width}"] = slow_cpu / fast_cpu
        found[f"cached_is_uncached_beam_{width}"] = fast == slow
    found["dev_bleu_beam_4"] = model.score(data.dev.ja, data.dev.en)
    found["signature"] = str(metric.get_signature())
    found["attention"] = look_at_attention(model, data.test)
    return found


def look_at_attention(model, pairs):
    """Return what models can be compared by: all of them read the same sentences.

    Entropies of each layer, and where each looks in the source of one sentence: means over heads.
    """
    sums = {}
    for source, target in zip(pairs.ja[:N_ATTENTION], pairs.en[:N_ATTENTION], strict=True):
        maps = model.attention(source, target)
        for part in ("encoder", "decoder", "cross"):
            mean = attention_entropy(maps[part][np.newaxis])[0].mean(axis=1)
            sums[part] = sums.get(part, 0) + mean / N_ATTENTION
    maps = model.attention(pairs.ja[DRAWN], pairs.en[DRAWN])
    return {
        "entropy": {part: np.round(mean.astype(float), 4).tolist() for part, mean in sums.items()},
        "source_tokens": maps.source_tokens,
        "target_tokens": maps.target_tokens,
        "cross": np.round(maps["cross"].mean(axis=1, dtype=float), 4).tolist(),
    }


def draw(done):
    """Draw entropies by depth, and one sentence read by shared and unshared layers."""
    import matplotlib.pyplot as plt

    shown = {name: done.get(file_name(name, 0)) for name in ("6 shared", "6 unshared")}
    if not all(shown.values()):
        return
    plt.rcParams["svg.hashsalt"] = "translation"  # the same numbers, the same file
    fig = plt.figure(figsize=(11, 5.8), layout="constrained")
    upper, lower = fig.subfigures(2, 1)
    parts = {
        "encoder": "the source, at itself",
        "decoder": "the translation, at itself",
        "cross": "the translation, at the source",
    }
    axes = upper.subplots(1, 3, sharey=True)
    for ax, (part, what) in zip(axes, parts.items(), strict=True):
        for name, found in shown.items():
            entropy = found["attention"]["entropy"][part]
            ax.plot(np.arange(len(entropy)) + 1, entropy, marker="o", label=name)
        ax.set(title=what, xlabel="depth", ylim=(0, None))
    axes[0].set_ylabel("entropy of attention in nats")
    axes[0].legend()
    maps = [(name, depth) for name in shown for depth in (1, 6)]
    for ax, (name, depth) in zip(lower.subplots(1, 4, sharey=True), maps, strict=True):
        look = shown[name]["attention"]
        ax.imshow(look["cross"][depth - 1], cmap="Blues", vmin=0, vmax=1)
        n_source = len(look["source_tokens"])
        ax.set(title=f"{name}, depth {depth}", xlabel="word of the source")
        ax.set_xticks(range(n_source), [*range(1, n_source), "end"], fontsize="x-small")
        ax.set_yticks(range(len(look["target_tokens"])), [*look["target_tokens"][1:], "end"])
    fig.savefig(FIGURE, metadata={"Date": None})
    plt.close(fig)


def load_results():
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def show_gain(name, seeds, done):
    """Return what beam 4 gives beside shared layers of the same seeds."""
    key = "test_bleu_beam_4"
    both = [[done.get(file_name(n, seed)) for n in (name, YARDSTICK)] for seed in seeds]
    gains = [ours[key] - theirs[key] for ours, theirs in both if ours and theirs]
    return f"{np.mean(gains):+.1f}" if gains and name != YARDSTICK else "–"


def write(seeds):
    done = load_results()
    rows = []
    for name in RUNS:
        keys = [file_name(name, seed) for seed in range(seeds)]
        found = {key: done[key] for key in keys if key in done}
        if not found:
            continue
        cells = [
            show(found, "test_bleu_beam_1", 1),
            show(found, "test_bleu_beam_4", 1),
            show_gain(name, range(seeds), done),
            *(
                f"{next(iter(found.values()))[key]:,}"
                for key in ("n_parameters", "n_layer_parameters")
            ),
            show(found, "training_cpu_seconds", 0),
            show(found, "decoding_cpu_seconds_beam_4", 1),
            show(found, "sentences_per_second_beam_4", 0),
            show(found, "uncached_to_cached_beam_4", 1),
        ]
        rows.append((name, *cells, str(len(found))))
    head = (
        "layers",
        "BLEU, greedy",
        "BLEU, beam 4",
        f"beside {YARDSTICK}, same seeds",
        "parameters",
        "without embeddings",
        "training, CPU seconds",
        "decoding 500 sentences with beam 4, CPU seconds",
        "sentences per second",
        "uncached to cached",
        "seeds",
    )
    draw(done)
    write_table(TABLE, "Test sentences; mean over seeds ± their standard deviation", head, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--only", nargs="*", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--store", type=Path, default=Path("demo_output/translation"))
    options = parser.parse_args()
    if options.list:
        print("\n".join(RUNS))
        return
    options.store.mkdir(parents=True, exist_ok=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = load_small_parallel_enja()
    seeds = range(options.seeds) if options.seed is None else [options.seed]
    for seed in seeds:  # a whole table for the first seed, then the next one
        for name in RUNS:
            path = FOLDER / f"{file_name(name, seed)}.json"
            settings = json.loads(json.dumps({**SETTINGS, **RUNS[name]}))
            if name not in options.only:
                continue
            if path.exists() and json.loads(path.read_text())["settings"] == settings:
                continue
            found = run(name, seed, data, options.store)
            found |= {"settings": settings, "machine": describe_machine()}
            path.write_text(json.dumps(found, indent=1) + "\n")
            print(f"{path.stem}: {found['test_bleu_beam_4']:.1f} BLEU", flush=True)
            write(options.seeds)
    write(options.seeds)


if __name__ == "__main__":
    main()
