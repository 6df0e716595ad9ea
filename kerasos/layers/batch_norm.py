"""Batch normalisation over the batch of all replicas."""

import keras
import tensorflow as tf

from kerasos.randomness.draws import mean_over_replicas


@keras.saving.register_keras_serializable(package="kerasos")
class GlobalBatchNormalization(keras.layers.Layer):
    """`gamma (x - mean) / sqrt(variance + epsilon) + beta`, over the last axis.

    In training, mean and variance are those of the whole batch, however many
    replicas share it, and the moving averages follow them; in inference, the moving
    averages are used. The same as `keras.layers.BatchNormalization`, of which the
    `synchronized` form takes E[x^2] - E[x]^2 for the variance: where samples are
    nearly alike, as those of an untrained generator, nothing but rounding is left.

    Args:
        momentum: Float, share of the old moving average in the new. Default 0.9.
        epsilon: Float, added to the variance. Default 1e-5.
        gamma_initializer: Of the scale. Default "ones".

    Call arguments:
        inputs: Float tensor `(batch, ..., channels)`.
        training: Boolean.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, gamma_initializer="ones", **kwargs):
        super().__init__(**kwargs)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)

    def build(self, input_shape):
        def weight(name, initializer, trainable):
            return self.add_weight(
                shape=(input_shape[-1],),
                initializer=initializer,
                trainable=trainable,
                autocast=False,
                name=name,
            )

        self.gamma = weight("gamma", self.gamma_initializer, True)
        self.beta = weight("beta", "zeros", True)
        self.moving_mean = weight("moving_mean", "zeros", False)
        self.moving_variance = weight("moving_variance", "ones", False)

    def call(self, inputs, training=False):
        # Statistics of half precision numbers overflow.
        x = tf.cast(inputs, tf.float32)
        if training:
            mean, centred, variance = self._moments(x)
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance)
        else:
            centred = x - tf.convert_to_tensor(self.moving_mean)
            variance = tf.convert_to_tensor(self.moving_variance)
        scale = tf.convert_to_tensor(self.gamma) * tf.math.rsqrt(
            variance + self.epsilon
        )
        outputs = centred * scale + tf.convert_to_tensor(self.beta)
        return tf.cast(outputs, self.compute_dtype)

    def _moments(self, x):
        axes = list(range(x.shape.rank - 1))
        name = f"the batch normalisation {self.path!r}"
        mean = mean_over_replicas(tf.reduce_mean(x, axes), name)
        centred = x - mean
        variance = mean_over_replicas(tf.reduce_mean(centred**2, axes), name)
        return mean, centred, variance

    def _follow(self, average, value):
        average.assign_add((1.0 - self.momentum) * (value - average))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        gamma_initializer = keras.initializers.serialize(self.gamma_initializer)
        config.update(momentum=self.momentum, epsilon=self.epsilon)
        return {**config, "gamma_initializer": gamma_initializer}
