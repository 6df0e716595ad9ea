"""SMOTE on the columns of a table as they are, and on images.

Chawla, Bowyer, Hall, Kegelmeyer, JAIR 2002; sections 4.2 (SMOTE), 6.1 (SMOTE-NC,
numbers beside categories) and 6.2 (SMOTE-N, categories only). Neighbours, draws
and numbers are those of imbalanced-learn's `SMOTE`, `SMOTENC`, `SMOTEN`. Own code, as
these take no missing value and no class of `k` rows or fewer, cut the decimals off
integers, and hold `k` one-hot rows for each new one, or all distances of a class, at
once.
"""

import dataclasses

import numpy as np
from imblearn.metrics.pairwise import ValueDifferenceMetric
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import gen_batches

from kerasos.over_sampling.mixed_rows import CHUNK_FLOATS, mixed_rows
from kerasos.randomness.seeds import derive_seed

_LARGEST = 1e150  # whose square, times a number of columns, is finite


@dataclasses.dataclass
class Parents:
    """New rows by what they come from: row numbers of the table, `(m,)` each.

    Attributes:
        base, other: A row, and the neighbour of it that was drawn.
        step: Float, uniform in [0, 1), the new row's way from `base` to `other`.
        sources: `(m, num_categories)`, the row that each category is taken from.
    """

    base: np.ndarray
    other: np.ndarray
    step: np.ndarray
    sources: np.ndarray

    @property
    def nearer(self):
        """The one of the two parents that the new row is nearer to."""
        return np.where(self.step < 0.5, self.base, self.other)

    def part(self, rows):
        """Returns those of some of the new rows."""
        return Parents(
            self.base[rows], self.other[rows], self.step[rows], self.sources[rows]
        )

    def values(self, numbers, paired):
        """See `Mixture`: `base + step (other - base)`."""
        del paired  # between two rows they come from the nearer one, rounded
        return between(numbers, self)


def smote(x, y, labels, neighbours, seed):
    """Makes rows between neighbours of their class.

    Args:
        x, y, labels: As in `mixed_rows`.
        neighbours: `{label: k}`, neighbours of a row of that class, less than its rows.
        seed: Integer.

    Returns:
        `m` rows in the container and dtypes of `x`.

    Raises:
        As `mixed_rows`.
    """

    def draw(numbers, codes, y, labels, everything):
        metric = None
        if not numbers.shape[1]:  # the metric is about categories in all classes
            all_codes, all_y = everything()
            metric = ValueDifferenceMetric(n_categories=all_codes.max(axis=0) + 2)
            metric.fit(all_codes + 1, all_y)
        return _all_parents(numbers, codes, y, labels, neighbours, seed, metric)

    return mixed_rows(x, y, labels, draw)


def _all_parents(numbers, codes, y, labels, neighbours, seed, metric=None):
    """Returns the `Parents` of all new rows, class by class."""
    found = []
    for label in np.unique(labels):
        own = np.flatnonzero(y == label)
        first, end = np.searchsorted(labels, [label, label + 1])
        if metric is None:
            known = filled(measurable(numbers[own]))
            near = nearest(with_categories(known, codes[own]), neighbours[label])
        else:
            near = nearest_by_value(codes[own] + 1, metric, neighbours[label])
        parents = draw_parents(
            near,
            codes[own],
            end - first,
            derive_seed(seed, int(first)),
            with_itself=metric is not None,
        )
        parts = (parents.base, parents.other, parents.sources)
        base, other, sources = (own[part] for part in parts)
        found.append(Parents(base, other, parents.step, sources))
    return Parents(
        *(
            np.concatenate([getattr(parents, field.name) for parents in found])
            for field in dataclasses.fields(Parents)
        )
    )


