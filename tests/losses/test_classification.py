"""Classifier losses against numbers worked by hand and naive float64 formulas."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, special

from kerasos.losses import classification

ALL = [
    classification.least_squares_loss,
    classification.cross_entropy_loss,
    classification.binary_cross_entropy_loss,
    classification.least_squares_complement_loss,
    classification.cross_entropy_complement_loss,
    classification.minimax_complement_loss,
]
COMPLEMENTS = [
    classification.least_squares_complement_loss,
    classification.cross_entropy_complement_loss,
]

# softmax(log 1, log 2, log 5) is (1, 2, 5) / 8.
LOGITS = np.log([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]])
ONE_HOT = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
BY_HAND = {
    # Distances to the label: (1, 2, -3) / 8 and (-7, 2, 5) / 8.
    "least_squares_loss": [14 / 192, 78 / 192],
    "cross_entropy_loss": [np.log(8 / 5), np.log(8)],
    "binary_cross_entropy_loss": [
        -np.log(5 / 8 * 7 / 8 * 6 / 8),
        -np.log(1 / 8 * 6 / 8 * 3 / 8),
    ],
    # Distances to (1, 1, 0) and (0, 1, 1): (7, 6, 5) / 8 and (1, 6, 3) / 8.
    "least_squares_complement_loss": [110 / 192, 46 / 192],
    "cross_entropy_complement_loss": [
        -(np.log(1 / 8) + np.log(2 / 8)) / 2,
        -(np.log(2 / 8) + np.log(5 / 8)) / 2,
    ],
    "minimax_complement_loss": [
        np.log(5 / 8 * 7 / 8 * 6 / 8),
        np.log(1 / 8 * 6 / 8 * 3 / 8),
    ],
}


def naive(name, logits, one_hot):
    """The formulas of the docstrings, literally, in float64."""
    m = special.softmax(np.asarray(logits, "float64"), axis=-1)
    y = np.asarray(one_hot, "float64")
    if name == "least_squares_loss":
        return np.mean((m - y) ** 2, axis=-1)
    if name == "cross_entropy_loss":
        return -np.sum(y * np.log(m), axis=-1)
    if name == "least_squares_complement_loss":
        return np.mean((m - (1 - y)) ** 2, axis=-1)
    if name == "cross_entropy_complement_loss":
        return -np.sum((1 - y) * np.log(m), axis=-1) / (y.shape[-1] - 1)
    minimax = np.sum(y * np.log(m) + (1 - y) * np.log(1 - m), axis=-1)
    return minimax if name == "minimax_complement_loss" else -minimax


def gradient(loss, logits, one_hot):
    logits = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(logits, tf.constant(one_hot, tf.float32))
    return tape.gradient(value, logits).numpy()


def one_hot_rows(labels, num_classes):
    return np.eye(num_classes, dtype="float32")[labels]


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.__name__)
def test_losses_equal_the_numbers_worked_by_hand(loss):
    values = loss(tf.constant(LOGITS, tf.float32), tf.constant(ONE_HOT, tf.float32))
    np.testing.assert_allclose(values, BY_HAND[loss.__name__], rtol=2e-6)


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_losses_equal_the_naive_formula_in_float64(loss, num_classes):
    source = np.random.default_rng(0)
    logits = source.normal(scale=3.0, size=(200, num_classes)).astype("float32")
    one_hot = one_hot_rows(source.integers(num_classes, size=200), num_classes)
    values = loss(logits, one_hot)
    assert values.shape == (200,) and values.dtype == tf.float32
    expected = naive(loss.__name__, logits, one_hot)
    np.testing.assert_allclose(values, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("scale", [50.0, 1e3, 1e6])
def test_extreme_logits_give_finite_values_and_gradients(loss, scale):
    # Every label meets every order of the logits (0, 1, -1) * scale, and a tie.
    logits = scale * np.array([[0, 1, -1], [1, 0, -1], [-1, 0, 1], [1, 1, -1]])
    for label in range(3):
        one_hot = one_hot_rows([label] * 4, 3)
        values = loss(tf.constant(logits, tf.float32), one_hot)
        assert np.all(np.isfinite(values))
        assert np.all(np.isfinite(gradient(loss, logits, one_hot)))


def test_extreme_logits_give_the_exact_asymptotes():
    logits, one_hot = [[1e4, 0.0, -1e4]], one_hot_rows([1], 3)
    value = {loss.__name__: float(loss(logits, one_hot)[0]) for loss in ALL}
    assert value["least_squares_loss"] == pytest.approx(2 / 3)
    assert value["cross_entropy_loss"] == pytest.approx(1e4)
    # -log m_1 = 1e4, -log(1 - m_0) = 1e4, -log(1 - m_2) = 0.
    assert value["binary_cross_entropy_loss"] == pytest.approx(2e4)
    assert value["minimax_complement_loss"] == pytest.approx(-2e4)
    assert value["least_squares_complement_loss"] == pytest.approx(1 / 3)
    # log m_0 = 0, log m_2 = -2e4, two others.
    assert value["cross_entropy_complement_loss"] == pytest.approx(1e4)


def test_log_one_minus_softmax_needs_no_cancellation():
    # 1 - m_0 = 2 e^-50 / (1 + 2 e^-50); 1 - softmax is 0 in float64 already.
    logits = tf.constant([[50.0, 0.0, 0.0], [-50.0, 0.0, 0.0]])
    values = classification.log_one_minus_softmax(logits).numpy()
    half = np.log(0.5)
    expected = [[np.log(2.0) - 50.0, 0.0, 0.0], [0.0, half, half]]
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6)


def test_log_one_minus_softmax_of_two_classes_is_the_other_log_softmax():
    logits = np.random.default_rng(1).normal(size=(5, 4, 2)).astype("float32")
    values = classification.log_one_minus_softmax(logits)
    expected = special.log_softmax(logits, axis=-1)[..., ::-1]
    np.testing.assert_allclose(values, expected, atol=2e-6)


@pytest.mark.parametrize(
    ("loss", "optimum"), list(zip(COMPLEMENTS, [0.7111, 2.1972], strict=True))
)
def test_optimum_of_the_ones_complement_for_ten_classes(loss, optimum):
    one_hot = np.eye(10)[3]
    found = optimize.minimize(
        lambda free: float(naive(loss.__name__, free, one_hot)),
        np.random.default_rng(0).normal(size=10),
        method="BFGS",
        options={"gtol": 1e-7},
    )
    assert found.fun == pytest.approx(optimum, abs=1e-4)
    # m_y = 0 and 1/9 elsewhere: there the value is reached and the gradient is 0.
    logits = np.where(one_hot, -30.0, 0.7)[None].astype("float32")
    value = float(loss(logits, one_hot[None])[0])
    assert value == pytest.approx(optimum, abs=5e-5)
    assert value <= found.fun + 1e-5
    assert np.abs(gradient(loss, logits, one_hot[None])).max() < 1e-7


@pytest.mark.parametrize("num_classes", [2, 3, 5, 10, 50])
def test_closed_forms_of_the_optima(num_classes):
    k = num_classes
    one_hot = one_hot_rows([k - 1], k)
    logits = np.where(one_hot, -40.0, 0.0)
    squares, entropy = (float(loss(logits, one_hot)[0]) for loss in COMPLEMENTS)
    assert squares == pytest.approx((k - 2) ** 2 / (k * (k - 1)), abs=1e-6)
    assert entropy == pytest.approx(np.log(k - 1), abs=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_logit_gradients_against_a_confident_classifier(k):
    """M is right with 1 - 10^-k: least squares and minimax vanish, CE does not."""
    rest = 10.0**-k
    probs = np.full(10, rest / 9)
    probs[0] = 1 - rest
    logits, one_hot = np.log(probs)[None], one_hot_rows([0], 10)
    norm = {
        loss.__name__: np.linalg.norm(gradient(loss, logits, one_hot)) for loss in ALL
    }
    assert 0.5 < norm["least_squares_complement_loss"] / (4 * 10.0 ** -(k + 1)) < 1.5
    assert 0.8 < norm["cross_entropy_complement_loss"] < 1.25
    assert 0.8 < norm["minimax_complement_loss"] / (2 * rest) < 1.25


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.__name__)
def test_half_precision_logits_are_computed_in_float32(loss):
    logits = tf.constant([[12.0, 0.0, -12.0]], tf.float16)
    values = loss(logits, tf.constant([[0.0, 1.0, 0.0]], tf.float16))
    assert values.dtype == tf.float32
    expected = naive(loss.__name__, [[12.0, 0.0, -12.0]], [[0.0, 1.0, 0.0]])
    np.testing.assert_allclose(values, expected, rtol=1e-5)
