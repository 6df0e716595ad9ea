"""Labelled data sets as arrays: digits, drawn shapes, TFDS images, files."""

import os
import pathlib
from typing import Any

import numpy as np

from kerasos.annotations import ClassCounts, PathLike
from kerasos.checks import nearest_name
from kerasos.data.arrays import check_labels, check_same_length, check_samples
from kerasos.data.imbalance import subsample
from kerasos.data.shapes import shapes
from kerasos.files import read_arrays

_DIGITS_TEST_PER_CLASS = 50
_SHAPES_PER_CLASS = 5_000, 1_000  # for training, for test
_DSPRITES_TEST_PER_CLASS = 5_000
_TEST_SHARE = 0.2
_LARGEST_LABEL = 1 << 16  # of files with fewer samples than that
_SPLIT_SEED = 0  # fixed, so that a change of `seed` never moves the test set


def load(
    name: str | None = None,
    class_counts: ClassCounts = None,
    data_dir: PathLike | None = None,
    seed: int = 0,
    return_indices: bool = False,
) -> tuple[Any, ...]:
    """Returns training and test arrays of a data set, imbalanced on request.

    - `"digits"`: scikit-learn's 1,797 images `(8, 8, 1)` uint8, scaled from
      0..16 to 0..255; 50 images of each class are the test set.
    - `"shapes"`: drawn squares, ellipses and hearts, `(64, 64, 1)` uint8, 5,000 of each
      and 1,000 for test; see `kerasos.data.shapes`, which also tells their factors.
    - `"dsprites"`: the 737,280 images of TFDS's set of that name, 0 and 255, with the
      shape for a label; 5,000 of each are the test set. See `kerasos.data.dsprites`.
    - A TensorFlow Datasets name, e.g. `"mnist"`: uint8 images, its own splits
      `train` and `test`. Downloaded unless `data_dir` holds it.
    - A `.npz` path: arrays `x_train, y_train, x_test, y_test`, or `x, y`.
    - A `.csv` path: numeric features, and labels in the column `target`, or in
      the last one if there is none. Features become float32; labels of any kind
      are numbered 0..K-1 in sorted order.

    Files with one part are split by class, 20 % for test. The test set depends
    neither on `seed` nor on `class_counts`.

    Args:
        name: String or path, as above.
        class_counts: Training samples to keep: a list, a dict
            `{label: count}`, an imbalance ratio, a protocol name such as
            `"gamo"` (see `resolve_class_counts`), or None for all.
        data_dir: Folder of the prepared TFDS data. Default: TFDS's own.
        seed: Integer that fixes which training samples are drawn.
        return_indices: If true, also return the drawn indices.

    Returns:
        `(x, y), (x_test, y_test)`: samples, and int64 labels. With
        `return_indices`, a third item: the ascending indices into the whole
        training split that were kept.

    Raises:
        FileNotFoundError: If a file does not exist.
        OSError: If a TFDS set is not prepared and cannot be downloaded.
        ImportError: If a TFDS set is asked for without tensorflow-datasets.
        TypeError, ValueError: If the name is missing or unknown, a file does not have
            the format above, or `class_counts` cannot be met.

    Example:

    >>> (x, y), (x_test, y_test) = load("digits", class_counts=10)
    >>> x.shape, np.bincount(y)
    ((524, 8, 8, 1), array([128,  99,  77,  59,  46,  36,  28,  21,  17,  13]))
    """
    if not isinstance(name, str | os.PathLike):
        raise TypeError(
            '`load` needs a name. Expected "digits", "shapes", "dsprites", a '
            'TensorFlow Datasets name such as "mnist", or a path that ends in .csv or '
            f".npz. Received: {name!r}. Arrays need no loading."
        )
    name = os.fspath(name)
    suffix = pathlib.PurePath(name).suffix.lower()
    if suffix in _READERS:
        if not os.path.isfile(name):
            raise FileNotFoundError(
                f"There is no file to load. Received: {name!r}, from the folder "
                f"{os.getcwd()!r}. Give the path of a .csv or .npz file."
            )
        (x, y), test = _READERS[suffix](name)
    elif name == "digits":
        (x, y), test = _read_digits()
    elif name == "shapes":
        x, y, _ = shapes(sum(_SHAPES_PER_CLASS), seed=_SPLIT_SEED)
        (x, y), test = _split(x, y, np.full(3, _SHAPES_PER_CLASS[1]))
    elif name == "dsprites":
        (x, y), test = _read_dsprites(data_dir)
    else:
        (x, y), test = _read_tfds(name, data_dir)
    indices = np.arange(len(y))
    if class_counts is not None:
        indices = subsample(y, class_counts, seed, dataset=name)
        x, y = x[indices], y[indices]
    x = np.asarray(x)  # of a large set only what is wanted is read
    return ((x, y), test, indices) if return_indices else ((x, y), test)


