"""The networks of GAMO that are not plain dense stacks (section 2 of the paper's
code; sizes other than 28x28 are ours, the paper does not state them).

In all, `seed` is the integer seed of the weights and `name` the name of the network.
"""

import keras
import tensorflow as tf

from kerasos.networks.mlp import dense
from kerasos.randomness.seeds import derive_seed

FEATURES = 512
_FILTERS = {28: (32, 32), 32: (32, 32, 64), 64: (32, 32, 64, 64)}


def transitional_unit(latent_dim, num_classes, seed, name="transitional_unit"):
    """The conditional transient mapping unit cTMU: `t(z, y)`, 64 wide.

    concat[z, y] - Dense 256 ReLU - BN(.9) - Dense 64 ReLU - BN(.9), batch
    normalisation after the ReLU as in the authors' code: 45,504 trainable
    parameters for 100 + 10 inputs.

    Args:
        latent_dim: Width of the noise z.
        num_classes: Width of the one-hot label.

    Returns:
        A `keras.Model` that takes `[noise, one_hot]`.
    """
    # One statistic for the whole batch, however many devices share it.
    synchronized = tf.distribute.get_strategy().num_replicas_in_sync > 1
    inputs = [keras.Input((latent_dim,)), keras.Input((num_classes,))]
    hidden = keras.layers.Concatenate()(inputs)
    for index, width in enumerate((256, 64)):
        hidden = dense(width, seed, f"{name}_dense_{index}", "relu")(hidden)
        hidden = keras.layers.BatchNormalization(
            momentum=0.9, synchronized=synchronized, name=f"{name}_norm_{index}"
        )(hidden)
    return keras.Model(inputs, hidden, name=name)


def conditional_generator(latent_dim, num_classes, width, seed):
    """The generator cG without convexity: cTMU - Dense 256 ReLU - Dense tanh.

    Its layers after the cTMU are ours; the paper does not state them.

    Args:
        latent_dim: Width of the noise z.
        num_classes: Width of the one-hot label.
        width: Width of the output, in (-1, 1).

    Returns:
        A `keras.Model` that takes `[noise, one_hot]`.
    """
    trunk = transitional_unit(latent_dim, num_classes, seed)
    hidden = dense(256, seed, "generator_hidden", "relu")(trunk.output)
    output = dense(width, seed, "generator_output", "tanh")(hidden)
    return keras.Model(trunk.inputs, output, name="conditional_generator")


def feature_extractor(shape, seed, name="feature_extractor"):
    """The convolutional feature extractor F, tanh features of width 512.

    (Conv 5x5 same LReLU(.1) - AvgPool 2) repeated, then Flatten - Dense 512 tanh:
    829,792 parameters at 28x28x1.

    Args:
        shape: `(height, width, channels)`. Filters: 32, 32 at 28 pixels (authors'
            code); 32, 32, 64 at 32 and 32, 32, 64, 64 at 64 (ours). Other sizes
            take the row of the next larger size, at most one pooling for each
            halving that leaves two pixels.

    Returns:
        A `keras.Model` from images in [-1, 1] to features `(batch, 512)`.
    """
    side = min(shape[:2])
    row = min((size for size in _FILTERS if size >= side), default=max(_FILTERS))
    image = keras.Input(shape)
    hidden = image
    for index, filters in enumerate(_FILTERS[row]):
        if side < 2:
            break
        kernel = keras.initializers.GlorotUniform(derive_seed(seed, name, index))
        hidden = keras.layers.Conv2D(
            filters, 5, padding="same", kernel_initializer=kernel
        )(hidden)
        hidden = keras.layers.LeakyReLU(negative_slope=0.1)(hidden)
        hidden = keras.layers.AveragePooling2D(2)(hidden)
        side //= 2
    hidden = keras.layers.Flatten()(hidden)
    features = dense(FEATURES, seed, f"{name}_features", "tanh")(hidden)
    return keras.Model(image, features, name=name)
