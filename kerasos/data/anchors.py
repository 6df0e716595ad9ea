"""Which real points of a class stand for it where all of them are too many."""

import numpy as np

from kerasos.seeds import derive_seed
from kerasos.suggest import check_choice


def choose_anchors(x, y, spec, max_anchors, bank, seed):
    """Row numbers of the anchors of each minority class.

    Args:
        x: Samples `(n, ...)`.
        y: Labels `(n,)`.
        spec: Their `DataSpec`.
        max_anchors: Largest number a class.
        bank: "random", or "kcenter": each next anchor is the point farthest from
            those chosen (Gonzalez 1985), in the user's units.
        seed: Integer.

    Returns:
        `{label: sorted integer array}`.
    """
    check_choice("bank", bank, ("random", "kcenter"))
    if max_anchors < 1:
        raise ValueError(
            f"`max_anchors` must be at least 1. Received: max_anchors={max_anchors}."
        )
    chosen = {}
    for label in spec.minority_labels:
        rows = np.flatnonzero(y == label)
        if len(rows) > max_anchors:
            source = np.random.default_rng(derive_seed(seed, "anchors", label))
            if bank == "random":
                rows = source.choice(rows, max_anchors, replace=False)
            else:
                first = int(source.integers(len(rows)))
                rows = rows[farthest_points(x[rows], max_anchors, first)]
        chosen[label] = np.sort(rows)
    return chosen


def farthest_points(points, count, first):
    """Indices of `count` points, each the farthest from those before it."""
    flat = points.reshape(len(points), -1)
    chosen = [first]
    distance = _distances(flat, flat[first])
    for _ in range(count - 1):
        # Below every distance, so that no row of duplicates is taken twice.
        distance[chosen[-1]] = -1.0
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, _distances(flat, flat[chosen[-1]]))
    return np.array(chosen)


def _distances(flat, point, chunk=8192):
    """Squared distances of every row to `point`, a chunk of rows at a time."""
    result = np.empty(len(flat), "float32")
    for start in range(0, len(flat), chunk):
        rows = flat[start : start + chunk].astype("float32")
        result[start : start + len(rows)] = np.square(rows - point).sum(axis=1)
    return result
