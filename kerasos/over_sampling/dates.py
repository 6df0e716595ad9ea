"""Text that is dates or times, which would become as many categories as it has days."""

import re

from pandas.api import types

_DAY, _MONTH, _YEAR = (
    r"(0?[1-9]|[12]\d|3[01])",
    r"(0?[1-9]|1[0-2])",
    r"(1[5-9]|2\d)\d\d",
)
_NAME = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK = r"([01]?\d|2[0-3]):[0-5]\d"
_ZONE = r"( ?(z|utc|gmt|[+-]\d\d:?\d\d))?"
_TIME = rf"{_CLOCK}(:[0-5]\d([.,]\d+)?)?( ?[ap]\.?m\.?)?{_ZONE}"
_FORMS = (
    rf"{_YEAR}(?P<a>[-/.]){_MONTH}(?P=a){_DAY}",  # 2024-03-01
    rf"{_DAY}(?P<b>[-/.]){_MONTH}(?P=b){_YEAR}",  # 1.3.2024
    rf"{_MONTH}(?P<c>[-/.]){_DAY}(?P=c){_YEAR}",  # 3/31/2024
    r"\d\d(?P<d>[-/.])\d\d(?P=d)\d\d",  # 01/03/24
    rf"{_YEAR}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",  # 20240301
    rf"{_YEAR}-(0[1-9]|1[0-2])",  # 2024-03
    rf"{_DAY}[-. ]+{_NAME}[-., ]*(\d\d)?\d\d",  # 1 Mar 2024
    rf"{_NAME} {_DAY}(st|nd|rd|th)?,? +{_YEAR}",  # March 1, 2024
)
_WEEKDAY = r"((mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +)?"
_DATE_OR_TIME = re.compile(
    rf"{_WEEKDAY}({'|'.join(_FORMS)})((t|,? +){_TIME})?"
    r"|([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?",  # 08:30
    re.IGNORECASE,
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
    if not all(
        map(_matches, known[:20])
    ):  # most columns are told by their first values
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
    return isinstance(value, str) and bool(_DATE_OR_TIME.fullmatch(value.strip()))
