"""The benchmark scripts run, on the smallest budget, and write what they promise."""

import csv
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


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
