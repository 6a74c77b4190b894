"""Data sets of sequences: a local folder first; some can be downloaded, with a checksum."""

from __future__ import annotations

from stackens.datasets._digits import load_digits_sequences
from stackens.datasets._fsdd import load_fsdd
from stackens.datasets._imdb import load_imdb
from stackens.datasets._japanese_vowels import load_japanese_vowels
from stackens.datasets._libras import load_libras
from stackens.datasets._natops import load_natops
from stackens.datasets._pendigits import load_pendigits
from stackens.datasets._series import (
    load_airline_passengers,
    load_daily_min_temperatures,
    load_etth1,
    load_sunspots,
)
from stackens.datasets._small_parallel_enja import load_small_parallel_enja
from stackens.datasets._splice import load_splice
from stackens.datasets._tinyshakespeare import load_tinyshakespeare
from stackens.datasets._trec import load_trec
from stackens.datasets._ucr import load_ucr

__all__ = [
    "load_airline_passengers",
    "load_daily_min_temperatures",
    "load_digits_sequences",
    "load_etth1",
    "load_fsdd",
    "load_imdb",
    "load_japanese_vowels",
    "load_libras",
    "load_natops",
    "load_pendigits",
    "load_small_parallel_enja",
    "load_splice",
    "load_sunspots",
    "load_tinyshakespeare",
    "load_trec",
    "load_ucr",
]
