"""What `compare` refuses before it trains a classifier on it."""

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


def check_real_first(X, y, X_res, y_res):
    """Refuses resampled rows or images of which the first are not the real ones.

    Args:
        X, y: Frame, or array of images, and labels that a sampler got.
        X_res, y_res: What it gave back, of the same columns or shape.

    Raises:
        ValueError: If real rows are missing, changed, or elsewhere.
    """
    size = len(y)
    kept = len(y_res) >= size and np.array_equal(np.asarray(y_res)[:size], y)
    if kept and hasattr(X, "iloc"):
        first = X_res.iloc[:size]
        kept = all(np.array_equal(_cells(first[n]), _cells(X[n])) for n in X)
    elif kept:
        kept = np.array_equal(X_res[:size], X)
    if not kept:
        raise ValueError(
            "A weight is of the rows that a sampler adds after the real ones. Expected "
            f"the {size} real ones first, unchanged and in their order, as the "
            f"over-samplers of imbalanced-learn do. Received: {len(y_res)} which begin "
            "with others. Leave '+weight' out for this sampler."
        )


def _cells(column):
    """The values, whatever their type; all that is missing is alike."""
    return column.astype(object).where(column.notna(), None).to_numpy()
