"""Which samples of a table lie nearer to another class than to their own.

Ours. Where rules over categories make the classes, a category drawn against the others
of its row gives a row of another class with the wrong label. The edited nearest
neighbours of Wilson (1972) remove such rows; here others take their place.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors


def nearer_to_others(x, codes, seen):
    """Returns a function of rows and labels to how much nearer another class is.

    Args:
        x: The real rows as they are compared, `(m, size)`.
        codes: Their labels `(m,)`.
        seen: Function of sampled rows to rows that are compared, `(n, size)`.
    """
    own, other = {}, {}
    for label in np.unique(codes):
        own[label] = _neighbour(x[codes == label])
        other[label] = _neighbour(x[codes != label])

    def excess(rows, labels):
        rows, found = seen(rows), np.empty(len(labels))
        for label in np.unique(labels):
            chosen = labels == label
            to_own, _ = own[label].kneighbors(rows[chosen])
            to_other, _ = other[label].kneighbors(rows[chosen])
            found[chosen] = (to_own - to_other)[:, 0]
        return found

    return excess


def _neighbour(rows):
    # Rows of categories repeat; each need be searched once.
    return NearestNeighbors(n_neighbors=1).fit(np.unique(rows, axis=0))
