"""Distances between rows, in parts of bounded size."""

import numpy as np


def nearest_distances(queries, parts, own=False):
    """Distance of each query to the nearest point.

    Args:
        queries: Array `(n, width)`.
        parts: Iterable of arrays `(rows, width)`, together the points.
        own: Whether the queries are among the points; the smallest distance, to
            itself, then does not count (that to a duplicate does).

    Returns:
        Float array `(n,)`; infinite where there is no point.
    """
    from sklearn.metrics.pairwise import euclidean_distances

    kept = 2 if own else 1
    smallest = np.full((len(queries), kept), np.inf)
    for part in parts:
        found = np.hstack([smallest, euclidean_distances(queries, part)])
        smallest = np.partition(found, kept - 1, axis=1)[:, :kept]
    return smallest[:, kept - 1]


def pairwise_distances(rows):
    """Distances of all pairs, `(n (n - 1) / 2,)`."""
    from sklearn.metrics.pairwise import euclidean_distances

    return euclidean_distances(rows)[np.triu_indices(len(rows), 1)]
