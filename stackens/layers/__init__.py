"""Keras layers of the package; they know tensors, not estimators."""

from __future__ import annotations

from stackens.layers._attention_pooling import AttentionPooling1D
from stackens.layers._fused_gru import FusedGRU
from stackens.layers._fused_lstm import FusedLSTM
from stackens.layers._fused_simple_rnn import FusedSimpleRNN
from stackens.layers._masked_max_pooling import MaskedMaxPooling1D

__all__ = ["AttentionPooling1D", "FusedGRU", "FusedLSTM", "FusedSimpleRNN", "MaskedMaxPooling1D"]
