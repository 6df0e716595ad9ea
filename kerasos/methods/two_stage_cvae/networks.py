"""The networks of the second stage of a two-stage variational autoencoder."""

import keras

from kerasos.layers.gaussian import MeanAndScale
from kerasos.networks.mlp import dense
from kerasos.randomness.seeds import derive_seed

UNITS = (1024, 1024, 1024)
ROW_UNITS = (256, 256, 256)  # ours


def latent_encoder(latent_dim, num_classes, seed, units=UNITS, name="latent_encoder"):
    """First-stage latent and label to the Gaussian of the second-stage latent.

    [z, y] - Dense 1024 ReLU three times - concat with [z, y] - mean and standard
    deviation: 2,316,672 parameters for 64 + 10 inputs.

    Args:
        latent_dim: Width of both latents.
        num_classes: Width of the one-hot label.
        seed: Integer seed of the weights.
        units: Widths of the hidden layers.
        name: Name of the network.

    Returns:
        A `keras.Model` from `[z, one_hot]` to mean and standard deviation of u,
        `(batch, latent_dim)` each.
    """
    inputs, hidden = _body(latent_dim, num_classes, seed, units, name)
    outputs = dense(2 * latent_dim, seed, f"{name}_output")(hidden)
    return keras.Model(inputs, MeanAndScale()(outputs), name=name)


def latent_decoder(latent_dim, num_classes, seed, units=UNITS, name="latent_decoder"):
    """Second-stage latent and label to the mean of the first-stage latent.

    [u, y] - Dense 1024 ReLU three times - concat with [u, y] - Dense: 2,246,336
    parameters for 64 + 10 inputs. Arguments as in `latent_encoder`.

    Returns:
        A `keras.Model` from `[u, one_hot]` to `(batch, latent_dim)`.
    """
    inputs, hidden = _body(latent_dim, num_classes, seed, units, name)
    outputs = dense(latent_dim, seed, f"{name}_output")(hidden)
    return keras.Model(inputs, outputs, name=name)


def _body(latent_dim, num_classes, seed, units, name):
    inputs = [keras.Input((latent_dim,)), keras.Input((num_classes,))]
    joined = hidden = keras.layers.Concatenate()(inputs)
    for index, width in enumerate(units):
        hidden = dense(width, seed, f"{name}_dense_{index}", "relu")(hidden)
    return inputs, keras.layers.Concatenate()([hidden, joined])


def spectrally_normalized(network, seed):
    """Returns a copy of `network` whose kernels are kept at a spectral norm of 1.

    By Keras's `SpectralNormalization`, one power iteration in each training call.

    Args:
        network: Keras model of layers that Keras or this package registers.
        seed: Integer; two copies with one seed have equal weights.
    """

    def wrapped(layer):
        copy = layer.__class__.from_config(layer.get_config())
        if not isinstance(copy, (keras.layers.Dense, keras.layers.Conv2D)):
            return copy
        return keras.layers.SpectralNormalization(copy, name=f"{layer.name}_spectral")

    copy = keras.models.clone_model(network, clone_function=wrapped)
    for layer in copy.layers:
        if isinstance(layer, keras.layers.SpectralNormalization):
            # Keras starts the iteration from a vector without a seed.
            vector = keras.random.normal(
                layer.vector_u.shape, seed=derive_seed(seed, layer.name)
            )
            layer.vector_u.assign(vector)
    return copy
