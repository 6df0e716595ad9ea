"""Several processes train one model, and end where one process does."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import forked
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

sys.path.append(str(pathlib.Path(__file__).parent / "contract"))

from contract_runs import NETWORKS, compile_plain, fit_plain

from kerasos.workers import is_chief, telling_of_lost_workers

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
    script = [forked.python(), str(HERE / "worker_runs.py")]
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


class Placed(tf.distribute.MultiWorkerMirroredStrategy):
    """A strategy of a process that is somewhere in a cluster, and connects to none."""

    def __init__(self, cluster, kind, number):
        self.resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(cluster), task_type=kind, task_id=number
        )

    cluster_resolver = property(lambda self: self.resolver)


@pytest.mark.parametrize(
    ("task", "others", "expected"),
    [
        (("worker", 0), {}, True),
        (("worker", 1), {}, False),
        (("chief", 0), {"chief": ["h:1"]}, True),
        (("worker", 0), {"chief": ["h:1"]}, False),
        (("evaluator", 0), {}, False),
        ((None, None), {}, True),  # without TF_CONFIG
    ],
)
def test_the_chief_is_the_first_worker_or_the_one_named_so(task, others, expected):
    cluster = {"worker": ["h:2", "h:3"], **others}
    assert is_chief(Placed(cluster, *task)) is expected
    assert is_chief(tf.distribute.get_strategy()) is True


def test_a_lost_worker_is_told_by_the_others():
    strategy = Placed({"worker": ["h:2", "h:3"]}, "worker", 1)
    words = r"'h:3'\]}. Received: UnavailableError in worker 1. Start all .* again"
    with pytest.raises(RuntimeError, match=words), telling_of_lost_workers(strategy):
        raise tf.errors.UnavailableError(None, None, "Collective ops is aborted by")
    # What is wrong with the data is no loss, nor is anything without workers.
    for place, error in (
        (strategy, tf.errors.InvalidArgumentError),
        (tf.distribute.get_strategy(), tf.errors.UnavailableError),
    ):
        with pytest.raises(error), telling_of_lost_workers(place):
            raise error(None, None, "something else")


def children_of(process):
    path = f"/proc/{process.pid}/task/{process.pid}/children"
    return [int(number) for number in pathlib.Path(path).read_text().split()]


@pytest.mark.slow  # reason: a script that starts two processes, twice, and exports
@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_the_example_stops_with_a_lost_worker_and_goes_on_from_the_backup(tmp_path):
    script = [str(HERE.parent / "examples" / "train_workers.py")]
    script += ["--workers=2", f"--output_dir={tmp_path}", "--batch_size=256"]
    env = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    env.pop("TF_CONFIG", None)
    pipes = {"env": env, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    # Not forked: the workers have to be children of this process.
    begun = [sys.executable, *script, "--epochs=100000"]
    running = subprocess.Popen(begun, text=True, **pipes)
    pattern, deadline = "backup/epoch_*.weights.h5", time.monotonic() + 300
    while not list(tmp_path.glob(pattern)):
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    os.kill(children_of(running)[1], signal.SIGKILL)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "Worker 1 ended with code -9" in errors and "--resume" in errors

    (saved,) = tmp_path.glob(pattern)
    done = int(re.search(r"epoch_(\d+)", saved.name)[1])
    resumed = [forked.python(), *script, "--resume", f"--epochs={done + 1}"]
    ended = subprocess.run(resumed, text=True, timeout=600, **pipes)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.count("acsa ") == 1  # the first worker alone
    epochs_told = pd.read_csv(tmp_path / "history.csv")["epoch"]
    assert epochs_told.tolist() == list(range(done + 1))
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert model.steps_done.numpy() == (done + 1) * (
        sum(model.spec.class_counts) // 256
    )
    assert model.sample([1, 2], seed=0).shape == (2, 8, 8, 1)
    (served,) = (tmp_path / "saved_model").glob("*/*/saved_model.pb")
    assert served.is_file()
