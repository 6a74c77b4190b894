"""
What would Shakespeare write next?
==================================

A language model reads plays character by character, and learns which one comes next. How well it
does is measured in nats per character: the logarithm of how many characters it hesitates between,
as it were. The baseline guesses by how often each character is used. Then the model writes by
itself. This one is small and trains for a few minutes.

The data are read from the folder that STACKENS_DATA names. With STACKENS_EXAMPLES=quick it reads a
sixth of the text, with fewer units.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from stackens.datasets import load_tinyshakespeare
from stackens.text import StackedRNNLanguageModel

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    plays = load_tinyshakespeare()
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

# %%
# Reading
# -------
# The states of the network are carried over from each window of 64 characters to the next; the
# held-out text is only looked at.
n_characters, epochs, units, streams = (80_000, 4, 128, 16) if QUICK else (500_000, 4, 192, 64)
if QUICK:
    print(f"Quick: {n_characters} characters and {units} units, so a higher loss and worse verse.")
held_out = [plays.test[k : k + 2000] for k in range(0, 40_000, 2000)]
model = StackedRNNLanguageModel(
    units=units, batch_size=streams, learning_rate=0.008, epochs=epochs, random_state=0, verbose=1
)
model.fit(plays.train[:n_characters], validation_texts=held_out)

# %%
# Writing
# -------
# An empty prompt would begin a play. Low temperatures make it careful, high ones inventive.
for temperature in (0.5, 1.0):
    print(f"\n--- temperature {temperature}")
    print(model.generate("JULIET:\n", 300, temperature=temperature, random_state=0))

# %%
# Beside letters that are drawn one by one
# ----------------------------------------
letters = np.unique(list(plays.train), return_counts=True)[1] / len(plays.train)
alone = -(letters * np.log(letters)).sum()
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
passes = np.arange(1, len(model.history_["loss"]) + 1)
ax.plot(passes, model.history_["loss"], marker="o", label="training")
ax.plot(passes, model.history_["val_loss"], marker="o", label="held out")
ax.axhline(alone, color="black", linestyle=":", label="letters alone")
ax.set(xlabel="epoch", ylabel="nats per character", xticks=passes, title="Plays by Shakespeare")
ax.legend()
figure = Path("demo_output") / "language_model.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
held_out_loss = model.history_["val_loss"][-1]
print(f"\nHeld out: {held_out_loss:.3f} nats per character; letters alone {alone:.3f}")
print(f"Figure: {figure.resolve()}")
