"""One interpolation against SciPy and against Keras's layers one by one."""

import keras
import numpy as np
import pytest
from scipy import ndimage

from kerasos.networks.affine_images import affine_images

IMAGES = np.random.default_rng(0).normal(size=(6, 9, 7, 2)).astype("float32")
MIDDLE = np.full((6, 5), 0.5, "float32")
NOTHING = {"shift": 0.0, "rotation": 0.0, "zoom": 0.0, "flip": False}


def test_the_middle_of_every_range_changes_nothing():
    moved = affine_images(IMAGES, MIDDLE, 0.1, 15.0, 0.1, True)
    np.testing.assert_allclose(moved, IMAGES, atol=1e-5)
    still = affine_images(IMAGES, np.zeros((6, 5), "float32"), **NOTHING)
    np.testing.assert_allclose(still, IMAGES, atol=1e-6)


def test_equals_scipy():
    """All transforms at once, coordinates and interpolation, edges repeated."""
    uniforms = np.random.default_rng(1).random((6, 5)).astype("float32")
    moved = affine_images(IMAGES, uniforms, 0.2, 40.0, 0.3, True).numpy()
    centre = (np.array(IMAGES.shape[1:3]) - 1) / 2
    for image, u, result in zip(IMAGES, 2 * uniforms - 1, moved, strict=True):
        angle, size = np.radians(40) * u[2], 1 + 0.3 * u[3]
        matrix = size * np.array(
            [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        )
        offset = centre + 0.2 * np.array([9, 7]) * u[:2] - matrix @ centre
        source = image[:, ::-1] if u[4] < 0 else image
        for channel in range(2):
            expected = ndimage.affine_transform(
                source[..., channel], matrix, offset, order=1, mode="nearest"
            )
            np.testing.assert_allclose(result[..., channel], expected, atol=1e-4)
    assert 0 < np.sum(uniforms[:, 4] < 0.5) < 6


@pytest.mark.parametrize(
    ("layer", "factors", "column", "place", "option"),
    [
        (keras.layers.RandomTranslation, ((0.1, 0.1), 0.0), 0, 0.25, "shift"),
        (keras.layers.RandomTranslation, (0.0, (0.1, 0.1)), 1, 0.25, "shift"),
        (keras.layers.RandomRotation, ((0.1, 0.1),), 2, 0.75, "rotation"),
        (keras.layers.RandomZoom, ((0.1, 0.1),), 3, 0.75, "zoom"),
    ],
)
def test_each_transform_is_that_of_keras(layer, factors, column, place, option):
    expected = layer(*factors, fill_mode="nearest")(IMAGES, training=True)
    uniforms = MIDDLE.copy()
    uniforms[:, column] = place  # half of the range
    largest = 72.0 if option == "rotation" else 0.2
    found = affine_images(IMAGES, uniforms, **{**NOTHING, option: largest})
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 1, 5, 1), (2, 5, 1, 3), (2, 1, 1, 1)])
def test_images_of_one_row_or_column(shape):
    images = np.random.default_rng(0).random(shape).astype("float32")
    uniforms = np.random.default_rng(1).random((2, 5)).astype("float32")
    moved = affine_images(images, uniforms, 0.5, 20.0, 0.2, True).numpy()
    assert moved.shape == shape
    assert images.min() <= moved.min() and moved.max() <= images.max()
