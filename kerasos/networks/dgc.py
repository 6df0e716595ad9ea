"""The networks of DGC, and dense forms of them for tables, which are ours.

Those of the Wasserstein autoencoder (Tolstikhin et al., 2018) with a label in the
encoder (Wang, Lyu, Jing, authors' code). Weights N(0, 0.01^2), truncated in
convolutions; batch normalisation with decay .9. Sides other than 28 and 64 are ours:

| side of the image | kernels | encoder | decoder | label head |
|---|---|---|---|---|
| up to 32 | 4x4 | halved down to 2 (28: 4 times) | 2 doublings less | linear |
| up to 64 | 5x5 | halved down to 2 (64: 5 times) | 2 doublings less | 500 - 500 |

The decoder doubles once at least. A side that the halvings do not divide is rounded up
and the generated image cropped.

In all, `seed` is the integer seed of the weights and `name` the name of the network.
"""

import keras

from kerasos.layers.batch_norm import GlobalBatchNormalization
from kerasos.layers.gaussian import MeanAndLogVariance
from kerasos.networks.convolution import conv, cropped
from kerasos.networks.mlp import dense

LATENT_DIM = 64
WIDTH = 1024
STDDEV = 0.01
LARGE = 32  # above it, kernels are 5x5 and the label head has hidden layers
_DENSE_UNITS = (256, 256)
_HEAD_UNITS = (500, 500)


def trunk(shape, seed, width=WIDTH, name="trunk"):
    """Sample to features: what the encoder does before it sees the label.

    Images: (Conv stride 2 - BN - ReLU) with `width` filters in the last layer and half
    as many in each one before, flattened: 11,017,856 parameters at 28x28x1. Rows:
    (Dense - BN - ReLU) twice.

    Args:
        shape: `(height, width, channels)`, or `(num_features,)`.
        width: Filters of the last convolution.

    Returns:
        A `keras.Model` from samples to `(batch, num_features)`.
    """
    inputs = x = keras.Input(shape)
    if len(shape) == 1:
        for index, units in enumerate(_DENSE_UNITS):
            x = dense(min(units, width), seed, f"{name}_dense_{index}")(x)
            x = _normalized(x, f"{name}_norm_{index}")
        return keras.Model(inputs, x, name=name)
    halvings = _halvings(shape)
    for index in range(halvings):
        layer = f"{name}_conv_{index}"
        filters = max(1, width // 2 ** (halvings - 1 - index))
        x = conv(filters, _kernel_size(shape), seed, layer, STDDEV, strides=2)(x)
        x = _normalized(x, f"{layer}_norm")
    return keras.Model(inputs, keras.layers.Flatten()(x), name=name)


def posterior(num_features, num_classes, latent_dim, seed, stddev, name="posterior"):
    """Features and label to the Gaussian of the latents.

    concat[h, y] - Dense, as wide as h, without an activation - two Dense heads, the
    mean and the logarithm of the variance: 17,346,688 parameters for 4096 features, 10
    classes and 64 latents.

    Args:
        num_features: Width of the features h.
        num_classes: Width of the one-hot label y.
        latent_dim: Width of the latents.
        stddev: Of the weights; None for Keras's default.

    Returns:
        A `keras.Model` from `[features, one_hot]` to mean and standard deviation,
        float32 `(batch, latent_dim)` each.
    """
    inputs = [keras.Input((num_features,)), keras.Input((num_classes,))]
    x = keras.layers.Concatenate()(inputs)
    x = dense(num_features, seed, f"{name}_dense", stddev=stddev)(x)
    outputs = [
        dense(latent_dim, seed, f"{name}_{part}", stddev=stddev)(x)
        for part in ("mean", "log_variance")
    ]
    outputs = MeanAndLogVariance()(keras.layers.Concatenate()(outputs))
    return keras.Model(inputs, outputs, name=name)


def decoder(shape, latent_dim, seed, width=WIDTH, name="decoder"):
    """Latents to a sample.

    Images: Dense 7*7*1024 ReLU - Deconv 512 BN ReLU - Deconv 256 BN ReLU - Deconv
    stride 1, sigmoid: 13,753,601 parameters at 28x28x1. Rows: (Dense - BN - ReLU)
    twice, then a linear Dense.

    Args:
        shape: `(height, width, channels)`, or `(num_features,)`.
        latent_dim: Width of the latents.
        width: Maps of the smallest grid; half as many after each doubling.

    Returns:
        A `keras.Model` from latents to images in (0, 1), or to rows.
    """
    inputs = x = keras.Input((latent_dim,))
    if len(shape) == 1:
        for index, units in enumerate(_DENSE_UNITS):
            x = dense(min(units, width), seed, f"{name}_dense_{index}")(x)
            x = _normalized(x, f"{name}_norm_{index}")
        x = dense(shape[0], seed, f"{name}_output")(x)
        return keras.Model(inputs, x, name=name)
    doublings, size = max(1, _halvings(shape) - 2), _kernel_size(shape)
    grid = [-(-side // 2**doublings) for side in shape[:2]]
    x = dense(grid[0] * grid[1] * width, seed, f"{name}_dense", "relu", STDDEV)(x)
    x = keras.layers.Reshape((*grid, width))(x)
    for index in range(doublings):
        layer = f"{name}_deconv_{index}"
        filters = max(1, width // 2 ** (index + 1))
        x = conv(filters, size, seed, layer, STDDEV, transpose=True, strides=2)(x)
        x = _normalized(x, f"{layer}_norm")
    x = conv(shape[2], size, seed, f"{name}_output", STDDEV, transpose=True)(x)
    x = cropped(x, shape)
    # In half precision there are few numbers near 1.
    x = keras.layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


def label_head(shape, latent_dim, num_classes, seed, name="classifier_head"):
    """Latents to logits of the classes, p(y | z): linear, 650 parameters for 64 and 10.

    Images of more than 32 pixels: Dense 500 ReLU twice before.

    Args:
        shape: Of a sample.
        latent_dim: Width of the latents.
        num_classes: Width of the output.

    Returns:
        A `keras.Model` from latents to `(batch, num_classes)`.
    """
    inputs = x = keras.Input((latent_dim,))
    stddev = STDDEV if len(shape) == 3 else None
    if is_large(shape):
        for index, units in enumerate(_HEAD_UNITS):
            x = dense(units, seed, f"{name}_dense_{index}", "relu", stddev)(x)
    logits = dense(num_classes, seed, f"{name}_output", stddev=stddev)(x)
    return keras.Model(inputs, logits, name=name)


def is_large(shape):
    """Whether samples of this shape are images with a side above 32 pixels."""
    return len(shape) == 3 and max(shape[:2]) > LARGE


def _halvings(shape):
    """How often the larger side is halved, rounding up, until it is 2 or less."""
    halvings, side = 1, -(-max(shape[:2]) // 2)
    while side > 2:
        halvings, side = halvings + 1, -(-side // 2)
    return halvings


def _kernel_size(shape):
    return 5 if is_large(shape) else 4


def _normalized(x, name):
    return keras.layers.ReLU()(GlobalBatchNormalization(name=name)(x))
