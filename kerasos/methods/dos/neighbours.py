"""The feature bank of DOS: embeddings of small classes and their neighbours."""

import numpy as np
import tensorflow as tf

from kerasos.layers.resting_weight import resting_weight
from kerasos.traced import traced_by_rows


class NeighbourBank:
    """Keeps the embeddings of the classes below the largest, and who is next to whom.

    A row of a class has a slot: classes follow each other in the order of labels, rows
    of a class in the order of the data. Until `refresh`, all slots are empty.

    Args:
        model: The `OversamplingModel` that owns the weights, and saves them.
        embed: Function from samples in the user's units to their embeddings,
            `(batch, width)`.
        width: Integer, length of an embedding.
        neighbors: Integer k, neighbours of a row.

    Attributes:
        labels: List of the classes with slots.
        rows: The weight `(slots, width)`, float32.
        nearest: The weight `(slots, neighbors)`, int32: slots, nearest first.
        counts: The weight `(num_classes,)`, int32: slots that are filled.
    """

    def __init__(self, model, embed, width, neighbors):
        self.spec, self.neighbors = model.spec, neighbors
        self.labels = sorted(self.spec.minority_labels)
        counts = self.spec.class_counts
        sizes = [n if k in self.labels else 0 for k, n in enumerate(counts)]
        self._first_slots = np.cumsum([0, *sizes[:-1]]).astype("int32")
        self._embed = traced_by_rows(embed)
        slots, num_classes = sum(sizes), self.spec.num_classes
        self.rows = resting_weight(model, "bank", (slots, width), "float32")
        self.nearest = resting_weight(model, "nearest", (slots, neighbors), "int32")
        self.counts = resting_weight(model, "bank_counts", (num_classes,), "int32")

    def slots_of(self, y):
        """Returns the slot of each row of the data, -1 for classes without.

        Args:
            y: Integer labels `(n,)` of the data, in their order.

        Raises:
            ValueError: If a class has more rows than slots.
        """
        slots = np.full(len(y), -1, "int32")
        for label in self.labels:
            rows = np.flatnonzero(y == label)
            if len(rows) > self.spec.class_counts[label]:
                raise ValueError(
                    "A class must not have more samples than the model was built for, "
                    f"since it keeps their features. Expected at most "
                    f"{self.spec.class_counts[label]} of label {label}. Received: "
                    f"{len(rows)}. Build the model from these data."
                )
            slots[rows] = self._first_slots[label] + np.arange(len(rows))
        return slots

    def refresh(self, parts):
        """Recomputes embeddings and neighbours with the present network.

        Args:
            parts: Iterable of `(x, y, slots)`: samples in the user's units, labels,
                and slots, -1 for rows to leave out.
        """
        bank = np.zeros(self.rows.shape, "float32")
        nearest = np.zeros(self.nearest.shape, "int32")
        filled = np.zeros(len(bank), bool)
        for x, _, slots in parts:
            kept = slots >= 0
            if kept.any():
                bank[slots[kept]] = self._embed(x[kept]).numpy()
                filled[slots[kept]] = True
        counts = np.zeros(self.counts.shape, "int32")
        for label in self.labels:
            first = self._first_slots[label]
            last = first + self.spec.class_counts[label]
            own = first + np.flatnonzero(filled[first:last])
            counts[label] = len(own)
            nearest[own] = own[nearest_in_class(bank[own], self.neighbors)]
        self.rows.assign(bank)
        self.nearest.assign(nearest)
        self.counts.assign(counts)

    def count(self, labels):
        """Returns how many slots of the class of each label are filled."""
        return tf.gather(tf.convert_to_tensor(self.counts), labels)

    def slots_at(self, place, labels):
        """Returns a filled slot of the class of each label.

        Args:
            place: Float tensor `(batch,)` in [0, 1], which slot of its class.
            labels: Integer tensor `(batch,)`.
        """
        counts = self.count(labels)
        row = tf.cast(place * tf.cast(counts, tf.float32), tf.int32)
        row = tf.clip_by_value(row, 0, tf.maximum(counts - 1, 0))
        return tf.gather(tf.constant(self._first_slots), labels) + row

    def neighbours_at(self, slots):
        """Returns the embeddings of the neighbours, `(batch, neighbors, width)`."""
        nearest = tf.gather(tf.convert_to_tensor(self.nearest), tf.maximum(slots, 0))
        return tf.gather(tf.convert_to_tensor(self.rows), nearest)

    def weights(self, noise, labels):
        """Weights of a row's neighbours: |noise| over its sum, 0 where there is none.

        Args:
            noise: Float tensor `(batch, ..., neighbors)`, standard normal.
            labels: Integer tensor `(batch,)`.

        Returns:
            Float tensor like `noise`, at least 0, each row summing to 1.
        """
        # A class of one row has itself for a neighbour.
        number = tf.clip_by_value(self.count(labels) - 1, 1, self.neighbors)
        present = tf.sequence_mask(number, self.neighbors, tf.float32)
        present = tf.reshape(
            present, [-1, *[1] * (noise.shape.rank - 2), self.neighbors]
        )
        weights = (tf.abs(noise) + 1e-12) * present
        return weights / tf.reduce_sum(weights, -1, keepdims=True)


def nearest_in_class(rows, neighbors):
    """Numbers of the nearest rows, Euclidean, the row itself excluded.

    A part of the distances at a time, so memory does not grow with the square of
    their number. Where there are fewer than `neighbors` others, the first repeats.

    Args:
        rows: Float array `(n, width)`.
        neighbors: Integer.

    Returns:
        Integer array `(n, neighbors)`, nearest first.
    """
    if len(rows) < 2:
        return np.zeros((len(rows), neighbors), "int64")
    from sklearn.neighbors import NearestNeighbors

    found = min(neighbors, len(rows) - 1)
    search = NearestNeighbors(n_neighbors=found, algorithm="brute").fit(rows)
    nearest = search.kneighbors(return_distance=False)
    return np.concatenate(
        [nearest, np.repeat(nearest[:, :1], neighbors - found, axis=1)], axis=1
    )
