"""SMOTE on the columns of a table as they are, and on images.

Chawla, Bowyer, Hall, Kegelmeyer, JAIR 2002; sections 4.2 (SMOTE), 6.1 (SMOTE-NC,
numbers beside categories) and 6.2 (SMOTE-N, categories only). Neighbours, draws
and numbers are those of imbalanced-learn's `SMOTE`, `SMOTENC`, `SMOTEN`. Own code, as
these take no missing value and no class of `k` rows or fewer, cut the decimals off
integers, and hold `k` one-hot rows for each new one, or all distances of a class, at
once.
"""

import dataclasses
import decimal
import functools

import numpy as np
import pandas as pd
from imblearn.metrics.pairwise import ValueDifferenceMetric
from pandas.api import types
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import gen_batches

from kerasos.data.resample import to_dtype
from kerasos.over_sampling.dates import refuse_dates_as_text
from kerasos.over_sampling.rows import take
from kerasos.randomness.seeds import derive_seed
from kerasos.tables.columns import GRID_ROWS, Grid, column_kind, dense

CHUNK_FLOATS = 2**23  # values worked on at once: 64 MiB per float64 copy


@dataclasses.dataclass
class Parents:
    """New rows by what they come from: row numbers of the table, `(m,)` each.

    Attributes:
        base, other: A row, and the neighbour of it that was drawn.
        step: Float, uniform in [0, 1), the new row's way from `base` to `other`.
        sources: `(m, num_categories)`, the row that each category is taken from.
    """

    base: np.ndarray
    other: np.ndarray
    step: np.ndarray
    sources: np.ndarray

    @property
    def nearer(self):
        """The one of the two parents that the new row is nearer to."""
        return np.where(self.step < 0.5, self.base, self.other)

    def part(self, rows):
        """Returns those of some of the new rows."""
        return Parents(
            self.base[rows], self.other[rows], self.step[rows], self.sources[rows]
        )


