"""The Gaussian policy: its density against SciPy, and its clamp."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kerasos.layers.gaussian_policy import GaussianPolicy, clamped, log_density
from kerasos.networks.activegan import tanh_mlp

SOURCE = np.random.default_rng(0)


def rows(n, width):
    return SOURCE.standard_normal((n, width)).astype("float32")


@pytest.mark.parametrize("adaptive", [False, True])
def test_the_density_is_scipys_per_dimension(adaptive):
    network = tanh_mlp(6, 8 if adaptive else 4, 0, "policy", (5,))
    policy = GaussianPolicy(network, adaptive)
    if not adaptive:
        policy.raw_log_std.assign([-1.0, 0.0, 0.5, 1.5])
    x, actions = rows(7, 6), rows(7, 4)
    mean, log_std = (part.numpy() for part in policy(x))
    expected = stats.norm.logpdf(actions, mean, np.exp(log_std)).mean(axis=1)
    np.testing.assert_allclose(policy.log_density(actions, x), expected, rtol=1e-5)
    assert mean.shape == (7, 4)
    assert log_std.shape == ((7, 4) if adaptive else (4,))


def test_a_density_of_many_dimensions_stays_finite():
    """-720 nats at 784 dimensions: the density itself is 0 in float32."""
    zeros = tf.zeros((2, 784))
    found = log_density(zeros, tf.zeros(784), tf.zeros(784))
    np.testing.assert_allclose(found, -0.5 * np.log(2 * np.pi), rtol=1e-5)


def test_the_clamp_holds_and_lets_back_in():
    value = tf.constant([-9.0, -9.0, 0.0, 7.0, 7.0])
    # Descent goes against the gradient: a positive one lowers the value.
    upstream = tf.constant([1.0, -1.0, 1.0, -1.0, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(value)
        clipped = clamped(value, -5.0, 2.0)
        loss = tf.reduce_sum(upstream * clipped)
    np.testing.assert_array_equal(clipped, [-5.0, -5.0, 0.0, 2.0, 2.0])
    np.testing.assert_array_equal(tape.gradient(loss, value), [0, -1, 1, 0, 1])


def test_the_clamp_bounds_what_training_can_reach():
    policy = GaussianPolicy(tanh_mlp(3, 2, 0, "policy", (4,)))
    optimizer = keras.optimizers.SGD(1.0)
    variables = [policy.raw_log_std]
    x = rows(5, 3)
    for _ in range(20):
        with tf.GradientTape() as tape:
            mean, log_std = policy(x)
            # Actions that are predicted without error.
            loss = -tf.reduce_mean(log_density(tf.stop_gradient(mean), mean, log_std))
        optimizer.apply(tape.gradient(loss, variables), variables)
    np.testing.assert_array_equal(policy(x)[1], [-5.0, -5.0])
    best = 5.0 - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(policy.log_density(policy(x)[0], x), best, rtol=1e-5)


def test_it_comes_back_from_its_config():
    policy = GaussianPolicy(tanh_mlp(3, 4, 0, "policy", (4,)), adaptive_std=True)
    again = GaussianPolicy.from_config(policy.get_config())
    assert again.adaptive_std and again.width == 2
    again.set_weights(policy.get_weights())
    x, actions = rows(5, 3), rows(5, 2)
    np.testing.assert_array_equal(
        again.log_density(actions, x), policy.log_density(actions, x)
    )
