"""How well single dimensions of a representation stand for single factors.

References:
    Kim, Mnih. Disentangling by Factorising, ICML 2018, section 4.
    Locatello et al. Challenging Common Assumptions in the Unsupervised Learning of
    Disentangled Representations, ICML 2019 (the numbers of votes, and the bound below
    which a dimension counts as dead).
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasos.checks import check_count, check_number

_CHUNK_VALUES = 2**22  # numbers held at once


@dataclasses.dataclass(frozen=True)
class FactorVAEScore:
    """What `factor_vae_score` found.

    Attributes:
        score: Float in [0, 1], accuracy of the vote on new votes. 1 if each dimension
            moves with one factor alone; `chance` if none tells.
        chance: Float, 1 over the number of factors that vary.
        active: Dimensions that vary at all.
        votes: Integer array `(factors, dimensions)`: how often a dimension varied
            least while the factor was held. Rows of a factor that never varies are 0.
    """

    score: float
    chance: float
    active: tuple
    votes: np.ndarray


def factor_vae_score(
    encode: Callable[..., Any],
    x: ArrayLike,
    factors: ArrayLike,
    *,
    num_votes: int = 10_000,
    num_test_votes: int = 5_000,
    num_samples: int = 64,
    num_for_scale: int = 10_000,
    min_std: float = 0.05,
    seed: int = 0,
    batch_size: int = 512,
) -> "FactorVAEScore":
    """The FactorVAE score of a representation (Kim and Mnih).

    A vote holds one factor, drawn at random, at one random value and lets the others
    vary: of 64 such samples, the dimension whose variance over its variance in general
    is least votes for that factor. A majority vote, dimension to factor, is learned
    on 10,000 votes, and its accuracy on 5,000 new ones is the score.

    Args:
        encode: Function from samples `(n, ...)` to codes `(n, dimensions)`.
        x: Samples with known factors, a random draw of all combinations of values and
            at least some hundred of each value. Every sample is encoded once. Or a
            function from integers `(n, num_factors)` to samples, which are then made
            anew for each vote, 960,000 with the defaults.
        factors: Integers `(n, num_factors)`, the factors of `x`; for a function, the
            number of values of each factor, `(num_factors,)`.
        num_votes: Votes that the classifier is learned on.
        num_test_votes: Votes that it is judged on.
        num_samples: Samples behind a vote.
        num_for_scale: Samples behind the variances in general, at most (for arrays,
            all of them).
        min_std: Dimensions with a smaller standard deviation are dead and left out.
        seed: Integer.
        batch_size: Samples that are encoded at once.

    Returns:
        A `FactorVAEScore`. A factor with one value is never held. If all dimensions
        are dead, the score is 0.

    Raises:
        ValueError: If factors and samples do not fit, no factor varies, codes are no
            finite matrix, or a number is out of range.

    Example:

    >>> x, y, factors = kerasos.data.shapes(500, size=32)
    >>> factor_vae_score(lambda x: x.reshape(len(x), -1)[:, :9] / 255.0, x, factors)
    """
    check_count("num_votes", num_votes)
    check_count("num_test_votes", num_test_votes)
    check_count("num_samples", num_samples, 2)
    check_count("num_for_scale", num_for_scale, 2)
    check_count("batch_size", batch_size)
    check_number("min_std", min_std)
    rng = np.random.default_rng(seed)
    if callable(x):
        sizes = _check_sizes(factors)
        source = _Made(encode, x, sizes, num_samples, batch_size)
    else:
        factors = _check_factors(x, factors)
        sizes = [len(np.unique(column)) for column in factors.T]
        source = _Drawn(encode, x, factors, num_samples, batch_size)
    varied = np.flatnonzero(np.array(sizes) > 1)
    if not len(varied):
        raise ValueError(
            "A factor must vary to be found. Received: factors with numbers of values "
            f"{list(sizes)}. Give samples with different factors."
        )
    variance = source.codes(num_for_scale, rng).var(axis=0, ddof=1)
    active = np.flatnonzero(np.sqrt(variance) >= min_std)
    votes = np.zeros((len(sizes), len(variance)), "int64")
    result: dict[str, Any] = {
        "chance": 1.0 / len(varied),
        "active": tuple(active.tolist()),
    }
    if not len(active):
        return FactorVAEScore(0.0, votes=votes, **result)

    def vote(count):
        held = rng.choice(varied, count)
        spread = source.variances(held, rng)[:, active] / variance[active]
        return held, active[spread.argmin(axis=1)]

    held, dimension = vote(num_votes)
    np.add.at(votes, (held, dimension), 1)
    held, dimension = vote(num_test_votes)
    score = float(np.mean(votes.argmax(axis=0)[dimension] == held))
    return FactorVAEScore(score, votes=votes, **result)


class _Drawn:
    """Votes among samples that are there, encoded once."""

    def __init__(self, encode, x, factors, num_samples, batch_size):
        self.all_codes = _encoded(encode, _parts(x, batch_size))
        self.num_samples = num_samples
        # For each factor the rows in the order of its value, and where values begin.
        self.orders, self.starts, self.counts = [], [], []
        for column in factors.T:
            _, counts = np.unique(column, return_counts=True)
            self.orders.append(np.argsort(column, kind="stable"))
            self.counts.append(counts)
            self.starts.append(np.cumsum(counts) - counts)

    def codes(self, count, rng):
        del count, rng
        return self.all_codes

    def variances(self, held, rng):
        """Variance of each dimension in each vote, `(votes, dimensions)`."""
        rows = np.empty((len(held), self.num_samples), "int64")
        for factor in np.unique(held):
            votes = np.flatnonzero(held == factor)
            value = rng.integers(len(self.counts[factor]), size=len(votes))
            place = rng.random((len(votes), self.num_samples))
            place = (place * self.counts[factor][value][:, None]).astype("int64")
            rows[votes] = self.orders[factor][
                self.starts[factor][value][:, None] + place
            ]
        dimensions = self.all_codes.shape[1]
        chunk = max(1, _CHUNK_VALUES // (self.num_samples * dimensions))
        return np.concatenate(
            [self.all_codes[part].var(axis=1, ddof=1) for part in _parts(rows, chunk)]
        )


class _Made:
    """Votes among samples that are made for them."""

    def __init__(self, encode, make, sizes, num_samples, batch_size):
        self.encode, self.make, self.sizes = encode, make, sizes
        self.num_samples, self.batch_size = num_samples, batch_size

    def codes(self, count, rng):
        return self._codes_of(rng.integers(self.sizes, size=(count, len(self.sizes))))

    def variances(self, held, rng):
        found = []
        chunk = max(1, self.batch_size // self.num_samples)
        for part in _parts(held, chunk):
            shape = (len(part), self.num_samples, len(self.sizes))
            factors = rng.integers(self.sizes, size=shape)
            votes = np.arange(len(part))
            # All samples of a vote share what its first one has.
            factors[votes, :, part] = factors[votes, :1, part]
            codes = self._codes_of(factors.reshape(-1, shape[-1]))
            codes = codes.reshape(*shape[:2], -1)
            found.append(codes.var(axis=1, ddof=1))
        return np.concatenate(found)

    def _codes_of(self, factors):
        parts = _parts(factors, self.batch_size)
        return _encoded(lambda part: self.encode(self.make(part)), parts)


def _parts(x, size):
    from sklearn.utils import gen_batches

    return (x[part] for part in gen_batches(len(x), size))


def _encoded(encode, parts):
    return np.concatenate([_check_codes(encode(part), len(part)) for part in parts])


def _check_codes(codes, count):
    codes = np.asarray(codes, "float64")
    if codes.ndim != 2 or len(codes) != count or not np.isfinite(codes).all():
        raise ValueError(
            "`encode` must give one row of finite numbers for each sample. Expected "
            f"{count} rows. Received: shape {codes.shape}, of which "
            f"{int(np.sum(~np.isfinite(codes)))} numbers are not finite."
        )
    return codes


def _check_factors(x, factors):
    factors = np.asarray(factors)
    if factors.ndim != 2 or factors.dtype.kind not in "iu" or len(factors) != len(x):
        raise ValueError(
            "`factors` must be integers (n, num_factors), one row a sample. Received: "
            f"shape {factors.shape}, dtype {factors.dtype}, for {len(x)} samples."
        )
    if len(x) < 2:
        raise ValueError(
            f"A variance needs samples. Expected two at least. Received: {len(x)}."
        )
    return factors


def _check_sizes(sizes):
    sizes = np.asarray(sizes)
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or np.any(sizes < 1):
        raise ValueError(
            "Where `x` is a function, `factors` must be the number of values of each "
            f"factor, positive integers. Received: {sizes.tolist()}."
        )
    return sizes