def smote(x, y, labels, neighbours, seed):
    """Makes rows between neighbours of their class.

    Args:
        x: Images; or a table: frame, array or sparse matrix.
        y: Integer array `(n,)`.
        labels: Sorted integers `(m,)`, of the rows to make.
        neighbours: `{label: k}`, neighbours of a row of that class, less than its rows.
        seed: Integer.

    Returns:
        `m` rows in the container and dtypes of `x`.

    Raises:
        TypeError: If a column holds dates or objects.
        ValueError: If a number is infinite, or missing in a sparse matrix.
    """
    if isinstance(x, pd.DataFrame):
        dtypes = set(x.dtypes)
        dtype = dtypes.pop()
        if dtypes or not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
            return _frame(x, y, labels, neighbours, seed)
        made = smote(x.to_numpy(), y, labels, neighbours, seed)
        return pd.DataFrame(made, columns=x.columns)
    if x.dtype.kind not in "biuf":
        made = _frame(pd.DataFrame(x), y, labels, neighbours, seed)
        return made.to_numpy(x.dtype)
    rows = np.flatnonzero(np.isin(y, labels))
    numbers, is_sparse = take(x, rows), sparse.issparse(x)
    values = numbers.data if is_sparse else numbers
    if is_sparse and np.isnan(values).any():
        raise ValueError(
            "A sparse matrix must have no missing value for SMOTE. Received: NaN in "
            f"{int(np.isnan(values).sum())} places. Impute them, or use `random`."
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
    parents = _all_parents(numbers, codes, y[rows], labels, neighbours, seed)
    if is_sparse:
        made = between(numbers, parents)
        whole = whole_columns(x)[made.indices]
        made.data = np.where(whole, np.rint(made.data), made.data)
        made.data = _to_dtype(made.data, x.dtype)
        made.eliminate_zeros()
        return type(x)(made)
    made = np.empty((len(labels), *x.shape[1:]), x.dtype)
    grids = [grid_of(x[:, i]) for i in range(x.shape[1])] if x.ndim == 2 else []
    return _fill(made, numbers, parents, grids)


def _frame(x, y, labels, neighbours, seed):
    columns = Columns.of(x)
    rows, metric = np.flatnonzero(np.isin(y, labels)), None
    numbers = columns.matrix(rows)
    if columns.numbers:
        codes = columns.codes(rows)
    else:  # the metric is about categories in all classes
        codes = columns.codes(np.arange(len(y)))
        metric = ValueDifferenceMetric(n_categories=codes.max(axis=0) + 2)
        codes, metric = codes[rows], metric.fit(codes + 1, y)
    parents = _all_parents(numbers, codes, y[rows], labels, neighbours, seed, metric)
    made = np.empty((len(labels), numbers.shape[1]))
    made = _fill(made, numbers, parents, columns.grids)
    return columns.decode(made, rows[parents.sources])


def _fill(made, numbers, parents, grids):
    """Puts dense numbers of new rows into an array, a part at a time."""
    size = max(1, numbers[0].size)
    for part in gen_batches(len(made), max(1, CHUNK_FLOATS // size)):
        values = between(numbers, parents.part(part))
        for column, grid in enumerate(grids):
            if grid is not None:
                values[:, column] = grid.nearest(values[:, column])
        made[part] = _to_dtype(values, made.dtype)
    return made


def _all_parents(numbers, codes, y, labels, neighbours, seed, metric=None):
    """Returns the `Parents` of all new rows, class by class."""
    found = []
    for label in np.unique(labels):
        own = np.flatnonzero(y == label)
        first, end = np.searchsorted(labels, [label, label + 1])
        if metric is None:
            near = nearest(
                with_categories(filled(numbers[own]), codes[own]), neighbours[label]
            )
        else:
            near = nearest_by_value(codes[own] + 1, metric, neighbours[label])
        parents = draw_parents(
            near,
            codes[own],
            end - first,
            derive_seed(seed, int(first)),
            with_itself=metric is not None,
        )
        parts = (parents.base, parents.other, parents.sources)
        base, other, sources = (own[part] for part in parts)
        found.append(Parents(base, other, parents.step, sources))
    return Parents(
        *(
            np.concatenate([getattr(parents, field.name) for parents in found])
            for field in dataclasses.fields(Parents)
        )
    )


def draw_parents(neighbours, codes, count, seed, with_itself=False):
    """Draws parents among the rows of one class.

    Args:
        neighbours: `(n, k)`, for each row the numbers of its neighbours.
        codes: Integers `(n, num_categories)`, -1 for a missing value.
        count: Integer, rows to make.
        seed: Integer.
        with_itself: Whether a row counts among its neighbours in the majority.

    Returns:
        `Parents`. A category is missing where it is in the nearer parent; else it
        comes from a neighbour that holds the most frequent one, ties at random.
    """
    n, k = neighbours.shape
    rng = np.random.RandomState(seed)
    drawn, step = rng.randint(0, n * k, count), rng.uniform(size=count)
    base = drawn // k
    found = Parents(base, neighbours[base, drawn % k], step, None)
    around = neighbours[base]
    if with_itself:
        around = np.column_stack([base, around])
    found.sources = np.empty((count, codes.shape[1]), "int64")
    for column in range(codes.shape[1]):
        near = codes[around, column]
        votes = (near[:, :, None] == near[:, None, :]).sum(axis=2) * (near >= 0)
        choice = (votes + rng.uniform(size=votes.shape)).argmax(axis=1)
        source = around[np.arange(count), choice]
        nearer = found.nearer
        missing = (codes[nearer, column] < 0) | (codes[source, column] < 0)
        found.sources[:, column] = np.where(missing, nearer, source)
    return found


def nearest(points, k):
    """Returns `(n, k)`, the numbers of the nearest other rows; itself for k = 0."""
    if not k:
        return np.zeros((1, 1), "int64")
    if not sparse.issparse(points):
        points = points.reshape(len(points), -1)
    return NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)


def nearest_by_value(codes, metric, k):
    """As `nearest`, by the value difference metric between rows of categories."""
    if not k:
        return np.zeros((1, 1), "int64")
    found = np.empty((len(codes), k), "int64")
    for rows in gen_batches(len(codes), max(1, CHUNK_FLOATS // len(codes))):
        distances = metric.pairwise(codes[rows], codes)
        own = np.arange(rows.start, rows.stop)
        distances[own - rows.start, own] = np.inf
        found[rows] = distances.argpartition(k - 1)[:, :k]
    return found


def with_categories(numbers, codes):
    """Returns rows whose distances count categories, too, as SMOTE-NC has them.

    Two rows of unlike categories are as far apart in them as the median of the numbers'
    standard deviations.
    """
    if not codes.shape[1]:
        return numbers
    scale = np.median(numbers.std(axis=0))
    one_hot = OneHotEncoder(dtype="float64").fit_transform(codes)
    return sparse.hstack([numbers, one_hot * (scale / np.sqrt(2))], format="csr")


def filled(numbers):
    """Returns numbers with a column's mean where one is missing, for distances."""
    if sparse.issparse(numbers) or not np.isnan(numbers).any():
        return numbers
    missing = np.isnan(numbers)
    known = np.maximum((~missing).sum(axis=0), 1)
    return np.where(
        missing, np.where(missing, 0.0, numbers).sum(axis=0) / known, numbers
    )


def between(numbers, parents):
    """Returns the numbers of new rows: `base + step (other - base)`.

    A number is missing where it is in the nearer parent; where only the other parent
    lacks it, it is that of the nearer one.
    """
    base, other = numbers[parents.base], numbers[parents.other]
    if sparse.issparse(numbers):
        return base + sparse.diags_array(parents.step) @ (other - base)
    step = parents.step.reshape(-1, *[1] * (numbers.ndim - 1))
    lack_base, lack_other = np.isnan(base), np.isnan(other)
    if not lack_base.any() and not lack_other.any():
        return base + step * (other - base)
    start = np.where(lack_base, other, base)
    made = start + step * (np.where(lack_other, base, other) - start)
    made[np.where(step < 0.5, lack_base, lack_other)] = np.nan
    return made


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
    takes all of them from the nearer parent.
    """

    frame: pd.DataFrame
    numbers: list
    grids: list
    categories: list

    @classmethod
    def of(cls, frame):
        """Reads kinds off all rows.

        Raises:
            TypeError: If a column holds dates or objects.
        """
        found = cls(frame, [], [], [])
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
                found.grids.append(grid_of(values_of(series), series.dtype))
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
