"""Architectures: one function each, returning an uncompiled ``keras.Model``."""

from __future__ import annotations

from stackens.networks._stacked_rnn import build_stacked_rnn
from stackens.networks._transformer_encoder import build_transformer_encoder

__all__ = ["build_stacked_rnn", "build_transformer_encoder"]
