"""Several processes train one model, and end where one process does."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

sys.path.append(str(pathlib.Path(__file__).parent / "contract"))

from contract_runs import NETWORKS, compile_plain, fit_plain

from kerasos.workers import is_chief

HERE = pathlib.Path(__file__).parent
FEW = ("gamo-dense", "cvae-rows", "acgan-rows", "bagan-rows")
SMALLEST = [case for case in NETWORKS if case.jit or case.id in FEW]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def run_workers(folder, *names, count=2):
    """Trains in processes of their own; returns `{name: [one dict a worker]}`."""
    ports = ",".join(map(str, free_ports(count)))
    paths = [HERE.parent, HERE, HERE / "contract", os.environ.get("PYTHONPATH")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, filter(None, paths)))}
    env.pop("TF_CONFIG", None)
    script = [sys.executable, str(HERE / "worker_runs.py")]
    workers = [
        subprocess.Popen(
            [*script, str(index), ports, str(folder), *names],
            env=env,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]
    errors = [worker.communicate(timeout=900)[1] for worker in workers]
    codes = [worker.returncode for worker in workers]
    assert codes == [0] * count, "\n".join(error[-1500:] for error in errors)
    names = [name.removeprefix("backup:") for name in names]
    names = ["_".join(reversed(name.split(":"))) for name in names]
    return {
        name: [dict(np.load(folder / f"{name}_{i}.npz")) for i in range(count)]
        for name in names
    }


def weights_of(found):
    return [found[f"weight_{i}"] for i in range(sum("weight" in key for key in found))]


def assert_equal_one_process(cases, folder):
    found = run_workers(folder, *(case.id for case in cases))
    for case in cases:
        model = case.build()
        compile_plain(model, case)
        before = [v.numpy() for v in model.trainable_variables]
        fit_plain(model, case)
        first, second = found[case.id]
        for name in first:
            np.testing.assert_array_equal(first[name], second[name], case.id)
        for one, start, worker in zip(
            model.trainable_variables, before, weights_of(first), strict=True
        ):
            moved = np.abs(one.numpy() - start).max()
            difference = np.abs(one.numpy() - worker).max()
            assert difference <= 1e-6 + 1e-3 * moved, (case.id, one.path)


@pytest.mark.slow  # reason: two processes import TensorFlow and train four models
def test_two_workers_train_as_one_process(tmp_path):
    assert_equal_one_process([c for c in NETWORKS if c.id in FEW], tmp_path)


@pytest.mark.slow  # reason: two processes train every method
def test_two_workers_train_every_other_method_as_one_process(tmp_path):
    assert_equal_one_process([c for c in SMALLEST if c.id not in FEW], tmp_path)


@pytest.mark.slow  # reason: two processes, started twice, one after the other
def test_workers_go_on_from_what_the_first_one_saved(tmp_path):
    unbroken, resumed = tmp_path / "unbroken", tmp_path / "resumed"
    unbroken.mkdir()
    resumed.mkdir()
    whole = run_workers(unbroken, "backup:4:cvae-rows")["cvae-rows_4"]
    run_workers(resumed, "backup:2:cvae-rows")
    names = sorted(path.name for path in (resumed / "backup").iterdir())
    assert names == ["epoch_000002.weights.h5"]
    second = run_workers(resumed, "backup:4:cvae-rows")["cvae-rows_4"]
    for one, other in zip(whole, second, strict=True):
        for a, b in zip(weights_of(one), weights_of(other), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("task", "others", "expected"),
    [
        (("worker", 0), {}, True),
        (("worker", 1), {}, False),
        (("chief", 0), {"chief": ["h:1"]}, True),
        (("worker", 0), {"chief": ["h:1"]}, False),
        (("evaluator", 0), {}, False),
    ],
)
def test_the_chief_is_the_first_worker_or_the_one_named_so(
    task, others, expected, monkeypatch
):
    cluster = {"worker": ["h:2", "h:3"], **others}
    config = {
        "cluster": cluster,
        "task": dict(zip(("type", "index"), task, strict=True)),
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert is_chief() is expected
    monkeypatch.delenv("TF_CONFIG")
    assert is_chief() is True


@pytest.mark.slow  # reason: a script that starts two processes, which train and export
def test_the_example_trains_in_two_workers_and_exports_once(tmp_path):
    script = [sys.executable, str(HERE.parent / "examples" / "train_workers.py")]
    env = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    env.pop("TF_CONFIG", None)
    options = ["--workers=2", "--smoke", f"--output_dir={tmp_path}"]
    ended = subprocess.run(
        [*script, *options], env=env, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.count("acsa ") == 1  # the first worker alone
    written = {path.name for path in tmp_path.iterdir()}
    assert {"history.csv", "model.keras", "saved_model", "backup"} <= written
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert model.is_trained and model.sample([1, 2], seed=0).shape == (2, 8, 8, 1)
    (served,) = (tmp_path / "saved_model").glob("*/*/saved_model.pb")
    assert served.is_file()
