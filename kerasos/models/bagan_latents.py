"""The latents of BAGAN: the transfer that fits their Gaussians, and draws of them."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasos.data.moments import ClassMoments
from kerasos.data.pipeline import every_row
from kerasos.random import replica_context


class ClassLatents:
    """Fits one Gaussian a class to the latents of real samples, and draws from it.

    For an `OversamplingModel` with `encoder`, `discriminator`, `gaussians`,
    `shrinkage` and the counter `transferred`.
    """

    def on_stage_begin(self, stage):
        if stage == "autoencoder":
            # What it trains makes an earlier transfer void.
            self.transferred.assign(0)
        elif not int(keras.ops.convert_to_numpy(self.transferred)):
            self.transfer(self.training_data)

    def transfer(self, x, y=None):
        """Stage (b): the class Gaussians, and D's layers from those of the encoder.

        `fit` calls it between its stages.

        Args:
            x: Samples in the user's units, or a dataset of batches `(x, y)`; read
                once, in parts.
            y: Integer labels, when `x` is an array.

        Raises:
            ValueError: If the data do not fit the model, or a class has no sample.
        """
        if y is None:
            parts = every_row(x)
        else:
            x, y = np.asarray(x), np.asarray(y)
            self.spec.check_compatible(x, y)
            parts = _parts(x, y)
        moments = ClassMoments(self.spec.num_classes, self.latent_dim)
        encode = tf.function(
            lambda x: self.encoder(self.to_model(x), training=False),
            reduce_retracing=True,
        )
        for x_part, y_part in parts:
            moments.update(encode(tf.convert_to_tensor(x_part)).numpy(), y_part)
        self._check_counts(moments.counts)
        covariances = moments.covariances(self.shrinkage)
        self.gaussians.set_moments(moments.means, covariances)
        for own, given in zip(
            trunk_weights(self.discriminator),
            trunk_weights(self.encoder),
            strict=True,
        ):
            own.assign(given)
        self.transferred.assign(1)

    def _check_counts(self, counts):
        absent = np.flatnonzero(counts == 0).tolist()
        if absent:
            raise ValueError(
                "The training data must have samples of every class, for its "
                f"Gaussian. Received: none of {absent}. The autoencoder is trained; "
                "go on with whole data, `fit(..., initial_epoch="
                f"{self.ae_epochs})`."
            )
        single = np.flatnonzero(counts == 1).tolist()
        if single:
            warnings.warn(
                f"Labels {single} have one sample each and so no covariance of "
                "their own; they take that of the other classes.",
                stacklevel=2,
            )

    def latent(self, noise, labels):
        """Draws from the Gaussians: `mu_k + S_k^(1/2) noise`, `(batch, latent_dim)`."""
        return self.gaussians(noise, labels)

    def _latents(self, count, mode, tag):
        """This replica's rows of `count` latents: latents, labels, weights."""
        replicas, replica = replica_context()
        rows = -(-count // replicas)
        weights = tf.cast(replica * rows + tf.range(rows) < count, tf.float32)
        bounds = tf.constant(np.cumsum(self._class_shares(mode))[:-1], tf.float32)
        place = self.uniform(rows, f"{tag}_labels")
        labels = tf.reduce_sum(tf.cast(place[:, None] >= bounds, tf.int32), axis=1)
        noise = self.normal(rows, self.noise_dim, f"{tag}_noise")
        return self.latent(noise, labels), labels, weights

    def _class_shares(self, mode):
        """Probability of each class among generated samples."""
        counts = np.array(self.spec.class_counts, "float64")
        shares = np.ones(len(counts))
        if mode == "rebalance":
            shares = np.maximum(0.0, 2.0 / len(counts) - counts / counts.sum())
        return shares / shares.sum()


def trunk_weights(network):
    """Trainable weights of every layer but the last."""
    return [w for layer in network.layers[:-1] for w in layer.trainable_weights]


def _parts(x, y, rows=512):
    for start in range(0, len(y), rows):
        yield x[start : start + rows], y[start : start + rows]
