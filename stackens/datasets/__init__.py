"""Data sets of sequences: a local folder first, then a download with checksum."""

from __future__ import annotations

from stackens.datasets._digits import load_digits_sequences
from stackens.datasets._japanese_vowels import load_japanese_vowels

__all__ = ["load_digits_sequences", "load_japanese_vowels"]
