"""Text generation: estimators that read texts, and write them."""

from __future__ import annotations

from stackens.text._language_model import StackedRNNLanguageModel
from stackens.text._tokenizer import PieceTokenizer as PieceTokenizer
from stackens.text._tokenizer import Tokenizer as Tokenizer
from stackens.text._translator import SequenceTranslator
from stackens.text._translator import TranslationSettings as TranslationSettings

# The others are for files and keys, which know types by the names of rooms.
__all__ = ["SequenceTranslator", "StackedRNNLanguageModel"]
