"""Vectorizers of text."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens import portable
from stackens.exporting._converter import CannotExportError, Converter, converts

__all__: list[str] = []


@converts("stackens.SequenceVectorizer")
def _sequence_vectorizer(vectorizer: Any, converter: Converter) -> portable.Part:
    analyzer = portable.Analyzer(
        vectorizer.analyzer, bool(vectorizer.lowercase), vectorizer.token_pattern, [1, 1]
    )
    tokens = vectorizer.get_vocabulary()[2:]
    return portable.SequenceVectorizer(
        analyzer, tokens, vectorizer.max_length, vectorizer.truncation
    )


@converts("sklearn.CountVectorizer")
def _count_vectorizer(vectorizer: Any, converter: Converter) -> portable.Part:
    vocabulary = vectorizer.vocabulary_
    terms = sorted(vocabulary, key=vocabulary.get)
    return portable.CountVectorizer(_analyzer(vectorizer), terms, bool(vectorizer.binary))


@converts("sklearn.TfidfTransformer")
def _tfidf_transformer(transformer: Any, converter: Converter) -> portable.Part:
    idf = transformer.idf_ if transformer.use_idf else None
    return portable.TfidfTransformer(idf, transformer.norm, bool(transformer.sublinear_tf))


@converts("sklearn.TfidfVectorizer")
def _tfidf_vectorizer(vectorizer: Any, converter: Converter) -> portable.Part:
    counts = _count_vectorizer(vectorizer, converter)
    return portable.Chain([counts, _tfidf_transformer(vectorizer, converter)])


def _analyzer(vectorizer: Any) -> portable.Analyzer:
    for name in ("preprocessor", "tokenizer"):
        if getattr(vectorizer, name) is not None:
            raise CannotExportError(f"its {name} is a function, which is code")
    if callable(vectorizer.analyzer) or callable(vectorizer.strip_accents):
        raise CannotExportError("its analyzer or strip_accents is a function, which is code")
    if vectorizer.input != "content":
        raise CannotExportError("it reads files; give it texts")
    if np.dtype(vectorizer.dtype).kind not in "iuf":
        raise CannotExportError(f"it counts in {vectorizer.dtype}")
    stop_words = vectorizer.get_stop_words()
    return portable.Analyzer(
        vectorizer.analyzer,
        bool(vectorizer.lowercase),
        vectorizer.token_pattern,
        [int(n) for n in vectorizer.ngram_range],
        None if stop_words is None else sorted(stop_words),
        vectorizer.strip_accents,
    )
