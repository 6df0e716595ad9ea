"""Random numbers and sums that do not depend on compiler and number of replicas.

With XLA and without, uniforms are equal bit for bit and normals up to rounding.
"""

import tensorflow as tf

from kerasos.randomness import lockstep
from kerasos.randomness.seeds import derive_seed

PHILOX = 1  # TensorFlow's number of the algorithm
SCRAMBLING_KEY = 0x02461E293EC8F720  # of its `alg="philox"`: a seed's own first draw


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
    bits = tf.bitwise.right_shift(_philox_bits(shape, seed), 9)
    return tf.cast(tf.cast(bits, tf.int32), tf.float32) * 2.0**-23


def _philox_bits(shape, seed):
    """The bits of `tf.random.stateless_uniform(..., alg="philox")`, as uint32.

    That function takes 18 operations to make a key and a counter of the seed: it
    draws four words of 32 bits, and puts two together by shifts of slices.
    """

    def draw(shape, key, counter, dtype):
        return tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=shape, key=key, counter=counter, dtype=dtype, alg=PHILOX
        )

    key = tf.constant([SCRAMBLING_KEY], tf.uint64)
    words = draw([2, 2], key, tf.cast(seed, tf.uint64), tf.uint32)
    words = tf.bitcast(words, tf.uint64)
    counter = words * tf.constant([0, 1], tf.uint64)
    return draw(shape, words[:1], counter, tf.uint32)


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
    lockstep.meet("all rows", tensor.shape)
    rows = tf.shape(tensor)[0]
    # Each replica fills its place between zeros, and the sum fills all places: unlike
    # a gather, it has a gradient under every strategy.
    before = [[replica * rows, (replicas - 1 - replica) * rows]]
    padded = tf.pad(tensor, before + [[0, 0]] * (tensor.shape.rank - 1))
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, padded)


def mean_over_replicas(mean, name="a mean"):
    """The mean over replicas, which hold equally many rows.

    Gradients flow back to every replica's rows. On one device the argument itself.

    Args:
        mean: Tensor, this replica's mean over its own rows.
        name: What it is the mean of, for errors.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return mean
    lockstep.meet(name, mean.shape)
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, mean)


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
        if lockstep.here.step:
            lockstep.draw(tag)
        seed = derive_seed(self.seed, type(self).__name__, tag)
        step = tf.convert_to_tensor(self.steps_done)
        return tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
