"""What users train on, read as samples and labels: arrays, folders, other datasets."""

import collections.abc
import dataclasses
import warnings

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.data.arrays import (
    check_classes,
    check_labels,
    check_same_length,
    check_samples,
    fingerprints,
    value_bounds,
)
from kerasos.data.host import as_written, weakly
from kerasos.data.labels import check_names, codes_of, named

_ROWS_AT_ONCE = 256  # of a dataset that is not batched
# Labels that `tf.one_hot` takes.
_INDEX_DTYPES = (tf.uint8, tf.int8, tf.int32, tf.int64)


def as_arrays(x: Samples, y: ArrayLike | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Returns samples and labels as arrays that are fit to train on.

    Args:
        x: Images `(n, height, width, channels)` or table rows
            `(n, num_features)`, any numeric dtype; or a finite dataset, as
            `as_pairs` takes it, which is read once.
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
    check_form(x, y)
    if is_dataset(x):
        x, y = read_dataset(as_pairs(x))
    x, y = check_samples(x), check_labels(y)
    check_same_length(x, y)
    check_classes(y)
    _warn_of_repeats(fingerprints(x, y))
    return x, y


def is_dataset(data):
    """Whether `data` brings its labels along: a dataset of TensorFlow or of Keras."""
    return isinstance(data, tf.data.Dataset | keras.utils.PyDataset)


def check_form(x, y):
    """Raises unless `(x, y)` are a dataset alone, or samples with labels."""
    if is_dataset(x):
        if y is not None:
            raise ValueError(
                "`y` must be None when `x` is a dataset, which holds the labels. "
                f"Received: y of type {type(y).__name__}. Drop `y`."
            )
    elif isinstance(x, tf.distribute.DistributedDataset):
        raise TypeError(
            "A distributed dataset is for `fit`, `evaluate` and `predict`: its rows "
            "lie on several devices. Expected arrays, a `tf.data.Dataset` or a "
            f"`keras.utils.PyDataset`. Received: a {type(x).__name__}. Pass the "
            "dataset that it was made of."
        )
    elif isinstance(x, collections.abc.Iterator):
        raise TypeError(
            "A generator can be read once, and training needs to begin anew. Expected "
            "arrays, a `tf.data.Dataset` or a `keras.utils.PyDataset`. Received: a "
            f"{type(x).__name__}. Wrap the function that makes it: "
            "`tf.data.Dataset.from_generator(function, output_signature=...)`."
        )
    elif y is None:
        raise TypeError(
            "`y` is missing. Expected one integer label per sample. Received: "
            f"x of type {type(x).__name__} and y=None. Pass the labels, or a "
            "`tf.data.Dataset` of `(x, y)`."
        )


@dataclasses.dataclass(frozen=True)
class Summary:
    """What one pass over a data set tells.

    Attributes:
        shape, dtype: Of one sample.
        bounds: Smallest and largest value, as floats.
        y: int64 labels `(n,)`, in the order of the pass.
        names: Names of the labels where the data have some, else None.
    """

    shape: tuple
    dtype: np.dtype
    bounds: tuple
    y: np.ndarray
    names: tuple | None = None


def summarize(x, y=None, label_names=None):
    """Checks a data set as `as_arrays` does, and says what it is like.

    One pass; of a dataset no more than a batch is in memory, and 16 bytes a sample.

    Args:
        x: As in `as_arrays`.
        y: As there, or names of the classes: then `label_names` is their order, which
            by default is the alphabet's.
        label_names: List of names, or None for those of a folder.

    Returns:
        A `Summary`.

    Raises:
        TypeError, ValueError: As `as_arrays`.
    """
    check_form(x, y)
    if not is_dataset(x):
        if label_names is None and named(y):
            label_names = np.unique(np.asarray(y)).tolist()
        x, y = as_arrays(x, codes_of(y, label_names))
        return Summary(x.shape[1:], x.dtype, value_bounds(x), y, label_names)
    check_names(x, label_names)
    if label_names is None:
        label_names = getattr(x, "class_names", None)
    labels, prints, bounds, rows = [], [], [], 0
    for samples, codes in parts_of(as_pairs(x)):
        samples, codes = check_samples(samples, rows), check_labels(codes)
        check_same_length(samples, codes)
        labels.append(codes)
        prints.append(fingerprints(samples, codes))
        bounds.append(value_bounds(samples))
        rows += len(codes)
    if not rows:
        check_samples(np.zeros((0, 0)))
    y = np.concatenate(labels)
    check_classes(y, label_names)
    _warn_of_repeats(np.concatenate(prints))
    low, high = zip(*bounds, strict=True)
    bounds = min(low), max(high)
    return Summary(samples.shape[1:], samples.dtype, bounds, y, label_names)


def read_dataset(dataset):
    """Returns the arrays of a finite dataset of `(x, y)`, batched or not."""
    parts = [*zip(*parts_of(dataset), strict=True)]
    try:
        return tuple(map(np.concatenate, parts)) or (np.zeros((0, 0)), np.zeros(0))
    except ValueError as error:
        raise _one_shape(error) from error


def parts_of(dataset):
    """Yields the batches of a finite dataset as arrays."""
    *_, batched = dataset_specs(dataset)
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "A dataset that is read once must be finite. Received: an infinite "
            "one. Pass it before `.repeat()`, or after `.take(n)`."
        )
    shape = None
    try:
        dataset = dataset if batched else dataset.batch(_ROWS_AT_ONCE)
        for x, y in dataset.as_numpy_iterator():
            if shape not in (None, x.shape[1:]):
                raise _one_shape(f"{shape} and {x.shape[1:]}")
            shape = x.shape[1:]
            yield x, y
    except tf.errors.InvalidArgumentError as error:
        if "batch" in error.message:
            raise _one_shape(error) from error
        raise ValueError(
            "A dataset must yield all its samples. Received: an error while one was "
            f"made ({error.message}). For a folder of pictures, `kerasos.data."
            "read_image_folder(folder, image_size)` names the file."
        ) from error


