"""log p(x | theta) of ActiveGAN: the term of the losses, its buffer, and the Gaussian.

`PolicyTerm` is what the losses take, for each of the readings of the paper's density.
`SampleBuffer` keeps generated samples, `GaussianPolicy` has the parameters theta.
"""

import functools
import math
import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasos.checks import check_count
from kerasos.layers.float32_layer import Float32Layer
from kerasos.layers.resting_weight import resting_weight
from kerasos.randomness.draws import replica_context

POLICIES = ("latent", "image", "buffer", "critic")
LOG_STD = (-5.0, 2.0)
FIELDS = ("samples", "latents", "labels", "rewards")


class PolicyTerm:
    """What lambda multiplies in the loss of G, and the loss of theta on the buffer.

    Args:
        policy: One of `POLICIES`.
        network: What has the parameters theta: a `GaussianPolicy`, the critic, or None
            for "buffer".
        embedding: Keras model from rows to vectors, for "buffer", else None.
        buffer: `SampleBuffer`. Its `levels` are the range of images; without them the
            samples are standardised rows.
    """

    def __init__(self, policy, network, embedding, buffer):
        self.policy, self.network = policy, network
        self.embedding, self.buffer = embedding, buffer

    def rows(self, samples):
        """Returns samples of the model as rows, images in [-1, 1]."""
        flat = tf.reshape(samples, (-1, math.prod(self.buffer.sample_shape)))
        if self.buffer.levels is None:
            return flat
        low, high = self.buffer.levels
        return (flat - low) * (2.0 / (high - low)) - 1.0

    def log_density(self, latent, samples):
        """Log density per dimension of generated samples under the policy.

        latent    log N(z; mu_theta(x), diag(exp(2 s))) / d
        image     log N(x; mu_theta(x), diag(exp(2 s))) / d
        buffer    log N(e(x); mean, diag(std^2)) / d over the buffer's embeddings

        Args:
            latent: Float tensor `(batch, latent_dim)`, what made the samples.
            samples: Float tensor `(batch, ...)`, in the range of the model.

        Returns:
            Float32 tensor `(batch,)`.
        """
        rows = self.rows(samples)
        if self.policy == "buffer":
            mean, log_std = self._embedded_buffer()
            return log_density(self.embedding(rows), mean, log_std)
        actions = latent if self.policy == "latent" else rows
        return self.network.log_density(actions, rows)

    def value(self, weight, latent, samples):
        """What lambda multiplies in G's objective: `mean(r log p)`, or `mean(rhat)`.

        Args:
            weight: Rewards `(batch,)`; no gradient passes through them.
            latent, samples: The generated batch.

        Returns:
            Float32 scalar tensor.
        """
        if self.policy == "critic":
            scores = self.network(self.rows(samples))
            return tf.reduce_mean(tf.cast(scores, tf.float32))
        log_p = self.log_density(latent, samples)
        return tf.reduce_mean(tf.stop_gradient(weight) * log_p)

    def buffer_loss(self, uniform):
        """Loss of theta on rows of the buffer, at places given by uniforms `(batch,)`.

        critic    mean((rhat(x) - (r - mean) / std)^2)
        else      -mean(log p)
        """
        rows = self.buffer.rows(uniform)
        if self.policy != "critic":
            return -tf.reduce_mean(self.log_density(rows["latents"], rows["samples"]))
        scores = self.network(self.rows(rows["samples"]))
        mean, std = self._moments(tf.convert_to_tensor(self.buffer.rewards)[:, None])
        target = (rows["rewards"] - mean[0]) / std[0]
        scores = tf.cast(tf.reshape(scores, [-1]), tf.float32)
        return tf.reduce_mean(tf.math.squared_difference(scores, target))

    @property
    def has_log_std(self):
        """Whether there are standard deviations that do not depend on the sample."""
        return hasattr(self.network, "raw_log_std")

    def mean_log_std(self):
        """Mean of the logs of these standard deviations."""
        raw = tf.convert_to_tensor(self.network.raw_log_std)
        return tf.reduce_mean(tf.clip_by_value(raw, *LOG_STD))

    def _embedded_buffer(self):
        rows = self.rows(self.buffer.all_samples())
        mean, std = self._moments(tf.stop_gradient(self.embedding(rows)))
        return mean, tf.clip_by_value(tf.math.log(std), *LOG_STD)

    def _moments(self, values):
        """Mean and standard deviation over the rows that the buffer holds."""
        held = self.buffer.is_held()[:, None]
        count = tf.maximum(tf.reduce_sum(held), 1.0)
        mean = tf.reduce_sum(held * values, 0) / count
        squares = tf.reduce_sum(held * tf.math.squared_difference(values, mean), 0)
        return mean, tf.sqrt(squares / count + 1e-12)


