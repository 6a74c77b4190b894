"""Every learner, once: a line here is all that the rest of the package needs to find it."""

from stackens.learners._embedding_pretrainer import EmbeddingPretrainer as EmbeddingPretrainer
from stackens.learners._keras_network import KerasNetworkClassifier as KerasNetworkClassifier
from stackens.learners._keras_network import KerasNetworkRegressor as KerasNetworkRegressor
from stackens.learners._stacked_rnn import StackedRNNClassifier as StackedRNNClassifier
from stackens.learners._stacked_rnn import StackedRNNRegressor as StackedRNNRegressor
from stackens.learners._transformer import TransformerClassifier as TransformerClassifier
from stackens.learners._transformer import TransformerRegressor as TransformerRegressor
