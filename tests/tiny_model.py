"""The smallest model with the members that export, plots and callbacks read.

A stand-in for an `OversamplingModel`, so that these tests run in seconds and do
not change with any method.
"""

import keras
import numpy as np
import tensorflow as tf

from kerasos.data.spec import DataSpec

COUNTS = (40, 12, 3)


class Tilt(keras.layers.Layer):
    """A custom layer that is registered nowhere, with a weight of its own."""

    def build(self, input_shape):
        self.slope = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * (1.0 + 0.1 * self.slope)


class TinyModel(keras.Model):
    """One dense layer from noise and label to samples in [-1, 1]."""

    method_name = "tiny"
    num_codes = 0

    def __init__(
        self,
        shape=(6, 5, 1),
        dtype="uint8",
        value_range=(0.0, 255.0),
        label_names=None,
        sampled_labels=(0, 1, 2),
        sample_shape=None,
        with_classifier=True,
        seed=0,
    ):
        super().__init__()
        self.spec = DataSpec(shape, dtype, value_range, COUNTS, label_names)
        self.sampled_labels = list(sampled_labels)
        self.sample_shape = shape if sample_shape is None else sample_shape
        self.produces_samples = sample_shape is None
        self.sample_dtype = dtype if sample_shape is None else "float32"
        self.noise_dim = self.latent_dim = 4
        self.seed = seed
        size = int(np.prod(self.sample_shape))
        keras.utils.set_random_seed(seed)
        self.generator = keras.Sequential(
            [
                keras.Input((self.latent_dim + len(COUNTS),)),
                Tilt(),
                keras.layers.Dense(size, activation="tanh"),
                keras.layers.BatchNormalization(),
            ]
        )
        self.discriminator = keras.Sequential(
            [keras.Input((size,)), keras.layers.Dense(500), keras.layers.Dense(1)]
        )
        self.classifier = self._classifier() if with_classifier else None
        self.trains_classifier = with_classifier
        self.g_optimizer = keras.optimizers.Adam()
        self.g_optimizer.build(self.generator.trainable_variables)
        self.built = True

    def _classifier(self):
        low, high = self.spec.value_range
        scale = 1.0 / (high - low)
        return keras.Sequential(
            [
                keras.Input(self.spec.shape, dtype=self.spec.dtype),
                keras.layers.Rescaling(scale, offset=-low * scale),
                keras.layers.Flatten(),
                keras.layers.Dense(len(COUNTS), activation="softmax"),
            ]
        )

    @property
    def metrics(self):
        return []

    def compile(self):
        super().compile(optimizer=None)

    def train_step(self, data):
        for variable in self.classifier.trainable_variables:
            variable.assign_add(tf.ones_like(variable) * 1e-3)
        return {"moved": tf.constant(1.0)}

    def call(self, labels):
        noise = tf.zeros((tf.shape(labels)[0], self.noise_dim))
        return self.to_user(self.generate(self.latent(noise, labels), labels))

    def latent(self, noise, labels):
        return noise + tf.cast(labels, noise.dtype)[:, None]

    def generate(self, latent, labels):
        one_hot = tf.one_hot(labels, len(COUNTS))
        flat = self.generator(tf.concat([latent, one_hot], -1), training=False)
        return tf.reshape(flat, (-1, *self.sample_shape))

    def to_user(self, samples):
        if not self.produces_samples:
            return samples
        low, high = self.spec.value_range
        samples = tf.clip_by_value(samples, -1.0, 1.0)
        samples = low + (samples + 1.0) * (high - low) / 2.0
        if tf.as_dtype(self.spec.dtype).is_integer:
            samples = tf.round(samples)
        return tf.cast(samples, self.spec.dtype)

    def sample(self, labels, seed=None, batch_size=512, verbose="auto"):
        noise = np.random.default_rng(seed).normal(size=(len(labels), self.noise_dim))
        noise = tf.constant(noise, tf.float32)
        labels = tf.constant(labels, tf.int32)
        return self.to_user(self.generate(self.latent(noise, labels), labels)).numpy()
