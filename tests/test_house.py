"""The plan of the package: chapters that stand alone, shared files with tenants."""

import ast
import pathlib

import pytest

import kerasos
from kerasos.randomness.draws import StepNoise

PACKAGE = pathlib.Path(kerasos.__file__).parent
METHODS = [
    cls
    for cls in map(kerasos.get_method, kerasos.list_methods())
    if issubclass(cls, kerasos.OversamplingModel)
]


def imports(path):
    """Dotted names that a file takes from the package, at its top or inside."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("kerasos"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


IMPORTS = {path: imports(path) for path in PACKAGE.rglob("*.py")}
CHAPTERS = [
    folder
    for folder in (PACKAGE / "methods").iterdir()
    if (folder / "__init__.py").exists() and folder.name != "shared"
]


def dotted(path):
    return ".".join(("kerasos", *path.relative_to(PACKAGE).with_suffix("").parts))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda folder: folder.name)
def test_a_chapter_imports_no_other(chapter):
    others = [f"kerasos.methods.{c.name}." for c in CHAPTERS if c != chapter]
    for path in chapter.glob("*.py"):
        for name in IMPORTS[path]:
            assert not name.startswith(tuple(others)), (path.name, name)


def test_what_methods_are_built_of_does_not_know_what_is_built_on_them():
    above = ("kerasos.over_sampling", "kerasos.evaluation", "kerasos.callbacks")
    for path in (PACKAGE / "methods").rglob("*.py"):
        assert not any(name.startswith(above) for name in IMPORTS[path]), path
    for part in ("networks", "losses", "randomness", "tables"):
        for path in (PACKAGE / part).glob("*.py"):
            below = (*above, "kerasos.methods", "kerasos.registry")
            assert not any(name.startswith(below) for name in IMPORTS[path]), path


@pytest.mark.parametrize("room", ["layers", "losses", "networks", "methods/shared"])
def test_a_shared_file_has_two_tenants(room):
    for path in (PACKAGE / room).glob("[!_]*.py"):
        name = dotted(path)
        tenants = {
            user
            for user, names in IMPORTS.items()
            if user != path and any(f"{n}.".startswith(f"{name}.") for n in names)
        }
        assert len(tenants) >= 2, (name, tenants)


@pytest.mark.parametrize("cls", METHODS, ids=lambda cls: cls.method_name)
def test_a_method_has_at_most_four_classes_of_ours_above_noise_and_sampling(cls):
    ours = [c for c in cls.__mro__ if c.__module__.startswith("kerasos.")]
    base = ours.index(kerasos.OversamplingModel)
    assert len(ours[: base + 1]) <= 4, ours
    assert StepNoise in ours[base + 1 :] and len(ours[base + 1 :]) == 2