@keras.saving.register_keras_serializable(package="kerasos")
class SampleBuffer(Float32Layer):
    """Keeps the last `size` samples with latents, labels and rewards, as weights.

    They are saved and resumed with the model that holds the layer. The oldest sample
    comes first, the newest is the last row. Under a strategy every replica holds all
    of them.

    Args:
        size: Integer, number of samples kept.
        sample_shape: Shape of a sample.
        latent_dim: Width of a latent.
        levels: `(low, high)` of samples that are kept as 256 levels, a quarter of the
            memory; None keeps them as float32.
    """

    rests = True

    def __init__(self, size, sample_shape, latent_dim, levels=None, **kwargs):
        super().__init__(**kwargs)
        check_count("size", size)
        self.size, self.latent_dim = int(size), int(latent_dim)
        self.sample_shape = tuple(int(length) for length in sample_shape)
        self.levels = None if levels is None else tuple(float(v) for v in levels)
        image = "float32" if levels is None else "uint8"
        self.samples = self._rows(self.sample_shape, image, "samples")
        self.latents = self._rows((self.latent_dim,), "float32", "latents")
        self.labels = self._rows((), "int64", "labels")
        self.rewards = self._rows((), "float32", "rewards")
        self.filled = self._weight((), "int64", "filled")
        self.build((None, *self.sample_shape))

    def build(self, samples_shape):
        """Makes nothing: it tells Keras's `summary` the shape of a sample."""

    def compute_output_shape(self, samples_shape):
        """The shape of what it keeps."""
        return (self.size, *samples_shape[1:])

    def _rows(self, shape, dtype, name):
        return self._weight((self.size, *shape), dtype, name)

    def _weight(self, shape, dtype, name):
        options = {"autocast": False, "aggregation": "only_first_replica"}
        return resting_weight(self, name, shape, dtype, **options)

    def push(self, keep=None, **values):
        """Appends one batch; under a strategy those of all replicas, in their order.

        Args:
            keep: Boolean scalar tensor; False leaves everything as it is.
            **values: A tensor `(batch, ...)` for each field.
        """
        for name, value in values.items():
            rows = _of_all_replicas(tf.stop_gradient(value))
            if name == "samples":
                rows = self._to_levels(rows)
            weight = getattr(self, name)
            rows = tf.cast(rows, weight.dtype)
            before = tf.convert_to_tensor(weight)
            after = tf.concat([before, rows], axis=0)[-self.size :]
            weight.assign(after if keep is None else tf.where(keep, after, before))
        count = tf.cast(tf.shape(rows)[0], tf.int64)
        if keep is not None:
            count *= tf.cast(keep, tf.int64)
        filled = tf.convert_to_tensor(self.filled) + count
        self.filled.assign(tf.minimum(filled, tf.cast(self.size, tf.int64)))

    def rows(self, uniform):
        """Returns `{field: rows}` at places given by uniforms `(batch,)` in [0, 1).

        Each is a draw with replacement from what the buffer holds.
        """
        filled = tf.cast(tf.convert_to_tensor(self.filled), tf.float32)
        place = tf.minimum(tf.floor(uniform * filled), filled - 1.0)
        place = self.size - tf.cast(filled, tf.int32) + tf.cast(place, tf.int32)
        place = tf.clip_by_value(place, 0, self.size - 1)
        return {name: self._gather(name, place) for name in FIELDS}

    def is_held(self):
        """Returns 1.0 for each row that holds a sample, else 0.0: `(size,)`."""
        first = self.size - tf.cast(tf.convert_to_tensor(self.filled), tf.int32)
        return tf.cast(tf.range(self.size) >= first, tf.float32)

    def all_samples(self):
        """Returns all rows, `(size, *sample_shape)` float32, in the units pushed."""
        return self._from_levels(tf.convert_to_tensor(self.samples))

    def contents(self):
        """Returns `{field: array}` of the samples held, oldest first."""
        first = self.size - int(keras.ops.convert_to_numpy(self.filled))
        arrays = {
            name: keras.ops.convert_to_numpy(getattr(self, name))[first:]
            for name in FIELDS
        }
        samples = self._from_levels(tf.convert_to_tensor(arrays["samples"]))
        return {**arrays, "samples": samples.numpy()}

    def set_rewards(self, rewards):
        """Puts the rewards of the samples held, oldest first."""
        weight = self.rewards
        values = np.zeros(self.size, "float32")
        values[self.size - len(rewards) :] = rewards
        weight.assign(values)

    def _gather(self, name, place):
        rows = tf.gather(tf.convert_to_tensor(getattr(self, name)), place)
        return self._from_levels(rows) if name == "samples" else rows

    def _to_levels(self, samples):
        if self.levels is None:
            return samples
        low, high = self.levels
        levels = (samples - low) * (255.0 / (high - low))
        return tf.clip_by_value(tf.round(levels), 0.0, 255.0)

    def _from_levels(self, rows):
        if self.levels is None:
            return rows
        low, high = self.levels
        return tf.cast(rows, tf.float32) * ((high - low) / 255.0) + low


def _of_all_replicas(rows):
    replicas, _ = replica_context()
    if replicas == 1:
        return rows
    return tf.distribute.get_replica_context().all_gather(rows, axis=0)


@keras.saving.register_keras_serializable(package="kerasos")
class GaussianPolicy(Float32Layer):
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
        super().__init__(**kwargs)
        self.network = network
        self.adaptive_std = bool(adaptive_std)
        self.width = network.output_shape[-1] // (2 if self.adaptive_std else 1)
        if not self.adaptive_std:
            self.raw_log_std = self.add_weight(
                shape=(self.width,), initializer="zeros", name="log_std"
            )
        self.build(network.input_shape)

    def build(self, samples_shape):
        """Makes nothing: it tells Keras's `summary` the shape of the samples."""

    def compute_output_shape(self, samples_shape):
        mean = (samples_shape[0], self.width)
        return mean, mean if self.adaptive_std else (self.width,)

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


# TensorFlow keeps the graph that the gradient is registered in: this one, of a tensor,
# and not that of a model with its variables.
@tf.function(autograph=False)
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
