"""New rows that are mixed of rows of their class, in the container of the data.

Images, arrays and sparse matrices of numbers, and frames of any columns. What a method
adds is which rows, and with which weights.
"""

import dataclasses
import decimal
import functools
from typing import Protocol, Self

import numpy as np
import pandas as pd
from pandas.api import types
from scipy import sparse
from sklearn.utils import gen_batches

from kerasos.data.resample import to_dtype
from kerasos.over_sampling.dates import refuse_dates_as_text
from kerasos.over_sampling.rows import take
from kerasos.tables.columns import GRID_ROWS, Grid, column_kind, dense
from kerasos.tables.date_counts import DateCounts, is_date_column

CHUNK_FLOATS = 2**23  # values worked on at once: 64 MiB per float64 copy


class Mixture(Protocol):
    """New rows by the rows that they are mixed of.

    Attributes:
        sources: Integers `(m, num_categories)`, the row of each category.
    """

    sources: np.ndarray

    def part(self, rows: slice) -> Self:
        """Returns those of some of the new rows."""
        ...

    def values(self, numbers, paired):
        """Returns the numbers of the new rows, `(m, ...)`.

        Args:
            numbers: The numbers of the rows that there are: an array, NaN where one is
                missing, or a sparse matrix.
            paired: Boolean array, which columns hold two values alone, as one-hot
                columns do; empty for images.
        """
        ...


def mixed_rows(x, y, labels, draw):
    """Makes rows of rows of their class.

    Args:
        x: Images; or a table: frame, array or sparse matrix.
        y: Integer array `(n,)`.
        labels: Sorted integers `(m,)`, of the rows to make.
        draw: Function `(numbers, codes, y, labels, everything)` to a `Mixture` of the
            rows of these labels: their numbers, and codes `(n, num_categories)` of
            their categories, -1 for a missing one. `everything()` gives the codes and
            `y` of all rows.

    Returns:
        `m` rows in the container and dtypes of `x`.

    Raises:
        TypeError: If a column holds times, dates as text, or objects.
        ValueError: If a number is infinite, or missing in a sparse matrix.
    """
    if isinstance(x, pd.DataFrame):
        dtypes = set(x.dtypes)
        dtype = dtypes.pop()
        if dtypes or not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
            return _frame(x, y, labels, draw)
        made = mixed_rows(x.to_numpy(), y, labels, draw)
        return pd.DataFrame(made, columns=x.columns)
    if x.dtype.kind not in "biuf":
        return _frame(pd.DataFrame(x), y, labels, draw).to_numpy(x.dtype)
    rows = np.flatnonzero(np.isin(y, labels))
    numbers, is_sparse = take(x, rows), sparse.issparse(x)
    values = numbers.data if is_sparse else numbers
    if is_sparse and np.isnan(values).any():
        raise ValueError(
            "A sparse matrix must have no missing value, for its rows to be mixed. "
            f"Received: NaN in {int(np.isnan(values).sum())} places. Impute them, or "
            "use `random`."
        )
    if np.isinf(values).any():
        raise ValueError(
            "`X` must be finite. Received: infinity. Clip it, set it to missing, or "
            "use `random`."
        )
    # 8 and 16 bit integers are exact in float32; wider types get float64.
    numbers = numbers.astype(np.promote_types(x.dtype, "float32"), copy=False)
    numbers = sparse.csr_array(numbers) if is_sparse else numbers
    codes = np.empty((len(rows), 0), "int64")

    def everything():
        return np.empty((len(y), 0), "int64"), y

    mixture = draw(numbers, codes, y[rows], labels, everything)
    if is_sparse:
        made = mixture.values(numbers, paired_columns(x))
        whole = whole_columns(x)[made.indices]
        made.data = np.where(whole, np.rint(made.data), made.data)
        made.data = _to_dtype(made.data, x.dtype)
        made.eliminate_zeros()
        return type(x)(made)
    made = np.empty((len(labels), *x.shape[1:]), x.dtype)
    columns = [x[:, i] for i in range(x.shape[1])] if x.ndim == 2 else []
    grids = [grid_of(column) for column in columns]
    paired = np.array([is_paired(column) for column in columns], bool)
    return _fill(made, numbers, mixture, grids, paired)


