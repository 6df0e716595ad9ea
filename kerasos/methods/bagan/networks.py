"""The networks of BAGAN, and a dense form for tables, which is ours.

In all, `seed` is the integer seed of the weights and `name` the name of the network.
"""

import keras

from kerasos.layers.upsample_conv import UpsampleConv2D
from kerasos.networks.mlp import dense
from kerasos.randomness.counted_layers import CountedDropout
from kerasos.randomness.seeds import derive_seed

LATENT_DIM = 100
_SLOPE, _DROPOUT = 0.3, 0.3  # authors' code: Keras's default slope
_DENSE_UNITS = (256, 128)


def smallest_grid(side):
    """Side of the grid from which the generator grows an image of that side.

    The side is halved while it is above 8, and once at least (the last is ours, for
    images of 8 pixels and less: the generator has to upsample).

    Args:
        side: Integer, height and width of the image.

    Returns:
        Integer; `side` is a power of two times it.

    Raises:
        ValueError: If halving does not come out even.

    Example:

    >>> [smallest_grid(side) for side in (28, 32, 64, 8)]
    [7, 8, 8, 4]
    """
    grid, doublings = side // 2, 1
    while grid > 8:
        grid, doublings = grid // 2, doublings + 1
    if grid < 1 or grid * 2**doublings != side:
        raise ValueError(
            "BAGAN doubles a small grid up to the image. Expected a side of 2, 4, "
            "6 or 8 pixels, or one of at most 8 times a power of two (10, 12, "
            f"..., 28, 32, 64). Received: {side}. Pad or resize the images."
        )
    return grid


def generator(shape, latent_dim, seed, name="generator"):
    """Latent to sample: the generator, and the decoder of the autoencoder.

    Images: Dense 1024 ReLU - Dense 7*7*128 ReLU - (double - Conv 5x5 ReLU)
    repeated - Conv 2x2 tanh, no biases: 8,163,840 parameters at 28x28x1. The
    convolutions have 256 filters, the last before the output 128. Tables (ours):
    Dense 128 ReLU - Dense 256 ReLU - Dense tanh, with biases.

    Args:
        shape: `(side, side, channels)`, or `(num_features,)`.
        latent_dim: Width of the latent.

    Returns:
        A `keras.Model` from latents to samples in (-1, 1).
    """
    inputs = hidden = keras.Input((latent_dim,))
    if len(shape) == 1:
        for index, units in enumerate(reversed(_DENSE_UNITS)):
            hidden = dense(units, seed, f"{name}_dense_{index}", "relu")(hidden)
        hidden = dense(shape[0], seed, f"{name}_output")(hidden)
        return _with_tanh(inputs, hidden, name)
    side, _, channels = shape
    grid = smallest_grid(side)
    for units in (1024, grid * grid * 128):
        kernel = keras.initializers.GlorotUniform(derive_seed(seed, name, units))
        hidden = keras.layers.Dense(
            units,
            activation="relu",
            use_bias=False,
            kernel_initializer=kernel,
            name=f"{name}_dense_{units}",
        )(hidden)
    hidden = keras.layers.Reshape((grid, grid, 128))(hidden)
    while grid < side:
        filters = 256 if grid < side / 2 else 128
        grid *= 2
        conv = _without_bias(seed, f"{name}_conv_{grid}")
        hidden = UpsampleConv2D(filters, 5, **conv)(hidden)
        hidden = keras.layers.ReLU()(hidden)
    conv = _without_bias(seed, f"{name}_output")
    hidden = keras.layers.Conv2D(channels, 2, padding="same", **conv)(hidden)
    return _with_tanh(inputs, hidden, name)


def encoder(shape, num_outputs, seed, name):
    """Sample to a linear output: the encoder, and the discriminator.

    Images: (Conv 3x3 - leaky ReLU .3 - Dropout .3) with 32, 64, 128, 256 filters
    and strides 2, 1, 2, 1, then pairs of 256 until the grid of the generator is
    reached; 387,840 parameters at 28x28x1, before the output. Tables (ours):
    (Dense - leaky ReLU .3 - Dropout .3) of 256 and 128 units.

    Args:
        shape: `(side, side, channels)`, or `(num_features,)`.
        num_outputs: Width of the output: the latent, or classes and "generated".
        seed: Integer seed of the weights and of dropout.

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
        for index, filters in enumerate(_filters(shape[0])):
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


def _filters(side):
    """Filters of the trunk's convolutions, of which each second halves the side."""
    grid, reached, filters = smallest_grid(side), -(-side // 4), [32, 64, 128, 256]
    while reached > grid:
        reached, filters = -(-reached // 2), [*filters, 256, 256]
    return filters


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
