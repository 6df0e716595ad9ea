"""Class means and covariances of rows that come in parts."""

import numpy as np


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
