"""The networks of GAMO2pix: sizes at 28x28, and images of any other size."""

import numpy as np
import pytest
import tensorflow as tf

from kerasos.methods.gamo import gamo2pix_networks as networks


def count(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def test_sizes_are_those_of_the_authors_code():
    assert count(networks.posterior_head(512, 100, 0)) == 91_464
    assert count(networks.vae_decoder((28, 28, 1), 100, 0)) == 191_713


def test_the_label_is_one_more_input():
    decoder = networks.vae_decoder((28, 28, 1), (100, 10), 0)
    assert count(decoder) == 191_713 + 10 * 7 * 7 * 32
    assert [tuple(i.shape) for i in decoder.inputs] == [(None, 100), (None, 10)]


@pytest.mark.parametrize(
    ("side", "grids"),
    [
        (8, [8]),
        (28, [28, 14, 7]),
        (30, [30, 15, 8]),
        (32, [32, 16, 8]),
        (64, [64, 32, 16, 8]),
    ],
)
def test_began_halves_until_the_grid_is_small(side, grids):
    critic = networks.began_autoencoder((side, side, 3), 0, filters=2)
    assert critic.output_shape == (None, side, side, 3)
    generator = networks.began_generator((side, side, 3), 5, 0, filters=2)
    assert generator.output_shape == (None, side, side, 3)
    # A pair of convolutions for each scale, up to the image.
    ups = [layer for layer in generator.layers if "_up_" in layer.name]
    sides = [layer.output.shape[1] for layer in ups]
    assert sides == [grid for grid in reversed(grids) for _ in range(2)]


@pytest.mark.parametrize("shape", [(4, 4, 1), (7, 10, 3), (28, 28, 1), (30, 33, 1)])
def test_the_decoder_makes_images_in_range_of_any_size(shape):
    decoder = networks.vae_decoder(shape, 6, 0)
    images = decoder(10.0 * tf.random.normal((3, 6), seed=0)).numpy()
    assert images.shape == (3, *shape)
    assert np.abs(images).max() <= 1.0 and np.ptp(images) > 0.0


def test_the_seed_and_the_name_decide_the_weights():
    def weights(seed, name):
        model = networks.vae_decoder((8, 8, 1), 4, seed, name)
        return np.concatenate([w.ravel() for w in model.get_weights()])

    assert np.array_equal(weights(0, "decoder_1"), weights(0, "decoder_1"))
    assert not np.array_equal(weights(0, "decoder_1"), weights(1, "decoder_1"))
    assert not np.array_equal(weights(0, "decoder_1"), weights(0, "decoder_2"))
