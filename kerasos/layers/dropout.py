"""Dropout that several devices and a restart leave as it was."""

import keras
import tensorflow as tf

from kerasos.random import replica_uniform


@keras.saving.register_keras_serializable(package="kerasos")
class ReplicaDropout(keras.layers.Dropout):
    """Keras's dropout with one mask over the global batch.

    Keras's own layer drops the same units on every replica; here each replica
    takes its rows of the mask that one device would draw, with XLA and without.
    The mask is a pure function of the seed and of how often the layer was called in
    training mode, which `OversamplingModel` saves with the weights.

    Args:
        rate: Float in [0, 1), share of units that become 0; the others are scaled
            by `1 / (1 - rate)`.
        seed: Integer.
        **kwargs: `name`, `dtype`.

    Call arguments:
        inputs: Float tensor `(batch, ...)`.
        training: Boolean; without it the layer changes nothing.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `rate` is not in [0, 1).
    """

    def __init__(self, rate, seed=None, **kwargs):
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must lie in [0, 1). Received: rate={rate}.")
        super().__init__(rate, seed=seed, **kwargs)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        rows = inputs.shape[0] if inputs.shape[0] is not None else tf.shape(inputs)[0]
        seed = tf.cast(self.seed_generator.next(), tf.int64)
        draw = replica_uniform((rows, *inputs.shape[1:]), seed)
        kept = tf.cast(draw >= self.rate, inputs.dtype)
        return inputs * kept / (1.0 - self.rate)

    def get_config(self):
        config = super().get_config()
        del config["noise_shape"]
        return config
