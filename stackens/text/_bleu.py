"""How much a translation has in common with a reference: BLEU, by sacrebleu."""

from __future__ import annotations

from collections.abc import Sequence

from stackens.exceptions import MissingExtraError

__all__ = ["corpus_bleu"]


def corpus_bleu(translations: Sequence[str], references: Sequence[str], tokenize: str) -> float:
    """Return BLEU from 0 to 100.

    Up to four words in a row are compared; where no translation has as many, up to so many as the
    longest has, as otherwise the best translations of short sentences would get nothing.

    Parameters
    ----------
    translations, references : sequence of str
        One reference for each translation.
    tokenize : str
        How sacrebleu cuts both; "none" is where white space is.

    Returns
    -------
    float

    Raises
    ------
    MissingExtraError
        If sacrebleu is not installed.
    """
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
