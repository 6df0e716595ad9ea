"""The two terms of the bound, against integrals, SciPy and numbers by hand."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats

from kerasos.layers.gaussian import (
    bernoulli_loss,
    gaussian_loss,
    kl_to_standard_normal,
    squared_loss,
)


def test_divergence_equals_the_number_worked_by_hand():
    # 0.5 (1 + 4 - log 4 - 1) + 0.5 (0 + 1/4 + log 4 - 1)
    values = kl_to_standard_normal([[1.0, 0.0]], [[2.0, 0.5]])
    np.testing.assert_allclose(values, [0.5 * (4 + 0.25 - 1)], rtol=1e-6)


@pytest.mark.parametrize(("mean", "scale"), [(0.3, 0.2), (-1.5, 1.0), (0.0, 2.5)])
def test_divergence_equals_its_integral(mean, scale):
    q, p = stats.norm(mean, scale), stats.norm()
    expected, _ = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)),
        mean - 12 * scale,
        mean + 12 * scale,
    )
    value = kl_to_standard_normal([[mean]], [[scale]])
    assert float(value[0]) == pytest.approx(expected, rel=1e-5)


def test_divergence_is_zero_for_the_standard_normal_and_positive_elsewhere():
    assert float(kl_to_standard_normal(np.zeros((1, 62)), np.ones((1, 62)))[0]) == 0.0
    source = np.random.default_rng(0)
    near = 10.0 ** source.uniform(-4, 0.5, (2000, 3)) * source.choice(
        [-1, 1], (2000, 3)
    )
    means, scales = near[:, :1], np.exp(near[:, 1:2])
    both = kl_to_standard_normal(means, scales).numpy()
    mean_only = kl_to_standard_normal(means, np.ones_like(scales)).numpy()
    scale_only = kl_to_standard_normal(np.zeros_like(means), scales).numpy()
    assert np.all(both > 0) and np.all(mean_only > 0) and np.all(scale_only >= 0)
    away = np.abs(np.log(scales[:, 0])) > 1e-3
    assert np.all(scale_only[away] > 0)


def test_divergence_is_finite_at_the_floor_of_the_scale():
    scale = tf.constant([[1e-6]])
    with tf.GradientTape() as tape:
        tape.watch(scale)
        value = kl_to_standard_normal([[0.0]], scale)
    assert float(value[0]) == pytest.approx(-0.5 - np.log(1e-6), rel=1e-5)
    assert np.isfinite(tape.gradient(value, scale))


def test_bernoulli_equals_the_naive_formula_and_sums_over_pixels():
    source = np.random.default_rng(0)
    logits = source.normal(scale=2.0, size=(3, 4, 5, 2))
    x = source.uniform(size=(3, 4, 5, 2))
    p = special.expit(logits)
    terms = -x * np.log(p) - (1 - x) * np.log(1 - p)
    values = bernoulli_loss(logits.astype("float32"), x.astype("float32"))
    np.testing.assert_allclose(values, terms.sum(axis=(1, 2, 3)), rtol=1e-5)
    scipy_values = stats.bernoulli.logpmf(np.round(x), p).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(
        bernoulli_loss(logits.astype("float32"), np.round(x)), -scipy_values, rtol=1e-5
    )


@pytest.mark.parametrize("grey", [0.0, 1.0])
def test_black_and_white_images_give_finite_losses_and_gradients(grey):
    x = np.full((1, 28, 28, 1), grey, "float32")
    for logit in (-1e4, 0.0, 1e4):
        logits = tf.fill((1, 28, 28, 1), logit)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = bernoulli_loss(logits, x)
        sure = (logit > 0) == (grey == 1.0)
        expected = 784 * (np.log(2) if logit == 0 else 0.0 if sure else 1e4)
        assert float(value[0]) == pytest.approx(expected, rel=1e-6)
        assert np.all(np.isfinite(tape.gradient(value, logits)))


@pytest.mark.parametrize("log_variance", [-3.0, 0.0, 1.2])
def test_gaussian_equals_scipy_and_sums_over_features(log_variance):
    source = np.random.default_rng(0)
    mean, x = source.normal(size=(2, 5, 7)).astype("float32")
    scale = np.exp(0.5 * log_variance)
    expected = -stats.norm(mean, scale).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(
        gaussian_loss(mean, x, log_variance), expected, rtol=1e-5
    )


def test_the_best_variance_is_the_mean_squared_error():
    x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    best = np.log(np.mean(x**2))
    variance = tf.Variable(best)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(gaussian_loss(tf.zeros_like(x), x, variance))
    assert float(tape.gradient(loss, variance)) == pytest.approx(0.0, abs=1e-5)


def test_half_precision_is_summed_in_single():
    # 28 * 28 * 200 is more than half precision can hold.
    logits = tf.fill((1, 28, 28, 1), tf.constant(-200.0, tf.float16))
    value = bernoulli_loss(logits, tf.ones((1, 28, 28, 1), tf.float16))
    assert value.dtype == tf.float32 and float(value[0]) == 784 * 200.0


def test_squares_are_summed_over_an_image():
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype("float32")
    mean = np.random.default_rng(1).normal(size=x.shape).astype("float32")
    values = squared_loss(mean, x)
    np.testing.assert_allclose(values, 40 * np.mean((x - mean) ** 2, (1, 2, 3)), 1e-5)
    # A Gaussian of variance 1/2, but for log(pi) / 2 a pixel.
    gaussian = gaussian_loss(mean, x, np.log(0.5)) - 20 * np.log(np.pi)
    np.testing.assert_allclose(values, gaussian, rtol=1e-5)
