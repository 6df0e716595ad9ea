"""The velocity network of flow matching, for images: a small U-Net.

Image, time and label to velocity. Ronneberger, Fischer, Brox (MICCAI 2015) with the
residual blocks of Dhariwal and Nichol (NeurIPS 2021). Noise alone makes up
most of what the network is to say, and the part of it that a Gaussian of the data's
spread s would have is known: with t the time,

    v(x, t) = c_skip x + c_out F(c_in x, t),    q = t^2 s^2 + (1 - t)^2
    c_skip = (t s^2 - (1 - t)) / q,    c_out = s / sqrt(q),    c_in = 1 / sqrt(q)

so that F sees inputs and has targets of one size at all times (Karras et al., NeurIPS
2022, appendix B.6, for our straight path), and need not carry each pixel's noise
through its coarse grids. F begins as zero: then v is exact for pixels N(0, s^2).
"""

import keras
from keras import ops

from kerasos.layers.float32_layer import Float32Layer
from kerasos.layers.upsample_conv import UpsampleConv2D
from kerasos.methods.flow.networks import TimeFeatures
from kerasos.networks.convolution import conv, cropped
from kerasos.networks.mlp import dense, silu
from kerasos.randomness.seeds import derive_seed

SPREAD = 0.5  # of pixels in [-1, 1]; 0.5 as in Karras et al.
_FINEST, _COARSEST = 16, 8  # sides of the network's first and last grid, at most
_GROUP = 4  # channels at least that are normalised together
_GROUPS = 8


@keras.saving.register_keras_serializable(package="kerasos")
class GaussianPath(Float32Layer):
    """c_in, c_skip and c_out of a line from noise to pixels N(0, spread^2).

    Args:
        spread: Float, deviation of a pixel.

    Call arguments:
        time: Float tensor `(batch, 1)` in [0, 1].

    Returns:
        Three float32 tensors `(batch, 1, 1, 1)`; see the head of the file.
    """

    def __init__(self, spread=SPREAD, **kwargs):
        super().__init__(**kwargs)
        self.spread = float(spread)

    def call(self, time):
        time = ops.reshape(time, (-1, 1, 1, 1))
        variance = self.spread**2
        whole = variance * ops.square(time) + ops.square(1.0 - time)
        size = ops.rsqrt(whole)
        return size, (variance * time - (1.0 - time)) / whole, self.spread * size

    def compute_output_shape(self, input_shape):
        return ((input_shape[0], 1, 1, 1),) * 3


