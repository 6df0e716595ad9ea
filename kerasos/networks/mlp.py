"""Dense networks, and the layers that all networks share."""

import keras

from kerasos.layers.batch_norm import GlobalBatchNormalization
from kerasos.randomness.seeds import derive_seed


def silu(x):
    """Returns `x sigmoid(x)` of a tensor of a network that is being built.

    Keras's activation "silu" has on TensorFlow a gradient of its own, which keeps the
    network in memory, as `kerasos.methods.base.alone` says.

    Source:
        Elfwing, Uchibe, Doya. Sigmoid-Weighted Linear Units for Neural Network
        Function Approximation in Reinforcement Learning, 2018.
    """
    return x * keras.ops.sigmoid(x)


def dense(units, seed, name, activation=None, stddev=None, **options):
    """Returns a Dense layer with a seeded kernel.

    Keras's default initialiser, or N(0, stddev^2) where `stddev` is given. Other
    options are those of the layer, `use_bias` for instance.
    """
    seed = derive_seed(seed, name)
    kernel = keras.initializers.GlorotUniform(seed)
    if stddev is not None:
        kernel = keras.initializers.RandomNormal(stddev=stddev, seed=seed)
    options = {"activation": activation, "kernel_initializer": kernel, **options}
    return keras.layers.Dense(units, name=name, **options)


def linear_head(num_features, units, seed, name, stddev=None):
    """One linear layer on features, as a `keras.Model`."""
    inputs = keras.Input((num_features,))
    outputs = dense(units, seed, f"{name}_output", stddev=stddev)(inputs)
    return keras.Model(inputs, outputs, name=name)


def leaky_mlp(num_inputs, num_outputs, seed, name, units=(256, 128), slope=0.1):
    """Dense layers with leaky ReLU and a linear output.

    Args:
        num_inputs: Width of one row, or a tuple of widths: then the network takes
            a list of inputs and concatenates them.
        num_outputs: Width of the output, which is linear (logits); None ends with
            the last hidden layer.
        seed: Integer; two builds with one seed have equal weights.
        name: Name of the network.
        units: Widths of the hidden layers. GAMO, 28x28: 256 and 128.
        slope: Slope of the leaky ReLU for negative input.

    Returns:
        A `keras.Model`.
    """
    inputs, hidden = joined_inputs(num_inputs)
    for index, width in enumerate(units):
        hidden = dense(width, seed, f"{name}_dense_{index}")(hidden)
        hidden = keras.layers.LeakyReLU(negative_slope=slope)(hidden)
    if num_outputs is not None:
        hidden = dense(num_outputs, seed, f"{name}_output")(hidden)
    return keras.Model(inputs, hidden, name=name)


def normalized_mlp(
    num_inputs, num_outputs, seed, name, units=(256, 256), by_layer=False
):
    """Dense, batch normalisation and ReLU, repeated; then a linear output.

    Args:
        num_inputs: As in `leaky_mlp`.
        num_outputs: Width of the output.
        seed: Integer; two builds with one seed have equal weights.
        name: Name of the network.
        units: Widths of the hidden layers.
        by_layer: Whether each row is normalised by itself, and SiLU follows.

    Returns:
        A `keras.Model`.
    """
    inputs, hidden = joined_inputs(num_inputs)
    norm = keras.layers.LayerNormalization if by_layer else GlobalBatchNormalization
    for index, width in enumerate(units):
        hidden = dense(width, seed, f"{name}_dense_{index}")(hidden)
        hidden = norm(name=f"{name}_norm_{index}")(hidden)
        hidden = silu(hidden) if by_layer else keras.layers.Activation("relu")(hidden)
    outputs = dense(num_outputs, seed, f"{name}_output")(hidden)
    return keras.Model(inputs, outputs, name=name)


def joined_inputs(widths):
    """Returns one input or a list of them, and their concatenation.

    Args:
        widths: Width of one row, or a tuple of widths for a list of inputs.
    """
    if not isinstance(widths, tuple):
        inputs = keras.Input((widths,))
        return inputs, inputs
    inputs = [keras.Input((width,)) for width in widths]
    return inputs, keras.layers.Concatenate()(inputs)
