"""DGC's networks: sizes at 28x28 are pinned in contract_cases.py."""

import numpy as np
import pytest

from kerasos.networks import dgc


@pytest.mark.parametrize(
    ("shape", "grids", "start"),
    [
        ((28, 28, 1), [14, 7, 4, 2], 7),
        ((32, 32, 3), [16, 8, 4, 2], 8),
        ((64, 64, 3), [32, 16, 8, 4, 2], 8),
        ((8, 8, 1), [4, 2], 4),
    ],
)
def test_grids_of_the_paper_and_of_small_images(shape, grids, start):
    trunk = dgc.trunk(shape, 0, width=32)
    convolutions = [layer for layer in trunk.layers if "conv" in layer.name]
    convolutions = [layer for layer in convolutions if "norm" not in layer.name]
    found = [layer.output.shape[1:] for layer in convolutions]
    filters = [32 // 2**n for n in reversed(range(len(grids)))]
    assert found == [(g, g, f) for g, f in zip(grids, filters, strict=True)]
    decoder = dgc.decoder(shape, 4, 0, width=32)
    assert decoder.layers[2].output.shape == (None, start, start, 32)
    assert decoder.output_shape == (None, *shape)
    size = 5 if shape[0] == 64 else 4
    assert {layer.kernel_size for layer in convolutions} == {(size, size)}


def test_sizes_at_64_pixels():
    shape = (64, 64, 3)
    assert dgc.is_large(shape) and not dgc.is_large((32, 32, 3))
    trunk = dgc.trunk(shape, 0, width=64)
    # 5x5 convolutions of 4, 8, 16, 32, 64 filters with biases, and gamma and beta.
    filters = [3, 4, 8, 16, 32, 64]
    expected = sum(
        25 * a * b + 3 * b for a, b in zip(filters, filters[1:], strict=False)
    )
    assert sum(np.prod(v.shape) for v in trunk.trainable_variables) == expected
    head = dgc.label_head(shape, 64, 5, 0)
    expected = 65 * 500 + 501 * 500 + 501 * 5
    assert sum(np.prod(v.shape) for v in head.trainable_variables) == expected


def test_odd_sides_are_cropped():
    decoder = dgc.decoder((13, 9, 2), 4, 0, width=8)
    assert decoder.output_shape == (None, 13, 9, 2)
    assert dgc.trunk((13, 9, 2), 0, width=8).output_shape[-1] % 8 == 0


@pytest.mark.parametrize("shape", [(8, 8, 1), (6,)])
def test_a_seed_fixes_the_weights(shape):
    def weights(seed):
        networks = [
            dgc.trunk(shape, seed, width=8),
            dgc.posterior(16, 3, 4, seed, None),
            dgc.decoder(shape, 4, seed, width=8),
            dgc.label_head(shape, 4, 3, seed),
        ]
        return [w.numpy() for network in networks for w in network.trainable_weights]

    first, again, other = weights(0), weights(0), weights(1)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    kernels = [i for i, w in enumerate(first) if w.ndim > 1]
    assert all(np.any(first[i] != other[i]) for i in kernels)


def test_weights_of_images_are_small():
    networks = [
        dgc.trunk((28, 28, 1), 0, width=64),
        dgc.posterior(256, 10, 64, 0, dgc.STDDEV),
        dgc.decoder((28, 28, 1), 64, 0, width=64),
        dgc.label_head((28, 28, 1), 64, 10, 0),
    ]
    for network in networks:
        for weight in network.trainable_weights:
            if weight.path.endswith("kernel"):
                deviation = np.std(weight.numpy())
                assert deviation == pytest.approx(0.009, rel=0.2), weight.path
