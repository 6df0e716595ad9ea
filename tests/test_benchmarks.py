"""The benchmark scripts run, on the smallest budget, and write what they promise."""

import csv
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

import step_parts  # noqa: E402

from kerasos.networks import infogan  # noqa: E402


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


@pytest.mark.slow  # builds and traces a CVAE
def test_step_time_holds_a_method_against_its_bare_sum(tmp_path):
    output = tmp_path / "step_time.csv"
    options = ["--rounds=1", "--steps=1", "--batch=8", "--shape=8,8,1"]
    options += ["--sample_batch=16", "--output", output]
    run("step_time.py", "--method=cvae", *options)
    (row,) = rows_of(output)
    # Two convolutions, two transposed ones and four dense layers, each forward and
    # with two gradients; but none is needed with respect to the data. The transpose
    # of a convolution is its gradient with respect to the input, and vice versa.
    assert row["operations"] == (
        "4 Conv2D, 4 Conv2DBackpropFilter, 3 Conv2DBackpropInput, 12 MatMul"
    )
    for mode in ("plain", "xla"):
        names = ("convolutions", "products", "adam")
        parts = [float(row[f"{name}_{mode}_ms"]) for name in names]
        assert min(parts) > 0
        bare = float(row[f"bare_{mode}_ms"])
        assert bare == pytest.approx(sum(parts), abs=0.01)
        ratio = float(row[f"step_{mode}_ms"]) / bare
        assert float(row[f"step_over_bare_{mode}"]) == pytest.approx(ratio, abs=0.01)
    assert row["step_over_bare"] == row[f"step_over_bare_{row['default']}"]
    assert float(row["step_over_least"]) >= float(row["step_over_bare"])
    rates = float(row["decoder_images_s"]) / float(row["sample_images_s"])
    assert float(row["sample_over_decoder"]) == pytest.approx(rates, abs=0.01)


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


@pytest.mark.slow  # compiles four small functions with XLA, in a process of its own
def test_upsample_time_holds_the_folded_layer_against_the_two(tmp_path):
    output = tmp_path / "upsample_time.csv"
    options = ["--batch=2", "--side=3", "--channels=2", "--filters=2", "--steps=1"]
    run("upsample_time.py", "--rounds=1", *options, "--output", output)
    (row,) = rows_of(output)
    assert float(row["difference"]) < 1e-5
    for part in ("forward", "gradients"):
        for mode in ("graph", "xla"):
            plain, folded = (
                float(row[f"{name}_{part}_{mode}_ms"]) for name in ("plain", "folded")
            )
            assert plain > 0 and folded > 0
            ratio = float(row[f"plain_over_folded_{part}_{mode}"])
            assert ratio == pytest.approx(plain / folded, rel=0.2)


@pytest.mark.slow  # starts Python and traces a CVAE
def test_fit_resample_time_adds_a_row(tmp_path):
    output = tmp_path / "time.csv"
    options = ["--rows=300", "--columns=3", "--minority=0.1", "--epochs=2"]
    run("fit_resample_time.py", *options, "--output", output)
    (row,) = rows_of(output)
    assert row["added"] == "240" and row["steps"] == "18" and row["method"] == "cvae"
    assert float(row["wall_seconds"]) > 0 and float(row["cpu_seconds"]) > 0
    assert 100 < float(row["start_mb"]) <= float(row["peak_mb"])


def test_the_generator_that_folding_is_held_against_makes_the_same_images():
    folded = infogan.generator((8, 8, 1), 4, 2, 3, seed=0)
    unfolded = step_parts.unfolded(folded)
    assert step_parts.is_folded(folded) and not step_parts.is_folded(unfolded)
    assert not step_parts.is_folded(None)
    unfolded.set_weights(folded.get_weights())
    source = np.random.default_rng(0)
    inputs = [source.standard_normal((3, w)).astype("float32") for w in (4, 2, 3)]
    np.testing.assert_allclose(unfolded(inputs), folded(inputs), atol=1e-5)
    doubled = [x.name for x in unfolded.layers if isinstance(x, keras.Sequential)]
    assert doubled == ["generator_conv_1", "generator_conv_2"]
