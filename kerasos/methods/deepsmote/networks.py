"""The autoencoder of DeepSMOTE, for 28x28 and 32x32 images as in its code.

Weights start as Keras's do (Glorot uniform); the code takes PyTorch's defaults. Sizes
other than 28x28 and, in the decoder, 32x32 are ours:

| side of the image | encoder, filters of 4x4 convolutions | decoder starts at |
|---|---|---|
| up to 16 | 64, 128 | side / 4, 128 maps |
| up to 32 | 64, 128, 256, 512 | side / 4, 512 maps |
| larger | 64, 128, 256, 512 | side / 8, side / 16, ..., at most 8, 512 maps |

A side that the halvings do not divide is rounded up and the decoded image cropped.

In all, `seed` is the integer seed of the weights and `name` the name of the network.
"""

import keras

from kerasos.layers.batch_norm import GlobalBatchNormalization
from kerasos.networks.convolution import conv, cropped
from kerasos.networks.image_size import maps_of_grids
from kerasos.networks.mlp import dense

FILTERS = 64
_SLOPE = 0.2
_SMALL_SIDE = 16


def encoder(shape, latent_dim, seed, filters=FILTERS, name="encoder", size="paper"):
    """Image to latent.

    Conv 64 - Conv 128 - Conv 256 - Conv 512, kernels 4x4 without bias, stride 2 and a
    border of one pixel, batch normalisation but after the first and leaky ReLU .2;
    then a linear layer: 2,909,228 trainable parameters for 28x28x1 and 300 latents. A
    grid of 4x4 before the last convolution, that of 32x32, is taken whole.

    Args:
        shape: `(height, width, channels)`.
        latent_dim: Width of the latent.
        filters: Filters of the first convolution.
        size: One of `kerasos.networks.image_size.SIZES`; all but "paper" have filters
            of their own.

    Returns:
        A `keras.Model` from images in [-1, 1] to latents.
    """
    inputs = hidden = keras.Input(shape)
    maps = [filters * 2**index for index in range(2 if _is_small(shape) else 4)]
    maps = maps if size == "paper" else maps_of_grids(shape, size)
    for index, width in enumerate(maps):
        whole = size == "paper" and index == 3 and tuple(hidden.shape[1:3]) == (4, 4)
        if not whole:
            hidden = keras.layers.ZeroPadding2D(1)(hidden)
        conv_name = f"{name}_conv_{index}"
        options = {"strides": 1 if whole else 2, "padding": "valid", "use_bias": False}
        hidden = conv(width, 4, seed, conv_name, **options)(hidden)
        if index:
            hidden = GlobalBatchNormalization(name=f"{conv_name}_norm")(hidden)
        hidden = keras.layers.LeakyReLU(negative_slope=_SLOPE)(hidden)
    hidden = keras.layers.Flatten()(hidden)
    outputs = dense(latent_dim, seed, f"{name}_output")(hidden)
    return keras.Model(inputs, outputs, name=name)


def decoder(shape, latent_dim, seed, filters=FILTERS, name="decoder", size="paper"):
    """Latent to image.

    28x28: Dense 7*7*512 ReLU - Deconv 4x4 256 - Deconv 4x4 128, each of stride 1 and
    widening the grid by 3, with batch normalisation and ReLU - Deconv 4x4 stride 2 -
    tanh: 10,176,129 trainable parameters for 300 latents and one channel. Other
    sizes: Deconv 4x4 stride 2 with half the maps each, then a Deconv of stride 1 (none
    up to 16 pixels).

    Args:
        shape: `(height, width, channels)`.
        latent_dim: Width of the latent.
        filters: A quarter of the maps of the stage before the last, as of the
            encoder's.
        size: As in `encoder`.

    Returns:
        A `keras.Model` from latents to images in (-1, 1).
    """

    def deconv(maps, strides, padding, name):
        options = {"strides": strides, "padding": padding}
        return conv(maps, 4, seed, name, transpose=True, **options)

    channels, side = shape[2], max(shape[:2])
    if size != "paper":
        *larger, maps = maps_of_grids(shape, size)
        grid = [-(-side // 2 ** (len(larger) + 1)) for side in shape[:2]]
        stages = [(width, 2, "same") for width in reversed(larger)]
        last = (channels, 2, "same")
    elif tuple(shape[:2]) == (28, 28):
        grid, maps = (7, 7), 8 * filters
        stages = [(4 * filters, 1, "valid"), (2 * filters, 1, "valid")]
        last = (channels, 2, "valid")
    elif _is_small(shape):
        grid, maps = [-(-size // 4) for size in shape[:2]], 2 * filters
        stages, last = [(filters, 2, "same")], (channels, 2, "same")
    else:
        doublings = 2
        while side > 8 * 2**doublings:
            doublings += 1
        grid, maps = [-(-size // 2**doublings) for size in shape[:2]], 8 * filters
        stages = [(maps // 2**i, 2, "same") for i in range(1, doublings + 1)]
        last = (channels, 1, "same")
    inputs = keras.Input((latent_dim,))
    units = grid[0] * grid[1] * maps
    hidden = dense(units, seed, f"{name}_dense", "relu")(inputs)
    hidden = keras.layers.Reshape((*grid, maps))(hidden)
    for index, stage in enumerate(stages):
        deconv_name = f"{name}_deconv_{index}"
        hidden = deconv(*stage, deconv_name)(hidden)
        hidden = GlobalBatchNormalization(name=f"{deconv_name}_norm")(hidden)
        hidden = keras.layers.ReLU()(hidden)
    hidden = cropped(deconv(*last, f"{name}_output")(hidden), shape)
    # In half precision there are few numbers near 1.
    outputs = keras.layers.Activation("tanh", dtype="float32")(hidden)
    return keras.Model(inputs, outputs, name=name)


def _is_small(shape):
    return max(shape[:2]) <= _SMALL_SIDE
