"""The folded convolution, against upsampling and convolution."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.layers import UpsampleConv2D
from kerasos.layers.upsample_conv import _fold


def draw(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def pair(taps, size=2, channels=3, filters=4, **options):
    """The layer, and the two layers it stands for, with the same weights."""
    folded = UpsampleConv2D(filters, taps, size, **options)
    plain = keras.Sequential(
        [
            keras.layers.UpSampling2D(size, interpolation="nearest"),
            keras.layers.Conv2D(filters, taps, padding="same", **options),
        ]
    )
    folded.build((None, None, None, channels))
    plain.build((None, None, None, channels))
    weights = [draw(w.shape, seed) for seed, w in enumerate(folded.get_weights())]
    folded.set_weights(weights)
    plain.set_weights(weights)
    return folded, plain


def test_taps_add_up_as_written():
    k = np.float32([1, 10, 100])
    np.testing.assert_array_equal(_fold(3, 2) @ k, [100, 110, 11, 1])
    k = np.float32([1, 10, 100, 1000, 10000])
    expected = [10000, 11000, 1100, 110, 11, 1]
    np.testing.assert_array_equal(_fold(5, 2) @ k, expected)


@pytest.mark.parametrize("taps, size", [(3, 2), (5, 2), (1, 2), ((3, 5), 2), (3, 3)])
@pytest.mark.parametrize("shape", [(2, 4, 4, 3), (2, 5, 7, 3), (2, 1, 1, 3)])
def test_image_and_gradients_equal_those_of_the_two_layers(taps, size, shape):
    layers, results = pair(taps, size), []
    for layer in layers:
        x = tf.constant(draw(shape, 5))
        with tf.GradientTape() as tape:
            tape.watch(x)
            image = layer(x)
            factor = draw(image.shape, 6)
            loss = tf.reduce_sum(factor * tf.square(image)) / image.shape.num_elements()
        variables = [v.value for v in layer.trainable_variables]
        results.append([image, *tape.gradient(loss, [x, *variables])])
    assert len(results[0]) == 4
    for folded, plain in zip(*results, strict=True):
        scale = np.abs(plain).max()
        np.testing.assert_allclose(folded, plain, atol=1e-5 * max(scale, 1.0))


def test_weights_have_the_shapes_of_a_convolution():
    folded, plain = pair(3, use_bias=False)
    assert [w.shape for w in folded.weights] == [(3, 3, 3, 4)]
    assert [w.shape for w in folded.weights] == [w.shape for w in plain.weights]
    start = keras.initializers.GlorotNormal(3)
    ours, theirs = (
        UpsampleConv2D(4, kernel_initializer=start),
        keras.layers.Conv2D(4, 3, kernel_initializer=start),
    )
    for layer in (ours, theirs):
        layer.build((None, 6, 6, 3))
    np.testing.assert_array_equal(ours.get_weights()[0], theirs.get_weights()[0])


def test_bias_and_activation_come_after():
    folded, plain = pair(3, activation="relu")
    assert [w.shape for w in folded.weights] == [(3, 3, 3, 4), (4,)]
    image = folded(draw((2, 4, 4, 3)))
    np.testing.assert_allclose(image, plain(draw((2, 4, 4, 3))), atol=1e-5)
    assert np.min(image) == 0.0


def test_shapes_are_static_where_the_input_is():
    inputs = keras.Input((4, 5, 3))
    assert UpsampleConv2D(7)(inputs).shape == (None, 8, 10, 7)
    assert UpsampleConv2D(7, 5, 3)(inputs).shape == (None, 12, 15, 7)
    assert UpsampleConv2D(7)(keras.Input((None, 5, 3))).shape == (None, None, 10, 7)
    layer = UpsampleConv2D(7)
    layer.build((None, 4, 5, 3))
    traced = tf.function(layer).get_concrete_function(tf.TensorSpec((None, 4, 5, 3)))
    assert traced.structured_outputs.shape.as_list() == [None, 8, 10, 7]


def test_xla_gives_the_same():
    layer, _ = pair(3)
    x = tf.constant(draw((2, 5, 4, 3)))

    @tf.function(jit_compile=True)
    def compiled(x):
        with tf.GradientTape() as tape:
            image = layer(x)
            loss = tf.reduce_sum(tf.square(image))
        return image, tape.gradient(loss, layer._kernel.value)

    with tf.GradientTape() as tape:
        image = layer(x)
        loss = tf.reduce_sum(tf.square(image))
    gradient = tape.gradient(loss, layer._kernel.value)
    by_xla = compiled(x)
    np.testing.assert_allclose(by_xla[0], image, atol=1e-4)
    np.testing.assert_allclose(by_xla[1], gradient, rtol=1e-4, atol=1e-2)


def test_half_precision_is_close():
    layer = UpsampleConv2D(4, dtype="mixed_bfloat16")
    x = draw((2, 4, 4, 3))
    image = layer(x)
    exact = UpsampleConv2D(4)
    exact.build(x.shape)
    exact.set_weights(layer.get_weights())
    assert image.dtype == tf.bfloat16 and layer.kernel.dtype == "float32"
    np.testing.assert_allclose(tf.cast(image, tf.float32), exact(x), atol=0.1)


def test_a_saved_model_loads_and_gives_the_same(tmp_path):
    inputs = keras.Input((4, 4, 3))
    outputs = UpsampleConv2D(
        4, 5, use_bias=False, kernel_initializer=keras.initializers.HeNormal(1)
    )(inputs)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = draw((2, 4, 4, 3))
    np.testing.assert_array_equal(loaded(x), model(x))
    layer = UpsampleConv2D.from_config(UpsampleConv2D(4, (3, 5), 3).get_config())
    assert (layer.filters, layer.kernel_size, layer.size) == (4, (3, 5), 3)


def test_what_cannot_be_folded_is_refused():
    with pytest.raises(ValueError, match=r"odd, to be folded. Received: \(4, 4\)"):
        UpsampleConv2D(4, 4)
    for size in (0, 1.5):
        with pytest.raises(ValueError, match=f"at least 1. Received: {size}"):
            UpsampleConv2D(4, size=size)
    with pytest.raises(TypeError, match="takes no `strides`. Received: strides=2"):
        UpsampleConv2D(4, strides=2)
