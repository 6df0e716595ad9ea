"""The README's code, run as it stands."""

import os
import pathlib
import re
import runpy
import shlex
import subprocess
import sys

import pandas as pd
import pytest
import script_module
import setuptools

import kerasos

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def commands():
    """Every command of every bash block, apart from what `&&` joins."""
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    return [command.strip() for line in lines for command in line.split("&&")]


def scripts():
    return [command for command in commands() if command.startswith("python ")]


def test_every_command_is_one_that_is_checked_here():
    known = ("pip install ", "pytest", "python examples/")
    assert commands()
    assert all(command.startswith(known) for command in commands())


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


@pytest.mark.slow(reason="trains GAMO for 40 epochs")
def test_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)
    x, y, x_res = namespace["x"], namespace["y"], namespace["x_res"]
    assert namespace["images"].shape == (100, 8, 8, 1)
    assert (x_res[: len(x)] == x).all() and len(x_res) == 10 * (y == 0).sum()
    assert namespace["out"]["samples"].shape == (3, 8, 8, 1)
    assert set(namespace["result"].rows["method"]) == {"none", "random", "smote"}
    assert (tmp_path / "comparison.html").stat().st_size > 10_000


@pytest.mark.slow(reason="runs the whole quickstart, a minute or more")
@pytest.mark.parametrize("command", scripts())
def test_scripts_run(tmp_path, command):
    # The commands name paths under the root, and write into the folder they run in.
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    python, *arguments = shlex.split(command)
    result = subprocess.run(
        [sys.executable, *arguments],
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
    assert f"Command: `{command}`" in (output / "report.md").read_text()
    assert (output / "samples.png").is_file()
    assert (output / "saved_model" / "gamo_digits" / "1" / "saved_model.pb").is_file()


@pytest.fixture
def summarize():
    with script_module.loaded(ROOT / "benchmarks" / "summarize.py") as module:
        yield module


@pytest.mark.parametrize(
    "name", ["MNIST", "Fashion-MNIST", "ActiveGAN", "Fajardo", "IMSIC"]
)
def test_a_table_of_results_is_that_of_the_stored_rows(name, summarize):
    rows = ROOT / "benchmarks" / "results" / "reproduce.csv"
    section = README.split(f"<!-- table: {name} -->")[1].split("<!-- end -->")[0]
    shown = [line for line in section.splitlines() if line.startswith("|")]
    expected = summarize.lines_of(name, rows, ROOT / "benchmarks" / "published")
    assert shown == expected and len(shown) > 2


def test_a_cell_of_a_grid_is_mean_spread_repeats_and_the_published_figure(
    tmp_path, summarize
):
    rows = pd.read_csv(ROOT / "benchmarks" / "results" / "reproduce.csv", dtype=str)
    rows = rows[rows.paper == "ACTIVEGAN2019"]
    # Two repeats of 90.5 and 92.0: mean 91.25, deviation 1.5 / sqrt(2) = 1.0607.
    kept = rows[(rows.method == "AC-GAN") & (rows.metric == "F_score_pct")]
    first = kept[(kept.setting == "n=500") & (kept.budget == "0.1")].iloc[:2].copy()
    first["mean"] = ["90.5", "92.0"]
    others = kept[kept.setting.isin(["n=1000", "n=5000"])].iloc[:6]
    found = pd.concat([first, others])
    found["part"] = "1/1"  # all that there is of their cells
    found.to_csv(tmp_path / "rows.csv", index=False)
    lines = summarize.grid(
        tmp_path / "rows.csv", ROOT / "benchmarks" / "published", "ActiveGAN"
    )
    assert lines[0] == "| method | budget | MNIST, 500 | MNIST, 1,000 | " + (
        "Fashion-MNIST, 5,000 |"
    )
    assert len(lines) == 3
    assert lines[2].startswith("| AC-GAN | 0.1 | 91.25 ± 1.06 [2] (94.1) | ")


def test_the_table_of_tables_is_that_of_the_stored_summary(summarize):
    results = ROOT / "benchmarks" / "results"
    stored = (results / "tabular.md").read_text("utf-8")
    rows = pd.read_csv(results / "tabular.csv")
    classifiers = rows.classifier.unique()
    pictures = {name: f"tabular_ranks_{name}.png" for name in classifiers}
    with script_module.loaded(ROOT / "benchmarks" / "tabular.py") as tabular:
        assert tabular.markdown(rows, pictures) == stored
    assert all((results / name).is_file() for name in pictures.values())
    section = README.split("<!-- table: tabular -->")[1].split("<!-- end -->")[0]
    shown = [line for line in section.splitlines() if line.startswith("|")]
    expected = summarize.tabular(results / "tabular.md")
    assert shown == [line for line in expected if line.startswith("|")]
    assert rows.table.nunique() == 13 and len(shown) == 2 + rows.method.nunique()
