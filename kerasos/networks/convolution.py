"""Convolutions with seeded kernels."""

import keras

from kerasos.randomness.seeds import derive_seed


def conv(filters, size, seed, name, normal=None, transpose=False, **options):
    """Returns a convolution that keeps the sides of an image.

    Args:
        filters, size, name: As in `keras.layers.Conv2D`.
        seed: Integer; the kernel is drawn from its stream `name`.
        normal: Standard deviation of a normal kernel, truncated unless transposed.
            Default: Keras's kernel.
        transpose: Whether it is a `Conv2DTranspose`.
        **options: Others of the layer, `strides` for instance.
    """
    seed = derive_seed(seed, name)
    kernel = keras.initializers.GlorotUniform(seed)
    if normal is not None:
        initializers = keras.initializers
        law = initializers.RandomNormal if transpose else initializers.TruncatedNormal
        kernel = law(stddev=normal, seed=seed)
    layer = keras.layers.Conv2DTranspose if transpose else keras.layers.Conv2D
    options = {"padding": "same", "kernel_initializer": kernel, **options}
    return layer(filters, size, name=name, **options)


def cropped(x, sides):
    """Cuts images to `(height, width)`, alike on both sides, where they are larger."""
    over = [size - side for size, side in zip(x.shape[1:3], sides, strict=False)]
    if any(over):
        x = keras.layers.Cropping2D([(n // 2, n - n // 2) for n in over])(x)
    return x
