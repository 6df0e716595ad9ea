"""SMOTE for tables of any columns, on standardised numbers."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from kerasos.data.tabular_columns import column_kind
from kerasos.seeds import derive_seed, fresh_seed


class TableSMOTE(BaseEstimator):
    """Balances a frame by SMOTE, SMOTENC or SMOTEN, by the kinds of its columns.

    imbalanced-learn's samplers, with what a careful user adds: numbers are
    standardised for the distances and brought back; a class of `k_neighbors` rows or
    fewer uses all its others, and a single row is copied. Numbers stay floats.

    Args:
        k_neighbors: Integer, 5 (paper).
        random_state: Integer or None.

    Raises:
        ValueError: If a value is missing.

    Example:

    >>> X_res, y_res = TableSMOTE(random_state=0).fit_resample(frame, target)

    Reference:
        Chawla, Bowyer, Hall, Kegelmeyer, SMOTE: Synthetic Minority Over-sampling
        Technique, JAIR 2002 (SMOTE-NC and SMOTE-N in section 6).
    """

    def __init__(self, k_neighbors=5, random_state=None):
        self.k_neighbors = k_neighbors
        self.random_state = random_state

    def fit_resample(self, X, y):
        """Returns the frame and the labels with new rows behind the originals."""
        if X.isna().to_numpy().any():
            names = X.columns[X.isna().any()].tolist()
            raise ValueError(
                "SMOTE takes no missing values. Received: some in the columns "
                f"{names[:10]}. Impute them, or leave SMOTE out."
            )
        y = np.asarray(y)
        seed = fresh_seed() if self.random_state is None else self.random_state
        is_category = [column_kind(X[name], name) == "categorical" for name in X]
        numbers = X.columns[~np.array(is_category)]
        categories = X.columns[np.array(is_category)]
        scaler, codes = StandardScaler(), OrdinalEncoder()
        parts = []
        if len(numbers):
            parts.append(scaler.fit_transform(X[numbers].astype("float64")))
        if len(categories):
            parts.append(codes.fit_transform(X[categories].astype(object)))
        new, labels = self._draw(np.hstack(parts), y, len(numbers), seed)
        columns = {}
        if len(numbers):
            values = scaler.inverse_transform(new[:, : len(numbers)])
            columns.update(zip(numbers, values.T, strict=True))
        if len(categories):
            values = codes.inverse_transform(new[:, len(numbers) :])
            for name, column in zip(categories, values.T, strict=True):
                columns[name] = pd.Series(column).astype(X[name].dtype)
        made = pd.DataFrame(columns)[list(X)]
        X = X.astype({name: "float64" for name in numbers})
        return pd.concat([X, made], ignore_index=True), np.concatenate([y, labels])

    def _draw(self, x, y, num_numbers, seed):
        classes, counts = np.unique(y, return_counts=True)
        rows, labels = [x[:0]], [y[:0]]
        for label, count in zip(classes, counts, strict=True):
            missing = counts.max() - count
            if not missing:
                continue
            if count == 1:
                new = np.repeat(x[y == label], missing, axis=0)
            else:
                sampler = _sampler(
                    x.shape[1], num_numbers, min(self.k_neighbors, count - 1)
                )
                sampler.set_params(
                    sampling_strategy={label: int(counts.max())},
                    random_state=derive_seed(seed, "smote", str(label)),
                )
                new = sampler.fit_resample(x, y)[0][len(x) :]
            rows.append(new)
            labels.append(np.repeat(label, missing))
        return np.concatenate(rows), np.concatenate(labels)


def _sampler(width, num_numbers, k):
    from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC

    if num_numbers == width:
        return SMOTE(k_neighbors=k)
    if not num_numbers:
        return SMOTEN(k_neighbors=k)
    return SMOTENC(list(range(num_numbers, width)), k_neighbors=k)
