"""Loaders of data sets that are never downloaded: tiny files, then the published ones."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from stackens.datasets import (
    load_fsdd,
    load_imdb,
    load_libras,
    load_natops,
    load_pendigits,
    load_small_parallel_enja,
    load_splice,
    load_tinyshakespeare,
    load_trec,
    load_ucr,
)
from stackens.exceptions import InvalidInputError

TS_HEADER = "@timeStamps false\n@classLabel true {labels}\n@data\n"


def write_ts(home, folder, name, labels, case):
    """One case in each part; ``case`` is repeated with the second label in the test part."""
    (home / folder).mkdir()
    for part, label in zip(("TRAIN", "TEST"), labels, strict=True):
        text = TS_HEADER.format(labels=" ".join(labels)) + f"{case}:{label}\n"
        (home / folder / f"{name}_{part}.ts").write_text(text)


def write_gun_point(home):
    write_ts(home, "ucr", "GunPoint", ["1", "2"], "0.5,1.5,2.5")


def write_basic_motions(home):
    write_ts(home, "ucr", "BasicMotions", ["Running", "Walking"], "1,2:3,4")


def write_natops(home):
    write_ts(home, "natops", "NATOPS", ["1.0", "6.0"], "1,2:3,4:5,6")


def write_libras(home):
    (home / "libras").mkdir()
    X = np.arange(8, dtype="f4").reshape(2, 2, 2)
    y = np.array([1, 15], "i2")
    np.savez(
        home / "libras" / "Libras.npz", X_train=X[:1], y_train=y[:1], X_test=X[1:], y_test=y[1:]
    )


def write_pendigits(home):
    (home / "pendigits").mkdir()
    for part, digit in (("train", 8), ("test", 0)):
        numbers = ",".join(map(str, range(16)))
        (home / "pendigits" / f"pendigits_{part}.csv").write_text(f"{numbers},{digit}\n")


def write_fsdd(home):
    (home / "fsdd").mkdir()
    np.savez(
        home / "fsdd" / "fsdd_mfcc13.npz",
        X=np.arange(39, dtype="f2").reshape(3, 13),
        lengths=[2, 1],
        y=[4, 7],
        speaker=["anna", "bert"],
        take=[0, 9],
        is_test=[True, False],
    )


def write_trec(home):
    (home / "trec").mkdir()
    (home / "trec" / "TREC.train").write_bytes(b"DESC:def What is a caf\xe9 ?\n")
    (home / "trec" / "TREC.test").write_bytes(b"NUM:date When : now ?\n")


def write_imdb(home):
    (home / "imdb").mkdir()
    for part, line in (("train", "0\t7_2\tNot a caf\u00e9\n"), ("test", "1\t0_10\tGood\n")):
        with gzip.open(home / "imdb" / f"imdb_{part}.tsv.gz", "wt", encoding="utf-8") as file:
            file.write(line)


def write_splice(home):
    (home / "splice").mkdir()
    rows = "EI,  A-DONOR-1,   CCAG\nN,B-NEG-7,    TTNA\n"
    (home / "splice" / "splice.data").write_text(rows)


def load_gun_point(*args, **options):
    return load_ucr("GunPoint", *args, **options)


def load_basic_motions(*args, **options):
    return load_ucr("BasicMotions", *args, **options)


SPLIT = {
    "gun_point": (load_gun_point, write_gun_point, [1, 2], (2, 3, 1)),
    "basic_motions": (load_basic_motions, write_basic_motions, ["Running", "Walking"], (2, 2, 2)),
    "natops": (load_natops, write_natops, [1, 6], (2, 2, 3)),
    "libras": (load_libras, write_libras, [1, 15], (2, 2, 2)),
    "pendigits": (load_pendigits, write_pendigits, [8, 0], (2, 8, 2)),
    "fsdd": (load_fsdd, write_fsdd, [7, 4], (2,)),
    "trec": (load_trec, write_trec, ["DESC", "NUM"], (2,)),
    "imdb": (load_imdb, write_imdb, [0, 1], (2,)),
}
each_split = pytest.mark.parametrize(
    ("load", "write", "labels", "shape"), SPLIT.values(), ids=SPLIT.keys()
)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Nothing is found but what a test puts below this folder."""
    monkeypatch.setenv("STACKENS_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("STACKENS_CACHE", str(tmp_path / "cache"))
    return tmp_path


@each_split
def test_reads_both_parts(nowhere, load, write, labels, shape):
    write(nowhere)
    bunch = load(data_home=nowhere)
    assert bunch.data.shape == shape
    assert bunch.target.tolist() == labels
    assert bunch.is_test.tolist() == [False, True]
    assert "Source" in bunch.DESCR
    for k, split in enumerate(("train", "test")):
        X, y = load(split, return_X_y=True, data_home=nowhere)
        assert y.tolist() == labels[k : k + 1]
        np.testing.assert_array_equal(X[0], bunch.data[k])


@each_split
def test_says_where_to_get_what_is_missing(nowhere, load, write, labels, shape):
    with pytest.raises(OSError, match=r"STACKENS_DATA.*https://"):
        load()


@each_split
def test_refuses_an_unknown_split(load, write, labels, shape):
    with pytest.raises(InvalidInputError, match=r"`split` must be .*'validation'"):
        load("validation")


def test_channels_and_points_are_where_they_belong(nowhere):
    write_basic_motions(nowhere)
    assert load_basic_motions("train", data_home=nowhere).data.tolist() == [[[1, 3], [2, 4]]]
    write_pendigits(nowhere)
    points = load_pendigits("train", data_home=nowhere).data[0]
    assert points[:2].tolist() == [[0, 1], [2, 3]]


def test_spoken_digits_know_their_speakers(nowhere):
    write_fsdd(nowhere)
    bunch = load_fsdd(data_home=nowhere)
    assert bunch.speaker.tolist() == ["bert", "anna"]
    assert bunch.take.tolist() == [9, 0]
    np.testing.assert_array_equal(bunch.data[1], np.arange(26).reshape(2, 13))


def test_questions_keep_their_fine_classes_and_letters(nowhere):
    write_trec(nowhere)
    bunch = load_trec(data_home=nowhere)
    assert bunch.data.tolist() == ["What is a café ?", "When : now ?"]
    assert bunch.fine.tolist() == ["DESC:def", "NUM:date"]


def test_reviews_keep_their_ratings_and_letters(nowhere):
    write_imdb(nowhere)
    bunch = load_imdb(data_home=nowhere)
    assert bunch.data.tolist() == ["Not a café", "Good"]
    assert bunch.rating.tolist() == [2, 10]


def test_splice_junctions_are_letters(nowhere):
    with pytest.raises(OSError, match=r"'splice.data'.*STACKENS_DATA.*https://"):
        load_splice()
    write_splice(nowhere)
    bunch = load_splice(data_home=nowhere)
    assert bunch.data.tolist() == ["CCAG", "TTNA"]
    assert bunch.target.tolist() == ["EI", "N"]


def test_refuses_an_unknown_set():
    with pytest.raises(InvalidInputError, match=r"`name` must be one of \['GunPoint'.*'Gun'"):
        load_ucr("Gun")


@pytest.mark.parametrize(
    ("name", "n_train", "n_test", "shape", "n_classes"),
    [
        ("GunPoint", 50, 150, (150, 1), 2),
        ("ItalyPowerDemand", 67, 1029, (24, 1), 2),
        ("ArrowHead", 36, 175, (251, 1), 3),
        ("BasicMotions", 40, 40, (100, 6), 4),
    ],
)
def test_ucr_has_the_published_sizes(data_folder, name, n_train, n_test, shape, n_classes):
    bunch = load_ucr(name)
    assert np.bincount(bunch.is_test).tolist() == [n_train, n_test]
    assert bunch.data.shape[1:] == shape
    assert np.isfinite(bunch.data).all()
    assert len(np.unique(bunch.target)) == n_classes


@pytest.mark.parametrize(
    ("load", "n_train", "n_test", "shape", "classes"),
    [
        (load_natops, 180, 180, (51, 24), range(1, 7)),
        (load_libras, 180, 180, (45, 2), range(1, 16)),
        (load_pendigits, 7494, 3498, (8, 2), range(10)),
        (load_fsdd, 2700, 300, (), range(10)),
        (load_imdb, 25_000, 25_000, (), [0, 1]),
        (load_trec, 5452, 500, (), ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]),
    ],
)
def test_has_the_published_sizes(data_folder, load, n_train, n_test, shape, classes):
    bunch = load()
    assert np.bincount(bunch.is_test).tolist() == [n_train, n_test]
    assert bunch.data.shape[1:] == shape
    assert np.unique(bunch.target).tolist() == list(classes)


