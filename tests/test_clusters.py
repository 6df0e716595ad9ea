"""`compare` on Dask and on Ray: two workers on this machine, and what one loses.

Neither is among the packages of the tests: `pip install -e ".[dask,ray]"`.
"""

import contextlib
import importlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedKFold

from kerasos.evaluation import compare
from kerasos.evaluation.compare import plan
from kerasos.evaluation.compare.plan import COLUMNS, ROWS_FILE
from kerasos.evaluation.compare.result_rows import read_rows
from kerasos.over_sampling import DeepOverSampler

ENGINES = {"dask": "distributed", "ray": "ray"}
FOLDS = StratifiedKFold(3, shuffle=True, random_state=1)
TIMED = ["resample_seconds", "fit_seconds"]


def on_dask():
    import dask
    from dask.distributed import Client, LocalCluster

    stack = contextlib.ExitStack()
    # One death is enough to give a task up, so that the test need not wait for four.
    settings = {"distributed.scheduler.allowed-failures": 0}
    stack.enter_context(dask.config.set(settings))
    cluster = stack.enter_context(
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    )
    stack.enter_context(Client(cluster))
    return stack


def on_ray():
    import ray
    from ray.util.joblib import register_ray

    register_ray()
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_TASK_MAX_RETRIES", "0")
    # Workers are started with it, and they are to find `Sampler`.
    here = str(pathlib.Path(__file__).parent)
    paths = [here, os.environ.get("PYTHONPATH")]
    patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    stack = contextlib.ExitStack()
    stack.callback(patch.undo)
    stack.callback(ray.shutdown)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    return stack


@pytest.fixture(scope="module", params=ENGINES)
def cluster(request):
    """Two workers that run one task each; the name of the backend of joblib."""
    name = request.param
    pytest.importorskip(
        ENGINES[name], reason=f"{name} is not installed (kerasos[{name}])"
    )
    with {"dask": on_dask, "ray": on_ray}[name]():
        yield name


class Sampler(BaseEstimator):
    """Repeats rows; writes down each call, and does worse if told to.

    Args:
        folder: Where it writes.
        dies_without: Kills its process when the training rows lack this one: that is
            in the fold that tests on it.
        fails: Raises an error.
    """

    def __init__(self, folder, dies_without=None, fails=False, random_state=None):
        self.folder = folder
        self.dies_without = dies_without
        self.fails = fails
        self.random_state = random_state

    def fit_resample(self, X, y):
        folder = pathlib.Path(self.folder)
        threads = os.environ.get("TF_NUM_INTRAOP_THREADS")
        with open(folder / "calls.txt", "a") as file:
            file.write(f"{os.getpid()} {threads}\n")
        with contextlib.suppress(FileNotFoundError):
            os.rename(folder / "kill_one", folder / "killed")
            os.kill(os.getpid(), signal.SIGKILL)
        deadly = (folder / "kill_always").exists()
        if deadly and self.dies_without not in list(X["row"]):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fails:
            raise ValueError("the sampler is broken")
        rare = np.flatnonzero(y == "yes")
        rows = np.concatenate([np.arange(len(y)), rare])
        return X.iloc[rows].reset_index(drop=True), np.asarray(y)[rows]

    def calls(self):
        path = pathlib.Path(self.folder) / "calls.txt"
        return path.read_text().split("\n")[:-1] if path.exists() else []


def table():
    rng = np.random.default_rng(0)
    y = np.repeat(["no", "yes"], [60, 18])
    frame = pd.DataFrame({"row": np.arange(78.0), "size": rng.normal(size=78)})
    frame["size"] += 1.2 * (y == "yes")
    return frame, y


def run(methods, **options):
    options = {"cv": FOLDS, "verbose": 0, **options}
    return compare(*table(), methods, ["logistic_regression"], **options)


def assert_same_rows(one, other):
    pd.testing.assert_frame_equal(
        one.drop(columns=TIMED), other.drop(columns=TIMED), check_exact=True
    )


@pytest.mark.slow  # reason: workers load TensorFlow, and those after them
def test_a_cluster_gives_the_rows_of_one_job_whoever_dies(cluster, tmp_path):
    # A network, imbalanced-learn and a search for a threshold that would itself be
    # run at once.
    methods = {name: name for name in ("smote", "threshold")}
    methods["cvae"] = DeepOverSampler("cvae", epochs=2)
    here = Sampler(str(tmp_path / "here"))
    there = Sampler(str(tmp_path / "there"))
    for sampler in (here, there):
        pathlib.Path(sampler.folder).mkdir()
    expected = run({**methods, "own": here})
    (tmp_path / "there" / "kill_one").touch()
    output = tmp_path / "output"
    with joblib.parallel_config(cluster):
        # Dies once, in the middle: run again, and so is nothing else that had ended.
        found = run({**methods, "own": there}, output_dir=output)
    assert (tmp_path / "there" / "killed").exists()
    configs = ["config"]  # the folder of the sampler is in it
    assert_same_rows(
        found.rows.drop(columns=configs), expected.rows.drop(columns=configs)
    )
    assert len(read_rows(output / ROWS_FILE, COLUMNS)) == 3 * 5
    processes = {call.split()[0] for call in there.calls()}
    assert str(os.getpid()) not in processes and len(there.calls()) == 4
    assert {call.split()[1] for call in there.calls()} == {"1"}  # threads of each


