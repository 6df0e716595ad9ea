"""The paired test against its formula, and the agreement of rankings."""

import numpy as np
import pytest
from scipy import stats

from kerasos.evaluation import holm, paired_t_test, ranking_agreement


def test_paired_t_test_is_its_formula():
    scores, reference = [0.91, 0.88, 0.93, 0.90], [0.90, 0.85, 0.91, 0.86]
    d = np.array([0.01, 0.03, 0.02, 0.04])
    t = d.mean() / (d.std(ddof=1) / 2)
    test = paired_t_test(scores, reference)
    assert test.mean_difference == pytest.approx(0.025)
    assert test.statistic == pytest.approx(t)
    assert test.p_value == pytest.approx(2 * stats.t.sf(t, 3))
    assert test.degrees_of_freedom == 3
    assert test.significant() == (test.p_value < 0.05)
    back = paired_t_test(reference, scores)
    assert back.statistic == pytest.approx(-t)
    assert back.p_value == pytest.approx(test.p_value)


def test_equal_differences_have_no_spread():
    ahead = paired_t_test([0.9, 0.8, 0.3], [0.8, 0.7, 0.2])  # differ by rounding
    assert (ahead.statistic, ahead.p_value) == (np.inf, 0.0)
    assert ahead.significant()
    behind = paired_t_test([0.8, 0.7], [0.9, 0.8])
    assert (behind.statistic, behind.p_value) == (-np.inf, 0.0)
    same = paired_t_test([0.8, 0.7], [0.8, 0.7])
    assert (same.statistic, same.p_value, same.significant()) == (0.0, 1.0, False)
    assert paired_t_test([0.0, 0.0], [0.0, 0.0]).p_value == 1.0


@pytest.mark.parametrize(
    ("scores", "reference"),
    [([1.0], [2.0]), ([1.0, 2.0], [1.0]), ([1.0, np.nan], [1.0, 2.0])],
)
def test_bad_scores_are_refused(scores, reference):
    with pytest.raises(ValueError, match="Received: "):
        paired_t_test(scores, reference)


def test_ranking_agreement_counts_pairs():
    measured = {"a": 1, "b": 2, "c": 3, "d": 4, "only here": 9}
    # Of 6 pairs one, (c, d), is the other way round.
    tau, p = ranking_agreement(measured, {"d": 7, "c": 8, "b": 5, "a": 1, "x": 0})
    assert tau == pytest.approx((5 - 1) / 6)
    assert 0 < p < 1
    reverse = {name: -score for name, score in measured.items()}
    assert ranking_agreement(measured, reverse)[0] == pytest.approx(-1)
    with pytest.raises(ValueError, match="at least two methods"):
        ranking_agreement(measured, {"a": 1, "z": 2})


def test_the_corrected_test_is_its_formula():
    scores = [0.91, 0.88, 0.93, 0.90, 0.92, 0.89]
    reference = [0.90, 0.85, 0.91, 0.86, 0.91, 0.87]
    d = np.subtract(scores, reference)
    t = d.mean() / np.sqrt((1 / 6 + 1.0) * d.var(ddof=1))  # two folds, three times
    test = paired_t_test(scores, reference, test_ratio=1.0)
    assert test.statistic == pytest.approx(t)
    assert test.p_value == pytest.approx(2 * stats.t.sf(t, 5))
    plain = stats.ttest_rel(scores, reference)
    assert paired_t_test(scores, reference).p_value == pytest.approx(plain.pvalue)
    assert test.p_value > 10 * plain.pvalue
    with pytest.raises(ValueError, match="test_ratio"):
        paired_t_test(scores, reference, test_ratio=-0.1)


def test_the_corrected_test_holds_its_level_where_the_plain_one_does_not():
    """Two classifiers of one quality, differences that share half their variance."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(400, 1))
    differences = (rng.normal(size=(400, 10)) + shared) / np.sqrt(2)
    zero = np.zeros(10)
    plain = np.mean([paired_t_test(d, zero).significant() for d in differences])
    corrected = np.mean(
        [paired_t_test(d, zero, test_ratio=1.0).significant() for d in differences]
    )
    assert plain > 0.3 and corrected < 0.08


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.2]), [0.04, 0.09, 0.09, 0.2])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1.0, 1.0])
    np.testing.assert_allclose(holm([0.02]), [0.02])
    # Never smaller than one that came before it.
    np.testing.assert_allclose(holm([0.01, 0.011]), [0.02, 0.02])
    assert holm([]).shape == (0,)


def test_the_interval_is_that_of_the_test():
    """It ends at 0 where p is its level; without the ratio it is SciPy's."""
    rng = np.random.default_rng(0)
    scores, reference = rng.normal(0.8, 0.02, 10), rng.normal(0.79, 0.02, 10)
    plain = paired_t_test(scores, reference)
    expected = stats.ttest_rel(scores, reference).confidence_interval(0.95)
    np.testing.assert_allclose(plain.interval(), expected)
    corrected = paired_t_test(scores, reference, 0.25)
    low, high = corrected.interval(corrected.p_value)
    assert min(abs(low), abs(high)) == pytest.approx(0.0, abs=1e-12)
    assert paired_t_test([0.9, 0.8], [0.8, 0.7]).interval() == pytest.approx((0.1, 0.1))
