"""Labels as constant maps beside the channels of an image."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kerasos")
class LabelMap(keras.layers.Layer):
    """Appends one channel a class to an image: 1 everywhere for its label, else 0.

    Call arguments:
        inputs: `[image, one_hot]`: `(batch, height, width, channels)` and
            `(batch, num_classes)`.

    Returns:
        Tensor `(batch, height, width, channels + num_classes)`; label k is in
        channel `channels + k`.

    Example:

    >>> LabelMap()([tf.zeros((2, 28, 28, 1)), tf.one_hot([3, 0], 10)]).shape
    TensorShape([2, 28, 28, 11])
    """

    def call(self, inputs):
        image, one_hot = inputs
        maps = tf.cast(one_hot, image.dtype)[:, None, None, :]
        size = tf.shape(image)
        ones = tf.ones((1, size[1], size[2], 1), image.dtype)
        return tf.concat([image, maps * ones], axis=-1)

    def compute_output_shape(self, input_shape):
        image, one_hot = input_shape
        return (*image[:-1], image[-1] + one_hot[-1])
