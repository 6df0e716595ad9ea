"""The papers' classifiers, and the model from raw input around logits."""

import keras
import numpy as np
import pytest
from scipy import special

from kerasos import GAMO
from kerasos.data import DataSpec
from kerasos.evaluation import fajardo_mlp, gamo_classifier, imsic_cnn, strong_cnn
from kerasos.evaluation.classifiers import least_squares_probability_loss
from kerasos.networks.classifier import raw_input_classifier
from kerasos.networks.mlp import leaky_mlp
from kerasos.randomness.counted_layers import CountedDropout

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


def test_the_step_of_the_papers_network_is_traced_once(monkeypatch):
    """Where an optimizer makes its variables in the step, it is traced twice."""
    traced, step = [], keras.Model.train_step

    def counted(model, data):
        traced.append(model)
        return step(model, data)

    monkeypatch.setattr(keras.Model, "train_step", counted)
    model = gamo_classifier(IMAGES, variant="conv")
    model.fit(X, Y, batch_size=12, epochs=2, verbose=0)
    assert len(traced) == 1


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


# the classifiers of Fajardo et al. and He et al., and ours

BUILDERS = [fajardo_mlp, imsic_cnn, strong_cnn]


@pytest.mark.parametrize(
    ("build", "shape", "parameters"),
    [
        (fajardo_mlp, (28, 28, 1), 669_706),
        (imsic_cnn, (32, 32, 1), 4_159_106),
        (imsic_cnn, (28, 28, 1), 4_159_106),
        # 320 + 9,248 + 18,496 + 36,928 + 7*7*64*128 + 128 + 1,290
        (strong_cnn, (28, 28, 1), 467_818),
    ],
)
def test_parameter_counts(build, shape, parameters):
    model = build(DataSpec(shape, "uint8", (0, 255), (10,) * 10))
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == parameters
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize("build", BUILDERS)
def test_initial_weights_and_dropout_are_functions_of_the_seed(build):
    def losses(seed):
        keras.utils.set_random_seed(int(np.random.default_rng().integers(1000)))
        model = build(IMAGES, seed)
        model.run_eagerly = True
        return [*model.get_weights(), *(model.train_on_batch(X, Y) for _ in range(2))]

    first, second, other = losses(3), losses(3), losses(4)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert first[-2] != other[-2]
    kernels = [w for w in first if np.ndim(w) > 1]
    assert len({float(w.flat[0]) for w in kernels}) == len(kernels)


@pytest.mark.parametrize(
    ("build", "kind", "rate"),
    [
        (fajardo_mlp, keras.optimizers.RMSprop, 1e-3),
        (imsic_cnn, keras.optimizers.Adam, 1e-4),
        (strong_cnn, keras.optimizers.Adam, 1e-3),
    ],
)
def test_settings_of_the_optimizers(build, kind, rate):
    optimizer = build(IMAGES).optimizer
    assert type(optimizer) is kind
    config = optimizer.get_config()
    assert config["learning_rate"] == pytest.approx(rate)
    default = kind().get_config()
    for name in ("rho", "beta_1", "beta_2", "momentum"):
        assert config.get(name) == default.get(name)


@pytest.mark.parametrize("build", BUILDERS)
def test_loss_is_cross_entropy_of_probabilities(build):
    model = build(IMAGES)
    probs = model.predict(X, verbose=0).astype("float64")
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    expected = -np.mean(np.log(probs[np.arange(24), Y]))
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-4)


def test_fajardo_mlp_by_hand():
    model = fajardo_mlp(IMAGES, seed=2)
    k0, b0, k1, b1, k2, b2 = (w.numpy() for w in model.trainable_weights)
    hidden = X.reshape(24, 64) / 255.0
    for kernel, bias in ((k0, b0), (k1, b1)):
        hidden = np.maximum(hidden @ kernel + bias, 0)
    expected = special.softmax(hidden @ k2 + b2, axis=1)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, atol=1e-5)


def test_fajardo_mlp_drops_a_fifth_of_both_hidden_layers():
    rates = [
        part.rate
        for part in fajardo_mlp(IMAGES).get_layer("fajardo_mlp").layers
        if isinstance(part, CountedDropout)
    ]
    assert rates == [0.2, 0.2]


def test_imsic_cnn_resizes_smaller_images_bilinearly():
    """A 28x28 image gives what its enlarged copy gives to the 32x32 network."""
    image = np.random.default_rng(0).uniform(-1, 1, (2, 28, 28, 1)).astype("float32")
    large = keras.ops.image.resize(image, (32, 32), "bilinear")
    small = imsic_cnn(DataSpec((28, 28, 1), "float32", (-1, 1), COUNTS), seed=1)
    full = imsic_cnn(DataSpec((32, 32, 1), "float32", (-1, 1), COUNTS), seed=1)
    np.testing.assert_allclose(
        small.predict(image, verbose=0), full(np.array(large)), atol=1e-5
    )


def test_imsic_cnn_has_no_activation_before_its_last_layer():
    """Dense 1000 is linear, so twice the features move the logits twice as far."""
    model = imsic_cnn(IMAGES, seed=1)
    features = model.get_layer("features")
    assert features.layers[-1].activation is keras.activations.linear
    values = features(np.random.default_rng(0).normal(size=(2, 8, 8, 1)))
    assert np.any(np.array(values) < 0)
    assert [p.rate for p in features.layers if isinstance(p, CountedDropout)] == [0.5]


@pytest.mark.parametrize("build", BUILDERS)
def test_they_learn_bright_from_dark_halves(build):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 128)
    x = rng.integers(0, 100, (128, 12, 12, 1))
    x[:, :6] += 120 * (y == 0)[:, None, None, None]
    x[:, 6:] += 120 * (y == 1)[:, None, None, None]
    spec = DataSpec((12, 12, 1), "uint8", (0, 255), (64, 64))
    model = build(spec)
    model.fit(x.astype("uint8"), y, epochs=4, batch_size=16, verbose=0)
    assert np.mean(model.predict(x.astype("uint8"), verbose=0).argmax(1) == y) > 0.95


@pytest.mark.parametrize("build", [imsic_cnn, strong_cnn])
def test_convolutions_refuse_tables(build):
    with pytest.raises(ValueError, match="For tables use `fajardo_mlp`"):
        build(DataSpec((4,), "float32", (0, 1), COUNTS))


def test_strong_cnn_refuses_images_it_cannot_halve_twice():
    with pytest.raises(ValueError, match="4x4 pixels or more"):
        strong_cnn(DataSpec((3, 8, 1), "float32", (0, 1), COUNTS))
