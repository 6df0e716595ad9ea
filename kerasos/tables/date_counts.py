"""Columns of dates and durations as whole numbers, and back."""

import numpy as np
import pandas as pd
from pandas.api import types

PER_DAY = (1, 24, 1440, 86_400, 86_400 * 10**3, 86_400 * 10**6, 86_400 * 10**9)
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # a second
_OBJECTS = {"date": "date", "datetime": "to_pydatetime", "timedelta": "to_pytimedelta"}


def is_date_column(series):
    """Whether a column is dates, with or without a time, or durations.

    They may be of pandas' dtypes, or Python's objects of one type.
    """
    dtype = series.dtype
    if types.is_datetime64_any_dtype(dtype) or getattr(dtype, "kind", "O") == "m":
        return True
    is_object = types.is_object_dtype(dtype)
    return is_object and types.infer_dtype(series, skipna=True) in _OBJECTS


def is_duration_column(series):
    """Whether a column for which `is_date_column` is durations, not dates."""
    if getattr(series.dtype, "kind", "O") == "m":  # they may all be missing
        return True
    return isinstance(_index_of(series), pd.TimedeltaIndex)


def days_of(series):
    """Returns days since 1970, or of a duration, float64 with NaN where missing."""
    index = _by_clocks(_index_of(series))
    ticks = np.where(index.isna(), 0, index.asi8)
    return np.where(index.isna(), np.nan, ticks / _ticks_of_a_day(index))


