"""Large vocabularies out of estimators and back, so that they can be kept as arrays.

Writers of estimators make a node of text of every entry of a dict: of the 600,000 terms that a
``TfidfVectorizer`` learns from IMDB a quarter of a gigabyte, and half a minute. As arrays they are
the bytes of their words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["Vocabulary", "put_vocabularies", "without_vocabularies"]

_LARGE = 1000  # entries
_GREATEST = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A dict of words and their numbers, or a list of words, and where it stands.

    Attributes
    ----------
    path : list of str or int
        From the estimator on: names of attributes, keys of dicts, places in lists and tuples.
    words : list of str
        In their order.
    numbers : ndarray of int64 of shape (n_words,) or None
        Of each word; None if it is a list.
    """

    path: list[str | int]
    words: list[str]
    numbers: np.ndarray | None

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the words as bytes of UTF-8, where each ends, and the numbers if there are any.

        Returns
        -------
        dict of str to ndarray
            ``"text"``: uint8; ``"ends"``: int64 of shape (n_words,), in bytes; ``"numbers"``.
        """
        encoded = [word.encode("utf-8", "surrogatepass") for word in self.words]
        arrays: dict[str, np.ndarray] = {
            "text": np.frombuffer(b"".join(encoded), np.uint8),
            "ends": np.cumsum([len(word) for word in encoded], dtype=np.int64),
        }
        return arrays if self.numbers is None else {**arrays, "numbers": self.numbers}

    @classmethod
    def from_arrays(cls, path: Sequence[Any], arrays: Mapping[str, np.ndarray]) -> Vocabulary:
        """Do the reverse of ``to_arrays``.

        Parameters
        ----------
        path : sequence of str or int
            Where it stands.
        arrays : mapping of str to ndarray
            From ``to_arrays``.

        Returns
        -------
        Vocabulary

        Raises
        ------
        KeyError, TypeError, ValueError
            If that is not what they are.
        """
        text, ends, numbers = arrays["text"], arrays["ends"], arrays.get("numbers")
        if text.dtype != np.uint8 or text.ndim != 1 or ends.dtype != np.int64 or ends.ndim != 1:
            raise ValueError("A vocabulary must be bytes, and where its words end.")
        if numbers is not None and (numbers.dtype != np.int64 or numbers.shape != ends.shape):
            raise ValueError("A vocabulary must have a number for each word.")
        if not all(type(part) in (str, int) for part in path):
            raise TypeError("The place of a vocabulary must be names and numbers.")
        bounds = np.concatenate([[0], ends])
        if (bounds[:-1] > bounds[1:]).any() or bounds[-1] != len(text):
            raise ValueError("The words of a vocabulary must end one after the other.")
        data, places = text.tobytes(), list(pairwise(bounds.tolist()))
        if data.isascii():  # one character a byte: all are decoded at once
            whole = data.decode("ascii")
            words = [whole[a:b] for a, b in places]
        else:
            words = [data[a:b].decode("utf-8", "surrogatepass") for a, b in places]
        if numbers is not None and len(set(words)) < len(words):
            raise ValueError("A word is twice in a vocabulary.")
        return cls(list(path), words, numbers)

    def restore(self) -> dict[str, int] | list[str]:
        """Return the dict or the list."""
        if self.numbers is None:
            return self.words
        return dict(zip(self.words, self.numbers.tolist(), strict=True))


def without_vocabularies(value: Any) -> tuple[Any, list[Vocabulary]]:
    """Return an estimator without its large vocabularies, and these.

    What it is given stays as it is, so that others may use it meanwhile.

    Parameters
    ----------
    value : object
        An estimator of scikit-learn, or lists, tuples and dicts of such. Others are left alone.

    Returns
    -------
    value : object
        Copies of whatever holds a vocabulary, with an empty dict or list in its place; everything
        else is what it was.
    vocabularies : list of Vocabulary
        What was taken out, once for each place.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from stackens.vocabularies import without_vocabularies
    >>> counter = CountVectorizer().fit([" ".join(f"w{i}" for i in range(1000))])
    >>> small, vocabularies = without_vocabularies(counter)
    >>> len(small.vocabulary_), vocabularies[0].path, len(vocabularies[0].words)
    (0, ['vocabulary_'], 1000)
    >>> len(counter.vocabulary_)
    1000
    """
    search = _Search()
    return search.take_out(value, []), search.found


def put_vocabularies(value: Any, vocabularies: Sequence[Vocabulary]) -> None:
    """Put vocabularies back where they were taken from.

    Parameters
    ----------
    value : object
        With an empty dict or list in each place.
    vocabularies : sequence of Vocabulary
        From ``without_vocabularies``.

    Raises
    ------
    KeyError, IndexError, TypeError, ValueError
        If there is no such place.
    """
    for vocabulary in vocabularies:
        if not vocabulary.path:
            raise ValueError("A vocabulary must stand somewhere.")
        *way, last = vocabulary.path
        holder = value
        for part in way:
            holder = _inside(holder)[part]
        holder, made = _inside(holder), vocabulary.restore()
        if type(holder) not in (dict, list) or type(holder[last]) is not type(made) or holder[last]:
            raise ValueError("There is no empty place for a vocabulary.")
        holder[last] = made


def _inside(value: Any) -> Any:
    if isinstance(value, BaseEstimator):
        return vars(value)
    if not isinstance(value, list | tuple | dict):
        raise TypeError(f"There is no vocabulary in a {type(value).__name__}.")
    return value


class _Search:
    """Looks for vocabularies; one that stands in two places is found twice, and read once."""

    def __init__(self) -> None:
        self.found: list[Vocabulary] = []
        self._read: dict[int, Vocabulary] = {}  # by identity, as what has none
        self._without: set[int] = set()

    def take_out(self, value: Any, path: list[str | int]) -> Any:
        """Return the value if there is no vocabulary in it, otherwise a copy that has none."""
        if id(value) in self._without or not isinstance(value, BaseEstimator | list | tuple | dict):
            return value
        self._without.add(id(value))  # so that what holds itself has an end
        holder, changed = _inside(value), {}
        for key, part in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if type(key) not in (str, int):
                continue
            if type(holder) in (dict, list) and _is_vocabulary(part):
                self.found.append(replace(self._vocabulary(part), path=[*path, key]))
                changed[key] = type(part)()
            elif (made := self.take_out(part, [*path, key])) is not part:
                changed[key] = made
        if not changed:
            return value
        self._without.remove(id(value))
        return _changed(value, changed)

    def _vocabulary(self, value: Any) -> Vocabulary:
        if id(value) not in self._read:
            self._read[id(value)] = _read([], value)
        return self._read[id(value)]


def _changed(value: Any, parts: dict[Any, Any]) -> Any:
    """Return a copy with other parts in some places; the rest is shared with the original."""
    if isinstance(value, tuple):
        items = [parts.get(place, part) for place, part in enumerate(value)]
        return type(value)(items) if type(value) is tuple else type(value)(*items)
    if isinstance(value, BaseEstimator):  # not by its own methods: they may leave something out
        made = object.__new__(type(value))
        made.__dict__.update({**vars(value), **parts})
        return made
    made = copy(value)
    for place, part in parts.items():
        made[place] = part
    return made


def _is_vocabulary(value: Any) -> bool:
    if type(value) not in (dict, list) or len(value) < _LARGE:
        return False
    if not all(type(word) is str for word in value):
        return False
    return type(value) is list or all(
        type(number) is int and 0 <= number <= _GREATEST for number in value.values()
    )


def _read(path: list[str | int], value: dict[str, int] | list[str]) -> Vocabulary:
    numbers = None
    if isinstance(value, dict):
        numbers = np.fromiter(value.values(), np.int64, len(value))
    return Vocabulary(path, list(value), numbers)
