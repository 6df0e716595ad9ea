"""Samples and labels as arrays that are fit to train on."""

import warnings

import numpy as np
import tensorflow as tf

_CHUNK_BYTES = 1 << 24


def as_arrays(x, y=None):
    """Returns samples and labels as arrays that are fit to train on.

    Args:
        x: Images `(n, height, width, channels)` or table rows
            `(n, num_features)`, any numeric dtype; or a finite
            `tf.data.Dataset` of `(x, y)`, batched or not, which is read once.
        y: Labels `(n,)`, the integers `0..num_classes - 1`; None when `x` is a
            dataset.

    Returns:
        Tuple of `x` in its own dtype and `y` as int64. Arrays are not copied.

    Raises:
        TypeError: If `x` is not numeric, `y` holds no numbers, or `y` is
            missing.
        ValueError: If the input is empty, has another rank, a NaN or an
            infinity, unequal lengths, a label that is negative or not an
            integer, a class with no sample, or a single class.

    Example:

    >>> x, y = as_arrays([[0.0, 1.0], [2.0, 3.0]] * 2, [0, 1, 0, 1])
    >>> x.shape, y.dtype
    ((4, 2), dtype('int64'))
    """
    if isinstance(x, tf.data.Dataset):
        if y is not None:
            raise ValueError(
                "`y` must be None when `x` is a dataset, which holds the labels. "
                f"Received: y of type {type(y).__name__}. Drop `y`."
            )
        x, y = read_dataset(x)
    elif y is None:
        raise TypeError(
            "`y` is missing. Expected one integer label per sample. Received: "
            "y=None. Pass the labels, or a `tf.data.Dataset` of `(x, y)`."
        )
    x, y = check_samples(x), check_labels(y)
    check_same_length(x, y)
    check_classes(y)
    repeated = len(x) - len(np.unique(fingerprints(x, y)))
    if repeated:
        warnings.warn(
            f"`x` holds repeated samples: {repeated} of {len(x)} equal "
            "another of their class and count again. If that is not meant, keep "
            "the rows `np.unique(x, axis=0, return_index=True)[1]`.",
            stacklevel=2,
        )
    return x, y


