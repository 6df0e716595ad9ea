"""Images as a folder of folders, one for each class, written and read."""

import pathlib
import re
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import PathLike
from kerasos.checks import AnyOf, Integer, Listed, check, check_count
from kerasos.data.arrays import as_array, check_labels, check_same_length
from kerasos.data.image_files import MAX_PIXELS, check_image_file
from kerasos.data.sources import as_arrays

_COLOURS = {1: "grayscale", 3: "rgb"}


def read_image_folder(
    folder: PathLike,
    image_size: Sequence[int],
    channels: int = 3,
    max_pixels: int = MAX_PIXELS,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Reads `folder/class name/*`, after looking at the header of each file.

    The pictures of `keras.utils.image_dataset_from_directory` as whole numbers: PNG,
    JPEG, GIF (the first frame), BMP and WebP files whose names end in .png, .jpg,
    .jpeg, .gif or .bmp. Memory is that of the result and of a few pictures of
    `max_pixels`, whatever the files claim.

    Args:
        folder: Path with a folder for each class.
        image_size: `(height, width)` that pictures are resized to, bilinearly.
        channels: 3, or 1 for grey ones.
        max_pixels: Integer, pixels of a file at most. Default 100 million.

    Returns:
        `(x, y, names)`: uint8 images `(n, height, width, channels)`, int64 labels
        `(n,)` in the order of the files' names, and the classes' names.

    Raises:
        ValueError: If the folder has no pictures, a class has none, or one cannot be
            read; the message names the file.

    Example:

    >>> x, y, names = kerasos.data.read_image_folder("parts", (64, 64))
    """
    check("image_size", image_size, Listed(Integer(1), 2))
    check("channels", channels, AnyOf((Integer(1, 1), Integer(3, 3))), 3)
    check_count("max_pixels", max_pixels)
    folder = pathlib.Path(folder)
    if not folder.is_dir() or not any(path.is_dir() for path in folder.iterdir()):
        raise ValueError(
            f"{str(folder)!r} must be a folder of folders, one for each class. "
            f"Received: {'no folder in it' if folder.is_dir() else 'no folder'}. Put "
            "the pictures of a class into a folder of its name."
        )
    data = keras.utils.image_dataset_from_directory(
        folder,
        image_size=tuple(image_size),
        color_mode=_COLOURS[channels],
        shuffle=False,
        verbose=False,
    )
    for path in data.file_paths:
        check_image_file(path, max_pixels)
    x = np.empty((len(data.file_paths), *image_size, channels), "uint8")
    y, done = np.empty(len(x), "int64"), 0
    try:
        for images, labels in data.as_numpy_iterator():
            rows = slice(done, done + len(images))
            x[rows], y[rows] = np.rint(images), labels
            done = rows.stop
    except tf.errors.OpError as error:
        raise _undecodable(data.file_paths[done:], channels, error) from None
    return *as_arrays(x, y), data.class_names


def _undecodable(paths, channels, error):
    """Returns an error that names the first of these files that is at fault."""
    for path in paths:
        try:
            tf.io.decode_image(tf.io.read_file(path), channels, expand_animations=False)
        except tf.errors.OpError as its_own:
            error = its_own
            break
    what = re.sub(r"{{.*?}} ?| \[Op:.*", "", error.message, flags=re.DOTALL)
    colours = "grey values" if channels == 1 else "three channels"
    return ValueError(
        f"{str(path)!r} cannot be read as a picture of {colours}. Expected a whole "
        f"file that can be. Received: {what}. Save it anew as PNG, or leave it out."
    )


def write_image_folder(
    folder: PathLike, x: ArrayLike, y: ArrayLike, names: Sequence[str], prefix: str = ""
) -> list[pathlib.Path]:
    """Writes `folder/name/0001.png` and so on, overwriting nothing.

    What `keras.utils.image_dataset_from_directory` reads; it sorts the names.

    Args:
        folder: Path, made if it is not there.
        x: Images `(n, height, width, 1 or 3)`: uint8, or floats 0 to 255, which are
            rounded.
        y: Integer labels `(n,)`.
        names: Name of each label, a folder.
        prefix: String that file names begin with.

    Returns:
        List of the paths, in the order of the images.

    Raises:
        FileExistsError: If a file is there already; then nothing is written.
        ValueError: If images or labels are not as above.

    Example:

    >>> paths = write_image_folder("parts", *kerasos.data.defects())
    """
    x, y = as_array(x), check_labels(y)
    check_same_length(x, y)
    is_whole = x.dtype == np.uint8
    if x.ndim != 4 or x.shape[-1] not in (1, 3) or not (is_whole or _in_range(x)):
        raise ValueError(
            "`x` must be images (n, height, width, 1 or 3), uint8 or floats from 0 to "
            f"255. Received: shape {x.shape}, dtype {x.dtype}. For floats from 0 to 1 "
            "pass `255 * x`."
        )
    names = [str(name) for name in names]
    if y.max() >= len(names) or not _are_folders(names):
        raise ValueError(
            "`names` must hold a name for each label that can be that of a folder, one "
            "of its own. "
            f"Expected {y.max() + 1} names. Received: {names}. Pass for example "
            "`['good', 'crack']`."
        )
    places = np.zeros(len(names), int)
    paths = []
    for label in y:
        places[label] += 1
        paths.append(
            pathlib.Path(folder) / names[label] / f"{prefix}{places[label]:04d}.png"
        )
    if there := [path for path in paths if path.exists()]:
        raise FileExistsError(
            f"Files are never overwritten. Expected a folder without {there[0].name} "
            f"and others. Received: {there[0].parent}, which holds {len(there)} of "
            "them. Choose another folder."
        )
    for path, image in zip(paths, x, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as file:
            file.write(tf.io.encode_png(np.rint(image).astype("uint8")).numpy())
    return paths


def _are_folders(names):
    return len(set(names)) == len(names) and all(
        name != ".." and pathlib.Path(name).parts == (name,) for name in names
    )


def _in_range(x):
    return x.dtype.kind == "f" and bool(np.all((x >= 0) & (x <= 255)))
