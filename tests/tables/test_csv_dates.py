"""Dates in CSV cells: what they mean, and new ones in the same spelling."""

import numpy as np
import pandas as pd
import pytest

from kerasos.command import csv_table, quality
from kerasos.data import load
from kerasos.over_sampling.dates import refuse_dates_as_text
from kerasos.tables import date_text
from kerasos.tables.csv_file import (
    examples,
    refuse_other_dates,
    refuse_other_numbers,
    spelt,
    spelt_like,
    typed,
)

# Cells by "|", what they mean, and how 2001-02-03 04:05:06.789012 and 1999-12-31
# 23:59:58 are spelt in their form.
FORMS = [
    ("2024-03-01|2023-12-31", "2024-03-01 2023-12-31", "2001-02-03|1999-12-31"),
    ("2024/3/1|2023/12/31", "2024-03-01 2023-12-31", "2001/2/3|1999/12/31"),
    ("01.03.2024|05.12.2023", "2024-03-01 2023-12-05", "03.02.2001|31.12.1999"),
    ("1.3.2024|05.12.2023", "2024-03-01 2023-12-05", "3.2.2001|31.12.1999"),
    ("1.10.2024|5.12.2023", "2024-10-01 2023-12-05", "3.2.2001|31.12.1999"),
    ("11.10.2024|15.12.2023", "2024-10-11 2023-12-15", "03.02.2001|31.12.1999"),
    ("01-03-2024|05-12-2023", "2024-03-01 2023-12-05", "03-02-2001|31-12-1999"),
    ("03-13-2024|05-12-2023", "2024-03-13 2023-05-12", "02-03-2001|12-31-1999"),
    ("01/03/2024|05/12/2023", "2024-01-03 2023-05-12", "02/03/2001|12/31/1999"),
    ("01/03/2024|13/12/2023", "2024-03-01 2023-12-13", "03/02/2001|31/12/1999"),
    ("1/3/24|5/12/68", "2024-01-03 2068-05-12", "2/3/01|12/31/99"),
    ("13/3/24|5/12/23", "2024-03-13 2023-12-05", "3/2/01|31/12/99"),
    ("24-03-01|23-12-05", "2024-03-01 2023-12-05", "01-02-03|99-12-31"),
    ("01/01/20|01/12/23", "2020-01-01 2023-01-12", "02/03/01|12/31/99"),
    ("24/3/1|23/12/5", "2024-03-01 2023-12-05", "01/2/3|99/12/31"),
    ("01-03-24|25-12-23", "2024-03-01 2023-12-25", "03-02-01|31-12-99"),
    # The first of months, or the last, and not days of 2001 or 2031.
    ("01-03-20|01-12-23", "2020-03-01 2023-12-01", "03-02-01|31-12-99"),
    ("20-03-01|23-12-01", "2020-03-01 2023-12-01", "01-02-03|99-12-31"),
    ("31-03-14|30-06-20", "2014-03-31 2020-06-30", "03-02-01|31-12-99"),
    ("14-03-31|20-06-30", "2014-03-31 2020-06-30", "01-02-03|99-12-31"),
    ("01.03.24|05.12.69", "2024-03-01 1969-12-05", "03.02.01|31.12.99"),
    ("97-03-01|68-12-31", "1997-03-01 2068-12-31", "01-02-03|99-12-31"),
    ("1 Mar 2024|12 May 2023", "2024-03-01 2023-05-12", "3 Feb 2001|31 Dec 1999"),
    ("01-MAR-24|12-MAY-23", "2024-03-01 2023-05-12", "03-FEB-01|31-DEC-99"),
    ("1-mar-2024|12-may-2023", "2024-03-01 2023-05-12", "3-feb-2001|31-dec-1999"),
    (
        "1 March 2024|12 May 2023",
        "2024-03-01 2023-05-12",
        "3 February 2001|31 December 1999",
    ),
    ("Mar 1, 2024|May 12, 2023", "2024-03-01 2023-05-12", "Feb 3, 2001|Dec 31, 1999"),
    ("May 01 2024|May 12 2023", "2024-05-01 2023-05-12", "Feb 03 2001|Dec 31 1999"),
    (
        "2024-03-01 08:15|2023-12-31 23:59",
        "2024-03-01T08:15 2023-12-31T23:59",
        "2001-02-03 04:05|1999-12-31 23:59",
    ),
    (
        "3/1/2024 8:15:00|12/31/2023 23:59:07",
        "2024-03-01T08:15 2023-12-31T23:59:07",
        "2/3/2001 4:05:06|12/31/1999 23:59:58",
    ),
    (
        "2024-03-01T08:15:00Z|2023-12-31T23:59:07Z",
        "2024-03-01T08:15 2023-12-31T23:59:07",
        "2001-02-03T04:05:06Z|1999-12-31T23:59:58Z",
    ),
    (
        "2024-03-01T08:15:00.25Z|2023-12-31T23:59:07.125Z",
        "2024-03-01T08:15:00.25 2023-12-31T23:59:07.125",
        "2001-02-03T04:05:06.789Z|1999-12-31T23:59:58.000Z",
    ),
    (
        "2024-03-01 08:15:00.1234567|2023-12-31 23:59:07",
        "2024-03-01T08:15:00.123456 2023-12-31T23:59:07",
        "2001-02-03 04:05:06.7890120|1999-12-31 23:59:58.0000000",
    ),
    ("1501-03-01|2999-12-31", "1501-03-01 2999-12-31", "2001-02-03|1999-12-31"),
]


