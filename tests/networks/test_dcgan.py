"""Convolutional networks with labels: sizes, weights and passes against NumPy."""

import keras
import numpy as np
import pytest
from scipy import signal

from kerasos.networks import dcgan

NORM = 1.0 / np.sqrt(1.0 + 1e-5)  # a fresh moving average


def trainable_parameters(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def kernel(rows, columns):
    return (rows + 1) * columns


def conv(channels, filters):
    return (16 * channels + 1) * filters


def normalized(filters):
    return 2 * filters


def generator_size(inputs, channels, grid, filters, hidden=True):
    """By hand: dense layers and deconvolutions, with norms on all but the last."""
    total, units = 0, grid * grid * filters[0]
    if hidden:
        total, inputs = kernel(inputs, 1024) + normalized(1024), 1024
    total += kernel(inputs, units) + normalized(units)
    for before, after in zip(filters[:-1], filters[1:], strict=True):
        total += conv(before, after) + normalized(after)
    return total + conv(filters[-1], channels)


def discriminator_size(channels, grid, filters, hidden=True):
    total = conv(channels, filters[0])
    for before, after in zip(filters[:-1], filters[1:], strict=True):
        total += conv(before, after) + normalized(after)
    units = grid * grid * filters[-1]
    if hidden:
        return total + kernel(units, 1024) + normalized(1024) + kernel(1024, 1)
    return total + kernel(units, 1)


@pytest.mark.parametrize(
    ("shape", "hidden", "grid", "filters"),
    [
        ((8, 8, 1), True, 2, (128, 64)),
        ((32, 32, 3), True, 8, (128, 64)),
        ((64, 64, 3), True, 8, (256, 128, 64)),
        ((32, 32, 3), False, 4, (256, 128, 64)),
        ((64, 64, 3), False, 4, (512, 256, 128, 64)),
    ],
)
def test_networks_of_other_sizes(shape, hidden, grid, filters):
    hidden_width = dcgan.HIDDEN if hidden else None
    generator = dcgan.generator(shape, 62, 10, 0, hidden=hidden_width)
    discriminator = dcgan.discriminator(shape, 10, 0, hidden=hidden_width)
    assert generator.output_shape == (None, *shape)
    assert trainable_parameters(generator) == generator_size(
        72, shape[2], grid, filters, hidden
    )
    assert trainable_parameters(discriminator) == discriminator_size(
        shape[2] + 10, grid, filters[::-1], hidden
    )


def test_networks_of_the_papers_have_its_parameters():
    shape = (28, 28, 1)
    assert trainable_parameters(dcgan.generator(shape, 62, 10, 0)) == 6_650_433
    assert trainable_parameters(dcgan.discriminator(shape, 10, 0)) == 6_569_409
    trunk, head = dcgan.trunk(shape, 0), dcgan.discriminator_head(1024, 0)
    assert trainable_parameters(trunk) + trainable_parameters(head) == 6_559_169
    assert trainable_parameters(dcgan.auxiliary_classifier(1024, 10, 0)) == 132_746


@pytest.mark.parametrize("shape", [(30, 20, 3), (7, 5, 1), (1, 1, 1), (33, 12, 2)])
@pytest.mark.parametrize("hidden", [dcgan.HIDDEN, None])
def test_sides_that_no_halving_divides(shape, hidden):
    generator = dcgan.generator(shape, 5, 3, 0, "tanh", hidden)
    noise = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    one_hot = np.eye(3, dtype="float32")[:2]
    images = generator([noise, one_hot]).numpy()
    assert images.shape == (2, *shape)
    logits = dcgan.discriminator(shape, 3, 0, hidden)([images, one_hot])
    assert logits.shape == (2, 1)


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def convolve(x, kernel, bias):
    """Stride 2, one pixel of zeros around: 4x4 kernels on even sides."""
    x = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    maps = [
        bias[o]
        + sum(
            signal.correlate2d(x[..., i], kernel[..., i, o], mode="valid")[::2, ::2]
            for i in range(x.shape[-1])
        )
        for o in range(kernel.shape[-1])
    ]
    return np.stack(maps, axis=-1)


def deconvolve(x, kernel, bias):
    """Each pixel adds its kernel, 4x4, at twice its place; a frame is cut off."""
    height, width, _ = x.shape
    total = np.zeros((2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for i in range(height):
        for j in range(width):
            patch = np.einsum("abok,k->abo", kernel, x[i, j])
            total[2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += patch
    return total[1:-1, 1:-1] + bias


def test_discriminator_equals_scipy():
    network = dcgan.discriminator((8, 8, 2), 3, seed=0)
    weights = [v.numpy().astype("float64") for v in network.trainable_variables]
    k0, b0, k1, b1, g1, s1, k2, b2, g2, s2, k3, b3 = weights
    image = np.random.default_rng(0).uniform(size=(8, 8, 2))
    maps = np.zeros((8, 8, 3))
    maps[..., 1] = 1.0
    hidden = leaky(convolve(np.concatenate([image, maps], -1), k0, b0))
    hidden = leaky(g1 * NORM * convolve(hidden, k1, b1) + s1)
    hidden = leaky(g2 * NORM * (hidden.reshape(-1) @ k2 + b2) + s2)
    inputs = [image[None].astype("float32"), np.array([[0, 1, 0]], "float32")]
    np.testing.assert_allclose(network(inputs)[0], hidden @ k3 + b3, rtol=1e-4)


def test_generator_equals_numpy():
    network = dcgan.generator((8, 8, 2), 4, 3, seed=0, activation="tanh")
    weights = [v.numpy().astype("float64") for v in network.trainable_variables]
    k0, b0, g0, s0, k1, b1, g1, s1, k2, b2, g2, s2, k3, b3 = weights
    noise = np.random.default_rng(0).normal(size=4)
    hidden = np.concatenate([noise, [0, 0, 1]])
    for k, b, g, s in ((k0, b0, g0, s0), (k1, b1, g1, s1)):
        hidden = np.maximum(g * NORM * (hidden @ k + b) + s, 0)
    hidden = deconvolve(hidden.reshape(2, 2, 128), k2, b2)
    hidden = np.maximum(g2 * NORM * hidden + s2, 0)
    expected = np.tanh(deconvolve(hidden, k3, b3))
    inputs = [noise[None].astype("float32"), np.array([[0, 0, 1]], "float32")]
    np.testing.assert_allclose(network(inputs)[0], expected, rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize(
    ("activation", "low", "high"), [("sigmoid", 0, 1), ("tanh", -1, 1)]
)
def test_outputs_stay_in_the_range_of_their_activation(activation, low, high):
    network = dcgan.generator((8, 8, 1), 4, 3, 0, activation)
    logits = dcgan.generator((8, 8, 1), 4, 3, 0)
    noise = 1e5 * np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    one_hot = np.eye(3, dtype="float32")[np.arange(9) % 3]
    images = network([noise, one_hot]).numpy()
    assert low <= images.min() < (low + high) / 2 < images.max() <= high
    assert np.abs(logits([noise, one_hot])).max() > 1


def test_kernels_are_normal_and_those_of_convolutions_truncated():
    generator = dcgan.generator((28, 28, 1), 62, 10, 0)
    trunk = dcgan.trunk((28, 28, 1), 0, 10)
    kernels = {}
    for variable in [*generator.trainable_variables, *trunk.trainable_variables]:
        if variable.name == "kernel":
            kernels[variable.path] = variable.numpy()
        elif variable.name in ("bias", "beta"):
            assert not variable.numpy().any()
        else:
            assert variable.name == "gamma" and np.all(variable.numpy() == 1.0)
    for path, values in kernels.items():
        # Cut off at two deviations, which leaves 0.88 of the deviation.
        truncated = "conv_" in path and "deconv_" not in path
        deviation = 0.02 * 0.8796 if truncated else 0.02
        assert values.std() == pytest.approx(deviation, rel=0.05), path
        if values.size > 10_000:
            assert (np.abs(values).max() <= 0.04) == truncated, path


def test_equal_seeds_give_equal_weights_and_layers_of_one_width_differ():
    keras.utils.set_random_seed(1)
    # 4 * 2 * 128 = 1024: two dense layers of one width.
    first = dcgan.generator((16, 8, 1), 1021, 3, 4)
    keras.utils.set_random_seed(2)
    second = dcgan.generator((16, 8, 1), 1021, 3, 4)
    other = dcgan.generator((16, 8, 1), 1021, 3, 5)
    for a, b, c in zip(
        *(network.get_weights() for network in (first, second, other)), strict=True
    ):
        np.testing.assert_array_equal(a, b)
        if a.ndim > 1:
            assert np.abs(a - c).max() > 0.01
    dense = [w for w in first.get_weights() if w.shape == (1024, 1024)]
    assert len(dense) == 2 and np.abs(dense[0] - dense[1]).max() > 0.01


def test_norms_are_where_the_tables_have_them():
    def norms(network):
        return [
            layer.name
            for layer in network.layers
            if type(layer).__name__ == "GlobalBatchNormalization"
        ]

    generator = dcgan.generator((28, 28, 1), 62, 10, 0)
    assert norms(generator) == [
        "generator_dense_0_norm",
        "generator_dense_1_norm",
        "generator_deconv_64_norm",
    ]
    assert generator.get_layer("generator_dense_1_norm").gamma.shape == (6272,)
    discriminator = dcgan.discriminator((28, 28, 1), 10, 0)
    assert norms(discriminator) == [
        "discriminator_conv_128_norm",
        "discriminator_dense_norm",
    ]
