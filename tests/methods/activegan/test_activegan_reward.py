"""Rewards of uncertain samples by hand, and the classifiers against scikit-learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from kerasos.methods.activegan.reward import (
    EstimatorProbabilities,
    SupportVectorProbabilities,
    entropy,
    margin,
    running_baseline,
    uncertainty_reward,
)
from kerasos.methods.activegan.svm import calibrated_svm, support_arrays

SURE = [[1.0, 0.0, 0.0]]
UNIFORM = [[1 / 3, 1 / 3, 1 / 3]]
X, Y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")


@pytest.mark.parametrize(
    ("probs", "of_margin", "of_entropy"),
    [(SURE, 0.0, 1.0), (UNIFORM, 1.0, 3.0), ([[0.5, 0.0, 0.5]], 1.0, 2.0)],
)
def test_rewards_at_the_corners(probs, of_margin, of_entropy):
    """(1, 0, 0): r_m 0 and r_e 1; uniform over K: r_m 1 and r_e K."""
    np.testing.assert_allclose(uncertainty_reward(probs, alpha=1.0), of_margin)
    np.testing.assert_allclose(
        uncertainty_reward(probs, alpha=0.0), of_entropy, rtol=1e-6
    )
    np.testing.assert_allclose(
        uncertainty_reward(probs), (of_margin + of_entropy) / 2, rtol=1e-6
    )


def test_a_margin_counts_up_to_eps():
    """Margins of .19 and .21 around eps = .2."""
    probs = np.array([[0.595, 0.405, 0.0], [0.605, 0.395, 0.0]], "float32")
    np.testing.assert_allclose(margin(probs), [0.19, 0.21], atol=1e-6)
    found = uncertainty_reward(probs, alpha=1.0)
    np.testing.assert_allclose(found, [np.exp(-0.19), 0.0], rtol=1e-5)
    found = uncertainty_reward(probs, alpha=1.0, eps=1.0)
    np.testing.assert_allclose(found, np.exp([-0.19, -0.21]), rtol=1e-5)
    # eps = 0 leaves exact ties.
    probs = np.array([[0.5, 0.5, 0.0], [0.52, 0.48, 0.0]], "float32")
    np.testing.assert_array_equal(uncertainty_reward(probs, 1.0, eps=0.0), [1.0, 0.0])


def test_entropy_in_nats_by_hand():
    probs = [[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]]
    expected = -(0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1))
    np.testing.assert_allclose(entropy(probs), [expected, 0.0], rtol=1e-6)
    found = uncertainty_reward(probs, alpha=0.5, eps=0.2)
    np.testing.assert_allclose(found[0], 0.5 * np.exp(expected), rtol=1e-6)


@pytest.mark.parametrize("num_classes", [2, 10, 200])
def test_normalised_entropy_reaches_ten_whatever_the_classes(num_classes):
    uniform = np.full((1, num_classes), 1.0 / num_classes, "float32")
    kinds = {"paper": num_classes, "normalised": 10.0}
    for kind, largest in kinds.items():
        found = uncertainty_reward(uniform, alpha=0.0, kind=kind)
        np.testing.assert_allclose(found, largest, rtol=1e-4)
    sure = np.eye(num_classes, dtype="float32")[:1]
    found = uncertainty_reward(sure, alpha=0.0, kind="normalised")
    np.testing.assert_allclose(found, 1.0)


def test_the_baseline_is_a_running_mean():
    running = keras.Variable(-1.0)  # none yet
    first, second = tf.constant([1.0, 3.0]), tf.constant([4.0, 4.0])
    assert float(running_baseline(running, first, 0.0)) == 2.0  # nothing is kept
    assert float(running.numpy()) < 0
    assert float(running_baseline(running, first, 1.0)) == 2.0
    assert float(running_baseline(running, second, 1.0)) == 2.0
    assert float(running.numpy()) == pytest.approx(2.02)


def split(num_classes):
    kept = num_classes > Y
    x, y = X[kept], Y[kept]
    return x[:200], y[:200], x[200:]


@pytest.mark.parametrize("num_classes", [2, 5])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize(
    "settings", [{"kernel": "rbf", "C": 10.0}, {"kernel": "linear", "C": 1.0}]
)
def test_probabilities_are_those_of_scikit_learn(num_classes, standardize, settings):
    x, y, x_test = split(num_classes)
    fitted = calibrated_svm(x, y, settings, standardize=standardize)
    layer = SupportVectorProbabilities.of(support_arrays(fitted), num_classes)
    expected = fitted.predict_proba(x_test)
    np.testing.assert_allclose(layer(x_test), expected, atol=1e-5)
    compiled = tf.function(layer, jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(x_test)), expected, atol=1e-5)
    again = SupportVectorProbabilities.from_config(layer.get_config())
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x_test), layer(x_test))
    assert not layer.trainable_variables


def test_probabilities_of_nothing_are_equal():
    """As in scikit-learn, where every sigmoid is 0."""
    layer = SupportVectorProbabilities(2, 4, 0)
    layer.offset.assign([200.0] * 4)
    np.testing.assert_allclose(layer(np.zeros((3, 2), "float32")), 0.25)


def test_an_estimator_is_asked_on_the_host():
    x, y, x_test = split(3)
    estimator = LogisticRegression().fit(x, y)
    layer = EstimatorProbabilities(3, estimator)
    expected = estimator.predict_proba(x_test)
    run = tf.function(layer, input_signature=[tf.TensorSpec((None, 64))])
    np.testing.assert_allclose(run(x_test), expected, atol=1e-6)
    inputs = keras.Input((64,))
    model = keras.Model(inputs, layer(inputs))
    again = keras.Model.from_config(model.get_config())
    # What a file holds cannot run code when it is loaded.
    with pytest.raises(Exception, match="holds no scikit-learn estimator"):
        again(x_test)
    again.layers[-1].estimator = estimator
    np.testing.assert_allclose(again(x_test), expected, atol=1e-6)
