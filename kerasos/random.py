"""Random numbers that do not depend on the compiler or the number of replicas."""

import tensorflow as tf


def replica_context():
    """Returns (number of replicas, number of this replica)."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    context = tf.distribute.get_replica_context()
    if replicas == 1 or context is None:
        return replicas if context is not None else 1, 0
    return replicas, context.replica_id_in_sync_group


def portable_uniform(shape, seed):
    """Uniforms in [0, 1) that are the same with XLA and without.

    TensorFlow's two kernels draw the same bits and turn them into different floats.
    """
    bits = tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    bits = tf.bitwise.right_shift(tf.bitcast(bits, tf.uint32), 9)
    return tf.cast(tf.cast(bits, tf.int32), tf.float32) * 2.0**-23


def replica_uniform(shape, seed):
    """This replica's rows of one `portable_uniform` over the global batch.

    Args:
        shape: `(rows of this replica, ...)`; rows an integer or a tensor.
        seed: Integer tensor `(2,)`, the same on every replica.

    Returns:
        Float32 tensor of `shape`. Row j on replica r is row `r * rows + j` of what
        one device would draw.
    """
    rows, *tail = shape
    replicas, replica = replica_context()
    values = portable_uniform((rows * replicas, *tail), seed)
    return values if replicas == 1 else values[replica * rows :][:rows]
