"""The loss of tokens, and a scope in which the weights of a network are tensors."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow import Tensor


def inside(
    model: keras.Model, parameters: Sequence[Tensor], others: Sequence[Tensor] | None
) -> keras.StatelessScope:
    """Return a scope in which the weights of a model are the given tensors.

    Parameters
    ----------
    model : keras.Model
        Built.
    parameters : sequence of tensor
        In the order of ``model.trainable_variables``.
    others : sequence of tensor or None
        In that of ``model.non_trainable_variables``; None leaves them.

    Returns
    -------
    keras.StatelessScope
    """
    pairs = list(zip(model.trainable_variables, parameters, strict=True))
    if others is not None:
        pairs += zip(model.non_trainable_variables, others, strict=True)
    return keras.StatelessScope(state_mapping=pairs)


def token_nats(hidden: Tensor, kernel: Tensor, ids: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross entropy of each token, with its label smoothed.

    Parameters
    ----------
    hidden : tensor of shape (n_tokens, d_model)
        Their products with ``kernel`` are logits.
    kernel : tensor of shape (n_ids, d_model)
        Of the output layer.
    ids : int tensor of shape (n_tokens,)
        Labels.
    label_smoothing : float, default=0.0
        Share of a label that is spread over all ids alike.

    Returns
    -------
    tensor of shape (n_tokens,)
    """
    nats = _plain_nats(hidden, kernel, ids)
    if label_smoothing:
        nats += label_smoothing * distance_to_mean(hidden, kernel, ids)
    return nats


def distance_to_mean(hidden: Tensor, kernel: Tensor, ids: Tensor) -> Tensor:
    """How far the logit of a label is above the mean of all: what smoothing adds, per share.

    The mean of logits is the product with the mean row, which costs next to nothing.
    """
    rows = tf.gather(kernel, ids) - tf.reduce_mean(kernel, axis=0)
    return tf.reduce_sum(hidden * rows, axis=1)


@tf.custom_gradient
def _plain_nats(hidden: Tensor, kernel: Tensor, ids: Tensor) -> Tensor:
    # The kernel that computes the loss also leaves its gradient. Weights of tokens are multiplied
    # into the narrow side: the wide one, (n_tokens, n_ids), is written once and never copied.
    logits = tf.matmul(hidden, kernel, transpose_b=True)
    nats, slope = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=ids)

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        weights = upstream[:, None]
        d_hidden = tf.matmul(slope, kernel) * weights
        return d_hidden, tf.matmul(slope, hidden * weights, transpose_a=True), None

    return nats, gradient
