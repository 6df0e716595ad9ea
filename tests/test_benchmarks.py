"""The benchmark scripts run, on the smallest budget, and write what they promise."""

import csv
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data" / "tfds"


def run(script, *arguments):
    paths = [str(ROOT), os.environ.get("PYTHONPATH")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, str(ROOT / "benchmarks" / script), *map(str, arguments)]
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=600
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow  # builds and traces two GAMO models
def test_step_time_reports_units_and_the_matrix_product(tmp_path):
    output = tmp_path / "step_time.csv"
    run(
        "step_time.py", "--nojit_compile", "--rounds=1", "--steps=1", "--output", output
    )
    (row,) = rows_of(output)
    assert row["unit_units"] == "1.0"
    for name in ("joint_ms", "per_class_ms", "joint_units", "matmul_gflops"):
        assert float(row[name]) > 0


@pytest.mark.slow  # compiles a GAMO model with XLA
def test_memory_reports_a_peak_after_each_part():
    lines = run("memory.py", "--points=300", "--features=4", "--steps=1").splitlines()
    peaks = [float(line.split()[-2]) for line in lines]
    assert [line.split()[0] for line in lines] == [
        "imports",
        "data",
        "model",
        "training",
        "oversampling",
    ]
    assert peaks == sorted(peaks) and peaks[0] > 0


@pytest.mark.slow  # reads MNIST and trains for a moment
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the prepared MNIST")
def test_gamo_table1_runs_a_cell_once(tmp_path):
    arguments = (
        f"--data_dir={DATA}",
        "--methods=none",
        "--repeats=0",
        "--steps=250",
        f"--output_dir={tmp_path}",
        f"--work_dir={tmp_path / 'runs'}",
    )
    run("gamo_table1.py", *arguments)
    rows = rows_of(tmp_path / "gamo_table1.csv")
    kinds = [(row["metric"], row["note"].split(";")[0]) for row in rows]
    assert kinds == [
        ("ACSA", "test=full"),
        ("GM", "test=full"),
        ("ACSA", "test=1k"),
        ("GM", "test=1k"),
    ]
    assert all(0.0 <= float(row["mean"]) <= 1.0 for row in rows)
    run("gamo_table1.py", *arguments)
    assert rows_of(tmp_path / "gamo_table1.csv") == rows
