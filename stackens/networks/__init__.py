"""Architectures: one function each, returning an uncompiled ``keras.Model``."""

from __future__ import annotations

from stackens.networks._language_model import build_language_model
from stackens.networks._stacked_rnn import build_stacked_rnn
from stackens.networks._transformer_encoder import build_transformer_encoder

__all__ = ["build_language_model", "build_stacked_rnn", "build_transformer_encoder"]
