"""Sentences as token ids and back, with ids for padding, begin, end and what is unknown."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError, MissingExtraError
from stackens.text._tokens import check_texts, check_tokens, most_frequent, warn_of_unknown

PADDING, BEGIN, END, UNKNOWN = range(4)
_SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
TOKENS = ("words", "characters", "sentencepiece")


class Tokenizer:
    """What the tokens of a language are: words, or characters.

    Parameters
    ----------
    kind : {"words", "characters"}
        How a sentence is cut.
    vocabulary : sequence of str
        Tokens by id; the first four stand for padding, begin, end, and all that is unknown.
    """

    def __init__(self, kind: str, vocabulary: Sequence[str]) -> None:
        self.kind = kind
        self.vocabulary = list(vocabulary)
        first = len(_SPECIAL)
        self._ids = {token: i for i, token in enumerate(self.vocabulary) if i >= first}

    def __len__(self) -> int:
        return len(self.vocabulary)

    @property
    def knows_any(self) -> bool:
        """Whether there is a token that is not special."""
        return len(self) > len(_SPECIAL)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tokenizer):
            return NotImplemented
        return (self.kind, self.vocabulary) == (other.kind, other.vocabulary)

    __hash__ = None  # type: ignore[assignment]

    def split(self, sentence: str) -> list[str]:
        """Return the tokens of a sentence."""
        return sentence.split() if self.kind == "words" else list(sentence)

    def join(self, tokens: Sequence[str]) -> str:
        """Return the sentence of some tokens."""
        return (" " if self.kind == "words" else "").join(tokens)

    def encode(self, sentences: Iterable[str], name: str, *, warn: bool) -> list[np.ndarray]:
        """Return the ids of each sentence, without begin and end.

        Parameters
        ----------
        sentences : iterable of str
            Sentences.
        name : str
            What they are called in messages.
        warn : bool
            Whether to say how many tokens are unknown.

        Returns
        -------
        list of ndarray of int32 of shape (n_tokens_i,)

        Raises
        ------
        InvalidInputError
            If a sentence has no token.
        """
        found, unknown = [], []
        for number, sentence in enumerate(sentences):
            tokens = self.split(sentence)
            if not tokens:
                raise InvalidInputError(
                    f"`{name}` must not hold empty sentences; sentence {number} is "
                    f"{sentence!r}. Leave it out."
                )
            ids = [self._ids.get(token, UNKNOWN) for token in tokens]
            unknown += [t for t, i in zip(tokens, ids, strict=True) if i == UNKNOWN]
            found.append(np.array(ids, "int32"))
        if unknown and warn:
            n_tokens = sum(len(ids) for ids in found)
            warn_of_unknown(len(unknown), n_tokens, set(unknown))
        return found

    def decode(self, ids: Iterable[int]) -> str:
        """Return the sentence of some ids."""
        return self.join([self.vocabulary[i] for i in ids])

    def _check_loaded(self) -> None:
        check_tokens(self.vocabulary, self._ids, len(_SPECIAL))


class PieceTokenizer(Tokenizer):
    """The pieces of a sentencepiece model.

    A file that holds one must be trusted: what reads the bytes of a model is compiled code, and has
    been led astray by bytes that were made for it.

    Parameters
    ----------
    vocabulary : sequence of str
        Pieces by id, as in :class:`Tokenizer`.
    model : ndarray of uint8
        The bytes of the model.
    """

    def __init__(self, vocabulary: Sequence[str], model: np.ndarray) -> None:
        super().__init__("sentencepiece", vocabulary)
        self.model = model

    def split(self, sentence: str) -> list[str]:
        """Return the pieces of a sentence."""
        return _processor(self.model.tobytes()).encode(sentence, out_type=str)

    def join(self, tokens: Sequence[str]) -> str:
        """Return the sentence of some pieces."""
        return _processor(self.model.tobytes()).decode(list(tokens))


def check_pairs(source: Any, target: Any) -> tuple[list[str], list[str]]:
    """Return both sides as lists; refuse what are no pairs of texts."""
    source, target = check_texts(source, "source"), check_texts(target, "target")
    if len(source) != len(target):
        raise InvalidInputError(
            "`source` and `target` must have equally many sentences, one translation for each; "
            f"got {len(source)} and {len(target)}."
        )
    return source, target


def close(ids: np.ndarray, *, begin: bool = False) -> np.ndarray:
    """Put the end after a sentence, and perhaps begin before it."""
    return np.array([*([BEGIN] if begin else []), *ids, END], "int32")


def learn_tokenizer(
    sentences: Sequence[str], kind: str, max_tokens: int | None, min_frequency: int
) -> Tokenizer:
    """Learn the tokens of some sentences.

    Parameters
    ----------
    sentences : sequence of str
        To learn from.
    kind : {"words", "characters", "sentencepiece"}
        How a sentence is cut.
    max_tokens : int or None
        Largest number of ids; None is no limit (8000 for sentencepiece, which needs one).
    min_frequency : int
        Words and characters that occur less often are unknown.

    Returns
    -------
    Tokenizer

    Raises
    ------
    MissingExtraError
        If sentencepiece is wanted, and not installed.
    InvalidInputError
        If it finds no pieces: there are more letters than ``max_tokens``, or none.
    """
    if kind == "sentencepiece":
        return _learn_pieces(sentences, max_tokens or 8000)
    cut = Tokenizer(kind, _SPECIAL).split
    n = None if max_tokens is None else max_tokens - len(_SPECIAL)
    tokens = (token for sentence in sentences for token in cut(sentence))
    return Tokenizer(kind, [*_SPECIAL, *most_frequent(tokens, n, min_frequency)])


def _learn_pieces(sentences: Sequence[str], n_pieces: int) -> PieceTokenizer:
    package = _require_sentencepiece()
    written = io.BytesIO()
    try:
        package.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=written,
            vocab_size=n_pieces,
            hard_vocab_limit=False,  # few texts have fewer pieces
            character_coverage=1.0,
            normalization_rule_name="identity",
            max_sentence_length=1 << 20,
            pad_id=PADDING,
            bos_id=BEGIN,
            eos_id=END,
            unk_id=UNKNOWN,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        n_letters = len({letter for sentence in sentences for letter in sentence.strip()})
        raise InvalidInputError(
            f"sentencepiece finds no {n_pieces} pieces in {len(sentences)} sentences with "
            f"{n_letters} different letters, each of which needs one. Raise `max_tokens`, give "
            "more sentences, or use `tokens='characters'`."
        ) from error
    model = np.frombuffer(written.getvalue(), np.uint8)
    processor = _processor(model.tobytes())
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    return PieceTokenizer([*_SPECIAL, *pieces[len(_SPECIAL) :]], model)


@functools.lru_cache(maxsize=4)
def _processor(model: bytes) -> Any:
    return _require_sentencepiece().SentencePieceProcessor(model_proto=model)


def _require_sentencepiece() -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        raise MissingExtraError(
            "`tokens='sentencepiece'` needs sentencepiece, which is not installed. Install it "
            'with: pip install "stackens[text]"'
        ) from error
    return sentencepiece
