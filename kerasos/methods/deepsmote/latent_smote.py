"""SMOTE between stored points, as weights that training leaves alone."""

import keras
import numpy as np
import tensorflow as tf

from kerasos.layers.float32_layer import NoiseLayer
from kerasos.layers.resting_weight import resting_weight


@keras.saving.register_keras_serializable(package="kerasos")
class LatentSMOTE(NoiseLayer):
    """Turns standard normal noise into points between neighbours of one class.

        p = p_i + u (p_j - p_i),    i uniform in class k, j uniform among the nearest
                                    neighbours of i in k, u uniform in (0, 1)

    The normal's own distribution function makes uniforms of the three columns of the
    noise; they decide i, j and u. A class of one point repeats it. Until points are
    set, all are 0.

    Args:
        counts: Points of each class, in label order, each at least 1.
        width: Integer, length of a point.
        k_neighbors: Integer; a class of fewer points takes all others of it. Default
            5 (Chawla et al., 2002).

    Call arguments:
        noise: Float tensor `(batch, 3)`, standard normal.
        labels: Integer tensor `(batch,)`.

    Returns:
        Float32 tensor `(batch, width)`.
    """

    noise_dim = 3
    rests = True

    def __init__(self, counts, width, k_neighbors=5, **kwargs):
        # Thousands of points: half precision would number them wrongly.
        super().__init__(**kwargs)
        self.counts = tuple(int(count) for count in counts)
        self.width, self.k_neighbors = int(width), int(k_neighbors)
        count = sum(self.counts)
        self.points = resting_weight(self, "points", (count, self.width))
        self.neighbors = resting_weight(
            self, "neighbors", (count, self.k_neighbors), "int32"
        )
        self.build((None, self.noise_dim), (None,))

    def set_points(self, points):
        """Puts the points and finds their neighbours, in Euclidean distance.

        Args:
            points: Float array `(sum(counts), width)`, class by class in label order.
        """
        from sklearn.neighbors import NearestNeighbors

        points = np.asarray(points, "float32")
        neighbors = np.zeros(self.neighbors.shape, "int32")
        first = 0
        for count in self.counts:
            own = points[first : first + count]
            k = min(self.k_neighbors, count - 1)
            neighbors[first : first + count] = first + np.arange(count)[:, None]
            if k:
                # Asked about no rows, it leaves each row out of its own neighbours.
                search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(own)
                found = search.kneighbors(return_distance=False)
                neighbors[first : first + count, :k] = first + found
            first += count
        self.points.assign(points)
        self.neighbors.assign(neighbors)

    def call(self, noise, labels):
        counts = np.array(self.counts)
        firsts = np.cumsum(counts) - counts
        reach = np.maximum(np.minimum(self.k_neighbors, counts - 1), 1)
        first, count, reach = (
            tf.gather(tf.constant(values, tf.int32), labels)
            for values in (firsts, counts, reach)
        )
        uniform = 0.5 * (1.0 + tf.math.erf(tf.cast(noise, tf.float32) * 2.0**-0.5))

        def pick(column, number):
            place = uniform[:, column] * tf.cast(number, tf.float32)
            return tf.minimum(tf.cast(place, tf.int32), number - 1)

        row = first + pick(0, count)
        near = tf.gather(tf.convert_to_tensor(self.neighbors), row)
        near = tf.gather(near, pick(1, reach), batch_dims=1)
        points = tf.convert_to_tensor(self.points)
        start = tf.gather(points, row)
        return start + uniform[:, 2:3] * (tf.gather(points, near) - start)
