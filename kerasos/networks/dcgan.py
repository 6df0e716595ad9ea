"""Convolutional generators and discriminators with labels.

The networks for MNIST of Chen et al. (InfoGAN, 2016), which Fajardo et al. (2021,
tables 10, 11 and 13) use for CGAN, ACGAN and CVAE: 4x4 kernels, stride 2, weights
N(0, 0.02^2), truncated in convolutions. Sizes other than 28x28 are ours:

| side of the image | halvings | filters | smallest grid |
|---|---|---|---|
| up to 32 | 2 | 64, 128 | side / 4 |
| up to 64 | 3 | 64, 128, 256 | side / 8 |
| without a hidden layer: 32 | 3 | 64, 128, 256 | 4 |
| without a hidden layer: 64 | 4 | 64, 128, 256, 512 | 4 |

These are of size "paper"; for the others see `kerasos.networks.image_size`. A side that
the halvings do not divide is rounded up and the generated image cropped.

In all, `seed` is the integer seed of the weights, `name` the name of the network and
`size` one of `kerasos.networks.image_size.SIZES`.
"""

import keras

from kerasos.layers.batch_norm import GlobalBatchNormalization
from kerasos.layers.label_map import LabelMap
from kerasos.networks.convolution import conv, cropped
from kerasos.networks.image_size import WIDEST, halvings, maps_of_grids
from kerasos.networks.mlp import dense, linear_head

HIDDEN = 1024
_FILTERS = 64
STDDEV = 0.02


def generator(
    shape,
    latent_dim,
    num_classes,
    seed,
    activation=None,
    hidden=HIDDEN,
    name=None,
    size="paper",
):
    """Label and noise to image.

    concat[z, y] - Dense 1024 - Dense 6272 - reshape 7x7x128 - Deconv 64 - Deconv 1,
    each but the last with batch normalisation (of the flat units in dense layers)
    and ReLU: 6,650,433 trainable parameters for 62 + 10 inputs and 28x28x1.

    Args:
        shape: `(height, width, channels)`.
        latent_dim: Width of the noise z.
        num_classes: Width of the one-hot label.
        activation: Of the output: "sigmoid", "tanh", or None for logits.
        hidden: Width of the first dense layer; None leaves it out, and the grid
            then starts at 4x4.
        name: Name of the network, "generator" by default.

    Returns:
        A `keras.Model` that takes `[noise, one_hot]`.
    """
    name = name or "generator"
    *larger, filters = maps = _maps(shape, hidden, size)
    hidden = hidden and WIDEST.get(size, hidden)
    grid = [-(-side // 2 ** len(maps)) for side in shape[:2]]
    up = {"normal": STDDEV, "transpose": True, "strides": 2}
    inputs = [keras.Input((latent_dim,)), keras.Input((num_classes,))]
    x = keras.layers.Concatenate()(inputs)
    units = grid[0] * grid[1] * filters
    for index, width in enumerate([units] if hidden is None else [hidden, units]):
        x = dense(width, seed, f"{name}_dense_{index}", stddev=STDDEV)(x)
        x = GlobalBatchNormalization(name=f"{name}_dense_{index}_norm")(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.Reshape((*grid, filters))(x)
    for filters, layer in _named(reversed(larger), f"{name}_deconv"):
        x = conv(filters, 4, seed, layer, **up)(x)
        x = GlobalBatchNormalization(name=f"{layer}_norm")(x)
        x = keras.layers.ReLU()(x)
    x = cropped(conv(shape[2], 4, seed, f"{name}_output", **up)(x), shape)
    if activation is not None:
        x = keras.layers.Activation(activation)(x)
    return keras.Model(inputs, x, name=name)


def trunk(shape, seed, num_classes=None, hidden=HIDDEN, name="trunk", size="paper"):
    """Image, with its label or without, to features.

    Conv 64 - Conv 128 - Dense 1024, leaky ReLU of slope 0.2, batch normalisation
    except after the first: 6,558,144 trainable parameters for 28x28x1 without a
    label.

    Args:
        shape: `(height, width, channels)`.
        num_classes: Width of the one-hot label, which then comes in as constant maps
            beside the channels; None for no label.
        hidden: Width of the dense layer; None leaves it out, and the features are
            the flat output of the last convolution.

    Returns:
        A `keras.Model` that takes `[image, one_hot]`, or the image alone.
    """
    inputs = x = keras.Input(shape)
    if num_classes is not None:
        inputs = [inputs, keras.Input((num_classes,))]
        x = LabelMap()(inputs)
    maps, is_first = _maps(shape, hidden, size), True
    hidden = hidden and WIDEST.get(size, hidden)
    for filters, layer in _named(maps, f"{name}_conv"):
        x = conv(filters, 4, seed, layer, STDDEV, strides=2)(x)
        if not is_first:
            x = GlobalBatchNormalization(name=f"{layer}_norm")(x)
        is_first = False
        x = keras.layers.LeakyReLU(negative_slope=0.2)(x)
    x = keras.layers.Flatten()(x)
    if hidden is not None:
        x = dense(hidden, seed, f"{name}_dense", stddev=STDDEV)(x)
        x = GlobalBatchNormalization(name=f"{name}_dense_norm")(x)
        x = keras.layers.LeakyReLU(negative_slope=0.2)(x)
    return keras.Model(inputs, x, name=name)


def discriminator(
    shape, num_classes, seed, hidden=HIDDEN, name="discriminator", size="paper"
):
    """The trunk with a label, then one logit: 6,569,409 parameters at 28x28x1."""
    features = trunk(shape, seed, num_classes, hidden, name, size)
    logit = dense(1, seed, f"{name}_output", stddev=STDDEV)(features.output)
    return keras.Model(features.inputs, logit, name=name)


def discriminator_head(num_features, seed, name="discriminator_head"):
    """One logit from features: 1,025 parameters for 1024 of them."""
    return linear_head(num_features, 1, seed, name, STDDEV)


def auxiliary_classifier(num_features, num_classes, seed, name="classifier_head"):
    """Dense 128 - batch normalisation - leaky ReLU - logits, on features.

    132,746 trainable parameters for 1024 features and 10 classes.
    """
    inputs = keras.Input((num_features,))
    x = dense(128, seed, f"{name}_dense", stddev=STDDEV)(inputs)
    x = GlobalBatchNormalization(name=f"{name}_norm")(x)
    x = keras.layers.LeakyReLU(negative_slope=0.2)(x)
    logits = dense(num_classes, seed, f"{name}_output", stddev=STDDEV)(x)
    return keras.Model(inputs, logits, name=name)


def _maps(shape, hidden, size):
    """Filters of the convolutions, each of which halves the sides, first to last."""
    if size != "paper":
        return maps_of_grids(shape, size)
    # Twice, or until the grid is small.
    count = max(2, halvings(shape, 4 if hidden is None else 8))
    return [_FILTERS * 2**index for index in range(count)]


def _named(maps, name):
    """Yields each number with a name of its own."""
    for index, filters in enumerate(maps := list(maps)):
        twin = f"_{index}" if maps.count(filters) > 1 else ""
        yield filters, f"{name}_{filters}{twin}"
