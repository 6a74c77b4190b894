"""Short sentences in Japanese and in English."""

from __future__ import annotations

import os

from sklearn.utils import Bunch

from stackens.datasets._files import find_files

_URL = "https://github.com/odashi/small_parallel_enja/archive/refs/heads/master.zip"
_CHECKSUMS = {
    "train.ja": "fc81a1434349ec98a449d7ae9cd2530057f689637684ecfed3501ea6a8a07ecc",
    "train.en": "148b05dcd28638fe20ee84f2b1127001c80982be352007dda241fb759adadc76",
    "dev.ja": "cd534f56b8639dc130f86a365e5ec0aa70042000bdd740a622fbbf8b6be4acca",
    "dev.en": "04a2673449770657fd5e3b963cb856be3130923212b6db8ac7eaeef18f06c041",
    "test.ja": "d37dc460a81b064e4106c8913eb11fa300da05cf3f58a7a5bbfec7e20947ddef",
    "test.en": "45edb380749ec2b49cca7618fc5a7595fc9f791180672ba466b90c873a4aa8bf",
}
_DESCRIPTION = """\
Sentences of 4 to 16 words in Japanese and English, from the Tanaka corpus, cut into words by KyTea
and by the Stanford tokenizer, English ones in lower case: 50,000 to train, 500 to develop, 500 to
test. Source: Y. Oda, small_parallel_enja (https://github.com/odashi/small_parallel_enja).
"""


def load_small_parallel_enja(
    *, data_home: str | os.PathLike[str] | None = None, download_if_missing: bool = True
) -> Bunch:
    """Load small_parallel_enja: 51,000 pairs of short sentences in Japanese and English.

    Words are separated by blanks, English ones are in lower case. Source: Y. Oda,
    *small_parallel_enja*, sentences of 4 to 16 words from the Tanaka corpus.

    Parameters
    ----------
    data_home : path, default=None
        Folder that holds ``small_parallel_enja/train.ja`` and so on; then STACKENS_DATA and the
        cache are looked in.
    download_if_missing : bool, default=True
        Whether to download files that are nowhere.

    Returns
    -------
    sklearn.utils.Bunch
        ``train`` (50,000 pairs), ``dev`` (500) and ``test`` (500), each a Bunch of ``ja`` and
        ``en``, lists of str of one length; ``DESCR``.

    Raises
    ------
    OSError
        If the files cannot be had.

    Examples
    --------
    >>> from stackens.datasets import load_small_parallel_enja
    >>> data = load_small_parallel_enja()  # doctest: +SKIP
    >>> data.train.ja[2], data.train.en[2]  # doctest: +SKIP
    ('私 は テニス 部員 で す 。', "i 'm in the tennis club .")
    """
    paths = find_files(
        "small_parallel_enja",
        _CHECKSUMS,
        _URL,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
    sides = {name: path.read_text(encoding="utf-8").splitlines() for name, path in paths.items()}
    parts = {
        part: Bunch(ja=sides[f"{part}.ja"], en=sides[f"{part}.en"])
        for part in ("train", "dev", "test")
    }
    return Bunch(**parts, DESCR=_DESCRIPTION)
