"""Label maps: the channel of the label is 1 everywhere, the others 0."""

import numpy as np
import tensorflow as tf

from kerasos.layers.label_map import LabelMap


def test_the_map_of_the_label_is_one_everywhere_and_the_others_are_zero():
    image = np.random.default_rng(0).uniform(size=(3, 5, 4, 2)).astype("float32")
    labels = [3, 0, 2]
    maps = LabelMap()([image, tf.one_hot(labels, 4)]).numpy()
    assert maps.shape == (3, 5, 4, 6)
    np.testing.assert_array_equal(maps[..., :2], image)
    for row, label in enumerate(labels):
        for k in range(4):
            expected = np.full((5, 4), float(k == label))
            np.testing.assert_array_equal(maps[row, :, :, 2 + k], expected)


def test_the_maps_take_the_dtype_of_the_image():
    layer = LabelMap(dtype="float16")
    maps = layer([tf.zeros((2, 3, 3, 1), tf.float16), tf.one_hot([1, 0], 2)])
    assert maps.dtype == tf.float16
    assert layer.compute_output_shape([(None, 3, 3, 1), (None, 2)]) == (None, 3, 3, 3)
