"""Some of Shakespeare's plays as one text."""

from __future__ import annotations

import os

from sklearn.utils import Bunch

from stackens.datasets._files import find_local_files

_SOURCE = (
    "The file data/tinyshakespeare/input.txt at https://github.com/karpathy/char-rnn holds it."
)
_DESCRIPTION = """\
40,000 lines of Shakespeare's plays, 1,115,394 characters of 65 kinds, as one text. Source:
A. Karpathy, "The unreasonable effectiveness of recurrent neural networks" (2015).
"""
_TRAINING_FRACTION = 0.9


def load_tinyshakespeare(*, data_home: str | os.PathLike[str] | None = None) -> Bunch:
    """Load tinyshakespeare: plays as one running text of 1,115,394 characters.

    Source: A. Karpathy, *The unreasonable effectiveness of recurrent neural networks* (2015).

    Parameters
    ----------
    data_home : path, default=None
        Folder that holds ``tinyshakespeare/input.txt``; then STACKENS_DATA and the cache are
        looked in.

    Returns
    -------
    sklearn.utils.Bunch
        ``train``: str, the first nine tenths (1,003,854 characters); ``test``: str, the last tenth;
        ``DESCR``.

    Raises
    ------
    OSError
        If the file is in none of the places; the message says where it is published.

    Examples
    --------
    >>> from stackens.datasets import load_tinyshakespeare
    >>> load_tinyshakespeare().train[:14]  # doctest: +SKIP
    'First Citizen:'
    """
    paths = find_local_files("tinyshakespeare", ["input.txt"], _SOURCE, data_home=data_home)
    text = paths["input.txt"].read_text(encoding="utf-8")
    n_train = int(len(text) * _TRAINING_FRACTION)
    return Bunch(train=text[:n_train], test=text[n_train:], DESCR=_DESCRIPTION)
