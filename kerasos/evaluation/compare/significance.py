"""Whether one method beats another, and whether two rankings agree."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class PairedTest(NamedTuple):
    """Result of `paired_t_test`: mean difference, t, p, degrees of freedom, error."""

    mean_difference: float
    statistic: float
    p_value: float
    degrees_of_freedom: int
    standard_error: float = 0.0

    def interval(self, level=0.05):
        """Returns `(low, high)`, which hold the true difference in 1 - `level`."""
        from scipy import stats

        quantile = stats.t.ppf(1.0 - level / 2.0, self.degrees_of_freedom)
        half = float(quantile) * self.standard_error
        return self.mean_difference - half, self.mean_difference + half

    def significant(self, level=0.05):
        """Whether p is below `level`; 0.05 is 95 % as in He et al. (IJCAI 2021)."""
        return self.p_value < level


def paired_t_test(
    scores: ArrayLike, reference: ArrayLike, test_ratio: float = 0.0
) -> Any:
    """Two-sided paired t-test over repeats that share data and seeds.

        d_r = scores_r - reference_r
        t = mean(d) / (sd(d) sqrt(1 / R + test_ratio)),    R - 1 degrees of freedom

    `test_ratio=0` is the ordinary test. Folds of one cross-validation share training
    rows, so their scores are no independent repeats, and it finds differences where
    there are none; with `test_ratio = n_test / n_train` the variance is corrected for
    that (Nadeau and Bengio, eq. 9 with their estimate of the correlation).

    If all differences are equal (up to rounding), p is 0, or 1 if they are 0 (ours:
    t has no value then). Repeats that share test images are not independent, so do
    not read much into a p close to the level.

    Args:
        scores: Floats `(R,)`, one score a repeat, R at least 2.
        reference: Floats `(R,)`, those of the other method, in the same order.
        test_ratio: Float, at least 0: test rows over training rows of a fold; 1 for
            two folds, 0.25 for five. Default 0: the repeats are independent.

    Returns:
        A `PairedTest`; t is 0 or infinite if all differences are equal.

    Raises:
        ValueError: If the scores are not two finite vectors of one length of 2 or
            more, or `test_ratio` is negative.

    Reference:
        Nadeau, Bengio. Inference for the Generalization Error, Machine Learning 2003.
        He, Lin, Yuan, Tzeng, Interpretable Minority Synthesis for Imbalanced
        Classification, IJCAI 2021 (table 1).

    Example:

    >>> paired_t_test([0.9, 0.8, 0.9], [0.8, 0.7, 0.8]).p_value
    0.0
    """
    scores, reference = np.asarray(scores, float), np.asarray(reference, float)
    if scores.shape != reference.shape or scores.ndim != 1 or len(scores) < 2:
        raise ValueError(
            "`scores` and `reference` must have one entry for each of at least two "
            f"repeats. Received: shapes {scores.shape} and {reference.shape}."
        )
    if not (np.isfinite(scores).all() and np.isfinite(reference).all()):
        raise ValueError(
            "Scores must be finite. Received: NaN or infinity. Leave such repeats "
            "out of both."
        )
    if not test_ratio >= 0:
        raise ValueError(
            "`test_ratio` must be test rows over training rows, at least 0. Received: "
            f"{test_ratio!r}."
        )
    differences = scores - reference
    mean, df = float(differences.mean()), len(differences) - 1
    rounding = 1e-12 * max(np.abs(scores).max(), np.abs(reference).max())
    if np.ptp(differences) <= rounding:
        if abs(mean) <= rounding:
            return PairedTest(0.0, 0.0, 1.0, df)
        return PairedTest(mean, float(np.copysign(np.inf, mean)), 0.0, df)
    from scipy import stats

    error = differences.std(ddof=1) * np.sqrt(1.0 / len(differences) + test_ratio)
    statistic = float(mean / error)
    p_value = float(2 * stats.t.sf(abs(statistic), df))
    return PairedTest(mean, statistic, p_value, df, float(error))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Returns p-values that hold for several tests at once (Holm's procedure).

        p'_(i) = max_{j <= i} min(1, (m - j + 1) p_(j)),    p_(1) <= ... <= p_(m)

    Args:
        p_values: Floats in [0, 1].

    Returns:
        Float array in the order given.

    Reference:
        Holm. A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian
        Journal of Statistics 1979.

    Example:

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p_values = np.asarray(p_values, "float64")
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(p_values[order] * factors)
    return np.minimum(adjusted, 1.0)


def ranking_agreement(
    scores: Mapping[str, float], reference: Mapping[str, float]
) -> Any:
    """Kendall's tau-b between two rankings of the same methods.

    1 is the same order, -1 the reverse, near 0 no relation. Ties are allowed.

    Args:
        scores: Dict of method name to score.
        reference: Dict of method name to score, e.g. the published one. Methods
            that only one of them has are left out.

    Returns:
        `(tau, p_value)`; tau is NaN if all scores of one side are equal.

    Raises:
        ValueError: If fewer than two methods are in both.

    Reference:
        Kendall, The treatment of ties in ranking problems, Biometrika 1945.

    Example:

    >>> measured = {"none": 0.87, "smote": 0.88, "gamo": 0.90}
    >>> ranking_agreement(measured, {"gamo": 0.91, "smote": 0.89, "none": 0.88})[0]
    1.0
    """
    from scipy import stats

    common = [name for name in scores if name in reference]
    if len(common) < 2:
        raise ValueError(
            "A ranking needs at least two methods. Received in both: "
            f"{common}, of {list(scores)} and {list(reference)}."
        )
    test = stats.kendalltau(
        [scores[name] for name in common], [reference[name] for name in common]
    )
    return float(test.statistic), float(test.pvalue)