def test_spoken_digits_are_balanced_over_speakers(data_folder):
    bunch = load_fsdd()
    speakers, counts = np.unique(bunch.speaker, return_counts=True)
    assert len(speakers) == 6
    assert set(counts) == {500}
    assert {x.shape[1] for x in bunch.data} == {13}
    assert (bunch.is_test == (bunch.take < 5)).all()


def test_splice_junctions_have_the_published_sizes(data_folder):
    X, y = load_splice(return_X_y=True)
    assert {len(text) for text in X} == {60}
    assert dict(zip(*np.unique(y, return_counts=True), strict=True)) == {
        "EI": 767,
        "IE": 768,
        "N": 1655,
    }


def test_a_text_is_cut_at_nine_tenths(tmp_path):
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_text("0123456789" * 3)
    text = load_tinyshakespeare(data_home=tmp_path)
    assert (text.train, text.test) == (("0123456789" * 3)[:27], "789")


def test_published_tinyshakespeare(data_folder):
    text = load_tinyshakespeare(data_home=data_folder)
    assert (len(text.train), len(text.test)) == (1_003_854, 111_540)
    assert len(set(text.train + text.test)) == 65


def test_pairs_of_sentences_stay_together(tmp_path):
    (tmp_path / "small_parallel_enja").mkdir()
    for part in ("train", "dev", "test"):
        for language in ("ja", "en"):
            text = f"{part} {language} one\n{part} {language} two\n"
            (tmp_path / "small_parallel_enja" / f"{part}.{language}").write_text(text)
    data = load_small_parallel_enja(data_home=tmp_path, download_if_missing=False)
    assert data.dev.ja == ["dev ja one", "dev ja two"]
    assert data.test.en == ["test en one", "test en two"]


def test_small_parallel_enja_as_published(data_folder):
    data = load_small_parallel_enja(data_home=data_folder, download_if_missing=False)
    sizes = {name: (len(data[name].ja), len(data[name].en)) for name in ("train", "dev", "test")}
    assert sizes == {"train": (50_000, 50_000), "dev": (500, 500), "test": (500, 500)}
    words = {word for sentence in data.train.en for word in sentence.split()}
    assert len(words) == 6634  # as its home says
