"""Batch normalisation, against Keras on one device and by itself on two."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.layers.batch_norm import GlobalBatchNormalization


def draw(shape=(8, 3, 2, 5), seed=0):
    source = np.random.default_rng(seed)
    return (3.0 + 2.0 * source.standard_normal(shape)).astype("float32")


def pair(shape, epsilon=1e-5):
    """The layer and Keras's, with the same weights away from their start."""
    ours = GlobalBatchNormalization(momentum=0.9, epsilon=epsilon)
    theirs = keras.layers.BatchNormalization(momentum=0.9, epsilon=epsilon)
    source = np.random.default_rng(1)
    weights = [source.uniform(0.5, 1.5, shape[-1]).astype("float32") for _ in range(4)]
    for layer in (ours, theirs):
        layer.build((None, *shape[1:]))
        layer.set_weights(weights)
    return ours, theirs


@pytest.mark.parametrize("shape", [(8, 5), (8, 3, 2, 5)])
@pytest.mark.parametrize("training", [False, True])
def test_it_equals_keras_with_gradients_and_moving_averages(shape, training):
    x = tf.constant(draw(shape))
    outputs, gradients, layers = [], [], pair(shape)
    factor = draw(shape, seed=2)
    for layer in layers:
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x, training=training)
            loss = tf.reduce_sum(factor * output)
        outputs.append(output)
        variables = [v.value for v in layer.trainable_variables]
        gradients.append(tape.gradient(loss, [x, *variables]))
    np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(*(layer.get_weights() for layer in layers), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_samples_that_are_nearly_alike_keep_their_differences():
    # E[x^2] - E[x]^2 has an error of 1e-3 here in float32, twice the variance.
    x = 100.0 + 0.01 * np.arange(8, dtype="float32")[:, None]
    layer = GlobalBatchNormalization(epsilon=1e-12)
    output = layer(x, training=True).numpy()
    exact = x.astype("float64")
    expected = (exact - exact.mean()) / exact.std()
    np.testing.assert_allclose(output, expected, atol=2e-3)


def test_two_replicas_normalise_as_one_device(two_replicas):
    x = 50.0 + draw((8, 3))
    alone = GlobalBatchNormalization()
    expected = alone(x, training=True)
    with two_replicas.scope():
        layer = GlobalBatchNormalization()
        layer.build((None, 3))

    @tf.function
    def step(halves):
        return two_replicas.run(lambda half: layer(half, training=True), (halves,))

    halves = two_replicas.experimental_distribute_values_from_function(
        lambda context: tf.constant(x[4 * context.replica_id_in_sync_group :][:4])
    )
    outputs = two_replicas.experimental_local_results(step(halves))
    np.testing.assert_allclose(np.concatenate(outputs), expected, atol=1e-4)
    for ours, theirs in zip(layer.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_half_precision_inputs_are_normalised_in_single():
    layer = GlobalBatchNormalization(dtype="mixed_float16")
    x = tf.constant(300.0 * draw((8, 3)), tf.float16)  # their squares overflow
    output = layer(x, training=True)
    assert output.dtype == tf.float16
    np.testing.assert_allclose(np.std(output, axis=0, dtype="float32"), 1, atol=1e-2)
    assert all(v.dtype == "float32" for v in layer.variables)


def test_the_config_rebuilds_the_layer():
    layer = GlobalBatchNormalization(momentum=0.7, epsilon=0.01)
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert (copy.momentum, copy.epsilon) == (0.7, 0.01)


def test_the_scale_may_start_around_one():
    start = keras.initializers.RandomNormal(1.0, 0.02, seed=3)
    layer = GlobalBatchNormalization(gamma_initializer=start)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    for built in (layer, copy):
        built.build((None, 400))
    gamma = layer.gamma.numpy()
    assert abs(gamma.mean() - 1.0) < 0.005 and abs(gamma.std() - 0.02) < 0.005
    np.testing.assert_array_equal(copy.gamma, gamma)
