"""Files of strangers load in Keras's safe mode: what would run code is refused."""

import ast
import io
import json
import pathlib
import pickle
import zipfile

import keras
import numpy as np
import pytest

import kerasos.data

ROOT = pathlib.Path(__file__).parents[1]
SAVED = ROOT / "tests" / "data" / "saved" / "cvae.keras"


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def crafted(path, change=lambda config: None, **parts):
    """Writes the saved model with another config, and parts of the archive."""
    with zipfile.ZipFile(SAVED) as old, zipfile.ZipFile(path, "w") as new:
        config = json.loads(old.read("config.json"))
        change(config)
        parts["config.json"] = json.dumps(config)
        for name in {*old.namelist(), *parts}:
            if parts.get(name, b"") is not None:
                new.writestr(name, parts.get(name) or old.read(name))
    return path


def last_layer(config):
    return config["config"]["decoder"]["config"]["layers"][-1]


def as_layer(module, kind, /, **options):
    """Puts something else in the place of a layer."""

    def change(config):
        layer = last_layer(config)
        given = {"name": layer["name"], **options}
        layer.update(module=module, class_name=kind, registered_name=None, config=given)

    return change


def as_lambda(config):
    layer = keras.layers.Lambda(lambda x: x)
    made = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    as_layer("keras.layers", "Lambda", **made["config"])(config)
    last_layer(config)["config"]["name"] = last_layer(config)["name"]


def as_activation(config):
    for layer in config["config"]["decoder"]["config"]["layers"]:
        if "activation" in layer["config"]:
            call = {"module": "os", "class_name": "function", "config": "system"}
            layer["config"]["activation"] = {**call, "registered_name": "system"}


def as_optimizer(config):
    name = next(iter(config["compile_config"]))
    call = {"module": "os", "class_name": "system", "config": {"command": "true"}}
    config["compile_config"][name] = {**call, "registered_name": None}


def as_model(config):
    config.update(module="os", class_name="system", registered_name=None)


PATH = "{path}"  # what must not be written
CALLS = {
    "lambda": as_lambda,
    "function of os": as_layer("os", "system", command=f"touch {PATH}"),
    "class of the standard library": as_layer("subprocess", "Popen", args=["true"]),
    "eval": as_layer("builtins", "eval", source="1"),
    "download by Keras": as_layer("keras.utils", "get_file", origin=f"file://{PATH}"),
    "our own writer": as_layer("kerasos.files", "write_arrays", path=PATH, arrays={}),
    "a module of ours": as_layer("kerasos.data.datasets", "os"),
    "activation": as_activation,
    "optimizer": as_optimizer,
    "the model itself": as_model,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_config_that_names_code_is_refused(name, tmp_path):
    target = tmp_path / "written"

    def change(config):
        CALLS[name](config)
        text = json.dumps(config).replace(PATH, str(target))
        config.update(json.loads(text))

    path = crafted(tmp_path / "model.keras", change)
    words = "deseriali|Could not locate class|Lambda"
    for load in (keras.models.load_model, keras.saving.load_model):
        with pytest.raises((TypeError, ValueError), match=words):
            load(path)
    assert not target.exists()


def test_a_lambda_loads_only_if_its_reader_asks_for_danger(tmp_path):
    layers = [keras.Input((2,)), keras.layers.Lambda(lambda x: 3 * x)]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="Python lambda.*arbitrary code"):
        keras.saving.load_model(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_array_equal(loaded(np.ones((1, 2))), [[3, 3]])


def test_pickles_among_the_weights_are_not_opened(tmp_path):
    target, file = tmp_path / "written", io.BytesIO()
    objects = np.array([Payload(target)], object)
    np.savez(file, **{"_decoder": objects, "decoder": objects, "vars": objects})
    path = crafted(
        tmp_path / "model.keras",
        **{"model.weights.npz": file.getvalue(), "model.weights.h5": None},
    )
    with pytest.raises(ValueError):
        keras.saving.load_model(path)
    assert not target.exists()
    # It does write once somebody opens it.
    np.load(io.BytesIO(file.getvalue()), allow_pickle=True)["vars"]
    assert target.exists()


def test_pickles_instead_of_a_file_are_not_opened(tmp_path):
    target = tmp_path / "written"
    for name in ("model.keras", "model.npz", "model.csv"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Payload(target)))
        load = keras.saving.load_model if name == "model.keras" else kerasos.data.load
        with pytest.raises(ValueError):
            load(path)
    assert not target.exists()


SCRIPTS = [
    path
    for folder in ("kerasos", "examples", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
]


# The commands read the table models that `kerasos train` writes; SECURITY.md and the
# help texts say to load none of a stranger's.
READS_PICKLES = ROOT / "kerasos" / "command" / "saved.py"


def test_nothing_of_ours_asks_for_danger():
    assert len(SCRIPTS) > 150
    modules = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
    for path in SCRIPTS:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert "unsafe_deserialization" not in name, path
                assert name not in ("eval", "exec"), (path, name)
                assert name != "joblib.load" or path == READS_PICKLES, path
                for keyword in node.keywords:
                    if keyword.arg in ("safe_mode", "allow_pickle"):
                        safe = ast.unparse(keyword.value)
                        expected = {"safe_mode": "True", "allow_pickle": "False"}
                        assert safe == expected[keyword.arg], path
            if isinstance(node, ast.Import):
                assert not modules & {alias.name for alias in node.names}, path
            if isinstance(node, ast.ImportFrom):
                assert node.module not in modules, path
