"""Losses over the batch of all replicas, for terms that are no mean over rows."""

import tensorflow as tf

from kerasos.random import replica_context


def all_rows(tensor):
    """The rows of every replica below each other, with gradients to all of them.

    For losses such as a discrepancy of two samples, whose value on the whole batch is
    no mean of values on its parts. Every replica gets the same rows in the same order,
    computes the same loss, and `OversamplingModel.minimize` makes the step that one
    device would.

    Args:
        tensor: Float tensor `(rows, ...)`; all replicas have equally many rows.

    Returns:
        Tensor `(rows * replicas, ...)`; outside a strategy the tensor itself.
    """
    replicas, replica = replica_context()
    if replicas == 1:
        return tensor
    rows = tf.shape(tensor)[0]
    # Each replica fills its place between zeros, and the sum fills all places: unlike
    # a gather, it has a gradient under every strategy.
    before = [[replica * rows, (replicas - 1 - replica) * rows]]
    padded = tf.pad(tensor, before + [[0, 0]] * (tensor.shape.rank - 1))
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, padded)
