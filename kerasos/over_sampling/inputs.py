"""Containers and labels that every front door takes, and what it says of others."""

import numpy as np
import pandas as pd
from pandas.api import types
from scipy import sparse

from kerasos.data.arrays import as_array


def check_containers(X, y):
    """Refuses what is neither pandas' nor an array, and names used twice.

    Raises:
        TypeError: For frames of other libraries.
        ValueError: If columns have the same name, or lists unequal lengths.
    """
    for name, given in (("X", X), ("y", y)):
        ours = isinstance(given, pd.DataFrame | pd.Series) or sparse.issparse(given)
        foreign = hasattr(given, "to_pandas") or hasattr(given, "collect")
        if not ours and foreign and (name == "X" or np.ndim(given) != 1):
            way = "" if hasattr(given, "to_pandas") else ".collect()"
            module = type(given).__module__.partition(".")[0].lstrip("_")
            raise TypeError(
                f"`{name}` must be a pandas frame, an array, a sparse matrix or a list"
                f". Received: {module}'s {type(given).__name__}. Pass "
                f"`{name}{way}.to_pandas()`, and turn the result back, for polars by "
                "`polars.from_pandas(X_res)`."
            )
        if isinstance(given, list | tuple):
            as_array(given, f"`{name}`")
    if isinstance(X, pd.DataFrame) and not X.columns.is_unique:
        twice = X.columns[X.columns.duplicated()].unique().tolist()
        raise ValueError(
            f"Columns must have different names. Received twice: {twice}. Rename them."
        )


def checked_labels(y):
    """Returns labels, those of Python numbers in an object array as numbers.

    Raises:
        ValueError: If a label is missing, or labels are of no kind with an order.
    """
    values = as_array(y, "`y`")
    missing = 0 if y is None else int(np.sum(pd.isna(values)))
    if missing:  # scikit-learn fails to sort text beside them
        raise ValueError(
            f"`y` must have a label for each row. Received: {missing} missing "
            "labels. Drop their rows."
        )
    if y is None or values.dtype != object:
        return y
    kind = types.infer_dtype(values.ravel(), skipna=False)
    if kind in ("integer", "boolean"):
        numbers = values.astype("int64" if kind == "integer" else bool)
        return y.astype(numbers.dtype) if hasattr(y, "iloc") else numbers
    if kind not in ("string", "floating", "empty"):
        raise ValueError(
            "`y` must hold labels of one kind: numbers, booleans or text. Received: "
            f"{kind} objects, such as {values.ravel()[0]!r}. Use `y.astype(str)`."
        )
    return y
