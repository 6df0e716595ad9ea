"""Pictures of real and generated samples.

Figures are made with matplotlib's object interface: nothing here touches pyplot
or any global state, and matplotlib is imported only when a figure is drawn.
"""

import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasos.annotations import PathLike
from kerasos.data.arrays import check_same_length
from kerasos.files import whole_file

DPI = 100
CELL_PIXELS = 56  # small images grow to about this size, by a whole factor
MAX_CELL_PIXELS = 128
MAX_FIGURE_PIXELS = 30_000  # matplotlib refuses 2**16
HATCHED = {"facecolor": "0.96", "edgecolor": "0.75", "hatch": "////", "linewidth": 0}


def image_grid(
    rows: Any,
    row_labels: Sequence[str] | None = None,
    title: str | None = None,
    column_groups: Any = None,
) -> Any:
    """Draws images in rows, a hatched field where there is no image.

    Args:
        rows: List of rows; a row is a list of images `(height, width)` or
            `(height, width, 1 or 3)`, all of one shape, uint8 or floats in
            [0, 1], or `None` for a cell without an image. Rows are filled up
            with `None` to the longest.
        row_labels: List of one string per row, drawn at the left.
        title: String drawn above everything.
        column_groups: List of `(name, number of columns)` from the left, drawn
            as separate blocks under their names. Default: one block, no name.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is no image, images differ in shape, or the labels
            or groups do not fit the rows.

    Example:

    >>> figure = image_grid([[np.zeros((8, 8))] * 3, [None] * 3], ["a", "b"])
    >>> len(figure.axes)
    1
    """
    from matplotlib.figure import Figure

    num_columns = max((len(row) for row in rows), default=0)
    rows = [list(row) + [None] * (num_columns - len(row)) for row in rows]
    height, width = _common_shape(rows)
    labels = [""] * len(rows) if row_labels is None else list(row_labels)
    if len(labels) != len(rows):
        raise ValueError(
            f"`row_labels` must have one string per row. Expected {len(rows)}. "
            f"Received: {len(labels)}."
        )
    groups = [(None, num_columns)] if column_groups is None else list(column_groups)
    if sum(size for _, size in groups) != num_columns:
        raise ValueError(
            f"`column_groups` must cover every column. Expected {num_columns} "
            f"columns. Received: {groups}."
        )

    scale, margin = _scale(height, width, len(rows), num_columns)
    block_height = (len(rows) * (height + margin) + margin) * scale
    block_widths = [(size * (width + margin) + margin) * scale for _, size in groups]
    longest = max(len(line) for text in labels for line in text.split("\n"))
    left = 12 + 7 * longest if longest else 8
    top = 8 + (26 if title else 0) + (22 if any(n for n, _ in groups) else 0)
    gap = 16
    total_width = max(
        left + sum(block_widths) + gap * len(groups), 8 * len(title or "")
    )
    total_height = top + block_height + 8

    figure = Figure((total_width / DPI, total_height / DPI), dpi=DPI)
    if title:
        figure.text(
            0.5, 1 - 8 / total_height, title, ha="center", va="top", fontsize=11
        )
    start, x = 0, left
    for (name, size), block_width in zip(groups, block_widths, strict=True):
        axes = figure.add_axes(
            (
                x / total_width,
                8 / total_height,
                block_width / total_width,
                block_height / total_height,
            )
        )
        cells = [row[start : start + size] for row in rows]
        _draw_block(axes, cells, height, width, margin)
        axes.images[0].set_interpolation("nearest" if scale >= 1 else "auto")
        axes.set_xticks([])
        axes.set_yticks([])
        if x == left and longest:
            pitch = height + margin
            centres = [pitch * (i + 0.5) + margin / 2 for i in range(len(rows))]
            axes.set_yticks(centres, labels, fontsize=8)
            axes.tick_params(length=0)
        if name:
            axes.set_title(name, fontsize=9, pad=4)
        start, x = start + size, x + block_width + gap
    return figure


def save_figure(figure: Any, path: PathLike) -> Any:
    """Writes `figure` to `path` (the ending chooses the format), makes folders.

    Returns:
        The path, a `pathlib.Path`.
    """
    path = pathlib.Path(path)
    with whole_file(path, "The picture") as draft:
        figure.savefig(draft, dpi=DPI, facecolor="white")
    return path


def real_and_generated(
    x: ArrayLike,
    y: ArrayLike,
    model: Any,
    path: PathLike,
    per_class: int = 8,
    seed: int = 0,
    title: str | None = None,
) -> Any:
    """Writes a picture of real images (left) and generated ones (right).

    A row is a class. Where the model does not generate the class, or there are
    fewer real images than columns, the cells are hatched.

    Args:
        x: Array `(n, *model.spec.shape)`, real images in the user's units.
        y: Integer array `(n,)`.
        model: An `OversamplingModel` of images.
        path: Where to write, e.g. `"samples.png"`.
        per_class: Integer, images per class and side. Default 8.
        seed: Integer; it picks the real images and the noise. Default 0, so
            that pictures of one run show the same real images.
        title: String drawn above the picture.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: If the samples are not grey or RGB images, or `x` and `y`
            do not fit the model.
    """
    x, y = np.asarray(x), np.asarray(y)
    check_drawable(model, x)
    check_same_length(x, y)
    rng = np.random.default_rng(seed)
    generated = _generated(model, per_class, seed)
    rows, labels = [], []
    for label in range(model.spec.num_classes):
        (places,) = np.nonzero(y == label)
        places = np.sort(rng.permutation(places)[:per_class])
        real = list(to_display(x[places], model.spec.value_range))
        real += [None] * (per_class - len(real))
        rows.append(real + generated.get(label, [None] * per_class))
        labels.append(_row_label(model, label))
    groups = [("real", per_class), ("generated", per_class)]
    return save_figure(image_grid(rows, labels, title, groups), path)