class DateCounts:
    """The dates of a column as whole numbers of a unit, counted from its first day.

    The unit is a day, an hour, a minute, a second or a part of one: the longest of
    which all values are multiples. Dates with a time zone are those of its clocks.
    Where times of day differ, a day begins at the hour that `quiet_hour` finds, so that
    what goes on around midnight, as some fraud does, is not torn apart.

    Args:
        series: `pandas.Series` for which `is_date_column`, not all missing.
        labels: Array of the rows' classes, which count alike in the choice of the hour,
            or None for one class.

    Attributes:
        per_day: Integer, units of a day.
        has_times: Whether the column has times of day that differ.
        low, high: Integers, the first and the last value.
    """

    def __init__(self, series, labels=None):
        self.dtype = series.dtype
        self.kind = types.infer_dtype(series, skipna=True)
        known = series[series.notna()]
        self.has_stamps = isinstance(known.iloc[0], pd.Timestamp | pd.Timedelta)
        self.missing_value = next(iter(series[series.isna()]), pd.NaT)
        index = _index_of(series)
        self.time_zone = getattr(index, "tz", None)
        index = _by_clocks(index)
        self.is_duration = isinstance(index, pd.TimedeltaIndex)
        self.unit, day = index.unit, _ticks_of_a_day(index)
        is_known = ~index.isna()
        ticks = index.asi8[is_known]
        times = ticks % day
        self.has_times = not self.is_duration and bool((times != times[0]).any())
        begin = 0
        if self.has_times:
            classes = None if labels is None else np.asarray(labels)[is_known]
            begin = quiet_hour(times * 24 // day, classes) * (day // 24)
        self.origin = (int(ticks.min()) - begin) // day * day + begin
        steps = [day // count for count in PER_DAY if day % count == 0]
        longest = int(np.gcd.reduce(ticks - self.origin))
        self.step = next(step for step in steps if longest % step == 0)
        self.per_day = day // self.step
        counts = (ticks - self.origin) // self.step
        self.low, self.high = int(counts.min()), int(counts.max())

    def counts(self, series):
        """Returns the numbers of a column like the fitted, float64, NaN for missing."""
        index = _index_of(series)
        if isinstance(index, pd.TimedeltaIndex) != self.is_duration:
            if not index.isna().all():
                raise _wrong_kind(series, "durations" if self.is_duration else "dates")
        index = _by_clocks(index, self.time_zone).as_unit(self.unit)
        ticks = np.where(index.isna(), self.origin, index.asi8) - self.origin
        return np.where(index.isna(), np.nan, ticks / self.step)

    def parts(self, series):
        """Returns the numbers of the days and, if times differ, those of the times.

        So a time of day is learnt, or mixed, whatever the day.
        """
        counts = self.counts(series)
        if not self.has_times:
            return [counts]
        return [counts // self.per_day, counts % self.per_day]

    def restored(self, parts):
        """Returns a column of the fitted dtype from `parts`, NaN for missing."""
        counts = parts[0] * self.per_day + parts[1] if self.has_times else parts[0]
        missing = np.isnan(counts)
        units = np.rint(np.where(missing, 0, counts))
        if self.has_times:  # before the first or after the last, but a day from within
            moved = units + self.per_day * (units < self.low)
            moved -= self.per_day * (units > self.high)
            is_within = (moved >= self.low) & (moved <= self.high)
            units = np.where(is_within, moved, units)
        units = units.clip(self.low, self.high)
        ticks = self.origin + units.astype("int64") * self.step
        kind = "timedelta64" if self.is_duration else "datetime64"
        index = pd.Index(ticks.astype(f"{kind}[{self.unit}]")).where(~missing)
        if self.time_zone is not None:  # of an hour that comes twice, the first
            index = index.tz_localize(
                self.time_zone,
                ambiguous=np.ones(len(index), bool),
                nonexistent="shift_forward",
            )
        if self.dtype != object:
            return index.astype(self.dtype).array
        column = np.empty(len(index), dtype=object)
        if self.has_stamps:
            column[:] = index.astype(object)
        else:
            objects = getattr(index, _OBJECTS[self.kind])
            column[:] = objects() if callable(objects) else objects
        column[missing] = self.missing_value
        return column


def quiet_hour(hours, labels=None):
    """Returns the hour at whose begin a circle of 24 is best cut into a line.

    It has the fewest rows before and after it, each hour counted half as much as the
    next nearer one. It is 0, midnight, unless so many there lie on both sides that the
    product is more than four times that of the hour.

    Args:
        hours: Integer array `(n,)`, 0 to 23.
        labels: Array `(n,)` of classes, which count alike; None for one class.
    """
    weights = None
    if labels is not None:
        codes, _ = pd.factorize(labels, use_na_sentinel=False)
        weights = 1 / np.bincount(codes)[codes]
    shares = np.bincount(hours, weights, minlength=24)
    near = 0.5 ** np.arange(12)
    circles = [np.roll(shares, -hour) for hour in range(24)]
    after, before = np.array([(near @ c[:12], near @ c[:11:-1]) for c in circles]).T
    best, torn = int((after + before).argmin()), after * before
    return best if torn[best] < torn[0] / 4 else 0


def _index_of(series):
    """The dates, with their time zone, or the durations, as an index.

    Raises:
        TypeError: If they are neither, nor text in the form of ISO 8601.
    """
    values, dtype = series, series.dtype
    if series.isna().all():
        return pd.DatetimeIndex(np.full(len(series), "NaT", "datetime64[s]"))
    if not is_date_column(series):
        values = _of_text(series)
    elif types.is_object_dtype(dtype):
        kind = types.infer_dtype(series, skipna=True)
        convert = pd.to_timedelta if kind == "timedelta" else pd.to_datetime
        try:
            values = convert(series)
        except pd.errors.OutOfBoundsDatetime:
            raise
        except ValueError as error:
            raise ValueError(
                f"Column {series.name!r} must be dates of one time zone, or all "
                "without one. Expected for example Europe/Berlin. Received: several, "
                "or some dates without one. Convert them, `pd.to_datetime(column, "
                "utc=True)`, and then perhaps `.dt.tz_convert('Europe/Berlin')`."
            ) from error
    elif isinstance(dtype, pd.ArrowDtype):
        like, zone = dtype.numpy_dtype, getattr(dtype.pyarrow_dtype, "tz", None)
        if zone is not None:
            like = pd.DatetimeTZDtype(np.datetime_data(like)[0], zone)
        values = series.astype(like)
    return pd.Index(values)


def _by_clocks(index, zone=None):
    """Dates without a time zone, by the clocks of theirs or of `zone`."""
    if getattr(index, "tz", None) is None:
        return index
    return index.tz_convert(zone or index.tz).tz_localize(None)


def _of_text(series):
    """A file that is read without its dates has them as text."""
    if types.infer_dtype(series, skipna=True) == "string":
        try:
            return pd.to_datetime(series, format="ISO8601")
        except ValueError:
            pass
    raise _wrong_kind(series, "dates or durations")


def _wrong_kind(series, expected):
    return TypeError(
        f"Column {series.name!r} must hold {expected}, as the rows that were fitted "
        f"do. Expected {expected}, or dates as text such as '2024-03-31 08:15'. "
        f"Received: {series.dtype}, such as {str(series.dropna().iloc[0])!r}. Convert "
        "it, `pd.to_datetime(column, dayfirst=True)` or `pd.to_timedelta(column)`, or "
        "read dates as such, `pd.read_csv(path, parse_dates=[name])`."
    )


def _ticks_of_a_day(index):
    return 86_400 * _TICKS[index.unit]
