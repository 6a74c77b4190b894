"""Text generation: estimators that read texts, and write them."""

from __future__ import annotations

from stackens.text._language_model import StackedRNNLanguageModel
from stackens.text._translator import SequenceTranslator

__all__ = ["SequenceTranslator", "StackedRNNLanguageModel"]
