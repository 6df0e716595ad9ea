"""The velocity network of flow matching, for rows of a table."""

import math

import keras
from keras import ops

from kerasos.layers.float32_layer import Float32Layer
from kerasos.networks.mlp import dense, silu


@keras.saving.register_keras_serializable(package="kerasos")
class TimeFeatures(Float32Layer):
    """Sines and cosines of half turns: `sin(k pi t), cos(k pi t)`, k = 1..count.

    Args:
        count: Integer, number of frequencies.

    Call arguments:
        time: Float tensor `(batch, 1)` in [0, 1].

    Returns:
        Float32 tensor `(batch, 2 count)`: half precision cannot tell two times apart.
    """

    def __init__(self, count=8, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def call(self, time):
        turns = math.pi * ops.arange(1, self.count + 1, dtype="float32")
        return ops.concatenate([ops.sin(time * turns), ops.cos(time * turns)], axis=-1)

    def compute_output_shape(self, input_shape):
        return *input_shape[:-1], 2 * self.count


def velocity_mlp(num_features, num_classes, seed, width=128, blocks=3):
    """Residual blocks with layer normalisation and SiLU; starts as the zero field.

    Args:
        num_features: Columns of a row.
        num_classes: Width of the one-hot labels.
        seed: Integer; two builds with one seed have equal weights.
        width: Units of every hidden layer.
        blocks: Residual blocks, of two layers each.

    Returns:
        A `keras.Model` from `[rows, time, one_hot]`, `time` `(batch, 1)`, to
        velocities `(batch, num_features)`.
    """
    inputs = [keras.Input((size,)) for size in (num_features, 1, num_classes)]
    rows, time, one_hot = inputs
    condition = keras.layers.Concatenate()([TimeFeatures()(time), one_hot])
    condition = silu(dense(width, seed, "velocity_condition")(condition))
    hidden = dense(width, seed, "velocity_rows")(rows) + condition
    for block in range(blocks):
        branch = keras.layers.LayerNormalization()(hidden)
        branch = silu(dense(width, seed, f"velocity_{block}_in")(branch))
        hidden = hidden + dense(width, seed, f"velocity_{block}_out")(branch)
    hidden = keras.layers.LayerNormalization()(hidden)
    hidden = silu(hidden)
    last = keras.layers.Dense(
        num_features, kernel_initializer="zeros", name="velocity_last"
    )
    return keras.Model(inputs, last(hidden), name="velocity")
