"""Fixtures of the contract test, shared by its files: runs, exports, a server."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from contract_runs import Runs

import kerasos


def pytest_collection_modifyitems(items):
    """Tests of one case follow each other, over all files: it is trained once.

    Those of training come first: others call `fit` again on the model they share.
    """
    here = str(pathlib.Path(__file__).parent)
    places = [n for n, item in enumerate(items) if str(item.path).startswith(here)]
    order = {}
    for place in places:
        order.setdefault(_case_id(items[place]), len(order))
    moved = sorted(
        (items[place] for place in places),
        key=lambda item: (order[_case_id(item)], "training" not in item.path.name),
    )
    for place, item in zip(places, moved, strict=True):
        items[place] = item


def _case_id(item):
    callspec = getattr(item, "callspec", None)
    return callspec.params["case"].id if callspec and "case" in callspec.params else ""


SERVER = """
import json, sys
import numpy as np
import tensorflow as tf

loaded = {}
for line in sys.stdin:
    folder, signature, inputs, outputs = json.loads(line)
    if folder not in loaded:
        loaded[folder] = tf.saved_model.load(folder)
    reply = {}
    try:
        with np.load(inputs) as arrays:
            arguments = {name: tf.constant(arrays[name]) for name in arrays}
        result = loaded[folder].signatures[signature](**arguments)
        np.savez(outputs, **{name: value.numpy() for name, value in result.items()})
    except Exception as error:
        reply["error"] = f"{type(error).__name__}: {error}"
    reply["signatures"] = sorted(loaded[folder].signatures)
    reply["modules"] = sorted({name.split(".")[0] for name in sys.modules})
    print(json.dumps(reply), flush=True)
"""


class Server:
    """A process that serves SavedModels and has no reason to know kerasos."""

    def __init__(self, folder):
        self.folder = folder
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        environment["TF_CPP_MIN_LOG_LEVEL"] = "2"
        with open(folder / "errors.txt", "wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=environment,
                text=True,
            )

    def ask(self, version, signature, **inputs):
        paths = [str(self.folder / name) for name in ("in.npz", "out.npz")]
        np.savez(paths[0], **inputs)
        request = [str(version), signature, *paths]
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, (self.folder / "errors.txt").read_text()[-3000:]
        reply = json.loads(line)
        assert "tensorflow" in reply["modules"]
        assert "kerasos" not in reply["modules"]
        self.signatures = reply["signatures"]
        if "error" in reply:
            raise RuntimeError(reply["error"])
        with np.load(paths[1]) as arrays:
            return dict(arrays)

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=60)


@pytest.fixture(autouse=True)
def only_trained_models_generate(monkeypatch):
    monkeypatch.setattr(kerasos.OversamplingModel, "allow_untrained", False)


@pytest.fixture
def dtype_policy():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def noise_of_the_case(case, request):
    """Numbers of a case that XLA compiles are those that XLA draws."""
    if case.jit:
        request.getfixturevalue("same_noise_under_xla")


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("contract"))


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def exported(runs, tmp_path_factory):
    """Returns a function from a case to the model and its version folder."""
    folders = {}

    def export(case):
        model = runs.unbroken(case)["model"]
        if case.id not in folders:
            parent = tmp_path_factory.mktemp("saved_models") / case.method
            folders[case.id] = model.export(parent)
        return model, folders[case.id]

    return export
