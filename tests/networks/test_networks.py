"""Sizes, seeds and forward passes of the networks, against numpy and SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from kerasos.layers import ConvexGenerator
from kerasos.networks.gamo import feature_extractor, transitional_unit
from kerasos.networks.mlp import leaky_mlp


def trainable_parameters(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def leaky(x, slope=0.1):
    return np.where(x > 0, x, slope * x)


def arrays(network):
    return [v.numpy().astype("float64") for v in network.trainable_variables]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: transitional_unit(100, 10, 0), 45_504),
        (lambda: leaky_mlp(784, 10, 0, "m"), 235_146),
        (lambda: leaky_mlp((784, 10), 1, 0, "d"), 236_545),
        (lambda: leaky_mlp(512, 10, 0, "m"), 165_514),
        (lambda: leaky_mlp((512, 10), 1, 0, "d"), 166_913),
        (lambda: feature_extractor((28, 28, 1), 0), 829_792),
        # By hand: 25 * in * out + out a convolution, then 4 * 4 * 64 -> 512.
        (
            lambda: feature_extractor((32, 32, 3), 0),
            2_432 + 25_632 + 51_264 + 524_800,
        ),
        (
            lambda: feature_extractor((64, 64, 3), 0),
            2_432 + 25_632 + 51_264 + 102_464 + 524_800,
        ),
        # 2 * 2 * 32 -> 512 after two poolings.
        (lambda: feature_extractor((8, 8, 1), 0), 832 + 25_632 + 66_048),
    ],
    ids=["cTMU", "M", "D", "M-conv", "D-conv", "F-28", "F-32", "F-64", "F-8"],
)
def test_parameter_counts(build, expected):
    assert trainable_parameters(build()) == expected


def test_generation_units_have_65_parameters_an_anchor():
    # MNIST with imbalance ratio 100: 5,000 minority samples.
    counts = (0, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)
    generator = ConvexGenerator(transitional_unit(100, 10, 0), counts, 784)
    assert trainable_parameters(generator) == 45_504 + 325_000


def test_transitional_unit_normalises_after_the_relu():
    trunk = transitional_unit(5, 3, seed=1)
    source = np.random.default_rng(0)
    noise = source.normal(size=(16, 5)).astype("float32")
    one_hot = np.eye(3, dtype="float32")[source.integers(3, size=16)]
    joined = np.concatenate([noise, one_hot], axis=1).astype("float64")

    k0, b0, g0, s0, k1, b1, g1, s1 = arrays(trunk)

    def forward(moments):
        seen, hidden = [], joined
        layers = ((k0, b0, g0, s0), (k1, b1, g1, s1))
        for (k, b, g, s), moment in zip(layers, moments, strict=True):
            hidden = np.maximum(hidden @ k + b, 0.0)
            mean, variance = moment or (hidden.mean(0), hidden.var(0))
            seen.append((hidden.mean(0), hidden.var(0)))
            hidden = g * (hidden - mean) / np.sqrt(variance + 1e-3) + s
        return hidden, seen

    fresh, _ = forward([(0.0, 1.0), (0.0, 1.0)])
    np.testing.assert_allclose(trunk([noise, one_hot]), fresh, atol=1e-5)
    trained, seen = forward([None, None])
    output = trunk([noise, one_hot], training=True)
    np.testing.assert_allclose(output, trained, atol=1e-4)

    # Momentum 0.9: a tenth of the batch's moments after one training call.
    norms = [v.numpy() for v in trunk.non_trainable_variables]
    for (mean, variance), moving in zip(seen, (norms[:2], norms[2:]), strict=True):
        np.testing.assert_allclose(moving[0], 0.1 * mean, atol=1e-5)
        np.testing.assert_allclose(moving[1], 0.9 + 0.1 * variance, atol=1e-5)


def test_leaky_mlp_equals_numpy_for_one_and_for_several_inputs():
    source = np.random.default_rng(0)
    x, y = (source.normal(size=(6, n)).astype("float32") for n in (4, 3))
    for inputs, widths in ((x, 4), ([x, y], (4, 3))):
        network = leaky_mlp(widths, 2, 0, "net", units=(7, 5), slope=0.1)
        joined = np.concatenate(inputs, axis=1) if isinstance(inputs, list) else inputs
        k0, b0, k1, b1, k2, b2 = arrays(network)
        hidden = leaky(leaky(joined @ k0 + b0) @ k1 + b1)
        np.testing.assert_allclose(network(inputs), hidden @ k2 + b2, atol=1e-5)


def test_feature_extractor_equals_scipy():
    extractor = feature_extractor((8, 8, 2), seed=0)
    image = np.random.default_rng(0).uniform(-1, 1, (8, 8, 2))
    weights = arrays(extractor)
    hidden = image
    for kernel, bias in (weights[:2], weights[2:4]):
        maps = [
            bias[j]
            + sum(
                signal.correlate2d(hidden[..., i], kernel[..., i, j], mode="same")
                for i in range(hidden.shape[-1])
            )
            for j in range(kernel.shape[-1])
        ]
        hidden = leaky(np.stack(maps, axis=-1))
        side = hidden.shape[0] // 2
        hidden = hidden.reshape(side, 2, side, 2, -1).mean(axis=(1, 3))
    expected = np.tanh(hidden.reshape(-1) @ weights[4] + weights[5])
    features = extractor(image[None].astype("float32"))
    np.testing.assert_allclose(features[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "poolings"),
    [
        ((8, 8, 1), 2),
        ((28, 28, 1), 2),
        ((32, 32, 3), 3),
        ((64, 64, 3), 4),
        ((28, 20, 1), 2),
        ((3, 3, 1), 1),
        ((70, 80, 1), 4),
    ],
)
def test_feature_extractor_gives_512_features_in_tanh_range(shape, poolings):
    extractor = feature_extractor(shape, seed=0)
    layers = [type(layer).__name__ for layer in extractor.layers]
    assert layers.count("AveragePooling2D") == poolings
    images = np.random.default_rng(0).uniform(-1, 1, (2, *shape)).astype("float32")
    features = extractor(images).numpy()
    assert features.shape == (2, 512)
    assert np.abs(features).max() <= 1.0 and features.std() > 0.01


BUILDERS = {
    "transitional_unit": lambda seed: transitional_unit(6, 3, seed),
    "leaky_mlp": lambda seed: leaky_mlp(9, 9, seed, "net", units=(9, 9)),
    "feature_extractor": lambda seed: feature_extractor((8, 8, 1), seed),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_equal_seeds_give_equal_weights_whatever_keras_drew_before(name):
    keras.utils.set_random_seed(1)
    first = BUILDERS[name](4).get_weights()
    keras.utils.set_random_seed(2)
    second, other = BUILDERS[name](4).get_weights(), BUILDERS[name](5).get_weights()
    for a, b, c in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(a, b)
        if a.ndim > 1:
            assert np.abs(a - c).max() > 0.01


def test_layers_of_one_network_and_networks_of_one_seed_differ():
    kernels = [w for w in BUILDERS["leaky_mlp"](0).get_weights() if w.ndim == 2]
    kernels += [leaky_mlp(9, 9, 0, "other", units=()).get_weights()[0]]
    for i, a in enumerate(kernels):
        assert a.shape == (9, 9)
        for b in kernels[:i]:
            assert np.abs(a - b).max() > 0.1


def test_kernels_are_glorot_uniform_and_biases_zero():
    # Keras's default for Dense, which the authors' code keeps.
    kernel, bias = leaky_mlp(300, 200, 0, "net", units=()).get_weights()
    bound = np.sqrt(6 / 500)
    assert 0.99 * bound < np.abs(kernel).max() <= bound
    assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    assert not bias.any()


def test_outputs_of_classifier_and_discriminator_are_logits():
    network = leaky_mlp(4, 3, 0, "net")
    assert network.layers[-1].activation is keras.activations.linear
    assert float(tf.reduce_max(network(100.0 * tf.eye(4)))) > 1.0
