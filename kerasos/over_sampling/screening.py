"""Keeps those samples of a table that lie nearer to their own class than to another.

Ours. Where rules over categories make the classes, a category drawn against the others
of its row gives a row of another class with the wrong label. The edited nearest
neighbours of Wilson (1972) remove such rows; here others take their place.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from kerasos.randomness.seeds import derive_seed

ROUNDS = 8


def screened(sample, labels, x, codes, seen, seed):
    """Draws samples, and again where one is not nearest to its own class.

    After `ROUNDS` draws a row keeps the one whose distance to its own class exceeds
    that to the others by least.

    Args:
        sample: Function of labels and a seed to rows `(n, width)`.
        labels: Integer array `(n,)`.
        x: The real rows as they are compared, `(m, size)`.
        codes: Their labels `(m,)`.
        seen: Function of sampled rows to rows that are compared, `(n, size)`.
        seed: Integer.

    Returns:
        Float32 array `(n, width)`.
    """
    own, other = {}, {}
    for label in np.unique(labels):
        own[label] = _neighbour(x[codes == label])
        other[label] = _neighbour(x[codes != label])
    result = None
    excess, todo = np.full(len(labels), np.inf), np.arange(len(labels))
    for number in range(ROUNDS):
        drawn = sample(labels[todo], derive_seed(seed, "screening", number))
        rows = seen(drawn)
        found = np.empty(len(todo))
        for label in np.unique(labels[todo]):
            chosen = labels[todo] == label
            to_own, _ = own[label].kneighbors(rows[chosen])
            to_other, _ = other[label].kneighbors(rows[chosen])
            found[chosen] = (to_own - to_other)[:, 0]
        better = found < excess[todo]
        result = drawn if result is None else result
        result[todo[better]], excess[todo[better]] = drawn[better], found[better]
        todo = todo[excess[todo] >= 0]
        if not len(todo):
            break
    return result


def _neighbour(rows):
    # Rows of categories repeat; each need be searched once.
    return NearestNeighbors(n_neighbors=1).fit(np.unique(rows, axis=0))
