"""The Gaussian policy against SciPy, its clamp, and the buffer of samples."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kerasos.methods.activegan.networks import tanh_mlp
from kerasos.methods.activegan.policy import (
    GaussianPolicy,
    SampleBuffer,
    clamped,
    log_density,
)

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


# The buffer.


def push(buffer, first, number, keep=None):
    """Pushes samples that are numbered `first`, `first + 1`, ..."""
    numbers = np.arange(first, first + number, dtype="float32")
    buffer.push(
        keep,
        samples=tf.constant(np.tile(numbers[:, None], (1, 2)) / 255.0),
        latents=tf.constant(numbers[:, None]),
        labels=tf.constant(numbers.astype("int64")),
        rewards=tf.constant(numbers),
    )


def test_first_in_first_out():
    buffer = SampleBuffer(5, (2,), 1)
    assert len(buffer.contents()["labels"]) == 0
    push(buffer, 0, 3)
    np.testing.assert_array_equal(buffer.contents()["labels"], [0, 1, 2])
    np.testing.assert_array_equal(buffer.is_held(), [0, 0, 1, 1, 1])
    push(buffer, 3, 3)
    held = buffer.contents()
    for name in ("labels", "rewards"):
        np.testing.assert_array_equal(held[name], [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(held["latents"][:, 0], [1, 2, 3, 4, 5])
    np.testing.assert_allclose(held["samples"][:, 1] * 255, [1, 2, 3, 4, 5], rtol=1e-6)
    push(buffer, 10, 8)  # more than it holds
    np.testing.assert_array_equal(buffer.contents()["labels"], [13, 14, 15, 16, 17])
    push(buffer, 50, 2, keep=tf.constant(False))
    np.testing.assert_array_equal(buffer.contents()["labels"], [13, 14, 15, 16, 17])


@pytest.mark.parametrize("levels", [(0.0, 1.0), (-1.0, 1.0)])
def test_images_are_kept_as_bytes(levels):
    buffer = SampleBuffer(4, (2, 2, 1), 1, levels)
    assert buffer.samples.dtype == "uint8"
    images = np.random.default_rng(0).uniform(*levels, (4, 2, 2, 1)).astype("float32")
    zeros = tf.zeros((4,))
    buffer.push(
        samples=tf.constant(images),
        latents=zeros[:, None],
        labels=tf.cast(zeros, tf.int64),
        rewards=zeros,
    )
    step = (levels[1] - levels[0]) / 255
    np.testing.assert_allclose(
        buffer.contents()["samples"], images, atol=0.5 * step + 1e-6
    )


def test_draws_are_from_what_is_held():
    buffer = SampleBuffer(6, (2,), 1)
    push(buffer, 4, 3)
    uniform = tf.constant([0.0, 0.33, 0.34, 0.67, 0.999999])
    np.testing.assert_array_equal(buffer.rows(uniform)["labels"], [4, 4, 5, 6, 6])
    push(buffer, 7, 5)
    drawn = buffer.rows(tf.constant(np.linspace(0, 0.9999, 60), tf.float32))["labels"]
    np.testing.assert_array_equal(np.bincount(drawn)[6:], [10] * 6)
    rewards = np.array([9, 8, 7, 6, 5, 4], "float32")
    buffer.set_rewards(rewards)
    np.testing.assert_array_equal(buffer.contents()["rewards"], rewards)


def test_a_buffer_without_room_is_refused():
    with pytest.raises(ValueError, match="Invalid `size`"):
        SampleBuffer(0, (2,), 1)
