"""Random convex mixtures of several rows of a class.

    x_new = sum_j w_j x_(i_j),    i_1 .. i_k uniform in the class, with replacement,
                                  w ~ Dirichlet(a, .., a)

Any row of the convex hull of a class can come up, as in GAMO (Mullick et al., ICCV
2019), whose generator learns the weights. Nothing is learnt here. The mean is that of
the class, and the variance of every column its real one times

    E sum_j w_j^2 = (1 + a) / (1 + k a)
"""

import dataclasses

import numpy as np
from scipy import sparse

from kerasos.over_sampling.mixed_rows import mixed_rows
from kerasos.randomness.seeds import derive_seed


@dataclasses.dataclass
class Weighted:
    """New rows as weighted means.

    Attributes:
        rows: Integers `(m, points)`, the rows of the table that each is mixed of.
        weights: Float64 `(m, points)`, at least 0, with sums of 1.
        sources: `(m, num_categories)`, the heaviest of them, for every category.
    """

    rows: np.ndarray
    weights: np.ndarray
    sources: np.ndarray

    @property
    def heaviest(self):
        return self.rows[np.arange(len(self.rows)), self.weights.argmax(axis=1)]

    def part(self, rows):
        return Weighted(self.rows[rows], self.weights[rows], self.sources[rows])

    def values(self, numbers, paired):
        """See `Mixture`.

        A number is missing where the heaviest row lacks it; others that lack it leave
        their weight to the rest. Columns of two values come from the heaviest row.
        """
        if sparse.issparse(numbers):
            return self._sparse(numbers, paired)
        shape = (-1, *[1] * (numbers.ndim - 1))
        top = numbers[self.heaviest]
        lacking = np.isnan(top)
        low = high = np.where(lacking, 0, top)
        total = np.zeros_like(top)
        known = np.zeros_like(top)
        for place in range(self.rows.shape[1]):
            row = numbers[self.rows[:, place]]
            weight = self.weights[:, place].reshape(shape).astype(row.dtype)
            missing = np.isnan(row)
            if missing.any():
                row = np.where(missing, low, row)  # inside the bounds, of weight 0
                weight = np.where(missing, 0, weight)
            total += weight * row
            known += weight
            low, high = np.minimum(low, row), np.maximum(high, row)
        # Sums of weights are 1 up to rounding; the hull has hard ends.
        made = np.clip(total / np.maximum(known, np.finfo(known.dtype).tiny), low, high)
        made[lacking] = np.nan
        if paired.any():
            made[:, paired] = top[:, paired]
        return made

    def _sparse(self, numbers, paired):
        count, points = self.rows.shape
        ends = np.arange(0, count * points + 1, points)
        mixing = sparse.csr_array(
            (self.weights.ravel(), self.rows.ravel(), ends), (count, numbers.shape[0])
        )
        mixed = mixing @ numbers @ sparse.diags_array((~paired).astype(float))
        return mixed + numbers[self.heaviest] @ sparse.diags_array(paired.astype(float))


def convex(x, y, labels, points, concentration, seed):
    """Makes convex mixtures of rows of their class.

    Args:
        x, y, labels: As in `mixed_rows`.
        points: Integer k, rows in a mixture.
        concentration: a of the Dirichlet distribution of the weights, above 0.
        seed: Integer.

    Returns:
        `m` rows in the container and dtypes of `x`.

    Raises:
        As `mixed_rows`.
    """

    def draw(numbers, codes, y, labels, everything):
        del numbers, everything
        rows = np.empty((len(labels), points), "int64")
        weights = np.empty((len(labels), points))
        for label in np.unique(labels):
            own, new = np.flatnonzero(y == label), labels == label
            source = np.random.default_rng(derive_seed(seed, int(label)))
            size = (int(new.sum()), points)
            rows[new] = own[source.integers(len(own), size=size)]
            weights[new] = dirichlet(concentration, size, source)
        mixture = Weighted(rows, weights, np.empty((len(labels), 0), "int64"))
        heaviest = np.repeat(mixture.heaviest[:, None], codes.shape[1], axis=1)
        return dataclasses.replace(mixture, sources=heaviest)

    return mixed_rows(x, y, labels, draw)


def dirichlet(concentration, size, source):
    """Draws weights `(m, points)` of the symmetric Dirichlet distribution.

    Gammas over their sum, in logarithms: of a small concentration all of a row may be
    too small for a float. Gamma(a) is Gamma(a + 1) U^(1/a).
    """
    logs = np.log(source.standard_gamma(concentration + 1.0, size))
    logs += np.log1p(-source.random(size)) / concentration
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
