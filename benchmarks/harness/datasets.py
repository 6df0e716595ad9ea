"""The data sets of the papers by their published names."""

import kerasos

TFDS_NAMES = {
    "MNIST": "mnist",
    "Fashion-MNIST": "fashion_mnist",
    "CIFAR10": "cifar10",
    "SVHN": "svhn_cropped",
    "Digits": "digits",
}


def load(name, class_counts, data_dir, seed):
    """Returns `(x, y), (x_test, y_test)`, uint8 images and integer labels.

    Args:
        name: Published name.
        class_counts: As in `kerasos.data.load`.
        data_dir: Folder of the prepared TFDS data, or None for TFDS's own.
        seed: Integer that fixes which training images are drawn.

    Raises:
        OSError: If the data are not there and cannot be downloaded.
    """
    return kerasos.data.load(TFDS_NAMES[name], class_counts, data_dir, seed)
