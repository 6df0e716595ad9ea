"""The networks of GAMO2pix: from features to images.

Sizes at 28x28 are those of the authors' code (VAE) and of BEGAN; other sizes are ours:
the VAE's decoder starts at a quarter of the side, BEGAN's networks at the side halved
until it is at most 8. A side that the halvings do not divide is rounded up, and what
is too much is cropped.

In all, `seed` is the integer seed of the weights and `name` the name of the network.
"""

import keras
import tensorflow as tf

from kerasos.networks.convolution import conv, cropped
from kerasos.networks.image_size import halvings
from kerasos.networks.mlp import dense, joined_inputs

LATENT_DIM = 100
_WIDTH = 32  # of the VAE's decoder
_SMALLEST = 8  # side of BEGAN's first grid, at most


def posterior_head(num_inputs, latent_dim, seed, name="head"):
    """Features to mean and log-variance of a Gaussian.

    Dense 128 tanh, then Dense for the mean and Dense for the log-variance: 91,464
    parameters from 512 to 100 (authors' code).

    Args:
        num_inputs: Width of the features, or a tuple of widths: then the network
            takes a list of inputs.
        latent_dim: Width of the Gaussian.

    Returns:
        A `keras.Model` with two outputs `(batch, latent_dim)`.
    """
    inputs, hidden = joined_inputs(num_inputs)
    hidden = dense(128, seed, f"{name}_dense", "tanh")(hidden)
    outputs = [
        dense(latent_dim, seed, f"{name}_{part}")(hidden)
        for part in ("mean", "log_variance")
    ]
    return keras.Model(inputs, outputs, name=name)


def vae_decoder(shape, num_inputs, seed, name="decoder", size="paper"):
    """Latents to an image in [-1, 1].

    Dense 7*7*32 LReLU(.1) - two times ConvT 4x4x32 stride 2 LReLU(.1) - Conv 4x4 tanh:
    191,713 parameters from 100 to 28x28x1 (authors' code).

    Args:
        shape: `(height, width, channels)`.
        num_inputs: As in `posterior_head`.
        size: One of `kerasos.networks.image_size.SIZES`; all but "paper" double a grid
            of at most 8 as often as it takes.

    Returns:
        A `keras.Model` to `(batch, height, width, channels)`.
    """
    doublings = 2 if size == "paper" else halvings(shape, 8)
    grid = [-(-side // 2**doublings) for side in shape[:2]]
    inputs, x = joined_inputs(num_inputs)
    x = dense(grid[0] * grid[1] * _WIDTH, seed, f"{name}_dense")(x)
    x = keras.layers.LeakyReLU(negative_slope=0.1)(x)
    x = keras.layers.Reshape((*grid, _WIDTH))(x)
    for index in range(doublings):
        layer = f"{name}_deconv_{index}"
        x = conv(_WIDTH, 4, seed, layer, transpose=True, strides=2)(x)
        x = keras.layers.LeakyReLU(negative_slope=0.1)(x)
    x = conv(shape[2], 4, seed, f"{name}_output", activation="tanh")(x)
    return keras.Model(inputs, cropped(x, shape[:2]), name=name)


def began_generator(shape, num_inputs, seed, filters=64, name="decoder"):
    """Features to an image: the generator of BEGAN.

    Dense s*s*64 - reshape - two times Conv 3x3 64 ELU, then enlarged twofold (nearest),
    repeated up to full size - Conv 3x3 linear: 1,830,913 parameters from 512 to
    28x28x1, where s is 7.

    Args:
        shape: `(height, width, channels)`.
        num_inputs: As in `posterior_head`.
        filters: Filters of every hidden convolution, 64.

    Returns:
        A `keras.Model` to `(batch, height, width, channels)`.
    """
    inputs, x = joined_inputs(num_inputs)
    return keras.Model(inputs, _enlarged(x, shape, seed, filters, name), name=name)


def began_autoencoder(shape, seed, filters=64, name="critic"):
    """Image to image through a code of 64: the discriminator of BEGAN.

    Conv 3x3 n ELU; per scale j = 1, 2, ... two times Conv 3x3 (n j) ELU, and but for
    the last scale Conv 3x3 (n j) ELU of stride 2; Dense 64; then as `began_generator`,
    with n = 64.

    Args:
        shape: `(height, width, channels)`.
        filters: n, 64.

    Returns:
        A `keras.Model` from and to `(batch, height, width, channels)`.
    """
    grids = _grids(shape)
    image = keras.Input(shape)
    x = conv(filters, 3, seed, f"{name}_input", activation="elu")(image)
    for scale in range(1, len(grids) + 1):
        layer, width = f"{name}_down_{scale}", scale * filters
        for index in range(2):
            x = conv(width, 3, seed, f"{layer}_{index}", activation="elu")(x)
        if scale < len(grids):
            x = conv(width, 3, seed, f"{layer}_half", activation="elu", strides=2)(x)
    x = keras.layers.Flatten()(x)
    x = dense(64, seed, f"{name}_code")(x)
    return keras.Model(image, _enlarged(x, shape, seed, filters, name), name=name)


def run(network, rows, labels):
    """Runs a head or a decoder; one that classes share takes the one-hot label as well.

    Args:
        network: Keras model of one input, or of two, the second the one-hot label.
        rows: Float tensor `(batch, width)`, features or latents.
        labels: Integer tensor `(batch,)`.
    """
    if len(network.inputs) == 2:
        rows = [rows, tf.one_hot(labels, network.inputs[1].shape[-1])]
    return network(rows)


def _enlarged(x, shape, seed, filters, name):
    *larger, smallest = _grids(shape)
    x = dense(smallest[0] * smallest[1] * filters, seed, f"{name}_dense")(x)
    x = keras.layers.Reshape((*smallest, filters))(x)
    for scale, grid in enumerate([*reversed(larger), None]):
        for index in range(2):
            layer = f"{name}_up_{scale}_{index}"
            x = conv(filters, 3, seed, layer, activation="elu")(x)
        if grid is not None:
            x = cropped(keras.layers.UpSampling2D(2)(x), grid)
    return conv(shape[2], 3, seed, f"{name}_output")(x)


def _grids(shape):
    """Sides of the image, halved until they are small, largest first."""
    grids = [tuple(shape[:2])]
    while max(grids[-1]) > _SMALLEST:
        grids.append(tuple(-(-side // 2) for side in grids[-1]))
    return grids
