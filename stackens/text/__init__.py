"""Text generation: estimators that read texts, and write them."""

from __future__ import annotations

from stackens.text._language_model import StackedRNNLanguageModel

__all__ = ["StackedRNNLanguageModel"]
