"""A Gaussian over actions whose mean is a network of the sample."""

import functools
import warnings

import keras
import tensorflow as tf

LOG_STD = (-5.0, 2.0)


@keras.saving.register_keras_serializable(package="kerasos")
class GaussianPolicy(keras.layers.Layer):
    """The density `N(a; mu(x), diag(exp(2 s)))` of an action a given a sample x.

    The log standard deviations s are clamped, since the density of what can be
    predicted grows without bound as s falls. A gradient that would lead further out
    is stopped at the border; one that leads back passes.

    Args:
        network: Keras model from rows `(batch, num_features)` to `(batch, d)`; to
            `(batch, 2 d)` with `adaptive_std`.
        adaptive_std: Whether s is the second half of the network's output; else it
            is one vector for all samples, at first 0.

    Call arguments:
        samples: Float tensor `(batch, num_features)`.

    Returns:
        `(mean, log_std)`, float32 `(batch, d)` and `(batch, d)` or `(d,)`.
    """

    def __init__(self, network, adaptive_std=False, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.network = network
        self.adaptive_std = bool(adaptive_std)
        self.width = network.output_shape[-1] // (2 if self.adaptive_std else 1)
        if not self.adaptive_std:
            self.raw_log_std = self.add_weight(
                shape=(self.width,), initializer="zeros", name="log_std"
            )
        self.built = True

    def call(self, samples):
        outputs = tf.cast(self.network(samples), tf.float32)
        if self.adaptive_std:
            mean, raw = tf.split(outputs, 2, axis=-1)
            return mean, clamped(raw, *LOG_STD)
        return outputs, clamped(tf.convert_to_tensor(self.raw_log_std), *LOG_STD)

    def log_density(self, actions, samples):
        """`log N(actions; ...) / d`, the log density per dimension, `(batch,)`."""
        mean, log_std = self(samples)
        return log_density(actions, mean, log_std)

    def get_config(self):
        config = super().get_config()
        network = keras.saving.serialize_keras_object(self.network)
        return {**config, "network": network, "adaptive_std": self.adaptive_std}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["network"] = keras.saving.deserialize_keras_object(config["network"])
        return cls(**config)


def log_density(values, mean, log_std):
    """Log density of a diagonal Gaussian per dimension; the whole sum underflows.

        (1/d) sum_k [-s_k - ((a_k - mu_k) / exp(s_k))^2 / 2 - log(2 pi) / 2]

    Args:
        values: Float tensor `(batch, d)`.
        mean: Float tensor that broadcasts against it.
        log_std: The same, s.

    Returns:
        Float32 tensor `(batch,)`.
    """
    mean = tf.broadcast_to(mean, tf.shape(values))
    # The law as such, not its parts: `MultivariateNormalDiag` knows its own terms.
    law = _distributions().MultivariateNormalDiag(mean, tf.exp(log_std))
    return law.log_prob(values) / tf.cast(values.shape[-1], tf.float32)


@tf.custom_gradient
def clamped(value, low, high):
    """`clip(value)`, whose gradient is stopped only where it leads further out."""

    def gradient(upstream):
        # A step of descent goes against the gradient.
        outwards = ((value < low) & (upstream > 0)) | ((value > high) & (upstream < 0))
        return tf.where(outwards, tf.zeros_like(upstream), upstream), None, None

    return tf.clip_by_value(value, low, high), gradient


@functools.cache
def _distributions():
    with warnings.catch_warnings():
        # It asks `distutils` for versions.
        warnings.simplefilter("ignore", DeprecationWarning)
        import tensorflow_probability as tfp

        tfp.distributions.MultivariateNormalDiag  # noqa: B018  (loads it)
    return tfp.distributions
