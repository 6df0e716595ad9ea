"""The script that balances a CSV file: once as a user runs it, and its parts."""

import pathlib
import types

import numpy as np
import pandas as pd
import pytest
import script_module
from absl import flags
from absl.testing import flagsaver

from kerasos.command import balance, csv_table, quality

ROOT = pathlib.Path(__file__).parents[1]
SCRIPT = ROOT / "examples" / "balance_csv.py"


@pytest.fixture(scope="module")
def script():
    with script_module.loaded(SCRIPT) as module:
        yield module


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["age,zip,price,member,churned"]
    for row in range(60):
        age = "" if row % 10 == 0 else rng.integers(18, 90)
        member = rng.choice(["true", "false"])
        zip_code, price = rng.choice(["0150", "9000"]), rng.lognormal()
        lines.append(
            f"{age},{zip_code},{price:.2f},{member},{'no yes'.split()[row > 44]}"
        )
    path = tmp_path / "shop.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow  # reason: starts Python, compiles and trains
def test_a_file_is_balanced_and_reported(source, tmp_path):
    before = source.read_text()
    options = ["--input=shop.csv", "--target=churned", "--epochs=1", "--seed=3"]
    result = script_module.run(SCRIPT, *options, folder=tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "60 rows and 30 generated ones in shop_balanced.csv" in result.stdout
    found = result.stdout.splitlines()[-2]
    assert source.read_text() == before
    lines = (tmp_path / "shop_balanced.csv").read_text().splitlines()
    assert lines[0] == "age,zip,price,member,churned,is_synthetic"
    # The rows of the file to the letter, 0150 and 1.50 included.
    assert lines[1:61] == [line + ",0" for line in before.splitlines()[1:]]
    made = [line.split(",") for line in lines[61:]]
    assert len(made) == 30
    for age, zip_code, price, member, churned, mark in made:
        assert (churned, mark) == ("yes", "1") and zip_code in ("0150", "9000")
        assert age == "" or 18 <= int(age) <= 90
        assert member in ("true", "false") and len(price.split(".")[1]) == 2
    report = (tmp_path / "shop_balanced.md").read_text()
    assert "| no | 45 | 0 |" in report and "| yes | 15 | 30 |" in report
    assert "## churned = yes" in report and "| 15 real | 30 generated |" in report
    assert "| generated (real) | churned = yes |" in report and "| auc | " in report
    first = next(line for line in report.splitlines() if line.startswith("- "))
    assert found.removeprefix("Found wrong: ") == first[2:]


def test_a_bad_file_ends_with_one_line(script, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n1,x\n1,2,3\n")
    with flagsaver.flagsaver(input=str(path)):
        flags.FLAGS.mark_as_parsed()
        with pytest.raises(SystemExit, match="^balance_csv: Every line .* in line 3"):
            script.main([])
    assert [file.name for file in tmp_path.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize(
    "text, target, words",
    [
        ("", None, "is empty"),
        (None, None, "There is no file"),
        ("a,b\n", "b", "no rows"),
        ("a\n1\n", None, "must have a column beside the target.*separator"),
        ("a;b\n1;2\n", None, "set `--separator`"),
        ("a,a,b\n1,2,x\n1,2,y\n", "b", r"Received twice: \['a'\]"),
        ("a,b\n1,x\n1,2,3\n", "b", "Expected 2. Received: 3 in line 3"),
        ("a,b\n1,x\n\n1\n", "b", "Expected 2. Received: 1 in line 4"),
        ("a,Churn\n1,x\n2,y\n", "churn", "Did you mean 'Churn'"),
        ("a,b\n1,x\n2,\n", "b", "none in line 3"),
        ("a,b\n1,x\n2,x\n", "b", "two classes at least.*'x'"),
        ("a,b\n1,x\n\n2,\n", "b", "none in line 4"),
        ("a,b\n1,0.5\n2,1.5\n", "b", "fractions such as 0.5"),
        ("a,b\n1,1\n2,1.0\n", "b", "two classes at least"),
        ("a,b\n1,1\n2,inf\n", "b", "fractions such as inf"),
        ("a,b\n1,1\n2,NA\n", "b", "none in line 3"),
        ("a,b\n1,q\n2,w\n3,e\n4,r\n", "b", "4 different values in 4 rows"),
        ("a,is_synthetic,b\n1,0,x\n2,0,y\n", "b", "already"),
        ("a,b\n1,caf\xe9\n2,y\n".encode("latin-1"), "b", "not UTF-8"),
    ],
)
def test_bad_files_say_why(tmp_path, text, target, words):
    path = tmp_path / "bad.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=words):
        balance.read(path, target)


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        ("0.0 1.0", [0, 1]),
        ("1. 2.", [1, 2]),
        ("1e0 2e0", [1, 2]),
        ("NA EU", ["NA", "EU"]),
        ("None null", ["None", "null"]),
        ("01 10", ["01", "10"]),
        ("+1 -1", [1, -1]),
        ("TRUE FALSE", [True, False]),
    ],
)
def test_a_label_may_be_spelt_in_many_ways(tmp_path, cells, classes):
    path = tmp_path / "labels.csv"
    path.write_text("a,b\n" + "".join(f"1,{cell}\n" for cell in cells.split()))
    _, frame, target = balance.read(path, "b")
    assert frame[target].tolist() == classes


def test_semicolons_decimal_commas_latin_1_and_windows_line_ends(tmp_path):
    path, output = tmp_path / "excel.csv", tmp_path / "out.csv"
    content = "größe;preis;art\r\n1,5;2,50;süß\r\n2,25;3,75;süß\r\n3;1,00;herb\r\n"
    path.write_bytes(content.encode("latin-1"))
    form = {"separator": ";", "encoding": "latin-1"}
    text, frame, _ = balance.read(path, "art", decimal=",", **form)
    assert frame["größe"].tolist() == [1.5, 2.25, 3.0]
    csv_table.write(text, output, path, **form)
    assert output.read_bytes() == path.read_bytes()


def test_decimal_commas_that_nobody_told_of_are_refused(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_text("preis;art\n2,50;a\n3,75;a\n1,00;b\n")
    words = "'preis' .* become 3 unrelated .*'2,50' .* Set the decimal mark to ','"
    with pytest.raises(ValueError, match=words):
        balance.read(path, "art", separator=";")
    options = types.SimpleNamespace(
        real=path, generated=path, holdout=None, target="art", separator=";"
    )
    options.encoding, options.decimal = "utf-8", "."
    with pytest.raises(ValueError, match=words):
        quality.read(options)
    options.decimal = ","
    assert quality.read(options)[0]["preis"].tolist() == [2.5, 3.75, 1.0]


def test_what_differs_in_every_row_is_named(tmp_path):
    path = tmp_path / "shop.csv"
    rows = (f"T{100 + i},{i},{i + 0.5},{i % 3},{i % 2}\n" for i in range(30))
    path.write_text("ticket,number,price,kind,label\n" + "".join(rows))
    _, frame, target = balance.read(path, None)
    options = types.SimpleNamespace(method="random", seed=0)
    page = balance.markdown(frame, frame[:20], target, path, options)
    assert "\nticket, number: different in every row." in page


def test_what_was_not_compared_says_why():
    frame = pd.DataFrame({"a": range(9), "label": list("xxxxxyyyy")})
    for few in ([0], [0, 8]):
        verdict, found = balance.judge(frame, frame.iloc[few], "label", 0)
        assert "Not compared: no class has two" in verdict and verdict in found
    verdict, found = balance.judge(frame, frame[:0], "label", 0)
    assert "none were generated" in verdict and verdict in found


def test_a_byte_order_mark_and_the_last_column(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_text("\ufeffa,label\n1,x\n2,x\n3,y\n", encoding="utf-8")
    text, frame, target = balance.read(path, None)
    assert list(text) == ["a", "label"] and target == "label"
    assert frame["a"].dtype == "Int64"


def test_the_input_is_never_an_output(tmp_path):
    source = tmp_path / "a.csv"
    assert balance.paths(source, None, None) == (
        tmp_path / "a_balanced.csv",
        tmp_path / "a_balanced.md",
    )
    for output, report in [(source, None), (None, tmp_path / "x" / ".." / "a.csv")]:
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(ValueError, match="never overwritten"):
            balance.paths(source, output, report)
    with pytest.raises(ValueError, match="There is no folder"):
        balance.paths(source, tmp_path / "none" / "b.csv", None)
