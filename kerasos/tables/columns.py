"""One column of a table, as numbers in [-1, 1] and back."""

import itertools

import numpy as np
import pandas as pd
from pandas.api import types
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from kerasos.data.resample import to_dtype
from kerasos.randomness.seeds import derive_seed
from kerasos.tables.date_counts import DateCounts, is_date_column

QUANTILES = 1000  # knots of a column's distribution function, at most
SCORES = 5000  # the same for normal scores
DECIMALS = 6  # of a grid that a column's values may lie on, at most
GRID_ROWS = 10  # that tell a grid from chance; whole numbers always count
TAIL_SHARE = 0.01  # of the range that the middle 90 % of the values must fill
FLOAT32_ERROR = 1e-6  # of a value in [-1, 1] that a network has scaled and mixed
_SPANS = ("time", "period", "interval")


def column_coder(series, name, position, settings, labels=None):
    """Returns the fitted coder that suits the values of a column.

    Args:
        series: `pandas.Series`, the observed values.
        name: Name or position of the column, for errors.
        position: Integer, for draws of its own.
        settings: The `TabularEncoder`, for its parameters.
        labels: Array of the rows' classes, or None; see `DateCounts`.

    Raises:
        TypeError: If values of this kind cannot be encoded.
        ValueError: If the values cannot be, or are missing and must not.
    """
    series = dense(series)
    if settings.missing == "error" and series.isna().any():
        raise ValueError(
            f"Column {name!r} has missing values, and `missing='error'` allows none. "
            f"Received: {int(series.isna().sum())} of {len(series)}. Impute them or "
            "drop their rows, or use `missing='keep'`."
        )
    kind = column_kind(series, name)
    seed = None
    if settings.numeric == "normal":
        seed = derive_seed(settings.random_state, "column", position)
    no_number = kind == "categorical" or series.isna().all()
    if no_number or name in settings.categorical:
        return CategoricalColumn(series, name, settings.max_categories, seed)
    if kind == "date":
        return DateColumn(series, name, settings.numeric, seed, labels)
    return NumericColumn(series, name, settings.numeric, kind == "integer", seed)


