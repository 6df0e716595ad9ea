"""Dropout: its mask, and that devices and restarts do not change it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.layers.dropout import ReplicaDropout


def ones(rows=4000, width=5):
    return tf.ones((rows, width))


def test_units_are_dropped_at_the_rate_and_the_others_scaled():
    outputs = ReplicaDropout(0.3, seed=1)(ones(), training=True).numpy()
    assert set(np.unique(outputs)) == {np.float32(0), np.float32(1 / np.float32(0.7))}
    dropped = (outputs == 0).mean(axis=0)
    # Five standard errors.
    assert np.all(np.abs(dropped - 0.3) < 5 * np.sqrt(0.21 / 4000))
    # Units fall independently of each other.
    correlation = np.corrcoef(outputs, rowvar=False)[np.triu_indices(5, 1)]
    assert np.all(np.abs(correlation) < 5 / np.sqrt(4000))


def test_inference_changes_nothing():
    x = tf.random.stateless_normal((3, 4), [0, 0])
    layer = ReplicaDropout(0.5, seed=1)
    for outputs in (layer(x), layer(x, training=False), ReplicaDropout(0.0)(x)):
        np.testing.assert_array_equal(outputs, x)
    assert ReplicaDropout(0.0)(x, training=True) is x


def test_each_call_draws_another_mask_fixed_by_the_seed():
    first, second = ReplicaDropout(0.5, seed=3), ReplicaDropout(0.5, seed=3)
    masks = [first(ones(8), training=True).numpy() for _ in range(3)]
    assert np.any(masks[0] != masks[1]) and np.any(masks[1] != masks[2])
    for mask in masks:
        np.testing.assert_array_equal(second(ones(8), training=True), mask)
    other = ReplicaDropout(0.5, seed=4)(ones(8), training=True)
    assert np.any(other != masks[0])


def test_a_free_batch_size_draws_the_same_mask():
    layer = ReplicaDropout(0.5, seed=3)
    free = tf.function(
        lambda x: layer(x, training=True),
        input_signature=[tf.TensorSpec((None, 5), tf.float32)],
    )
    expected = ReplicaDropout(0.5, seed=3)(ones(8), training=True)
    np.testing.assert_array_equal(free(ones(8)), expected)


def test_xla_draws_the_same_mask():
    left, right = ReplicaDropout(0.5, seed=3), ReplicaDropout(0.5, seed=3)
    compiled = tf.function(lambda x: left(x, training=True), jit_compile=True)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(ones(8)), right(ones(8), training=True))


def test_replicas_take_their_rows_of_one_mask(two_replicas):
    with two_replicas.scope():
        layer = ReplicaDropout(0.5, seed=3)
    run = tf.function(lambda: two_replicas.run(lambda: layer(ones(4), training=True)))
    alone = ReplicaDropout(0.5, seed=3)
    for _ in range(2):
        parts = two_replicas.experimental_local_results(run())
        expected = alone(ones(8), training=True)
        np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_the_dtype_is_kept_and_the_config_makes_the_same_layer():
    layer = ReplicaDropout(0.25, seed=3, dtype="mixed_float16")
    assert layer(ones(2), training=True).dtype == tf.float16
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert isinstance(again, ReplicaDropout)
    assert again.get_config() == layer.get_config()
    assert (again.rate, again.seed) == (0.25, 3)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(ValueError, match=r"`rate` must lie in \[0, 1\)"):
        ReplicaDropout(rate)
