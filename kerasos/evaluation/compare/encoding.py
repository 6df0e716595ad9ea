"""From a table to what the classifiers of `compare` take."""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from kerasos.tables.columns import column_kind
from kerasos.tables.date_counts import days_of

LARGEST = 1e150  # of a number, so that its variance is one


def encoder_for(classifier, X):
    """Returns an unfitted transformer from the frame to what the classifier takes.

    One-hot for categories. Numbers are standardised, and medians put where they are
    missing, except for gradient boosting, which does not ask for it. Dates are two
    numbers, the day and the time of day. A pipeline gets the frame as it is.
    """
    if isinstance(classifier, Pipeline):
        return FunctionTransformer()
    kinds = np.array([column_kind(X[name], name) for name in X])
    numbers = np.flatnonzero(np.isin(kinds, ("integer", "float")))
    dates, categories = (np.flatnonzero(kinds == k) for k in ("date", "categorical"))
    steps = []
    if not isinstance(classifier, HistGradientBoostingClassifier):
        imputer = SimpleImputer(
            strategy=_median,
            add_indicator=True,
            keep_empty_features=True,
            copy=False,
        )
        steps += [imputer, StandardScaler(copy=False)]
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    text = FunctionTransformer(_to_text)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(FunctionTransformer(_to_float), *steps), numbers),
            (
                "dates",
                make_pipeline(FunctionTransformer(_days_and_times), *steps),
                dates,
            ),
            ("categories", make_pipeline(text, one_hot), categories),
        ],
        sparse_threshold=0.0,
    )


def check_columns(X, classifiers):
    """Refuses columns that the classifiers' encoder cannot take, before any fold.

    Args:
        X: Frame.
        classifiers: Dict of name to classifier; a pipeline takes what it takes.

    Raises:
        TypeError: If a column holds times, spans or objects.
        ValueError: If a number is infinite, or its square is, or dates are of several
            time zones.
    """
    if all(isinstance(classifier, Pipeline) for classifier in classifiers.values()):
        return
    for name in X:
        try:
            kind = column_kind(X[name], name)
        except TypeError as error:
            received = pd.api.types.infer_dtype(X[name], skipna=True)
            raise TypeError(
                f"The classifiers cannot take column {name!r}. Expected numbers, "
                f"booleans, strings, categories or dates. Received: {received}. "
                "Replace times by numbers that matter, such as the hour, drop the "
                "column, or give classifiers that are pipelines with an encoder of "
                "their own."
            ) from error
        if kind == "date":
            days_of(X[name])
        if kind in ("integer", "float"):
            values = _to_float(X[[name]])
            far = values[np.abs(values) > LARGEST]
            if len(far):
                raise ValueError(
                    f"Numbers must be finite, and so must their squares. Received: "
                    f"{far[0]:g} in column {name!r}. Clip it, or mark it as missing."
                )


def _median(values):
    # Of a column at a time: "median" copies the table three times.
    return np.median(values) if len(values) else 0.0


def _to_float(frame):
    values = np.empty(frame.shape, "float64")  # which later steps may overwrite
    for place, name in enumerate(frame):
        values[:, place] = frame[name].to_numpy("float64", na_value=np.nan)
    return values


def _days_and_times(frame):
    """Days since 1970, with their fraction, and the fraction alone."""
    days = np.array([days_of(frame[name]) for name in frame]).reshape(-1, len(frame))
    return np.concatenate([days, days % 1.0]).T


def _to_text(frame):
    missing = frame.isna().to_numpy()
    return np.where(missing, "missing", frame.astype(object).astype(str).to_numpy())


def as_frame(X):
    """Returns a table as a frame whose columns are named by strings.

    Raises:
        ValueError: If two names are the same as strings.
    """
    if isinstance(X, pd.DataFrame):
        names = X.columns.map(str)
        if not names.is_unique:
            twice = names[names.duplicated()].unique().tolist()
            raise ValueError(
                "Columns must have names that differ as strings. Received twice: "
                f"{twice}. Rename them."
            )
        return X.reset_index(drop=True).set_axis(names, axis=1)
    X = np.asarray(X)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    return frame.infer_objects() if X.dtype == object else frame
