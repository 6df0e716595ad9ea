"""The generated batch that GAMO's classifier and discriminator train on."""

import numpy as np
import tensorflow as tf

from kerasos.models.training import num_rows
from kerasos.random import replica_context


class GeneratedBatches:
    """Draws generated samples with the class frequencies of Algorithm 1.

    For an `OversamplingModel` with `generator` and `fake_ratio`.
    """

    def _fake_batch(self, x):
        """Generated samples for M and D, in inference mode.

        Returns:
            `(features, one_hot)`, as many rows as `x` times `fake_ratio`, sorted by
            class.
        """
        replicas, replica = replica_context()
        rows = num_rows(x)
        if self.fake_ratio != 1.0:
            rows = _scaled(rows, self.fake_ratio)
        edges = self._class_edges(rows * replicas)
        position = tf.range(rows * replicas)[replica * rows :][:rows]
        slot = tf.reduce_sum(
            tf.cast(position[:, None] >= edges[None, 1:-1], tf.int32), axis=1
        )
        labels = tf.gather(tf.constant(self.generator.labels, tf.int32), slot)
        noise = self.normal(rows, self.generator.latent_dim, "fake")
        if replicas == 1 and isinstance(rows, int):
            fake = self._padded_samples(noise, position, slot, edges)
        else:
            fake = self.generator(noise, labels)
        return tf.stop_gradient(fake), tf.one_hot(labels, self.spec.num_classes)

    def _padded_samples(self, noise, position, slot, edges):
        """The generator's samples, each class multiplying its own anchors only.

        A class has floor or ceil of its share of the rows. Each gets room for the
        larger number, so that shapes are static, and the rows that were due are
        picked from the result.
        """
        rows = noise.shape[0]
        room = [int(rows * share) + 1 for share in self._class_shares()]
        index = tf.concat(
            [edges[slot] + tf.range(size) for slot, size in enumerate(room)], 0
        )
        sizes = [0] * self.spec.num_classes
        for label, size in zip(self.generator.labels, room, strict=True):
            sizes[label] = size
        noise = tf.gather(noise, tf.minimum(index, rows - 1))
        samples = self.generator.grouped(noise, sizes)
        first = tf.constant(np.cumsum([0, *room[:-1]]), tf.int32)
        place = tf.gather(first, slot) + position - tf.gather(edges, slot)
        return tf.gather(samples, place)

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


def _scaled(rows, ratio):
    if isinstance(rows, int):
        return max(1, round(rows * ratio))
    return tf.maximum(1, tf.cast(tf.round(tf.cast(rows, tf.float32) * ratio), tf.int32))
