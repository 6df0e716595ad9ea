import datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from kerasos.evaluation.compare.encoding import check_columns
from kerasos.tables.date_counts import (
    DateCounts,
    days_of,
    is_date_column,
    is_duration_column,
    quiet_hour,
)
from kerasos.tables.encoder import TabularEncoder

DAYS = pd.DatetimeIndex(["2024-03-31", "2024-02-28", "2024-10-27"])  # two clock changes


def column(*values, dtype=None):
    return pd.Series([*values], dtype=dtype)


@pytest.mark.parametrize(
    "series, per_day, counts",
    [
        (column("2024-02-28", "2024-03-01", dtype="datetime64[ns]"), 1, [0, 2]),
        (column("2024-01-01 06:00", "2024-01-02", dtype="datetime64[s]"), 24, [6, 24]),
        (column("2024-01-01 00:30", None, dtype="datetime64[us]"), 1440, [30, None]),
        (
            column("1066-10-14 00:00:05", "1066-10-14", dtype="datetime64[s]"),
            86_400,
            [5, 0],
        ),
        (
            column("2024-01-01 00:00:00.25", dtype="datetime64[ms]"),
            86_400_000,
            [250],
        ),
        (pd.to_timedelta(column("36h", "-12h")), 24, [60, 12]),
        (column(datetime.date(2024, 1, 3), datetime.date(2024, 1, 1)), 1, [2, 0]),
        (column(datetime.datetime(2024, 1, 1, 1), None, dtype=object), 24, [1, None]),
        (column(datetime.timedelta(days=2), datetime.timedelta(0)), 1, [2, 0]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_dates_are_counted_from_the_first_day_and_come_back(series, per_day, counts):
    assert is_date_column(series)
    dates = DateCounts(series)
    assert dates.per_day == per_day
    expected = np.array(counts, "float64")
    np.testing.assert_array_equal(dates.counts(series), expected)
    back = pd.Series(dates.restored(dates.parts(series)), dtype=series.dtype)
    pd.testing.assert_series_equal(back, series)


def test_the_quiet_hour_is_the_middle_of_the_widest_gap():
    """On both sides 2 x 1 at midnight, 2^-11 x 2^-10 at noon."""
    assert quiet_hour(np.array([23, 23, 0])) == 12
    assert quiet_hour(np.array([22, 1, 2])) == 13
    # Nothing before midnight, or as many rows in each hour: the day begins there.
    assert quiet_hour(np.array([0, 6])) == 0
    assert quiet_hour(np.arange(24).repeat(3)) == 0


def test_classes_count_alike_in_the_quiet_hour():
    """Of 2,420 rows 20 lie around midnight: seen by shares of classes alone."""
    hours = np.concatenate([np.arange(24).repeat(100), [22, 23, 0, 1] * 5])
    labels = np.repeat(["no", "fraud"], [2400, 20])
    assert quiet_hour(hours) == 0
    assert quiet_hour(hours, labels) == 12
    missing = labels.astype(object)
    missing[labels == "no"] = np.nan
    assert quiet_hour(hours, missing) == 12


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_hours_around_midnight_are_in_a_row(zone):
    clocks = column("2024-03-01 23:30", "2024-03-03 00:15", "2024-03-02 01:45", None)
    series = pd.to_datetime(clocks).dt.tz_localize(zone)
    dates = DateCounts(series)
    days, times = dates.parts(series)
    np.testing.assert_array_equal(days, [0, 1, 0, np.nan])
    # Minutes since noon.
    np.testing.assert_array_equal(times, [690, 735, 825, np.nan])
    back = pd.Series(dates.restored([days, times]))
    pd.testing.assert_series_equal(back, series)


@pytest.mark.parametrize(
    "cells, days, times, expected",
    [  # Minutes since noon; the day is one too early or too late for the time.
        ("00:15 23:30", [0, 1, 0], [690, 735, 0], "01T23:30 01T00:15 01T12:00"),
        ("00:15 47:30", [0, 2, 1], [700, 730, 0], "01T23:40 02T00:10 01T12:00"),
        # Noon is on no day between them.
        ("22:00 26:00", [0, 1], [0, 5], "01T22:00 02T02:00"),
    ],
)
def test_new_times_at_the_ends_of_a_column_keep_their_hour(
    cells, days, times, expected
):
    since = pd.to_timedelta([f"{cell}:00" for cell in cells.split()])
    dates = DateCounts(pd.Series(pd.Timestamp("2024-03-01") + since))
    made = dates.restored([np.array(part, float) for part in (days, times)])
    expected = [f"2024-03-{each}" for each in expected.split()]
    np.testing.assert_array_equal(made, np.array(expected, "datetime64[m]"))


def test_an_encoder_tells_a_class_by_its_hours_from_the_labels():
    rng = np.random.default_rng(0)
    hours = np.concatenate([rng.integers(0, 24, 960), rng.normal(24, 1, 40) % 24])
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta((hours * 60).round(), "min")
    y = np.repeat([0, 1], [960, 40])
    frame = pd.DataFrame(
        {"when": when + pd.to_timedelta(rng.integers(0, 90, 1000), "D")}
    )
    widths = {}
    for labels in (None, y):
        encoder = TabularEncoder(numeric="linear").fit(frame, labels)
        z = encoder.transform(frame)
        pd.testing.assert_frame_equal(encoder.inverse_transform(z), frame)
        widths[labels is None] = np.ptp(z[y == 1, 1])
    assert widths[True] > 1.9 and widths[False] < 0.6
    np.testing.assert_array_equal(
        TabularEncoder(numeric="linear").fit_transform(frame, y), z
    )
    with pytest.raises(ValueError, match="inconsistent numbers"):
        TabularEncoder().fit(frame, y[:-1])


def test_dates_of_a_zone_are_those_of_its_clocks():
    series = pd.Series(DAYS.tz_localize("Europe/Berlin"))
    dates = DateCounts(series)
    assert dates.per_day == 1 and not dates.has_times  # not 23 and 25 hours
    np.testing.assert_array_equal(dates.counts(series), [32, 0, 242])
    pd.testing.assert_series_equal(pd.Series(dates.restored([[32, 0, 242.0]])), series)
    # 02:30 is left out on the one day, and comes twice on the other.
    times = pd.Series(pd.DatetimeIndex(["2024-03-30 02:30", "2024-10-28 02:00"]))
    dates = DateCounts(times.dt.tz_localize("Europe/Berlin"))
    made = pd.Series(dates.restored([np.array([1.0, 211.0]), np.full(2, 150.0)]))
    written = made.dt.strftime("%F %R %z").tolist()
    assert written == ["2024-03-31 03:00 +0200", "2024-10-27 02:30 +0200"]


@pytest.mark.parametrize("kind", ["objects", "stamps", "arrow"])
def test_a_zone_comes_back_however_it_is_held(kind):
    known = pd.DatetimeIndex(["2024-01-31 09:30", "2024-07-01 10:00"])
    stamps = known.tz_localize("Europe/Berlin")
    if kind == "arrow":
        pyarrow = pytest.importorskip("pyarrow")
        dtype = pd.ArrowDtype(pyarrow.timestamp("us", tz="Europe/Berlin"))
        series = pd.Series(stamps).astype(dtype)
    else:
        objects = stamps.to_pydatetime() if kind == "objects" else list(stamps)
        series = pd.Series(objects, dtype=object)
    assert is_date_column(series)
    dates = DateCounts(series)
    # Minutes from the first midnight: 9.5 hours; 152 days and 10 hours.
    assert dates.per_day == 1440
    np.testing.assert_array_equal(dates.counts(series), [570, 152 * 1440 + 600])
    back = pd.Series(dates.restored(dates.parts(series)), dtype=series.dtype)
    pd.testing.assert_series_equal(back, series)
    assert type(back[0]) is type(series[0])
    elsewhere = pd.Series(stamps.tz_convert("UTC"))  # the same moments
    np.testing.assert_array_equal(dates.counts(elsewhere), dates.counts(series))


def test_durations_of_arrow_come_back():
    pyarrow = pytest.importorskip("pyarrow")
    series = pd.Series(pd.to_timedelta(["90s", None, "-1h"]))
    series = series.astype(pd.ArrowDtype(pyarrow.duration("s")))
    assert is_date_column(series) and is_duration_column(series)
    dates = DateCounts(series)  # in seconds, from a day before 0
    np.testing.assert_array_equal(dates.counts(series), [86_490, np.nan, 82_800])
    back = pd.Series(dates.restored(dates.parts(series)), dtype=series.dtype)
    pd.testing.assert_series_equal(back, series)


def test_what_was_dates_must_be_dates_again():
    days = pd.Series(DAYS, name="day")
    encoder = TabularEncoder().fit(days.to_frame())
    with pytest.raises(
        TypeError, match="'day' must hold dates.*Received: (str|object).*31.03"
    ):
        encoder.transform(days.dt.strftime("%d.%m.%Y").to_frame())
    with pytest.raises(TypeError, match="Expected dates,.*Received: timedelta"):
        encoder.transform((days - days[0]).to_frame())
    with pytest.raises(TypeError, match="'day'.*Received: int64, such as '1'"):
        days_of(pd.Series([1, 2], name="day"))
    assert np.isnan(days_of(column(np.nan, np.nan))).all()


def test_several_zones_in_a_column_are_refused():
    zones = [datetime.timezone(datetime.timedelta(hours=hours)) for hours in (1, 2)]
    for others in (zones, [zones[0], None]):
        objects = [datetime.datetime(2024, 1, 1, tzinfo=zone) for zone in others]
        frame = pd.DataFrame({"when": objects * 3}, dtype=object)
        with pytest.raises(ValueError, match="'when' must be dates of one time zone"):
            TabularEncoder().fit(frame)
        with pytest.raises(ValueError, match="'when' must be dates of one time zone"):
            check_columns(frame, {"any": LogisticRegression()})


def test_made_dates_stay_between_the_first_and_the_last():
    dates = DateCounts(column("2024-01-01 06:00", "2024-01-09 18:00", dtype="M8[s]"))
    assert (dates.per_day, dates.low, dates.high) == (24, 6, 210)
    days, hours = np.array([0.0, 8.0, 4.2]), np.array([0.0, 23.0, 7.0])
    made = pd.Series(dates.restored([days, hours])).astype(str).tolist()
    # A day within, at the same hour. 4.2 days and 7 hours are 107.8 hours.
    assert made == ["2024-01-02 00:00:00", "2024-01-08 23:00:00", "2024-01-05 12:00:00"]


def test_text_is_read_where_it_has_one_meaning():
    dates = DateCounts(column("2024-01-01", "2024-01-09", dtype="M8[s]"))
    text = pd.Series(["2024-01-03", None, "2024-01-04T12:00"], name="when")
    np.testing.assert_array_equal(dates.counts(text), [2, np.nan, 3.5])
    np.testing.assert_array_equal(days_of(text) - days_of(text)[0], [0, np.nan, 1.5])
    for values in (["1.3.2024"], [20240301], [3.5]):
        words = f"'when' must hold dates.*{values[0]}.*dayfirst"
        with pytest.raises(TypeError, match=words):
            dates.counts(pd.Series(values, name="when"))


def test_what_is_no_date():
    for values in ([1, 2], ["2024-01-01"], [datetime.time(1)], [None], [True]):
        assert not is_date_column(pd.Series(values))
    assert not is_date_column(pd.Series(pd.period_range("2024", periods=2)))


def test_days_are_those_since_1970():
    series = column("1970-01-02 12:00", None, dtype="datetime64[us]")
    np.testing.assert_array_equal(days_of(series), [1.5, np.nan])
    np.testing.assert_array_equal(days_of(column("12h", dtype="m8[ns]")), [0.5])
    assert np.isnan(days_of(column(None, None))).all()


@pytest.mark.parametrize("numeric", ["linear", "quantile", "normal"])
def test_an_encoder_makes_numbers_of_them(numeric):
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 90), "D")
    frame = pd.DataFrame(
        {
            "when": days + pd.to_timedelta(rng.integers(0, 86_400, 90), "s"),
            "day": days,
            "same_day": days[0] + pd.to_timedelta(rng.integers(0, 24, 90), "h"),
            "known": pd.Series(days).where(rng.random(90) < 0.7),
            "never": pd.Series([pd.NaT] * 90),
            "once": days[0],
        }
    )
    encoder = TabularEncoder(numeric=numeric).fit(frame)
    names = ["when", "when time of day", "day", "same_day time of day", "known"]
    names += ["known present", "known missing"]
    assert encoder.get_feature_names_out().tolist() == names
    z = encoder.transform(frame)
    assert np.isfinite(z).all() and np.abs(z).max() <= 1
    pd.testing.assert_frame_equal(encoder.inverse_transform(z), frame)
    # By the day alone, a second would be lost in the rounding of float32.
    place = names.index("when time of day")
    order = np.argsort(frame.when - frame.when.dt.normalize())
    assert (np.diff(z[order, place]) >= 0).all()
    text = frame.assign(day=frame.day.astype(str))
    np.testing.assert_array_equal(encoder.transform(text), z)
    with pytest.raises(ValueError, match="'day' had no missing value"):
        encoder.transform(frame.assign(day=pd.NaT))


def test_dates_may_be_categories():
    frame = pd.DataFrame({"term": pd.DatetimeIndex(["2024-04-01", "2024-10-01"] * 3)})
    encoder = TabularEncoder(categorical=["term"]).fit(frame)
    z = encoder.transform(frame)
    assert z.shape == (6, 2)
    pd.testing.assert_frame_equal(encoder.inverse_transform(z), frame)