@pytest.mark.slow  # reason: workers load TensorFlow, and those after them
def test_a_part_that_kills_its_workers_loses_itself_alone(cluster, tmp_path):
    _, test = next(FOLDS.split(*table()))
    sampler = Sampler(str(tmp_path), dies_without=float(test[0]))
    (tmp_path / "kill_always").touch()
    with joblib.parallel_config(cluster):
        with pytest.raises(RuntimeError, match="1 of 6 parts .* fold 0, .*'own'"):
            run({"own": sampler}, output_dir=tmp_path)
    kept = read_rows(tmp_path / ROWS_FILE, COLUMNS)
    assert sorted((row["fold"], row["method"]) for row in kept) == [
        *(("0", "none"), ("1", "none"), ("1", "own"), ("2", "none"), ("2", "own")),
    ]
    (tmp_path / "kill_always").unlink()
    before = len(sampler.calls())
    with joblib.parallel_config(cluster):
        again = run({"own": sampler}, output_dir=tmp_path)
    assert len(sampler.calls()) == before + 1  # what was missing
    assert_same_rows(again.rows, run({"own": sampler}).rows)


@pytest.mark.slow  # reason: beside the two above, whose workers it takes
def test_an_error_in_a_worker_comes_as_it_is(cluster, tmp_path, monkeypatch):
    with joblib.parallel_config(cluster):
        with pytest.raises(ValueError, match="the sampler is broken") as raised:
            run({"own": Sampler(str(tmp_path), fails=True)})
        assert "In fold" in raised.value.__notes__[0]
        # A worker that has something else installed is found out by its first row.
        monkeypatch.setattr(plan, "versions", lambda: "kerasos 99")
        with pytest.raises(RuntimeError, match="Expected kerasos 99. Received: kera"):
            run(["random"])


def address_of(cluster):
    """What `--cluster` is told, and what the environment must say."""
    if cluster == "dask":
        return importlib.import_module("distributed").default_client().scheduler.address
    return "ray"


@pytest.mark.slow  # reason: a script, and a process that loads TensorFlow for each cell
def test_the_benchmarks_run_on_a_cluster(cluster, tmp_path):
    script = pathlib.Path(__file__).parents[1] / "benchmarks" / "reproduce.py"
    command = [sys.executable, str(script), f"--output_dir={tmp_path}", "--paper=trial"]
    command += ["--table=gamo", "--repeats=0", "--methods=none,smote", "--budget=0.05"]
    command += [f"--cluster={address_of(cluster)}"]
    paths = [str(script.parents[1]), os.environ.get("PYTHONPATH")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    if cluster == "ray":
        context = importlib.import_module("ray").get_runtime_context()
        env["RAY_ADDRESS"] = context.gcs_address
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    first = subprocess.run(command, env=env, timeout=500, **pipes)
    assert first.returncode == 0, first.stdout[-3000:]
    found = pd.read_csv(tmp_path / "reproduce.csv")
    assert set(found.method) == {"Baseline CN", "SMOTE+CN"} and set(found.steps) == {6}
    assert not found.duplicated(["method", "metric"]).any()
    # Not the share of a worker: what `--threads` says, here all.
    assert found.note.str.contains("threads=all").all()
    again = subprocess.run(command, env=env, timeout=500, **pipes)
    assert again.returncode == 0 and "0.00/0" in again.stdout, again.stdout[-3000:]


def worker_of_ray(marker):
    """The number of a process that Ray started for a script with this environment."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_worker = b"RayTrainWorker" in (folder / "cmdline").read_bytes()
            if is_worker and marker.encode() in (folder / "environ").read_bytes():
                return int(folder.name)
    return None


def run_ray_train(folder, epochs, kill_one):
    """Runs the example, and kills a worker once; returns what was printed."""
    script = pathlib.Path(__file__).parents[1] / "examples" / "train_ray.py"
    paths = [str(script.parents[1]), os.environ.get("PYTHONPATH")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    env["KERASOS_TEST"] = str(folder)
    env.pop("TF_CONFIG", None)
    folder.mkdir()
    options = [f"--output_dir={folder}", f"--epochs={epochs}"]
    with open(folder / "log.txt", "w") as log:
        running = subprocess.Popen(
            [sys.executable, str(script), *options], env=env, stdout=log, stderr=log
        )
    try:
        while kill_one and not list(folder.glob("backup/epoch_*.weights.h5")):
            assert running.poll() is None
            time.sleep(0.02)
        if kill_one:
            os.kill(worker_of_ray(str(folder)), signal.SIGKILL)
        code, text = running.wait(timeout=900), (folder / "log.txt").read_text()
    finally:
        running.terminate()
        running.wait()
    assert code == 0, text[-3000:]
    return text


@pytest.mark.slow  # reason: a script that starts two processes, three times
@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker in /proc")
def test_ray_train_starts_again_and_ends_where_an_unbroken_run_does(tmp_path):
    pytest.importorskip("ray", reason="ray is not installed (kerasos[ray])")
    epochs, begun = 5, "Started training worker group of size 2"
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    assert run_ray_train(unbroken, epochs, False).count(begun) == 1
    assert run_ray_train(broken, epochs, True).count(begun) == 2  # all again
    one, other = (
        keras.saving.load_model(folder / "model.keras") for folder in (unbroken, broken)
    )
    steps = epochs * (sum(one.spec.class_counts) // 64)
    assert one.steps_done.numpy() == other.steps_done.numpy() == steps
    for first, second in zip(one.variables, other.variables, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy(), first.path)
