"""The buffer of generated samples: order, size, levels, draws."""

import numpy as np
import pytest
import tensorflow as tf

from kerasos.layers.sample_buffer import SampleBuffer


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
    with pytest.raises(ValueError, match="`size` must be at least 1"):
        SampleBuffer(0, (2,), 1)
