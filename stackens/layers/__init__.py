"""Keras layers of the package; they know tensors, not estimators."""

from __future__ import annotations

from stackens.layers._attention_pooling import AttentionPooling1D
from stackens.layers._convolution_block import ConvolutionBlock
from stackens.layers._depth_embedding import DepthEmbedding
from stackens.layers._feed_forward import FeedForward
from stackens.layers._fused_gru import FusedGRU
from stackens.layers._fused_lstm import FusedLSTM
from stackens.layers._fused_simple_rnn import FusedSimpleRNN
from stackens.layers._last_timestep import LastTimestep
from stackens.layers._masked_max_pooling import MaskedMaxPooling1D
from stackens.layers._multi_head_attention import MultiHeadAttention, make_causal_mask
from stackens.layers._position_encoding import PositionEncoding
from stackens.layers._transformer_decoder_block import TransformerDecoderBlock
from stackens.layers._transformer_encoder_block import TransformerEncoderBlock

__all__ = [
    "AttentionPooling1D",
    "ConvolutionBlock",
    "DepthEmbedding",
    "FeedForward",
    "FusedGRU",
    "FusedLSTM",
    "FusedSimpleRNN",
    "LastTimestep",
    "MaskedMaxPooling1D",
    "MultiHeadAttention",
    "PositionEncoding",
    "TransformerDecoderBlock",
    "TransformerEncoderBlock",
    "make_causal_mask",
]
