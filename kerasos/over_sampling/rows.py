"""Rows of a table or an image stack, whatever container holds them."""

import numpy as np
import pandas as pd
from scipy import sparse


def take(X, rows):
    """Returns rows by number, in the container and the dtypes of `X`."""
    if isinstance(X, pd.DataFrame):
        return X.iloc[rows]
    if sparse.issparse(X):
        return type(X)(X.tocsr()[rows])
    return X[rows]


def stack(X, X_new):
    """Returns the rows of `X`, then those of `X_new`, in the container of `X`.

    Args:
        X: Frame, sparse matrix or array.
        X_new: The same, with the columns of `X`; None for no rows.

    Returns:
        A new container. Frames are numbered from 0.
    """
    if isinstance(X, pd.DataFrame):
        parts = [X] if X_new is None else [X, X_new]
        return pd.concat(parts, ignore_index=True)
    if X_new is None:
        return X.copy()
    if sparse.issparse(X):
        return type(X)(sparse.vstack([X, X_new], format=X.format, dtype=X.dtype))
    return np.concatenate([X, X_new.astype(X.dtype, copy=False)])
