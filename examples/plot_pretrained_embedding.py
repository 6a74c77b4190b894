"""
Does a pretrained embedding help where rows are few?
====================================================

An embedding holds most parameters of a network for text, and a few rows show it a few words. So it
is trained on a large set first, and only then are recurrent and output layers trained on the small
one. The texts here are made up, so that the example needs no data: every opinion has many words,
and a small set of reviews of books lacks most of those that its test rows use.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from stackens import EmbeddingPretrainer, SequenceVectorizer, StackedRNNClassifier

# fmt: off
PRAISE = [
    "brilliant", "charming", "clever", "delightful", "elegant", "engaging", "excellent", "fine",
    "fresh", "funny", "graceful", "great", "hilarious", "inspired", "lovely", "memorable", "moving",
    "perfect", "subtle", "superb", "tender", "terrific", "thrilling", "touching", "vivid", "witty",
]
BLAME = [
    "annoying", "awful", "bland", "boring", "clumsy", "confused", "contrived", "crude", "dreadful",
    "dreary", "dull", "empty", "flat", "foolish", "forced", "hollow", "horrible", "lazy",
    "mediocre", "messy", "muddled", "poor", "shallow", "silly", "stale", "weak",
]
FILLERS = ["the", "a", "of", "this", "and", "with", "is", "was"]
FILM = ["film", "scene", "plot", "cast", "director", "camera", "actor", "ending", *FILLERS]
BOOK = ["book", "novel", "page", "author", "chapter", "style", "story", "reader", *FILLERS]
# fmt: on


# %%
# Reviews, made up
# ----------------
# Ten words of the thing and two of the opinion, in any order.
def write(n, things, rng):
    y = rng.integers(2, size=n)
    texts = []
    for label in y:
        words = [*rng.choice(things, 10), *rng.choice(PRAISE if label else BLAME, 2)]
        texts.append(" ".join(rng.permutation(words)))
    return texts, y


seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
rng = np.random.default_rng(seed)
films = write(2000, FILM, rng)  # the large set
books, y = write(560, BOOK, rng)  # the small one
test = slice(160, None)

# %%
# With the large set, and without
# -------------------------------
# Train on the large set; keep only the embedding; train new layers. Without: the same network,
# the same vocabulary size, the same epochs.
network = StackedRNNClassifier(16, embedding_dim=8, epochs=15, learning_rate=0.01, random_state=0)
vectorizer = SequenceVectorizer(max_tokens=120)
models = {
    "without": make_pipeline(vectorizer, network.set_params(vocabulary_size=120)),
    "frozen": EmbeddingPretrainer(network, source=films, vectorizer=vectorizer),
    "trained on": EmbeddingPretrainer(network, source=films, vectorizer=vectorizer, trainable=True),
}
sizes = [10, 20, 40, 80, 160]
scores = {
    name: [model.fit(books[:n], y[:n]).score(books[test], y[test]) for n in sizes]
    for name, model in models.items()
}
for name, row in scores.items():
    print(f"{name:12}", *(f"{n} rows: {score:.3f}  " for n, score in zip(sizes, row, strict=True)))

# %%
# What the embedding knows
# ------------------------
# Words of one opinion lie together; the small set names only a few of them.
vectors = models["frozen"].word_vectors_
axes = np.linalg.svd(vectors.vectors - vectors.vectors.mean(axis=0), full_matrices=False)[2][:2]

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for name, row in scores.items():
    left.plot(sizes, row, marker="o", label=name)
left.set(xlabel="reviews of books to learn from", ylabel="accuracy", xscale="log", ylim=(0.4, 1.02))
left.set_xticks(sizes, map(str, sizes))
left.legend()
left.set_title("Accuracy on 400 other reviews")
groups = (("praise", PRAISE, "green"), ("blame", BLAME, "red"), ("films, fillers", FILM, "gray"))
for kind, words, color in groups:
    points = np.array([vectors[word] for word in words if word in vectors]) @ axes.T
    right.scatter(*points.T, color=f"tab:{color}", s=12, label=kind)
right.set(title="Words, as the large set taught them (two axes)", xticks=[], yticks=[])
right.legend()
path = Path("demo_output") / "pretrained_embedding.png"
path.parent.mkdir(exist_ok=True)
figure.savefig(path, dpi=120)
print(f"Figure: {path.resolve()}")
