"""The feature bank of DOS: embeddings of small classes and their neighbours."""

import numpy as np
import tensorflow as tf

from kerasos.data.pipeline import every_row


class NeighbourBank:
    """Keeps the embeddings of overloaded classes, and who is next to whom.

    A row of a class has a slot: classes follow each other in the order of labels, rows
    of a class in the order of the data. For an `OversamplingModel` with
    `feature_extractor`, `neighbors` and `overloaded_labels`.
    """

    def make_bank(self, width):
        """Makes the weights; call in the constructor."""
        counts = self.spec.class_counts
        sizes = [n if k in self.overloaded_labels else 0 for k, n in enumerate(counts)]
        self.first_slots = np.cumsum([0, *sizes[:-1]]).astype("int32")

        def weight(name, shape, dtype):
            return self.add_weight(
                shape=shape,
                dtype=dtype,
                initializer="zeros",
                trainable=False,
                name=name,
            )

        self.bank = weight("bank", (sum(sizes), width), "float32")
        self.nearest = weight("nearest", (sum(sizes), self.neighbors), "int32")
        self.bank_counts = weight("bank_counts", (self.spec.num_classes,), "int32")

    def slots_of(self, y):
        """Returns the slot of each row, -1 for classes without.

        Raises:
            ValueError: If a class has more rows than slots.
        """
        slots = np.full(len(y), -1, "int32")
        for label in self.overloaded_labels:
            rows = np.flatnonzero(y == label)
            if len(rows) > self.spec.class_counts[label]:
                raise ValueError(
                    "A class must not have more samples than the model was built for, "
                    f"since it keeps their features. Expected at most "
                    f"{self.spec.class_counts[label]} of label {label}. Received: "
                    f"{len(rows)}. Build the model from these data."
                )
            slots[rows] = self.first_slots[label] + np.arange(len(rows))
        return slots

    def refresh_bank(self, parts):
        """Recomputes embeddings and neighbours with the present network.

        Args:
            parts: Iterable of `(x, y, slots)`: samples in the user's units, labels,
                and slots, -1 for rows to leave out.
        """
        bank = np.zeros(self.bank.shape, "float32")
        nearest = np.zeros(self.nearest.shape, "int32")
        filled = np.zeros(len(bank), bool)
        embed = self._embed_function()
        for x, _, slots in parts:
            kept = slots >= 0
            if kept.any():
                bank[slots[kept]] = embed(tf.convert_to_tensor(x[kept])).numpy()
                filled[slots[kept]] = True
        counts = np.zeros(self.bank_counts.shape, "int32")
        for label in self.overloaded_labels:
            first = self.first_slots[label]
            last = first + self.spec.class_counts[label]
            own = first + np.flatnonzero(filled[first:last])
            counts[label] = len(own)
            nearest[own] = own[nearest_in_class(bank[own], self.neighbors)]
        self.bank.assign(bank)
        self.nearest.assign(nearest)
        self.bank_counts.assign(counts)

    def _embed_function(self):
        # Held outside Keras's attribute tracking: it is no state.
        if "_compiled_embed" not in self.__dict__:
            self.__dict__["_compiled_embed"] = tf.function(
                lambda x: self._features(self.to_model(x)), reduce_retracing=True
            )
        return self.__dict__["_compiled_embed"]

    def refresh_from(self, dataset):
        """Recomputes from a dataset of `(x, y, slot)` batches, all its rows."""
        self.refresh_bank(every_row(dataset))

    def neighbour_weights(self, noise, labels):
        """Weights of a row's neighbours: |noise| over its sum, 0 where there is none.

        Args:
            noise: Float tensor `(batch, ..., neighbors)`, standard normal.
            labels: Integer tensor `(batch,)`.

        Returns:
            Float tensor like `noise`, at least 0, each row summing to 1.
        """
        # A class of one row has itself for a neighbour.
        count = tf.gather(tf.convert_to_tensor(self.bank_counts), labels)
        number = tf.clip_by_value(count - 1, 1, self.neighbors)
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
