import numpy as np
import pytest
import tensorflow as tf

from kerasos.losses.mmd import SCALES, class_mmd, imq_mmd, moments_loss

LABELS = np.array([0] * 9 + [1] * 3 + [2] * 6 + [4])
ONE_HOT = np.eye(5, dtype="float32")[LABELS]


def by_loops(a, b, scales=SCALES, sigma2=1.0):
    """The definition, pair by pair, in float64."""

    def k(u, v):
        base = 2 * len(u) * sigma2
        return sum(base * s / (base * s + np.sum((u - v) ** 2)) for s in scales)

    def within(x):
        pairs = [k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]
        return np.mean(pairs)

    return within(a) + within(b) - 2 * np.mean([[k(u, v) for v in b] for u in a])


def samples(*shape, seed=0, shift=0.0):
    source = np.random.default_rng(seed)
    return (source.standard_normal(shape) + shift).astype("float32")


@pytest.mark.parametrize("options", [{}, {"scales": (0.5, 3.0), "sigma2": 2.0}])
def test_mmd_is_its_definition(options):
    a, b = samples(5, 3), samples(7, 3, seed=1, shift=0.5)
    expected = by_loops(a.astype("float64"), b.astype("float64"), **options)
    assert float(imq_mmd(a, b, **options)) == pytest.approx(expected, rel=1e-4)


def test_mmd_by_hand():
    # One dimension, one scale: C = 2, k(0, 1) = 2/3, k(0, 2) = 1/3, k(1, 2) = 2/3.
    a, b = [[0.0], [1.0]], [[2.0], [2.0]]
    expected = 2 / 3 + 1.0 - 2 * (1 / 3 + 2 / 3) / 2
    assert float(imq_mmd(a, b, scales=(1.0,))) == pytest.approx(expected, rel=1e-6)


def test_mmd_of_one_distribution_is_zero_on_average_and_of_two_is_not():
    a, b = samples(300, 20, 4), samples(300, 20, 4, seed=1)
    alike = imq_mmd(a, b).numpy()
    assert alike.shape == (300,)
    error = alike.std() / np.sqrt(300)
    assert abs(alike.mean()) < 3 * error
    assert alike.min() < 0 < alike.max()
    assert imq_mmd(a, b + 1.0).numpy().mean() > 50 * error


def test_leading_axes_are_separate_problems():
    a, b = samples(2, 3, 6, 4), samples(2, 3, 5, 4, seed=1)
    whole = imq_mmd(a, b).numpy()
    assert whole.shape == (2, 3)
    for i in np.ndindex(2, 3):
        assert whole[i] == pytest.approx(float(imq_mmd(a[i], b[i])), abs=1e-5)


def test_one_row_and_half_precision_give_a_finite_float32():
    value = imq_mmd(tf.zeros((1, 3), tf.float16), tf.ones((1, 3), tf.float16))
    assert value.dtype == tf.float32
    base = 6.0
    expected = -2 * sum(base * s / (base * s + 3.0) for s in SCALES)
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_mmd_pulls_a_sample_towards_the_other():
    a, b = tf.constant(samples(30, 2, shift=2.0)), tf.constant(samples(30, 2, seed=1))
    with tf.GradientTape() as tape:
        tape.watch(a)
        loss = imq_mmd(a, b)
    gradient = tape.gradient(loss, a)
    assert np.all(gradient.numpy().mean(axis=0) > 0)
    assert float(imq_mmd(a - gradient, b)) < float(loss)


def test_moments_loss_by_numpy():
    z = samples(40, 3, shift=0.7).astype("float64")
    covariance = np.cov(z, rowvar=False)
    expected = np.mean(z.mean(axis=0) ** 2) + np.mean((covariance - np.eye(3)) ** 2)
    assert float(moments_loss(z)) == pytest.approx(expected, rel=1e-5)
    # Two points at +-sqrt(1/2) have mean 0 and variance 1.
    points = np.array([[0.5**0.5], [-(0.5**0.5)]])
    assert float(moments_loss(points)) == pytest.approx(0.0, abs=1e-12)


# Class by class.


@pytest.mark.parametrize(("least", "counted"), [(2, (0, 1, 2)), (4, (0, 2)), (8, (0,))])
def test_it_is_the_mean_of_the_discrepancies_of_large_enough_classes(least, counted):
    latents, prior = samples(len(LABELS), 3) + LABELS[:, None], samples(12, 3, seed=1)
    expected = np.mean([float(imq_mmd(latents[LABELS == k], prior)) for k in counted])
    found = class_mmd(latents, prior, ONE_HOT, least)
    assert found.dtype == tf.float32
    assert float(found) == pytest.approx(expected, rel=1e-4)
    options = {"scales": (0.5, 2.0), "sigma2": 3.0}
    expected = [float(imq_mmd(latents[LABELS == k], prior, **options)) for k in counted]
    found = float(class_mmd(latents, prior, ONE_HOT, least, **options))
    assert found == pytest.approx(np.mean(expected), rel=1e-4)


def test_without_a_large_class_it_is_zero_with_a_zero_gradient():
    latents = tf.constant(samples(len(LABELS), 3))
    with tf.GradientTape() as tape:
        tape.watch(latents)
        value = class_mmd(latents, samples(8, 3, seed=1), ONE_HOT, least=10)
    assert float(value) == 0.0
    np.testing.assert_array_equal(tape.gradient(value, latents), 0.0)


def test_it_sees_classes_apart_where_all_together_are_the_prior():
    latents, prior = samples(400, 2), samples(400, 2, seed=1)
    halves = np.eye(2, dtype="float32")[(latents[:, 0] > 0).astype(int)]
    mixed = np.eye(2, dtype="float32")[np.arange(400) % 2]
    pooled = abs(float(imq_mmd(latents, prior)))
    assert pooled < 0.05
    assert abs(float(class_mmd(latents, prior, mixed))) < 0.05
    assert float(class_mmd(latents, prior, halves)) > 0.3
