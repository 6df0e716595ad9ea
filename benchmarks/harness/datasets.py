"""The data sets of the papers by their published names."""

import kerasos
from harness import web_datasets

TFDS_NAMES = {
    "MNIST": "mnist",
    "Fashion-MNIST": "fashion_mnist",
    "CIFAR10": "cifar10",
    "SVHN": "svhn_cropped",
    "Digits": "digits",
}


def load(name, class_counts, data_dir, seed):
    """Returns `(x, y), (x_test, y_test)`, uint8 images and int64 labels.

    Args:
        name: Published name: a key of `TFDS_NAMES` or of `web_datasets.READERS`.
        class_counts: As in `kerasos.data.load`.
        data_dir: Folder of the prepared TFDS data, or None for TFDS's own.
        seed: Integer that fixes which training images are drawn.

    Raises:
        OSError: If the data are not there and cannot be downloaded.
        ValueError: If the name is unknown, or the class counts cannot be met.
    """
    if name in TFDS_NAMES:
        return kerasos.data.load(TFDS_NAMES[name], class_counts, data_dir, seed)
    if name in web_datasets.READERS:
        return web_datasets.load(name, class_counts, data_dir, seed)
    raise ValueError(
        "`name` must be the published name of a data set. Expected one of "
        f"{[*TFDS_NAMES, *web_datasets.READERS]}. Received: {name!r}."
    )
