"""The README's code, run as it stands."""

import os
import pathlib
import re
import runpy
import shlex
import subprocess

import forked
import keras
import markdown_blocks
import numpy as np
import pandas as pd
import pytest
import setuptools
import tensorflow as tf

import kerasos
from kerasos.command.main import main
from kerasos.export import load_card

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return markdown_blocks.blocks(README, language)


def commands():
    return markdown_blocks.commands(README)


def scripts():
    return [command for command in commands() if command.startswith("python ")]


def test_every_command_is_one_that_is_checked_here():
    # Those of `kerasos` are in tests/test_command.py.
    known = ("pip install ", "pytest", "python examples/", "kerasos ")
    assert commands()
    assert all(command.startswith(known) for command in commands())


def test_it_is_read_in_five_minutes():
    assert len(README.split()) <= 900


def test_pip_commands_install_this_folder_with_known_extras(monkeypatch):
    given = {}
    monkeypatch.setattr(setuptools, "setup", given.update)
    runpy.run_path(str(ROOT / "setup.py"))
    installs = [shlex.split(c) for c in commands() if c.startswith("pip install ")]
    assert installs
    for *start, target in installs:
        assert start == ["pip", "install", "-e"]
        extra = re.fullmatch(r"\.(?:\[(\w+)\])?", target).group(1)
        assert extra is None or extra in given["extras_require"]


def test_continuous_integration_runs_the_test_command():
    (line,) = [
        line for b in blocks("bash") for line in b.splitlines() if "pytest" in line
    ]
    steps = (ROOT / ".ci" / "run").read_text().splitlines()
    assert line in steps


def test_links_lead_to_files():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_the_table_of_methods_names_each_one():
    (table,) = re.findall(r"^\| name \|.*?\n\n", README, re.M | re.S)
    first_cells = [line.split("|")[1] for line in table.splitlines()[2:] if line]
    named = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(kerasos.list_methods())


# What a command of the README gets here beside its own words, to end soon.
SHORT = {
    "compare": "--folds=3 --methods=threshold,smote --classifiers=logistic_regression",
    "balance": "--epochs=1",
    "balance-images": "--smoke",
}


LOGITS_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def pictures(folder):
    x, y, names = kerasos.data.defects((12, 7, 6, 6), size=16)
    kerasos.data.write_image_folder(folder, x, y, names)


@pytest.mark.slow(reason="trains on a table and on pictures")
def test_commands_of_kerasos_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(80, 3)).round(2), columns=list("abc"))
    table["churned"] = np.repeat(["no", "yes"], [60, 20])
    table.to_csv("customers.csv", index=False)
    pictures("defects")
    lines = [shlex.split(c)[1:] for c in commands() if c.startswith("kerasos ")]
    assert {name for name, *_ in lines} == set(SHORT)
    for name, *given in lines:
        assert main([name, *given, *shlex.split(SHORT[name])]) == 0
    assert (tmp_path / "comparison" / "report.html").stat().st_size > 10_000
    assert len(pd.read_csv("customers_balanced.csv")) == 120
    assert len(list((tmp_path / "defects_generated").glob("*/*.png"))) == 17


# Keras 3.15 says so of every dataset that `fit` takes.
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed:UserWarning")
@pytest.mark.slow(reason="trains GAMO for 40 epochs")
def test_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "defects")
    classifier = kerasos.evaluation.small_cnn((64, 64, 3), 4)
    classifier.compile("adam", LOGITS_LOSS, metrics=["accuracy"])
    namespace = {"classifier": classifier}
    for block in blocks("python"):
        # The painter gets 3 batches here, and the classifier its ten epochs.
        block = block.replace("epochs=300", "epochs=3")
        exec(compile(block, "README.md", "exec"), namespace)
    x, y, x_res = namespace["x"], namespace["y"], namespace["x_res"]
    assert namespace["images"].shape == (100, 8, 8, 1)
    assert (x_res[: len(x)] == x).all() and len(x_res) == 10 * (y == 0).sum()
    version = tmp_path / "saved_models" / "my_gamo" / "1"
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    out = serve(labels=tf.constant([7, 8]), seed=tf.constant([1, 2], tf.int64))
    assert out["samples"].shape == (2, 8, 8, 1)
    assert namespace["predicted"].shape == namespace["y_test"].shape
    reloaded = keras.saving.load_model("gamo.keras")
    np.testing.assert_array_equal(
        reloaded.sample([9] * 100, seed=1), namespace["images"]
    )
    assert namespace["pipeline"].predict(namespace["frame"]).shape == (178,)
    compared = {"none", "class_weights", "threshold", "random", "smote"}
    assert set(namespace["result"].rows["method"]) == compared
    assert set(namespace["shipped"].predict(namespace["frame"])) == {0, 1, 2}
    assert (tmp_path / "comparison.html").stat().st_size > 10_000
    assert namespace["painter"].spec.label_names == ("crack", "good", "hole", "scratch")
    assert classifier.history.epoch == list(range(10))


@pytest.mark.slow(reason="runs the whole quickstart, a minute or more")
@pytest.mark.parametrize("command", scripts())
def test_scripts_run(tmp_path, command):
    # The commands name paths under the root, and write into the folder they run in.
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    python, *arguments = shlex.split(command)
    result = subprocess.run(
        [forked.python(), *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    rows = [row for row in result.stdout.splitlines() if row.startswith("| ")]
    assert [row.split()[1] for row in rows[1:]] == ["none", "random", "smote", "gamo"]
    for row in rows[1:]:
        acsa, g_mean = (float(cell.split()[0]) for cell in row.split("|")[2:4])
        assert 0.85 < g_mean <= acsa < 1.0
    output = tmp_path / "quickstart_output"
    report = (output / "report.md").read_text()
    assert f"Command: `{command}`" in report
    assert all(row in report.splitlines() for row in rows)
    assert (output / "samples.png").stat().st_size > 5000
    version = output / "saved_model" / "gamo_digits" / "1"
    assert (version / "saved_model.pb").is_file()
    card = load_card(version)
    assert card["seed"] == 0 and card["steps"] == 600
