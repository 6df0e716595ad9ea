"""The harness of the benchmarks: rows, cells, and runs that are killed."""

import contextlib
import dataclasses
import json
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import forked
import numpy as np
import pandas as pd
import pytest
import script_module
from absl import flags

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "benchmarks" / "reproduce.py"
sys.path.append(str(SCRIPT.parent))

from harness import (  # noqa: E402
    cells,
    datasets,
    protocols,
    provenance,
    recipes,
    rows,
    run_cell,
    training,
)
from harness.recipes.gamo import with_loss  # noqa: E402
from harness.recipes.imsic import class_quality  # noqa: E402

import kerasos  # noqa: E402

PUBLISHED = ROOT / "benchmarks" / "published"


def row(cell, metric, value=0.5, **others):
    result = dict.fromkeys(rows.COLUMNS, "")
    result.update(cell=cell, metric=metric, mean=value, **others)
    return result


# Rows.


def test_rows_come_back_as_they_were(tmp_path):
    path = tmp_path / "rows.csv"
    rows.append(path, [row("a", "ACSA", 0.25, method="x, y"), row("a", "GM")])
    rows.append(path, [row("b", "ACSA")])
    found = rows.read(path)
    assert found[["cell", "metric", "part"]].to_numpy().tolist() == [
        ["a", "ACSA", "1/2"],
        ["a", "GM", "2/2"],
        ["b", "ACSA", "1/1"],
    ]
    assert (found["mean"][0], found.method[0]) == ("0.25", "x, y")
    assert rows.finished(path) == {"a", "b"}
    assert rows.read(tmp_path / "none.csv").empty


def test_a_cell_cut_off_at_any_byte_counts_as_not_run(tmp_path):
    path = tmp_path / "rows.csv"
    rows.append(path, [row("a", "ACSA"), row("a", "GM")])
    whole = path.read_bytes()
    rows.append(path, [row("b", "ACSA"), row("b", "GM")])
    both = path.read_bytes()
    for end in range(len(whole), len(both)):
        path.write_bytes(both[:end])
        assert rows.finished(path) == {"a"}, end
        rows.append(path, [row("b", "ACSA"), row("b", "GM")])
        assert len(rows.read(path)) == 4, end
        assert rows.finished(path) == {"a", "b"}, end


def _append_many(path, name):
    for number in range(50):
        cell = f"{name}{number}"
        rows.append(path, [row(cell, metric, "x" * 200) for metric in "abc"])


def test_processes_that_append_at_once_lose_nothing(tmp_path):
    path = tmp_path / "rows.csv"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_many, args=(path, n)) for n in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(rows.read(path)) == 450
    assert path.read_text().count("paper,") == 1


def test_another_table_is_refused(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="must have the columns"):
        rows.read(path)


# Cells and protocols.


def test_every_published_row_has_a_protocol():
    """Tables 1 to 9 of Fajardo et al., and all of the three others'."""
    outputs, methods = set(), set()
    for protocol in protocols.PROTOCOLS:
        for table, setting, metric in protocol.outputs.values():
            key = (protocol.paper, table, protocol.dataset, setting)
            outputs.add((*key, metric.replace("FID_cnn", "FID")))
            methods |= {(*key, method.name) for method in protocol.methods}
    published = rows.published(PUBLISHED)
    # DGC's is compared with, not one of the four papers. The lift is a function of F1;
    # the times of a grid search are not repeated.
    found = published[
        (published.paper != "DGC2020")
        & (published.metric != "lift_pct")
        & (published.method != "Tuned SMOTE")
    ]
    for names, known in (("metric", outputs), ("method", methods)):
        keys = found[["paper", "table", "dataset", "setting", names]]
        assert not set(keys.itertuples(index=False, name=None)) - known


def test_names_of_protocols_and_methods_are_unique():
    names = [protocol.name for protocol in protocols.PROTOCOLS]
    assert len(set(names)) == len(names)
    for protocol in protocols.PROTOCOLS:
        methods = [method.name for method in protocol.methods]
        assert len(set(methods)) == len(methods), protocol.name