def patch_of(shape):
    """Pixels along a side of the patches that the first convolution reads at once.

    1 up to 16 pixels, 2 up to 32, 4 up to 64 and so on: the sides of the first grid
    are 16 at most, whatever the size of the images.
    """
    patch = 1
    while -(-max(shape[:2]) // patch) > _FINEST:
        patch *= 2
    return patch


def width_of(shape, patch=None):
    """Channels of the first grid: as many as a patch has numbers, but 32 to 64."""
    patch = patch or patch_of(shape)
    return min(max(patch * patch * shape[2], 32), 64)


def velocity_unet(
    shape, num_labels, seed, width=32, blocks=1, patch=None, attention=False
):
    """Convolutions on grids that halve, and back with what each grid held.

    Grids halve, sides rounded up, until none is above 8, once at least; the first has
    `width` channels, the others twice as many. 28x28: 14x14x32, 7x7x64.

    Args:
        shape: `(height, width, channels)` of the images.
        num_labels: Width of the one-hot labels, and of what is beside them.
        seed: Integer; two builds with one seed have equal weights.
        width: Channels of the first grid.
        blocks: Residual blocks of each grid on the way down, and on the way up.
        patch: Stride of the first convolution. Default: `patch_of(shape)`.
        attention: Whether the places of the last grid attend to each other.

    Returns:
        A `keras.Model` from `[images, time, labels]`, `time` `(batch, 1)`, to
        velocities `(batch, *shape)`, float32.
    """
    patch = patch or patch_of(shape)
    images, time, labels = inputs = [
        keras.Input(part) for part in (shape, (1,), (num_labels,))
    ]
    scale_in, skip, scale_out = GaussianPath()(time)
    condition = keras.layers.Concatenate()([TimeFeatures(16)(time), labels])
    for index in range(2):
        name = f"unet_condition_{index}"
        condition = silu(dense(4 * width, seed, name)(condition))

    def block(x, maps, name):
        return _residual(x, condition, maps, seed, f"unet_{name}")

    x = keras.layers.Multiply(dtype="float32")([images, scale_in])
    taps = 2 * patch if patch > 1 else 3
    x = conv(width, taps, seed, "unet_first", strides=patch)(x)
    maps, held = [width], []
    while True:
        level = len(maps) - 1
        for index in range(blocks):
            x = block(x, maps[-1], f"down_{level}_{index}")
            held.append(x)
        if level and max(x.shape[1:3]) <= _COARSEST:
            break
        maps.append(2 * width)
        x = conv(2 * width, 3, seed, f"unet_halve_{level}", strides=2)(x)
    if attention:
        x = _attention(x, seed)
    x = block(x, maps[-1], "middle")
    for level in reversed(range(len(maps))):
        for index in range(blocks):
            x = keras.layers.Concatenate()([x, held.pop()])
            x = block(x, maps[level], f"up_{level}_{index}")
        if level:
            name = f"unet_double_{level}"
            kernel = keras.initializers.GlorotUniform(derive_seed(seed, name))
            larger = UpsampleConv2D(
                maps[level - 1], kernel_initializer=kernel, name=name
            )
            x = cropped(larger(x), held[-1].shape[1:3])
    x = _activated(x, "unet_last")
    last = keras.layers.Conv2D if patch == 1 else keras.layers.Conv2DTranspose
    x = last(
        shape[2],
        taps,
        strides=patch,
        padding="same",
        kernel_initializer="zeros",
        name="unet_last",
    )(x)
    x = cropped(x, shape)
    known = keras.layers.Multiply(dtype="float32")([images, skip])
    learnt = keras.layers.Multiply(dtype="float32")([x, scale_out])
    outputs = keras.layers.Add(dtype="float32")([known, learnt])
    return keras.Model(inputs, outputs, name="velocity")


def _residual(x, condition, maps, seed, name):
    """x + Conv SiLU GN (Conv SiLU GN x + Dense condition); x by Conv 1x1 to `maps`."""
    branch = conv(maps, 3, seed, f"{name}_in")(_activated(x, f"{name}_in"))
    told = dense(maps, seed, f"{name}_condition")(condition)
    branch = keras.layers.Add()([branch, keras.layers.Reshape((1, 1, maps))(told)])
    branch = conv(maps, 3, seed, f"{name}_out")(_activated(branch, f"{name}_out"))
    if x.shape[-1] != maps:
        x = conv(maps, 1, seed, f"{name}_skip")(x)
    return keras.layers.Add()([x, branch])


def _activated(x, name):
    """SiLU of group normalisation."""
    channels = x.shape[-1]
    groups = min(_GROUPS, max(1, channels // _GROUP))
    while channels % groups:
        groups -= 1
    x = keras.layers.GroupNormalization(groups, epsilon=1e-5, name=f"{name}_norm")(x)
    return silu(x)


def _attention(x, seed):
    """x + Dense of attention among the places of a grid, one head."""
    height, width, channels = x.shape[1:]
    name = "unet_attention"
    places = keras.layers.GroupNormalization(1, epsilon=1e-5, name=f"{name}_norm")(x)
    places = keras.layers.Reshape((height * width, channels))(places)
    # A key's bias would change no weight of attention.
    query, key, value = (
        keras.layers.Dense(
            channels,
            use_bias=False,
            kernel_initializer=keras.initializers.GlorotUniform(
                derive_seed(seed, name, part)
            ),
            name=f"{name}_{part}",
        )(places)
        for part in ("query", "key", "value")
    )
    query = keras.layers.Rescaling(channels**-0.5)(query)
    found = keras.layers.Attention()([query, value, key])
    found = dense(channels, seed, f"{name}_output")(found)
    return keras.layers.Add()([x, keras.layers.Reshape(x.shape[1:])(found)])
