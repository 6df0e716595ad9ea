"""Real and generated rows as matrices of numbers that can be compared."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import scipy.sparse

from kerasos.data.arrays import as_array
from kerasos.tables.columns import column_kind, dense
from kerasos.tables.date_counts import days_of, is_date_column, is_duration_column

MAX_COLUMNS = 200
_LARGE = 300  # a power of two: squares beyond, and sums of them, near 2 ** 1024
MAX_CATEGORIES = 20  # places in one-hot blocks; rarer ones share the last


@dataclasses.dataclass
class Tables:
    """The parts "real", "synthetic" and, if there is one, "holdout".

    Attributes:
        rows: Dict of float64 matrices `(n, d)`: numbers in `units`, dates in days
            and hours of the day, categories by their place in `values`; NaN is missing.
        keys: Dict of integer arrays `(n,)`, equal for equal rows, from all columns.
        labels: Dict of integer arrays `(n,)`, places in `classes`.
        units: Array `(d,)`, 1 but for columns of numbers whose squares are too large
            or too small for float64.
        names: List of the `d` columns.
        values: List of `pandas.Index`, the categories of a column, the real rows' most
            frequent first; None for a column of numbers.
        days: Dict of the columns in days to "date", since 1970, or "duration".
        classes: List of the real labels; `["all"]` where none were given.
        notes: List of sentences on what was left out.
    """

    rows: dict
    keys: dict
    labels: dict
    units: np.ndarray
    names: list
    values: list
    days: dict
    classes: list
    notes: list

    @property
    def is_category(self):
        return np.array([values is not None for values in self.values])


def read_tables(tables, labels, target, seed):
    """Returns the `Tables` of `{part: table}` and `{part: labels or None}`.

    Raises:
        TypeError: If a column cannot be compared.
        ValueError: If the parts do not fit each other, or hold infinity.
    """
    tables = {part: _as_table(table, part) for part, table in tables.items()}
    if target is not None:
        tables, labels = _split_target(tables, labels, target)
    classes, labels = _codes(tables, labels)
    notes, days = [], {}
    if any(scipy.sparse.issparse(table) for table in tables.values()):
        rows, keys, names, notes = _of_sparse(tables)
        values = [None] * len(names)
    else:
        rows, names, values, days = _of_frames(tables)
        keys = {part: _dense_keys(matrix) for part, matrix in rows.items()}
        if len(names) > MAX_COLUMNS:
            source = np.random.default_rng(seed)
            kept = np.sort(source.permutation(len(names))[:MAX_COLUMNS])
            notes.append(f"{MAX_COLUMNS} of {len(names)} columns, drawn by chance.")
            names, values = ([x[place] for place in kept] for x in (names, values))
            rows = {part: matrix[:, kept] for part, matrix in rows.items()}
    for part, matrix in rows.items():
        infinite = np.isinf(matrix).any(axis=0)
        if infinite.any():
            name = names[int(np.argmax(infinite))]
            raise ValueError(
                f"Column {name!r} of `{part}` must be finite. Received: infinity. "
                "Set it to missing, or drop those rows."
            )
    units = _units(list(rows.values()))
    rows = {part: matrix / units for part, matrix in rows.items()}
    return Tables(rows, keys, labels, units, names, values, days, classes, notes)


def _units(matrices):
    """Returns powers of two that bring columns of extreme numbers to a size of 1."""
    sizes = [np.abs(pd.DataFrame(matrix)).max().fillna(0) for matrix in matrices]
    _, powers = np.frexp(np.max(sizes, axis=0))
    return np.where(np.abs(powers) > _LARGE, np.exp2(powers - 1.0), 1.0)


class Space:
    """Rows as points in which each column counts about alike.

    Numbers are divided by a standard deviation that outliers do not move: the range of
    the middle 90 % of the real rows, over that of a Gaussian of variance 1. Categories
    become one-hot blocks. Missing numbers lie at the median and sqrt(2) off in a
    column of their own, as far as two categories are apart.

    Args:
        tables: `Tables`; the scale is that of the real rows.
        most: Integer, most rows to take the scale from.
    """

    def __init__(self, tables, most):
        self.category = tables.is_category
        self.missing = np.any(
            [np.isnan(m[:, ~self.category]).any(axis=0) for m in tables.rows.values()],
            axis=0,
        )
        self.sizes = [len(v) for v in tables.values if v is not None]
        real = tables.rows["real"][:, ~self.category]
        real = pd.DataFrame(real[:: max(1, len(real) // most)])
        low, self.middle, high = real.quantile([0.05, 0.5, 0.95]).fillna(0).to_numpy()
        scale, deviation = (high - low) / 3.29, real.std(ddof=0).fillna(0).to_numpy()
        scale = np.where(scale > 0, scale, deviation)
        self.scale = np.where(scale > 0, scale, 1.0)

    def __call__(self, rows):
        numbers = (rows[:, ~self.category] - self.middle) / self.scale
        missing = np.isnan(numbers)
        blocks = [np.where(missing, 0.0, numbers)]
        blocks.append(np.sqrt(2.0) * missing[:, self.missing])
        codes = zip(rows[:, self.category].T, self.sizes, strict=True)
        blocks += [one_hot(column, size) for column, size in codes]
        return np.hstack(blocks)


def one_hot(codes, size, missing=True):
    """Returns a matrix of 0 and 1: frequent categories, the others, and missing."""
    width = min(size, MAX_CATEGORIES + 1)
    places = np.where(np.isnan(codes), width, np.minimum(codes, width - 1))
    rows = np.eye(width + 1)[places.astype("int64")]
    return rows if missing else rows[:, :width]


def _as_table(table, part):
    if isinstance(table, pd.DataFrame):
        found = table
    elif scipy.sparse.issparse(table):
        found = scipy.sparse.csr_array(table)
    else:
        found = as_array(table, f"`{part}`")
    if found.ndim != 2 or found.shape[0] < 2 or found.shape[1] < 1:
        raise ValueError(
            f"`{part}` must be a table: a frame, a matrix or a sparse matrix of two "
            f"rows at least. Received: shape {found.shape}. For images, look at their "
            "features (`kerasos.features`), or use `kerasos.evaluation.diagnose`."
        )
    return found


def _split_target(tables, labels, target):
    if any(y is not None for y in labels.values()):
        raise ValueError(
            "Labels come from the column `target` or from `real_y`, `synthetic_y` and "
            "`holdout_y`. Received: both. Leave one out."
        )
    for part, table in tables.items():
        if not isinstance(table, pd.DataFrame) or target not in table:
            known = f"columns {list(table)[:20]}" if hasattr(table, "columns") else ""
            raise ValueError(
                f"`target` must be a column of every table. Expected {target!r} in "
                f"`{part}`. Received: {known or type(table).__name__}. For arrays use "
                "`real_y`, `synthetic_y` and `holdout_y`."
            )
    labels = {part: table[target] for part, table in tables.items()}
    return {p: table.drop(columns=target) for p, table in tables.items()}, labels


def _codes(tables, labels):
    """Returns the classes and `{part: places in them}`."""
    given = [part for part in tables if labels.get(part) is not None]
    if not given:
        return ["all"], {p: np.zeros(t.shape[0], int) for p, t in tables.items()}
    if set(given) != set(tables):
        raise ValueError(
            "Labels must be given for every table or for none. Expected: "
            f"{list(tables)}. Received: labels of {given}. Give `"
            + "`, `".join(f"{part}_y" for part in tables if part not in given)
            + "`, too."
        )
    found = {}
    for part, table in tables.items():
        y = labels[part]
        if isinstance(y, list | tuple):
            as_array(y, f"The labels of `{part}`")
        y = np.asarray(y, dtype=object)
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        if y.shape != (table.shape[0],) or pd.isna(y).any():
            raise ValueError(
                f"The labels of `{part}` must be one for each row, none missing. "
                f"Expected shape ({table.shape[0]},). Received: shape {y.shape}, "
                f"{int(pd.isna(y).sum())} missing. Drop the rows without a label."
            )
        found[part] = pd.Index(y, dtype=object)
    classes = found["real"].unique()
    try:
        classes = classes.sort_values()
    except TypeError:  # numbers beside text stay in order of appearance
        pass
    codes = {part: classes.get_indexer(y) for part, y in found.items()}
    for part, places in codes.items():
        if (places < 0).any():
            wrong = found[part][places < 0][0]
            raise ValueError(
                f"`{part}` has a label that no real row has. Expected one of "
                f"{classes[:20].tolist()}. Received: {wrong!r}. Give the real rows of "
                "that class, too, or leave it out."
            )
    return classes.tolist(), codes


def _of_sparse(tables):
    """Keeps the columns in which most real rows are not 0."""
    _check_columns({part: range(t.shape[1]) for part, t in tables.items()})
    sparse, notes = {}, []
    for part, table in tables.items():
        try:
            sparse[part] = scipy.sparse.csr_array(table).astype("float64")
        except (TypeError, ValueError) as error:
            raise _not_numbers("a sparse table", part) from error
        sparse[part].sum_duplicates()
        sparse[part].eliminate_zeros()
    width = sparse["real"].shape[1]
    kept = np.arange(width)
    if width > MAX_COLUMNS:
        filled = np.bincount(sparse["real"].indices, minlength=width)
        kept = np.sort(np.argsort(-filled, kind="stable")[:MAX_COLUMNS])
        notes.append(
            f"{MAX_COLUMNS} of {width} columns, those most often filled in real rows."
        )
    rows = {part: table[:, kept].toarray() for part, table in sparse.items()}
    keys = {part: _sparse_keys(table) for part, table in sparse.items()}
    return rows, keys, kept.tolist(), notes


def _of_frames(tables):
    frames = {part: pd.DataFrame(table) for part, table in tables.items()}
    _check_columns({part: list(frame) for part, frame in frames.items()})
    frames, days = _without_dates(frames)
    names = list(frames["real"])
    rows = {part: np.empty((len(f), len(names))) for part, f in frames.items()}
    values = []
    for place, name in enumerate(names):
        columns = {part: dense(frame[name]) for part, frame in frames.items()}
        categories = None
        if column_kind(columns["real"], name) == "categorical":
            columns = {part: column.astype(object) for part, column in columns.items()}
            categories = columns["real"].value_counts().index
            for column in columns.values():
                unseen = pd.Index(column.dropna().unique(), dtype=object)
                categories = categories.append(unseen).unique()
        values.append(categories)
        for part, column in columns.items():
            if categories is None:
                rows[part][:, place] = _numbers(column, name, part)
            else:
                codes = categories.get_indexer(column)
                rows[part][:, place] = np.where(column.isna(), np.nan, codes)
    return rows, names, values, days


def _check_columns(found):
    names = list(found["real"])
    if len(set(names)) < len(names):
        raise ValueError(
            "Columns must have different names. Received twice: "
            f"{sorted({str(name) for name in names if names.count(name) > 1})}. "
            "Rename them."
        )
    for part, received in found.items():
        if len(received) != len(names) or set(received) != set(names):
            other = set(received) ^ set(names)
            raise ValueError(
                f"`{part}` must have the columns of `real`. Expected {len(names)}: "
                f"{names[:20]}. Received {len(received)}; in one of the two alone: "
                f"{sorted(map(str, other))[:20]}. A column of labels is named by "
                "`target`; others must be dropped from both."
            )
    return names


def _without_dates(frames):
    """Returns frames with days for dates, and hours where they differ; and which."""
    found, kinds = {part: {} for part in frames}, {}
    for name in frames["real"]:
        columns = {part: frame[name] for part, frame in frames.items()}
        hours, by_clock = {}, f"{name} time of day"
        has_dates = [is_date_column(c) for c in columns.values()]
        if any(has_dates):
            _check_alike(columns, name)
        empty = [c.isna().all() for c in columns.values()]
        if any(has_dates) and all(map(max, has_dates, empty)):
            spans = any(is_duration_column(c) for c in columns.values())
            kinds[name] = "duration" if spans else "date"
            columns = {p: pd.Series(days_of(c), c.index) for p, c in columns.items()}
            if kinds[name] == "date":
                hours = {part: 24.0 * (days % 1.0) for part, days in columns.items()}
        if hours and hours["real"].nunique() > 1 and by_clock not in frames["real"]:
            columns = {part: days // 1.0 for part, days in columns.items()}
        else:
            hours = {}
        for part in found:
            found[part][name] = columns[part]
            if hours:
                found[part][by_clock] = hours[part]
    return {part: pd.DataFrame(columns) for part, columns in found.items()}, kinds


def _check_alike(columns, name):
    """Refuses dates in one table beside durations, text or numbers in another."""
    kinds = {}
    for part, column in columns.items():
        kind = pd.api.types.infer_dtype(column, skipna=True)
        if is_date_column(column):
            kinds[part] = "durations" if is_duration_column(column) else "dates"
        elif kind != "categorical" and "mixed" not in kind and column.notna().any():
            kinds[part] = kind
    if len(set(kinds.values())) > 1:
        raise TypeError(
            f"Column {name!r} must hold dates, or durations, in all tables or in none. "
            f"Expected one kind. Received: "
            + ", ".join(f"{kind} in `{part}`" for part, kind in kinds.items())
            + ". Convert it, `pd.to_datetime(column)`."
        )


def _numbers(column, name, part):
    try:
        values = column.to_numpy("float64", na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise _not_numbers(f"Column {name!r}", part) from error
    return np.where(np.isnan(values), np.nan, values + 0.0)  # one NaN, and one 0


def _not_numbers(what, part):
    return TypeError(
        f"{what} holds numbers in one table and must in the others. Received: other "
        f"values in `{part}`. Convert the column in both tables."
    )


def _dense_keys(matrix):
    return np.fromiter((hash(row.tobytes()) for row in matrix), "int64", len(matrix))


def _sparse_keys(matrix):
    places, values = matrix.indices.astype("int64"), matrix.data
    return np.fromiter(
        (
            hash((places[a:b].tobytes(), values[a:b].tobytes()))
            for a, b in itertools.pairwise(matrix.indptr)
        ),
        "int64",
        matrix.shape[0],
    )
