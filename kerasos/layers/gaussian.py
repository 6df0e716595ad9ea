"""The diagonal Gaussian of a variational encoder."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kerasos")
class MeanAndScale(keras.layers.Layer):
    """Splits a linear output into mean and standard deviation.

        mean = o[:, :d],    scale = floor + softplus(o[:, d:])

    Args:
        floor: Float, least standard deviation, so that its logarithm is finite.
            Default 1e-6 (authors' code).

    Call arguments:
        outputs: Float tensor `(batch, 2 d)`.

    Returns:
        `(mean, scale)`, float32 `(batch, d)` each.
    """

    def __init__(self, floor=1e-6, **kwargs):
        # Half precision would round the floor away.
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.floor = float(floor)

    def call(self, outputs):
        mean, raw = tf.split(outputs, 2, axis=-1)
        return mean, self.floor + tf.math.softplus(raw)

    def compute_output_shape(self, input_shape):
        half = (*input_shape[:-1], input_shape[-1] // 2)
        return half, half

    def get_config(self):
        return {**super().get_config(), "floor": self.floor}


@keras.saving.register_keras_serializable(package="kerasos")
class MeanAndLogVariance(keras.layers.Layer):
    """Splits a linear output into mean and standard deviation.

        mean = o[:, :d],    scale = sqrt(floor + exp(clip(o[:, d:], -50, 50)))

    Args:
        floor: Float, least variance, so that the gradient of the root is finite.
            Default 1e-8 (authors' code of DGC, as the bounds of the logarithm).

    Call arguments:
        outputs: Float tensor `(batch, 2 d)`.

    Returns:
        `(mean, scale)`, float32 `(batch, d)` each.
    """

    def __init__(self, floor=1e-8, **kwargs):
        # Half precision would round the floor away and overflow at exp(12).
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.floor = float(floor)

    def call(self, outputs):
        mean, raw = tf.split(outputs, 2, axis=-1)
        variance = tf.exp(tf.clip_by_value(raw, -50.0, 50.0))
        return mean, tf.sqrt(self.floor + variance)

    def compute_output_shape(self, input_shape):
        half = (*input_shape[:-1], input_shape[-1] // 2)
        return half, half

    def get_config(self):
        return {**super().get_config(), "floor": self.floor}


def reparameterize(mean, scale, noise):
    """`z = mean + scale * noise`: a draw whose gradient reaches mean and scale."""
    return mean + scale * noise
