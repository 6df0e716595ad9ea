"""Drawn pictures of parts, most of them good, some with a scratch, a crack, a hole."""

import colorsys
from collections.abc import Sequence

import numpy as np

from kerasos.checks import Integer, Listed, check
from kerasos.randomness.seeds import derive_seed

DEFECTS = ("good", "scratch", "crack", "hole")
_LUMINANCE = np.array([0.299, 0.587, 0.114], "float32")


def defects(
    class_counts: Sequence[int] = (60, 30, 12, 5),
    size: int | Sequence[int] = (64, 64),
    *,
    channels: int = 3,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Draws pictures of parts on a table, as a camera over a belt would take them.

    | class | what is on the part |
    |---|---|
    | good | nothing but what all have |
    | scratch | a thin line, almost straight, lighter or darker than the part |
    | crack | a jagged dark line with a branch, wider at one end |
    | hole | a round or oval opening with a lit rim, through which the table shows |

    All else varies in every class alike: place, size, turn, outline (disc or rounded
    rectangle) and colour of the part, its brushed texture and stains, the table, the
    direction and strength of the light, and the noise of the camera. Lengths follow
    the shorter side of the picture, so that all sizes show the same. Edges are smooth.
    Every picture has its own draw: a smaller class is the beginning of a larger one.

    Args:
        class_counts: Four integers of at least 1, pictures of each class.
        size: `(height, width)` in pixels, or one number for both; at least 8.
        channels: 3 for colour, 1 for grey.
        seed: Integer; the same arguments give the same pictures.

    Returns:
        `(x, y, names)`: uint8 images `(n, height, width, channels)` in mixed order,
        int64 labels `(n,)`, and the tuple of the names of the classes.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> x, y, names = kerasos.data.defects((60, 30, 12, 5), size=(96, 48), channels=1)
    >>> x.shape, names[1]
    ((107, 96, 48, 1), 'scratch')
    """
    sides = (size, size) if np.ndim(size) == 0 else size
    sides = np.asarray(sides).tolist()
    check("size", sides, Listed(Integer(8), 2))
    counts = np.asarray(class_counts).tolist()
    check("class_counts", counts, Listed(Integer(1), len(DEFECTS)))
    if channels not in (1, 3):
        raise ValueError(
            "`channels` must be 3 for colour or 1 for grey. Received: channels="
            f"{channels!r}. Leave it out for the default, 3."
        )
    drawn = []
    for label, name in enumerate(DEFECTS):
        stream = derive_seed(seed, "defects", name)
        for i in range(counts[label]):
            height, width = sides
            rng = np.random.default_rng([stream, i])
            picture = _picture(name, height, width, rng)
            picture = picture if channels == 3 else picture @ _LUMINANCE[:, None]
            drawn.append(np.rint(255.0 * np.clip(picture, 0.0, 1.0)).astype("uint8"))
    order = np.random.default_rng(derive_seed(seed, "defects", "order"))
    order = order.permutation(len(drawn))
    return np.stack(drawn)[order], np.repeat(np.arange(4), counts)[order], DEFECTS


# Lengths below are in widths of the shorter side of the picture, from its middle or
# that of the part, x to the right and y downwards.


def _picture(name, height, width, rng):
    """Returns a picture `(height, width, 3)`, 0 to 1 where it is well lit."""
    short = min(height, width)
    y, x = (
        ((np.arange(side) + 0.5) / short - side / short / 2).astype("float32")
        for side in (height, width)
    )
    x, y = np.broadcast_arrays(x[None, :], y[:, None])

    def covered(distance, blur=1.0):
        return np.clip(0.5 - distance * short / blur, 0.0, 1.0)[..., None]

    table = _colour(rng, (0.15, 0.45), 0.3) * (1 + _clouds(rng, x.shape, 6, 6, 0.1))
    # The part, seen in its own axes.
    half = rng.uniform(0.27, 0.38, 2) * [width / short, height / short]
    corner = rng.uniform(0.15, 1.0) * half.min()
    place, angle = rng.uniform(-0.06, 0.06, 2), rng.uniform(-0.2, 0.2)
    u, v = _turned(x - place[0], y - place[1], angle)
    inside = covered(_rounded_rectangle(u, v, *half, corner))
    part = _colour(rng, (0.5, 0.8), 0.4)
    part = part * (1 + _clouds(rng, x.shape, *rng.permutation([3, 24]), 0.06))
    for _ in range(rng.integers(0, 3)):  # stains
        a, b = rng.uniform(-0.8, 0.8, 2) * half
        stain = np.exp(-((u - a) ** 2 + (v - b) ** 2) / rng.uniform(0.03, 0.1) ** 2)
        part = part * (1 + rng.uniform(-0.35, 0.2) * stain[..., None])
    # The defect, in axes of its own.
    a, b = rng.uniform(-0.5, 0.5, 2) * half
    p, q = _turned(u - a, v - b, rng.uniform(0.0, 2.0 * np.pi))
    thinnest = 0.5 / short  # half a width: a line of one pixel
    if name == "scratch":
        line = _scratch(rng)
        tone = 1 + rng.choice([-1, 1]) * rng.uniform(0.3, 0.5)
        width_of = np.full(len(line) - 1, max(rng.uniform(0.006, 0.011), thinnest))
        part = _mixed(part, part * tone, covered(_lines(p, q, line, width_of)))
    elif name == "crack":
        stem, branch = _crack(rng)
        tone = rng.uniform(0.3, 0.5)
        thick = np.linspace(rng.uniform(0.014, 0.02), 0.006, len(stem) - 1)
        distance = np.minimum(
            _lines(p, q, stem, np.maximum(thick, thinnest)),
            _lines(p, q, branch, np.maximum(thick[-len(branch) + 1 :], thinnest)),
        )
        part = _mixed(part, part * tone, covered(distance))
    elif name == "hole":
        radius = rng.uniform(0.045, 0.085) * np.array([1.0, rng.uniform(0.65, 1.0)])
        distance = (np.hypot(p / radius[0], q / radius[1]) - 1.0) * radius.min()
        part = _mixed(part, part * 1.25, covered(distance - 0.015))
        part = _mixed(part, table * rng.uniform(0.3, 0.8), covered(distance))
    towards = rng.uniform(0.0, 2.0 * np.pi)
    # Its shadow lies on the side away from the light.
    away = 0.03 * np.array([np.cos(towards), np.sin(towards)])
    shadow = _turned(x - place[0] + away[0], y - place[1] + away[1], angle)
    shadow = covered(_rounded_rectangle(*shadow, *half, corner), 0.06 * short)
    picture = _mixed(table * (1 - 0.5 * shadow), part, inside)
    slope = x * np.cos(towards) + y * np.sin(towards)
    light = rng.uniform(0.75, 1.15) + rng.uniform(0.0, 0.5) * slope
    noise = rng.normal(0.0, rng.uniform(0.01, 0.03), (*x.shape, 1))
    return (picture * light[..., None] + noise).astype("float32")


def _colour(rng, value, saturation):
    hue, strength = rng.uniform(), rng.uniform(0.0, saturation)
    return np.array(colorsys.hsv_to_rgb(hue, strength, rng.uniform(*value)), "float32")


def _clouds(rng, shape, rows, columns, strength):
    """Returns smooth noise `(height, width, 1)` of that standard deviation at knots."""
    knots = rng.normal(0.0, strength, (rows, columns))
    down, along = (
        np.maximum(0, 1 - np.abs(np.linspace(0, k - 1, n)[:, None] - np.arange(k)))
        for n, k in zip(shape, knots.shape, strict=True)
    )
    return (down @ knots @ along.T)[..., None]


def _turned(x, y, angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    return x * cosine + y * sine, y * cosine - x * sine


def _mixed(below, above, share):
    return below + (above - below) * share


# Distances to the edge, negative inside.


def _rounded_rectangle(u, v, half_width, half_height, corner):
    u, v = np.abs(u) - half_width + corner, np.abs(v) - half_height + corner
    outside = np.hypot(np.maximum(u, 0.0), np.maximum(v, 0.0))
    return outside + np.minimum(np.maximum(u, v), 0.0) - corner


def _lines(p, q, points, half_widths):
    """Distance to segments between `points` `(m, 2)`, each of its own half width."""
    nearest = np.full(p.shape, np.inf)
    for start, end, half in zip(points[:-1], points[1:], half_widths, strict=True):
        along = end - start
        t = ((p - start[0]) * along[0] + (q - start[1]) * along[1]) / (along @ along)
        t = np.clip(t, 0.0, 1.0)
        distance = np.hypot(p - start[0] - t * along[0], q - start[1] - t * along[1])
        nearest = np.minimum(nearest, distance - half)
    return nearest


def _scratch(rng):
    t = np.linspace(-1.0, 1.0, 7)
    reach, bow = rng.uniform(0.12, 0.22), rng.uniform(-0.03, 0.03)
    return np.stack([reach * t, bow * (1 - t**2)], axis=1)


def _crack(rng):
    """Returns the points of the stem and of a branch that leaves it."""

    def walk(start, steps, first, turn):
        sides = turn * (-1.0) ** np.arange(steps) * rng.uniform(0.5, 1.0, steps)
        lengths = rng.uniform(0.03, 0.06, (steps, 1))
        path = lengths * np.stack([np.cos(first + sides), np.sin(first + sides)], 1)
        return np.concatenate([start[None], start + np.cumsum(path, axis=0)])

    steps = rng.integers(6, 9)
    stem = walk(np.array([-0.02 * steps, 0.0]), steps, 0.0, 0.9)
    fork = stem[rng.integers(2, 4)]
    return stem, walk(fork, 3, rng.choice([-1, 1]) * rng.uniform(0.9, 1.3), 0.5)
