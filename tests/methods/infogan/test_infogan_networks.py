"""InfoGAN's networks: sizes of the IMSIC paper's code, geometry, other data."""

import keras
import numpy as np
import pytest
from contract_cases import rows

from kerasos.methods.infogan import networks as infogan
from kerasos.networks.mlp import linear_head
from kerasos.randomness.counted_layers import CountedSpatialDropout

SHAPE = (32, 32, 1)


def layers(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def norms(network):
    return [layer for layer in network.layers if hasattr(layer, "epsilon")]


@pytest.mark.parametrize(
    ("side", "blocks"),
    [
        (32, [(16, 16), (32, 8), (64, 4), (128, 2)]),
        (28, [(16, 14), (32, 7), (64, 4), (128, 2)]),
        (64, [(16, 32), (32, 16), (64, 8), (128, 4)]),
        (14, [(32, 7), (64, 4), (128, 2)]),
        (8, [(64, 4), (128, 2)]),
        (2, [(128, 1)]),
    ],
)
def test_d_halves_down_to_two_and_g_starts_from_a_quarter(side, blocks):
    trunk = infogan.trunk((side, side, 3), 0)
    found = layers(trunk, keras.layers.Conv2D)
    assert [(x.filters, x.output.shape[1]) for x in found] == blocks
    generator = infogan.generator((side, side, 3), 5, 2, 3, 0)
    grid = -(-side // 4)
    assert layers(generator, keras.layers.Reshape)[0].target_shape == (grid, grid, 128)
    assert generator.output_shape == (None, side, side, 3)


def test_d_pads_one_pixel_on_each_side():
    trunk = infogan.trunk((8, 8, 1), 0)
    conv = layers(trunk, keras.layers.Conv2D)[0]
    conv.kernel.assign(np.ones((3, 3, 1, 64)))
    outputs = keras.Model(trunk.input, conv.output)
    image = np.arange(64, dtype="float32").reshape(1, 8, 8, 1)
    found = outputs(image).numpy()[0, :, :, 0]
    padded = np.pad(image[0, :, :, 0], 1)
    expected = [
        [padded[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].sum() for j in range(4)]
        for i in range(4)
    ]
    np.testing.assert_allclose(found, expected)
    assert found[0, 0] == 0 + 1 + 8 + 9


def test_blocks_have_the_order_and_settings_of_the_code():
    trunk = infogan.trunk(SHAPE, 0, bn_epsilon=0.8, bn_momentum=0.9)
    kinds = [type(layer).__name__ for layer in trunk.layers[1:-1]]
    block = ["ZeroPadding2D", "Conv2D", "LeakyReLU", "CountedSpatialDropout"]
    assert kinds == block + 3 * [*block, "GlobalBatchNormalization"]
    assert {x.rate for x in layers(trunk, CountedSpatialDropout)} == {0.25}
    assert {x.negative_slope for x in layers(trunk, keras.layers.LeakyReLU)} == {0.2}
    assert [(n.epsilon, n.momentum) for n in norms(trunk)] == 3 * [(0.8, 0.9)]
    generator = infogan.generator(SHAPE, 62, 10, 4, 0, bn_epsilon=0.8)
    assert [n.epsilon for n in norms(generator)] == [1e-5, 0.8, 0.8]
    assert generator.layers[-1].activation is keras.activations.tanh


def test_weights_start_as_in_the_code():
    generator = infogan.generator(SHAPE, 62, 10, 4, 0)
    for v in generator.trainable_variables:
        values = v.numpy()
        if "conv" in v.path and v.path.endswith("kernel"):
            assert values.std() == pytest.approx(0.02, rel=0.02)
        if v.path.endswith("gamma"):
            assert values.mean() == pytest.approx(1.0, abs=0.01)
            assert values.std() == pytest.approx(0.02, rel=0.25)


def test_every_seed_in_the_networks_comes_from_the_one_given():
    def networks(seed):
        return [
            infogan.generator((8, 8, 1), 5, 2, 3, seed),
            infogan.trunk((8, 8, 1), seed),
            linear_head(6, 2, seed, "head"),
            infogan.generator((6,), 5, 2, 3, seed),
            infogan.trunk((6,), seed),
        ]

    for left, right, other in zip(networks(1), networks(1), networks(2), strict=True):
        for a, b, c in zip(
            *(n.trainable_weights for n in (left, right, other)), strict=True
        ):
            np.testing.assert_array_equal(a, b)
            constant = a.path.endswith(("bias", "beta")) or "norm" in a.path
            assert constant or np.any(a.numpy() != c.numpy()), a.path
        seeds = [x.seed for x in layers(left, CountedSpatialDropout)]
        assert seeds == [x.seed for x in layers(right, CountedSpatialDropout)]
        assert len(set(seeds)) == len(seeds)


def test_a_side_that_four_does_not_divide_is_cropped():
    generator = infogan.generator((9, 6, 1), 5, 2, 3, 0)
    assert generator.output_shape == (None, 9, 6, 1)
    inputs = [np.full((2, width), 30.0, "float32") for width in (5, 2, 3)]
    samples = generator(inputs).numpy()
    assert samples.shape == (2, 9, 6, 1) and np.abs(samples).max() <= 1.0


def test_tables_get_dense_networks():
    x, _ = rows()
    generator = infogan.generator(x.shape[1:], 5, 2, 3, 0)
    units = [layer.units for layer in layers(generator, keras.layers.Dense)]
    assert units == [256, 256, 6] and len(generator.inputs) == 3
    trunk = infogan.trunk(x.shape[1:], 0)
    assert [x.units for x in layers(trunk, keras.layers.Dense)] == [256, 128]
    assert trunk.output_shape == (None, 128)
