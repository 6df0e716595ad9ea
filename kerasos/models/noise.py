"""Noise of a training step: the same after a restart and over any replicas.

With XLA and without, uniforms are equal bit for bit and normals up to rounding.
"""

import tensorflow as tf

from kerasos.seeds import derive_seed


class StepNoise:
    """Draws that are a pure function of (seed, step, tag, row of the global batch).

    For a `keras.Model` with `seed` and the variable `steps_done`. There is no
    generator state to save, and replicas see different rows of one draw.
    """

    def normal(self, rows, width, tag):
        """Draws `(rows, width)` standard normals for the current step.

        Under a strategy `rows` are this replica's rows of one global draw: every
        replica sees other noise, and all of them together what one device would.
        """
        return tf.math.ndtri(self._draw(rows, (width,), tag) + 2.0**-24)

    def uniform(self, rows, tag, maxval=1.0):
        """Draws `(rows,)` uniforms in [0, maxval); as `normal`."""
        return maxval * self._draw(rows, (), tag)

    def shared_uniform(self, tag):
        """Draws one uniform in [0, 1) that all replicas share."""
        return portable_uniform((), self._step_seed(tag))

    def _step_seed(self, tag):
        seed = derive_seed(self.seed, type(self).__name__, tag)
        step = tf.convert_to_tensor(self.steps_done)
        return tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])

    def _draw(self, rows, tail, tag):
        replicas, replica = replica_context()
        total = rows * replicas
        values = portable_uniform((total, *tail), self._step_seed(tag))
        return values if replicas == 1 else values[replica * rows :][:rows]


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
