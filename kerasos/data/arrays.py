"""Checks of arrays that are to be trained on, a part at a time, and rows of them."""

import warnings

import numpy as np

_CHUNK_BYTES = 1 << 24
_LARGEST_LABEL = 2**53  # beyond that floats are no counts


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


def as_array(values, what="`x`"):
    """Returns `np.asarray(values)`.

    Args:
        values: Array-like.
        what: String, what it is for the user, for an error.

    Raises:
        ValueError: If it holds lists of unequal lengths; it says the first.
    """
    try:
        return np.asarray(values)
    except ValueError as error:
        if not isinstance(values, list | tuple):
            raise
        shapes = [_shape(part) for part in values]
        if None in shapes:
            received = f"unequal lists inside entry {shapes.index(None)}"
        else:
            other = next(i for i, shape in enumerate(shapes) if shape != shapes[0])
            received = f"shape {shapes[0]} in entry 0, {shapes[other]} in entry {other}"
        raise ValueError(
            f"{what} must have entries of one shape. Expected an array, or lists of "
            f"equal lengths. Received: {received}. Pad or cut them, or drop such "
            "entries."
        ) from error


def _shape(part):
    """The shape of an array-like, None where it has none."""
    try:
        return np.shape(part)
    except ValueError:
        return None


def check_samples(x, first=0):
    """Returns `x` as a numeric, finite array of images or table rows.

    Args:
        x: Array-like.
        first: Integer, the number of its first sample, for an error.
    """
    x = as_array(x)
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
                f"{first + row + int(np.argmin(finite))}. Impute or drop such samples."
            )
    return x


def check_labels(y):
    """Returns `y` as a non-empty int64 vector of non-negative integers."""
    y = as_array(y, "`y`")
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
    if y.max() > _LARGEST_LABEL:
        raise ValueError(
            f"Labels must number the classes 0..K-1. Received: {y.max()}. Number them: "
            "`_, y = np.unique(y, return_inverse=True)`."
        )
    if y.min() < 0:
        raise ValueError(
            "Labels must not be negative. Expected 0..K-1. Received: "
            f"{int(y.min())}. Number the classes: "
            "`_, y = np.unique(y, return_inverse=True)`. Fractions and rows "
            "that are not one-hot count as -1."
        )
    return y.astype("int64", copy=False)


def check_classes(y, names=None):
    """Raises `ValueError` unless every label up to the largest, above 0, has a sample.

    Warns of classes of one sample.

    Args:
        y: Integers `(n,)`.
        names: Names of the labels, for an error, all of which need samples; or None.
    """
    labels, counts = np.unique(y, return_counts=True)
    if len(labels) == 1:
        raise ValueError(
            "`y` must have at least two classes. Received: only label "
            f"{labels[0]}. Add samples of another class."
        )
    last = int(labels[-1]) if names is None else max(labels[-1], len(names) - 1)
    if last != len(labels) - 1:
        absent = int(np.argmax(~np.isin(np.arange(len(labels) + 1), labels)))
        name = f"label {absent}"
        way_out = (
            "Number the classes 0..K-1: `_, y = np.unique(y, return_inverse=True)`."
        )
        if names is not None and absent < len(names):
            name += f", {names[absent]!r}"
            way_out = "Leave its folder or its name out, or add samples of it."
        raise ValueError(
            "`y` has a class with no sample. Expected every label from 0 to "
            f"{last}. Received: no sample of {name}. {way_out}"
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


def rows_of_each_class(y, most, seed):
    """Numbers of at most `most` rows a class, drawn without replacement."""
    source = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        if len(rows) > most:
            rows = np.sort(source.choice(rows, most, replace=False))
        chosen.append(rows)
    return np.concatenate(chosen)
