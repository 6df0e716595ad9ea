"""CSV cells: what they mean, and new ones in the same spelling."""

import pandas as pd
import pytest

from kerasos.tables.csv_file import (
    examples,
    read_text,
    refuse_other_numbers,
    spelt,
    spelt_like,
    typed,
)

# A column of text by "|", its type, the values, then new values and their spelling.
NA = pd.NA
COLUMNS = {
    "words": ("NA|None|null|nan|N/A|", "string", ["NA", "None", "null", "nan", "N/A"]),
    "word among numbers": ("1|NA|3|NA|", "Int64", [1, NA, 3, NA, NA], [7, NA], "7|NA"),
    "empty among numbers": ("1|| |NA", "Int64", [1, NA, NA, NA], [NA], ""),
    "spaces": (" 1| 2 |3", "Int64", [1, 2, 3], [1, 4], " 1|4"),
    "words only": ("NA|NA", "string", ["NA", "NA"], ["NA"], "NA"),
    "text": ("a | b|", "string", ["a ", " b", NA], [" b", NA], " b|"),
    "truth": ("true|FALSE|", "boolean", [True, False, NA], [False, NA], "FALSE|"),
    "one truth": ("True|True", "boolean", [True, True], [False], "False"),
    "truth and a word": ("true|false|NA", "string", ["true", "false", "NA"]),
    "codes": ("0150|9000|NA", "string", ["0150", "9000", NA], ["9000", NA], "9000|NA"),
    "zero": ("0|-1|+2", "Int64", [0, -1, 2], [3, -4], "+3|-4"),
    "long": ("12345678901234567890|2", "string", ["12345678901234567890", "2"]),
    "id": ("9007199254740993", "Int64", [2**53 + 1], [2**53 + 3], "9007199254740995"),
    "prices": ("1.50|2.00", "Float64", [1.5, 2], [3, 0.126, -0.001], "3.00|0.13|0.00"),
    "halves": ("1|2.5", "Float64", [1, 2.5], [3, 0.52], "3|0.5"),
    "floats": ("1.0|2.25", "Float64", [1, 2.25], [3, 0.101], "3.0|0.1"),
    "points": ("1.|2.", "Float64", [1, 2], [3.2], "3."),
    "no zero": (".5|-.25", "Float64", [0.5, -0.25], [0.75, -0.5, 1.5], ".75|-.5|1.5"),
    "powers": ("1.5E+3|2.0E-02", "Float64", [1500, 0.02], [3e4, 0.5], "3.0E+4|5.0E-1"),
    "some powers": ("1e-05|3", "Float64", [1e-5, 3], [2e-5, 0.5], "2e-05|0.5"),
    "infinity": ("inf|1", "Float64", [float("inf"), 1]),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_cells_of_a_column(name):
    cells, dtype, values, *more = COLUMNS[name]
    text = pd.DataFrame({"a": cells.split("|")}, dtype=object)
    real = typed(text)
    assert real["a"].dtype == dtype
    expected = [*values, *[pd.NA] * (len(text) - len(values))]
    pd.testing.assert_series_equal(
        real["a"], pd.Series(expected, name="a", dtype=dtype)
    )
    known = real.loc[real["a"].notna()]
    assert spelt(known, real, text)["a"].tolist() == text.loc[known.index, "a"].tolist()
    if more:
        new = pd.DataFrame({"a": pd.array(more[0], dtype=dtype)})
        assert "|".join(spelt(new, real, text)["a"]) == more[1]


def test_decimal_commas():
    text = pd.DataFrame({"a": ["1,50", "2,00"], "b": ["1.000", "1,5"]}, dtype=object)
    real = typed(text, decimal=",")
    assert real["a"].tolist() == [1.5, 2.0] and real["b"].dtype == "string"
    new = pd.DataFrame({"a": pd.array([12.345], dtype="Float64")})
    assert spelt(new, real, text, decimal=",")["a"].tolist() == ["12,35"]
    assert typed(text)["a"].dtype == "string"


def test_lines_of_a_file(tmp_path):
    path = tmp_path / "a.csv"
    content = b'\xef\xbb\xbfa,b\r\n"1","x, ""y"""\r\n\r\n  \r\n'
    path.write_bytes(content + b'2,"two\nlines"\r\n3,\r\n')
    text, lines = read_text(path)
    assert list(text) == ["a", "b"] and lines == [2, 6, 7]
    assert text["b"].tolist() == ['x, "y"', "two\nlines", ""]
    assert typed(text)["a"].tolist() == [1, 2, 3]
    path.write_text("a,b\n1," + "x" * 200_000 + "\n")
    with pytest.raises(ValueError, match="cannot be read as CSV: field larger.*line"):
        read_text(path)


def test_a_header_with_other_marks_between_its_fields(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("price;kind\n1,50;x\n2,5;y\n")
    with pytest.raises(ValueError, match="one, 'price;kind'. Set the separator to ';'"):
        read_text(path)
    path.write_text("a name\n1,2\n")
    with pytest.raises(ValueError, match="Expected 1. Received: 2 in line 2"):
        read_text(path)


@pytest.mark.parametrize(
    ("cells", "decimal", "refused"),
    [
        ("1,50|2|3,5|4,25", ".", True),
        ("-1,5|,5|+2,5|NA|", ".", True),
        ("1,234.50|2,000|12,345,678.5", ".", True),
        ("1 234,5|2 000|7 500", ".", True),
        ("1.5|2.25|3.75", ",", True),
        ("1.234,50|2.000,5|12.345.678", ",", True),
        ("1,50|2,50|3,50|by weight", ".", False),
        ("1,50|2,50|3,50", ",", False),
        ("0150|9000|0170|-017", ".", False),  # codes
        ("1,2|3", ".", False),  # one value, such as a list of two
        ("10.0.0.1|10.0.0.2|10.0.0.3", ".", False),
        ("1,2,3|2,3,4|3,4,5", ".", False),
    ],
)
def test_numbers_in_another_spelling_are_no_categories(cells, decimal, refused):
    text = pd.DataFrame({"a": cells.split("|")}, dtype=object)
    frame = typed(text, decimal)
    if not refused:
        refuse_other_numbers(text, frame, decimal)
        return
    with pytest.raises(ValueError, match="'a' holds numbers in another spelling"):
        refuse_other_numbers(text, frame, decimal)


def test_examples_of_a_file_spell_as_it_does_and_tell_none_of_its_numbers(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_text(
        "price;member;note;count;change;far;label\n"
        "1,50;TRUE;x;;+7;2,0e+03;yes\n"
        "23,75;FALSE;NA;NA;+120;1,5e+10;no\n"
        ";TRUE;y;NA;-3;3,1e-02;yes\n"
        "0,10;;;-12;+1;2,0e+03;no\n"
    )
    text, _ = read_text(path, ";")
    real = typed(text, ",")
    kept = examples(text, real)
    assert list(kept["price"]) == ["", "1,10", "11,11", "0,10"]
    assert not set("23456789") & set("".join(map("".join, kept.values())))
    new = real.iloc[[0, 1, 2, 3] * 2].reset_index(drop=True)
    new["price"] = pd.array([2.5, 100.123, None, -0.5] * 2, "Float64")
    new["change"] = pd.array(range(-4, 4), "Int64")
    new["far"] = new["far"] * 7
    expected = spelt(new, real, text, ",")
    assert list(expected["price"][:4]) == ["2,50", "100,12", "", "-0,50"]
    assert list(expected["count"][:2]) == ["NA", "NA"]
    pd.testing.assert_frame_equal(spelt_like(new, kept, ","), expected)
