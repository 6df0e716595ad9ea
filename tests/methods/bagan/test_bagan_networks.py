"""BAGAN's networks: shapes and seeds; the contract test pins the sizes at 28 pixels."""

import keras
import numpy as np
import pytest

from kerasos.methods.bagan import networks as bagan


def kernels(network, kind):
    return [
        (layer.filters, layer.kernel_size[0], layer.strides[0], layer.use_bias)
        for layer in network.layers
        if isinstance(layer, kind)
    ]


@pytest.mark.parametrize(
    "side, growing, shrinking",
    [
        (28, [(256, 14), (128, 28)], [14, 14, 7, 7]),
        (32, [(256, 16), (128, 32)], [16, 16, 8, 8]),
        (64, [(256, 16), (256, 32), (128, 64)], [32, 32, 16, 16, 8, 8]),
        (8, [(128, 8)], [4, 4, 2, 2]),
        (2, [(128, 2)], [1, 1, 1, 1]),
    ],
)
def test_each_side_gets_its_grids(side, growing, shrinking):
    generator = bagan.generator((side, side, 3), 10, 0)
    found = kernels(generator, keras.layers.Conv2D)
    assert found == [(f, 5, 1, False) for f, _ in growing] + [(3, 2, 1, False)]
    sizes = [
        layer.output.shape[1] for layer in generator.layers if "conv" in layer.name
    ]
    assert sizes == [size for _, size in growing]
    assert generator.output_shape == (None, side, side, 3)
    encoder = bagan.encoder((side, side, 3), 10, 0, "encoder")
    filters = [32, 64, 128, 256, 256, 256][: len(shrinking)]
    strides = [2, 1] * (len(shrinking) // 2)
    expected = [(f, 3, s, True) for f, s in zip(filters, strides, strict=True)]
    assert kernels(encoder, keras.layers.Conv2D) == expected
    sizes = [layer.output.shape[1] for layer in encoder.layers if "conv" in layer.name]
    assert sizes == shrinking


def test_the_grid_is_halved_as_in_the_code_and_once_at_least():
    sides = (28, 32, 64, 128, 10, 12, 16, 8, 6, 4, 2)
    grids = [bagan.smallest_grid((side, side, 1))[0][0] for side in sides]
    assert grids == [7, 8, 8, 8, 5, 6, 8, 4, 3, 2, 1]


@pytest.mark.parametrize("shape", [(1, 3, 1), (9, 18, 3), (30, 7, 1), (100, 100, 1)])
def test_sides_that_no_doubling_reaches_are_cropped(shape):
    grid, doublings = bagan.smallest_grid(shape)
    assert max(grid) <= 8 and doublings >= 1
    for side, small in zip(shape, grid, strict=False):
        assert 0 <= small * 2**doublings - side < 2**doublings
    assert bagan.generator(shape, 10, 0).output_shape == (None, *shape)
    assert bagan.encoder(shape, 10, 0, "encoder").output_shape == (None, 10)


def test_slope_and_dropout_are_those_of_the_code():
    for shape in ((8, 8, 1), (6,)):
        layers = bagan.encoder(shape, 4, 0, "encoder").layers
        slopes = [x.negative_slope for x in layers if hasattr(x, "negative_slope")]
        rates = [x.rate for x in layers if hasattr(x, "rate")]
        assert len(slopes) == len(rates) == (4 if len(shape) == 3 else 2)
        assert set(slopes) == {0.3} and set(rates) == {0.3}


def test_every_seed_in_the_networks_comes_from_the_one_given():
    def networks(seed):
        return [
            bagan.generator((8, 8, 1), 5, seed),
            bagan.encoder((8, 8, 1), 5, seed, "encoder"),
            bagan.generator((6,), 5, seed),
            bagan.encoder((6,), 5, seed, "encoder"),
        ]

    for left, right, other in zip(networks(1), networks(1), networks(2), strict=True):
        for a, b, c in zip(
            *(n.trainable_weights for n in (left, right, other)), strict=True
        ):
            np.testing.assert_array_equal(a, b)
            assert "bias" in a.path or np.any(a.numpy() != c.numpy())
        seeds = [layer.seed for layer in left.layers if hasattr(layer, "rate")]
        assert seeds == [layer.seed for layer in right.layers if hasattr(layer, "rate")]
        assert len(set(seeds)) == len(seeds)


def test_tables_get_dense_networks():
    generator = bagan.generator((6,), 4, 0)
    units = [x.units for x in generator.layers if isinstance(x, keras.layers.Dense)]
    assert units == [128, 256, 6]
    encoder = bagan.encoder((6,), 4, 0, "encoder")
    units = [x.units for x in encoder.layers if isinstance(x, keras.layers.Dense)]
    assert units == [256, 128, 4]


def test_samples_lie_between_minus_one_and_one():
    noise = 50 * np.random.default_rng(0).standard_normal((6, 4)).astype("float32")
    for shape in ((8, 8, 1), (6,)):
        samples = bagan.generator(shape, 4, 0)(noise).numpy()
        assert np.abs(samples).max() <= 1.0


def test_the_generator_doubles_and_convolves_as_the_authors_code():
    """Its folded convolutions, against the layers they stand for."""
    generator = bagan.generator((16, 16, 1), 10, 0)
    inputs = hidden = keras.Input((10,))
    for layer in generator.layers[1:]:
        if layer.name.startswith("generator_conv"):
            hidden = keras.layers.UpSampling2D(2)(hidden)
            hidden = keras.layers.Conv2D(
                layer.filters, 5, padding="same", use_bias=False
            )(hidden)
        else:
            hidden = type(layer).from_config(layer.get_config())(hidden)
    plain = keras.Model(inputs, hidden)
    plain.set_weights(generator.get_weights())
    assert plain.count_params() == generator.count_params()
    noise = np.random.default_rng(0).standard_normal((4, 10)).astype("float32")
    images = generator(noise)
    assert np.std(images) > 0.01
    np.testing.assert_allclose(images, plain(noise), atol=1e-5)
