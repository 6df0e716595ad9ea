"""A discriminator that sees its images moved."""

import keras

from kerasos.layers.counted_shift import CountedShift
from kerasos.seeds import derive_seed


def shifted(network, share, seed):
    """Puts a `CountedShift` before the images of a network.

    Args:
        network: `keras.Model` from images, or from a list that begins with images.
        share: Largest move, as a share of the side.
        seed: Integer seed of the moves.

    Returns:
        A `keras.Model` with the weights, inputs, outputs and name of `network`.

    Raises:
        ValueError: If the network takes no images, or `share` is not in [0, 1).
    """
    shapes = network.input_shape
    shapes = shapes if isinstance(shapes, list) else [shapes]
    if len(shapes[0]) != 4:
        raise ValueError(
            "`d_shift` moves images before the discriminator sees them. Received: "
            f"d_shift={share} and a discriminator of rows of {shapes[0][-1]} numbers. "
            "Leave `d_shift` out."
        )
    images, *others = (keras.Input(shape[1:]) for shape in shapes)
    shift = CountedShift(share, derive_seed(seed, network.name, "shift"), name="shift")
    moved = shift(images)
    if not others:
        return keras.Model(images, network(moved), name=network.name)
    outputs = network([moved, *others])
    return keras.Model([images, *others], outputs, name=network.name)
