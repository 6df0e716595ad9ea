"""Networks of InfoGAN and IMSIC: a generator, a trunk of D, and its three heads.

Those of the code of He et al. (IMSIC, IJCAI 2021), for 32x32 images:

    G  concat[z, y, c] - Dense 8*8*128 - BN - up 2 - Conv 128 - BN - LReLU
       - up 2 - Conv 64 - BN - LReLU - Conv channels - tanh
    D  four times Conv stride 2 - LReLU - spatial dropout .25 - BN, with 16, 32, 64
       and 128 maps and no BN in the first; then one dense layer a head

Kernels are 3x3, slopes 0.2. Other sizes are ours: G starts from a quarter of the
side, rounded up, and crops; D halves until the shorter side is 2, four times at most,
with the last of its widths, so that the features are 512 from 8x8 to 32x32.
"""

import keras

from kerasos.layers.batch_norm import GlobalBatchNormalization
from kerasos.layers.upsample_conv import UpsampleConv2D
from kerasos.networks.convolution import conv, cropped
from kerasos.networks.image_size import halvings
from kerasos.networks.mlp import dense, leaky_mlp, normalized_mlp
from kerasos.randomness.counted_layers import CountedSpatialDropout
from kerasos.randomness.seeds import derive_seed

BN_EPSILON, BN_MOMENTUM = 1e-5, 0.8
FILTERS = (16, 32, 64, 128)
DROPOUT = 0.25
_SLOPE = 0.2
_STDDEV = 0.02
_FIRST_FILTERS = 128


def generator(
    shape,
    latent_dim,
    num_classes,
    num_codes,
    seed,
    bn_epsilon=BN_EPSILON,
    bn_momentum=BN_MOMENTUM,
    size="paper",
):
    """Noise, label and codes to a sample in [-1, 1]; linear for table rows.

    853,377 trainable parameters for 32x32x1, 62 + 10 + 4 inputs. Rows (ours) take
    Dense 256 - 256 with batch normalisation and ReLU.

    Args:
        shape: `(height, width, channels)` or `(num_features,)`.
        latent_dim: Width of the noise z.
        num_classes: Width of the one-hot label y.
        num_codes: Width of the codes c.
        seed: Integer seed of the weights.
        bn_epsilon: Of the batch normalisations of images but for the first, which
            has 1e-5.
        bn_momentum: Share of the old moving average in the new; of images.
        size: One of `kerasos.networks.image_size.SIZES`; all but "paper" double a grid
            of at most 8 as often as it takes.

    Returns:
        A `keras.Model` that takes `[noise, one_hot, codes]`.
    """
    widths = (latent_dim, num_classes, num_codes)
    if len(shape) == 1:
        return normalized_mlp(widths, shape[0], seed, "generator")
    inputs = [keras.Input((width,)) for width in widths]
    doublings = 2 if size == "paper" else halvings(shape, 8)
    grid = [-(-side // 2**doublings) for side in shape[:2]]
    units = grid[0] * grid[1] * _FIRST_FILTERS
    x = keras.layers.Concatenate()(inputs)
    x = dense(units, seed, "generator_dense")(x)
    x = keras.layers.Reshape((*grid, _FIRST_FILTERS))(x)
    x = _norm(seed, "generator_norm_0", BN_EPSILON, bn_momentum)(x)
    for index, filters in enumerate(_maps(doublings), start=1):
        name = f"generator_conv_{index}"
        x = UpsampleConv2D(filters, kernel_initializer=_kernel(seed, name), name=name)(
            x
        )
        x = _norm(seed, f"generator_norm_{index}", bn_epsilon, bn_momentum)(x)
        x = keras.layers.LeakyReLU(negative_slope=_SLOPE)(x)
    name = "generator_output"
    x = conv(shape[2], 3, seed, name, kernel_initializer=_kernel(seed, name))(x)
    x = cropped(x, shape)
    x = keras.layers.Activation("tanh")(x)
    return keras.Model(inputs, x, name="generator")


def trunk(shape, seed, bn_epsilon=BN_EPSILON, bn_momentum=BN_MOMENTUM):
    """A sample to the features that all heads share: 512 for 32x32 images.

    97,600 trainable parameters for one channel. Rows (ours) take Dense 256 - 128 with
    leaky ReLU.

    Args:
        shape: `(height, width, channels)` or `(num_features,)`.
        seed: Integer seed of weights and dropout.
        bn_epsilon: Of the batch normalisations of images.
        bn_momentum: Share of the old moving average in the new; of images.

    Returns:
        A `keras.Model` from `(batch, *shape)` to `(batch, features)`.
    """
    if len(shape) == 1:
        return leaky_mlp(shape[0], None, seed, "discriminator", slope=_SLOPE)
    inputs = x = keras.Input(shape)
    for index, filters in enumerate(FILTERS[-_halvings(shape) :]):
        name = f"discriminator_conv_{index}"
        # One pixel on each side: "same" at stride 2 would pad one side only.
        x = keras.layers.ZeroPadding2D(1)(x)
        x = keras.layers.Conv2D(
            filters, 3, strides=2, kernel_initializer=_kernel(seed, name), name=name
        )(x)
        x = keras.layers.LeakyReLU(negative_slope=_SLOPE)(x)
        noise_seed = derive_seed(seed, f"discriminator_dropout_{index}")
        x = CountedSpatialDropout(DROPOUT, noise_seed)(x)
        if index:
            name = f"discriminator_norm_{index}"
            x = _norm(seed, name, bn_epsilon, bn_momentum)(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, x, name="discriminator")


def _maps(doublings):
    """Filters of the generator's convolutions: 128, 64, and then 32."""
    return [max(32, _FIRST_FILTERS >> index) for index in range(doublings)]


def _halvings(shape):
    side, halvings = min(shape[:2]), 0
    while halvings < len(FILTERS) and (side > 2 or not halvings):
        side, halvings = -(-side // 2), halvings + 1
    return halvings


def _kernel(seed, name):
    return keras.initializers.RandomNormal(stddev=_STDDEV, seed=derive_seed(seed, name))


def _norm(seed, name, epsilon, momentum):
    gamma = keras.initializers.RandomNormal(
        mean=1.0, stddev=_STDDEV, seed=derive_seed(seed, name)
    )
    return GlobalBatchNormalization(momentum, epsilon, gamma, name=name)
