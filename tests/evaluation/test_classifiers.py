"""The paper's CN, and the model that takes raw input around a network of logits."""

import keras
import numpy as np
import pytest
from scipy import special

from kerasos import GAMO
from kerasos.data import DataSpec
from kerasos.evaluation import gamo_classifier
from kerasos.evaluation.classifiers import least_squares_probability_loss
from kerasos.networks.classifier import raw_input_classifier
from kerasos.networks.mlp import leaky_mlp

COUNTS = (14, 6, 4)
IMAGES = DataSpec((8, 8, 1), "uint8", (0, 255), COUNTS)
Y = np.repeat(np.arange(3), COUNTS)
X = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1)).astype("uint8")


def test_least_squares_loss_by_hand():
    probs = np.array([[0.125, 0.25, 0.625], [0.125, 0.25, 0.625]], "float32")
    expected = [14 / 192, 78 / 192]
    for y in ([2, 0], [[2], [0]]):
        loss = least_squares_probability_loss(np.array(y), probs)
        np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_compiled_losses_equal_their_formulas():
    for name, expected in (
        ("ls", lambda p, y: np.mean((p - np.eye(3)[y]) ** 2)),
        ("ce", lambda p, y: -np.mean(np.log(p[np.arange(len(y)), y]))),
    ):
        model = gamo_classifier(IMAGES, loss=name)
        model.compile(model.optimizer, loss=model.loss, jit_compile=False)
        probs = model.predict(X, verbose=0).astype("float64")
        loss = model.evaluate(X, Y, batch_size=24, verbose=0)
        assert loss == pytest.approx(expected(probs, Y), rel=1e-4)


def test_uint8_images_are_scaled_then_classified():
    model = gamo_classifier(IMAGES, seed=2)
    assert model.input.dtype == "uint8"
    k0, b0, k1, b1, k2, b2 = model.get_weights()
    hidden = (X.reshape(24, 64).astype("float64") - 127.5) / 127.5
    for kernel, bias in ((k0, b0), (k1, b1)):
        hidden = hidden @ kernel + bias
        hidden = np.where(hidden > 0, hidden, 0.1 * hidden)
    expected = special.softmax(hidden @ k2 + b2, axis=1)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "value_range"),
    [("float32", (-3.0, 5.0)), ("float64", (0.0, 1.0)), ("int64", (0.0, 7.0))],
)
def test_any_range_becomes_minus_one_to_one(dtype, value_range):
    low, high = value_range
    spec = DataSpec((4,), dtype, value_range, COUNTS)
    x = np.random.default_rng(0).uniform(low, high, (6, 4)).astype(dtype)
    head = leaky_mlp(4, 3, 0, "classifier")
    probs = raw_input_classifier(spec, head).predict(x, verbose=0)
    scaled = 2 * (x.astype("float32") - low) / (high - low) - 1
    expected = special.softmax(head(scaled.astype("float32")), axis=1)
    np.testing.assert_allclose(probs, expected, atol=1e-5)


@pytest.mark.parametrize("variant", ["dense", "conv"])
def test_initial_weights_are_those_of_gamo(variant):
    model = gamo_classifier(IMAGES, variant=variant, seed=7)
    keras.utils.set_random_seed(3)
    inside = GAMO.from_data(X, Y, seed=7, variant=variant).classifier
    for a, b in zip(model.get_weights(), inside.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    other = gamo_classifier(IMAGES, variant=variant, seed=8)
    assert np.abs(model.get_weights()[0] - other.get_weights()[0]).max() > 0.01


def test_optimizer_is_that_of_the_paper():
    optimizer = gamo_classifier(IMAGES).optimizer
    assert isinstance(optimizer, keras.optimizers.Adam)
    config = optimizer.get_config()
    assert config["learning_rate"] == pytest.approx(2e-4)
    assert (config["beta_1"], config["beta_2"]) == (0.5, 0.999)


def test_convolutional_classifier_trains_features_and_head_together():
    model = gamo_classifier(IMAGES, variant="conv")
    before = model.get_weights()
    model.fit(X, Y, epochs=1, batch_size=12, verbose=0)
    assert all(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))


def test_training_lowers_the_loss():
    spec = DataSpec((2,), "float32", (0, 1), COUNTS)
    x = np.stack([Y / 4, 1 - Y / 4], axis=1).astype("float32")
    model = gamo_classifier(spec)
    model.compile(model.optimizer, loss=model.loss, jit_compile=False)
    history = model.fit(x, Y, epochs=40, batch_size=24, verbose=0).history["loss"]
    assert history[-1] < 0.9 * history[0]


@pytest.mark.parametrize(
    ("options", "received"),
    [({"loss": "mse"}, "loss='mse'"), ({"variant": "deep"}, "variant='deep'")],
)
def test_unknown_options_are_refused(options, received):
    with pytest.raises(ValueError, match=received):
        gamo_classifier(IMAGES, **options)
