"""A task that a tiny translator learns: say the words in another language, in reverse order."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

WORDS = {"one": "un", "two": "deux", "three": "trois", "four": "quatre", "five": "cinq"}


def make_pairs(n, seed=0):
    draw = np.random.default_rng(seed)
    source = [" ".join(draw.choice(list(WORDS), draw.integers(1, 5))) for _ in range(n)]
    return source, [" ".join(WORDS[word] for word in reversed(s.split())) for s in source]


@pytest.fixture(scope="session")
def by_hand():
    """The network in NumPy."""
    path = Path(__file__).parent / "translation_by_hand.py"
    spec = importlib.util.spec_from_file_location("translation_by_hand", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pairs():
    return make_pairs(400)


@pytest.fixture(scope="session")
def unseen(pairs):
    known = set(pairs[0])
    both = zip(*make_pairs(300, seed=1), strict=True)
    return [list(side) for side in zip(*((s, t) for s, t in both if s not in known), strict=True)]


@pytest.fixture(scope="session")
def make_translator():
    from stackens.text import SequenceTranslator

    def make(**options):
        settings = {
            "d_model": 16,
            "n_heads": 2,
            "n_layers": 1,
            "dropout": 0.0,
            "learning_rate": 0.01,
            "batch_tokens": 200,
            "epochs": 2,
            "max_length": 12,
            "random_state": 0,
        }
        return SequenceTranslator(**{**settings, **options})

    return make


@pytest.fixture(scope="session")
def translator(make_translator, pairs):
    """One that has learnt the task."""
    settings = {"d_model": 32, "n_heads": 4, "learning_rate": 0.005, "schedule": "linear"}
    return make_translator(**settings, epochs=60).fit(*pairs)


@pytest.fixture(scope="session", params=["plain", "shared"])
def some_translator(request, make_translator, pairs):
    """Hardly trained: whatever it says, it must say it in every way of asking."""
    options = {
        "plain": {},
        "shared": {
            "n_layers": None,
            "encoder_sharing": (0, 1),
            "decoder_sharing": (0, 1, 0),
            "share_encoder_decoder": True,
            "depth_embedding": True,
            "tied_embeddings": "none",
        },
    }[request.param]
    return make_translator(**options).fit(*pairs)
