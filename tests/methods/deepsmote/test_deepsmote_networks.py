import numpy as np
import pytest

from kerasos.methods.deepsmote import networks as deepsmote


def grids(network):
    """Sides after each convolution."""
    return [
        layer.output.shape[1]
        for layer in network.layers
        if type(layer).__name__ in ("Conv2D", "Conv2DTranspose")
    ]


def test_grids_of_digits_are_those_of_the_code():
    shape = (28, 28, 1)
    assert grids(deepsmote.encoder(shape, 300, 0)) == [14, 7, 3, 1]
    decoder = deepsmote.decoder(shape, 300, 0)
    assert decoder.layers[1].units == 7 * 7 * 512
    assert grids(decoder) == [10, 13, 28]
    biases = [v for v in deepsmote.encoder(shape, 300, 0).weights if "bias" in v.path]
    assert len(biases) == 1  # of the linear layer


def test_a_grid_of_four_is_taken_whole():
    shape = (32, 32, 3)
    assert grids(deepsmote.encoder(shape, 600, 0)) == [16, 8, 4, 1]
    assert grids(deepsmote.decoder(shape, 600, 0)) == [16, 32, 32]


@pytest.mark.parametrize(
    "shape", [(8, 8, 1), (7, 5, 2), (16, 16, 1), (20, 18, 1), (30, 32, 3), (40, 40, 1)]
)
def test_every_size_comes_back(shape):
    encoder = deepsmote.encoder(shape, 6, 0, filters=2)
    decoder = deepsmote.decoder(shape, 6, 0, filters=2)
    x = np.random.default_rng(0).uniform(-1, 1, (3, *shape)).astype("float32")
    latent = encoder(x).numpy()
    decoded = decoder(latent).numpy()
    assert latent.shape == (3, 6) and decoded.shape == x.shape
    assert np.all(np.abs(decoded) < 1) and np.any(decoded[0] != decoded[1])


def test_weights_are_a_function_of_the_seed():
    for build in (deepsmote.encoder, deepsmote.decoder):
        first, second, other = (
            build((8, 8, 1), 6, seed, filters=2).get_weights() for seed in (0, 0, 1)
        )
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a, b)
        assert any(np.any(a != b) for a, b in zip(first, other, strict=True))
