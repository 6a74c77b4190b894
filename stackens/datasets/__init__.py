"""Data sets of sequences: a local folder first, then a download with checksum."""

from __future__ import annotations

from stackens.datasets._digits import load_digits_sequences
from stackens.datasets._japanese_vowels import load_japanese_vowels
from stackens.datasets._series import (
    load_airline_passengers,
    load_daily_min_temperatures,
    load_etth1,
    load_sunspots,
)

__all__ = [
    "load_airline_passengers",
    "load_daily_min_temperatures",
    "load_digits_sequences",
    "load_etth1",
    "load_japanese_vowels",
    "load_sunspots",
]