def _frame(x, y, labels, draw):
    series = [dense(x.iloc[:, place]) for place in range(x.shape[1])]
    dates = [DateCounts(one, y) if _has_dates(one) else None for one in series]
    if any(dates):
        plain = _without_dates(x, dates)
        return _with_dates(_frame(plain, y, labels, draw), x, dates)
    columns = Columns.of(x)
    rows = np.flatnonzero(np.isin(y, labels))
    numbers, codes = columns.matrix(rows), columns.codes(rows)

    def everything():
        return columns.codes(np.arange(len(y))), y

    mixture = draw(numbers, codes, y[rows], labels, everything)
    made = np.empty((len(labels), numbers.shape[1]))
    made = _fill(made, numbers, mixture, columns.grids, np.array(columns.paired, bool))
    return columns.decode(made, rows[mixture.sources])


def _has_dates(series):
    return is_date_column(series) and not series.isna().all()


def _without_dates(x, dates):
    """Returns a frame with days, and times of day, in place of dates."""
    columns, names = [], []
    for place, counts in enumerate(dates):
        series = x.iloc[:, place].reset_index(drop=True)
        parts = [series] if counts is None else counts.parts(series)
        columns += parts
        names += [x.columns[place]] * len(parts)
    return pd.DataFrame(dict(enumerate(columns))).set_axis(names, axis=1)


def _with_dates(made, x, dates):
    """Undoes `_without_dates` of new rows."""
    columns, start = {}, 0
    for place, counts in enumerate(dates):
        stop = start + 1 + (counts is not None and counts.has_times)
        parts = [made.iloc[:, part] for part in range(start, stop)]
        if counts is None:
            columns[place] = parts[0]
        else:
            parts = [part.to_numpy() for part in parts]
            columns[place] = pd.Series(counts.restored(parts), dtype=counts.dtype)
        start = stop
    return pd.DataFrame(columns).set_axis(x.columns, axis=1)