def _read_digits():
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.rint(digits.images[..., None] * (255 / 16)).astype("uint8")
    y = digits.target.astype("int64")
    return _split(x, y, np.full(10, _DIGITS_TEST_PER_CLASS))


def _read_dsprites(data_dir):
    from kerasos.data.dsprites import StoredSprites

    sprites = StoredSprites.of(data_dir)
    test_counts = np.minimum(
        _DSPRITES_TEST_PER_CLASS, np.bincount(sprites.factors[:, 0]) // 2
    )
    train, (x, y) = _split(sprites, sprites.factors[:, 0], test_counts)
    return train, (np.asarray(x), y)


def prepared_builder(name, data_dir=None):
    """Returns the TensorFlow Datasets builder of a set, prepared to be read.

    Args:
        name: A TensorFlow Datasets name, with its configuration if it has some:
            `"mnist"`, `"lsun/classroom"`.
        data_dir: Folder of the prepared TFDS data. Default: TFDS's own.

    Raises:
        ImportError: If tensorflow-datasets is not installed.
        OSError: If the set is not prepared and cannot be downloaded.
        ValueError: If there is no set of this name.

    Example:

    >>> prepared_builder("mnist").info.splits["test"].num_examples
    10000
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"Data set {name!r} needs TensorFlow Datasets. Run `pip install "
            'tensorflow-datasets`, or use "digits".'
        ) from error

    known = tfds.list_builders(with_community_datasets=False)
    if name.split("/")[0].split(":")[0] not in known:
        nearest = nearest_name(name, ["digits", "shapes", *known])
        hint = f' Did you mean "{nearest}"?' if nearest else ""
        raise ValueError(
            '`name` must be "digits", "shapes", a TensorFlow Datasets name, or a path '
            f"that ends in .csv or .npz. Received: {name!r}.{hint}"
        )
    builder = tfds.builder(name, data_dir=data_dir)
    try:
        builder.download_and_prepare()
    except Exception as error:  # each data set fails to download in its own way
        raise OSError(
            f"Data set {name!r} is not prepared in {str(builder.data_dir)!r}, "
            f"and could not be downloaded ({type(error).__name__}: {error}). "
            "Give the folder that holds it as `data_dir`, or run this once on a "
            "machine with a network."
        ) from error
    return builder


def _read_tfds(name, data_dir):
    builder = prepared_builder(name, data_dir)
    features, splits = builder.info.features, list(builder.info.splits)
    is_image_set = builder.info.supervised_keys == ("image", "label")
    if not is_image_set or None in features["image"].shape:
        raise ValueError(
            f"Data set {name!r} must hold images of one size and their labels. "
            f"Received: {features}. Save it as arrays in a .npz file instead."
        )
    if not {"train", "test"} <= set(splits):
        raise ValueError(
            f"Data set {name!r} must have the splits 'train' and 'test'. "
            f"Received: {splits}. Save the splits you want in a .npz file instead."
        )
    parts = (
        builder.as_dataset(split=split, as_supervised=True, batch_size=-1)
        for split in ("train", "test")
    )
    return [(x.numpy(), y.numpy()) for x, y in parts]


def _read_npz(path):
    arrays = read_arrays(path)
    if {"x_train", "y_train", "x_test", "y_test"} <= set(arrays):
        return [
            _check_pair(path, arrays[f"x_{part}"], arrays[f"y_{part}"])
            for part in ("train", "test")
        ]
    if {"x", "y"} <= set(arrays):
        return _split(*_check_pair(path, arrays["x"], arrays["y"]))
    raise ValueError(
        "A .npz file must hold `x_train, y_train, x_test, y_test`, or `x, y`. "
        f"Received: {sorted(arrays)} in {path!r}. Rename the arrays."
    )


def _read_csv(path):
    from kerasos.tables.csv_file import read_text, typed

    text, _ = read_text(path)
    target = "target" if "target" in text else text.columns[-1]
    features = typed(text.drop(columns=target), codes=False)
    if features.empty:
        raise ValueError(
            f"{path!r} must have a header, a row, and a column beside the labels. "
            f"Received: {len(text)} rows of {list(text.columns)}. Give another file."
        )
    frame = features.join(typed(text[[target]], labels=target))
    missing = [name for name in text if frame[name].isna().any()]
    if missing:
        raise ValueError(
            f"{path!r} must have no missing values. Received: some in columns "
            f"{missing}. Impute them, or drop their rows."
        )
    numeric = features.select_dtypes(["number", "bool"]).columns
    if len(numeric) < features.shape[1]:
        raise ValueError(
            f"The features of {path!r} must be numeric. Received: text in "
            f"columns {list(features.columns.difference(numeric, sort=False))}. "
            "Encode them as numbers, or give the pandas frame to "
            "`DeepOverSampler`, which takes categorical columns."
        )
    labels = frame[target].to_numpy()
    if labels.dtype.kind == "f":
        others = labels[(labels != np.rint(labels)) | (np.abs(labels) >= 2**53)]
        if len(others):
            raise ValueError(
                f"Column {target!r} of {path!r} must hold class labels. Received: "
                f"fractions such as {others[0]}. Name the label column `target`."
            )
    values = features.to_numpy("float64")
    large = ~(np.abs(values) <= np.finfo("float32").max).all(axis=0)
    if large.any():
        raise ValueError(
            f"The features of {path!r} must be finite numbers that float32 holds. "
            f"Received: others in columns {list(features.columns[large])}. Scale them, "
            "or drop their rows."
        )
    _, y = np.unique(labels, return_inverse=True)
    return _split(values.astype("float32"), y.astype("int64"))


_READERS = {".npz": _read_npz, ".csv": _read_csv}


def _check_pair(path, x, y):
    try:
        x, y = check_samples(x), check_labels(y)
        check_same_length(x, y)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path!r} cannot be trained on: {error}") from None
    if y.max() >= max(len(y), _LARGEST_LABEL):
        raise ValueError(
            f"The labels of {path!r} must be 0..K-1. Received: {y.max()} for "
            f"{len(y)} samples. Number the classes: "
            "`_, y = np.unique(y, return_inverse=True)`."
        )
    return x, y


def _split(x, y, test_counts=None):
    """Returns training and test parts, the test part drawn class by class.

    A class keeps at least one sample for training, and gives at least one to
    the test part if it has two.
    """
    counts = np.bincount(y)
    if test_counts is None:
        share = np.rint(_TEST_SHARE * counts).astype("int64")
        test_counts = np.where(counts > 1, np.maximum(share, 1), 0)
    test = _draw(y, test_counts)
    train = np.setdiff1d(np.arange(len(y)), test)
    return (x[train], y[train]), (x[test], y[test])


def _draw(y, counts):
    """Returns sorted indices of `counts` samples per class; zero is allowed."""
    wanted = np.flatnonzero(counts)
    rows = np.flatnonzero(np.isin(y, wanted))
    if not len(rows):
        return rows
    position = np.searchsorted(wanted, y[rows])
    return rows[subsample(position, counts[wanted], _SPLIT_SEED)]
