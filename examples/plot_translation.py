"""
Can one layer, used again and again, translate Japanese?
========================================================

A translator of three layers on each side, which are one and the same: it has as many parameters as
a single layer. It learns from everyday sentences, Japanese and English, already cut into words. The
baseline looks for the training sentence that shares the most telling words with the new one, and
says its translation. Both are scored by BLEU on held-out sentences. Then the attention shows at
which Japanese words the network looked while it wrote each English one.

The data are read from the folder that STACKENS_DATA names. With STACKENS_EXAMPLES=quick it learns
from short sentences alone.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sacrebleu.metrics import BLEU
from sklearn.feature_extraction.text import TfidfVectorizer

from stackens.datasets import load_small_parallel_enja
from stackens.text import SequenceTranslator

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    pairs = load_small_parallel_enja()
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

# %%
# Sentences
# ---------
source, target, batch_tokens = pairs.train.ja, pairs.train.en, 1250
test_source, test_target = pairs.test.ja, pairs.test.en
if QUICK:
    batch_tokens = 500
    sizes = np.array([[len(sentence.split()) for sentence in side] for side in (source, target)])
    rows = np.flatnonzero(sizes.max(axis=0) <= 8)
    print(f"Quick: {len(rows)} short sentences, so a poor translator, tested on short ones.")
    source, target = [source[i] for i in rows], [target[i] for i in rows]
    rows = [i for i, sentence in enumerate(test_source) if len(sentence.split()) <= 8]
    test_source, test_target = [test_source[i] for i in rows], [test_target[i] for i in rows]
print(f"{len(source)} pairs, such as {source[0]!r} and {target[0]!r}")

# %%
# Learning
# --------
# Rare words become one unknown token, so that the network learns what to do with new ones.
translator = SequenceTranslator(
    n_layers=3,
    encoder_sharing="all",
    decoder_sharing="all",
    min_frequency=2,
    batch_tokens=batch_tokens,
    epochs=8,
    random_state=0,
    verbose=1,
)
translator.fit(source, target)
unshared = translator.n_layer_parameters_ * 3
print(f"{translator.n_layer_parameters_:,} parameters in layers; unshared about {unshared:,}")

# %%
# Beside the most similar sentence
# --------------------------------
bleu = BLEU(tokenize="none", force=True)
translations = translator.predict(test_source)
words = TfidfVectorizer(analyzer=str.split)
similar = words.fit_transform(source) @ words.transform(test_source).T
recalled = [target[i] for i in np.asarray(similar.argmax(axis=0)).ravel()]
found = {
    "most similar sentence": bleu.corpus_score(recalled, [test_target]).score,
    "one layer, used three times": bleu.corpus_score(translations, [test_target]).score,
}
for k in range(4):
    print(f"\n{test_source[k]}\n  wanted:     {test_target[k]}")
    print(f"  translated: {translations[k]}\n  similar:    {recalled[k]}")
print()
for name, score in found.items():
    print(f"{name}: BLEU {score:.1f}")

# %%
# Where it looks
# --------------
# The last layer's attention to the source, mean over heads. Fonts without Japanese characters would
# show boxes, so words are numbered in the picture and listed below it.
attention = translator.attention(test_source[0])
weights = attention.cross[-1].mean(axis=0)
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
image = ax.imshow(weights, cmap="Blues", vmin=0)
read = [str(k + 1) for k in range(len(attention.source_tokens) - 1)]
written = [*attention.target_tokens[1:], "end"]
ax.set_xticks(range(len(read) + 1), [*read, "end"])
ax.set_yticks(range(len(written)), written)
ax.set(xlabel="word of the Japanese sentence", ylabel="word that is written next")
fig.colorbar(image, label="attention")
figure = Path("demo_output") / "translation.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
for number, word in zip(read, attention.source_tokens[:-1], strict=True):
    print(number, word)
print(f"Figure: {figure.resolve()}")
