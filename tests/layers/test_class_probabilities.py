"""The SVM as a layer against scikit-learn, and estimators on the host."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from kerasos.layers.class_probabilities import (
    EstimatorProbabilities,
    SupportVectorProbabilities,
)
from kerasos.svm import calibrated_svm, support_arrays

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")


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