def draw_parents(neighbours, codes, count, seed, with_itself=False):
    """Draws parents among the rows of one class.

    Args:
        neighbours: `(n, k)`, for each row the numbers of its neighbours.
        codes: Integers `(n, num_categories)`, -1 for a missing value.
        count: Integer, rows to make.
        seed: Integer.
        with_itself: Whether a row counts among its neighbours in the majority.

    Returns:
        `Parents`. A category is missing where it is in the nearer parent; else it
        comes from a neighbour that holds the most frequent one, ties at random.
    """
    n, k = neighbours.shape
    rng = np.random.RandomState(seed)
    drawn, step = rng.randint(0, n * k, count), rng.uniform(size=count)
    base = drawn // k
    found = Parents(base, neighbours[base, drawn % k], step, None)
    around = neighbours[base]
    if with_itself:
        around = np.column_stack([base, around])
    found.sources = np.empty((count, codes.shape[1]), "int64")
    for column in range(codes.shape[1]):
        near = codes[around, column]
        votes = (near[:, :, None] == near[:, None, :]).sum(axis=2) * (near >= 0)
        choice = (votes + rng.uniform(size=votes.shape)).argmax(axis=1)
        source = around[np.arange(count), choice]
        nearer = found.nearer
        missing = (codes[nearer, column] < 0) | (codes[source, column] < 0)
        found.sources[:, column] = np.where(missing, nearer, source)
    return found


def nearest(points, k):
    """Returns `(n, k)`, the numbers of the nearest other rows; itself for k = 0."""
    if not k:
        return np.zeros((1, 1), "int64")
    if not sparse.issparse(points):
        points = points.reshape(len(points), -1)
    return NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)


def nearest_by_value(codes, metric, k):
    """As `nearest`, by the value difference metric between rows of categories."""
    if not k:
        return np.zeros((1, 1), "int64")
    found = np.empty((len(codes), k), "int64")
    for rows in gen_batches(len(codes), max(1, CHUNK_FLOATS // len(codes))):
        distances = metric.pairwise(codes[rows], codes)
        own = np.arange(rows.start, rows.stop)
        distances[own - rows.start, own] = np.inf
        found[rows] = distances.argpartition(k - 1)[:, :k]
    return found


def with_categories(numbers, codes):
    """Returns rows whose distances count categories, too, as SMOTE-NC has them.

    Two rows of unlike categories are as far apart in them as the median of the numbers'
    standard deviations.
    """
    if not codes.shape[1]:
        return numbers
    scale = np.median(numbers.std(axis=0))
    one_hot = OneHotEncoder(dtype="float64").fit_transform(codes)
    return sparse.hstack([numbers, one_hot * (scale / np.sqrt(2))], format="csr")


def measurable(numbers):
    """Returns numbers whose distances are finite: too large ones in another unit."""
    values = numbers.data if sparse.issparse(numbers) else numbers
    largest = float(np.fmax.reduce(np.abs(values), axis=None, initial=0.0))
    return numbers / largest if largest > _LARGEST else numbers


def filled(numbers):
    """Returns numbers with a column's mean where one is missing, for distances."""
    if sparse.issparse(numbers) or not np.isnan(numbers).any():
        return numbers
    missing = np.isnan(numbers)
    known = np.maximum((~missing).sum(axis=0), 1)
    return np.where(
        missing, np.where(missing, 0.0, numbers).sum(axis=0) / known, numbers
    )


def between(numbers, parents):
    """Returns the numbers of new rows: `base + step (other - base)`.

    A number is missing where it is in the nearer parent; where only the other parent
    lacks it, it is that of the nearer one.
    """
    base, other = numbers[parents.base], numbers[parents.other]
    if sparse.issparse(numbers):
        return base + sparse.diags_array(parents.step) @ (other - base)
    step = parents.step.reshape(-1, *[1] * (numbers.ndim - 1))
    lack_base, lack_other = np.isnan(base), np.isnan(other)
    if not lack_base.any() and not lack_other.any():
        return base + step * (other - base)
    start = np.where(lack_base, other, base)
    made = start + step * (np.where(lack_other, base, other) - start)
    made[np.where(step < 0.5, lack_base, lack_other)] = np.nan
    return made