def column_kind(series, name):
    """Returns "float", "integer", "date" or "categorical"; refuses other values."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype) or types.is_bool_dtype(dtype):
        return "categorical"
    if types.is_integer_dtype(dtype):
        return "integer"
    if types.is_float_dtype(dtype):
        return "float"
    if is_date_column(series):
        return "date"
    inferred = types.infer_dtype(series, skipna=True)
    if inferred.startswith(_SPANS):
        raise TypeError(
            f"Column {name!r} holds times alone or spans of time. Expected numbers, "
            f"booleans, strings, categories or dates. Received: {inferred}. Replace it "
            "by numbers that matter, such as the hour, or the first day of a period, "
            "`.dt.start_time`, drop it, or use `random`, which copies rows."
        )
    if inferred in ("integer", "empty"):
        return "integer" if inferred == "integer" else "categorical"
    if inferred in ("floating", "mixed-integer-float", "decimal"):
        return "float"
    known = ("string", "boolean", "bytes", "categorical")
    if inferred in known or all(types.is_scalar(value) for value in series.dropna()):
        if inferred != "complex":
            return "categorical"
    wrong = next(iter(series.dropna()))
    raise TypeError(
        f"Column {name!r} holds values that cannot be encoded. Expected numbers, "
        f"booleans, strings or categories. Received: {type(wrong).__name__}, dtype "
        f"{dtype}. Convert the column, drop it, or use `random`, which copies rows."
    )


def dense(series):
    """Returns a sparse column as a dense one, any other as it is."""
    if isinstance(series.dtype, pd.SparseDtype):
        return series.sparse.to_dense()
    return series


class Column:
    """What coders share: the dtype, missing values and the widths of the blocks.

    Args:
        series: `pandas.Series`, the observed values.
        name: Name or position of the column, for errors.
        seed: Integer behind the draws of a smooth code; None for none.

    Attributes:
        blocks: List of (kind, width) of the matrix that it takes.
        number_names: List of what its numeric blocks are called.
    """

    def __init__(self, series, name, seed=None):
        self.name, self.dtype, self.seed = name, series.dtype, seed
        self.number_names = [f"{name}"]
        missing = series.isna().to_numpy()
        self.has_missing = bool(missing.any())
        self.missing_value = series[missing].iloc[0] if self.has_missing else None

    def check_missing(self, series):
        missing = series.isna().to_numpy()
        if missing.any() and not self.has_missing:
            raise ValueError(
                f"Column {self.name!r} had no missing value when the encoder was "
                f"fitted. Received: {int(missing.sum())} of {len(series)}. Fit on "
                "rows that have some, or impute them."
            )
        return missing


class NormalScores:
    """Normal scores of a column's values, with ties spread out, in [-1, 1].

    A value's place is its share of the rows below it, a frequent value's the whole
    interval that its rows take, in which each row is put by chance. So a value that
    is frequent comes back as often as it was, whatever a continuous method does.

    Args:
        values: Finite floats `(n,)`.
    """

    def __init__(self, values):
        distinct, counts = np.unique(values, return_counts=True)
        stop = np.cumsum(counts) / len(values)
        start = stop - counts / len(values)
        if len(distinct) > SCORES:  # what lies between is interpolated
            rows = np.linspace(0, len(distinct) - 1, SCORES).astype("int64")
            kept = np.union1d(rows, np.flatnonzero(counts > len(values) / SCORES))
            distinct, counts, start, stop = (
                part[kept] for part in (distinct, counts, start, stop)
            )
        middle = (start + stop) / 2
        self.values = distinct
        self.start = np.where(counts == 1, middle, start)
        self.stop = np.where(counts == 1, middle, stop)
        self.limit = -norm.ppf(0.5 / len(values))

    def encode(self, values, rng):
        """Returns scores `(n,)` in [-1, 1] of values in the range of the fitted."""
        place = np.searchsorted(self.values, values, "right") - 1
        place = place.clip(0, len(self.values) - 1)
        known = values == self.values[place]
        # Inside the interval of a known value, beyond float32's rounding of its ends.
        share = np.where(known, rng.uniform(0.01, 0.99, len(values)), 0.0)
        share = self.start[place] + share * (self.stop - self.start)[place]
        between = np.interp(values, self.values, (self.start + self.stop) / 2)
        share = np.where(known, share, between)
        return norm.ppf(share).clip(-self.limit, self.limit) / self.limit

    def decode(self, scores):
        """Returns the values `(n,)` at scores in [-1, 1]."""
        share = norm.cdf(scores * self.limit)
        shares = np.stack([self.start, self.stop], axis=1).ravel()
        values = np.interp(share, shares, self.values.repeat(2))
        # A real value comes back exactly, also beside one that is far away.
        right = np.searchsorted(self.start, share)
        for place in (right - 1, right):
            place = place.clip(0, len(self.values) - 1)
            known = norm.ppf((self.start + self.stop)[place] / 2) / self.limit
            close = np.abs(known - scores) <= FLOAT32_ERROR
            values = np.where(close, self.values[place], values)
        return values


class Grid:
    """The multiples of a decimal step, counted from an offset.

    Args:
        decimals: Integer, digits behind the point.
        step, offset: Integers, in units of the last digit.
    """

    def __init__(self, decimals, step, offset):
        self.decimals, self.step, self.offset = decimals, step, offset

    @classmethod
    def of(cls, values, dtype):
        """Returns the widest grid that holds all values, or None.

        Args:
            values: Finite float64 values `(n,)`.
            dtype: Of the column: rounding of its precision is no deviation.
        """
        dtype = getattr(dtype, "numpy_dtype", dtype)
        precision = np.finfo(dtype).eps if dtype.kind == "f" else 1e-16
        few = len(values) < GRID_ROWS  # all numbers have a divisor
        for decimals in range(1 if few else DECIMALS + 1):
            scaled = values * 10.0**decimals
            largest = np.abs(scaled).max()
            error = precision * largest + 1e-14 if decimals else 0.0
            if error > 0.01 or largest > 2.0**53:
                return None
            units = np.rint(scaled)
            if (np.abs(scaled - units) <= error).all():
                step = int(np.gcd.reduce((units - units[0]).astype("int64")))
                step = 1 if few else max(step, 1)
                return cls(decimals, step, int(units[0]) % step)
        return None

    def nearest(self, values):
        """Returns the points of the grid next to values `(n,)`."""
        units = values * 10.0**self.decimals - self.offset
        units = np.rint(units / self.step) * self.step + self.offset
        return units / 10.0**self.decimals


def heavy_tailed(values):
    """Whether a few values stretch the range so far that the others have no room."""
    low, high = np.quantile(values, [0.05, 0.95])
    return 0 < high - low < TAIL_SHARE * (values.max() - values.min())


class NumericColumn(Column):
    """A position in [-1, 1], and whether the value is missing."""

    def __init__(self, series, name, numeric, integer, seed):
        super().__init__(series, name, seed)
        values = self._values(series)
        values = values[~np.isnan(values)]
        self.grid = Grid.of(values, series.dtype)
        # Counts with gaps arrive as floats; they stay whole numbers.
        self.whole = integer or self.grid is not None and self.grid.decimals == 0
        self.low, self.high = values.min(), values.max()
        self.middle = self.low / 2 + self.high / 2
        self.half = self.high / 2 - self.low / 2  # the difference might overflow
        self.quantiles = self.scores = self.repeated = None
        if self.half > 0:
            if numeric == "linear" and not heavy_tailed(values):
                distinct, counts = np.unique(values, return_counts=True)
                self.repeated = distinct[counts > 1]
            elif numeric == "normal":
                self.scores = NormalScores(values)
            else:
                self.quantiles = QuantileTransformer(
                    n_quantiles=min(QUANTILES, len(values)), subsample=None
                ).fit(values[:, None])
        self.blocks = [("numeric", 1)] if self.half > 0 else []
        self.blocks += [("missing", 2)] if self.has_missing else []

    def _values(self, series):
        values = series.to_numpy("float64", na_value=np.nan)
        if np.isinf(values).any():
            raise ValueError(
                f"Column {self.name!r} must be finite. Received: infinity in row "
                f"{int(np.argmax(np.isinf(values)))}. Clip it, or set it to missing."
            )
        return values

    def encode(self, series):
        missing = self.check_missing(series)
        values = self._values(series)
        rng = None if self.seed is None else np.random.default_rng(self.seed)
        parts = []
        if self.half > 0:
            z, known = np.zeros(len(values)), ~missing
            if known.any():
                z[known] = self._positions(values[known], rng)
            if self.scores is not None:  # no spike where nothing is meant
                z[missing] = rng.standard_normal(missing.sum()) / self.scores.limit
            parts.append(np.clip(z, -1.0, 1.0)[:, None])
        if self.has_missing:
            parts.append(one_hot(missing.astype("int64"), 2, rng))
        return parts

    def _positions(self, values, rng):
        if self.scores is not None:
            return self.scores.encode(values, rng)
        if self.quantiles is not None:
            return 2.0 * self.quantiles.transform(values[:, None])[:, 0] - 1.0
        return (values - self.middle) / self.half

    def decode(self, z):
        values, missing = np.full(len(z), self.low), None
        if self.half > 0 and len(z):
            place = np.clip(z[:, 0].astype("float64"), -1.0, 1.0)
            if self.scores is not None:
                values = self.scores.decode(place)
            elif self.quantiles is not None:
                share = (place + 1.0) / 2.0
                values = self.quantiles.inverse_transform(share[:, None])[:, 0]
            else:
                values = self._snap(self.middle + place * self.half)
        if self.grid is not None:
            values = self.grid.nearest(values)
        values = np.clip(values, self.low, self.high)
        if self.has_missing:
            missing = z[:, -2:].argmax(axis=1) == 1
        return self._cast(values, missing)

    def _snap(self, values):
        """Undoes the rounding of float32, so that a frequent 0 stays a 0."""
        if not len(self.repeated):
            return values
        right = np.searchsorted(self.repeated, values)
        last = len(self.repeated) - 1
        for place in (right - 1, right):
            near = self.repeated[place.clip(0, last)]
            close = np.abs(values - near) <= FLOAT32_ERROR * self.half
            values = np.where(close, near, values)
        return values

    def _cast(self, values, missing):
        if isinstance(self.dtype, np.dtype) and self.dtype.kind in "iuf":
            if missing is not None:
                values[missing] = np.nan
            return to_dtype(values, self.dtype)
        if self.dtype == object:
            whole = [int(value) for value in values] if self.whole else values
            values = np.array(whole, dtype=object)
            if missing is not None:
                values[missing] = self.missing_value
            return values
        column = pd.array(values, dtype="Int64" if self.whole else "Float64")
        if missing is not None:
            column[missing] = pd.NA
        return column.astype(self.dtype)


class DateColumn(Column):
    """The day as a number, the time of day as another where it differs.

    So hours are learnt whatever the day. Decoded dates lie between the first and the
    last one, in their unit.
    """

    def __init__(self, series, name, numeric, seed, labels):
        super().__init__(series, name, seed)
        self.dates = DateCounts(series, labels)
        self.parts = []
        for place, values in enumerate(self._values(series)):
            own = None if seed is None else derive_seed(seed, "date", place)
            part = NumericColumn(pd.Series(values), name, numeric, True, own)
            self.parts.append(part)
        self.blocks = [block for part in self.parts for block in part.blocks]
        names = [f"{name}", f"{name} time of day"]
        moving = [part.half > 0 for part in self.parts]
        self.number_names = list(itertools.compress(names, moving))

    def _values(self, series):
        days, *times = self.dates.parts(series)
        missing = np.isnan(days)
        for values in times:  # no spike where nothing is meant
            known = values[~missing]
            values[missing] = np.resize(known if len(known) else 0.0, missing.sum())
        return [days, *times]

    def encode(self, series):
        self.check_missing(series)
        return [
            code
            for part, values in zip(self.parts, self._values(series), strict=True)
            for code in part.encode(pd.Series(values))
        ]

    def decode(self, z):
        values, start = [], 0
        for part in self.parts:
            stop = start + sum(width for _, width in part.blocks)
            values.append(part.decode(z[:, start:stop]))
            start = stop
        return self.dates.restored(values)


class CategoricalColumn(Column):
    """One place for each value that occurs, the last one for a missing value."""

    def __init__(self, series, name, max_categories, seed):
        super().__init__(series, name, seed)
        if isinstance(self.dtype, pd.CategoricalDtype):
            used = np.unique(series.cat.codes)
            self.codes = used[used >= 0]
            values = self.dtype.categories[self.codes]
        else:
            values = series.dropna().astype(object).unique()
            try:
                values = np.sort(values)
            except TypeError:  # text beside numbers stays in order of appearance
                pass
        self.values = pd.Index(values, dtype=object)
        if len(self.values) > max_categories:
            raise ValueError(
                f"Column {name!r} has too many categories for one-hot blocks. "
                f"Expected at most {max_categories}. Received: {len(self.values)} in "
                f"{len(series)} rows. Drop it if it names the rows, group its rare "
                "values, or raise `max_categories`: "
                f"`DeepOverSampler(..., encoder_params={{'max_categories': "
                f"{len(self.values)}}})`."
            )
        width = len(self.values) + self.has_missing
        self.blocks = [("categorical", width)] if width > 1 else []

    def encode(self, series):
        missing = self.check_missing(series)
        places = self.values.get_indexer(series.astype(object))
        unseen = (places < 0) & ~missing
        if unseen.any():
            wrong = series[unseen].iloc[0]
            raise ValueError(
                f"Column {self.name!r} holds a value that the encoder has not seen. "
                f"Expected one of {self.values[:20].tolist()}. Received: {wrong!r}. "
                "Fit on all rows that are to be encoded."
            )
        if not self.blocks:
            return []
        places = np.where(missing, len(self.values), places)
        rng = None if self.seed is None else np.random.default_rng(self.seed)
        return [one_hot(places, self.blocks[0][1], rng)]

    def decode(self, z):
        places = z.argmax(axis=1) if self.blocks else np.zeros(len(z), "int64")
        missing = places == len(self.values)
        if isinstance(self.dtype, pd.CategoricalDtype):
            codes = np.append(self.codes, -1)[places]
            return pd.Categorical.from_codes(codes, dtype=self.dtype)
        table = np.empty(len(self.values) + 1, dtype=object)
        table[:-1], table[-1] = self.values, self.missing_value
        values = table[places]
        if isinstance(self.dtype, np.dtype) and self.dtype.kind not in "mM":
            if missing.any() and self.dtype.kind == "f":
                values[missing] = np.nan
            return values.astype(self.dtype)
        return pd.array(values, dtype=self.dtype)


def one_hot(places, width, rng=None):
    """Returns rows of -1 with a 1 at each place, float32.

    With a generator each entry keeps its sign and a random size in [.2, 1]: exact
    values would tell real rows from generated ones, and have no density.
    """
    rows = np.full((len(places), width), -1.0, "float32")
    rows[np.arange(len(places)), places] = 1.0
    return rows if rng is None else rows * rng.uniform(0.2, 1.0, rows.shape)
