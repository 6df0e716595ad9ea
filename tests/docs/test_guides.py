"""The guides' code, run as it stands, a page after the other."""

import os
import pathlib
import re
import runpy
import shlex
import subprocess
import warnings

import forked
import pytest
import setuptools
from markdown_blocks import all_blocks, blocks, commands

from kerasos.command.main import main

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = [DOCS / "start.md", *sorted((DOCS / "guides").glob("*.md"))]
PAGES = [*DOCS.glob("*.md"), *(DOCS / "guides").glob("*.md")]
# Pages whose Python is run in a process of its own, with a look at what it made: two
# strategies cannot train different models in one.
ALONE = {"devices": "\nassert int(model.steps_done) == 2 * (len(x) // 64)\n"}
EXTRAS = re.compile(r"\.(?:\[(\w+)\])?")


def text_of(page):
    return page.read_text(encoding="utf-8")


def ids(page):
    return page.stem


@pytest.mark.parametrize("page", GUIDES, ids=ids)
def test_code_is_of_a_kind_that_is_run(page):
    fences = re.findall(r"^```(\S*)", text_of(page), re.M)
    languages = {fence for fence in fences if fence and not fence.startswith("{")}
    assert languages <= {"bash", "python"}
    for code in blocks(text_of(page), "python"):
        compile(code, page.name, "exec")


@pytest.mark.parametrize("page", GUIDES, ids=ids)
def test_commands_are_known(page, monkeypatch):
    given = {}
    monkeypatch.setattr(setuptools, "setup", given.update)
    runpy.run_path(str(ROOT / "setup.py"))
    for command in commands(text_of(page)):
        program, *arguments = shlex.split(command)
        if program == "pip":
            assert arguments[0] == "install", command
            if arguments[1] != "tensorflow[and-cuda]":
                assert arguments[1] == "-e"
                extra = EXTRAS.fullmatch(arguments[2])[1]
                assert extra is None or extra in given["extras_require"]
        elif arguments[:2] == ["-m", "venv"] or program == "source":
            assert command in ("python -m venv .venv", "source .venv/bin/activate")
        elif program == "python":
            script, *flags = arguments
            source = (ROOT / script).read_text() + text_of(ROOT / "examples/common.py")
            for flag in flags:
                name = flag.lstrip("-").partition("=")[0]
                assert f'"{name}"' in source, command
        else:
            assert program == "kerasos", command


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        path = page.parent / target.partition("#")[0]
        # What a build makes is looked at in the built pages.
        if not target.startswith("http") and DOCS / "generated" not in path.parents:
            assert path.resolve().exists() or "generated" in path.parts, target


@pytest.mark.slow(reason="trains and compares what the guides do, half a minute a page")
@pytest.mark.parametrize("page", GUIDES, ids=ids)
def test_a_guide_runs(page, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    if page.stem in ALONE:
        code = "\n".join(blocks(text_of(page), "python")) + ALONE[page.stem]
        subprocess.run([forked.python(), "-c", code], check=True)
        return
    namespace = {"__name__": page.stem}
    for language, code in all_blocks(text_of(page)):
        if language == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # as a user's Python has it
                exec(compile(code, page.name, "exec"), namespace)
        for command in commands(f"```bash\n{code}```\n") if language == "bash" else ():
            program, *arguments = shlex.split(command)
            if program == "kerasos":
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    assert main(arguments) == 0, command
    check(page.stem, namespace, tmp_path, capfd.readouterr().out)


def check(name, found, folder, printed):
    """Looks at what a guide says that it makes."""
    if name == "start":
        assert found["images"].shape == (100, 8, 8, 1)
        assert (folder / "comparison/report.html").stat().st_size > 10_000
    elif name == "csv":
        lines = (folder / "train_balanced.csv").read_text().splitlines()
        real = (folder / "train.csv").read_text().splitlines()
        assert [line.rpartition(",")[0] for line in lines[: len(real)]] == real
        assert sum(",malignant," in line for line in lines) == sum(
            ",benign," in line for line in lines
        )
        assert len((folder / "malignant.csv").read_text().splitlines()) == 51
    elif name == "images":
        made = sorted((folder / "parts_generated").glob("*/*.png"))
        counts = {c: sum(p.parent.name == c for p in made) for c in found["names"]}
        assert counts == {"good": 0, "scratch": 14, "crack": 22, "hole": 24}
        assert found["classifier"].predict(found["pictures"][:3]).shape == (3,)
    elif name == "pipeline":
        counts = found["target_res"].value_counts()
        assert set(counts) == {71} and len(found["generated"]) == 3 * 71 - 138
        assert set(found["search"].best_params_) == {
            "deepoversampler__method_params__width",
            "deepoversampler__sampling_strategy",
        }
    elif name == "serving":
        assert found["out"]["samples"].shape == (3, 8, 8, 1)
        assert found["card"]["method"] == "cvae"
    elif name == "calibration":
        plain, balanced, corrected = (
            found["scores"](model)["mean probability"]
            for model in (found["plain"], found["balanced"], found["corrected"])
        )
        assert balanced > 2 * plain and corrected < balanced
        assert found["moved"].classes_.tolist() == [0, 1]
    elif name == "privacy":
        summary = found["worst"].to_frame().reset_index().set_index("measure")
        assert summary.loc["copies", "synthetic"] == 1.0
        assert str(found["report"].findings) in printed
    elif name == "when_not":
        assert found["result"].verdict in printed
