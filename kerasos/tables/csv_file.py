"""CSV files as text, as typed columns, and values as the file would spell them.

pandas takes "NA", "None" or "null" for missing wherever they stand. Here they are words
like others in a column of words, and missing among numbers and dates.
"""

import codecs
import csv
import datetime
import numbers
import os

import pandas as pd

from kerasos.tables.date_text import FIRST_CELLS, look_like_dates, read_dates

# What pandas takes for missing, beside empty cells.
MISSING_WORDS = frozenset(
    "NA N/A n/a NaN nan NULL null None <NA> #N/A #NA -NaN -nan 1.#IND -1.#IND 1.#QNAN "
    "-1.#QNAN".split()
) | {"#N/A N/A"}
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?i:inf|infinity)"
_PARTS = (
    r"^(?P<sign>[+-]?)(?P<whole>\d*)(?P<point>\.?)(?P<digits>\d*)"
    r"(?P<mark>[eE]?)(?P<power_sign>[+-]?)(?P<power>\d*)$"
)
# Numbers with the other mark before the decimals, or with marks between thousands.
_OTHER_NUMBER = (
    r"[+-]?(?:\d+|\d*[.,]\d+|\d{1,3}(?:[ \u00a0\u202f'\u2019]\d{3})+(?:[.,]\d+)?"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?)"
)
_LARGEST = 2**63 - 1
_MOST_DIGITS = 4000  # Python converts 4,300
_CASES = str, str.title, str.upper  # of "true" and "false"
# The first tells the day from the month and the year, the second whether figures are
# padded.
_MADE_UP_DATES = (
    datetime.datetime(1999, 11, 21, 13, 10, 10, 111111),
    datetime.datetime(1999, 1, 1, 1, 1, 1, 111111),
)


