"""A translator's network in NumPy, token by token and head by head, and searches over it."""

from __future__ import annotations

import itertools

import numpy as np

BEGIN, END, UNKNOWN = 1, 2, 3


def network_of(model):
    """The Keras network of a fitted translator, from which the equations take their weights."""
    network = model._architecture().build()
    network.set_weights(model.weights_)
    return network


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


def log_softmax(x):
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def value(variable):
    return np.asarray(variable, "float64")


def normalise(layer, x):
    x = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-6)
    return x * value(layer.gamma) + value(layer.beta)


def look(layer, queries, keys, allowed=None):
    """One head after the other; returns what is found, and the weights (heads, n, m)."""
    q = queries @ value(layer.query_kernel) + value(layer.query_bias)
    k = keys @ value(layer.key_kernel)
    v = keys @ value(layer.value_kernel) + value(layer.value_bias)
    found, maps = [], []
    for head in range(layer.num_heads):
        own = slice(head * layer.key_dim, (head + 1) * layer.key_dim)
        scores = q[:, own] @ k[:, own].T / np.sqrt(layer.key_dim)
        weights = softmax(scores if allowed is None else np.where(allowed, scores, -np.inf))
        found.append(weights @ v[:, own])
        maps.append(weights)
    return np.concatenate(found, axis=1) @ value(layer.output_kernel) + value(
        layer.output_bias
    ), np.array(maps)


def feed_forward(layer, x):
    hidden = np.maximum(x @ value(layer._first.kernel) + value(layer._first.bias), 0)
    return hidden @ value(layer._second.kernel) + value(layer._second.bias)


def embed(embedding, ids):
    table = value(embedding.embeddings)
    n_features = table.shape[1]
    i = np.arange(n_features)
    angles = np.arange(len(ids))[:, None] / 10_000 ** (i // 2 * 2 / n_features)
    return table[ids] * np.sqrt(n_features) + np.where(i % 2, np.cos(angles), np.sin(angles))


def forward(network, source, target):
    """Logits (n_target, n_ids) after each target token, and the attention of all layers."""
    x, encoder = embed(network.source_embedding, source), []
    for depth, index in enumerate(network.encoder_order):
        block = network.encoder_blocks[index]
        if network.encoder_depths is not None:
            x = x + value(network.encoder_depths.embeddings)[depth]
        normed = normalise(block._norms[0], x)
        found, maps = look(block._attention, normed, normed)
        x = x + found
        x = x + feed_forward(block._feed_forward, normalise(block._norms[1], x))
        encoder.append(maps)
    memory = normalise(network.encoder_norm, x)
    y, own, cross = embed(network.target_embedding, target), [], []
    back = np.tri(len(target), dtype=bool)
    for depth, index in enumerate(network.decoder_order):
        block = network.decoder_blocks[index]
        stem = block.stem
        if network.decoder_depths is not None:
            y = y + value(network.decoder_depths.embeddings)[depth]
        normed = normalise(stem._norms[0], y)
        found, maps = look(stem._attention, normed, normed, back)
        own.append(maps)
        y = y + found
        found, maps = look(block._attention, normalise(block._norm, y), memory)
        cross.append(maps)
        y = y + found
        y = y + feed_forward(stem._feed_forward, normalise(stem._norms[1], y))
    logits = normalise(network.decoder_norm, y) @ value(network.output_embedding.embeddings).T
    return logits, (np.array(encoder), np.array(own), np.array(cross))


def log_probabilities(network, source, target):
    """Of each token of ``target`` but its first."""
    logits, _ = forward(network, source, target[:-1])
    return log_softmax(logits)[np.arange(len(target) - 1), target[1:]]


def greedy(network, source, max_length):
    ids = [BEGIN]
    while len(ids) <= max_length:
        last = forward(network, source, ids)[0][-1]
        last[[0, BEGIN, UNKNOWN]] = -np.inf
        ids.append(int(last.argmax()))
        if ids[-1] == END:
            return ids[1:-1]
    return ids[1:]


def all_sequences(n_ids, max_length):
    words = range(UNKNOWN + 1, n_ids)
    for length in range(max_length + 1):
        yield from itertools.product(words, repeat=length)


def brute_force(network, source, n_ids, max_length, power):
    """The best of all sequences there are, and its score."""
    best = (-np.inf, ())
    for words in all_sequences(n_ids, max_length):
        total = log_probabilities(network, source, [BEGIN, *words, END]).sum()
        best = max(best, (total / (len(words) + 1) ** power, words))
    return best


def beams(network, source, n_beams, max_length, power):
    """The search in lists: continuations sorted, ends taken out, the rest goes on."""
    alive, found = [(0.0, (BEGIN,))], []
    for position in range(max_length + 1):
        candidates = []
        for total, ids in alive:
            logs = log_softmax(forward(network, source, list(ids))[0][-1])
            last = position == max_length
            words = [END] if last else [END, *range(UNKNOWN + 1, len(logs))]
            candidates += [(total + logs[word], (*ids, word)) for word in words]
        candidates.sort(reverse=True)
        for rank, (total, ids) in enumerate(candidates):
            if ids[-1] == END and rank < n_beams:
                found.append((total / (position + 1) ** power, ids[1:-1]))
        if len(found) >= n_beams:
            break
        alive = [c for c in candidates if c[1][-1] != END][:n_beams]
    return max(found)
