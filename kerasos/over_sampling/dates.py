"""Text that is dates or times, which would become as many categories as it has days."""

import re

from pandas.api import types

from kerasos.tables.date_text import (
    CLOCK,
    DAY,
    FIRST_CELLS,
    FORMS,
    SECOND,
    SHORT_NAME,
    YEAR,
)

_ZONE = r"( ?(z|utc|gmt|[+-]\d\d:?\d\d))?"
_FRACTION = r"([.,]\d+)?"
_TIME = rf"{CLOCK}({SECOND}{_FRACTION})?( ?[ap]\.?m\.?)?{_ZONE}"
_FORMS = (
    *FORMS,
    r"\d\d(?P<mark>[-/.])\d\d(?P=mark)\d\d",  # 01/03/24
    rf"{YEAR}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",  # 20240301
    rf"{YEAR}-(0[1-9]|1[0-2])",  # 2024-03
    rf"{DAY}[-. ]+{SHORT_NAME}[a-z]*\.?[-., ]*(\d\d)?\d\d",  # 1 Mar 2024
    rf"{SHORT_NAME}[a-z]*\.? {DAY}(st|nd|rd|th)?,? +{YEAR}",  # March 1, 2024
)
_WEEKDAY = r"((mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +)?"
_DATES_OR_TIMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        *(rf"{_WEEKDAY}{form}((t|,? +){_TIME})?" for form in _FORMS),
        rf"(?=\d\d:){CLOCK}({SECOND}{_FRACTION})?",  # 08:30
    )
)


def refuse_dates_as_text(series, name):
    """Raises `TypeError` if all values of a text column are dates or times.

    Columns of pandas' category dtype pass: they are categories on purpose.

    Args:
        series: `pandas.Series` of any dtype.
        name: Name or position of the column.
    """
    if not types.is_string_dtype(series.dtype):
        return
    known = series.dropna()
    if not all(map(_matches, known[:FIRST_CELLS])):
        return
    values = known.unique() if types.infer_dtype(known) == "string" else []
    if len(values) < 2 or not all(map(_matches, values)):
        return
    raise TypeError(
        f"Column {name!r} holds dates or times as text, which would become "
        f"{len(values)} unrelated categories. Expected numbers, booleans, words, "
        f"categories or dates. Received: {values[0]!r} and the like. Make them dates, "
        "`pd.to_datetime(column)`, times alone a number, such as the hour, or a "
        "category, `astype('category')`, if its values are kinds; drop it, or use "
        "`random`, which copies rows."
    )


def _matches(value):
    if not isinstance(value, str):
        return False
    return any(form.fullmatch(value.strip()) for form in _DATES_OR_TIMES)
