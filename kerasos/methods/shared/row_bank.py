"""Training rows that a model keeps, a bounded number of each class."""

import keras
import numpy as np
import tensorflow as tf

from kerasos.data.pipeline import every_row
from kerasos.layers.resting_weight import resting_weight
from kerasos.methods.shared.moved_copies import check_images, fill_up
from kerasos.randomness.seeds import derive_seed

# Of all classes together; with many classes or large images each keeps fewer rows.
_BYTES = 2**26


class RowBank:
    """Keeps up to `rows_per_class` training rows of each class as weights of a model.

    They are saved and exported with the model, in the user's units.

    Args:
        model: The `OversamplingModel` that owns the weights.
        rows_per_class: Integer, at least 1.
        min_anchors: Integer: a class of images with fewer gets moved copies of them up
            to this number, within `rows_per_class`.

    Attributes:
        counts: List of how many rows of each class are kept.
        rows: The weight `(sum(counts), *spec.shape)`, class by class.
    """

    def __init__(self, model, rows_per_class, min_anchors=0):
        self.spec, self.seed = model.spec, model.seed
        self.min_anchors = min_anchors
        check_images(min_anchors, self.spec.shape)
        dtype = "uint8" if self.spec.dtype == "uint8" else "float32"
        row_bytes = self.spec.num_features * np.dtype(dtype).itemsize
        most = max(1, _BYTES // (row_bytes * self.spec.num_classes))
        most = min(most, rows_per_class)
        wanted = (max(count, min_anchors) for count in self.spec.class_counts)
        self.counts = [min(most, count) for count in wanted]
        shape = (sum(self.counts), *self.spec.shape)
        self.rows = resting_weight(model, "rows", shape, dtype)
        self._filled = model.add_counter("rows_set")

    @property
    def is_filled(self):
        return bool(keras.ops.convert_to_numpy(self._filled))

    def fill(self, x, y=None):
        """Puts the rows; `from_data` does it, or else the first `fit`.

        Args:
            x: Samples in the user's units, of which random ones of each class are
                taken, or a dataset of batches `(x, y)`, of which the first are.
            y: Integer labels, when `x` is an array.

        Raises:
            ValueError: If the data do not fit the model, or a class has no sample.
        """
        if y is None:
            chosen = self._first_rows(x)
        else:
            x, y = np.asarray(x), np.asarray(y)
            self.spec.check_compatible(x, y)
            chosen = []
            for label, count in enumerate(self.counts):
                rng = np.random.default_rng(derive_seed(self.seed, "rows", label))
                members = rng.permutation(np.flatnonzero(y == label))[:count]
                chosen.append(x[np.sort(members)])
        absent = [label for label, part in enumerate(chosen) if not len(part)]
        if absent:
            raise ValueError(
                "The training data must have samples of every class, to generate from. "
                f"Received: none of {absent}."
            )
        if self.min_anchors:
            chosen = [self._filled_up(label, part) for label, part in enumerate(chosen)]
        # A class of fewer rows than it had in `from_data` repeats them.
        filled = [
            part[np.arange(count) % len(part)]
            for part, count in zip(chosen, self.counts, strict=True)
        ]
        self.rows.assign(np.concatenate(filled).astype(self.rows.dtype))
        self._filled.assign(1)

    def _filled_up(self, label, part):
        least = min(self.min_anchors, self.counts[label])
        index = {label: np.arange(len(part))}
        return fill_up(np.asarray(part), index, least, self.seed)[0][label]

    def _first_rows(self, dataset):
        found = [[] for _ in self.counts]
        for x, y in every_row(dataset):
            for label, count in enumerate(self.counts):
                found[label].extend(x[y == label][: count - len(found[label])])
        return [np.stack(part) if part else np.empty(0) for part in found]

    def at(self, place, labels):
        """Returns one kept row for each label.

        Args:
            place: Float tensor `(batch,)` in [0, 1], which row of its class.
            labels: Integer tensor `(batch,)`.

        Returns:
            Tensor `(batch, *spec.shape)` in the user's units.
        """
        counts = tf.constant(self.counts, tf.int32)
        first = tf.gather(tf.cumsum(counts, exclusive=True), labels)
        counts = tf.gather(counts, labels)
        index = tf.cast(place * tf.cast(counts, tf.float32), tf.int32)
        index = first + tf.minimum(index, counts - 1)
        return tf.gather(tf.convert_to_tensor(self.rows), index)
