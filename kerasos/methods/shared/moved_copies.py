"""Moved copies of images, for classes whose hull is to reach beyond few images."""

import numpy as np

from kerasos.data.resample import to_dtype
from kerasos.networks.affine_images import affine_images
from kerasos.randomness.seeds import derive_seed

CHUNK = 64  # images moved at a time
# How far a copy is moved: the defaults of the method `augment`.
MOVES = {"shift": 0.1, "rotation": 15.0, "zoom": 0.1, "flip": False}


def fill_up(x, index, min_anchors, seed):
    """Adds moved copies to the rows of a class that has few.

    Args:
        x: Images `(n, height, width, channels)`, or any samples for `min_anchors=0`.
        index: `{label: row numbers}` of each class.
        min_anchors: Integer, the rows that each class gets at least.
        seed: Integer.

    Returns:
        `{label: rows}`, the class's own samples first, in the user's units and dtype;
        and `{label: row numbers}` of the samples they are or were made of.

    Raises:
        ValueError: If `min_anchors` are asked for of samples that are no images.
    """
    check_images(min_anchors, x.shape[1:])
    filled, sources = {}, {}
    for label, rows in index.items():
        sources[label] = np.resize(rows, max(len(rows), min_anchors))
        filled[label] = x[sources[label]]
        added = filled[label][len(rows) :]
        source = np.random.default_rng(derive_seed(seed, "min_anchors", label))
        for start in range(0, len(added), CHUNK):
            part = added[start : start + CHUNK]
            # Filled up to one shape: one trace.
            images = np.resize(part, (CHUNK, *x.shape[1:])).astype("float32")
            uniforms = source.random((CHUNK, 5), "float32")
            moved = affine_images(images, uniforms, **MOVES).numpy()
            part[:] = to_dtype(moved[: len(part)], x.dtype)
    return filled, sources


def check_images(min_anchors, shape):
    """Raises `ValueError` if `min_anchors` are asked for of samples of no image."""
    if min_anchors and len(shape) != 3:
        raise ValueError(
            "`min_anchors` is for images (height, width, channels), which it moves. "
            f"Received: min_anchors={min_anchors} for samples of shape "
            f"{tuple(shape)}. Leave it out."
        )
