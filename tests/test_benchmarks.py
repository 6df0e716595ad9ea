"""The benchmark scripts run, on the smallest budget, and write what they promise."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import script_module
from absl import flags

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))

import step_parts  # noqa: E402

from kerasos.methods.infogan import networks as infogan  # noqa: E402


def rows_of(script, path, *options):
    """Runs a script in this process; returns the file that it added a row to."""
    with script_module.loaded(BENCHMARKS / script) as module:
        flags.FLAGS(["", f"--output={path}", *options])
        module.main([])
    return pd.read_csv(path)


@pytest.mark.slow  # reason: builds and traces two GAMO models
def test_step_time_reports_units_and_the_matrix_product(tmp_path):
    options = ["--nojit_compile", "--rounds=1", "--steps=1"]
    (row,) = rows_of("step_time.py", tmp_path / "step_time.csv", *options).to_dict(
        "records"
    )
    assert row["unit_units"] == 1.0
    for name in ("joint_ms", "per_class_ms", "joint_units", "matmul_gflops"):
        assert row[name] > 0


@pytest.mark.slow  # reason: builds and traces a CVAE
def test_step_time_holds_a_method_against_its_bare_sum(tmp_path):
    options = ["--rounds=1", "--steps=1", "--batch=8", "--shape=8,8,1"]
    options += ["--sample_batch=16", "--method=cvae"]
    (row,) = rows_of("step_time.py", tmp_path / "step_time.csv", *options).to_dict(
        "records"
    )
    # Two convolutions, two transposed ones and four dense layers, each forward and
    # with two gradients; but none is needed with respect to the data. The transpose
    # of a convolution is its gradient with respect to the input, and vice versa.
    assert row["operations"] == (
        "4 Conv2D, 4 Conv2DBackpropFilter, 3 Conv2DBackpropInput, 12 MatMul"
    )
    for mode in ("plain", "xla"):
        names = ("convolutions", "products", "adam")
        parts = [row[f"{name}_{mode}_ms"] for name in names]
        assert min(parts) > 0
        assert row[f"bare_{mode}_ms"] == pytest.approx(sum(parts), abs=0.01)
        ratio = row[f"step_{mode}_ms"] / row[f"bare_{mode}_ms"]
        assert row[f"step_over_bare_{mode}"] == pytest.approx(ratio, abs=0.01)
    assert row["step_over_bare"] == row[f"step_over_bare_{row['default']}"]
    assert row["step_over_least"] >= row["step_over_bare"]
    rates = row["decoder_images_s"] / row["sample_images_s"]
    assert row["sample_over_decoder"] == pytest.approx(rates, abs=0.01)


@pytest.mark.slow  # reason: compiles a GAMO model with XLA, in a process of its own
def test_memory_reports_a_peak_after_each_part():
    paths = [str(ROOT), os.environ.get("PYTHONPATH")]
    options = ["--points=300", "--features=4", "--steps=1"]
    result = subprocess.run(
        [sys.executable, str(BENCHMARKS / "memory.py"), *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    lines = [line.split() for line in result.stdout.splitlines()]
    parts = ["imports", "data", "model", "training", "oversampling"]
    assert [line[0] for line in lines] == parts
    peaks = [float(line[-2]) for line in lines]
    assert peaks == sorted(peaks) and peaks[0] > 0


@pytest.mark.slow  # reason: compiles four small functions with XLA
def test_upsampling_is_held_against_the_two_layers(tmp_path):
    options = ["--batch=2", "--shape=3,3,2", "--filters=2", "--steps=1", "--rounds=1"]
    path = tmp_path / "upsample_time.csv"
    rows = rows_of("step_time.py", path, "--method=upsample", *options)
    (row,) = rows.to_dict("records")
    assert row["difference"] < 1e-5
    for part in ("forward", "gradients"):
        for mode in ("graph", "xla"):
            plain, folded = (
                row[f"{name}_{part}_{mode}_ms"] for name in ("plain", "folded")
            )
            assert plain > 0 and folded > 0
            ratio = row[f"plain_over_folded_{part}_{mode}"]
            assert ratio == pytest.approx(plain / folded, rel=0.2)


@pytest.mark.slow  # reason: traces a CVAE
def test_fit_resample_time_adds_a_row(tmp_path):
    path = tmp_path / "time.csv"
    path.write_text("method,rows,other\ncgan,7,x\n")
    options = ["--rows=300", "--columns=3", "--minority=0.1", "--epochs=2"]
    rows = rows_of("fit_resample_time.py", path, *options)
    # What was there stays, with the columns that it has.
    assert rows.rows.tolist() == [7, 300] and rows.other.tolist()[0] == "x"
    row = rows.iloc[1]
    assert (row.added, row.steps, row.method) == (240, 18, "cvae")
    assert row.wall_seconds > 0 and row.cpu_seconds > 0
    assert 100 < row.start_mb <= row.peak_mb
    assert 0.5 < row.auc <= 1 and 0 < row.pair_difference < 1


@pytest.mark.slow  # reason: trains and generates in a process of its own, twice
def test_balanced_stream_adds_rows(tmp_path):
    path, folder = tmp_path / "stream.csv", tmp_path / "parts"
    folder.mkdir()
    options = ["--rows=220", "--side=16", f"--folder={folder}", "--steps=2"]
    rows_of("balanced_stream.py", path, *options)
    assert len(list(folder.glob("good/*.png"))) == 176
    assert len(list(folder.glob("*/*.png"))) == 176 + 33 + 9 + 2
    found = rows_of(
        "balanced_stream.py", path, *options, "--measure=speed", "--turns=1"
    )
    first, second = found.iloc[0], found.iloc[1]
    assert first.steps == 7 and 0 <= first.grown_mb < 1_500
    rates = second.stream_steps_a_second, second.arrays_steps_a_second
    assert second.ratio == pytest.approx(rates[0] / rates[1], rel=0.05)


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
