"""The generated batch that GAMO's classifier and discriminator train on."""

import numpy as np
import tensorflow as tf

from kerasos.layers.convex import one_hot_of_sizes
from kerasos.models.noise import replica_context


class GeneratedBatches:
    """Draws generated samples with the class frequencies of Algorithm 1.

    For an `OversamplingModel` with `generator` and `fake_ratio`.
    """

    def _fake_batch(self, x):
        """Generated samples for M and D, in inference mode.

        Returns:
            `(features, one_hot, active, total)`: rows sorted by class; `active` is
            1 for the rows that count and 0 for padding, or None when all count;
            the mean runs over `total` rows.
        """
        replicas, _ = replica_context()
        if replicas == 1 and x.shape[0] is not None:
            return self._padded_fake_batch(max(1, round(x.shape[0] * self.fake_ratio)))
        rows = num_rows(x)
        if self.fake_ratio != 1.0:
            scaled = tf.round(tf.cast(rows, tf.float32) * self.fake_ratio)
            rows = tf.maximum(1, tf.cast(scaled, tf.int32))
        edges = self._class_edges(rows * replicas)
        position = _own_rows(tf.range(rows * replicas), rows)
        slot = tf.reduce_sum(
            tf.cast(position[:, None] >= edges[None, 1:-1], tf.int32), axis=1
        )
        labels = tf.gather(tf.constant(self.generator.labels, tf.int32), slot)
        noise = self.normal(rows, self.noise_dim, "fake")
        fake = tf.stop_gradient(self.generator(noise, labels))
        return fake, tf.one_hot(labels, self.spec.num_classes), None, None

    def _padded_fake_batch(self, rows):
        # A class has floor or ceil of its share of the rows; each gets room for
        # the larger number.
        labels = self.generator.labels
        room = [int(rows * share) + 1 for share in self._class_shares()]
        edges = self._class_edges(rows)
        noise = self.normal(rows, self.noise_dim, "fake")
        index, active = [], []
        for slot, size in enumerate(room):
            position = edges[slot] + tf.range(size)
            active.append(tf.cast(position < edges[slot + 1], tf.float32))
            index.append(tf.minimum(position, rows - 1))
        sizes = [0] * self.spec.num_classes
        for label, size in zip(labels, room, strict=True):
            sizes[label] = size
        fake = self.generator.grouped(tf.gather(noise, tf.concat(index, 0)), sizes)
        active = tf.concat(active, 0)
        return tf.stop_gradient(fake), one_hot_of_sizes(sizes), active, rows

    def _class_shares(self):
        """Probability of each generated class, in the order of the generator."""
        counts = np.array(self.spec.class_counts)[self.generator.labels]
        missing = self.spec.majority_count - counts
        return missing / missing.sum()

    def _class_edges(self, rows):
        """First row of each class in a batch sorted by class, and the end.

        Row j belongs to the class in whose share of [0, rows) the point j + u
        falls, u uniform: systematic sampling.
        """
        bounds = tf.constant(np.cumsum(self._class_shares())[:-1], tf.float32)
        rows = tf.cast(rows, tf.int32)
        inner = tf.math.ceil(
            bounds * tf.cast(rows, tf.float32) - self.shared_uniform("classes")
        )
        inner = tf.clip_by_value(tf.cast(inner, tf.int32), 0, rows)
        return tf.concat([[0], inner, [rows]], 0)


def num_rows(tensor):
    return tensor.shape[0] if tensor.shape[0] is not None else tf.shape(tensor)[0]


def _own_rows(tensor, rows):
    _, replica = replica_context()
    return tensor[replica * rows :][:rows]
