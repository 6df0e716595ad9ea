"""The networks of BAGAN, and a dense form for tables, which is ours.

In all, `seed` is the integer seed of the weights and `name` the name of the network.
"""

import keras

from kerasos.layers.upsample_conv import UpsampleConv2D
from kerasos.networks.convolution import cropped
from kerasos.networks.image_size import halvings
from kerasos.networks.mlp import dense
from kerasos.randomness.counted_layers import CountedDropout
from kerasos.randomness.seeds import derive_seed

LATENT_DIM = 100
_SLOPE, _DROPOUT = 0.3, 0.3  # authors' code: Keras's default slope
_DENSE_UNITS = (256, 128)
_LESS = {"paper": 1, "medium": 2, "small": 4}


def smallest_grid(shape):
    """The grid from which the generator grows images, and how often it doubles.

    The sides are halved until both are at most 8, and once at least (the last is ours,
    for images of 8 pixels and less: the generator has to upsample). A side that this
    does not divide is rounded up, and the image cropped (ours).

    Args:
        shape: `(height, width, channels)`.

    Returns:
        `(height, width)` of the grid, and an integer.

    Example:

    >>> [smallest_grid((side, side, 1)) for side in (28, 64, 8)]
    [((7, 7), 2), ((8, 8), 3), ((4, 4), 1)]
    """
    doublings = halvings(shape, 8)
    return tuple(-(-side // 2**doublings) for side in shape[:2]), doublings


def generator(shape, latent_dim, seed, name="generator", size="paper"):
    """Latent to sample: the generator, and the decoder of the autoencoder.

    Images: Dense 1024 ReLU - Dense 7*7*128 ReLU - (double - Conv 5x5 ReLU)
    repeated - Conv 2x2 tanh, no biases: 8,163,840 parameters at 28x28x1. The
    convolutions have 256 filters, the last before the output 128. Tables (ours):
    Dense 128 ReLU - Dense 256 ReLU - Dense tanh, with biases.

    Args:
        shape: `(height, width, channels)`, or `(num_features,)`.
        latent_dim: Width of the latent.
        size: One of `kerasos.networks.image_size.SIZES`: "medium" has half, "small" a
            quarter of the units and filters.

    Returns:
        A `keras.Model` from latents to samples in (-1, 1).
    """
    inputs = hidden = keras.Input((latent_dim,))
    if len(shape) == 1:
        for index, units in enumerate(reversed(_DENSE_UNITS)):
            hidden = dense(units, seed, f"{name}_dense_{index}", "relu")(hidden)
        hidden = dense(shape[0], seed, f"{name}_output")(hidden)
        return _with_tanh(inputs, hidden, name)
    grid, doublings = smallest_grid(shape)
    maps = 128 // _LESS[size]
    for units in (1024 // _LESS[size], grid[0] * grid[1] * maps):
        kernel = keras.initializers.GlorotUniform(derive_seed(seed, name, units))
        hidden = keras.layers.Dense(
            units,
            activation="relu",
            use_bias=False,
            kernel_initializer=kernel,
            name=f"{name}_dense_{units}",
        )(hidden)
    hidden = keras.layers.Reshape((*grid, maps))(hidden)
    for index in range(1, doublings + 1):
        conv = _without_bias(seed, f"{name}_conv_{grid[0] * 2**index}")
        filters = maps if index == doublings else 2 * maps
        hidden = UpsampleConv2D(filters, 5, **conv)(hidden)
        hidden = keras.layers.ReLU()(hidden)
    conv = _without_bias(seed, f"{name}_output")
    hidden = keras.layers.Conv2D(shape[2], 2, padding="same", **conv)(hidden)
    hidden = cropped(hidden, shape)
    return _with_tanh(inputs, hidden, name)


def encoder(shape, num_outputs, seed, name, size="paper"):
    """Sample to a linear output: the encoder, and the discriminator.

    Images: (Conv 3x3 - leaky ReLU .3 - Dropout .3) with 32, 64, 128, 256 filters
    and strides 2, 1, 2, 1, then pairs of 256 until the grid of the generator is
    reached; 387,840 parameters at 28x28x1, before the output. Tables (ours):
    (Dense - leaky ReLU .3 - Dropout .3) of 256 and 128 units.

    Args:
        shape: `(height, width, channels)`, or `(num_features,)`.
        num_outputs: Width of the output: the latent, or classes and "generated".
        seed: Integer seed of the weights and of dropout.
        size: As in `generator`, but that "small" has half of the filters, too.

    Returns:
        A `keras.Model` from samples in [-1, 1] to `(batch, num_outputs)`; its last
        layer is the only one that depends on `num_outputs`.
    """
    inputs = hidden = keras.Input(shape)
    if len(shape) == 1:
        for index, units in enumerate(_DENSE_UNITS):
            hidden = dense(units, seed, f"{name}_dense_{index}")(hidden)
            hidden = _leaky_dropout(hidden, seed, f"{name}_dropout_{index}")
    else:
        for index, filters in enumerate(_filters(shape, size)):
            hidden = keras.layers.Conv2D(
                filters,
                3,
                strides=1 if index % 2 else 2,
                padding="same",
                kernel_initializer=keras.initializers.GlorotUniform(
                    derive_seed(seed, name, index)
                ),
                name=f"{name}_conv_{index}",
            )(hidden)
            hidden = _leaky_dropout(hidden, seed, f"{name}_dropout_{index}")
        hidden = keras.layers.Flatten()(hidden)
    # Logits and latents keep float32 under any precision policy.
    kernel = keras.initializers.GlorotUniform(derive_seed(seed, name, "output"))
    outputs = keras.layers.Dense(
        num_outputs, kernel_initializer=kernel, dtype="float32", name=f"{name}_output"
    )(hidden)
    return keras.Model(inputs, outputs, name=name)


def _filters(shape, size):
    """Filters of the trunk's convolutions, of which each second halves the sides."""
    side, (grid, _) = max(shape[:2]), smallest_grid(shape)
    reached, filters = -(-side // 4), [32, 64, 128, 256]
    while reached > max(grid):
        reached, filters = -(-reached // 2), [*filters, 256, 256]
    return [width // min(2, _LESS[size]) for width in filters]


def _leaky_dropout(hidden, seed, name):
    hidden = keras.layers.LeakyReLU(negative_slope=_SLOPE)(hidden)
    return CountedDropout(_DROPOUT, seed=derive_seed(seed, name), name=name)(hidden)


def _without_bias(seed, name):
    kernel = keras.initializers.GlorotNormal(derive_seed(seed, name))
    return {"use_bias": False, "kernel_initializer": kernel, "name": name}


def _with_tanh(inputs, hidden, name):
    # In half precision there are few numbers near 1.
    outputs = keras.layers.Activation("tanh", dtype="float32")(hidden)
    return keras.Model(inputs, outputs, name=name)
