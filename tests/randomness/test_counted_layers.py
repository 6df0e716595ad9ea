"""Draws that count their calls: right shares, saved, other rows on each replica."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.randomness.counted_layers import CountedDropout, CountedSpatialDropout

ONES = np.ones((500, 40), "float32")


def test_dropout_keeps_the_stated_share_and_the_mean():
    out = CountedDropout(0.2, seed=1)(ONES, training=True).numpy()
    assert set(np.unique(out)) == {0.0, np.float32(1.25)}
    # Five standard deviations of 20,000 coins.
    assert abs((out == 0).mean() - 0.2) < 5 * np.sqrt(0.2 * 0.8 / ONES.size)


def test_dropout_does_nothing_in_inference_or_at_rate_zero():
    layer = CountedDropout(0.5)
    np.testing.assert_array_equal(layer(ONES), ONES)
    assert int(layer.training_calls.numpy()) == 0
    np.testing.assert_array_equal(CountedDropout(0.0)(ONES, training=True), ONES)
    with pytest.raises(ValueError, match="rate=1"):
        CountedDropout(1.0)


def test_draws_depend_on_seed_and_count_alone():
    first, second = (CountedDropout(0.5, seed=3) for _ in range(2))
    a = [first(ONES, training=True).numpy() for _ in range(2)]
    assert np.any(a[0] != a[1])
    np.testing.assert_array_equal(second(ONES, training=True), a[0])
    compiled = tf.function(lambda x: second(x, training=True), jit_compile=True)
    np.testing.assert_array_equal(compiled(tf.constant(ONES)), a[1])
    other = CountedDropout(0.5, seed=4)(ONES, training=True)
    assert np.any(other != a[0])


def test_spatial_dropout_keeps_or_drops_whole_maps():
    ones = np.ones((200, 3, 2, 40), "float32")
    out = CountedSpatialDropout(0.25, seed=1)(ones, training=True).numpy()
    np.testing.assert_array_equal(out, np.broadcast_to(out[:, :1, :1], out.shape))
    coins = out[:, 0, 0]
    assert set(np.unique(coins)) == {0.0, np.float32(1 / 0.75)}
    # Five standard deviations of 8,000 coins.
    assert abs((coins == 0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / coins.size)
    # Each sample and each map has its own.
    assert len(np.unique(coins, axis=0)) == 200
    assert len(np.unique(coins, axis=1)[0]) == 40


@pytest.mark.parametrize("kind", [CountedDropout, CountedSpatialDropout])
def test_the_config_rebuilds_the_layer(kind):
    layer = kind(0.3, seed=5)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(copy) is kind and (copy.rate, copy.seed) == (0.3, 5)


def test_a_saved_layer_goes_on_counting(tmp_path):
    model = keras.Sequential([keras.Input((40,)), CountedDropout(0.5, seed=3)])
    model(ONES, training=True)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    expected = model(ONES, training=True)
    np.testing.assert_array_equal(loaded(ONES, training=True), expected)


@pytest.mark.parametrize(
    ("kind", "ones"),
    [(CountedDropout, ONES), (CountedSpatialDropout, ONES[:40].reshape(40, 2, 2, 10))],
)
def test_replicas_see_what_one_device_would(kind, ones, two_replicas):
    alone = kind(0.5, seed=3)
    expected = [alone(ones, training=True).numpy() for _ in range(2)]
    with two_replicas.scope():
        layer = kind(0.5, seed=3)

    @tf.function
    def step():
        half = ones[: len(ones) // 2]
        return two_replicas.run(lambda: layer(half, training=True))

    for whole in expected:
        parts = two_replicas.experimental_local_results(step())
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert int(layer.training_calls.numpy()) == 2
