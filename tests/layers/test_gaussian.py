"""Mean and scale of a posterior, and draws from it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.layers.gaussian import (
    MeanAndLogVariance,
    MeanAndScale,
    reparameterize,
    scale_of,
)


def test_the_first_half_is_the_mean_and_the_second_the_scale():
    mean, scale = MeanAndScale()(tf.constant([[1.5, -2.0, 0.0, np.log(np.e - 1)]]))
    np.testing.assert_array_equal(mean, [[1.5, -2.0]])
    # softplus(0) = log 2, and softplus(log(e - 1)) = 1.
    np.testing.assert_allclose(scale, [[np.log(2) + 1e-6, 1 + 1e-6]], rtol=1e-6)


def test_the_scale_has_a_floor_in_half_precision_too():
    layer = MeanAndScale()
    _, scale = layer(tf.constant([[0.0, -1e4]]))
    assert float(scale[0, 0]) == pytest.approx(1e-6)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        _, scale = MeanAndScale()(tf.constant([[0.0, -1e4]], tf.float16))
    finally:
        keras.config.set_dtype_policy("float32")
    assert float(scale[0, 0]) == pytest.approx(1e-6)


def test_the_floor_is_part_of_the_config():
    layer = MeanAndScale(floor=0.5)
    copy = MeanAndScale.from_config(layer.get_config())
    np.testing.assert_allclose(copy(tf.constant([[0.0, -1e4]]))[1], [[0.5]])


def test_a_draw_has_the_moments_asked_for_and_their_gradients():
    mean, scale = tf.constant([[2.0]]), tf.constant([[0.5]])
    noise = np.random.default_rng(0).standard_normal((20_000, 1)).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch([mean, scale])
        draws = reparameterize(mean, scale, noise)
        total = tf.reduce_sum(draws)
    assert float(tf.reduce_mean(draws)) == pytest.approx(2.0, abs=0.02)
    assert float(tf.math.reduce_std(draws)) == pytest.approx(0.5, abs=0.01)
    by_mean, by_scale = tape.gradient(total, [mean, scale])
    assert float(by_mean[0, 0]) == pytest.approx(len(noise))
    assert float(by_scale[0, 0]) == pytest.approx(noise.sum(), rel=1e-3)


def test_a_log_variance_is_clipped_and_has_a_floor():
    outputs = tf.constant([[1.5, 0.0, -1e4, 2 * np.log(3.0)], [0, 0, 1e4, 0]])
    mean, scale = MeanAndLogVariance()(tf.cast(outputs, tf.float32))
    np.testing.assert_array_equal(mean, outputs[:, :2])
    # sqrt(1e-8 + exp(-50)) = 1e-4, and exp(log 9)^(1/2) = 3.
    expected = [[1e-4, 3.0], [np.exp(25.0), 1.0]]
    np.testing.assert_allclose(scale, expected, rtol=1e-5)
    copy = MeanAndLogVariance.from_config(MeanAndLogVariance(0.25).get_config())
    np.testing.assert_allclose(copy(tf.constant([[0.0, -1e4]]))[1], [[0.5]])


def test_the_gradient_of_a_log_variance_stays_finite():
    outputs = tf.constant([[0.0, -200.0], [0.0, -40.0], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        _, scale = MeanAndLogVariance()(outputs)
    gradient = tape.gradient(scale, outputs).numpy()[:, 1]
    assert np.all(np.isfinite(gradient))
    assert gradient[0] == 0.0 and gradient[2] == pytest.approx(0.5)


def test_the_scale_of_a_log_variance_is_bounded():
    values = [-1e9, -2.0, 0.0, np.log(9.0), 1e9]
    expected = [np.exp(-5.0), np.exp(-1.0), 1.0, 3.0, np.exp(5.0)]
    np.testing.assert_allclose(scale_of(tf.constant(values)), expected, rtol=1e-6)
    half = scale_of(tf.constant([20.0], tf.float16))
    assert half.dtype == tf.float32 and float(half[0]) == pytest.approx(np.exp(5.0))
