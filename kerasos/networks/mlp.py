"""Dense networks."""

import keras

from kerasos.seeds import derive_seed


def dense(units, seed, name, activation=None):
    """Returns a Dense layer with Keras's default initialiser, seeded."""
    kernel = keras.initializers.GlorotUniform(seed=derive_seed(seed, name))
    return keras.layers.Dense(
        units, activation=activation, kernel_initializer=kernel, name=name
    )


def leaky_mlp(num_inputs, num_outputs, seed, name, units=(256, 128), slope=0.1):
    """Dense layers with leaky ReLU and a linear output.

    Args:
        num_inputs: Width of one row, or a tuple of widths: then the network takes
            a list of inputs and concatenates them.
        num_outputs: Width of the output, which is linear (logits).
        seed: Integer; two builds with one seed have equal weights.
        name: Name of the network.
        units: Widths of the hidden layers. GAMO, 28x28: 256 and 128.
        slope: Slope of the leaky ReLU for negative input.

    Returns:
        A `keras.Model`.
    """
    several = isinstance(num_inputs, tuple)
    inputs = [keras.Input((n,)) for n in (num_inputs if several else (num_inputs,))]
    hidden = keras.layers.Concatenate()(inputs) if several else inputs[0]
    for index, width in enumerate(units):
        hidden = dense(width, seed, f"{name}_dense_{index}")(hidden)
        hidden = keras.layers.LeakyReLU(negative_slope=slope)(hidden)
    outputs = dense(num_outputs, seed, f"{name}_output")(hidden)
    return keras.Model(inputs if several else inputs[0], outputs, name=name)
