"""Differentiable augmentation, for a discriminator that has few images to learn from.

Before a discriminator it changes real and generated images alike, and the gradient
passes back through it to the generator. D can then not learn a few images by heart;
and changed images of a generator look like changed real ones only if they do unchanged.

| name | in training, each image by itself | strength (authors' code) |
|---|---|---|
| color | brightness, saturation and contrast | half the range, 0 to 2, .5 to 1.5 |
| translation | moved by whole pixels, border pixels repeated | 1/8 of the side |
| cutout | a rectangle of the middle grey | half of each side |

The code fills up with 0 in [-1, 1] where it moves an image; that is the background of
few. In other ranges brightness and the grey of the cutout follow the range.

Reference:
    Zhao, Liu, Lin, Zhu, Han. Differentiable Augmentation for Data-Efficient GAN
    Training, NeurIPS 2020, section 3.
"""

from typing import Annotated

import keras
import tensorflow as tf

from kerasos.checks import Listed, OneOf
from kerasos.randomness.counted_layers import CountedNoise
from kerasos.randomness.seeds import derive_seed

POLICY = ("color", "translation", "cutout")
Augment = Annotated[tuple, Listed(OneOf(POLICY))]
_CUT = 0.5  # of each side
_STREAMS = {"translation": "shift"}  # that of measured rows


class _ImageNoise(CountedNoise):
    """Changes each image in training by uniforms of its own.

    A subclass has `change(images, uniforms)`, uniforms `(batch, draws)`.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.
        training: Boolean; without it the input is returned as it is.

    Raises:
        ValueError: If the inputs are no images.
    """

    draws = 2

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                f"`{type(self).__name__}` changes images (batch, height, width, "
                f"channels). Received: shape {tuple(input_shape)}."
            )

    def call(self, inputs, training=False):
        if not training:
            return inputs
        uniforms = self.next_uniform((tf.shape(inputs)[0], self.draws))
        return self.change(inputs, uniforms)


@keras.saving.register_keras_serializable(package="kerasos")
class CountedColor(_ImageNoise):
    """Changes the brightness, saturation and contrast of each image.

    With u, v, w uniform in [0, 1) for each image, m_c the mean of a pixel's channels
    and m that of the whole image, one after the other:

        x + (u - 1/2) r,    m_c + 2 v (x - m_c),    m + (w + 1/2) (x - m)

    Args:
        width: Float, r, half the width of the range of the images.
        seed: Integer.
    """

    draws = 3

    def __init__(self, width=1.0, seed=0, **kwargs):
        super().__init__(seed, **kwargs)
        self.width = float(width)

    def change(self, images, uniforms):
        uniforms = tf.cast(uniforms, images.dtype)[:, :, None, None, None]
        x = images + (uniforms[:, 0] - 0.5) * self.width
        mean = tf.reduce_mean(x, axis=3, keepdims=True)
        x = mean + 2.0 * uniforms[:, 1] * (x - mean)
        mean = tf.reduce_mean(x, axis=[1, 2, 3], keepdims=True)
        return mean + (uniforms[:, 2] + 0.5) * (x - mean)

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="kerasos")
class CountedShift(_ImageNoise):
    """Moves each image by whole pixels, drawn alike, border pixels repeated.

    Args:
        share: Float in [0, 1), the largest move as a share of the side; in each
            direction it is rounded to whole pixels. 0 moves nothing.
        seed: Integer.

    Raises:
        ValueError: If `share` is not in [0, 1).
    """

    def __init__(self, share=0.125, seed=0, **kwargs):
        if not 0 <= share < 1:
            raise ValueError(f"`share` must lie in [0, 1). Received: share={share}.")
        super().__init__(seed, **kwargs)
        self.share = float(share)

    def change(self, images, uniforms):
        rows, columns = (
            _moves(uniforms[:, axis], images.shape[1 + axis], self.share, images.dtype)
            for axis in range(2)
        )
        # Products with 0 and 1 move pixels as a gather would, and their gradients,
        # unlike its own, are products, too.
        return tf.einsum("bip,bpqc,bjq->bijc", rows, images, columns)

    def get_config(self):
        return {**super().get_config(), "share": self.share}


@keras.saving.register_keras_serializable(package="kerasos")
class CountedCutout(_ImageNoise):
    """Sets a rectangle of each image to one value, at a place drawn for the image.

    Its sides are half those of the image, rounded up; its middle is any pixel, so that
    at the border only a part of it is inside.

    Args:
        fill: Float, the value.
        seed: Integer.
    """

    def __init__(self, fill=0.0, seed=0, **kwargs):
        super().__init__(seed, **kwargs)
        self.fill = float(fill)

    def change(self, images, uniforms):
        rows, columns = (
            _inside(uniforms[:, axis], images.shape[1 + axis]) for axis in range(2)
        )
        cut = (rows[:, :, None] & columns[:, None, :])[..., None]
        return tf.where(cut, tf.cast(self.fill, images.dtype), images)

    def get_config(self):
        return {**super().get_config(), "fill": self.fill}


def _moves(uniforms, side, share, dtype):
    """Returns `(batch, side, side)`, row i of each 1 at the pixel that i shows."""
    most = round(side * share)
    moves = tf.cast(tf.floor(uniforms * (2 * most + 1)), tf.int32) - most
    shown = tf.clip_by_value(tf.range(side) + moves[:, None], 0, side - 1)
    return tf.one_hot(shown, side, dtype=dtype)


def _inside(uniforms, side):
    """Returns booleans `(batch, side)`: the places around a drawn middle."""
    length = int(side * _CUT + 0.5)
    # One place more where the length is even, as in the code: no end is favoured.
    middle = tf.floor(uniforms * (side + 1 - length % 2))
    first = tf.cast(middle, tf.int32)[:, None] - length // 2
    place = tf.range(side)[None, :]
    return (place >= first) & (place < first + length)


def augmented(network, policy, value_range, seed):
    """Puts differentiable augmentation before the images of a network.

    Args:
        network: `keras.Model` from images, or from a list that begins with images.
        policy: Names out of `POLICY`; they are applied in that order.
        value_range: `(low, high)` of the images.
        seed: Integer seed of the draws.

    Returns:
        A `keras.Model` with the weights, inputs, outputs and name of `network`;
        `network` itself for an empty policy.

    Raises:
        ValueError: If the network takes no images.
    """
    if not policy:
        return network
    shapes = network.input_shape
    shapes = shapes if isinstance(shapes, list) else [shapes]
    if len(shapes[0]) != 4:
        raise ValueError(
            "`d_augment` changes images before the discriminator sees them. Received: "
            f"d_augment={tuple(policy)} and a discriminator of rows of "
            f"{shapes[0][-1]} numbers. Leave `d_augment` out."
        )
    low, high = value_range
    layers = {
        "color": lambda **options: CountedColor((high - low) / 2, **options),
        "translation": CountedShift,
        "cutout": lambda **options: CountedCutout((high + low) / 2, **options),
    }
    images, *others = (keras.Input(shape[1:]) for shape in shapes)
    changed = images
    for name in POLICY:
        if name in policy:
            own_seed = derive_seed(seed, network.name, _STREAMS.get(name, name))
            changed = layers[name](seed=own_seed, name=name)(changed)
    if not others:
        return keras.Model(images, network(changed), name=network.name)
    outputs = network([changed, *others])
    return keras.Model([images, *others], outputs, name=network.name)
