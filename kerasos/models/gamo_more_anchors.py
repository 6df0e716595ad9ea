"""Further anchors for small classes: moved copies of their images."""

import numpy as np

from kerasos.data.resample import to_dtype
from kerasos.networks.affine_images import affine_images
from kerasos.seeds import derive_seed

CHUNK = 64  # images moved at a time
# How far an added anchor is moved: the defaults of the method `augment`.
MOVES = {"shift": 0.1, "rotation": 15.0, "zoom": 0.1, "flip": False}


def fill_up_anchors(x, index, min_anchors, spec, seed):
    """Adds moved copies to the anchors of a class that has few.

    Args:
        x: Images `(n, height, width, channels)`, or any samples for `min_anchors=0`.
        index: `{label: row numbers}` of the anchors.
        min_anchors: Integer, the anchors that each class gets at least.
        spec: `DataSpec` of `x`.
        seed: Integer.

    Returns:
        `{label: anchors}`, the class's own samples first, in the user's units and
        dtype; and `{label: row numbers}` of the samples they are or were made of.

    Raises:
        ValueError: If `min_anchors` is negative, or asked for samples that are no
            images.
    """
    if min_anchors < 0 or (min_anchors and not spec.is_image):
        raise ValueError(
            "`min_anchors` must be 0, or a positive number for images (height, width, "
            f"channels), which it moves. Received: min_anchors={min_anchors} for "
            f"samples of shape {spec.shape}. Leave it out."
        )
    anchors, sources = {}, {}
    for label, rows in index.items():
        sources[label] = np.resize(rows, max(len(rows), min_anchors))
        anchors[label] = x[sources[label]]
        added = anchors[label][len(rows) :]
        source = np.random.default_rng(derive_seed(seed, "min_anchors", label))
        for start in range(0, len(added), CHUNK):
            part = added[start : start + CHUNK]
            # Filled up to one shape: one trace.
            images = np.resize(part, (CHUNK, *spec.shape)).astype("float32")
            uniforms = source.random((CHUNK, 5), "float32")
            moved = affine_images(images, uniforms, **MOVES).numpy()
            part[:] = to_dtype(moved[: len(part)], x.dtype)
    return anchors, sources
