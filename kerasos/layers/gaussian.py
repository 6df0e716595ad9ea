"""The diagonal Gaussian of a variational encoder, and the terms of its bound.

The losses are sums over one sample, `(batch,)` values in float32; likelihoods are
negative log-likelihoods in nats, summed over pixels or features. A mean over 784 pixels
instead would let the divergence win, and the posterior collapses.
"""

import math

import keras
import tensorflow as tf

from kerasos.layers.float32_layer import Float32Layer


@keras.saving.register_keras_serializable(package="kerasos")
class MeanAndScale(Float32Layer):
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
        # Half precision would round the floor away, and overflow at exp(12).
        super().__init__(**kwargs)
        self.floor = float(floor)

    def call(self, outputs):
        mean, raw = tf.split(outputs, 2, axis=-1)
        return mean, self.scale(raw)

    def scale(self, raw):
        return self.floor + tf.math.softplus(raw)

    def compute_output_shape(self, input_shape):
        half = (*input_shape[:-1], input_shape[-1] // 2)
        return half, half


@keras.saving.register_keras_serializable(package="kerasos")
class MeanAndLogVariance(MeanAndScale):
    """As `MeanAndScale`, from the logarithm of the variance.

        mean = o[:, :d],    scale = sqrt(floor + exp(clip(o[:, d:], -50, 50)))

    Args:
        floor: Float, least variance, so that the gradient of the root is finite.
            Default 1e-8 (authors' code of DGC, as the bounds of the logarithm).
    """

    def __init__(self, floor=1e-8, **kwargs):
        super().__init__(floor, **kwargs)

    def scale(self, raw):
        return tf.sqrt(self.floor + tf.exp(tf.clip_by_value(raw, -50.0, 50.0)))


def scale_of(log_variance, limit=10.0):
    """The standard deviation, `exp(log_variance / 2)`, in float32.

    Args:
        log_variance: Float tensor, clipped to +-`limit` so that nothing overflows.
        limit: Float.
    """
    log_variance = tf.cast(log_variance, tf.float32)
    return tf.exp(0.5 * tf.clip_by_value(log_variance, -limit, limit))


def reparameterize(mean, scale, noise):
    """`z = mean + scale * noise`: a draw whose gradient reaches mean and scale."""
    return mean + scale * noise


def kl_to_standard_normal(mean, scale):
    """Divergence of a diagonal Gaussian from the standard normal.

        0.5 sum(mean^2 + scale^2 - log(scale^2) - 1)

    At least 0, and 0 if and only if mean is 0 and scale is 1.

    Args:
        mean: Float tensor `(batch, d)`.
        scale: Positive float tensor `(batch, d)`, the standard deviation.
    """
    mean, scale = _float32(mean), _float32(scale)
    log_variance = 2.0 * tf.math.log(scale)
    # scale^2 - 1 - log(scale^2) without cancellation near 1.
    excess = tf.math.expm1(log_variance) - log_variance
    return 0.5 * tf.reduce_sum(tf.square(mean) + excess, -1)


def bernoulli_loss(logits, x):
    """Negative log-likelihood of grey levels as Bernoulli means, over all pixels.

        -sum(x log p + (1 - x) log(1 - p)),    p = sigmoid(logit)

    From logits, so it is finite for black and white images however sure the decoder
    is.

    Args:
        logits: Float tensor `(batch, ...)`.
        x: Float tensor of the same shape, in [0, 1].
    """
    terms = tf.nn.sigmoid_cross_entropy_with_logits(
        labels=_float32(x), logits=_float32(logits)
    )
    return tf.reduce_sum(terms, tf.range(1, tf.rank(terms)))


def gaussian_loss(mean, x, log_variance):
    """Negative log-likelihood of a Gaussian with one variance for all features.

        0.5 sum((x - mean)^2 / v + log v + log 2 pi),    v = exp(log_variance)

    Args:
        mean: Float tensor `(batch, ...)`.
        x: Float tensor of the same shape.
        log_variance: Float scalar.
    """
    mean, x, log_variance = _float32(mean), _float32(x), _float32(log_variance)
    terms = tf.math.squared_difference(x, mean) * tf.exp(-log_variance)
    terms += log_variance + math.log(2.0 * math.pi)
    return 0.5 * tf.reduce_sum(terms, tf.range(1, tf.rank(terms)))


def squared_loss(mean, x):
    """`sum((x - mean)^2)`: a Gaussian of variance 1/2, up to a constant.

    Args:
        mean: Float tensor `(batch, ...)`.
        x: Float tensor of the same shape.
    """
    terms = tf.math.squared_difference(_float32(x), _float32(mean))
    return tf.reduce_sum(terms, tf.range(1, tf.rank(terms)))


def _float32(tensor):
    # Sums over pixels and logarithms lose their meaning in half precision.
    return tf.cast(tensor, tf.float32)
