"""The most recent generated samples, first in, first out."""

import keras
import numpy as np
import tensorflow as tf

from kerasos.random import replica_context

FIELDS = ("samples", "latents", "labels", "rewards")


@keras.saving.register_keras_serializable(package="kerasos")
class SampleBuffer(keras.layers.Layer):
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

    def __init__(self, size, sample_shape, latent_dim, levels=None, **kwargs):
        kwargs["dtype"] = "float32"
        super().__init__(**{**kwargs, "trainable": False})
        self.size, self.latent_dim = int(size), int(latent_dim)
        self.sample_shape = tuple(int(length) for length in sample_shape)
        self.levels = None if levels is None else tuple(float(v) for v in levels)
        if self.size < 1:
            raise ValueError(
                f"`size` must be at least 1. Received: size={size}. A buffer of 2,000 "
                "grey images of 28x28 pixels takes 1.6 MB."
            )
        kinds = {
            "samples": (self.sample_shape, "float32" if levels is None else "uint8"),
            "latents": ((self.latent_dim,), "float32"),
            "labels": ((), "int64"),
            "rewards": ((), "float32"),
        }
        for name in FIELDS:
            tail, dtype = kinds[name]
            setattr(self, name, self._weight((self.size, *tail), dtype, name))
        self.filled = self._weight((), "int64", "filled")
        self.built = True

    def _weight(self, shape, dtype, name):
        return self.add_weight(
            shape=shape,
            dtype=dtype,
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
            name=name,
        )

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

    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        config.update(
            size=self.size,
            sample_shape=list(self.sample_shape),
            latent_dim=self.latent_dim,
            levels=self.levels and list(self.levels),
        )
        return config


def _of_all_replicas(rows):
    replicas, _ = replica_context()
    if replicas == 1:
        return rows
    return tf.distribute.get_replica_context().all_gather(rows, axis=0)
