"""Images moved at random, for a discriminator that has few to learn from."""

import keras
import tensorflow as tf

from kerasos.randomness.counted_layers import CountedNoise


@keras.saving.register_keras_serializable(package="kerasos")
class CountedShift(CountedNoise):
    """Moves each image by whole pixels, drawn alike, border pixels repeated.

    The translation of `kerasos.layers.diff_augment`; the gradient passes back through
    the move.

    Args:
        share: Float in [0, 1), the largest move as a share of the side; in each
            direction it is rounded to whole pixels. 0 moves nothing.
        seed: Integer.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.
        training: Boolean; without it the input is returned as it is.

    Raises:
        ValueError: If `share` is not in [0, 1), or the inputs are no images.

    Reference:
        Zhao et al. Differentiable Augmentation for Data-Efficient GAN Training,
        NeurIPS 2020 (section 3; its code takes a share of 1/8).
    """

    def __init__(self, share=0.125, seed=0, **kwargs):
        if not 0 <= share < 1:
            raise ValueError(f"`share` must lie in [0, 1). Received: share={share}.")
        super().__init__(seed, **kwargs)
        self.share = float(share)

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                "`CountedShift` moves images (batch, height, width, channels). "
                f"Received: shape {tuple(input_shape)}."
            )

    def call(self, inputs, training=False):
        if not training or not self.share:
            return inputs
        uniforms = self.next_uniform((tf.shape(inputs)[0], 2))
        rows, columns = (
            _moves(uniforms[:, axis], inputs.shape[1 + axis], self.share, inputs.dtype)
            for axis in range(2)
        )
        # Products with 0 and 1 move pixels as a gather would, and their gradients,
        # unlike its own, are products, too.
        return tf.einsum("bip,bpqc,bjq->bijc", rows, inputs, columns)

    def get_config(self):
        return {**super().get_config(), "share": self.share}


def _moves(uniforms, side, share, dtype):
    """Returns `(batch, side, side)`, row i of each 1 at the pixel that i shows."""
    most = round(side * share)
    moves = tf.cast(tf.floor(uniforms * (2 * most + 1)), tf.int32) - most
    shown = tf.clip_by_value(tf.range(side) + moves[:, None], 0, side - 1)
    return tf.one_hot(shown, side, dtype=dtype)
