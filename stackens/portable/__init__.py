"""Forward passes and predictors that need NumPy, and nothing else.

:func:`load` reads what :func:`stackens.export_numpy` wrote, and predicts where neither TensorFlow
nor scikit-learn is installed. The layers are the recurrence by hand: each computes what Keras's
layer of its name computes, in arrays that can be looked at.
"""

from __future__ import annotations

from stackens.portable._activations import ACTIVATIONS, sigmoid, softmax
from stackens.portable._attention import (
    DepthEmbedding,
    LastTimestep,
    MultiHeadAttention,
    PositionEncoding,
    TransformerEncoderBlock,
)
from stackens.portable._calibration import (
    CalibratedClassifier,
    CalibratedMember,
    IsotonicCalibration,
    SigmoidCalibration,
    TemperatureCalibration,
)
from stackens.portable._convolution_block import (
    Convolution,
    ConvolutionBlock,
    SequenceNormalization,
)
from stackens.portable._ensembles import (
    Blend,
    BlendBlock,
    ColumnwiseRegressor,
    Constant,
    FoldAverage,
    Pipeline,
    ScaledTarget,
    Stack,
    SummaryTable,
)
from stackens.portable._estimators import Estimator
from stackens.portable._file import read_part, write_part
from stackens.portable._layers import (
    Activation,
    BatchNormalization,
    Concatenate,
    Dense,
    Embedding,
    Flatten,
    Identity,
    Layer,
    LayerNormalization,
    Masking,
    Merge,
)
from stackens.portable._learners import (
    ArrayInput,
    NetworkClassifier,
    NetworkRegressor,
    SequenceInput,
    TokenInput,
)
from stackens.portable._linear import (
    GaussianNB,
    LinearClassifier,
    LinearRegressor,
    MultinomialNB,
)
from stackens.portable._names import ColumnNames
from stackens.portable._network import Network
from stackens.portable._part import Part
from stackens.portable._pooling import AttentionPooling, MaxPooling, MeanPooling
from stackens.portable._predictor import PortablePredictor, load
from stackens.portable._recurrence import (
    GRUStep,
    LSTMStep,
    gru_step,
    lstm_step,
    simple_rnn_step,
)
from stackens.portable._recurrent_layers import (
    GRU,
    LSTM,
    Bidirectional,
    RecurrentLayer,
    SimpleRNN,
)
from stackens.portable._sequences import Sequences
from stackens.portable._table_transformers import (
    Chain,
    ColumnSelector,
    FeatureUnion,
    Normalizer,
    Projection,
    Scaler,
    SimpleImputer,
)
from stackens.portable._tables import SparseRows
from stackens.portable._text import (
    Analyzer,
    CountVectorizer,
    SequenceVectorizer,
    TfidfTransformer,
)
from stackens.portable._transformers import (
    HydraConvolutions,
    OwnScaler,
    RandomConvolutions,
    SequenceDifferencer,
    SequenceFlattener,
    SequenceImputer,
    SequencePadder,
    SequencePatcher,
    SequenceScaler,
    SequenceSummarizer,
    View,
)
from stackens.portable._trees import (
    BoostedClassifier,
    BoostedRegressor,
    Trees,
    TreesClassifier,
    TreesRegressor,
)

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Analyzer",
    "ArrayInput",
    "AttentionPooling",
    "BatchNormalization",
    "Bidirectional",
    "Blend",
    "BlendBlock",
    "BoostedClassifier",
    "BoostedRegressor",
    "CalibratedClassifier",
    "CalibratedMember",
    "Chain",
    "ColumnNames",
    "ColumnSelector",
    "ColumnwiseRegressor",
    "Concatenate",
    "Constant",
    "Convolution",
    "ConvolutionBlock",
    "CountVectorizer",
    "Dense",
    "DepthEmbedding",
    "Embedding",
    "Estimator",
    "FeatureUnion",
    "Flatten",
    "FoldAverage",
    "GRU",
    "GRUStep",
    "GaussianNB",
    "HydraConvolutions",
    "Identity",
    "IsotonicCalibration",
    "LSTM",
    "LSTMStep",
    "LastTimestep",
    "Layer",
    "LayerNormalization",
    "LinearClassifier",
    "LinearRegressor",
    "Masking",
    "MaxPooling",
    "MeanPooling",
    "Merge",
    "MultiHeadAttention",
    "MultinomialNB",
    "Network",
    "NetworkClassifier",
    "NetworkRegressor",
    "Normalizer",
    "OwnScaler",
    "Part",
    "Pipeline",
    "ScaledTarget",
    "PortablePredictor",
    "PositionEncoding",
    "Projection",
    "RandomConvolutions",
    "RecurrentLayer",
    "Scaler",
    "SequenceDifferencer",
    "SequenceFlattener",
    "SequenceImputer",
    "SequenceInput",
    "SequenceNormalization",
    "SequencePadder",
    "SequencePatcher",
    "SequenceScaler",
    "SequenceSummarizer",
    "SequenceVectorizer",
    "Sequences",
    "SigmoidCalibration",
    "SimpleImputer",
    "SimpleRNN",
    "SparseRows",
    "Stack",
    "SummaryTable",
    "TemperatureCalibration",
    "TfidfTransformer",
    "TokenInput",
    "TransformerEncoderBlock",
    "Trees",
    "TreesClassifier",
    "TreesRegressor",
    "View",
    "gru_step",
    "load",
    "lstm_step",
    "read_part",
    "simple_rnn_step",
    "sigmoid",
    "softmax",
    "write_part",
]
