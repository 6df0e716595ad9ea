"""The folds of `compare`: stratified, repeated, rows that belong together in one."""

import dataclasses
import warnings

import numpy as np

from kerasos.checks import check_count
from kerasos.data.arrays import fingerprints
from kerasos.randomness.seeds import derive_seed

# benchmarks/compare_power.py says what other numbers would find.
FOLDS, REPEATS = 5, 5


@dataclasses.dataclass(frozen=True)
class Folds:
    """The parts of the data that `compare` trains and tests on.

    Attributes:
        splits: List of `(rows to train on, rows to test on)`, integer arrays; every
            class is in each.
        note: String, what was kept together or was not, for the reader; may be empty.
    """

    splits: list
    note: str

    @property
    def share_rows(self):
        """Whether a row is in two of them; else they are samples of their own."""
        rows = np.concatenate([part for split in self.splits for part in split])
        return len(np.unique(rows)) < len(rows)


def make_folds(X, codes, classes, cv, groups, random_state):
    """Returns the `Folds`.

    Args:
        X: Frame `(n, num_features)`, or images `(n, ...)`.
        codes: Integer array `(n,)`, places in `classes`.
        classes: Array of labels.
        cv: As in `compare`.
        groups: Array `(n,)` or None.
        random_state: Integer.

    Raises:
        TypeError: If `cv` is none of what it may be.
        ValueError: If the folds are fewer than three, or rows of a class or of a group
            are where they must not be.
    """
    check_count("random_state", random_state, 0)
    equal = _equal_rows(X)
    if groups is not None:
        groups = _checked_groups(groups, len(X))
    if cv is None or (isinstance(cv, int) and not isinstance(cv, bool)):
        seed = derive_seed(random_state, "compare", "folds")
        splits, note = _own_splits(codes, classes, cv, groups, equal, seed)
    else:
        splits = _given_splits(X, codes, cv, groups)
        _check_number(len(splits), cv)
        note = _crossing(splits, equal, groups)
    _check(splits, codes, classes)
    return Folds(splits, note)


def _equal_rows(X):
    """Numbers the rows, or images, so that equal ones have the same number."""
    import pandas as pd

    if np.ndim(X) > 2:
        return pd.factorize(fingerprints(X, np.zeros(len(X), int)))[0]
    hashes = pd.util.hash_pandas_object(X.reset_index(drop=True), index=False)
    return pd.factorize(hashes)[0]


def _checked_groups(groups, length):
    import pandas as pd

    groups = np.asarray(groups)
    if groups.ndim == 2 and groups.shape[1] == 1:
        groups = groups[:, 0]
    if groups.shape != (length,) or pd.isna(groups).any():
        raise ValueError(
            "`groups` must name the group of each row. Expected an array of shape "
            f"({length},) without missing values. Received: shape {groups.shape}, "
            f"{int(pd.isna(groups).sum())} missing. Give rows without a group one of "
            "their own."
        )
    return pd.factorize(groups)[0]


