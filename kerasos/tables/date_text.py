"""Dates as text: the forms that are known, what cells mean, and new ones spelt alike.

Names of months are English whatever the locale, and a year of two digits is one of
1969 to 2068, as in POSIX.
"""

import re

import numpy as np
import pandas as pd
from sklearn.utils import gen_batches

FIRST_CELLS = 20  # tell most columns of words from dates
MONTHS = tuple(
    "January February March April May June July August September October November "
    "December".split()
)
_SHORT_NAMES = tuple(name[:3] for name in MONTHS)
_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)}
_NUMBERS |= {name[:3]: number for name, number in _NUMBERS.items()}
_CHUNK = 2**14  # cells that are taken apart at once
_PIVOT = 69  # the least year of two digits that is one of the last century

DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])"
MONTH = r"(?P<month>0?[1-9]|1[0-2])"
YEAR = r"(?P<year>(?:1[5-9]|2\d)\d\d)"
SHORT_NAME = f"(?:{'|'.join(_SHORT_NAMES)})"
_NAME = f"(?P<name>{'|'.join((*MONTHS, *_SHORT_NAMES))})"
_SHORT_YEAR = r"(?P<short_year>\d\d)"
# Beside a year of two digits one figure is the day or month between slashes alone: what
# looks like 1.10.24 is a version.
_TWO_FIGURES = r"(?=\d\d?/|\d\d[-.]\d\d[-.])"
CLOCK = r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)"
SECOND = r":(?P<second>[0-5]\d)"
_FRACTION = r"(?P<fraction>(?:\.\d{1,9})?)"
_TIME = rf"(?:[ T]{CLOCK}(?:{SECOND}{_FRACTION})?Z?)?"


def _numeric(*parts, marks):
    return rf"{parts[0]}(?P<mark>[{marks}]){parts[1]}(?P=mark){parts[2]}"


# The first that fits all cells of a column is theirs: 1.3.2024 is in March, 1/3/2024 in
# January, unless another cell has a part above 12 that tells otherwise.
FORMS = (
    _numeric(YEAR, MONTH, DAY, marks="-./"),
    _numeric(DAY, MONTH, YEAR, marks="-."),
    _numeric(MONTH, DAY, YEAR, marks="-./"),
    _numeric(DAY, MONTH, YEAR, marks="/"),
    _TWO_FIGURES + _numeric(DAY, MONTH, _SHORT_YEAR, marks="-."),
    _TWO_FIGURES + _numeric(MONTH, DAY, _SHORT_YEAR, marks="-./"),
    _TWO_FIGURES + _numeric(DAY, MONTH, _SHORT_YEAR, marks="/"),
    _TWO_FIGURES + _numeric(_SHORT_YEAR, MONTH, DAY, marks="-./"),
    _numeric(DAY, _NAME, YEAR, marks=" -"),
    _numeric(DAY, _NAME, _SHORT_YEAR, marks=" -"),
    rf"{_NAME} {DAY},? {YEAR}",
)
_CELLS = tuple(re.compile(form + _TIME, re.IGNORECASE) for form in FORMS)
_PARTS = {
    next(iter(re.compile(part).groupindex)): part
    for part in (DAY, MONTH, YEAR, _NAME, _SHORT_YEAR, *CLOCK.split(":"), SECOND[1:])
} | {"fraction": _FRACTION}


def read_dates(cells):
    """Reads a column of dates that are all spelt in one form.

    Args:
        cells: `pandas.Series` of strings `(n,)`, with nothing missing.

    Returns:
        `(dates, form)`: an array `(n,)` of `datetime64[s]`, or `datetime64[us]` where
        there are fractions of seconds, and a `DateForm`. None if a cell is no date of
        the calendar, if they are of several forms, or if all are the same date.
    """
    first = cells.iloc[:FIRST_CELLS].tolist()
    fitting = [form for form in _CELLS if first and all(map(form.fullmatch, first))]
    if not fitting:
        return None
    codes, different = pd.factorize(cells.to_numpy(object))
    readings = _readings(fitting, first[0], different)
    found = next(readings, None)
    if found is None:
        return None
    if re.fullmatch(r"{day}[-./]{month}[-./]{short_year}.*", found[1].template):
        # What 24-03-01 begins with is told by its column: the dates are all the first
        # of a month, or the last, or lie together.
        others = (each for each in readings if each[1].begins_with_year)
        found = min(
            (found, *others),
            key=lambda each: (not _begin_or_end_months(each[0]), np.ptp(each[0])),
        )
    dates, form = found
    return dates[codes], form


def _readings(patterns, first, cells):
    """Yields dates and form for each pattern by which all cells are dates, not one."""
    for pattern in patterns:
        form = DateForm(pattern.fullmatch(first))
        dates = form.read(cells)
        if dates is not None and (dates != dates[0]).any():
            yield dates, form