def test_later_methods_get_the_steps_of_cvae():
    for protocol, steps in zip(
        protocols.FAJARDO[:3], (45_300, 75_000, 105_000), strict=True
    ):
        methods = {method.name: method for method in protocol.methods}
        for name in ("DeepSMOTE (ours)", "cWAE (ours)"):
            assert methods[name].training["steps"] == steps
        two_stages = methods["two-stage CVAE (ours)"]
        epochs = two_stages.options["vae_epochs"] + two_stages.options["latent_epochs"]
        cvae = methods["CVAE"].training
        assert (epochs, two_stages.training["batch_size"]) == tuple(cvae.values())
        for cell in cells.expand([protocol], [0], methods=list(methods)):
            assert cell.missing is None, cell.label


def test_a_hash_stands_for_what_the_result_depends_on():
    protocol = protocols.TRIAL[0]
    cell = cells.Cell(protocol, protocol.methods[0], 0, 1.0)
    others = [
        dataclasses.replace(cell, repeat=1),
        dataclasses.replace(cell, budget=0.5),
        dataclasses.replace(cell, method=protocol.methods[1]),
        dataclasses.replace(
            cell, protocol=dataclasses.replace(protocol, class_counts=10)
        ),
    ]
    assert len({cell.hash, *(other.hash for other in others)}) == 5
    # Another row of the table, or another repeat in the plan, changes no other cell.
    wider = dataclasses.replace(protocol, methods=protocol.methods[:1], repeats=9)
    assert dataclasses.replace(cell, protocol=wider).hash == cell.hash


def test_all_cells_have_hashes_of_their_own():
    found = cells.expand(protocols.PROTOCOLS)
    assert len({cell.hash for cell in found}) == len(found)


def test_cells_come_repeat_by_repeat():
    found = cells.expand(
        protocols.TRIAL[:1], repeats=[1, 0], methods=["none", "SMOTE+CN"]
    )
    assert [(cell.repeat, cell.method.oversampler) for cell in found] == [
        (0, "none"),
        (0, "smote"),
        (1, "none"),
        (1, "smote"),
    ]


def test_times_are_those_of_cells_like_it():
    protocol = protocols.TRIAL[0]
    cell = cells.Cell(protocol, protocol.methods[0], 5, 0.5)

    def estimated(*found):
        found = pd.DataFrame(found, columns=rows.COLUMNS)
        return cells.estimated_seconds(cell, found)

    assert estimated() is None

    def took(method, name, seconds, budget):
        return row(
            name,
            "ACSA",
            paper="trial",
            dataset="Digits",
            method=method,
            seconds=str(seconds),
            budget=str(budget),
        )

    other = took("SMOTE+CN", "a", 100, 1.0)
    assert estimated(other) is None
    mine = [took("Baseline CN", "b", 30, 1.0), took("Baseline CN", "c", 5, 0.25)]
    assert estimated(other, *mine) == 12.5  # of 15 and 10