def fingerprints(x, y):
    """One 64-bit number a sample, equal for equal samples of one class.

    The same in every process.
    """
    source = np.random.default_rng(0)
    width = x[:1].nbytes
    factors = source.integers(1, 2**63, width, dtype="uint64")
    prints = y.astype("uint64") * source.integers(1, 2**63, dtype="uint64")
    rows = max(1, (1 << 21) // width)
    for start in range(0, len(x), rows):
        part = np.ascontiguousarray(x[start : start + rows])
        octets = part.reshape(len(part), -1).view("uint8")
        # Integer sums wrap around, the same for every row.
        prints[start : start + rows] += octets @ factors
    return prints


def check_samples(x):
    """Returns `x` as a numeric, finite array of images or table rows."""
    x = np.asarray(x)
    if x.dtype.kind not in "iuf":
        raise TypeError(
            "`x` must be numeric. Expected an integer or float array. Received: "
            f"dtype {x.dtype}. Encode categories as numbers and use dense "
            "arrays; `DeepOverSampler` takes pandas frames as they are."
        )
    if x.ndim not in (2, 4):
        ways = {
            1: "`x[:, None]` is a table of one feature.",
            3: "`x[..., None]` adds the channel axis to grey images.",
        }
        raise ValueError(
            "`x` must be images `(n, height, width, channels)` or table rows "
            f"`(n, num_features)`. Received: shape {x.shape}. "
            + ways.get(x.ndim, "Reshape `x`.")
        )
    if not x.size:
        raise ValueError(
            "`x` is empty. Expected at least one sample of at least one feature. "
            f"Received: shape {x.shape}. Check how the data were loaded."
        )
    for row, chunk in chunks(x):
        if x.dtype.kind == "f" and not np.isfinite(chunk).all():
            finite = np.isfinite(chunk.reshape(len(chunk), -1)).all(axis=1)
            raise ValueError(
                "`x` must be finite. Received: NaN or infinity, first in sample "
                f"{row + int(np.argmin(finite))}. Impute or drop such samples."
            )
    return x


def check_labels(y):
    """Returns `y` as a non-empty int64 vector of non-negative integers."""
    y = np.asarray(y)
    if y.dtype.kind not in "biuf":
        raise TypeError(
            "`y` must hold integer labels. Received: dtype "
            f"{y.dtype}. Number the classes: "
            "`names, y = np.unique(y, return_inverse=True)`."
        )
    if y.ndim != 1:
        raise ValueError(
            "`y` must have rank 1, one label per sample. Received: shape "
            f"{y.shape}. Use `y.reshape(-1)` for a column of labels and "
            "`y.argmax(axis=-1)` for one-hot rows."
        )
    if not y.size:
        raise ValueError(
            "`y` is empty. Expected at least one label. Received: shape (0,). "
            "Check how the data were loaded."
        )
    if y.dtype.kind == "f" and not (np.isfinite(y).all() and (y == np.rint(y)).all()):
        wrong = y[~(np.isfinite(y) & (y == np.rint(y)))][0]
        raise ValueError(
            f"Labels must be integers. Received: {wrong}. Number the classes 0..K-1."
        )
    if y.min() < 0:
        raise ValueError(
            "Labels must not be negative. Expected 0..K-1. Received: "
            f"{int(y.min())}. Number the classes: "
            "`_, y = np.unique(y, return_inverse=True)`."
        )
    return y.astype("int64", copy=False)


def check_classes(y):
    """Raises `ValueError` unless every label up to the largest, above 0, has a sample.

    Warns of classes of one sample.
    """
    labels, counts = np.unique(y, return_counts=True)
    if len(labels) == 1:
        raise ValueError(
            "`y` must have at least two classes. Received: only label "
            f"{labels[0]}. Add samples of another class."
        )
    if labels[-1] != len(labels) - 1:
        absent = int(np.argmax(labels != np.arange(len(labels))))
        raise ValueError(
            "`y` has a class with no sample. Expected every label from 0 to "
            f"{labels[-1]}. Received: no sample of label {absent}. Number the "
            "classes 0..K-1: `_, y = np.unique(y, return_inverse=True)`."
        )
    if counts.min() == 1:
        warnings.warn(
            f"Labels {labels[counts == 1].tolist()} have one sample each, so "
            "what is generated for them can only repeat it.",
            stacklevel=3,
        )


def check_same_length(x, y):
    """Raises `ValueError` unless there is one label per sample."""
    if len(x) != len(y):
        raise ValueError(
            "`x` and `y` must have one label per sample. Received: "
            f"{len(x)} samples and {len(y)} labels. Pass the labels of `x`."
        )


def chunks(x):
    """Yields the first row and the rows of slices of bounded size."""
    rows = max(1, _CHUNK_BYTES // max(1, x[:1].nbytes))
    for start in range(0, len(x), rows):
        yield start, x[start : start + rows]


def value_bounds(x):
    """Returns the smallest and the largest value of a non-empty array, as floats."""
    bounds = [(chunk.min(), chunk.max()) for _, chunk in chunks(x)]
    return float(min(low for low, _ in bounds)), float(max(high for _, high in bounds))


def dataset_specs(dataset):
    """Returns the specs of x and y, and whether the dataset is batched."""
    spec = dataset.element_spec
    if not (
        isinstance(spec, tuple)
        and len(spec) == 2
        and all(isinstance(part, tf.TensorSpec) for part in spec)
    ):
        raise ValueError(
            "A dataset must yield pairs `(x, y)` of tensors. Received: elements "
            f"{spec}. Use `dataset.map(...)` to make pairs."
        )
    if spec[1].shape.rank not in (0, 1) or spec[0].shape.rank is None:
        raise ValueError(
            "A dataset must yield integer labels, one per sample, and samples of "
            f"known rank. Received: elements {spec}. Map one-hot labels through "
            "`tf.argmax`."
        )
    return *spec, spec[1].shape.rank == 1


def read_dataset(dataset):
    """Returns the arrays of a finite dataset of `(x, y)`, batched or not."""
    *_, batched = dataset_specs(dataset)
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "A dataset that is read once must be finite. Received: an infinite "
            "one. Pass it before `.repeat()`, or after `.take(n)`."
        )
    try:
        pairs = list((dataset if batched else dataset.batch(256)).as_numpy_iterator())
        return tuple(np.concatenate(parts) for parts in zip(*pairs, strict=True)) or (
            np.zeros((0, 0)),
            np.zeros(0),
        )
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(
            "All samples of a dataset must have one shape. Received: samples "
            f"that cannot be stacked ({error}). Resize or pad them."
        ) from error