def _fill(made, numbers, mixture, grids, paired):
    """Puts dense numbers of new rows into an array, a part at a time."""
    size = max(1, numbers[0].size)
    for part in gen_batches(len(made), max(1, CHUNK_FLOATS // size)):
        values = mixture.part(part).values(numbers, paired)
        for column, grid in enumerate(grids):
            if grid is not None:
                values[:, column] = grid.nearest(values[:, column])
        made[part] = _to_dtype(values, made.dtype)
    return made


def is_paired(values):
    """Whether a column holds two values alone, missing ones aside."""
    known = values[~np.isnan(values)]
    if not len(known):
        return False
    low, high = known.min(), known.max()
    return low < high and bool(((known == low) | (known == high)).all())


def paired_columns(matrix):
    """As `is_paired`, of each column of a sparse matrix."""
    matrix = matrix.tocsc()
    stored = np.diff(matrix.indptr)
    columns = np.repeat(np.arange(len(stored)), stored)
    has_zeros = stored < matrix.shape[0]
    low, high = np.where(has_zeros, 0.0, np.inf), np.where(has_zeros, 0.0, -np.inf)
    np.minimum.at(low, columns, matrix.data)
    np.maximum.at(high, columns, matrix.data)
    inside = (matrix.data != low[columns]) & (matrix.data != high[columns])
    between = np.isin(np.arange(len(stored)), columns[inside])
    between |= has_zeros & (low < 0) & (high > 0)
    return (low < high) & ~between


def whole_columns(matrix):
    """Whether each column of a sparse matrix holds whole numbers alone."""
    matrix = matrix.tocsc()
    columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
    broken = columns[matrix.data != np.rint(matrix.data)]
    return ~np.isin(np.arange(matrix.shape[1]), broken)


def grid_of(values, dtype=None):
    """Returns the `Grid` of a column's numbers, missing ones aside, or None."""
    dtype = values.dtype if dtype is None else dtype
    for part in (values[:100], values):  # most are told by their first
        known = part[~np.isnan(part)].astype("float64")
        if len(known) < GRID_ROWS and part is not values:
            continue
        grid = Grid.of(known, dtype) if len(known) else None
        if grid is None and not (known == np.rint(known)).all():
            return None
    return Grid(0, 1, 0) if grid is None else grid  # too large to tell another step


# Columns of a frame.


@dataclasses.dataclass
class Columns:
    """The columns of a frame as numbers and categories.

    Booleans are the numbers 0 and 1, so that one-hot columns stay one-hot: a new row
    takes all of them from one row.
    """

    frame: pd.DataFrame
    numbers: list
    grids: list
    paired: list
    categories: list

    @classmethod
    def of(cls, frame):
        """Reads kinds off all rows.

        Raises:
            TypeError: If a column holds times, dates as text, or objects.
        """
        found = cls(frame, [], [], [], [])
        for place, name in enumerate(frame.columns):
            series = dense(frame.iloc[:, place])
            is_bool = types.is_bool_dtype(series.dtype) and series.dtype != object
            is_bool &= not isinstance(series.dtype, pd.CategoricalDtype)
            kind = "integer" if is_bool else column_kind(series, name)
            if kind == "categorical" or series.isna().all():
                refuse_dates_as_text(series, name)
                found.categories.append(place)
            else:
                found.numbers.append(place)
                values = values_of(series)
                found.grids.append(grid_of(values, series.dtype))
                found.paired.append(is_paired(values))
        return found

    def matrix(self, rows):
        """Returns the numbers of some rows, float64 `(len(rows), num_numbers)`."""
        matrix = np.empty((len(rows), len(self.numbers)))
        for i, place in enumerate(self.numbers):
            values = matrix[:, i] = values_of(self.frame.iloc[rows, place])
            if np.isinf(values).any():
                raise ValueError(
                    f"Column {self.frame.columns[place]!r} must be finite. Received: "
                    f"infinity in row {int(rows[np.argmax(np.isinf(values))])}. Clip "
                    "it, set it to missing, or use `random`."
                )
        return matrix

    def codes(self, rows):
        """Returns a code for each category of some rows, -1 for missing."""
        codes = np.empty((len(rows), len(self.categories)), "int64")
        for i, place in enumerate(self.categories):
            codes[:, i] = pd.factorize(self.frame.iloc[rows, place])[0]
        return codes

    def decode(self, made, sources):
        """Returns a frame of new rows from their numbers and their categories' rows."""
        columns = {
            place: restored(values, self.frame.iloc[:, place], grid)
            for place, values, grid in zip(
                self.numbers, made.T, self.grids, strict=True
            )
        }
        for place, source in zip(self.categories, sources.T, strict=True):
            columns[place] = self.frame.iloc[:, place].array.take(source)
        places = range(self.frame.shape[1])
        table = pd.DataFrame({place: columns[place] for place in places})
        return table.set_axis(self.frame.columns, axis=1)


def values_of(series):
    return dense(series).to_numpy("float64", na_value=np.nan)


def restored(values, like, grid):
    """Returns numbers as a column of the dtype of the series `like`."""
    dtype, whole = like.dtype, grid is not None and grid.decimals == 0
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return _to_dtype(values, dtype)
    if isinstance(dtype, pd.SparseDtype):
        return pd.arrays.SparseArray(_to_dtype(values, dtype.subtype), dtype=dtype)
    missing = np.isnan(values)
    if dtype == np.dtype(object):
        kind = int if whole else float
        if isinstance(like.dropna().iloc[0], decimal.Decimal):
            places = max(-value.as_tuple().exponent for value in like.dropna())
            kind = functools.partial(_decimal, places=places)
        column = np.empty(len(values), dtype=object)
        column[:] = [np.nan if np.isnan(v) else kind(v) for v in values.tolist()]
        if missing.any():
            column[missing] = like[like.isna()].iloc[0]
        return column
    column = pd.array(np.where(missing, 0, values), "Int64" if whole else "Float64")
    column[missing] = pd.NA
    return column.astype(dtype)


def _to_dtype(values, dtype):
    return values >= 0.5 if np.dtype(dtype).kind == "b" else to_dtype(values, dtype)


def _decimal(value, places):
    return round(decimal.Decimal(repr(value)), places)
