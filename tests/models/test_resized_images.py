"""Images of another size inside the model: in by resizing, out by its inverse."""

import numpy as np
import pytest
import tensorflow as tf

import kerasos
from kerasos.models.resized_images import enlargement, undo_resize


@pytest.mark.parametrize(("before", "after"), [(28, 32), (8, 16), (5, 13), (31, 32)])
def test_enlargement_is_that_of_tensorflow(before, after):
    pixels = np.eye(before, dtype="float32")[:, :, None, None]
    expected = tf.image.resize(pixels, (after, 1), "bilinear").numpy()[:, :, 0, 0].T
    np.testing.assert_allclose(enlargement(before, after), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(28, 28), (31, 20), (8, 32)])
def test_an_enlarged_image_comes_back_as_it_was(size):
    images = np.random.default_rng(0).uniform(-1, 1, (3, *size, 2)).astype("float32")
    inside = tf.image.resize(images, (32, 32), "bilinear")
    np.testing.assert_allclose(undo_resize(inside, size), images, atol=1e-4)


def test_the_inverse_of_an_enlargement_magnifies_noise_six_times_at_most():
    """One axis, every size up to 64."""
    kept = [
        np.linalg.svd(enlargement(before, after), compute_uv=False)[-1]
        for after in range(5, 65)
        for before in range(4, after)
    ]
    assert min(kept) > 0.17


def test_of_other_images_the_nearest_in_squares_comes_back():
    """Against a solver, pixel by pixel of one small image."""
    image = np.random.default_rng(1).normal(size=(1, 7, 7, 1)).astype("float32")
    basis = np.eye(25, dtype="float32").reshape(25, 5, 5, 1)
    resized = tf.image.resize(basis, (7, 7), "bilinear").numpy().reshape(25, 49)
    expected = np.linalg.lstsq(resized.T, image.reshape(49), rcond=None)[0]
    found = undo_resize(tf.constant(image), (5, 5)).numpy().reshape(25)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_an_image_made_smaller_is_enlarged():
    images = np.random.default_rng(2).normal(size=(2, 16, 16, 1)).astype("float32")
    expected = tf.image.resize(images, (28, 28), "bilinear")
    np.testing.assert_allclose(undo_resize(images, (28, 28)), expected, atol=1e-5)


def test_samples_stay_in_range_where_the_inverse_overshoots():
    """Black and white at random is sharper than resizing makes any image."""
    draw = np.random.default_rng(3)
    x = draw.uniform(0, 1, (12, 28, 28, 1)).astype("float32")
    y = np.repeat([0, 1], 6)
    model = kerasos.InfoGAN.from_data(x, y, seed=0, latent_dim=2, num_codes=1)
    inside = tf.constant(draw.choice([-1.0, 1.0], (2, 32, 32, 1)), tf.float32)
    assert np.abs(undo_resize(inside, (28, 28)).numpy()).max() > 1.5
    samples = model.to_user(inside).numpy()
    low, high = model.spec.value_range
    assert samples.shape == (2, 28, 28, 1)
    np.testing.assert_allclose([samples.min(), samples.max()], [low, high], atol=1e-6)
