"""The networks of ActiveGAN, and dense ones for tables, which are ours.

Kong et al. (2019) take those of AC-GAN for CIFAR-10 (Odena et al. 2017) and those of
InfoGAN for MNIST (Chen et al. 2016). The latter are in `kerasos.networks.dcgan`; here
are the former, for colour images whose sides are multiples of 8.
"""

import functools

import keras

from kerasos.layers.batch_norm import GlobalBatchNormalization
from kerasos.networks import dcgan
from kerasos.networks.convolution import conv
from kerasos.networks.mlp import dense, leaky_mlp, linear_head, normalized_mlp
from kerasos.randomness.counted_layers import CountedDropout
from kerasos.randomness.seeds import derive_seed

LATENT_DIM = {"acgan": 100, "infogan": 62, "dense": 62}
KINDS = tuple(LATENT_DIM)
_HIDDEN = 1024
_SMALL_HIDDEN = 128  # ours, for images of 16 pixels and less
_MAPS = 384


def kind_of(shape, size="paper"):
    """Returns "acgan" for colour images, "infogan" for other images, or "dense".

    Args:
        shape: Shape of a sample.
        size: One of `kerasos.networks.image_size.SIZES`, of which "acgan" has one.
    """
    if len(shape) == 1:
        return "dense"
    if size != "paper":
        return "infogan"
    fits = shape[2] == 3 and shape[0] % 8 == 0 and shape[1] % 8 == 0
    return "acgan" if fits and min(shape[:2]) >= 32 else "infogan"


def networks(kind, shape, latent_dim, num_classes, seed, size="paper"):
    """Returns `{generator, trunk, discriminator_head, classifier_head}`.

    Args:
        kind: "acgan" (images in [-1, 1]), "infogan" (in [0, 1]) or "dense".
        shape: Shape of a sample.
        latent_dim: Width of the noise.
        num_classes: Integer.
        seed: Integer seed of all weights and of dropout.
        size: As in `kind_of`.

    Raises:
        ValueError: If the shape does not suit the kind.
    """
    _check_shape(kind, shape)
    sizes, class_head = (latent_dim, num_classes), dcgan.auxiliary_classifier
    if kind == "acgan":
        generator = acgan_generator(shape, *sizes, seed)
        trunk = acgan_trunk(shape, seed)
        class_head = functools.partial(
            linear_head, name="classifier_head", stddev=dcgan.STDDEV
        )
    elif kind == "infogan":
        hidden = _HIDDEN if max(shape[:2]) > 16 else _SMALL_HIDDEN
        generator = dcgan.generator(shape, *sizes, seed, "sigmoid", hidden, size=size)
        trunk = dcgan.trunk(shape, seed, hidden=hidden, name="discriminator", size=size)
    else:
        generator = normalized_mlp(sizes, shape[0], seed, "generator")
        trunk = leaky_mlp(shape[0], None, seed, "discriminator", slope=0.2)
    width = trunk.output_shape[-1]
    return {
        "generator": generator,
        "trunk": trunk,
        "discriminator_head": dcgan.discriminator_head(width, seed),
        "classifier_head": class_head(width, num_classes, seed),
    }


def acgan_generator(shape, latent_dim, num_classes, seed, name="generator"):
    """Noise and label to a colour image: AC-GAN's generator for CIFAR-10.

    concat[z, y] - Dense 4x4x384 ReLU - Deconv 5x5 192 - Deconv 5x5 96, batch
    normalisation and ReLU each - Deconv 5x5 tanh: 2,994,051 parameters for 100 + 10
    inputs and 32x32x3. The paper's "384" is read as the number of maps.

    Returns:
        A `keras.Model` that takes `[noise, one_hot]`.
    """
    height, width, channels = shape
    up = {"normal": dcgan.STDDEV, "transpose": True, "strides": 2}
    inputs = [keras.Input((latent_dim,)), keras.Input((num_classes,))]
    x = keras.layers.Concatenate()(inputs)
    grid = (height // 8, width // 8, _MAPS)
    units = grid[0] * grid[1] * _MAPS
    x = dense(units, seed, f"{name}_dense", "relu", stddev=dcgan.STDDEV)(x)
    x = keras.layers.Reshape(grid)(x)
    for filters in (_MAPS // 2, _MAPS // 4):
        x = conv(filters, 5, seed, f"{name}_deconv_{filters}", **up)(x)
        x = GlobalBatchNormalization(name=f"{name}_deconv_{filters}_norm")(x)
        x = keras.layers.ReLU()(x)
    x = conv(channels, 5, seed, f"{name}_output", **up)(x)
    # In half precision there are few numbers near 1.
    x = keras.layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


def acgan_trunk(shape, seed, name="discriminator"):
    """Colour image to features: AC-GAN's discriminator for CIFAR-10.

    Conv 3x3 of 16, 32, 64, 128, 256, 512 filters and strides 2, 1, 2, 1, 2, 1, leaky
    ReLU .2, dropout .5, batch normalisation except after the first: 1,574,752
    parameters for 3 channels, 8,192 features for 32x32.
    """
    inputs = x = keras.Input(shape)
    for index, filters in enumerate((16, 32, 64, 128, 256, 512)):
        layer, strides = f"{name}_conv_{filters}", 1 if index % 2 else 2
        kernel = keras.initializers.RandomNormal(
            stddev=dcgan.STDDEV, seed=derive_seed(seed, layer)
        )
        x = conv(filters, 3, seed, layer, strides=strides, kernel_initializer=kernel)(x)
        if index:
            x = GlobalBatchNormalization(name=f"{name}_conv_{filters}_norm")(x)
        x = keras.layers.LeakyReLU(negative_slope=0.2)(x)
        dropout = f"{name}_dropout_{filters}"
        x = CountedDropout(0.5, derive_seed(seed, dropout), name=dropout)(x)
    return keras.Model(inputs, keras.layers.Flatten()(x), name=name)


def tanh_mlp(num_inputs, num_outputs, seed, name, units=(128, 128)):
    """Dense layers with tanh and a linear output: rllab's Gaussian MLP.

    Its hidden layers have 32 units, a size for control tasks; 128 are ours.
    """
    inputs = x = keras.Input((num_inputs,))
    for index, width in enumerate(units):
        x = dense(width, seed, f"{name}_dense_{index}", "tanh")(x)
    return keras.Model(inputs, dense(num_outputs, seed, f"{name}_output")(x), name=name)


def _check_shape(kind, shape):
    if (kind == "dense") != (len(shape) == 1):
        raise ValueError(
            "Networks of kind 'dense' are for rows, the others for images. Received: "
            f"networks={kind!r} for samples of shape {tuple(shape)}. Leave the option "
            "out."
        )
    if kind == "acgan" and (shape[0] % 8 or shape[1] % 8):
        raise ValueError(
            "The networks 'acgan' double a grid three times. Expected sides that are "
            f"multiples of 8. Received: shape {tuple(shape)}. Use 'infogan', or pad "
            "the images."
        )
