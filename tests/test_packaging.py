"""What a user gets from `pip install`: metadata, and a package that loads fast."""

import ast
import importlib
import inspect
import json
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
import tarfile

import pytest
import setuptools

import kerasos

ROOT = pathlib.Path(__file__).parents[1]
# Names of distributions that differ from what they are imported as.
DISTRIBUTIONS = {"absl": "absl-py", "imblearn": "imbalanced-learn"} | {
    "sklearn": "scikit-learn",
    "tensorflow_datasets": "tensorflow-datasets",
    "tensorflow_probability": "tensorflow-probability",
    "tf_keras": "tf-keras",
}
# What a source distribution holds, beside what the build writes.
SDIST = (
    "CHANGELOG.md CITATION.cff CONTRIBUTING.md LICENSE MANIFEST.in README.md "
    "SECURITY.md kerasos kerasos_command.py pyproject.toml setup.py"
).split()
PUBLIC = [
    f"kerasos.{name}"
    for name in ("data", "evaluation", "losses", "metrics", "over_sampling")
]
USED = "from_data sample oversample balanced_dataset export fit_resample".split()
HEAVY = {"matplotlib", "networkx", "pandas", "scipy", *DISTRIBUTIONS} - {"absl"}
NO_COMPILED_FILES = {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}
# Keras itself loads some of them: forgotten, they show up again if kerasos does too.
IMPORT = f"""
import sys, time
import keras
for name in list(sys.modules):
    if name.split(".")[0] in {HEAVY}:
        del sys.modules[name]
before = set(sys.modules)
start = time.process_time()
import kerasos
seconds = time.process_time() - start
print(seconds, *{{name.split(".")[0] for name in set(sys.modules) - before}})
"""


@pytest.fixture(scope="module")
def metadata():
    """The arguments of `setup`."""
    given = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", given.update)
        runpy.run_path(str(ROOT / "setup.py"))
    return given


@pytest.fixture(scope="module")
def imports():
    """Processor seconds of `import kerasos` after keras, and what it loaded.

    With its compiled files, as an installed package has them: the first process
    writes them, even where the environment tells Python not to.
    """
    environment = {k: v for k, v in os.environ.items() if k not in NO_COMPILED_FILES}
    results = []
    for _ in range(3):  # the machine may be busy or its disk cold
        output = subprocess.run(
            [sys.executable, "-c", IMPORT],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        results.append((float(output[0]), set(output[1:])))
        if results[-1][0] < 0.3:
            break
    return min(results)


def names(requirements):
    return {re.match(r"[\w-]+", line).group() for line in requirements}


def test_the_version_is_the_same_everywhere(metadata):
    assert metadata["version"] == kerasos.__version__
    released = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert released.group(1) == kerasos.__version__
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert cited.group(1) == kerasos.__version__


def test_every_import_of_the_package_is_required(metadata):
    used = set()
    for path in (ROOT / "kerasos").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                used.add(node.module.split(".")[0])
    used -= {"kerasos", *sys.stdlib_module_names}
    used = {DISTRIBUTIONS.get(name, name) for name in used}
    assert used <= names(metadata["install_requires"])


def test_the_extras_are_those_promised(metadata):
    assert set(metadata["extras_require"]) == {
        "benchmarks",
        "dask",
        "docs",
        "examples",
        "mlserver",
        "onnx",
        "ray",
        "serving",
        "tensorboard",
        "test",
    }
    assert "pytest" in names(metadata["extras_require"]["test"])


def test_every_folder_with_code_is_a_package(metadata):
    folders = {path.parent for path in (ROOT / "kerasos").rglob("*.py")}
    expected = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert set(metadata["packages"]) == expected


def public_functions():
    """`{where: function}` of the public names, what users call of classes included."""
    found = {}
    for module in (kerasos, *map(importlib.import_module, PUBLIC)):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) and value.__module__.startswith("kerasos."):
                for member in USED:
                    if hasattr(value, member):
                        found[f"{name}.{member}"] = getattr(value, member)
            elif inspect.isfunction(value):
                found[name] = value
    return found


def test_what_users_call_is_annotated():
    functions = public_functions()
    known = {"compare", "GAMO.from_data", "DeepOverSampler.fit_resample"}
    assert known <= functions.keys()
    for where, function in functions.items():
        if not inspect.unwrap(function).__module__.startswith("kerasos."):
            continue  # Keras's or scikit-learn's own
        signature = inspect.signature(function)
        assert signature.return_annotation is not signature.empty, where
        for name in ("x", "X", "y", "labels", "seed", "path"):
            if name in signature.parameters:
                annotation = signature.parameters[name].annotation
                assert annotation is not signature.empty, (where, name)


@pytest.mark.slow(reason="builds, installs, and starts TensorFlow")
def test_the_sdist_installs_and_its_command_works(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in SDIST:
        path = ROOT / name
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, source / name, ignore=ignored)
        else:
            shutil.copy(path, source)
    build = "from setuptools import build_meta; print(build_meta.build_sdist('..'))"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True)
    (archive,) = tmp_path.glob("kerasos-*.tar.gz")
    with tarfile.open(archive) as file:
        inside = {name.partition("/")[2] for name in file.getnames()}
    assert {name for name in SDIST if (ROOT / name).is_file()} <= inside
    assert "kerasos/py.typed" in inside
    assert not any(name.startswith("tests") for name in inside)
    target = tmp_path / "site"
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    command = [sys.executable, "-m", *install, "--target", target, archive]
    subprocess.run(command, check=True)
    assert (target / "kerasos" / "py.typed").is_file()
    doctor = subprocess.run(
        [sys.executable, target / "bin" / "kerasos", "doctor", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(doctor.stdout)
    assert found["versions"]["kerasos"] == kerasos.__version__
    assert found["self_test"]["error"] is None


def test_import_adds_less_than_a_third_of_a_second(imports):
    seconds, _ = imports
    assert seconds < 0.3


def test_import_loads_nothing_heavy(imports):
    _, loaded = imports
    assert "kerasos" in loaded
    assert not loaded & HEAVY
