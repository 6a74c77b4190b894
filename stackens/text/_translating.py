"""What a fitted translator does: it translates, scores pairs, and shows its attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import (
    InvalidInputError,
    MissingExtraError,
    SentenceLengthWarning,
    warn_user,
)
from stackens.text._tokenizer import BEGIN, END, UNKNOWN, check_pairs, close
from stackens.text._tokens import check_texts
from stackens.text._translation import attention_of_pair, score_pairs, translate

_BLEU_TOKENS = {"words": "none", "characters": "char", "sentencepiece": "13a"}


class TranslatingMixin:
    """For a translator with tokenizers, weights and an architecture."""

    def predict(self: Any, source: Any) -> list[str]:
        """Translate sentences.

        Parameters
        ----------
        source : str or iterable of str
            One sentence, or several; none may be empty.

        Returns
        -------
        list of str
            One translation of each, also of a single one; it may be empty. The unknown token is
            never written.

        Raises
        ------
        InvalidInputError
            If there is no sentence, or an empty one.
        """
        check_is_fitted(self)
        return self._translate(self._read(source))

    def _read(self: Any, source: Any) -> list[np.ndarray]:
        self._check_search()
        sentences = check_texts(source, "source")
        encoded = self._tokenizers[0].encode(sentences, "source", warn=True)
        long = [len(ids) for ids in encoded if len(ids) > self.max_length]
        if long:
            warn_user(
                f"{len(long)} of {len(encoded)} sentences have more than `max_length`="
                f"{self.max_length} tokens, the longest {max(long)}. They are read whole, but no "
                "sentence in training was as long.",
                SentenceLengthWarning,
            )
        return [close(ids) for ids in encoded]

    def _translate(self: Any, source: list[np.ndarray], *, cached: bool = True) -> list[str]:
        found = self._search(source, cached=cached)
        return [self._tokenizers[1].decode(ids) for ids in found]

    def _search(self: Any, source: list[np.ndarray], *, cached: bool = True) -> list[np.ndarray]:
        """Return the ids of translations, without begin and end."""
        is_forbidden = np.arange(len(self._tokenizers[1])) <= UNKNOWN
        is_forbidden[END] = False
        found, _ = translate(
            self._architecture(),
            self.weights_,
            source,
            begin=BEGIN,
            end=END,
            forbidden=is_forbidden,
            n_beams=int(self.beam_width),
            length_penalty=float(self.length_penalty),
            max_length=int(self.max_length),
            cached=cached,
        )
        n_full = sum(len(ids) == self.max_length for ids in found)
        if n_full:
            warn_user(
                f"{n_full} of {len(found)} translations have reached `max_length`="
                f"{self.max_length} tokens and stop there.",
                SentenceLengthWarning,
            )
        return found

    def score(self: Any, source: Any, target: Any) -> float:
        """Return BLEU of the translations, from 0 to 100.

        Words are compared as they are, between white space (``tokenize="none"`` of sacrebleu);
        with ``tokens="characters"`` characters are, and with ``tokens="sentencepiece"`` what
        sacrebleu takes for words ("13a"). Up to four in a row are compared; where no translation
        is as long, up to as many as there are (its ``effective_order``). Needs sacrebleu (extra
        ``text``).

        Parameters
        ----------
        source : str or iterable of str
            One sentence, or several.
        target : str or iterable of str
            The translation of each.

        Returns
        -------
        float

        Raises
        ------
        InvalidInputError
            As in ``fit`` and ``predict``.
        MissingExtraError
            If sacrebleu is not installed.
        """
        check_is_fitted(self)
        source, target = check_pairs(source, target)
        tokenizer = self._tokenizers[1]  # of the fit, whatever the parameter has become
        return _corpus_bleu(
            self._translate(self._read(source)), target, _BLEU_TOKENS[tokenizer.kind]
        )

    def sentence_scores(self: Any, source: Any, target: Any = None) -> list[np.ndarray]:
        """Return the logarithm of the probability of each token of translations.

        Parameters
        ----------
        source : str or iterable of str
            One sentence, or several.
        target : str or iterable of str, default=None
            The translation of each; None takes those of ``predict``.

        Returns
        -------
        list of ndarray of float32 of shape (n_tokens_i + 1,)
            In nats, with the end of the sentence as the last one. Their sum is that of the whole
            translation.

        Raises
        ------
        InvalidInputError
            As in ``fit`` and ``predict``.
        """
        check_is_fitted(self)
        if target is not None:
            source, target = check_pairs(source, target)
        read = self._read(source)
        if target is None:
            encoded = self._search(read)
        else:
            encoded = self._tokenizers[1].encode(target, "target", warn=True)
        begun = [close(ids, begin=True) for ids in encoded]
        return score_pairs(self._architecture(), self.weights_, read, begun)

    def attention(self: Any, source: str, target: str | None = None) -> Bunch:
        """Return where the tokens of a pair look, in every layer and head.

        Parameters
        ----------
        source : str
            A sentence.
        target : str, default=None
            Its translation; None takes that of ``predict``.

        Returns
        -------
        sklearn.utils.Bunch
            ``encoder``: ndarray of shape (n_layers, n_heads, n_source, n_source); ``decoder``:
            (n_layers, n_heads, n_target, n_target); ``cross``: (n_layers, n_heads, n_target,
            n_source): weights, that add up to 1 over the last axis, of what is looked at.
            ``source_tokens``, ``target_tokens``: list of str, what encoder and decoder read: a
            sentence and its end; the begin and a translation. At each of the latter, the token
            after it is predicted.

        Raises
        ------
        InvalidInputError
            If the sentence is none, or empty.
        """
        check_is_fitted(self)
        for name, sentence in (("source", source), ("target", target)):
            if not isinstance(sentence, str) and (name, sentence) != ("target", None):
                raise InvalidInputError(
                    f"`{name}` must be one sentence, a str; got a {type(sentence).__name__}."
                )
        (read,) = self._read(source)
        of_source, of_target = self._tokenizers
        if target is None:
            ids = self._search([read])[0]
            said = [of_target.vocabulary[i] for i in ids]
        else:
            ids = of_target.encode([target], "target", warn=True)[0]
            said = of_target.split(target)
        begun = close(ids, begin=True)[:-1]
        found = attention_of_pair(self._architecture(), self.weights_, read, begun)
        return Bunch(
            **dict(zip(("encoder", "decoder", "cross"), found, strict=True)),
            source_tokens=[*of_source.split(source), of_source.vocabulary[END]],
            target_tokens=[of_target.vocabulary[BEGIN], *said],
        )


def _corpus_bleu(translations: Sequence[str], references: Sequence[str], tokenize: str) -> float:
    """Return BLEU from 0 to 100; ``tokenize`` is how sacrebleu cuts both sides."""
    try:
        from sacrebleu.metrics import BLEU
    except ImportError as error:
        raise MissingExtraError(
            "`SequenceTranslator.score` needs sacrebleu, which is not installed. Install it with: "
            'pip install "stackens[text]"'
        ) from error
    # Without `force`, sacrebleu warns of sentences that look tokenised, which they may well be.
    return float(
        BLEU(tokenize=tokenize, force=True, effective_order=True)
        .corpus_score(list(translations), [list(references)])
        .score
    )
