"""Class Gaussians: draws, full rank or not, and moments whatever the parts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import linalg

from kerasos.methods.bagan.class_gaussian import (
    ClassGaussian,
    ClassMoments,
    symmetric_root,
)

WIDTH = 5


def covariance(rank, seed=0):
    factor = np.random.default_rng(seed).standard_normal((WIDTH, rank))
    return factor @ factor.T


def make_layer():
    layer = ClassGaussian(2, WIDTH)
    means = np.arange(2 * WIDTH).reshape(2, WIDTH) / 4.0
    layer.set_moments(means, [covariance(WIDTH), covariance(2, seed=1)])
    return layer, means


def noise_of(rows, seed=0):
    source = np.random.default_rng(seed)
    return source.standard_normal((rows, WIDTH)).astype("float32")


def test_the_root_is_that_of_scipy():
    full = covariance(WIDTH)
    np.testing.assert_allclose(symmetric_root(full), linalg.sqrtm(full), atol=1e-10)


@pytest.mark.parametrize("rank", [0, 1, 3, WIDTH])
def test_the_root_squares_to_the_covariance_and_has_its_rank(rank):
    given = covariance(rank) if rank else np.zeros((WIDTH, WIDTH))
    root = symmetric_root(given)
    np.testing.assert_allclose(root @ root, given, atol=1e-12)
    np.testing.assert_allclose(root, root.T, atol=1e-15)
    assert np.linalg.matrix_rank(root) == rank


def test_negative_eigenvalues_of_rounding_become_zero():
    given = np.diag([1.0, -1e-9, 0.0])
    np.testing.assert_array_equal(symmetric_root(given), np.diag([1.0, 0.0, 0.0]))


def test_the_root_moves_little_when_the_covariance_does():
    # Eigenvectors of equal eigenvalues may turn at will, the root may not.
    given = np.diag([2.0, 2.0, 2.0, 1.0, 1.0])
    noise = 1e-9 * covariance(WIDTH)
    np.testing.assert_allclose(
        symmetric_root(given + noise), symmetric_root(given), atol=1e-7
    )


@pytest.mark.parametrize("label", [0, 1])
def test_draws_have_the_mean_and_the_covariance(label):
    layer, means = make_layer()
    draws = layer(noise_of(50_000), np.full(50_000, label)).numpy()
    expected = covariance(WIDTH) if label == 0 else covariance(2, seed=1)
    # Five standard errors of a mean and of a covariance of 50,000 draws.
    scale = 5 / np.sqrt(50_000)
    spread = np.sqrt(np.diag(expected))
    assert np.all(np.abs(draws.mean(axis=0) - means[label]) < scale * spread + 1e-6)
    error = np.abs(np.cov(draws, rowvar=False) - expected)
    assert np.all(error < scale * 1.5 * np.outer(spread, spread) + 1e-6)


def test_each_row_draws_from_its_own_class():
    layer, means = make_layer()
    labels = np.array([1, 0, 0, 1])
    noise = noise_of(4)
    draws = layer(noise, labels).numpy()
    for row, label in enumerate(labels):
        root = linalg.sqrtm(covariance(WIDTH) if label == 0 else covariance(2, seed=1))
        expected = means[label] + root.real @ noise[row]
        np.testing.assert_allclose(draws[row], expected, rtol=1e-4, atol=1e-4)


def test_before_it_is_set_noise_goes_through():
    noise = noise_of(3)
    np.testing.assert_array_equal(
        ClassGaussian(2, WIDTH)(noise, np.array([0, 1, 1])), noise
    )


def test_nothing_is_trained_and_the_config_makes_the_same_layer():
    layer, _ = make_layer()
    assert layer.trainable_variables == []
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]
    assert again.get_config() == layer.get_config()


def test_half_precision_leaves_the_draws_whole():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer, _ = make_layer()
        assert layer(noise_of(2), np.array([0, 1])).dtype == tf.float32
    finally:
        keras.config.set_dtype_policy("float32")


# Moments, against NumPy's.


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
