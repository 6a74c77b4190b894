"""The reader of .ts files."""

from __future__ import annotations

import numpy as np
import pytest

from stackens.datasets._ts import read_ts
from stackens.exceptions import InvalidInputError

HEADER = "# comment\n@problemName Toy\n@timeStamps false\n@dimensions 2\n@classLabel true a b\n"


@pytest.fixture
def write(tmp_path):
    def write_file(text):
        path = tmp_path / "Toy_TRAIN.ts"
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def test_reads_ragged_channels_and_labels(write):
    X, y = read_ts(write(HEADER + "@data\n1,2,3:4,5,6:a\n\n# more\n7.5:?:b\n"))
    assert X.dtype == object
    assert X[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    np.testing.assert_array_equal(X[1], [[7.5, np.nan]])
    assert y.tolist() == ["a", "b"]


def test_the_number_of_channels_may_be_unsaid(write):
    X, _ = read_ts(write("@classLabel true a\n@DATA\n1,2:a\n3:a\n"))
    assert [x.shape for x in X] == [(2, 1), (1, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "Toy_TRAIN.ts has no line '@data'"),
        ("", "has no line '@data'"),
        (HEADER + "@data\n", "no case after"),
        ("1,2:a\n", "line 1: expected a header line"),
        (HEADER + "@data\n1,x:2,3:a\n", "line 7: could not convert string to float: 'x'"),
        (HEADER + "@data\n1,2:3:a\n", r"line 7: all channels .* lengths \[2, 1\]"),
        (HEADER + "@data\n1,2:3,4:a\n1,2:b\n", "line 8: expected 2 channels, got 1"),
        (HEADER + "@data\n1,2:3,4:c\n", r"line 7: the label must be one of \['a', 'b'\], got 'c'"),
        ("@classLabel true\n@data\n1:1:x\n1:x\n", "line 4: expected 2 channels, got 1"),
        ("@classLabel true a\n@data\na\n", r"line 3: all channels must have one length.*\[\]"),
        ("@timeStamps true\n@classLabel true a\n@data\n1:a\n", "has timestamps"),
        ("@classLabel false\n@data\n1\n", "no class labels"),
        ("@data\n1:a\n", "no class labels"),
        ("@dimensions many\n@classLabel true a\n@data\n1:a\n", "'@dimensions' must be"),
    ],
)
def test_errors_name_file_and_line(write, text, message):
    with pytest.raises(InvalidInputError, match=message):
        read_ts(write(text))


def test_reads_all_the_real_files(data_folder):
    paths = sorted((data_folder / "ucr").glob("*.ts"))
    assert paths
    for path in paths:
        X, y = read_ts(path)
        assert len(X) == len(y) > 0
        assert np.isfinite(np.vstack(X.tolist())).all()