def test_imsics_network_trains_in_full_at_any_budget(tmp_path, monkeypatch):
    """The budget is that of the oversampler alone; table 1 compares its samples."""
    (protocol,) = (p for p in protocols.TRIAL if p.recipe == "imsic")
    protocol = dataclasses.replace(protocol, parameters={"epochs": 2, "batch_size": 64})
    method = protocols.Method("CVAE", "cvae", {}, {"steps": 20, "batch_size": 32})
    steps_of, fit = {}, training.fit

    def spy(model, data, number, folder, name, *rest):
        steps_of[name] = number * int(data.cardinality())
        return fit(model, data, number, folder, name, *rest)

    monkeypatch.setattr(training, "fit", spy)
    cell = cells.Cell(protocol, method, 0, 0.2)
    (x, y), _ = kerasos.data.load("digits", class_counts=20)
    balanced = 10 * (y == 0).sum()
    _, steps = recipes.run(cell, None, tmp_path)
    assert steps_of == {"generator": 4, "classifier": 2 * -(-balanced // 64)}
    assert steps == steps_of["classifier"]


def test_imsics_network_trains_on_as_many_samples_as_the_row_adds(
    tmp_path, monkeypatch
):
    (protocol,) = (p for p in protocols.TRIAL if p.recipe == "imsic")
    protocol = dataclasses.replace(protocol, parameters={"epochs": 1, "batch_size": 1})
    method = protocols.Method("SMOTE with 7 added", "smote", added=7)
    trained_on = []

    def spy(model, data, *rest):
        trained_on.extend(int(y) for _, batch in data for y in batch)

    monkeypatch.setattr(training, "fit", spy)
    recipes.run(cells.Cell(protocol, method, 0, 1.0), None, tmp_path)
    counts = protocol.class_counts
    (_, y), _ = kerasos.data.load("digits", class_counts=counts)
    assert np.bincount(trained_on).tolist() == (np.bincount(y) + 7).tolist()


def test_imsics_samples_are_judged_class_by_class():
    """Class 1 asked for: real 1s and as many 0s, at one point each."""

    class Model:
        produces_samples, sampled_labels = True, [0, 1]

        def sample(self, labels, seed, verbose):
            odd = np.arange(len(labels)) % 2
            return 10.0 * (np.asarray(labels) * odd)[:, None].astype("float32")

    class Judge:
        def predict(self, x):
            return (x[:, 0] > 5).astype(int)

    # Of 0, 1, 10 and 11 those of a class are 1 apart.
    x, y = np.array([[0.0], [1.0], [10.0], [11.0]], "float32"), np.array([0, 0, 1, 1])
    found = class_quality(Model(), x, y, Judge(), 0)
    assert found["agreement/0"] == 1.0 and found["agreement/1"] == 0.5
    # 100 points at 0, 100 at 10: of the 199 others of one, 100 are 10 away.
    assert found["spread/0"] == 0.0
    np.testing.assert_allclose(found["spread/1"], 10 * 100 / 199)
    assert found.keys() == {f"{n}/{k}" for n in ("agreement", "spread") for k in (0, 1)}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_commit_is_marked_where_code_differs_from_it(tmp_path, monkeypatch):
    code, rows = tmp_path / "benchmarks" / "a.py", tmp_path / "benchmarks" / "results"
    rows.mkdir(parents=True)
    monkeypatch.setattr(provenance, "__file__", str(code))
    assert "commit=" not in provenance.provenance(1)
    for place in (code, rows / "rows.csv"):
        place.write_text("1\n")
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init"], ["add", "."], [*author, "commit", "-m", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    (rows / "rows.csv").write_text("1\n2\n")  # as any run does
    assert re.search("commit=[0-9a-f]{7,};", provenance.provenance(1))
    code.write_text("2\n")
    assert re.search(r"commit=[0-9a-f]{7,}\+;", provenance.provenance(1))


def test_long_tailed_classifiers_keep_the_data_and_know_its_shares():
    (x, y), _ = kerasos.data.load("digits", class_counts=20)
    spec = kerasos.data.DataSpec.of(x, y)
    counts = np.bincount(y, minlength=10)

    def network(loss):
        model = kerasos.evaluation.strong_cnn(spec, seed=0)
        return kerasos.evaluation.augmented(with_loss(model, loss, y), seed=0)

    plain = network(None)
    probabilities = plain.predict(x, verbose=0).astype("float64")
    adjusted = network("logit_adjustment").predict(x, verbose=0)
    weighted = probabilities / counts
    by_hand = weighted / weighted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(adjusted, by_hand, rtol=1e-5)

    assert network("logit_adjustment").train_on_batch(x, y) == pytest.approx(
        plain.train_on_batch(x, y), rel=1e-5
    )
    shares = probabilities * counts
    shares /= shares.sum(axis=1, keepdims=True)
    expected = -np.log(shares[np.arange(len(y)), y]).mean()
    assert network("balanced_softmax").evaluate(x, y, verbose=0) == pytest.approx(
        expected, rel=1e-4
    )


def test_a_data_set_is_that_of_tfds_or_a_file_of_its_name(tmp_path):
    y = np.repeat(np.arange(3), 6)
    x = np.tile(np.arange(18, dtype="uint8")[:, None, None, None], (1, 4, 4, 3))
    path = tmp_path / "LSUN-Small.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    (kept, labels), (x_test, _) = datasets.load("LSUN-Small", [5, 3, 1], tmp_path, 0)
    assert np.bincount(labels).tolist() == [5, 3, 1] and len(x_test) == 2
    np.testing.assert_array_equal(kept[:, 0, 0, 0] // 6, labels)
    (other, _), _ = datasets.load("LSUN-Small", [5, 3, 1], tmp_path, 1)
    assert np.any(kept != other)
    with pytest.raises(FileNotFoundError, match="no file.*CelebA-Large.npz"):
        datasets.load("CelebA-Large", None, tmp_path, 0)
    (x, _), _ = datasets.load("Digits", None, None, 0)
    assert x.shape == (1_297, 8, 8, 1)


# Whole runs, on digits.


def start(folder, *arguments):
    """Starts the script on the trial's first table."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH")]
    command = [forked.python(), str(SCRIPT), f"--output_dir={folder}"]
    command += ["--paper=trial", "--table=gamo", "--repeats=0", "--backup_seconds=0"]
    return subprocess.Popen(
        command + list(arguments),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process, expected=0):
    output, _ = process.communicate(timeout=600)
    assert process.returncode == expected, output[-3000:]
    return output


def run_here(folder, found, monkeypatch):
    """Runs cells in this process; returns their rows."""
    monkeypatch.setattr(training, "backup_seconds", 0.0)
    for cell in found:
        place = folder / ".cells" / cell.hash
        place.mkdir(parents=True)
        run_cell.main(
            protocol=cell.protocol.name,
            method=cell.method.name,
            repeat=cell.repeat,
            budget=cell.budget,
            folder=str(place),
            path=str(folder / "reproduce.csv"),
            data_dir=None,
            threads=0,
            backup_seconds=0.0,
        )
    return rows.read(folder / "reproduce.csv")


def values(folder):
    found = rows.read(folder / "reproduce.csv")
    key = ["method", "repeat", "metric"]
    assert not found.duplicated(key).any(), "a cell was run twice"
    return found.set_index(key)["mean"].to_dict()


@pytest.fixture
def dry_run(tmp_path, capsys):
    """Returns what the script says that it would run."""

    def run(*arguments):
        with script_module.loaded(SCRIPT) as script:
            flags.FLAGS(["", f"--output_dir={tmp_path}", "--dry_run", *arguments])
            script.main([])
        assert os.listdir(tmp_path) == []
        return capsys.readouterr().out

    return run


def test_a_dry_run_lists_the_cells_and_runs_none(dry_run):
    output = dry_run("--paper=trial", "--table=gamo")
    assert output.count("| repeat ") == 10
    assert "10 cells of unknown length" in output


def test_cells_say_what_they_wait_for(dry_run, monkeypatch):
    known = [name for name in kerasos.list_methods() if name != "dgc"]
    monkeypatch.setattr(kerasos, "list_methods", lambda: known)
    output = dry_run("--paper=IMSIC2021", "--table=1", "--repeats=0")
    for method in ("infogan", "dgc", "imsic"):
        assert (f"no method '{method}' yet" in output) is (method == "dgc")


@pytest.mark.slow  # reason: trains a dozen small networks
@pytest.mark.filterwarnings("ignore")  # of so few steps and images
def test_a_tiny_cell_of_each_kind_runs(tmp_path, monkeypatch):
    """On digits: features, SMOTE's images, generators, classifiers, five scores."""
    fixed = "SMOTE with weight 5"
    methods = {"SMOTE", "CNN (ours)", "CVAE", "DGC", "DOS", "GAMO2pix", "IMSIC", fixed}
    others = {"SMOTE of unseen folds", "SMOTE of balanced folds"}
    points = "GAMO2pix of real points"
    methods |= {*others, points}
    wanted = cells.expand(protocols.TRIAL, [0], methods=methods)
    frame = run_here(tmp_path, wanted, monkeypatch)
    found = frame.to_dict("records")
    assert {r["method"] for r in found} == methods
    # Of GAMO2pix, 20 steps of each of its three stages; the other row takes them over.
    for name in ("GAMO2pix", points):
        assert {r["steps"] for r in found if r["method"] == name} == {"60"}
    distances = frame[frame.table == "class_fid"].set_index("method")
    assert (distances["mean"].astype(float) > 0).all()
    shared = distances.note.str.contains("trained_as=GAMO2pix")
    assert shared[shared].index.tolist() == [points]
    assert distances["mean"][points] != distances["mean"]["GAMO2pix"]
    # A few steps of IMSIC teach its classifier nothing good.
    scores = {
        (r["table"], r["metric"]): float(r["mean"])
        for r in found
        if r["method"] not in {"IMSIC", fixed, *others}
    }
    weight = frame[(frame.method == fixed) & (frame.metric == "synthetic_weight")]
    assert weight["mean"].tolist() == ["5"]
    shares = [
        ("gamo", "ACSA"),
        ("gamo", "ACSA_full"),
        ("fajardo", "min_F1"),
        ("fajardo", "all_F1"),
        ("imsic", "recall"),
        ("imsic", "F1"),
    ]
    assert all(0.1 < scores[name] <= 1.0 for name in shares)  # chance or better
    # Of a method with codes, what its samples are worth by themselves too.
    metrics = {"IMSIC": {"recall", "F1", "agreement", "spread"}}
    metrics["SMOTE"] = {"recall", "F1"}
    for method, names in metrics.items():
        told = [r for r in found if (r["table"], r["method"]) == ("imsic", method)]
        assert {r["metric"] for r in told} == names
    assert scores["fajardo", "FID_cnn_class5"] > 0
    assert scores["class_fid", "FID_cnn"] > 0
    assert scores["generator", "judge_accuracy"] > 0.9
    assert 0 <= scores["generator", "agreement"] <= 1
    assert scores["generator", "spread"] > 0
    assert all(0 <= scores["dgc", name] <= 1 for name in ("ACSA", "RMI", "PMA"))
    assert 1.0 <= scores["fajardo", "synthetic_weight"] <= 50.0
    # Folds with images of their own do not find what the others find, and classes that
    # count alike do not score as classes of their sizes do.
    searches = {}
    for cell in {(r["method"], r["cell"]) for r in found if r["table"] == "fajardo"}:
        parts = json.loads((tmp_path / ".cells" / cell[1] / "parts.json").read_text())
        searches[cell[0]] = dict(parts.get("search", []))
    for other in others:
        assert searches["SMOTE"].keys() == searches[other].keys()
        assert searches["SMOTE"] != searches[other]
    assert not searches[fixed]
    assert all(float(r["peak_mb"]) > 100 and "commit=" in r["note"] for r in found)
    assert len(list(tmp_path.glob(".cells/*/samples.png"))) == 9
    (codes,) = tmp_path.glob(".cells/*/codes.txt")
    assert "l1" in codes.read_text() and codes.with_name("codes.png").is_file()


@pytest.mark.slow  # reason: trains ActiveGAN and searches six SVMs
@pytest.mark.filterwarnings("ignore")
def test_a_tiny_cell_of_activegan_runs(tmp_path, monkeypatch):
    """The SVM alone and with generated samples, 150 labelled digits."""
    (protocol,) = (p for p in protocols.TRIAL if p.recipe == "activegan")
    found = run_here(tmp_path, cells.expand([protocol], [0]), monkeypatch)
    found = found.to_dict("records")
    scores = {(r["method"], r["metric"]): float(r["mean"]) for r in found}
    assert 60 < scores["SVM", "F_score_pct"] <= 100
    for name in ("ActiveGAN", "ActiveGAN+F"):
        assert 30 < scores[name, "F_score_pct"] <= 100
        assert 30 < scores[name, "F_score_pct_with_0.5n"] <= 100
        assert 0.5 < scores[name, "reward_of_generated"] < 5.5
        assert 0 <= scores[name, "agreement_of_generated"] <= 1
    assert 0 <= scores["ActiveGAN+F", "acceptance_of_generated"] <= 1
    assert ("ActiveGAN", "acceptance_of_generated") not in scores
    assert {r["steps"] for r in found} == {"0", "40"}
    assert all("features=pixels" in r["note"] for r in found)
    # One training for both, which the second says.
    shared = ["trained_as=ActiveGAN" in r["note"] for r in found]
    assert shared == [r["method"] == "ActiveGAN+F" for r in found]
    assert len(list(tmp_path.glob(".cells/*/hard.png"))) == 2
    first, second = tmp_path.glob(".cells/*/generator/epoch_*.h5")
    assert first.read_bytes() == second.read_bytes()


def test_training_is_taken_over_once(tmp_path):
    source, folder = tmp_path / "source", tmp_path / "folder"
    folder.mkdir()
    training.take_over(source, folder, "generator")  # nothing there yet
    assert not list(folder.iterdir())
    (source / "generator").mkdir(parents=True)
    for epoch in (9, 10):
        path = source / "generator" / f"epoch_{epoch:06d}.weights.h5"
        path.write_text(str(epoch))
    training.take_over(source, folder, "generator")
    (copy,) = folder.glob("**/*.h5")
    assert (copy.name, copy.read_text()) == ("epoch_000010.weights.h5", "10")
    copy.write_text("own")  # what a cell has trained itself is never replaced
    training.take_over(source, folder, "generator")
    assert copy.read_text() == "own"


def test_seconds_and_progress_survive_a_kill_within_a_piece_of_work(
    tmp_path, monkeypatch
):
    clock = iter([100.0, 104.0, 110.0, 200.0, 201.0])
    monkeypatch.setattr(training.time, "monotonic", lambda: next(clock))
    training.write_progress(tmp_path, 50.0, 0.6)
    with pytest.raises(KeyboardInterrupt):
        with training.timed(tmp_path, 0.8) as lap:
            lap(0.25)
            lap(0.5)
            raise KeyboardInterrupt
    progress = training.read_progress(tmp_path)
    assert progress == {"seconds": 60.0, "done": pytest.approx(0.7)}
    with training.timed(tmp_path, 0.8):
        pass
    progress = training.read_progress(tmp_path)
    assert progress == {"seconds": 61.0, "done": pytest.approx(0.8)}


@pytest.mark.slow  # ten kills, and a process that loads TensorFlow for each cell
def test_ten_kills_lose_nothing_and_repeat_nothing(tmp_path, monkeypatch):
    source = random.Random(0)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    methods = ["none", "smote"]
    wanted = cells.expand(protocols.TRIAL[:1], [0], methods=methods)
    run_here(whole, wanted, monkeypatch)
    arguments = (f"--methods={','.join(methods)}",)
    trained = [0]
    for kill in range(10):
        process = start(killed, *arguments)
        if kill % 2:  # while it starts
            time.sleep(source.uniform(1, 10))
        else:  # while it trains
            while process.poll() is None and _epochs(killed) == trained[-1]:
                time.sleep(0.02)
            time.sleep(source.uniform(0, 0.2))
        with contextlib.suppress(ProcessLookupError):  # it has come to its end
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        trained.append(_epochs(killed))
    assert 0 < trained[1] < 12  # of both cells
    finish(start(killed, *arguments))
    assert values(killed) == values(whole)
    for curve in killed.glob(".cells/*/curve.csv"):
        assert pd.read_csv(curve).epoch.tolist() == [
            e for e in range(1, 7) for _ in "ab"
        ]
    # What was trained once stays.
    assert trained == sorted(trained), trained


def _epochs(folder):
    """Returns how many epochs the backups of all cells hold."""
    names = [path.name for path in folder.glob(".cells/*/classifier/epoch_*.h5")]
    return sum(int(name.split("_")[1].split(".")[0]) for name in names)


@pytest.mark.slow  # two runs, and a process that loads TensorFlow for each cell
def test_two_processes_divide_the_cells_and_go_on_after_one_that_fails(tmp_path):
    options = {"repeats": [0], "budget": 0.5, "methods": ["none", "smote", "gamo"]}
    first, *others = cells.expand(protocols.TRIAL[:1], **options)
    folder = tmp_path / ".cells" / first.hash / "classifier"
    folder.mkdir(parents=True)
    (folder / "epoch_000001.weights.h5").write_text("this is no backup")
    pair = [start(tmp_path, "--methods=none,smote,gamo", "--budget=0.5") for _ in "ab"]
    outputs = [process.communicate(timeout=600)[0] for process in pair]
    # Each may have left a cell to the other; who had the one that fails names it.
    failed = [process.returncode for process in pair]
    assert 1 in failed and set(failed) <= {0, 1}
    for code, output in zip(failed, outputs, strict=True):
        words = f"Failed: {re.escape(first.label)}: ValueError: .* is damaged.*log.txt"
        named = re.search(words, output) is not None
        assert named is (code == 1)
    found = rows.read(tmp_path / "reproduce.csv")
    assert set(found.cell) == {cell.hash for cell in others}
    assert set(zip(found.budget, found.steps, strict=True)) == {("0.5", "60")}
    assert len(values(tmp_path)) == 16
    # None is open now but that one.
    output = finish(start(tmp_path, "--methods=smote,gamo", "--budget=0.5"))
    assert "0.00/0" in output
    assert "Done already, so not run: 2 of the cells." in output
    assert all(f"{cell.label} (cell {cell.hash})" in output for cell in others)
    rows_file = tmp_path / "reproduce.csv"
    assert f"To run one anew, remove the rows with its cell from {rows_file}." in output
