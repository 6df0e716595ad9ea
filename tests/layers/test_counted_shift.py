"""Images moved at random: by whole pixels, alike in gradients, and saved."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.layers.diff_augment import CountedShift

IMAGES = np.random.default_rng(0).normal(size=(60, 8, 6, 2)).astype("float32")


def moved(image, down, right):
    """One image moved by NumPy's padding and slicing."""
    (height, width), most = image.shape[:2], 4
    padded = np.pad(image, ((most, most), (most, most), (0, 0)), mode="edge")
    return padded[most - down :, most - right :][:height, :width]


def found_moves(before, after, most):
    """The moves that explain each image; `None` where none or several do."""
    found = []
    for one, other in zip(before, after, strict=True):
        fits = [
            (down, right)
            for down in range(-most[0], most[0] + 1)
            for right in range(-most[1], most[1] + 1)
            if np.array_equal(moved(one, down, right), other)
        ]
        found.append(fits[0] if len(fits) == 1 else None)
    return found


def test_each_image_moves_by_whole_pixels_and_repeats_its_border():
    after = CountedShift(0.25, seed=1)(IMAGES, training=True).numpy()
    # A quarter of 8 is 2, of 6 is 1.5, which rounds to 2.
    moves = found_moves(IMAGES, after, (2, 2))
    assert None not in moves
    assert {down for down, _ in moves} == {right for _, right in moves}
    assert {down for down, _ in moves} == {-2, -1, 0, 1, 2}
    assert len(set(moves)) > 15  # of 25 pairs: the axes move on their own


def test_all_moves_are_as_likely():
    rows = np.tile(
        np.arange(8.0, dtype="float32")[None, :, None, None], (9000, 1, 8, 1)
    )
    after = CountedShift(0.125, seed=2)(rows, training=True).numpy()
    # Row 4 shows the number of the row it came from.
    places, counts = np.unique(after[:, 4, 0, 0], return_counts=True)
    assert places.tolist() == [3.0, 4.0, 5.0]
    # Five standard deviations of 9,000 draws.
    assert np.abs(counts - 3000).max() < 5 * np.sqrt(9000 * 2 / 9)


def test_the_gradient_goes_back_to_the_pixel_that_was_shown():
    layer, twin = CountedShift(0.25, seed=3), CountedShift(0.25, seed=3)
    inputs = tf.constant(IMAGES)
    weights = np.random.default_rng(1).normal(size=IMAGES.shape).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = tf.reduce_sum(weights * layer(inputs, training=True))
    gradient = tape.gradient(value, inputs).numpy()
    after = twin(IMAGES, training=True).numpy()
    for number, move in enumerate(found_moves(IMAGES, after, (2, 2))):
        expected = np.zeros_like(IMAGES[number])
        for place in np.ndindex(8, 6):
            source = np.clip(np.subtract(place, move), 0, (7, 5))
            expected[tuple(source)] += weights[number][place]
        np.testing.assert_allclose(gradient[number], expected, rtol=1e-5, atol=1e-5)


def test_it_does_nothing_in_inference_or_at_share_zero():
    layer = CountedShift(0.25)
    np.testing.assert_array_equal(layer(IMAGES), IMAGES)
    assert int(layer.training_calls.numpy()) == 0
    np.testing.assert_array_equal(CountedShift(0.0)(IMAGES, training=True), IMAGES)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=f"share={share}"):
        CountedShift(share)


def test_rows_are_refused():
    with pytest.raises(ValueError, match=r"images.*Received: shape \(4, 3\)"):
        CountedShift()(np.zeros((4, 3), "float32"), training=True)


def test_xla_draws_the_same_and_a_saved_layer_goes_on(tmp_path):
    model = keras.Sequential([keras.Input((8, 6, 2)), CountedShift(0.25, seed=3)])
    twin = CountedShift(0.25, seed=3)
    compiled = tf.function(lambda x: twin(x, training=True), jit_compile=True)
    first = model(IMAGES, training=True)
    np.testing.assert_array_equal(compiled(tf.constant(IMAGES)), first)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.layers[-1].share == 0.25
    second = model(IMAGES, training=True)
    np.testing.assert_array_equal(loaded(IMAGES, training=True), second)
    assert np.any(second != first)


def test_replicas_see_what_one_device_would(two_replicas):
    expected = CountedShift(0.25, seed=3)(IMAGES, training=True).numpy()
    with two_replicas.scope():
        layer = CountedShift(0.25, seed=3)

    @tf.function
    def step():
        def here():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            half = tf.gather(IMAGES, 30 * replica + tf.range(30))
            return layer(half, training=True)

        return two_replicas.run(here)

    parts = two_replicas.experimental_local_results(step())
    np.testing.assert_array_equal(np.concatenate(parts), expected)
