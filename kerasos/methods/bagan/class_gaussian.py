"""A Gaussian for each class: its weights, and the moments that they come from."""

import keras
import numpy as np
import tensorflow as tf

from kerasos.layers.float32_layer import NoiseLayer
from kerasos.layers.resting_weight import resting_weight


@keras.saving.register_keras_serializable(package="kerasos")
class ClassGaussian(NoiseLayer):
    """Turns standard normal noise into draws from `N(mu_k, S_k)` of a class.

        u = mu_k + V sqrt(w) V^T eps,    S_k = V diag(w) V^T

    This square root of `S_k` is the only symmetric one, so equal covariances give
    equal draws on every machine, whatever signs its eigenvectors got. It needs no
    full rank: a class of few points draws inside their affine hull. Until it is
    set, every class is `N(0, I)`.

    Args:
        num_classes: Integer.
        width: Integer, length of a draw.

    Call arguments:
        noise: Float tensor `(batch, width)`, standard normal.
        labels: Integer tensor `(batch,)`.

    Returns:
        Float32 tensor `(batch, width)`.
    """

    rests = True

    def __init__(self, num_classes, width, **kwargs):
        # A root of a covariance in half precision would be none.
        super().__init__(**kwargs)
        self.num_classes, self.width = int(num_classes), int(width)
        shape = (self.num_classes, self.width)
        self.means = resting_weight(self, "means", shape)
        self.roots = resting_weight(
            self, "roots", (*shape, self.width), initializer=_identities
        )
        self.build((None, self.width), (None,))

    def set_moments(self, means, covariances):
        """Puts the means `(num_classes, width)` and covariances of the classes."""
        self.means.assign(np.asarray(means, "float32"))
        # One class at a time: float64 copies of all would be the largest arrays.
        self.roots.assign(
            np.stack([symmetric_root(s).astype("float32") for s in covariances])
        )

    def call(self, noise, labels):
        noise = tf.cast(noise, tf.float32)
        roots = tf.gather(tf.convert_to_tensor(self.roots), labels)
        means = tf.gather(tf.convert_to_tensor(self.means), labels)
        return means + tf.linalg.matvec(roots, noise)


def symmetric_root(covariance):
    """Returns the symmetric R with `R R = covariance`, in float64.

    By eigendecomposition, which takes singular matrices, where Cholesky's fails.
    Eigenvalues below rounding, negative ones too, become 0.

    Args:
        covariance: Symmetric array `(width, width)`.

    Returns:
        Float64 array `(width, width)`.
    """
    covariance = np.asarray(covariance, "float64")
    values, vectors = np.linalg.eigh(covariance)
    smallest = len(values) * np.finfo("float64").eps * max(values[-1], 0.0)
    values = np.where(values > smallest, values, 0.0)
    return (vectors * np.sqrt(values)) @ vectors.T


def _identities(shape, dtype=None):
    return tf.eye(shape[-1], batch_shape=shape[:1], dtype=dtype)


class ClassMoments:
    """Means and covariances of each class in one pass, without keeping the rows.

    Parts are merged as in Chan, Golub, LeVeque (1979), in float64: with deviations
    from the mean instead of sums of squares, so nothing cancels.

    Args:
        num_classes: Integer.
        width: Integer, length of a row.

    Attributes:
        counts: Integer array `(num_classes,)`, rows seen.
        means: Float64 array `(num_classes, width)`; 0 for a class not seen.

    Example:

    >>> moments = ClassMoments(2, 1)
    >>> moments.update(np.array([[1.0], [3.0], [7.0]]), np.array([0, 0, 1]))
    >>> moments.means.ravel(), moments.covariances().ravel()
    (array([2., 7.]), array([2., 0.]))
    """

    def __init__(self, num_classes, width):
        self.counts = np.zeros(num_classes, "int64")
        self.means = np.zeros((num_classes, width))
        self._scatter = np.zeros((num_classes, width, width))

    def update(self, rows, labels):
        """Adds rows `(n, width)` with integer labels `(n,)`."""
        rows = np.asarray(rows, "float64")
        for label in np.unique(labels):
            part = rows[labels == label]
            seen, new = self.counts[label], len(part)
            mean = part.mean(axis=0)
            step = mean - self.means[label]
            centred = part - mean
            self._scatter[label] += centred.T @ centred
            self._scatter[label] += np.outer(step, step) * (seen * new / (seen + new))
            self.means[label] += step * (new / (seen + new))
            self.counts[label] = seen + new

    def covariances(self, shrinkage=0.0):
        """Returns the covariance of each class, pulled towards the pooled one.

            S_k <- (1 - s) S_k + s S,   S = sum_k (n_k - 1) S_k / sum_k (n_k - 1)

        with denominators `n_k - 1`. A class of fewer than two rows has none of its
        own and gets the pooled one.

        Args:
            shrinkage: Float s in [0, 1].

        Returns:
            Float64 array `(num_classes, width, width)`.
        """
        freedom = np.maximum(self.counts - 1, 0)
        pooled = self._scatter.sum(axis=0) / max(1, freedom.sum())
        own = self._scatter / np.maximum(freedom, 1)[:, None, None]
        share = np.where(self.counts < 2, 1.0, shrinkage)[:, None, None]
        return (1.0 - share) * own + share * pooled
