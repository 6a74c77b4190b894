"""Displays: what fitted estimators and results look like."""

from __future__ import annotations

from stackens.inspection._attention_display import AttentionDisplay
from stackens.inspection._attention_entropy_display import (
    AttentionEntropyDisplay,
    attention_entropy,
)

__all__ = ["AttentionDisplay", "AttentionEntropyDisplay", "attention_entropy"]
