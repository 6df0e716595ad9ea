"""Differentiable augmentation against NumPy with the same draws."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.layers.diff_augment import (
    POLICY,
    CountedColor,
    CountedCutout,
    CountedShift,
    augmented,
)

IMAGES = np.random.default_rng(0).uniform(-1, 1, (60, 8, 6, 3)).astype("float32")


def draws(layer, columns):
    twin = type(layer).from_config(layer.get_config())
    return twin.next_uniform((len(IMAGES), columns)).numpy()


def test_color_by_hand():
    layer = CountedColor(0.5, seed=1)
    uniforms = draws(layer, 3)
    after = layer(IMAGES, training=True).numpy()
    for image, (u, v, w), found in zip(IMAGES, uniforms, after, strict=True):
        x = image + (u - 0.5) * 0.5
        grey = x.mean(axis=2, keepdims=True)
        x = grey + 2 * v * (x - grey)
        x = x.mean() + (w + 0.5) * (x - x.mean())
        np.testing.assert_allclose(found, x, atol=2e-6)


def test_grey_images_have_no_saturation():
    grey = IMAGES[..., :1]
    layer = CountedColor(0.0, seed=1)
    contrast = draws(layer, 3)[:, 2] + 0.5
    after = layer(grey, training=True).numpy()
    spread = after.std(axis=(1, 2, 3)) / grey.std(axis=(1, 2, 3))
    np.testing.assert_allclose(spread, contrast, rtol=1e-4)
    np.testing.assert_allclose(after.mean((1, 2, 3)), grey.mean((1, 2, 3)), atol=1e-6)


def test_cutout_is_a_rectangle_of_half_the_sides_around_a_pixel():
    layer = CountedCutout(0.25, seed=1)
    uniforms = draws(layer, 2)
    after = layer(IMAGES, training=True).numpy()
    for image, (u, v), found in zip(IMAGES, uniforms, after, strict=True):
        expected = image.copy()
        # Sides 8 and 6: rectangles of 4 and 3, the middles of 9 and 6 places.
        top, left = int(u * 9) - 2, int(v * 6) - 1
        expected[max(top, 0) : max(top + 4, 0), max(left, 0) : max(left + 3, 0)] = 0.25
        np.testing.assert_array_equal(found, expected)
    assert (after == 0.25).mean() > 0.12


def test_no_gradient_passes_through_what_is_cut_and_the_factors_elsewhere():
    inputs = tf.constant(IMAGES)
    layer = CountedCutout(7.0, seed=2)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        after = layer(inputs, training=True)
        value = tf.reduce_sum(after)
    gradient = tape.gradient(value, inputs).numpy()
    np.testing.assert_array_equal(gradient, (after.numpy() != 7.0).astype("float32"))


@pytest.mark.parametrize("layer", [CountedColor, CountedCutout])
def test_inference_xla_and_saving(layer, tmp_path):
    model = keras.Sequential([keras.Input((8, 6, 3)), layer(0.5, seed=3)])
    np.testing.assert_array_equal(model(IMAGES), IMAGES)
    twin = layer(0.5, seed=3)
    compiled = tf.function(lambda x: twin(x, training=True), jit_compile=True)
    first = model(IMAGES, training=True)
    np.testing.assert_allclose(compiled(tf.constant(IMAGES)), first, atol=1e-6)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    second = model(IMAGES, training=True)
    np.testing.assert_array_equal(loaded(IMAGES, training=True), second)
    assert np.any(second != first)


def test_a_policy_is_applied_in_one_order_with_draws_of_its_own():
    inputs = keras.Input((8, 6, 3))
    flat = keras.Model(inputs, keras.layers.Flatten()(inputs), name="d")
    network = augmented(flat, ("cutout", "translation", "color"), (0.0, 1.0), seed=7)
    names = [layer.name for layer in network.layers if layer.name in POLICY]
    assert names == list(POLICY)
    color, shift, cutout = map(network.get_layer, POLICY)
    assert len({color.seed, shift.seed, cutout.seed}) == 3
    assert isinstance(shift, CountedShift) and shift.share == 0.125
    layers = CountedColor(0.5, color.seed), CountedShift(0.125, shift.seed)
    expected = IMAGES
    for layer in (*layers, CountedCutout(0.5, cutout.seed)):
        expected = layer(expected, training=True)
    found = network(IMAGES, training=True)
    np.testing.assert_array_equal(found, np.reshape(expected, (60, -1)))
    assert augmented(flat, (), (0.0, 1.0), seed=7) is flat
