"""The two terms of a variational bound, sums over one sample.

Every function returns `(batch,)` values in float32; likelihoods are negative
log-likelihoods in nats, summed over pixels or features. A mean over 784 pixels
instead would let the divergence win, and the posterior collapses.
"""

import math

import tensorflow as tf


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
