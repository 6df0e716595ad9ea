"""Nearest upsampling and a convolution in one, at a fraction of the work."""

import keras
import numpy as np
import tensorflow as tf

_FIXED = ("strides", "padding", "dilation_rate", "groups", "data_format")


@keras.saving.register_keras_serializable(package="kerasos")
class UpsampleConv2D(keras.layers.Conv2D):
    """`Conv2D(padding="same")` of `UpSampling2D(size)`, as one transposed convolution.

    Equal copies of a pixel fall under several taps, which can be added up first. With
    kernel k and `size` 2 the same image, borders included, comes of a transposed
    convolution with stride 2 and, along each axis, the kernel

        [k2, k1 + k2, k0 + k1, k0]                          of 3 taps
        [k4, k3 + k4, k2 + k3, k1 + k2, k0 + k1, k0]        of 5 taps

    that is, 2.25 or 2.8 times fewer multiplications. The weights are those of the
    convolution, and so are their number, their gradients and what a checkpoint holds.

    Args:
        filters: Integer, channels of the output.
        kernel_size: Odd integer, or two of them. Default 3.
        size: Integer, by which height and width grow. Default 2.
        **kwargs: `activation`, `use_bias`, `kernel_initializer` and the others of
            `keras.layers.Conv2D`, but not `strides` (1), `padding` ("same"),
            `dilation_rate` (1), `groups` (1) and `data_format` ("channels_last").

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.

    Returns:
        Float tensor `(batch, size * height, size * width, filters)`.

    Raises:
        TypeError: If an argument is given that is fixed here.
        ValueError: If a kernel size is even, or `size` is no positive integer.

    Example:

    >>> UpsampleConv2D(8, use_bias=False)(tf.ones((1, 7, 7, 4))).shape
    TensorShape([1, 14, 14, 8])
    """

    def __init__(self, filters, kernel_size=3, size=2, **kwargs):
        fixed = [name for name in _FIXED if name in kwargs]
        if fixed:
            raise TypeError(
                f"`UpsampleConv2D` takes no `{fixed[0]}`. Received: "
                f"{fixed[0]}={kwargs[fixed[0]]!r}. Use UpSampling2D and Conv2D."
            )
        super().__init__(
            filters, kernel_size, padding="same", data_format="channels_last", **kwargs
        )
        if any(taps % 2 == 0 for taps in self.kernel_size):
            raise ValueError(
                "`kernel_size` must be odd, to be folded. Received: "
                f"{self.kernel_size}. Use UpSampling2D and Conv2D."
            )
        if size != int(size) or size < 1:
            raise ValueError(
                f"`size` must be an integer of at least 1. Received: {size}."
            )
        self.size = int(size)

    def convolution_op(self, inputs, kernel):
        batch, height, width = (tf.shape(inputs)[axis] for axis in range(3))
        outputs = tf.nn.conv2d_transpose(
            inputs,
            self._folded(kernel),
            (batch, self.size * height, self.size * width, self.filters),
            strides=self.size,
            padding="SAME",
        )
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return outputs

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        grown = [side and self.size * side for side in (height, width)]
        return (batch, *grown, self.filters)

    def _folded(self, kernel):
        """The kernel of the transposed convolution, `(rows, columns, out, in)`."""
        rows, columns = (_fold(taps, self.size) for taps in self.kernel_size)
        return tf.einsum(
            "rs,ct,stio->rcoi",
            tf.constant(rows, kernel.dtype),
            tf.constant(columns, kernel.dtype),
            kernel,
        )

    def get_config(self):
        config = super().get_config()
        for name in _FIXED:
            del config[name]
        return {**config, "size": self.size}


def _fold(taps, size):
    """Matrix `(taps + size - 1, taps)` that folds a kernel along one axis.

    Tap t of the convolution at output o reads pixel n where o + t - (taps - 1) / 2 is
    one of size * n + 0, 1, .. size - 1; entry o - size * n + (taps - 1) / 2 of the
    folded kernel carries n to o.
    """
    places = np.add.outer(np.arange(taps + size - 1), np.arange(taps)) - (taps - 1)
    return ((places >= 0) & (places < size)).astype("float32")
