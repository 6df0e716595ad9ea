"""The script that compares methods on a CSV file, as a user runs it."""

import csv
import pathlib

import joblib
import numpy as np
import pandas as pd
import pytest
import script_module

ROOT = pathlib.Path(__file__).parents[1]
SCRIPT = ROOT / "examples" / "compare_methods.py"


@pytest.mark.slow  # reason: starts Python and TensorFlow twice
def test_a_file_is_compared_and_a_bad_flag_ends_with_one_line(tmp_path):
    rng = np.random.default_rng(0)
    with open(tmp_path / "shop.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "zip", "member", "household", "churned"])
        for row in range(80):
            age = "" if row % 9 == 0 else rng.integers(18, 60) + 20 * (row > 59)
            zip_code = rng.choice(["0150", "9000"])
            member, label = row % 3 == 0, "no yes".split()[row > 59]
            writer.writerow([age, zip_code, member, f"h{row // 2}", label])
    options = ["--input=shop.csv", "--target=churned", "--output_dir=out"]
    options += ["--classifiers=logistic_regression", "--folds=4"]
    options += ["--group=household"]
    wrong = script_module.run(SCRIPT, *options, "--methods=smoted", folder=tmp_path)
    assert wrong.returncode == 1
    last = wrong.stderr.strip().splitlines()[-1]
    assert last.startswith("compare_methods: ") and "'smote'" in last
    options += ["--methods=class_weights,random", "--miss_cost=10"]
    result = script_module.run(SCRIPT, *options, folder=tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.startswith("Ship ")
    assert "With logistic regression" in result.stdout
    assert "Rows are of 40 groups; each stays in one fold." in result.stdout
    assert "report.html" in result.stdout
    with open(tmp_path / "out" / "rows.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 3
    assert {row["method"] for row in rows} == {"none", "class_weights", "random"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<svg role=" in page and "http" not in page
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "## logistic_regression" in report and "no: 60, yes: 20" in report
    assert " by cost" in result.stdout
    model = joblib.load(tmp_path / "out" / "model.joblib")
    frame = pd.DataFrame({"age": [30.0, None], "zip": "0150", "member": "True"})
    assert set(model.predict(frame)) <= {"no", "yes"}