def _one_shape(what):
    return ValueError(
        "All samples of a dataset must have one shape. Received: samples "
        f"that cannot be stacked ({what}). Resize or pad them."
    )


def _warn_of_repeats(prints):
    repeated = len(prints) - len(np.unique(prints))
    if repeated:
        warnings.warn(
            f"`x` holds repeated samples: {repeated} of {len(prints)} equal "
            "another of their class and count again. If that is not meant, keep "
            "the rows `np.unique(x, axis=0, return_index=True)[1]`.",
            stacklevel=3,
        )


def dataset_specs(dataset):
    """Returns the specs of x and y, and whether the dataset is batched."""
    spec = dataset.element_spec
    if not _is_pair(spec):
        raise ValueError(
            "A dataset must yield pairs `(x, y)` of tensors. Received: elements "
            f"{spec}. Use `dataset.map(...)` to make pairs, and `label_mode='int'` "
            "where a folder is read."
        )
    if spec[1].shape.rank not in (0, 1) or spec[0].shape.rank is None:
        raise ValueError(
            "A dataset must yield labels, one per sample or one-hot, and samples of "
            f"known rank. Received: elements {spec}. Map it to such pairs."
        )
    return *spec, spec[1].shape.rank == 1


def as_pairs(data):
    """Returns a dataset as one of samples and integer labels.

    Args:
        data: A `tf.data.Dataset`, batched or not, of pairs of samples and labels:
            `keras.utils.image_dataset_from_directory` with any `label_mode`, TensorFlow
            Datasets with `as_supervised` or as dicts with `"image"` and `"label"`; or a
            `keras.utils.PyDataset`. Labels are integers, a column of them, or one-hot.

    Returns:
        A `tf.data.Dataset` of `(x, y)`, y of rank 0 or, in batches, 1; `data` itself if
        it is one. `class_names` stay. Labels that are no class, mixed ones for
        instance, become -1.

    Raises:
        ValueError: If the elements are none of these, or have weights.
    """
    data = _opened(data)
    spec = data.element_spec
    if isinstance(spec, tuple) and len(spec) == 3:
        raise ValueError(
            "A dataset must yield pairs `(x, y)`. Received: a third part, the weights. "
            "Oversampling replaces them: drop it with `dataset.map(lambda x, y, w: "
            "(x, y))`."
        )
    code = _code_function(spec)
    return data if code is None else _mapped(data, lambda x, y: (x, code(y)))


