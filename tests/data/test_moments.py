"""Class moments against NumPy's, whatever the parts."""

import numpy as np
import pytest

from kerasos.data.moments import ClassMoments


def make_rows(counts=(40, 7, 2), width=4, shift=0.0, seed=0):
    source = np.random.default_rng(seed)
    y = source.permutation(np.repeat(np.arange(len(counts)), counts))
    x = source.standard_normal((len(y), width)) * (1.0 + y[:, None]) + y[:, None]
    return x + shift, y


def moments_of(x, y, part, num_classes=3):
    moments = ClassMoments(num_classes, x.shape[1])
    for start in range(0, len(x), part):
        moments.update(x[start : start + part], y[start : start + part])
    return moments


@pytest.mark.parametrize("part", [1, 6, 49])
def test_parts_give_the_moments_of_the_whole(part):
    x, y = make_rows()
    moments = moments_of(x, y, part)
    np.testing.assert_array_equal(moments.counts, [40, 7, 2])
    covariances = moments.covariances()
    for label in range(3):
        rows = x[y == label]
        np.testing.assert_allclose(moments.means[label], rows.mean(axis=0))
        expected = np.cov(rows, rowvar=False)  # denominator n - 1
        np.testing.assert_allclose(covariances[label], expected, atol=1e-12)


def test_a_large_offset_cancels_nothing():
    x, y = make_rows()
    far = moments_of(x + 1e7, y, 5).covariances()
    np.testing.assert_allclose(far, moments_of(x, y, 5).covariances(), rtol=1e-6)


def test_shrinkage_goes_to_the_covariance_inside_classes():
    x, y = make_rows()
    moments = moments_of(x, y, 10)
    centred = np.concatenate([x[y == k] - x[y == k].mean(axis=0) for k in range(3)])
    pooled = centred.T @ centred / (len(x) - 3)
    for share in (0.0, 0.3, 1.0):
        expected = (1 - share) * moments.covariances() + share * pooled
        np.testing.assert_allclose(moments.covariances(share), expected, atol=1e-12)


def test_a_class_of_one_row_borrows_the_covariance_of_the_others():
    x, y = make_rows(counts=(30, 1, 9))
    moments = moments_of(x, y, 8)
    np.testing.assert_allclose(moments.means[1], x[y == 1][0])
    covariances = moments.covariances()
    assert np.all(np.isfinite(covariances))
    pooled = (29 * covariances[0] + 8 * covariances[2]) / 37
    np.testing.assert_allclose(covariances[1], pooled)


def test_a_class_without_rows_counts_none():
    x, y = make_rows(counts=(5, 6))
    moments = moments_of(x, y, 4)
    np.testing.assert_array_equal(moments.counts, [5, 6, 0])
    np.testing.assert_array_equal(moments.means[2], 0.0)


def test_single_rows_everywhere_give_no_spread():
    moments = moments_of(np.eye(3), np.arange(3), 2)
    np.testing.assert_array_equal(moments.covariances(), np.zeros((3, 3, 3)))
