"""The networks of the conditional Wasserstein autoencoder.

Those of DGC, which are the ones of Tolstikhin et al. (2018), with labels; or those of
CVAE, which take a fortieth of the work.
"""

import keras

from kerasos.layers.label_map import LabelMap
from kerasos.networks import dcgan, dgc
from kerasos.networks.mlp import dense

_DISCRIMINATOR_UNITS = (512, 512, 512, 512)


def encoder(shape, latent_dim, num_classes, seed, width=dgc.WIDTH, name="encoder"):
    """Sample and label to one latent.

    DGC's trunk on the image with one constant map a class, then a linear layer:
    11,071,112 parameters at 28x28x1 with 10 classes and 8 latents. Rows come beside
    their label.

    Args:
        shape: `(height, width, channels)`, or `(num_features,)`.
        latent_dim: Width of the latent.
        num_classes: Width of the one-hot label.
        seed: Integer seed of the weights.
        width: Filters of the last convolution; see `dgc.trunk`.
        name: Name of the network.

    Returns:
        A `keras.Model` from `[samples, one_hot]` to latents.
    """
    inputs = [keras.Input(shape), keras.Input((num_classes,))]
    is_image = len(shape) == 3
    joined = (LabelMap() if is_image else keras.layers.Concatenate())(inputs)
    features = dgc.trunk(joined.shape[1:], seed, width, f"{name}_trunk")(joined)
    return _with_latent(inputs, features, latent_dim, seed, is_image, name)


def decoder(shape, latent_dim, num_classes, seed, width=dgc.WIDTH, name="decoder"):
    """Latent and label to a sample: DGC's decoder of both side by side.

    11,445,505 parameters at 28x28x1 with 10 classes and 8 latents. Arguments as in
    `encoder`.

    Returns:
        A `keras.Model` from `[latents, one_hot]` to images in (0, 1), or to rows.
    """
    inputs = [keras.Input((latent_dim,)), keras.Input((num_classes,))]
    joined = keras.layers.Concatenate()(inputs)
    network = dgc.decoder(shape, latent_dim + num_classes, seed, width, f"{name}_body")
    return keras.Model(inputs, network(joined), name=name)


def small_networks(shape, latent_dim, num_classes, seed, size="paper"):
    """Encoder and decoder of an image in the networks of CVAE (Fajardo et al., 2021).

    Returns:
        Two `keras.Model`s, as those of `encoder` and `decoder`.
    """
    trunk = dcgan.trunk(shape, seed, num_classes, name="encoder", size=size)
    return (
        _with_latent(trunk.inputs, trunk.output, latent_dim, seed, True, "encoder"),
        dcgan.generator(
            shape,
            latent_dim,
            num_classes,
            seed,
            activation="sigmoid",
            name="decoder",
            size=size,
        ),
    )


def latent_discriminator(latent_dim, num_classes, seed, name="discriminator"):
    """Latent and label to one logit, for a latent of the prior: Dense 512 ReLU 4 times.

    798,209 parameters for 8 latents and 10 classes.
    """
    inputs = [keras.Input((latent_dim,)), keras.Input((num_classes,))]
    hidden = keras.layers.Concatenate()(inputs)
    for index, units in enumerate(_DISCRIMINATOR_UNITS):
        hidden = dense(units, seed, f"{name}_dense_{index}", "relu")(hidden)
    logit = dense(1, seed, f"{name}_output")(hidden)
    return keras.Model(inputs, logit, name=name)


def _with_latent(inputs, features, latent_dim, seed, is_image, name):
    stddev = dgc.STDDEV if is_image else None
    latent = dense(latent_dim, seed, f"{name}_output", stddev=stddev)(features)
    return keras.Model(inputs, latent, name=name)
