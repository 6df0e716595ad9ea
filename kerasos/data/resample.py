"""What every oversampler does before and after it makes samples."""

import numpy as np


def samples_to_add(y, sampling_strategy="auto", num_classes=None):
    """Returns the labels of the samples that `sampling_strategy` asks for.

    Args:
        y: Integer array `(n,)`, the labels at hand.
        sampling_strategy: As in imbalanced-learn's over-samplers, whose checks
            and errors apply. `"auto"` or `"not majority"`: every class up to the
            largest; `"minority"`: the smallest only; a dict: the wanted total by
            label; a float, with two classes only: the wanted ratio of minority to
            majority; a callable: takes `y` and returns such a dict.
        num_classes: Integer. If given, labels must be less than it.

    Returns:
        `int64` array, one label per sample to make, class by class in label
        order. Empty if nothing is asked for.

    Raises:
        ValueError: If imbalanced-learn refuses the strategy, or a label is out
            of range.

    Example:

    >>> samples_to_add([0, 0, 0, 1, 2, 2])
    array([1, 1, 2])
    >>> samples_to_add([0, 0, 0, 1], {1: 2})
    array([1])
    """
    from imblearn.utils import check_sampling_strategy

    y = np.asarray(y)
    if num_classes is not None and y.size and not 0 <= y.min() <= y.max() < num_classes:
        raise ValueError(
            f"Labels must lie in 0..{num_classes - 1}. "
            f"Received: labels from {y.min()} to {y.max()}. Leave other rows out."
        )
    counts = check_sampling_strategy(sampling_strategy, y, "over-sampling")
    if counts is None:  # imbalanced-learn says nothing about other types
        raise ValueError(
            "`sampling_strategy` must be a string, a dict, a float or a callable. "
            f"Received: {sampling_strategy!r}."
        )
    return np.repeat(
        np.array(list(counts), dtype="int64"),
        np.array(list(counts.values()), dtype="int64"),
    )


def append(x, y, x_new, y_new):
    """Puts new samples behind the original ones, which stay as they are.

    Args:
        x: Array `(n, ...)`.
        y: Integer array `(n,)`.
        x_new: Array `(m, ...)` of the same sample shape and dtype; floats of
            another width are cast.
        y_new: Integer array `(m,)`.

    Returns:
        `(x_res, y_res, is_synthetic)`: arrays of length `n + m` with the dtypes
        of `x` and `y`, and a boolean array that is true for the new samples.

    Raises:
        ValueError: If the new samples differ in shape or dtype, or their number
            in that of their labels.

    Example:

    >>> x_res, y_res, is_synthetic = append(
    ...     np.zeros((2, 3)), np.array([0, 1]), np.ones((1, 3)), np.array([1]))
    >>> is_synthetic
    array([False, False,  True])
    """
    both_float = x_new.dtype.kind == x.dtype.kind == "f"
    if x_new.shape[1:] != x.shape[1:] or not (both_float or x_new.dtype == x.dtype):
        raise ValueError(
            "New samples must have the shape and dtype of the originals. Expected: "
            f"{x.shape[1:]} {x.dtype}. Received: {x_new.shape[1:]} {x_new.dtype}."
        )
    if len(x_new) != len(y_new):
        raise ValueError(
            "Every new sample needs one label. "
            f"Received: {len(x_new)} samples and {len(y_new)} labels."
        )
    n = len(x)
    x_res = np.empty((n + len(x_new), *x.shape[1:]), x.dtype)
    x_res[:n], x_res[n:] = x, x_new
    y_res = np.concatenate([y, np.asarray(y_new, dtype=y.dtype)])
    return x_res, y_res, np.arange(len(x_res)) >= n


def to_dtype(values, dtype):
    """Casts float `values` to `dtype`; integers are rounded and clipped to fit.

    Args:
        values: Float array.
        dtype: Target dtype, floating or integer.

    Returns:
        Array of `dtype`.

    Example:

    >>> to_dtype(np.array([-3.0, 1.6, 300.0]), "uint8")
    array([  0,   2, 255], dtype=uint8)
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    high = values.dtype.type(limits.max)
    if float(high) > limits.max:  # 2**63 - 1 is no float: take the one below
        high = np.nextafter(high, values.dtype.type(0))
    return np.clip(np.rint(values), limits.min, high).astype(dtype)
