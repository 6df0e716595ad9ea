"""Columns that are one category between them, as `pandas.get_dummies` leaves it."""

import numpy as np
import pandas as pd
from pandas.api import types

from kerasos.tables.columns import dense


def one_hot_groups(X):
    """Finds runs of adjacent columns of 0 and 1 with at most a single 1 in each row.

    Columns are a group if each row has exactly one 1 among them; or at most one
    (missing values, `drop_first=True`) and their names are alike up to the first "_".

    Args:
        X: Frame or array `(n, num_features)`.

    Returns:
        List of `(places, flags)`: numbers of the columns, and their 0 and 1 as an array
        `(n, len(places))`.
    """
    names = list(X.columns) if isinstance(X, pd.DataFrame) else [None] * X.shape[1]
    flags = [_flags(X, place) for place in range(len(names))]
    groups, start = [], 0
    while start < len(names):
        group = _group(flags, names, start)
        if group is not None:
            groups.append(group)
        start = start + 1 if group is None else group[0].stop
    return groups


def _group(flags, names, start):
    total, found = 0, None
    for stop in range(start, len(flags)):
        if flags[stop] is None:
            break
        total = total + flags[stop]
        if total.max() > 1:
            break
        exact = total.min() == 1
        alike = _prefix(names[stop]) is not None
        alike &= _prefix(names[start]) == _prefix(names[stop])
        if stop > start and (exact or alike):
            found = range(start, stop + 1)
        if exact or not (alike or found is None):
            break
    return found


def _prefix(name):
    return name.split("_")[0] if isinstance(name, str) and "_" in name else None


def _flags(X, place):
    """Returns a column of 0 and 1 as int8, of any other None."""
    column = X.iloc[:, place] if isinstance(X, pd.DataFrame) else pd.Series(X[:, place])
    if not types.is_numeric_dtype(column.dtype):
        return None
    for part in (column[:100], column):  # most columns are told by their first values
        values = dense(part).to_numpy("float64", na_value=np.nan)
        if not ((values == 0) | (values == 1)).all():
            return None
    return values.astype("int8")


def tidy(rows, real, groups):
    """Puts a single 1 into the columns of each group, where their codes say so most.

    Args:
        rows: Matrix `(m, width)` of a `TabularEncoder`, changed in place.
        real: The encoded real rows `(n, width)`.
        groups: List of `(slices, flags)`: where each column lies in the matrix, and its
            0 and 1 in the real rows.

    Returns:
        `rows`.
    """
    for slices, flags in groups:
        scores = []
        for part, flag in zip(slices, flags.T, strict=True):
            codes = _towards_one(real[:, part])
            border = (codes[flag == 0].max() + codes[flag == 1].min()) / 2
            scores.append(_towards_one(rows[:, part]) - border)
        winner = np.argmax(scores, axis=0)
        if flags.sum(axis=1).min() == 0:  # rows without any 1 are real, too
            winner[np.max(scores, axis=0) < 0] = -1
        for number, part in enumerate(slices):
            codes = _towards_one(real[:, part])
            zero, one = real[codes.argmin(), part], real[codes.argmax(), part]
            rows[:, part] = np.where((winner == number)[:, None], one, zero)
    return rows


def _towards_one(codes):
    """One code for a column of 0 and 1: a number's own, or place 1 less place 0."""
    return 2 * codes[:, -1] - codes.sum(axis=1)
