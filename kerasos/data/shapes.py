"""Drawn images with known factors, after dSprites: shape, scale, orientation, x, y."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasos.annotations import ClassCounts
from kerasos.checks import check_choice, check_count, unknown_name_message
from kerasos.data.imbalance import resolve_class_counts
from kerasos.randomness.seeds import derive_seed

FACTORS = ("shape", "scale", "orientation", "x", "y")
SIZES = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
SHAPES = ("square", "ellipse", "heart")
_RADIUS = 0.22  # of the circle around a shape at full scale, in widths of the image
_MARGIN = 0.25  # between the edge of the image and the outermost centres
_CHUNK_PIXELS = 2**20


def shapes(
    per_class: int = 5_000,
    class_counts: ClassCounts = None,
    *,
    size: int = 64,
    sizes=None,
    label: str = "shape",
    seed: int = 0,
) -> tuple[Any, ...]:
    """Draws images of one white shape each, with all that made them.

    The five factors of dSprites (Matthey et al., 2017), drawn here and now, without a
    download:

    | factor | values |
    |---|---|
    | shape | square, ellipse, heart |
    | scale | 6, from half to full size |
    | orientation | 40, from 0 on in steps of 9 degrees, counter-clockwise |
    | x | 32 places, from left to right |
    | y | 32 places, from top to bottom |

    Edges are smooth, so images are grey where a pixel is half covered. A square looks
    the same every 10 orientations and an ellipse every 20, as in dSprites. Every
    combination of factors has one image; a class is a random draw of them without
    replacement, and a smaller one is part of a larger one.

    Args:
        per_class: Images of each class where `class_counts` does not say otherwise.
        class_counts: None for `per_class` of each; a list, which may ask for more;
            a dict `{label: count}`; an imbalance ratio, with `per_class` of the first
            class; as in `kerasos.data.load`.
        size: Height and width in pixels, 64 (dSprites) or for instance 32.
        sizes: Dict of the number of values of a factor where it is not as above:
            `{"orientation": 1, "scale": 2}`. Values spread over the same range; a
            single one is the first shape, full size, upright, in the middle.
        label: Name of the factor that is the class.
        seed: Integer; the same arguments give the same images.

    Returns:
        `(x, y, factors)`: uint8 images `(n, size, size, 1)`, int64 labels `(n,)`, and
        int64 `(n, 5)`, which value each factor has, in the order of the table.

    Raises:
        TypeError, ValueError: If sizes are not positive, a name is unknown, or more
            images of a class are asked for than there are.

    Example:

    >>> x, y, factors = kerasos.data.shapes(200, class_counts=10, size=32)
    >>> x.shape, np.bincount(y)
    ((283, 32, 32, 1), array([200,  63,  20]))
    """
    sizes = factor_sizes(sizes)
    check_choice("label", label, FACTORS)
    check_count("per_class", per_class)
    target, numbers = FACTORS.index(label), np.array(list(sizes.values()))
    others = np.delete(numbers, target)
    available = math.prod(others.tolist())
    counts = counts_of_classes(class_counts, per_class, [available] * sizes[label])
    drawn = []
    for value, count in enumerate(counts):
        rng = np.random.default_rng(derive_seed(seed, "shapes", value))
        combination = rng.permutation(available)[:count]
        factors = np.stack(np.unravel_index(combination, others), axis=1)
        drawn.append(np.insert(factors, target, value, axis=1))
    factors = np.concatenate(drawn).astype("int64")
    order = np.random.default_rng(derive_seed(seed, "shapes", "order"))
    factors = factors[order.permutation(len(factors))]
    return draw_shapes(factors, size, sizes), factors[:, target].copy(), factors


def factor_sizes(sizes=None):
    """Returns `{factor: number of values}`, in the order of the factors.

    Args:
        sizes: Dict of those that are not the default, or None.
    """
    sizes = dict(sizes or {})
    for name, number in sizes.items():
        if name not in FACTORS:
            raise ValueError(unknown_name_message("factor", name, FACTORS, "sizes"))
        check_count(f"sizes[{name!r}]", number)
    if sizes.get("shape", 1) > len(SHAPES):
        raise ValueError(
            f"There are {len(SHAPES)} shapes: {', '.join(SHAPES)}. Received: "
            f"sizes={sizes}."
        )
    return {**SIZES, **sizes}


def draw_shapes(factors: ArrayLike, size: int = 64, sizes=None) -> np.ndarray:
    """Draws the images of given factors; see `shapes`.

    Args:
        factors: Integers `(n, 5)`, which value each factor has.
        size: Height and width in pixels.
        sizes: As in `shapes`.

    Returns:
        uint8 array `(n, size, size, 1)`.

    Raises:
        ValueError: If a factor has no such value.

    Example:

    >>> draw_shapes([[2, 5, 0, 16, 16]]).shape
    (1, 64, 64, 1)
    """
    sizes = factor_sizes(sizes)
    check_count("size", size)
    factors = _check_factors(factors, sizes)
    images = np.empty((len(factors), size, size, 1), "uint8")
    poses = _poses(factors, sizes)
    chunk = max(1, _CHUNK_PIXELS // size**2)
    for kind, distance in enumerate((_square, _ellipse, _heart)):
        rows = np.flatnonzero(factors[:, 0] == kind)
        for start in range(0, len(rows), chunk):
            part = rows[start : start + chunk]
            images[part, :, :, 0] = _coverage(distance, poses[part], size)
    return images


def _coverage(distance, poses, size):
    """Grey levels 0..255: how much of each pixel lies inside the shape."""
    scale, angle, x, y = (column[:, None, None] for column in poses.T)
    centres = ((np.arange(size) + 0.5) / size).astype("float32")
    # In units of the shape's radius, from its centre, y upwards, turned back.
    u = (centres[None, None, :] - x) / (_RADIUS * scale)
    v = (y - centres[None, :, None]) / (_RADIUS * scale)
    cosine, sine = np.cos(angle), np.sin(angle)
    outside = distance(u * cosine + v * sine, v * cosine - u * sine)
    outside *= _RADIUS * size * scale  # pixels
    return np.rint(255.0 * np.clip(0.5 - outside, 0.0, 1.0)).astype("uint8")


# Distances to the edge, negative inside, of shapes in the unit circle.


def _square(u, v, half=0.5**0.5):
    u, v = np.abs(u) - half, np.abs(v) - half
    corner = np.hypot(np.maximum(u, 0.0), np.maximum(v, 0.0))
    return corner + np.minimum(np.maximum(u, v), 0.0)


def _ellipse(u, v, height=0.5):
    # To first order, f / |grad f| of f = sqrt(u^2 + (v / h)^2) - 1; exact at the edge.
    level = np.hypot(u, v / height)
    slope = np.hypot(u, v / height**2) / np.maximum(level, 1e-6)
    return (level - 1.0) / np.maximum(slope, 1e-6)


def _heart(u, v):
    # A square on its corner and a disc around the middle of each of its upper edges.
    # With this side, and the centre of the square that much below 0, the lowest corner
    # and the discs touch the unit circle.
    side, below = 1.12132, 0.20711
    v = v + below
    turned = (u + v) * math.sqrt(0.5), (v - u) * math.sqrt(0.5)
    middle = side * math.sqrt(2.0) / 4.0
    discs = np.hypot(np.abs(u) - middle, v - middle) - side / 2.0
    return np.minimum(_square(*turned, side / 2.0), discs)


def _poses(factors, sizes):
    """Scale, angle and centre of each image, in widths of the image."""
    numbers = factors.astype("float64").T

    def spread(index, low, high, alone):
        count = sizes[FACTORS[index]]
        if count == 1:
            return np.full(len(factors), alone)
        return low + (high - low) * numbers[index] / (count - 1)

    return np.stack(
        [
            spread(1, 0.5, 1.0, 1.0),
            2.0 * math.pi * numbers[2] / sizes["orientation"],
            spread(3, _MARGIN, 1.0 - _MARGIN, 0.5),
            spread(4, _MARGIN, 1.0 - _MARGIN, 0.5),
        ],
        axis=1,
    ).astype("float32")


def counts_of_classes(class_counts, per_class, available):
    """Returns the images of each class that `class_counts` asks for.

    Args:
        class_counts, per_class: As in `shapes`.
        available: Images that there are of each class.
    """
    if class_counts is None:
        class_counts = [per_class] * len(available)
    elif isinstance(class_counts, dict):
        missing = set(range(len(available))) - set(class_counts)
        class_counts = {**class_counts, **dict.fromkeys(missing, per_class)}
    elif np.ndim(class_counts) == 0:  # a ratio starts from what is asked for
        available = np.minimum(available, per_class)
    return resolve_class_counts(class_counts, available, "shapes")


def _check_factors(factors, sizes):
    factors = np.asarray(factors)
    if factors.ndim != 2 or factors.shape[1] != 5 or factors.dtype.kind not in "iu":
        raise ValueError(
            f"`factors` must be integers (n, 5): {', '.join(FACTORS)}. Received: "
            f"shape {factors.shape}, dtype {factors.dtype}."
        )
    largest = np.array(list(sizes.values()))
    if len(factors) and (np.any(factors < 0) or np.any(factors >= largest)):
        raise ValueError(
            f"`factors` must lie below the number of values of each: {sizes}. "
            f"Received: from {factors.min(axis=0).tolist()} to "
            f"{factors.max(axis=0).tolist()}."
        )
    return factors