def column(cells):
    return pd.DataFrame({"when": cells.split("|")}, dtype=object)


@pytest.mark.parametrize(("cells", "dates", "spellings"), FORMS)
def test_forms_of_dates(cells, dates, spellings):
    text = column(f"{cells}|NA|")
    real = typed(text)
    unit = "us" if "." in dates else "s"
    expected = np.array([*dates.split(), "NaT", "NaT"], f"datetime64[{unit}]")
    assert real["when"].dtype == expected.dtype
    np.testing.assert_array_equal(real["when"], expected)
    made = ["2001-02-03T04:05:06.789012", "1999-12-31T23:59:58", "NaT"]
    new = pd.DataFrame(
        {"when": np.array(made, "datetime64[us]").astype(expected.dtype)}
    )
    assert "|".join(spelt(new, real, text)["when"]) == f"{spellings}|"
    # What the file holds is written as there; without the file, in its form.
    assert spelt(real[:2], real, text)["when"].tolist() == cells.split("|")
    kept = examples(text, real)
    assert not set(cells.split("|")) & set(kept["when"])
    assert "|".join(spelt_like(new, kept)["when"]) == f"{spellings}|"
    refuse_other_numbers(text, real)


@pytest.mark.parametrize(
    "cells",
    [
        "30.02.2024|01.02.2024",
        "29.02.2023|01.02.2024",
        "31/04/2024|01/02/2024",
        "13/13/2024|01/02/2024",
        "2024-03-01|01.03.2024",
        "2024-03-01|2024/03/01",
        "13/01/2024|01/13/2024",
        "2024-03-01|2024-03-01 08:15",
        "2024-03-01 08:15|2024-03-01T08:16",
        "2024-03-01 08:15|2024-03-01 08:16:30",
        "2024-03-01T08:15Z|2024-03-01T08:16",
        "1 Mar 2024|1 April 2024",
        "1 Mär 2024|1 Mai 2024",
        "2024-03-01|soon",
        "2024-03-01|2024-03-01|NA",
        "2024-03-01 08:15+01:00|2024-03-02 08:15+01:00",
        "2024-03-01 8:15 PM|2024-03-02 8:15 PM",
        "2024-03-01 24:00|2024-03-02 08:15",
        "1.10.24|1.12.24",
        "1.2.3|12.5.3",
        "10.0.0.1|10.0.0.2",
        "08:15|09:30",
        "2024-03|2024-04",
        "1.3.2024-2.3.2024|3.3.2024-4.3.2024",
    ],
)
def test_what_is_no_column_of_dates_stays_text(cells):
    text = column(cells)
    real = typed(text)
    assert real["when"].dtype == "string"
    assert real["when"].tolist() == cells.split("|")


@pytest.mark.parametrize(
    ("cells", "decimal", "dtype"),
    [
        ("1.5|2.25", ".", "Float64"),
        ("2023|2024", ".", "Int64"),
        ("20240301|20231231", ".", "Int64"),
        ("01.03.24|02.03.24", ",", "datetime64[s]"),
        ("1,5|2,25", ",", "Float64"),
    ],
)
def test_numbers_and_dates_are_told_apart(cells, decimal, dtype):
    assert typed(column(cells), decimal)["when"].dtype == dtype


