"""Labels by name: integers inside, the user's names at the border."""

import numpy as np

from kerasos.checks import nearest_name
from kerasos.data.arrays import as_array


def named(labels):
    """Whether labels are names."""
    labels = as_array(labels, "Labels")
    if labels.dtype.kind == "O":
        return labels.size > 0 and all(isinstance(name, str) for name in labels.flat)
    return labels.dtype.kind == "U"


def checked_names(names, num_classes):
    """Returns the names of classes as a tuple of strings, one per class."""
    if isinstance(names, str) or np.shape(names) != (num_classes,):
        raise ValueError(
            "`label_names` must have one name per class. Expected "
            f"{num_classes} names. Received: label_names={names!r}. "
            "Leave it out, or give a list in the order of the labels."
        )
    return tuple(str(name) for name in names)


def codes_of(labels, names):
    """Returns names as integers; other labels stay as they are.

    Args:
        labels: Array-like of labels, integers or names.
        names: Names in label order, or None.

    Raises:
        ValueError: If a label is not one of the names; it says the nearest.
    """
    if not named(labels):
        return labels
    known = {name: code for code, name in enumerate(() if names is None else names)}
    unique, codes = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    for name in unique:
        if name not in known:
            nearest = nearest_name(name, known)
            expected = f"one of {list(known)}" if known else "integers"
            way_out = "Give `from_data` data with names, or `label_names`."
            if known:
                way_out = (
                    f"Did you mean {nearest!r}?" if nearest else "Check its spelling."
                )
            raise ValueError(
                f"Labels must be classes of the data. Expected: {expected}. Received: "
                f"{str(name)!r}. {way_out}"
            )
    values = np.array([known[name] for name in unique], "int64")
    return values[codes.reshape(np.shape(labels))]


def check_names(data, names):
    """Raises `ValueError` if a class of a dataset has another place among the names.

    Args:
        data: Dataset, whose integer labels are places in its `class_names` if it has
            any.
        names: Names in label order, or None. Other words for the classes are fine.
    """
    own = list(getattr(data, "class_names", None) or ())
    names = [] if names is None else list(names)
    moved = [n for n in own if n in names and names.index(n) != own.index(n)]
    if moved:
        raise ValueError(
            "The integer labels of a dataset are places in its `class_names`. Expected "
            f"the order {names}. Received: {own}, where {moved[0]!r} has another place."
            f" Make the dataset with `class_names={names}`."
        )


def labels_like(codes, given, names):
    """Returns integers in the form of given labels: names, or their dtype."""
    if named(given):
        return np.asarray(names)[codes]
    return np.asarray(codes).astype(np.asarray(given).dtype)


def strategy_of(sampling_strategy, names):
    """Returns a `sampling_strategy` whose keys, where it is a dict, are integers."""
    if not isinstance(sampling_strategy, dict):
        return sampling_strategy
    keys = list(sampling_strategy)
    if named(keys):
        keys = codes_of(keys, names).tolist()
    return dict(zip(keys, sampling_strategy.values(), strict=True))
