"""Where files of data sets come from; the net is a file:// address here."""

from __future__ import annotations

import hashlib
import zipfile

import pytest

from stackens.datasets._files import find_files

CONTENT = {"A.ts": b"first", "B.ts": b"second"}
CHECKSUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Nothing is found but below ``tmp_path``."""
    monkeypatch.setenv("STACKENS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("STACKENS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def archive(tmp_path):
    def make(members):
        path = tmp_path / "Toy.zip"
        with zipfile.ZipFile(path, "w") as file:
            for name, content in members.items():
                file.writestr(name, content)
        return path.as_uri()

    return make


def find(url="file:///nowhere.zip", *, data_home=None, download=True):
    return find_files("toy", CHECKSUMS, url, data_home=data_home, download_if_missing=download)


def put(home):
    folder = home / "toy"
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_looks_in_the_argument_then_the_environment_then_the_cache(tmp_path):
    for home in ("cache", "data", "mine"):  # each comes before those that are there already
        put(tmp_path / home)
        found = find(data_home=tmp_path / "mine", download=False)
        assert found == {name: tmp_path / home / "toy" / name for name in CONTENT}


def test_downloads_into_the_cache_and_only_once(tmp_path, archive):
    url = archive({f"deep/folder/{name}": content for name, content in CONTENT.items()})
    found = find(url, data_home=tmp_path / "mine")
    assert {name: path.read_bytes() for name, path in found.items()} == CONTENT
    assert files_below(tmp_path / "cache") == sorted(found.values())
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "mine").exists()
    assert find() == found  # the address given here has nothing


def test_a_file_may_come_in_parts(tmp_path, archive):
    found = find(archive({"x/A.ts.000": b"fi", "x/A.ts.001": b"rst", "B.ts": b"second"}))
    assert {name: path.read_bytes() for name, path in found.items()} == CONTENT


def test_half_of_the_files_is_not_enough(tmp_path, archive):
    put(tmp_path / "data")
    (tmp_path / "data" / "toy" / "B.ts").unlink()
    assert find(archive(CONTENT))["A.ts"].is_relative_to(tmp_path / "cache")


def test_a_wrong_checksum_stores_nothing(tmp_path, archive):
    with pytest.raises(OSError, match=r"'B.ts' has SHA-256 .*expected .*nothing was stored"):
        find(archive({**CONTENT, "B.ts": b"other"}))
    assert not files_below(tmp_path / "cache")


def test_a_path_that_leads_outside_is_not_followed(tmp_path, archive):
    url = archive({f"../../../evil/{name}": content for name, content in CONTENT.items()})
    assert files_below(tmp_path / "cache") == []
    find(url)
    cached = [tmp_path / "cache" / "toy" / name for name in CONTENT]
    assert files_below(tmp_path) == sorted([*cached, tmp_path / "Toy.zip"])


@pytest.mark.parametrize("members", [{"A.ts": b"first"}, {**CONTENT, "copy/A.ts": b"first"}])
def test_a_file_that_is_missing_or_twice_is_refused(members, archive):
    with pytest.raises(OSError, match=r"archive must hold '[AB].ts' once"):
        find(archive(members))


def test_what_is_no_archive_is_refused(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<html>not found</html>")
    with pytest.raises(OSError, match=r"cannot be used \(File is not a zip file\)"):
        find(page.as_uri())


def test_offline_says_which_folder_to_set():
    with pytest.raises(OSError, match=r"'A.ts', 'B.ts'.*folder named 'toy'.*STACKENS_DATA"):
        find()


def test_a_download_can_be_forbidden(archive):
    with pytest.raises(OSError, match=r"`download_if_missing` is False.*STACKENS_DATA"):
        find(archive(CONTENT), download=False)


def test_a_write_that_fails_leaves_nothing(tmp_path, archive, monkeypatch):
    def refuse(self, target):
        raise PermissionError("no")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(PermissionError):
        find(archive(CONTENT))
    assert not files_below(tmp_path / "cache")
