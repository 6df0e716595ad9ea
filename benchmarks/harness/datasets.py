"""The data sets of the papers by their published names."""

import pathlib

import kerasos

TFDS_NAMES = {
    "MNIST": "mnist",
    "Fashion-MNIST": "fashion_mnist",
    "CIFAR10": "cifar10",
    "SVHN": "svhn_cropped",
    "Digits": "digits",
}


def load(name, class_counts, data_dir, seed):
    """Returns `(x, y), (x_test, y_test)`, uint8 images and int64 labels.

    TFDS prepares the sets in `TFDS_NAMES`. Any other is read from `NAME.npz` in
    `data_dir`, the arrays `x_train, y_train, x_test, y_test`, which whoever has the
    images makes once. The papers' are:

    - `CelebA-Small`, `CelebA-Large`: 64 x 64 x 3; the hair is blonde, black, bald,
      brown or gray, by exactly one of the five attributes.
    - `LSUN-Small`, `LSUN-Large`: centre patches of 224, made 64 x 64 x 3; classroom,
      church_outdoor, conference_room, dining_room and tower.
    - `SUN397-50`: 64 x 64 x 3; 50 classes, of which 20 images each are for test.
    - `Tiny-ImageNet`: 32 x 32 x 3; `val` is the test set.

    Args:
        name: Published name of a data set.
        class_counts: As in `kerasos.data.load`.
        data_dir: Folder of the prepared data; None for TFDS's own, or this one.
        seed: Integer that fixes which training images are drawn.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If a TFDS set is not there and cannot be downloaded.
        ValueError: If the class counts cannot be met.
    """
    path = TFDS_NAMES.get(name) or pathlib.Path(data_dir or ".") / f"{name}.npz"
    return kerasos.data.load(path, class_counts, data_dir, seed)
