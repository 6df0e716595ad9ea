"""Statistics of the batch of all replicas."""

import tensorflow as tf


def mean_over_replicas(mean):
    """The mean over replicas, which hold equally many rows.

    Gradients flow back to every replica's rows. On one device the argument itself.

    Args:
        mean: Tensor, this replica's mean over its own rows.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return mean
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, mean)
