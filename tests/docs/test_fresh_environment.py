"""A newcomer's way through the site, in a fresh environment: install, and type.

Blocks are read out of the pages and run as they stand, each in a process of its own,
in a folder that was empty. `test_guides.py` runs all of them, in the environment of the
tests; here the way from `pip install` to a compared and a balanced CSV file, a balanced
folder and a served generator has to need nothing else.

pip finds what `setup.py` asks for, and what that asks for, already there: links to the
packages of the tests' own environment, and to no other package of it. To unpack them
again takes a minute and a half, and `.ci/run` does it.
"""

import importlib.metadata
import json
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import setuptools
from markdown_blocks import all_blocks
from packaging.requirements import Requirement
from PIL import Image

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
# What may be set here and is not where a newcomer sits; threads of OpenMP stay one
# each where `conftest.py` says so, as they would wait for those of other processes.
OURS = re.compile("PYTHON(?!UNBUFFERED)|VIRTUAL_ENV|KERAS|TF_|PYTEST|COVERAGE")
# Behind the page's own question to the served model.
LOOKED_AT = """
import importlib.util, json
assert importlib.util.find_spec("kerasos") is None
print(json.dumps(out["samples"].numpy().tolist()))
"""


def step(page, words):
    """Returns language and code of the one block of a page that has `words` in it."""
    text = (DOCS / page).read_text(encoding="utf-8")
    (found,) = [block for block in all_blocks(text) if words in block[1]]
    return found


def index_is_out_of_reach(log):
    """Whether pip failed because it reached no index, by what it printed.

    It warns of each try, and then finds no version at all, or breaks off.
    """
    errors = [line for line in log.splitlines() if line.strip().startswith("ERROR:")]
    nothing = "connection broken by" in log and any(
        "(from versions: none)" in line for line in errors
    )
    return nothing or any("ConnectionPool(" in line for line in errors)