def read_text(path, separator=",", encoding="utf-8"):
    """Reads the cells of a CSV file, as they stand there.

    Args:
        path: Of a file with a header. Blank lines are left out.
        separator: Character between two cells.
        encoding: Of the file; a byte order mark is no part of its text.

    Returns:
        `(text, lines)`: a frame of strings, "" where a cell is empty, and a list with
        the number of each row's line.

    Raises:
        ValueError: If the file is empty, cannot be read as text, has a quote that is
            not closed, or has two columns of one name or a line of another length.
    """
    path = os.fspath(path)
    _check_form(separator, encoding)
    encoding = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    rows, lines = [], []
    try:
        with open(path, newline="", encoding=encoding) as file:
            # Strict, or the rest of a file would be in the cell of an open quote.
            reader = csv.reader(file, delimiter=separator, strict=True)
            filled = (row for row in reader if len(row) > 1 or "".join(row).strip())
            header = next(filled, None)
            _check_text(path, reader, header or [])
            for row in filled:
                _check_text(path, reader, row)
                if len(row) != len(header):
                    _check_separator(path, header, separator)
                    raise ValueError(
                        f"Every line of {path!r} must have as many fields "
                        f"as the header. Expected {len(header)}. Received: {len(row)} "
                        f"in line {reader.line_num}. Quote text that holds a "
                        f"{separator!r}."
                    )
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(
            f"{path!r} cannot be read as CSV: {error}, in line {reader.line_num}. "
            "Close each quote, write a quote inside a cell twice, and save it as "
            "UTF-8 CSV."
        ) from error
    except UnicodeError as error:
        reason = getattr(error, "reason", error)
        raise ValueError(
            f"{path!r} is not {encoding.removesuffix('-sig').upper()} text ({reason} "
            f"at byte {_undecodable(path, encoding)}). Save it as UTF-8 CSV, or tell "
            "the encoding."
        ) from error
    if header is None:
        raise ValueError(
            f"{path!r} is empty. Expected a header and rows. Give another file."
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(
            f"Columns of {path!r} must have different names. Received twice: {twice}. "
            "Is the first line a header? Rename them."
        )
    return pd.DataFrame(rows, columns=header, dtype=object), lines


def _check_form(separator, encoding):
    if len(separator) != 1 or separator in '"\r\n':
        raise ValueError(
            "The separator must be one character, and no quote or line end. Received: "
            f"{separator!r}. Give for example ',' or ';'."
        )
    try:
        "".encode(encoding)
    except (LookupError, UnicodeError) as error:
        raise ValueError(
            f"The encoding must be one that Python knows. Received: {encoding!r} "
            f"({error}). Give for example 'utf-8' or 'latin-1'."
        ) from error


def _check_separator(path, header, separator):
    """Raises if a header of one field has others between its words."""
    others = [mark for mark in ";\t|," if mark in header[0]]
    if len(header) == 1 and others:
        raise ValueError(
            f"The header of {path!r} must have {separator!r} between its fields. "
            f"Expected several fields. Received: one, {header[0][:60]!r}. Set the "
            f"separator to {others[0]!r}."
        )


def _check_text(path, reader, row):
    if any("\0" in cell for cell in row):
        raise ValueError(
            f"{path!r} cannot be read as CSV: expected text. Received: a zero byte in "
            f"line {reader.line_num}, as binary files have and UTF-16 ones. Save it as "
            "UTF-8 CSV, or tell the encoding."
        )


def _undecodable(path, encoding):
    """Returns the place of the first byte that is no text."""
    decoder, place = codecs.getincrementaldecoder(encoding)(), 0
    with open(path, "rb") as file:
        while part := file.read(1 << 16):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(part)
            except UnicodeDecodeError as error:
                return place - pending + error.start
            except UnicodeError:
                break
            place += len(part)
    return place


def typed(text, decimal=".", codes=True, labels=None):
    """Gives each column of text its type.

    A column is numeric if all its cells are numbers but for empty ones and words such
    as "NA", which are missing there, and boolean if they are true and false. It holds
    dates if its cells are dates in one form, with or without a time of day, and two of
    them differ; the same words are missing. In any other column of text a word is a
    word, and empty cells alone are missing.

    Args:
        text: Frame of `read_text`.
        decimal: Character before the decimals.
        codes: Whether whole numbers with leading zeros are text.
        labels: Name of a column in which a date is a word, or None.

    Returns:
        Frame of `Int64`, `Float64`, `boolean`, `string`, `datetime64[s]` and, where
        seconds have fractions, `datetime64[us]` columns.
    """

    def column(cells):
        return _typed_column(cells, decimal, codes, cells.name != labels)

    return text.apply(column)


def _known(bare):
    """Returns the cells, without blanks around them, that are not missing."""
    return bare[~((bare == "") | bare.isin(MISSING_WORDS))]


def _typed_column(cells, decimal, codes=True, dates=True):
    bare = cells.str.strip()
    known = _known(bare)
    figures = known
    if decimal != ".":
        # A point may part thousands: such a cell is no number.
        figures = known.str.replace(".", "x").str.replace(decimal, ".")
    if len(known) and figures.str.fullmatch(_NUMBER).all():
        if codes and figures.str.fullmatch(r"[+-]?0\d+").any():
            return cells[known.index].reindex(cells.index).astype("string")
        if not figures.str.fullmatch(r"[+-]?\d+").all():
            return figures.map(float).reindex(cells.index).astype("Float64")
        # No measure has that many digits.
        is_long = figures.str.len().max() > _MOST_DIGITS
        whole = figures if is_long else figures.map(int)
        if is_long or whole.abs().max() > _LARGEST:
            return cells[known.index].reindex(cells.index).astype("string")
        return whole.astype("Int64").reindex(cells.index)
    given = bare[bare != ""]
    words = {f(w): w == "true" for w in ("true", "false") for f in _CASES}
    if len(given) and given.isin(words).all():
        return given.map(words).astype("boolean").reindex(cells.index)
    if dates and (found := read_dates(known)) is not None:
        return pd.Series(found[0], known.index).reindex(cells.index)
    return cells.mask(bare == "").astype("string")


def refuse_other_numbers(text, frame, decimal="."):
    """Raises `ValueError` if a column of text is numbers in another spelling.

    Left as text, each number would be a category of its own.

    Args:
        text: Frame of `read_text`.
        frame: Frame of `typed`, from it.
        decimal: Character before the decimals.
    """
    for name in frame.columns[frame.dtypes == "string"]:
        cells = _known(text[name].str.strip())
        marked = cells[cells.str.contains(r"\d\D|[.,]", regex=True)]
        if marked.nunique() > 2 and cells.str.fullmatch(_OTHER_NUMBER).all():
            other = "," if decimal == "." else "."
            raise ValueError(
                f"Column {name!r} holds numbers in another spelling, which would "
                f"become {cells.nunique()} unrelated categories. Expected "
                f"{decimal!r} before the decimals and nothing between thousands. "
                f"Received: {marked.iloc[0]!r} and the like. Set the decimal mark to "
                f"{other!r}, take marks out from between thousands, or put a letter "
                "before the values if they are codes."
            )


def refuse_other_dates(text, frame):
    """Raises `ValueError` if a column is dates but for a few words.

    Left as text, each date would be a category of its own.

    Args:
        text: Frame of `read_text`.
        frame: Frame of `typed`, from it.
    """
    for name in frame.columns[frame.dtypes == "string"]:
        cells = _known(text[name].str.strip())
        different = cells.drop_duplicates().to_numpy()
        first = look_like_dates(different[:FIRST_CELLS])  # tell most words from dates
        if 2 * first.sum() <= len(first):
            continue
        fits = look_like_dates(different)
        if fits.sum() > FIRST_CELLS and 0 < 2 * (~fits).sum() <= fits.sum():
            word = different[~fits][0]
            raise ValueError(
                f"Column {name!r} holds dates beside words, so that each of "
                f"{fits.sum()} dates would become a category. Expected dates "
                f"in one form, and empty cells where there is none. Received: {word!r} "
                f"in {(cells == word).sum()} rows. Empty such cells, or put a letter "
                "before all values if they are codes."
            )


def spelt(new, real, text, decimal="."):
    """Spells new values as the file spells its own.

    A value that the file holds is written as there, most often; others have as many
    decimals, the same point, exponent and signs, dates the same form; missing ones are
    the same word.

    Args:
        new: Frame of new rows, with the types of `real`.
        real: Frame of `typed`.
        text: Frame of `read_text` behind it.
        decimal: Character before the decimals.

    Returns:
        Frame of strings like `new`.
    """

    def column(new):
        return _spelt_column(new, real[new.name], text[new.name], decimal)

    return new.apply(column)


def examples(text, frame):
    """Returns cells that show how a file spells, and that may be kept without it.

    Args:
        text: Frame of `read_text`.
        frame: Frame of `typed`, from it.

    Returns:
        `{column: cells}`, a series for `spelt_like`: the word for what is missing,
        true and false, the forms of numbers, whose digits are all 0 and 1, and two
        dates of 1999 in the file's form.
    """
    found = {}
    for name in text:
        cells, known = text[name].str.strip(), frame[name].notna()
        missing = cells[~known].mode()[:1]
        cells = cells[known]
        if pd.api.types.is_string_dtype(frame[name]):
            cells = cells[:0]
        elif pd.api.types.is_datetime64_any_dtype(frame[name]):
            form = read_dates(cells)[1]
            cells = pd.Series([form.write(date) for date in _MADE_UP_DATES])
        elif not pd.api.types.is_bool_dtype(frame[name]):
            cells = cells.str.replace("[2-9]", "1", regex=True).drop_duplicates()
        else:
            cells = cells.mode()
        found[name] = pd.concat([missing, cells], ignore_index=True)
    return found


def spelt_like(new, cells, decimal="."):
    """Spells new values as `examples` of a file are spelt; see `spelt`."""

    def column(new):
        own = cells[new.name].astype(object)
        return _spelt_column(new, _typed_column(own, decimal), own, decimal)

    return new.apply(column)


def _spelt_column(new, real, cells, decimal):
    has_dates = pd.api.types.is_datetime64_any_dtype(real)
    # Whole numbers, as pandas 2 has no index of dates before 1677.
    kind = "int64" if has_dates else object
    new = new.astype(real.dtype) if has_dates else new
    counts = pd.DataFrame({"value": real.astype(kind), "cell": cells})
    empty = counts["cell"][real.isna()]
    missing = empty.mode()[0] if len(empty) else ""
    counts = counts[real.notna()].value_counts().reset_index()
    known = counts.drop_duplicates("value").set_index("value")["cell"]
    result = new.astype(kind).map(known).astype(object)
    rest = result.isna() & new.notna()
    if rest.any():
        if pd.api.types.is_bool_dtype(real):
            case = next(f for f in _CASES if known.iloc[0] in (f("true"), f("false")))
            written = new[rest].astype(str).str.lower().map(case)
        elif pd.api.types.is_numeric_dtype(real):
            style = cells[real.notna()].str.strip().str.replace(decimal, ".")
            written = new[rest].map(_number_style(style))
            written = written.str.replace(".", decimal)
        elif has_dates:
            form = read_dates(cells[real.notna()].str.strip())[1]
            written = new[rest].map(form.write)
        else:
            written = new[rest].astype(str)
        result[rest] = written
    return result.where(new.notna(), missing).astype(object)


def _number_style(cells):
    """Returns a function from a number to text in the style of numbers as text."""
    parts = cells.str.extract(_PARTS).dropna()
    decimals = parts["digits"].str.len()
    with_power = parts["mark"] != ""
    significant = (parts["whole"] + parts["digits"]).str.lstrip("0").str.len().max()
    plain = parts[~with_power] if not with_power.all() else parts
    least = int(plain["digits"].str.len().min())
    pattern = f".{int(decimals.max())}f"
    if with_power.all():
        pattern = f".{int(decimals.max())}e"
    elif with_power.any():
        pattern = f".{max(1, int(significant))}g"
    powers = parts[with_power]
    mark = powers["mark"].mode()[0] if len(powers) else "e"
    width = int(powers["power"].str.len().min()) if len(powers) else 2
    signed = (powers["power_sign"] == "+").any()

    def write(value):
        whole_number = isinstance(value, numbers.Integral)  # may be beyond 2**53
        text = str(value) if whole_number else format(value, pattern)
        head, _, power = text.partition("e")
        whole, _, digits = head.partition(".")
        digits = digits.rstrip("0").ljust(least, "0")
        if not whole.strip("-0") and not digits.strip("0"):
            whole = whole.lstrip("-")
        if (plain["whole"] == "").any() and digits and whole in ("0", "-0"):
            whole = whole[:-1]
        point = "." if digits or (plain["point"] == ".").all() else ""
        if value > 0 and (parts["sign"] == "+").any():
            whole = f"+{whole}"
        if power:
            sign = "-" if power[0] == "-" else "+" if signed else ""
            power = mark + sign + power[1:].lstrip("0").rjust(width, "0")
        return whole + point + digits + power

    return write