def test_every_day_of_four_centuries_is_read_as_pandas_reads_it():
    days = np.arange("1700-01-01", "2100-01-01", dtype="datetime64[D]")
    days = pd.Series(days.astype("datetime64[s]"), name="when")
    text = days.dt.strftime("%d.%m.%Y").astype(object).to_frame()
    real = typed(text)
    pd.testing.assert_series_equal(real["when"], days)
    half = days[::2].to_frame()
    kept = examples(text, real)
    assert spelt_like(half, kept)["when"].tolist() == text["when"][::2].tolist()


def test_the_commonest_word_for_what_is_missing_is_written():
    text = column(" 1.3.2024 ||null|1.03.2024|null| 1.3.2024 |5.12.2023")
    real = typed(text)
    assert real["when"].notna().tolist() == [
        True,
        False,
        False,
        True,
        False,
        True,
        True,
    ]
    made = np.array(["2024-03-01", "NaT", "2024-03-04"], "datetime64[s]")
    new = pd.DataFrame({"when": made})
    assert spelt(new, real, text)["when"].tolist() == [" 1.3.2024 ", "null", "4.3.2024"]
    assert spelt_like(new, examples(text, real))["when"].tolist() == [
        "1.3.2024",
        "null",
        "4.3.2024",
    ]


def test_words_cost_no_look_at_all_cells(monkeypatch):
    read = []
    monkeypatch.setattr(date_text.pd, "factorize", lambda cells: read.append(cells))
    text = column("|".join(f"word {i}" for i in range(100)) + "|2024-03-01")
    assert typed(text)["when"].dtype == "string" and not read
    with pytest.raises(TypeError):  # of None, in place of the codes
        typed(column("2024-03-01|2024-03-02"))
    assert len(read) == 1


def test_what_is_no_date_to_a_file_but_looks_like_one_is_refused_later():
    for cells in ("3/1/24|3/2/24", "99-99-99|20-30-40", "30.02.2024|01.02.2024"):
        with pytest.raises(TypeError, match="'when' holds dates or times as text"):
            refuse_dates_as_text(column(cells)["when"], "when")


def test_labels_that_are_dates_are_words(tmp_path):
    path = tmp_path / "a.csv"
    lines = [f"2024-01-{i + 1:02},{i},2024-0{1 + i % 2}-01" for i in range(20)]
    path.write_text("\n".join(["day,size,batch", *lines]) + "\n")
    _, frame, target = csv_table.read(path, "batch")
    assert list(map(str, frame.dtypes)) == ["datetime64[s]", "Int64", "string"]
    assert set(frame[target]) == {"2024-01-01", "2024-02-01"}

    class Options:
        real = generated = path
        holdout, target, separator = None, "batch", ","
        decimal, encoding = ".", "utf-8"

    assert quality.read(Options)[1].dtypes.equals(frame.dtypes)
    with pytest.raises(ValueError, match=r"must be numeric. .* columns \['day'\]"):
        load(str(path))
    lines = ["size,batch", *["1,10.01.2024"] * 8, *["2,02.02.2024"] * 4]
    path.write_text("\n".join(lines) + "\n")
    (_, y), (_, y_test) = load(str(path))
    assert (np.bincount(y) + np.bincount(y_test)).tolist() == [4, 8]  # by the alphabet


@pytest.mark.parametrize("word", ["unknown", "9999-12-31", "0000-00-00"])
def test_dates_beside_a_few_words_are_refused(word):
    days = [f"2024-0{1 + i // 28}-{1 + i % 28:02}" for i in range(60)]
    text = pd.DataFrame({"until": [word] * 25 + days + ["", "NA"]}, dtype=object)
    often = pd.DataFrame({"until": days * 3}, dtype=object)
    often.iloc[::9] = word
    with pytest.raises(ValueError, match=f"'{word}' in 20"):
        refuse_other_dates(often, typed(often))
    with pytest.raises(
        ValueError, match=f"'until'.*beside words.*60 dates.*'{word}' in 25"
    ):
        refuse_other_dates(text, typed(text))
    # Few dates may be kinds, and most words may be no dates.
    for cells in ([word] * 5 + days[:15], days[:25] + [f"w{i}" for i in range(40)]):
        few = pd.DataFrame({"until": cells}, dtype=object)
        refuse_other_dates(few, typed(few))
    refuse_other_dates(text[25:], typed(text[25:]))
