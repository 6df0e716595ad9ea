"""The ablation cG: one network for all classes, no convexity."""

import keras
import numpy as np
import tensorflow as tf

from kerasos.layers.conditional import ConditionalGenerator


def make_generator():
    inputs = [keras.Input((2,)), keras.Input((3,))]
    hidden = keras.layers.Concatenate()(inputs)
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(5, "relu")(hidden))
    outputs = keras.layers.Dense(4, "tanh")(hidden)
    return ConditionalGenerator(keras.Model(inputs, outputs), labels=[0, 2])


def draw(num):
    source = np.random.default_rng(0)
    noise = source.normal(size=(num, 2)).astype("float32")
    return tf.constant(noise), np.sort(source.choice([0, 2], num)).astype("int32")


def test_samples_are_the_network_of_noise_and_one_hot_label():
    generator = make_generator()
    noise, labels = draw(9)
    one_hot = tf.constant(np.eye(3, dtype="float32")[labels])
    expected = generator.network([noise, one_hot])
    np.testing.assert_array_equal(generator(noise, labels), expected)
    assert generator.latent_dim == 2 and generator.labels == [0, 2]


def test_block_form_equals_per_class_form():
    generator = make_generator()
    noise, labels = draw(9)
    sizes = np.bincount(labels, minlength=3).tolist()
    for training in (False, True):
        block = generator(noise, labels, training=training)
        grouped = generator.grouped(noise, sizes, training=training)
        np.testing.assert_allclose(block, grouped, atol=1e-6)


def test_label_and_noise_both_matter():
    generator = make_generator()
    noise, _ = draw(9)
    zeros, twos = (generator(noise, np.full(9, k, "int32")).numpy() for k in (0, 2))
    assert np.abs(zeros - twos).max() > 1e-3
    assert np.ptp(zeros, axis=0).max() > 1e-3


def test_a_step_on_any_class_moves_the_whole_network():
    generator = make_generator()
    paths = [v.path for v in generator.network.trainable_variables]
    for label in generator.labels:
        assert [v.path for v in generator.class_variables(label)] == paths


def test_config_rebuilds_the_layer():
    generator = make_generator()
    config = keras.saving.serialize_keras_object(generator)
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(generator.get_weights())
    noise, labels = draw(9)
    np.testing.assert_array_equal(copy(noise, labels), generator(noise, labels))
    assert copy.labels == [0, 2]


def test_half_precision_network_gives_float32_samples():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        generator = make_generator()
    finally:
        keras.config.set_dtype_policy("float32")
    noise, labels = draw(4)
    assert generator(noise, labels).dtype == tf.float32
    assert generator.grouped(noise, (2, 0, 2)).dtype == tf.float32
