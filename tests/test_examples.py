"""The example scripts, run as a user runs them but for a few steps."""

import csv
import pathlib
import re

import keras
import numpy as np
import pandas as pd
import pytest
import script_module
import tensorflow as tf
from absl import flags
from resuming import Crash

import kerasos
from kerasos.callbacks import AtomicBackup
from kerasos.export import load_card

ROOT = pathlib.Path(__file__).parents[1]
# A second device for a script, as two GPUs would be.
TWO_DEVICES = """
import os, runpy, sys
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, halves)
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
reason = "starts Python, compiles and trains"
slow = pytest.mark.slow(reason=reason)


def run(script, *options, folder, two_devices=False):
    """Runs an example in `folder`; returns what it printed."""
    command = ["-c", TWO_DEVICES] if two_devices else []
    command += [ROOT / "examples" / script, *options]
    result = script_module.run(*command, folder=folder)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def write_table(path, shift):
    """120 rows of three numbers in two classes, which lie `shift` apart."""
    labels = np.repeat([0, 1], [90, 30])
    data = shift * labels[:, None] + np.random.default_rng(0).uniform(0, 4, (120, 3))
    frame = pd.DataFrame(data.round(3), columns=list("abc"))
    frame.assign(target=labels).to_csv(path, index=False)


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def quickstart():
    with script_module.loaded(ROOT / "examples" / "quickstart.py") as module:
        yield module


def scores(**methods):
    return {
        name: np.stack([values, np.zeros(len(values))], 1)
        for name, values in methods.items()
    }


def test_the_table_holds_the_mean_and_the_sample_deviation(quickstart):
    table = quickstart.table(scores(gamo=[0.8, 0.9, 1.0])).splitlines()
    assert table[2] == "| gamo | 0.9000 ± 0.1000 | 0.0000 ± 0.0000 |"


@pytest.mark.parametrize(
    ("gamo", "smote", "words"),
    [
        # Paired gaps .1, .11, .12: standard error .01 / sqrt(3).
        ([0.9, 0.81, 0.72], [0.8, 0.7, 0.6], "`gamo` .* 0.1100 .* 0.0058 .* won"),
        ([0.9, 0.8, 0.7], [0.6, 0.8, 0.9], "`gamo` has .* too close to name"),
        ([0.9], [0.8], "one seed cannot say"),
    ],
)
def test_the_verdict_follows_from_the_scores(quickstart, gamo, smote, words):
    values = scores(none=np.zeros(len(gamo)), gamo=gamo, smote=smote)
    text = quickstart.verdict(values)
    assert re.search(words, text), text


@pytest.mark.parametrize("killed_in", [0, 2])
def test_a_resumed_history_has_each_epoch_once(killed_in, tmp_path):
    x, y = np.arange(24.0).reshape(8, 3) / 24, np.arange(8) % 2
    data = kerasos.data.batches(x, y, 4, seed=0)
    path, unbroken = tmp_path / "history.csv", tmp_path / "unbroken.csv"
    with script_module.loaded(ROOT / "examples" / "common.py") as common:

        def fit(path, *crash, append):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
            model.compile("sgd", "mse", run_eagerly=True)
            model.tracked = ["loss"]
            history = common.HistoryCSV(path, append=append)
            backup = AtomicBackup(tmp_path / f"backup_{path.stem}", data=data)
            calls = [history, *crash, backup]
            try:
                model.fit(data, epochs=4, verbose=0, shuffle=False, callbacks=calls)
            finally:
                history.csv_file.close()

        with pytest.raises(KeyboardInterrupt):
            fit(path, Crash(killed_in), append=False)
        told = path.read_text()
        assert len(rows(path)) == killed_in + 1
        # The later run is right; and a row that was cut off is none.
        told = re.sub(rf"(?m)^{killed_in},.*", f"{killed_in},7.5", told)
        path.write_text(told + "3,")
        fit(path, append=True)
        fit(unbroken, append=False)
    assert [row["epoch"] for row in rows(path)] == ["0", "1", "2", "3"]
    assert path.read_text() == unbroken.read_text()


@slow
def test_train_gamo_goes_on_where_it_stopped(tmp_path):
    options = ["--smoke", "--g_update=joint", f"--output_dir={tmp_path / 'out'}"]
    run("train_gamo.py", *options, folder=tmp_path)
    run("train_gamo.py", *options, "--resume", "--epochs=3", folder=tmp_path)
    output = tmp_path / "out"
    assert [r["epoch"] for r in rows(output / "scores.csv")] == ["1", "2", "3"]
    assert [r["epoch"] for r in rows(output / "history.csv")] == ["0", "1", "2"]
    assert (output / "samples.png").is_file() and (output / "model.keras").is_file()
    card = load_card(output / "saved_model" / "gamo_digits" / "2")
    assert "--output_dir=out --resume --epochs=3" in card["command"]
    assert str(tmp_path) not in card["command"]


@slow
def test_train_gamo_on_two_devices(tmp_path):
    write_table(tmp_path / "t.csv", 0)
    options = ["--smoke", "--dataset=t.csv", "--class_counts=all", "--value_range=0,5"]
    run("train_gamo.py", *options, folder=tmp_path, two_devices=True)
    output = tmp_path / "gamo_output"
    assert [r["steps"] for r in rows(output / "scores.csv")] == ["10", "20"]
    assert load_card(output / "saved_model" / "gamo_t")["data"]["shape"] == [3]


@slow
def test_train_gamo_with_the_feature_extractor(tmp_path):
    options = ["--smoke", "--variant=conv", "--loss=ce", "--class_counts=gamo"]
    options[-1] = "--class_counts=" + ",".join(["60"] * 9 + ["10"])
    run("train_gamo.py", *options, folder=tmp_path)
    history = rows(tmp_path / "gamo_output" / "history.csv")
    assert [r["e_loss"] == "NA" for r in history] == [False, True] * 2
    assert [r["g_c_loss"] == "NA" for r in history] == [True, False] * 2


@slow
def test_train_conditional_goes_on_where_it_stopped(tmp_path):
    options = ["--smoke", "--method=cvae", "--pre_oversample", "--output_dir=out"]
    run("train_conditional.py", *options, folder=tmp_path)
    printed = run(
        "train_conditional.py", *options, "--resume", "--epochs=2", folder=tmp_path
    )
    output = tmp_path / "out"
    history = rows(output / "history.csv")
    assert [r["epoch"] for r in history] == ["0", "1"]
    assert float(history[1]["reconstruction_loss"]) > 0
    found = dict(re.findall(r"(acsa|g_mean) (\d\.\d+), without", printed))
    assert (output / "samples.png").is_file() and (output / "model.keras").is_file()
    scores = load_card(output / "saved_model" / "cvae_digits" / "2")["scores"]
    for name in ("acsa", "g_mean"):
        assert float(found[name]) == pytest.approx(scores[f"test_{name}"], abs=1e-4)


@slow
@pytest.mark.parametrize("method", ["acgan", "bagan"])
def test_train_conditional_on_two_devices(method, tmp_path):
    """Rows of a table; BAGAN goes through both of its stages."""
    write_table(tmp_path / "t.csv", 1)
    options = ["--smoke", f"--method={method}", "--dataset=t.csv", "--batch_size=16"]
    options += ["--class_counts=all", "--value_range=0,5", "--output_dir=out"]
    run("train_conditional.py", *options, folder=tmp_path, two_devices=True)
    card = load_card(tmp_path / "out" / "saved_model" / f"{method}_t")
    assert card["data"]["shape"] == [3] and card["method"] == method
    history = rows(tmp_path / "out" / "history.csv")
    assert len(history) == (2 if method == "bagan" else 1)


@slow
def test_train_activegan_goes_on_where_it_stopped(tmp_path):
    options = ["--smoke", "--policy=critic", "--output_dir=out"]
    run("train_activegan.py", *options, folder=tmp_path)
    printed = run("train_activegan.py", *options, "--resume", folder=tmp_path)
    output = tmp_path / "out"
    history = rows(output / "history.csv")
    assert [r["epoch"] for r in history] == ["0", "1", "2", "3"]
    assert [r["reward"] == "NA" for r in history] == [True] + [False] * 3
    found = dict(re.findall(r"(\w+) (\d\.\d+)", printed))
    scores = load_card(output / "saved_model" / "activegan_digits" / "2")["scores"]
    for name in ("f1", "f1_of_svm_alone", "mean_reward"):
        assert float(found[name]) == pytest.approx(scores[name], abs=1e-4)
    assert float(found["f1_of_svm_alone"]) > 0.5
    for name in ("hard_samples.png", "samples.png", "model.keras"):
        assert (output / name).is_file(), name


@slow
def test_train_gamo2pix_with_a_gamo_trained_before_it(tmp_path):
    counts = [60] * 9 + [10]
    (x, y), _ = kerasos.data.load("digits", counts, seed=0)
    gamo = kerasos.GAMO.from_data(x, y, seed=0, variant="conv", generator="copies")
    gamo.compile(run_eagerly=True)
    data = kerasos.data.batches(x, y, 8, steps_per_epoch=1)
    gamo.fit(data, epochs=2, verbose=0)
    gamo.save(tmp_path / "gamo.keras")
    options = ["--smoke", "--gamo=gamo.keras", "--output_dir=out"]
    options += ["--class_counts=" + ",".join(map(str, counts))]
    printed = run("train_gamo2pix.py", *options, folder=tmp_path)
    assert re.search(r"acsa 0\.\d{4}, without 0\.\d{4}", printed)
    output = tmp_path / "out"
    (row,) = rows(output / "history.csv")
    assert float(row["reconstruction_loss"]) > 0 and float(row["kl_loss"]) > 0
    assert (output / "samples.png").stat().st_size > 3000
    card = load_card(output / "saved_model" / "gamo2pix_digits")
    assert card["samples"]["labels"] == [9] and card["samples"]["are_in_data_space"]


@slow
def test_train_gamo2pix_goes_through_all_stages(tmp_path):
    counts = "--class_counts=60,60,60,60,60,60,60,60,60,10"
    options = ["--smoke", counts, "--decoder=began", "--filters=2", "--output_dir=out"]
    options += ["--generator=copies"]
    run("train_gamo2pix.py", *options, folder=tmp_path)
    history = rows(tmp_path / "out" / "history.csv")
    assert [r["e_loss"] == "NA" for r in history] == [False, True, True]
    assert [r["pix_loss"] == "NA" for r in history] == [True, True, False]


@slow
def test_train_imsic_goes_on_where_it_stopped_and_shows_the_codes(tmp_path):
    (tmp_path / "graph.json").write_text('[["c0"], ["c0", "c1"]]')
    options = ["--smoke", "--graph=graph.json", "--output_dir=out"]
    run("train_imsic.py", *options, folder=tmp_path)
    printed = run("train_imsic.py", *options, "--resume", "--epochs=2", folder=tmp_path)
    output = tmp_path / "out"
    history = rows(output / "history.csv")
    assert [r["epoch"] for r in history] == ["0", "1"]
    assert float(history[1]["code_loss"]) > 0
    assert "l1 does not follow c0" in printed or "l1 follows c0" in printed
    assert (output / "dependence.txt").read_text() in printed
    for name in ("codes.png", "dependence.png", "samples.png", "model.keras"):
        assert (output / name).is_file(), name
    card = load_card(output / "saved_model" / "imsic_digits" / "2")
    assert card["signatures"]["from_latent"]["inputs"]["codes"]["shape"] == [None, 2]
    assert 0 <= card["scores"]["missing_edges"] <= 3


@slow
def test_finetune_classifier_compares_saves_and_exports(tmp_path):
    x, y, names = kerasos.data.defects((16, 9, 6, 4), (24, 16), channels=1)
    kerasos.data.write_image_folder(tmp_path / "parts", x, y, names)
    options = ["--smoke", "--folder=parts", "--sides=24,16", "--grey"]
    options += ["--output_dir=out", "--batch_size=8", "--oversampler=random"]
    printed = run("finetune_classifier.py", *options, folder=tmp_path)
    output = tmp_path / "out"
    report = (output / "report.md").read_text()
    for name in ("nothing", "augmentation", "balanced", "features", "stream"):
        (row,) = re.findall(rf"\| {name} \|(.*)\|", printed)
        balanced, *recalls = map(float, row.split("|"))
        assert row in report and len(recalls) == 4
        assert balanced == pytest.approx(np.mean(recalls), abs=1e-3)
    assert "crack 2, good 8, hole 2, scratch 5; for the test: crack 2," in report
    best = re.search(r"`(\w+)` is best", printed)[1]
    card = load_card(output / "saved_model" / "parts")
    assert card["contender"] == best and card["data"]["label_names"] == sorted(names)
    model = keras.saving.load_model(output / "model.keras")
    served = tf.saved_model.load(output / "saved_model" / "parts" / "1")
    served = served.signatures["classify"](inputs=tf.constant(x))["probabilities"]
    np.testing.assert_allclose(served, model(x), atol=1e-5)
    for name in ("recalls.png", "samples.png"):
        assert (output / name).stat().st_size > 3000
    with script_module.loaded(ROOT / "examples" / "finetune_classifier.py") as module:
        flags.FLAGS(["finetune_classifier", f"--output_dir={output}"])
        with pytest.raises(SystemExit, match="nothing is overwritten"):
            module.main([])


@slow
def test_balance_images_of_a_folder(tmp_path):
    x, y, names = kerasos.data.defects((6, 3, 2, 2), size=24)
    before = kerasos.data.write_image_folder(tmp_path / "parts", x, y, names)
    options = ["--folder=parts", "--sides=24,24", "--method=random"]
    printed = run("balance_images.py", *options, folder=tmp_path)
    output = tmp_path / "parts_generated"
    assert "11 generated pictures in parts_generated" in printed
    index = rows(output / "index.csv")
    files = sorted(str(p.relative_to(output)) for p in output.glob("*/*.png"))
    assert sorted(row["file"] for row in index) == files
    assert sorted({(row["class"], row["method"]) for row in index}) == [
        (name, "random") for name in ("crack", "hole", "scratch")
    ]
    # A copy is a real picture of its class to the byte of its pixels.
    for row in index:
        real = [pixels(p) for p in before if p.parent.name == row["class"]]
        assert any(
            np.array_equal(pixels(output / row["file"]), image) for image in real
        )
    assert (output / "samples.png").stat().st_size > 2_000
    assert not list(tmp_path.glob(".balance*"))
    result = script_module.run(
        ROOT / "examples" / "balance_images.py", *options, folder=tmp_path
    )
    assert result.returncode and "is there already" in result.stderr


@slow
def test_balance_images_by_a_network(tmp_path):
    options = ["--smoke", "--sides=16,24", "--grey", "--output=out"]
    printed = run("balance_images.py", *options, folder=tmp_path)
    assert "133 generated pictures in out" in printed
    image = pixels(tmp_path / "out" / "hole" / "generated_0001.png")
    assert image.shape == (16, 24, 1) and not (tmp_path / "out.backup").exists()


def pixels(path):
    return tf.io.decode_png(tf.io.read_file(str(path))).numpy()
