"""The Japanese vowels, as published."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from stackens.datasets import _japanese_vowels, load_japanese_vowels
from stackens.exceptions import InvalidInputError


@pytest.mark.parametrize(("split", "n_rows"), [("train", 270), ("test", 370), (None, 640)])
def test_has_the_published_sizes(data_folder, split, n_rows):
    X, y = load_japanese_vowels(split, return_X_y=True, download_if_missing=False)
    assert len(X) == len(y) == n_rows
    assert {x.shape[1] for x in X} == {12}
    lengths = [len(x) for x in X]
    assert min(lengths) >= 7
    assert max(lengths) <= 29
    assert np.unique(y).tolist() == list(range(1, 10))
    if split == "train":
        assert np.bincount(y)[1:].tolist() == [30] * 9


def test_the_bunch_tells_train_from_test(data_folder):
    bunch = load_japanese_vowels(download_if_missing=False)
    X_test, y_test = load_japanese_vowels("test", return_X_y=True, download_if_missing=False)
    np.testing.assert_array_equal(bunch.target[bunch.is_test], y_test)
    np.testing.assert_array_equal(bunch.data[bunch.is_test][0], X_test[0])
    assert "Kudo" in bunch.DESCR


def test_the_checksums_are_those_of_the_published_files(data_folder):
    for name, checksum in _japanese_vowels._CHECKSUMS.items():
        content = (data_folder / "ucr" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum


def test_reads_from_data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("STACKENS_DATA", str(tmp_path / "elsewhere"))
    header = "@dimensions 2\n@classLabel true 1 2\n@data\n"
    (tmp_path / "ucr").mkdir()
    for part, label in (("TRAIN", 1), ("TEST", 2)):
        path = tmp_path / "ucr" / f"JapaneseVowels_{part}.ts"
        path.write_text(f"{header}1,2:3,4:{label}\n")
    bunch = load_japanese_vowels(data_home=tmp_path)
    assert bunch.target.tolist() == [1, 2]
    assert bunch.is_test.tolist() == [False, True]
    assert bunch.data[0].tolist() == [[1, 3], [2, 4]]


def test_refuses_an_unknown_split():
    with pytest.raises(InvalidInputError, match=r"`split` must be .*'validation'"):
        load_japanese_vowels("validation")