def _begin_or_end_months(dates):
    days = pd.DatetimeIndex(dates)
    return days.is_month_start.all() or days.is_month_end.all()


def look_like_dates(cells):
    """Returns which of `n` strings have one of the forms, a boolean array `(n,)`."""
    return np.array([any(f.fullmatch(cell) for f in _CELLS) for cell in cells], bool)


class DateForm:
    """How the dates of a column are spelt: order, marks, padding, names, fractions.

    Args:
        match: Of a cell with its pattern. What `read` is given tells the rest.
    """

    def __init__(self, match):
        spans = sorted(
            (*match.span(part), part)
            for part in _PARTS.keys() & match.groupdict().keys()
            if match[part] is not None
        )
        template, pattern, end = "", "", 0
        for start, stop, part in spans:
            template += match.string[end:start] + f"{{{part}}}"
            pattern += re.escape(match.string[end:start]) + f"(?i:{_PARTS[part]})"
            end = stop
        self.template = template + match.string[end:]
        self.pattern = re.compile(pattern + re.escape(match.string[end:]))
        self.begins_with_year = "year" in spans[0][-1]
        self.widths, self.fraction_digits = {}, 0
        self.short_names, self.case = True, str.title

    def read(self, cells):
        """Returns the dates of an array of cells, or None if one is in another form."""
        parts = list(self.pattern.groupindex)
        seen, dates = {part: set() for part in parts}, []
        for chunk in gen_batches(len(cells), _CHUNK):
            matches = [self.pattern.fullmatch(cell) for cell in cells[chunk]]
            if not all(matches):
                return None
            numbers = {}
            columns = zip(*(match.groups() for match in matches), strict=True)
            for part, texts in zip(parts, columns, strict=True):
                known = {text: _number(part, text) for text in set(texts)}
                seen[part] |= known.keys()
                numbers[part] = np.array([known[text] for text in texts])
            dates.append(_moments(numbers))
            if dates[-1] is None:
                return None
        names = {name.lower() for name in seen.get("name", ())}
        are_short = {len(name) == len("May") for name in names - {"may"}}
        if len(are_short) > 1:
            return None
        self.short_names = False not in are_short
        for case in (str.title, str.upper, str.lower):
            if all(name == case(name) for name in seen.get("name", ())):
                self.case = case
                break
        self.fraction_digits = max(map(len, seen.get("fraction", [""]))) - 1
        self.widths = _widths(seen)
        unit = "us" if self.fraction_digits > 0 else "s"
        return np.concatenate(dates).astype(f"datetime64[{unit}]")

    def write(self, date):
        """Spells a date that has the attributes of `datetime.datetime`."""
        name = MONTHS[date.month - 1]
        figures = f".{date.microsecond:06}".ljust(10, "0")
        widths = self.widths
        return self.template.format(
            day=f"{date.day:0{widths['day']}}",
            month=f"{date.month:0{widths['month']}}",
            year=f"{date.year:04}",
            short_year=f"{date.year % 100:02}",
            name=self.case(name[:3] if self.short_names else name),
            hour=f"{date.hour:0{widths['hour']}}",
            minute=f"{date.minute:02}",
            second=f"{date.second:02}",
            fraction=figures[: self.fraction_digits + 1],
        )


def _number(part, text):
    """Returns the whole number that a part of a date is, a fraction's microseconds."""
    if part == "name":
        return _NUMBERS[text.lower()]
    if part == "fraction":
        return int(text[1:7].ljust(6, "0"))
    if part == "short_year":
        return int(text) + (1900 if int(text) >= _PIVOT else 2000)
    return int(text)


def _moments(numbers):
    """Returns `datetime64[us]` of arrays of parts, or None if there is no such day."""
    year = numbers.get("year", numbers.get("short_year"))
    month = numbers.get("month", numbers.get("name"))
    months = (12 * (year - 1970) + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (numbers["day"] - 1)
    if (days.astype("datetime64[M]") != months).any():
        return None
    hour, minute, second = (numbers.get(p, 0) for p in ("hour", "minute", "second"))
    micros = numbers.get("fraction", 0) + 10**6 * (60 * (60 * hour + minute) + second)
    return days.astype("datetime64[us]") + micros


def _widths(seen):
    """Returns with how many figures days, months and hours are written at least.

    A part that is nowhere below 10 in a column is written as the other parts are.
    """
    widths = {}
    for part in (parts := ("day", "month", "hour")):
        texts = seen.get(part, ())
        if any(len(text) == 1 for text in texts):
            widths[part] = 1
        elif any(text.startswith("0") for text in texts):
            widths[part] = 2
    least = min(widths.values(), default=2)
    return {part: widths.get(part, least) for part in parts}
