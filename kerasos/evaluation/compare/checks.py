"""What `compare` refuses before it trains anything."""

import numpy as np


def check_data(X, y):
    """Returns the labels in order, and the place of each row's label there."""
    from scipy import sparse

    if sparse.issparse(X):
        raise TypeError(
            "`compare` takes frames and dense arrays. Received: a sparse matrix of "
            f"shape {X.shape}. Use `X.toarray()`, or where it is wide the columns of "
            "scikit-learn's `TruncatedSVD`."
        )
    if np.ndim(X) != 2 or not np.size(X):
        raise ValueError(
            "`X` must be a table (n, num_features) with rows and columns, or images "
            "(n, height, width) or (n, height, width, channels). Received: shape "
            f"{np.shape(X)}."
        )
    return check_classes(X, y)


def check_classes(X, y):
    """Returns the labels in order, and the place of each row's label there."""
    import pandas as pd
    from sklearn.utils.multiclass import type_of_target

    if np.ndim(y) != 1 or len(y) != len(X):
        raise ValueError(
            f"`y` must have one label a row. Expected shape ({len(X)},). Received: "
            f"{np.shape(y)}."
        )
    missing = int(np.sum(pd.isna(np.asarray(y))))
    if missing:
        raise ValueError(
            f"`y` must have a label for each row. Received: {missing} missing labels. "
            "Drop their rows."
        )
    kind = type_of_target(np.asarray(y))
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"`y` must hold labels of classes. Received: a {kind} target. Bin it, or "
            "use regression."
        )
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"`y` must hold two classes at least. Received: {classes.tolist()} only."
        )
    return classes, codes
