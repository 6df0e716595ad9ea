"""The rows that DeepSMOTE keeps: for its penalty, and encoded for SMOTE."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasos.layers.latent_smote import LatentSMOTE
from kerasos.models.row_bank import RowBank
from kerasos.random import portable_uniform, replica_context


class EncodedRows(RowBank):
    """Rows of each class with their latents, and what is drawn of both.

    For a `ConditionalModel` with `encoder`, `k_neighbors` and `penalty_size`; call
    `make_encoded_rows` in the constructor. The latents are those of the encoder as it
    was at the last `refresh`: when the rows were set, at the end of `fit`, and when
    samples are drawn, predicted or exported after a step.
    """

    def make_encoded_rows(self, rows_per_class):
        """Makes the weights, of which `set_rows` sets the values."""
        self.make_rows(rows_per_class)
        self.between = LatentSMOTE(
            self.row_counts, self.latent_dim, self.k_neighbors, name="between"
        )
        # The step whose encoder made the latents.
        self.refreshed_at = self._counter("refreshed_at")

    def keep_from(self, x, y):
        counts = np.array(self.spec.class_counts)
        small = np.flatnonzero((counts > 1) & (counts <= self.k_neighbors)).tolist()
        if small:
            warnings.warn(
                f"Labels {small} have too few samples for k_neighbors="
                f"{self.k_neighbors}, which takes {self.k_neighbors + 1}. All others "
                "of the class are neighbours there.",
                stacklevel=3,
            )
        self.set_rows(x, y)

    def set_rows(self, x, y=None):
        super().set_rows(x, y)
        self.refresh(force=True)

    def on_stage_begin(self, stage):
        super().on_stage_begin(stage)
        if not self.has_rows and self.training_data is not None:
            self.set_rows(self.training_data)

    def refresh(self, force=False):
        """Encodes the rows with the present encoder, if it has moved since."""
        step = keras.ops.convert_to_numpy(self.steps_done).item()
        if not force and keras.ops.convert_to_numpy(self.refreshed_at).item() == step:
            return
        rows, encode = keras.ops.convert_to_numpy(self.rows), self._encode_function()
        latents = [encode(rows[i : i + 512]) for i in range(0, len(rows), 512)]
        with self.distribute_strategy.scope():
            self.between.set_points(np.concatenate(latents))
            self.refreshed_at.assign(step)

    def _encode_function(self):
        # Held outside Keras's attribute tracking: it is no state.
        function = self.__dict__.get("_compiled_encode")
        if function is None:
            signature = tf.TensorSpec((None, *self.spec.shape), self.rows.dtype)

            @tf.function(input_signature=[signature])
            def function(rows):
                x = tf.reshape(self.to_model(rows), (-1, *self.decoder_shape))
                return tf.cast(self.encoder(x, training=False), tf.float32)

            self.__dict__["_compiled_encode"] = function
        return lambda rows: function(rows).numpy()

    # What looks at the latents brings them up to date first.

    def sample(self, *args, **kwargs):
        self.refresh()
        return super().sample(*args, **kwargs)

    def make_predict_function(self, force=False):
        self.refresh()
        super().make_predict_function(force)

    def export(self, *args, **kwargs):
        self.refresh()
        return super().export(*args, **kwargs)

    def draw_class_rows(self):
        """Draws a class, and rows of it in a random order, for this step.

        Classes of one row are left out. A class with fewer than `penalty_size` rows
        repeats them in the same order.

        Returns:
            Two tensors of rows in the user's units: this replica's, and those one
            place further on, the last before the first. None if no class has two rows.
        """
        counts = np.array(self.row_counts)
        labels = np.flatnonzero(counts > 1)
        if not len(labels):
            return None
        replicas, replica = replica_context()
        most = int(counts.max())
        size = -(-min(self.penalty_size, most) // replicas)
        place = len(labels) * self.shared_uniform("class")
        label = tf.gather(tf.constant(labels, tf.int32), tf.cast(place, tf.int32))
        count = tf.gather(tf.constant(counts, tf.int32), label)
        first = tf.gather(tf.constant(np.cumsum(counts) - counts, tf.int32), label)
        # A permutation of the class's rows: the places of the others come last.
        keys = portable_uniform((most,), self._step_seed("rows"))
        order = tf.argsort(tf.where(tf.range(most) < count, keys, 2.0))
        turn = tf.minimum(count, size * replicas)
        number = replica * size + tf.range(size)
        rows = tf.convert_to_tensor(self.rows)
        return tuple(
            tf.gather(rows, first + tf.gather(order, (number + step) % turn))
            for step in (0, 1)
        )