def label_form(data):
    """Returns a function from int32 codes `(batch,)` to labels of a dataset's form."""
    spec = _opened(data).element_spec
    code = _code_function(spec)
    if code is None or code is _whole:
        return tf.identity
    if code is _wide:
        return lambda codes: tf.cast(codes, spec[1].dtype)
    if code is _column:
        return lambda codes: tf.cast(codes[:, None], spec[1].dtype)
    num_classes, dtype = spec[1].shape[-1], spec[1].dtype
    return lambda codes: tf.cast(tf.one_hot(codes, num_classes), dtype)


def _opened(data):
    """Returns what TensorFlow reads, and pairs where a dict names their parts."""
    if isinstance(data, keras.utils.PyDataset):
        data = _of_py_dataset(data)
    spec = data.element_spec
    if isinstance(spec, dict) and {"image", "label"} <= set(spec):
        data = _mapped(data, lambda row: (row["image"], row["label"]))
    return data


def _is_pair(spec):
    return (
        isinstance(spec, tuple)
        and len(spec) == 2
        and all(isinstance(part, tf.TensorSpec) for part in spec)
    )


def _code_function(spec):
    """Returns what makes integers of the labels, or None where they are."""
    if not _is_pair(spec) or None in (spec[0].shape.rank, spec[1].shape.rank):
        return None  # `dataset_specs` says what is wrong
    (x, y), rank = spec, spec[0].shape.rank
    is_batch = rank in (2, 4)
    if rank == 3 and y.shape.rank == 1:  # an image and one-hot, or images of two axes
        is_batch = y.shape[0] is None or y.shape[0] == x.shape[0]
    further = y.shape.rank - is_batch
    if further == 0:
        if y.dtype.is_floating:
            return _whole
        return None if y.dtype in (*_INDEX_DTYPES, tf.string) else _wide
    if further != 1 or y.dtype == tf.string:
        return None
    return _column if y.shape[-1] == 1 else _one_hot


def _wide(y):
    return tf.cast(y, tf.int64)


def _whole(y):
    return tf.where(y == tf.round(y), tf.cast(y, tf.int32), -1)


def _column(y):
    y = y[..., 0]
    return _whole(y) if y.dtype.is_floating else _wide(y)


def _one_hot(y):
    y = _number(y)
    single = tf.reduce_sum(tf.cast(y != 0, tf.int32), axis=-1) == 1
    single &= tf.reduce_max(y, axis=-1) == 1
    return tf.where(single, tf.argmax(y, axis=-1, output_type=tf.int32), -1)


def _number(y):
    return tf.cast(y, tf.int32) if y.dtype.is_bool else y


def _mapped(dataset, function):
    result = dataset.map(as_written(function), num_parallel_calls=1)
    if hasattr(dataset, "class_names"):
        result.class_names = dataset.class_names
    return result


def _of_py_dataset(data):
    """Returns a dataset of the batches, a pass as Keras makes it."""
    count = data.num_batches
    if count is None:
        raise ValueError(
            "A `PyDataset` must be finite. Expected a length. Received: "
            f"{type(data).__name__} of unknown length. Define `__len__`."
        )
    first = data[0]
    if not isinstance(first, tuple | list) or any(isinstance(p, dict) for p in first):
        raise ValueError(
            "A `PyDataset` must yield batches of samples and labels. Expected a tuple "
            "of arrays. Received: a batch of type "
            f"{type(first).__name__}, or with a dict in it. Return `(x, y)` from "
            "`__getitem__`."
        )
    first = tuple(np.asarray(part) for part in first)
    signature = tuple(
        tf.TensorSpec((None, *part.shape[1:]), tf.as_dtype(part.dtype))
        for part in first
    )

    def batches():
        for index in range(count):
            yield tuple(np.asarray(part) for part in data[index])
        data.on_epoch_end()

    dataset = tf.data.Dataset.from_generator(
        weakly(batches), output_signature=signature
    )
    dataset.kerasos_function = batches
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(count))
    if hasattr(data, "class_names"):
        dataset.class_names = data.class_names
    return dataset
