"""Noise of a training step: the same after a restart and over any replicas.

With XLA and without, uniforms are equal bit for bit and normals up to rounding.
"""

import tensorflow as tf

from kerasos.random import portable_uniform, replica_uniform
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
        uniform = replica_uniform((rows, width), self._step_seed(tag))
        return tf.math.ndtri(uniform + 2.0**-24)

    def uniform(self, rows, tag, maxval=1.0, width=None):
        """Draws `(rows,)` or `(rows, width)` uniforms in [0, maxval); as `normal`."""
        shape = (rows,) if width is None else (rows, width)
        return maxval * replica_uniform(shape, self._step_seed(tag))

    def shared_uniform(self, tag):
        """Draws one uniform in [0, 1) that all replicas share."""
        return portable_uniform((), self._step_seed(tag))

    def _step_seed(self, tag):
        seed = derive_seed(self.seed, type(self).__name__, tag)
        step = tf.convert_to_tensor(self.steps_done)
        return tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