def _joined(one, other):
    """Numbers of the sets that result if two rows alike in either are in one."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    rows, size = np.arange(len(one)), len(one) + one.max() + other.max() + 2
    sets = np.concatenate([len(one) + one, len(one) + one.max() + 1 + other])
    edges = (np.ones(2 * len(one)), (np.tile(rows, 2), sets))
    graph = sparse.coo_matrix(edges, (size, size))
    return connected_components(graph, directed=False)[1][: len(rows)]


def _own_splits(codes, classes, cv, groups, equal, seed):
    from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedGroupKFold

    together, note = groups, ""
    available = np.bincount(codes) if groups is None else _sets(groups, codes)
    if groups is not None:
        note = f"Rows are of {groups.max() + 1} groups; each stays in one fold."
    folds, repeats = cv, 1
    if cv is None:
        folds, repeats = max(2, min(FOLDS, available.min())), REPEATS
    repeated = int(np.sum(np.bincount(equal)[equal] > 1))
    if repeated:
        note += f" {repeated} rows have the same values as another; equal rows "
        joined = equal if groups is None else _joined(groups, equal)
        if _sets(joined, codes).min() >= folds:
            together, available = joined, _sets(joined, codes)
            note += "stay in one fold."
        else:
            note += "are not kept together, since too few would be left."
    note, smallest = note.strip(), int(available.min())
    _check_number(folds * repeats, cv)
    if smallest < folds:
        unit, units = "row", "rows"
        if together is not None:
            unit, units = "group of rows", "groups of rows"
        way = "" if folds == 2 else ", or use fewer folds"
        raise ValueError(
            f"Every fold needs a {unit} of each class. Expected {folds} {units} a "
            f"class at least. Received: {smallest} of "
            f"{classes.tolist()[available.argmin()]!r}. Drop or join such "
            f"classes{way}."
        )
    zeros = np.zeros(len(codes))
    if together is None:
        splitter = RepeatedStratifiedKFold(
            n_splits=folds, n_repeats=repeats, random_state=seed
        )
        return list(splitter.split(zeros, codes)), note
    splits = []
    for repeat in range(repeats):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed + repeat)
        splits += splitter.split(zeros, codes, together)
    return splits, note


def _sets(together, codes):
    """How many sets each class has rows in."""
    pairs = np.unique(np.stack([codes, together]), axis=1)
    return np.bincount(pairs[0], minlength=codes.max() + 1)


def _given_splits(X, codes, cv, groups):
    if hasattr(cv, "get_n_splits"):
        with warnings.catch_warnings():
            # Whether groups are kept together is looked at afterwards.
            warnings.filterwarnings("ignore", "The groups parameter is ignored")
            try:
                pairs = list(cv.split(X, codes, groups))
            except ValueError as error:
                if groups is None and "groups" in str(error):
                    raise ValueError(
                        f"{type(cv).__name__} needs to know the group of each row. "
                        "Received: groups=None. Give `groups`, or leave `cv` out."
                    ) from error
                raise
        return [(np.asarray(train), np.asarray(test)) for train, test in pairs]
    message = (
        "`cv` must be an integer, one of scikit-learn's splitters, or a list of pairs "
        "of row numbers, `(to train on, to test on)`. Received: {}."
    )
    if isinstance(cv, str | bytes | float | bool) or not hasattr(cv, "__iter__"):
        raise TypeError(message.format(repr(cv)))
    splits = []
    for pair in cv:
        if len(pair) != 2:
            raise TypeError(message.format(f"{len(pair)} parts"))
        parts = [np.asarray(part) for part in pair]
        parts = [np.flatnonzero(p) if p.dtype == bool else p for p in parts]
        for part, use in zip(parts, ("to train on", "to test on"), strict=True):
            where = f"fold {len(splits)} of `cv`, rows {use}"
            if part.ndim != 1 or not len(part):
                raise ValueError(
                    f"Each part of a fold must have rows. Received: {where}, of shape "
                    f"{part.shape}. Leave such folds out."
                )
            if not np.issubdtype(part.dtype, np.integer):
                raise TypeError(
                    "Row numbers must be integers, or booleans for all rows. Received: "
                    f"{where}, of dtype {part.dtype}. Convert them."
                )
            outside = part[(part < 0) | (part >= len(X))]
            if len(outside):
                raise ValueError(
                    f"Row numbers must lie in 0..{len(X) - 1}. Received: {where}, "
                    f"among them {outside[0]}. Use positions, not labels of an index."
                )
        both = np.intersect1d(*parts)
        if len(both):
            raise ValueError(
                "No row may be trained on and tested on. Received: fold "
                f"{len(splits)}, in which {len(both)} rows are both, such as row "
                f"{both[0]}. Take them out of one part."
            )
        splits.append(tuple(parts))
    return splits


def _crossing(splits, equal, groups):
    """Refuses groups on both sides of a given fold; tells of equal rows there."""
    if groups is not None:
        for number, (train, test) in enumerate(splits):
            both = np.intersect1d(groups[train], groups[test])
            if len(both):
                raise ValueError(
                    "A group must be trained on or tested on, not both. Received: "
                    f"fold {number}, where {len(both)} groups are on both sides. Leave "
                    "`cv` out, or use a splitter that looks at groups, such as "
                    "`StratifiedGroupKFold`."
                )
    crossing = np.mean(
        [np.isin(equal[test], equal[train]).mean() for train, test in splits]
    )
    if not crossing:
        return ""
    return (
        f"In the folds given, {100 * crossing:.1f} % of the rows to test on have the "
        "same values as one to train on, which flatters whatever remembers rows."
    )


def _check_number(folds, cv):
    if folds < 3:
        raise ValueError(
            "Methods are tested over three folds at least, better over ten. Received: "
            f"cv={cv!r}. Leave `cv` out for five folds, five times."
        )


def _check(splits, codes, classes):
    seen = {}
    for number, (train, test) in enumerate(splits):
        same = seen.setdefault(np.sort(test).tobytes(), number)
        if same != number and np.array_equal(np.sort(splits[same][0]), np.sort(train)):
            raise ValueError(
                "Folds must differ, or their agreement says nothing. Received: folds "
                f"{same} and {number} with the same rows. Give each once."
            )
        for part, rows in (("training", train), ("test", test)):
            absent = np.setdiff1d(np.arange(len(classes)), codes[rows])
            if len(absent):
                raise ValueError(
                    f"Every fold needs a row of each class. Received: fold {number}, "
                    f"whose {part} rows hold none of {classes[absent].tolist()}. Use "
                    "fewer folds, or a stratified splitter."
                )
