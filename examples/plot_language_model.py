"""
What would Shakespeare write next?
==================================

A language model reads plays character by character, and learns which one comes next. How well it
does is measured in nats per character: the logarithm of how many characters it hesitates between,
as it were. Then it writes by itself. This one is small and trains for a few minutes.

The data are read from the folder that STACKENS_DATA names.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from stackens.datasets import load_tinyshakespeare
from stackens.text import StackedRNNLanguageModel

try:
    plays = load_tinyshakespeare()
except OSError as error:
    sys.exit(f"This example needs data that are not here. {error}")

# %%
# The states of the network are carried over from each window of 64 characters to the next; the
# held-out text is only looked at.
held_out = [plays.test[k : k + 2000] for k in range(0, 40_000, 2000)]
model = StackedRNNLanguageModel(units=192, learning_rate=0.008, epochs=4, random_state=0, verbose=1)
model.fit(plays.train[:500_000], validation_texts=held_out)

# %%
# An empty prompt would begin a play. Low temperatures make it careful, high ones inventive.
for temperature in (0.5, 1.0):
    print(f"\n--- temperature {temperature}")
    print(model.generate("JULIET:\n", 300, temperature=temperature, random_state=0))

letters = np.unique(list(plays.train), return_counts=True)[1] / len(plays.train)
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
epochs = np.arange(1, len(model.history_["loss"]) + 1)
ax.plot(epochs, model.history_["loss"], marker="o", label="training")
ax.plot(epochs, model.history_["val_loss"], marker="o", label="held out")
ax.axhline(-(letters * np.log(letters)).sum(), color="black", linestyle=":", label="letters alone")
ax.set(xlabel="epoch", ylabel="nats per character", xticks=epochs)
ax.legend()
figure = Path("demo_output") / "language_model.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"\nHeld out: {model.history_['val_loss'][-1]:.3f} nats. Figure: {figure.resolve()}")
