"""Transformers for sequences and text; what they learn, they learn from the rows given to fit."""

from __future__ import annotations

from stackens.preprocessing._channels_first import from_channels_first, to_channels_first
from stackens.preprocessing._convolutions import RandomConvolutions
from stackens.preprocessing._differencer import SequenceDifferencer
from stackens.preprocessing._flattener import SequenceFlattener
from stackens.preprocessing._frame import sequences_from_frame
from stackens.preprocessing._hydra_convolutions import HydraConvolutions
from stackens.preprocessing._imputer import SequenceImputer
from stackens.preprocessing._padder import SequencePadder
from stackens.preprocessing._patcher import SequencePatcher
from stackens.preprocessing._scaler import SequenceScaler
from stackens.preprocessing._summarizer import SequenceSummarizer
from stackens.preprocessing._vectorizer import SequenceVectorizer
from stackens.preprocessing._view import View
from stackens.preprocessing._windows import SlidingWindows
from stackens.preprocessing._word_vectors import WordVectors, read_word_vectors

__all__ = [
    "HydraConvolutions",
    "RandomConvolutions",
    "SequenceDifferencer",
    "SequenceFlattener",
    "SequenceImputer",
    "SequencePadder",
    "SequencePatcher",
    "SequenceScaler",
    "SequenceSummarizer",
    "SequenceVectorizer",
    "SlidingWindows",
    "View",
    "WordVectors",
    "read_word_vectors",
    "from_channels_first",
    "sequences_from_frame",
    "to_channels_first",
]
