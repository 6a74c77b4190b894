"""Where files of data sets are: a folder of the user's, a cache, or their home on the net."""

from __future__ import annotations

import hashlib
import io
import os
import urllib.request
import zipfile
import zlib
from collections.abc import Collection, Mapping
from http.client import HTTPException
from pathlib import Path

from stackens.archive import open_whole

_TIMEOUT = 60  # seconds without an answer
_MAX_BYTES = 200_000_000  # of one extracted file


def find_files(
    folder: str,
    checksums: Mapping[str, str],
    url: str,
    *,
    data_home: str | os.PathLike[str] | None,
    download_if_missing: bool,
) -> dict[str, Path]:
    """Find the files of a data set, or download them into the cache.

    Parameters
    ----------
    folder : str
        Of the data set, below a home.
    checksums : mapping of str to str
        SHA-256 of each file, by name.
    url : str
        A zip archive that holds the files, or numbered parts of them (name.000, …); or, if it ends
        with the name of the only file, that file.
    data_home : path, default=None
        Looked in first; then the folder that the environment variable STACKENS_DATA names, then
        the cache (STACKENS_CACHE, or ``~/.cache/stackens``). Only the cache is written to.
    download_if_missing : bool
        Whether to download what is nowhere.

    Returns
    -------
    dict of str to Path

    Raises
    ------
    OSError
        If the files are nowhere and cannot be downloaded, or a checksum is wrong.
    """
    found = _search(folder, checksums, data_home)
    if found:
        return found
    if not download_if_missing:
        raise OSError(_advice(folder, checksums, "and `download_if_missing` is False"))
    return _download(url, _cache() / folder, checksums, folder)


def find_local_files(
    folder: str, names: Collection[str], source: str, *, data_home: str | os.PathLike[str] | None
) -> dict[str, Path]:
    """Find the files of a data set that is never downloaded.

    Parameters
    ----------
    folder : str
        Of the data set, below a home.
    names : collection of str
        Of the files.
    source : str
        Where they are published, and what they must hold, for the error.
    data_home : path, default=None
        As in ``find_files``.

    Returns
    -------
    dict of str to Path

    Raises
    ------
    OSError
        If the files are not in one of the homes.
    """
    found = _search(folder, names, data_home)
    if not found:
        raise OSError(f"{_advice(folder, names, 'and are not downloaded')} {source}")
    return found


def _cache() -> Path:
    return Path(os.environ.get("STACKENS_CACHE") or "~/.cache/stackens").expanduser()


def _search(
    folder: str, names: Collection[str], data_home: str | os.PathLike[str] | None
) -> dict[str, Path]:
    """Return the paths in the first home that has all of the files; empty if none has."""
    for home in (data_home, os.environ.get("STACKENS_DATA"), _cache()):
        paths = {name: Path(home) / folder / name for name in names} if home else {}
        if paths and all(path.is_file() for path in paths.values()):
            return paths
    return {}


def _advice(folder: str, names: Collection[str], reason: str) -> str:
    return (
        f"The files {sorted(names)} were not found, {reason}. Put them into a folder named "
        f"{folder!r}, and set the environment variable STACKENS_DATA (or `data_home`) to the "
        "folder that holds it."
    )


def _download(url: str, target: Path, checksums: Mapping[str, str], folder: str) -> dict[str, Path]:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
            content = answer.read()
        if [url.rsplit("/", 1)[-1]] == list(checksums):
            members = {name: _check(name, content, sha) for name, sha in checksums.items()}
        else:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                members = {name: _extract(archive, name, sha) for name, sha in checksums.items()}
    except (OSError, HTTPException, zipfile.BadZipFile, zlib.error) as error:
        raise OSError(_advice(folder, checksums, f"and {url} cannot be used ({error})")) from error
    return {name: _write(target / name, member) for name, member in members.items()}


def _extract(archive: zipfile.ZipFile, name: str, checksum: str) -> bytes:
    """Return the checked content of the member of that plain name, whatever path it claims.

    Or that of its parts (name.000, name.001, …), one after the other.
    """
    members = _members(archive, name) or _parts(archive, name)
    if not members or sum(member.file_size for member in members) > _MAX_BYTES:
        raise OSError(f"The downloaded archive must hold {name!r} once; it has {len(members)}")
    return _check(name, b"".join(archive.read(member) for member in members), checksum)


def _members(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    found = [member for member in archive.infolist() if Path(member.filename).name == name]
    if len(found) > 1:
        raise OSError(f"The downloaded archive must hold {name!r} once; it has {len(found)}")
    return found


def _parts(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    found: list[zipfile.ZipInfo] = []
    while part := _members(archive, f"{name}.{len(found):03}"):
        found += part
    return found


def _check(name: str, content: bytes, checksum: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != checksum:
        raise OSError(f"{name!r} has SHA-256 {found}, expected {checksum}; nothing was stored")
    return content


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_whole(path) as file:
        file.write(content)
    return path
