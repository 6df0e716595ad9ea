"""How large the networks of images are: as in the papers, or to fit the data.

The papers' networks are for images of 28 to 32 pixels, and where dense layers meet the
grid of a convolution they grow with the area of the image. For larger images `size`
takes another form of each: halved until the grid is at most 6 (8 where a paper starts
from 7 or 8), with so many maps there, half as many on each larger grid, and dense
layers to match. `docs/image_networks.md` has the numbers of parameters.

| size | maps of the smallest grid | dense layers |
|---|---|---|
| small | 256 | 256 |
| medium | 512 | 512 |
"""

from typing import Literal

SIZES = ("small", "medium", "paper")
Size = Literal["small", "medium", "paper"]
WIDEST = {"small": 256, "medium": 512}
_PAPER_SIDE, _FEW = 32, 2_000
_GRID, _FEWEST_MAPS = 6, 16


def size_of(spec, size=None):
    """Returns the size of the networks for a data set.

    Args:
        spec: `kerasos.data.DataSpec`.
        size: As the user gave it: one of `SIZES`, or None: "paper" for rows and for
            images with no side above 32 pixels, else "small" below 2,000 images and
            "medium" from there on.

    Raises:
        ValueError: If a size is given for rows.
    """
    if not spec.is_image:
        if size is not None:
            raise ValueError(
                "`size` is that of networks for images. Received: "
                f"size={size!r} and samples of shape {spec.shape}. Leave it out."
            )
        return "paper"
    if size is not None or max(spec.shape[:2]) <= _PAPER_SIDE:
        return size or "paper"
    return "small" if sum(spec.class_counts) < _FEW else "medium"


def halvings(shape, smallest=_GRID):
    """How often the sides are halved, rounding up, until both are at most `smallest`.

    Once at least.
    """
    count = 1
    while -(-max(shape[:2]) // 2**count) > smallest:
        count += 1
    return count


def maps_of_grids(shape, size, smallest=_GRID):
    """Returns the maps of each grid, from the largest to the smallest, as a list."""
    count = halvings(shape, smallest)
    widest = WIDEST[size]
    return [max(_FEWEST_MAPS, widest >> (count - 1 - i)) for i in range(count)]
