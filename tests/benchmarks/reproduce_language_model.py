"""A language model of tinyshakespeare: nats per character on the last tenth, and what it cost.

    python tests/benchmarks/reproduce_language_model.py [--store FOLDER]

The settings and the number of epochs are fixed; nothing is chosen by the last tenth, which is
scored after every epoch for the curve alone, in pieces that each begin without a context (which
costs a little), and at the end as one text. An interrupted run goes on with its last epoch when it
is started again with the same folder. Seconds are those of the processor and of the clock, and add
up over interruptions.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path

from _harness import RESULTS, describe_machine

from stackens import JobStore
from stackens.datasets import load_tinyshakespeare
from stackens.text import StackedRNNLanguageModel

SETTINGS = {
    "units": 512,
    "dropout": 0.2,
    "learning_rate": 0.004,
    "batch_size": 64,
    "window": 64,
    "epochs": 6,
    "random_state": 0,
}
PIECE = 2000  # characters of the held-out text that are scored side by side after an epoch
PROMPT = "ROMEO:"


class Clock(logging.Handler):
    """Writes down what every epoch cost, so that an interrupted run does not forget it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.restart()

    def restart(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def emit(self, record: logging.LogRecord) -> None:
        found = {
            "epoch": record.args[0],
            "cpu_seconds": time.process_time() - self.cpu,
            "seconds": time.perf_counter() - self.wall,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(found) + "\n")
        print(record.getMessage(), flush=True)
        self.restart()

    def totals(self) -> dict[str, float]:
        """Sum over epochs; of one that was done twice the last time counts."""
        epochs = {}
        for line in self.path.read_text().splitlines():
            found = json.loads(line)
            epochs[found["epoch"]] = found
        return {
            key: round(sum(found[key] for found in epochs.values()), 1)
            for key in ("cpu_seconds", "seconds")
        }


def describe(found: dict) -> str:
    """Return a part of a page of the documentation."""
    settings, history, cost = found["settings"], found["history"], found["training"]
    rows = zip(history["loss"], history["val_loss"], strict=True)
    machine = found["machine"]
    return "\n".join(
        [
            f"With {settings['units']} units, {found['n_parameters']:,} parameters, and "
            f"{settings['epochs']} epochs: **{found['test_nats_per_character']:.3f} nats per "
            "character** on the last tenth, read as one text. Training took "
            f"{cost['cpu_seconds']:.0f} seconds of processor time, {cost['seconds']:.0f} by the "
            f"clock ({machine['cpu']}, {machine['cores']} cores). It "
            f"writes {found['generated_characters_per_second']:.0f} characters a second.",
            "",
            ".. list-table:: Nats per character; with dropout while it trains, and held out",
            "   :header-rows: 1",
            "",
            "   * - epoch",
            "     - training",
            "     - last tenth, in pieces",
            *(
                f"   * - {epoch}\n     - {loss:.3f}\n     - {held_out:.3f}"
                for epoch, (loss, held_out) in enumerate(rows, start=1)
            ),
            "",
            "It writes, at a temperature of 0.8:",
            "",
            ".. code-block:: text",
            "",
            *(f"   {line}".rstrip() for line in found["sample"].splitlines()),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("demo_output/language_model"))
    store = parser.parse_args().store
    store.mkdir(parents=True, exist_ok=True)
    clock = Clock(store / "epochs.jsonl")
    logger = logging.getLogger("stackens.training")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(clock)
    data = load_tinyshakespeare()
    pieces = [data.test[k : k + PIECE] for k in range(0, len(data.test), PIECE)]
    model = StackedRNNLanguageModel(**SETTINGS, memory=JobStore(store, checkpoint_every=0))
    model.fit(data.train, validation_texts=pieces)
    started = time.perf_counter()
    nats = -model.score(data.test)
    scoring_seconds = time.perf_counter() - started
    model.generate(PROMPT, 10, random_state=0)  # traces
    started = time.perf_counter()
    sample = model.generate(PROMPT, 600, temperature=0.8, random_state=0)
    found = {
        "machine": describe_machine(),
        "settings": SETTINGS,
        "n_parameters": model.n_parameters_,
        "n_training_characters": len(data.train),
        "n_test_characters": len(data.test),
        "test_nats_per_character": nats,
        "history": model.history_,
        "training": clock.totals(),
        "scoring_seconds": scoring_seconds,
        "generated_characters_per_second": 600 / (time.perf_counter() - started),
        "sample": sample,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "language_model.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS.parent / "language_model.txt").write_text(describe(found))
    print(f"{nats:.4f} nats per character; training took {found['training']}")
    print(sample)


if __name__ == "__main__":
    main()
