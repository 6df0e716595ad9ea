"""Losses of D's score; the score of logit log 3 is 3/4."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from kerasos.losses.adversarial import (
    cross_entropy_source_loss,
    least_squares_source_loss,
)

BOTH = [least_squares_source_loss, cross_entropy_source_loss]
LOGITS = np.log([3.0, 3.0, 1.0, 1 / 3]).astype("float32")
TARGETS = [0.95, 0.05, 1.0, 0.0]


def test_losses_equal_the_numbers_worked_by_hand():
    squares = least_squares_source_loss(LOGITS, TARGETS)
    np.testing.assert_allclose(squares, [0.04, 0.49, 0.25, 0.0625], rtol=2e-6)
    entropy = cross_entropy_source_loss(LOGITS, TARGETS)
    expected = [
        -0.95 * np.log(0.75) - 0.05 * np.log(0.25),
        -0.05 * np.log(0.75) - 0.95 * np.log(0.25),
        np.log(2.0),
        np.log(4 / 3),
    ]
    np.testing.assert_allclose(entropy, expected, rtol=2e-6)


@pytest.mark.parametrize("loss", BOTH)
def test_a_column_of_logits_gives_one_value_a_row(loss):
    column = loss(LOGITS[:, None], TARGETS)
    assert column.shape == (4,)
    np.testing.assert_array_equal(column, loss(LOGITS, TARGETS))


@pytest.mark.parametrize("loss", BOTH)
def test_a_scalar_target_serves_the_whole_batch(loss):
    # The generator's target: with 1 the entropy is -log D.
    values = loss(LOGITS[:, None], 1.0)
    np.testing.assert_array_equal(values, loss(LOGITS, [1.0] * 4))
    if loss is cross_entropy_source_loss:
        expected = -np.log(special.expit(LOGITS.astype("float64")))
        np.testing.assert_allclose(values, expected, rtol=2e-6)


@pytest.mark.parametrize("loss", BOTH)
def test_losses_equal_the_naive_formula_in_float64(loss):
    source = np.random.default_rng(0)
    logits = source.normal(scale=4.0, size=300).astype("float32")
    targets = source.uniform(size=300).astype("float32")
    p, s = special.expit(logits.astype("float64")), targets.astype("float64")
    expected = (p - s) ** 2
    if loss is cross_entropy_source_loss:
        expected = -s * np.log(p) - (1 - s) * np.log(1 - p)
    np.testing.assert_allclose(loss(logits, targets), expected, rtol=1e-5, atol=1e-6)


def test_extreme_logits_stay_finite():
    logits = tf.constant([1e4, -1e4, 1e4, -1e4])
    targets = [1.0, 1.0, 0.1, 0.1]
    squares = least_squares_source_loss(logits, targets)
    np.testing.assert_allclose(squares, [0.0, 1.0, 0.81, 0.01], rtol=1e-6)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        entropy = cross_entropy_source_loss(logits, targets)
    np.testing.assert_allclose(entropy, [0.0, 1e4, 9e3, 1e3], rtol=1e-6)
    # d/dlogit = p - s: the generator still learns when D is sure of a fake.
    expected = [0.0, -1.0, 0.9, -0.1]
    np.testing.assert_allclose(tape.gradient(entropy, logits), expected, atol=1e-6)


@pytest.mark.parametrize("loss", BOTH)
def test_half_precision_logits_are_computed_in_float32(loss):
    values = loss(tf.constant([[-11.0]], tf.float16), tf.constant([1.0], tf.float16))
    assert values.dtype == tf.float32
    assert float(values[0]) == pytest.approx(float(loss([-11.0], [1.0])[0]), rel=1e-6)
