"""What `compare` refuses before it trains anything, and its folds."""

import numpy as np

from kerasos.checks import check_choice, check_count
from kerasos.evaluation.compare.scores import METRICS
from kerasos.randomness.seeds import derive_seed


def check_metrics(metrics):
    """Returns a list of known names, each once."""
    metrics = [metrics] if isinstance(metrics, str) else list(metrics)
    if not metrics:
        raise ValueError(f"`metrics` is empty. Expected some of {list(METRICS)}.")
    for name in metrics:
        check_choice("metric", name, METRICS)
    return list(dict.fromkeys(metrics))


def check_data(X, y):
    """Returns the labels in order, and the place of each row's label there."""
    import pandas as pd
    from scipy import sparse
    from sklearn.utils.multiclass import type_of_target

    from kerasos.over_sampling.inputs import check_containers

    check_containers(X, y)
    if sparse.issparse(X):
        raise TypeError(
            "`compare` takes frames and dense arrays. Received: a sparse matrix of "
            f"shape {X.shape}. Use `X.toarray()`, or where it is wide the columns of "
            "scikit-learn's `TruncatedSVD`."
        )
    if np.ndim(X) != 2 or not np.size(X):
        raise ValueError(
            "`X` must be a table (n, num_features) with rows and columns. Received: "
            f"shape {np.shape(X)}."
        )
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


def make_splits(X, codes, classes, cv, random_state):
    """Returns [(rows to train on, rows to test on)], every class in each."""
    from sklearn.model_selection import RepeatedStratifiedKFold

    check_count("random_state", random_state, 0)
    seed = derive_seed(random_state, "compare", "folds")
    too_few = (
        "Methods are tested over three folds at least, better over ten. Received: "
        f"cv={cv!r}. Leave `cv` out for two folds, five times."
    )
    if cv is None or isinstance(cv, int):
        folds, repeats = (2, 5) if cv is None else (cv, 1)
        if folds * repeats < 3:
            raise ValueError(too_few)
        smallest = np.bincount(codes).min()
        if smallest < folds:
            raise ValueError(
                "Every fold needs a row of each class. Expected "
                f"{folds} rows a class at least. Received: {smallest} of "
                f"{classes[np.bincount(codes).argmin()]!r}. Drop or join such classes"
                + ("." if folds == 2 else ", or use fewer folds.")
            )
        cv = RepeatedStratifiedKFold(
            n_splits=folds, n_repeats=repeats, random_state=seed
        )
    if not hasattr(cv, "get_n_splits"):
        raise TypeError(
            "`cv` must be an integer or one of scikit-learn's splitters. Received: "
            f"{cv!r}."
        )
    splits = [
        (np.asarray(train), np.asarray(test)) for train, test in cv.split(X, codes)
    ]
    if len(splits) < 3:
        raise ValueError(too_few)
    for number, (train, test) in enumerate(splits):
        for part, rows in (("training", train), ("test", test)):
            absent = np.setdiff1d(np.arange(len(classes)), codes[rows])
            if len(absent):
                raise ValueError(
                    f"Every fold needs a row of each class. Received: fold {number}, "
                    f"whose {part} rows hold none of {classes[absent].tolist()}. Use "
                    "fewer folds, or a stratified splitter."
                )
    return splits
