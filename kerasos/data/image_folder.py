"""Images as a folder of folders, one for each class."""

import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import PathLike
from kerasos.data.arrays import check_labels, check_same_length


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
    x, y = np.asarray(x), check_labels(y)
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
