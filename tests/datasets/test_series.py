"""Series, as published."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from stackens.datasets import (
    _series,
    load_airline_passengers,
    load_daily_min_temperatures,
    load_etth1,
    load_sunspots,
)


def test_the_checksums_are_those_of_the_published_files(data_folder):
    for name, checksum in _series._CHECKSUMS.items():
        content = (data_folder / "forecasting" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum


def test_airline(data_folder):
    y = load_airline_passengers(download_if_missing=False)
    assert y.index.equals(pd.period_range("1949-01", "1960-12", freq="M"))
    assert (y.iloc[0], y.iloc[-1], y.name) == (112, 432, "passengers")


def test_sunspots(data_folder):
    y = load_sunspots(download_if_missing=False)
    assert y.index.equals(pd.period_range("1749-01", "1983-12", freq="M"))
    assert (y.iloc[0], y.iloc[-1]) == (58.0, 33.4)


def test_temperatures(data_folder):
    raw = load_daily_min_temperatures(fill_gaps=False, download_if_missing=False)
    y = load_daily_min_temperatures(download_if_missing=False)
    assert (len(raw), len(y), y.index.freqstr) == (3650, 3652, "D")
    missing = y.index.difference(raw.index)
    assert [str(day.date()) for day in missing] == ["1984-12-31", "1988-12-31"]
    pd.testing.assert_series_equal(y[raw.index], raw, check_freq=False)
    assert y["1984-12-31"] == y["1984-12-30"]


def test_etth1(data_folder):
    bunch = load_etth1(download_if_missing=False)
    assert bunch.data.shape == (17420, 6)
    assert bunch.target.index.equals(pd.date_range("2016-07-01", periods=17420, freq="h"))
    assert bunch.target.iloc[0] == pytest.approx(30.531)
    assert np.isfinite(bunch.data.to_numpy()).all()
    assert "Informer" in bunch.DESCR


def test_a_plain_file_is_downloaded_and_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("STACKENS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("STACKENS_DATA", raising=False)
    content = b'"Month","Passengers"\n"1949-01",112\n'
    (tmp_path / "airline-passengers.csv").write_bytes(content)
    monkeypatch.setattr(_series, "_DATASETS", tmp_path.as_uri())
    with pytest.raises(OSError, match="SHA-256"):
        load_airline_passengers()
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(_series._CHECKSUMS, "airline-passengers.csv", digest)
    assert load_airline_passengers().tolist() == [112]
    assert (tmp_path / "cache" / "forecasting" / "airline-passengers.csv").read_bytes() == content