def sample_grid(
    model: Any,
    path: PathLike,
    per_class: int = 10,
    seed: int = 0,
    title: str | None = None,
) -> Any:
    """Writes a picture of generated images, a row per class.

    Args:
        model: An `OversamplingModel` of images.
        path: Where to write, e.g. `"samples.png"`.
        per_class: Integer, images per class. Default 10.
        seed: Integer, the seed given to `model.sample`. Default 0.
        title: String drawn above the picture.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: If the samples are not grey or RGB images.
    """
    check_drawable(model)
    generated = _generated(model, per_class, seed)
    labels = [_row_label(model, label) for label in generated]
    return save_figure(image_grid(list(generated.values()), labels, title), path)


def is_drawable(shape: Sequence[int]) -> bool:
    """Returns whether one sample of this shape is a grey or an RGB image."""
    return len(shape) == 3 and shape[-1] in (1, 3)


def check_drawable(model, x=None):
    """Raises `ValueError` if the samples of `model` (and `x`) are no images."""
    for what, shape in (("real", model.spec.shape), ("generated", model.sample_shape)):
        if not is_drawable(shape):
            raise ValueError(
                f"Only images can be drawn. Expected {what} samples of shape "
                "(height, width, 1) or (height, width, 3). Received: shape "
                f"{tuple(shape)}. For tables and features, look at "
                "`model.sample(labels)` itself, e.g. through scikit-learn's TSNE."
            )
    if x is not None and tuple(x.shape[1:]) != tuple(model.spec.shape):
        raise ValueError(
            "`x` must hold images of the shape the model was trained on. "
            f"Expected (n, {', '.join(map(str, model.spec.shape))}). Received: "
            f"{tuple(x.shape)}. Give the arrays that went to `from_data`."
        )


def _generated(model, per_class, seed):
    """Returns `{label: list of per_class images}` for the labels it generates."""
    classes = sorted(int(label) for label in model.sampled_labels)
    labels = np.repeat(classes, per_class)
    samples = model.sample(labels, seed=seed, verbose=0)
    images = to_display(samples, model.spec.value_range)
    return {
        label: list(images[i * per_class : (i + 1) * per_class])
        for i, label in enumerate(classes)
    }


def _row_label(model, label):
    spec = model.spec
    name = str(label)
    if spec.label_names is not None and spec.label_names[label] != name:
        name = f"{label}: {spec.label_names[label]}"
    text = f"{name}\n{spec.class_counts[label]:,} real"
    generated = label in {int(i) for i in model.sampled_labels}
    return text if generated else f"{text},\nnot generated"


def to_display(images: ArrayLike, value_range: tuple[float, float]) -> np.ndarray:
    """Scales images from `value_range` to floats in [0, 1], for `image_grid`."""
    low, high = value_range
    scaled = (np.asarray(images, np.float32) - low) / (high - low)
    return np.clip(scaled, 0.0, 1.0)


def _common_shape(rows):
    shapes = {np.shape(image)[:2] for row in rows for image in row if image is not None}
    if len(shapes) != 1:
        raise ValueError(
            "`rows` must hold images of one height and width. Received: "
            f"{sorted(shapes) or 'no image at all'}."
        )
    return shapes.pop()


def _scale(height, width, num_rows, num_columns):
    """Returns screen pixels per image pixel and the margin in image pixels."""
    side = max(height, width)
    if side > MAX_CELL_PIXELS:
        scale = MAX_CELL_PIXELS / side
    else:
        scale = max(1, round(CELL_PIXELS / side))
    longest = max(num_rows * (height + 1), num_columns * (width + 1)) * scale
    scale *= min(1, MAX_FIGURE_PIXELS / longest)
    return scale, math.ceil(max(1, 2 / scale))


def _draw_block(axes, cells, height, width, margin):
    """Draws one block of cells as a single picture with white margins."""
    from matplotlib.patches import Rectangle

    num_rows, num_columns = len(cells), len(cells[0])
    canvas_height = num_rows * (height + margin) + margin
    canvas_width = num_columns * (width + margin) + margin
    canvas = np.ones((canvas_height, canvas_width, 3))
    for i, row in enumerate(cells):
        for j, image in enumerate(row):
            top = i * (height + margin) + margin
            left = j * (width + margin) + margin
            if image is None:
                axes.add_patch(Rectangle((left, top), width, height, **HATCHED))
                continue
            image = np.asarray(image)
            if image.dtype == np.uint8:
                image = image / 255.0
            if image.ndim == 2:
                image = image[..., None]
            canvas[top : top + height, left : left + width] = image
    extent = (0, canvas_width, canvas_height, 0)
    axes.imshow(canvas, aspect="auto", zorder=0, extent=extent)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.spines[:].set_visible(False)
