"""Architectures: one function each, returning an uncompiled ``keras.Model``."""

from __future__ import annotations

from stackens.networks._language_model import build_language_model
from stackens.networks._plain import make_plain as make_plain  # `to_keras` of learners gives it
from stackens.networks._plain import refuse_foreign_exports as refuse_foreign_exports
from stackens.networks._stacked_rnn import build_stacked_rnn
from stackens.networks._transformer_encoder import build_transformer_encoder
from stackens.networks._translator import TranslationNetwork, build_translator

__all__ = [
    "TranslationNetwork",
    "build_language_model",
    "build_stacked_rnn",
    "build_transformer_encoder",
    "build_translator",
]
