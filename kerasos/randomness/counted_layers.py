"""Layers whose random draws a saved model goes on with where it stopped.

Keras's random layers keep their state where neither `.keras` files nor
`BackupAndRestore` save it, and draw alike on every replica. These count their
training calls in a weight, and a draw is a function of (seed, count, row of the
global batch) alone.
"""

import keras
import tensorflow as tf

from kerasos.randomness import lockstep
from kerasos.randomness.draws import replica_uniform
from kerasos.randomness.seeds import derive_seed


class CountedNoise(keras.layers.Layer):
    """Draws uniforms that are a function of (seed, training calls so far).

    Args:
        seed: Integer.
    """

    def __init__(self, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seed = int(seed)
        self.training_calls = self.add_weight(
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="training_calls",
        )

    def next_uniform(self, shape):
        """Draws uniforms in [0, 1) and counts the call.

        Args:
            shape: Tensor or tuple; its first entry is the number of rows of this
                replica. All replicas must have as many.

        Returns:
            Float32 tensor of that shape.
        """
        if lockstep.here.step:
            lockstep.meet(f"the call of {self.path!r}")
        seed = tf.constant(derive_seed(self.seed, type(self).__name__), tf.int64)
        step = tf.cast(tf.convert_to_tensor(self.training_calls), tf.int64)
        self.training_calls.assign_add(1)
        shape = tf.convert_to_tensor(shape)
        return replica_uniform((shape[0], *tf.unstack(shape[1:])), [seed, step])

    def compute_output_spec(self, inputs, training=False):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="kerasos")
class CountedDropout(CountedNoise):
    """Dropout that resumes bit for bit: `x m / (1 - rate)`, m Bernoulli(1 - rate).

    Args:
        rate: Float in [0, 1), the share of inputs set to zero.
        seed: Integer.

    Call arguments:
        inputs: Float tensor of any rank.
        training: Boolean; without it the input is returned as it is.

    Reference:
        Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from
        Overfitting, JMLR 2014.
    """

    def __init__(self, rate, seed=0, **kwargs):
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must lie in [0, 1). Received: rate={rate}.")
        super().__init__(seed, **kwargs)
        self.rate = rate

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        keep = self.next_uniform(self.mask_shape(inputs)) >= self.rate
        return tf.where(keep, inputs / (1.0 - self.rate), tf.zeros_like(inputs))

    def mask_shape(self, inputs):
        """Shape of m, which broadcasts against the inputs."""
        return tf.shape(inputs)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable(package="kerasos")
class CountedSpatialDropout(CountedDropout):
    """`CountedDropout` of whole maps: one coin for each sample and channel.

    Args:
        rate: Float in [0, 1), the share of maps set to zero.
        seed: Integer.

    Call arguments:
        inputs: Float tensor `(batch, ..., channels)`.
        training: Boolean; without it the input is returned as it is.

    Reference:
        Tompson et al., Efficient Object Localization Using Convolutional Networks,
        CVPR 2015.
    """

    def mask_shape(self, inputs):
        shape = tf.shape(inputs)
        middle = tf.ones(inputs.shape.rank - 2, tf.int32)
        return tf.concat([shape[:1], middle, shape[-1:]], 0)