def test_want_of_an_index_is_told_from_other_faults(tmp_path):
    def fails(*options):
        pip = ["pip", "download", "--isolated", "--disable-pip-version-check"]
        pip += ["--no-cache-dir", "--no-deps", "--retries=1", f"--dest={tmp_path}"]
        done = subprocess.run(
            [sys.executable, "-m", *pip, *options, "surely-no-package"],
            env={**os.environ, "no_proxy": "*"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        return done.stdout + done.stderr

    assert index_is_out_of_reach(fails("--index-url=http://127.0.0.1:9/simple"))
    assert not index_is_out_of_reach(fails("--no-index", f"--find-links={tmp_path}"))


def installed(requirements):
    """Finds what `requirements` bring, of what is installed here.

    Args:
        requirements: List of strings, as in `install_requires`.

    Returns:
        Values of `importlib.metadata.Distribution`, each once.
    """
    found, seen = {}, set()
    open_ones = [(text, "") for text in requirements]
    while open_ones:
        text, extra = open_ones.pop()
        need = Requirement(text)
        if need.marker and not need.marker.evaluate({"extra": extra}):
            continue
        try:
            distribution = importlib.metadata.distribution(need.name)
        except importlib.metadata.PackageNotFoundError:
            continue  # pip looks for it in its index
        found[distribution.name] = distribution
        asked = {(distribution.name, extra) for extra in ("", *need.extras)} - seen
        seen |= asked
        more = distribution.requires or ()
        open_ones += [(text, extra) for _, extra in asked for text in more]
    return found.values()


def link(distribution, folder):
    """Links packages and modules of a distribution, and what pip knows of it."""
    place = pathlib.Path(distribution.locate_file(""))
    names = set()
    for line in distribution.read_text("RECORD").splitlines():
        first, *rest = line.partition(",")[0].strip('"').split("/")
        if first in ("..", "__pycache__"):
            continue
        # Another distribution may have a part of a folder that is no package.
        alone = not rest or (place / first / "__init__.py").exists()
        names.add(first if alone else f"{first}/{rest[0]}")
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(place / name)


class Newcomer:
    """Types what pages say, in a folder, with a copy of the project beside it."""

    def __init__(self, place, requirements):
        self.copy, self.folder = place / "project", place / "work"
        self.folder.mkdir()
        self.environment = {k: v for k, v in os.environ.items() if not OURS.match(k)}
        packages = place / "packages"
        packages.mkdir()
        for distribution in installed(requirements):
            link(distribution, packages)
        self.environment["PYTHONPATH"] = str(packages)
        made = (".*", "__pycache__", "*.egg-info", "build", "dist", "generated")
        shutil.copytree(ROOT, self.copy, ignore=shutil.ignore_patterns(*made))

    def install(self, code):
        """Runs the page's lines in the copy; they make the environment `.venv`."""
        done = self._run(["bash", "-ec", code], self.copy)
        log = done.stdout + done.stderr
        if done.returncode and index_is_out_of_reach(log):
            last = [line for line in log.splitlines() if "ERROR:" in line][-1]
            pytest.skip(f"pip reaches no index of packages: {last.strip()}")
        assert done.returncode == 0, log[-3000:]
        programs = self.copy / ".venv" / "bin"
        self.environment["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"

    def types(self, language, code):
        """Runs a block; returns what it printed."""
        typed = ["bash", "-ec", code] if language == "bash" else ["python", "-c", code]
        # Looked up here: `subprocess` would look in this process's own PATH.
        typed[0] = shutil.which(typed[0], path=self.environment["PATH"])
        done = self._run(typed, self.folder)
        assert done.returncode == 0, f"{code}\n{done.stderr[-3000:]}"
        return done.stdout

    def _run(self, command, folder):
        return subprocess.run(
            command,
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
        )


@pytest.fixture
def newcomer(tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(setuptools, "setup", asked.update)
    runpy.run_path(str(ROOT / "setup.py"))
    yield Newcomer(tmp_path, asked["install_requires"])
    shutil.rmtree(tmp_path / "project")  # pytest would keep its environment


@pytest.mark.skipif(sys.platform == "win32", reason="types into a shell of Unix")
@pytest.mark.slow(reason="starts TensorFlow eight times")
def test_from_pip_install_to_a_served_generator(newcomer):
    newcomer.install(step("start.md", "pip install -e .\n")[1])

    newcomer.types(*step("guides/csv.md", "to_csv"))
    verdict = newcomer.types(*step("guides/csv.md", "kerasos compare")).splitlines()[0]
    check_compared(newcomer.folder, verdict)
    newcomer.types(*step("guides/csv.md", "kerasos balance"))
    check_balanced(newcomer.folder)

    newcomer.types(*step("guides/images.md", "write_image_folder"))
    newcomer.types(*step("guides/images.md", "kerasos balance-images"))
    check_filled_up(newcomer.folder)

    newcomer.types(*step("guides/serving.md", "kerasos export"))
    # The server is another machine.
    newcomer.types("bash", "pip uninstall --yes kerasos")
    language, code = step("guides/serving.md", "saved_model.load")
    told, samples = newcomer.types(language, code + LOOKED_AT).splitlines()
    assert told == "(3, 8, 8, 1) <dtype: 'uint8'>"
    check_digits(np.array(json.loads(samples)))


def check_compared(folder, verdict):
    assert verdict.startswith("Ship ") and len(verdict) > 100
    shipped = verdict[: verdict.index(":")]
    assert f"**{shipped}**" in (folder / "comparison/report.md").read_text()
    page = (folder / "comparison/report.html").read_text()
    assert shipped in page and "<svg" in page
    rows = pd.read_csv(folder / "comparison/rows.csv")
    assert rows.groupby("method").size().to_dict() == {
        name: 25 for name in ("none", "class_weights", "threshold", "smote")
    }
    assert rows["balanced_accuracy"].between(0.5, 1).all()


def check_balanced(folder):
    real = (folder / "train.csv").read_text().splitlines()
    lines = (folder / "train_balanced.csv").read_text().splitlines()
    assert lines[: len(real)] == [
        f"{line},{0 if index else 'is_synthetic'}" for index, line in enumerate(real)
    ]
    table = pd.read_csv(folder / "train_balanced.csv")
    assert table.groupby(["diagnosis", "is_synthetic"]).size().to_dict() == {
        ("benign", 0): 249,
        ("malignant", 0): 21,
        ("malignant", 1): 228,
    }
    # Rows of that class: malignant tumours are larger.
    radius = table.groupby(["diagnosis", "is_synthetic"])["mean radius"].mean()
    assert radius["malignant", 1] > (radius["benign", 0] + radius["malignant", 0]) / 2
    assert "| malignant | 21 | 228 |" in (folder / "train_balanced.md").read_text()


def check_filled_up(folder):
    made = sorted((folder / "parts_generated").glob("*/*.png"))
    classes = [path.parent.name for path in made]
    counts = {name: classes.count(name) for name in set(classes)}
    assert counts == {"scratch": 14, "crack": 22, "hole": 24}
    for path in made:
        with Image.open(path) as image:
            picture = np.asarray(image, float)
        assert picture.shape == (16, 16, 3)
        # A part on a darker or lighter ground, and not grey all over.
        assert picture.std(axis=(0, 1)).max() > 10, path
    index = pd.read_csv(folder / "parts_generated/index.csv")
    assert sorted(folder / "parts_generated" / name for name in index["file"]) == made
    with Image.open(folder / "parts_generated/samples.png") as image:
        assert min(image.size) > 200


def check_digits(samples):
    assert samples.shape == (3, 8, 8, 1) and 0 <= samples.min() < samples.max() <= 255
    assert (samples.std(axis=(1, 2, 3)) > 10).all()
    assert len({sample.tobytes() for sample in samples}) == 3
