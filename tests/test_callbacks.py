import csv
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_model import COUNTS, TinyModel

from kerasos.callbacks import EvaluationCSV, SampleGrid


@pytest.fixture(scope="module")
def data():
    y = np.repeat([0, 1, 2], COUNTS)
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (len(y), 6, 5, 1)).astype(np.uint8), y


@pytest.fixture
def fit(data):
    """Fits a model for five steps an epoch with the callbacks given."""

    def run(callbacks, model=None, epochs=3, **options):
        model = model or TinyModel()
        model.compile()
        batches = tf.data.Dataset.from_tensor_slices(data).batch(11)
        options = {"epochs": epochs, "shuffle": False, "verbose": 0, **options}
        model.fit(batches, callbacks=callbacks, **options)
        return model

    return run


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_picture_is_written_every_few_epochs(fit, data, tmp_path):
    path = tmp_path / "pictures" / "{epoch:03d}.png"
    fit([SampleGrid(*data, path, every=2, per_class=3)], epochs=5)
    assert sorted(os.listdir(tmp_path / "pictures")) == ["002.png", "004.png"]
    # Same images, same noise, and a generator that does not train: only the
    # title may differ.
    first, second = (
        tf.io.decode_png(tf.io.read_file(f"{tmp_path}/pictures/{name}.png")).numpy()
        for name in ("002", "004")
    )
    np.testing.assert_array_equal(first[30:], second[30:])


def test_pictures_reach_tensorboard(fit, data, tmp_path):
    path = tmp_path / "last.png"
    fit([SampleGrid(*data, path, per_class=2, log_dir=tmp_path / "logs")], epochs=2)
    (name,) = os.listdir(tmp_path / "logs")
    found = []
    for record in tf.data.TFRecordDataset(str(tmp_path / "logs" / name)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            plugin = value.metadata.plugin_data.plugin_name
            found.append((event.step, value.tag, plugin))
            width, height, png = value.tensor.string_val
    assert found == [(0, "samples", "images"), (1, "samples", "images")]
    assert png == path.read_bytes()
    assert tf.io.decode_png(png).shape[:2] == (int(height), int(width))


def test_tensorboard_itself_reads_the_pictures(fit, data, tmp_path):
    module = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed (kerasos[tensorboard])",
    )
    path = tmp_path / "last.png"
    fit([SampleGrid(*data, path, log_dir=tmp_path / "logs")], epochs=1)
    events = module.EventAccumulator(str(tmp_path / "logs")).Reload()
    assert events.Tags()["tensors"] == ["samples"]
    assert events.SummaryMetadata("samples").plugin_data.plugin_name == "images"


def test_pictures_are_logged_without_the_tensorboard_package(tmp_path):
    code = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorboard":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
import numpy as np
from kerasos.callbacks import SampleGrid
from tiny_model import TinyModel

model = TinyModel()
x = np.zeros((3, 6, 5, 1), "uint8")
callback = SampleGrid(x, [0, 1, 2], sys.argv[1] + "/a.png", log_dir=sys.argv[1])
callback.set_model(model)
callback.on_train_begin()
callback.on_epoch_end(0)
callback.on_train_end()
"""
    here = os.path.dirname(__file__)
    paths = os.pathsep.join([here, os.path.dirname(here)])
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(os.listdir(tmp_path)) == 2


def test_pictures_of_tables_are_refused_before_training(fit, data, tmp_path):
    model = TinyModel(sample_shape=(7,))
    before = [v.numpy() for v in model.classifier.variables]
    with pytest.raises(ValueError, match="Only images can be drawn"):
        fit([SampleGrid(*data, tmp_path / "a.png")], model)
    for old, new in zip(before, model.classifier.variables, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("pattern", ["{step}.png", "{0}.png", "a{.png"])
def test_unknown_fields_of_a_path_are_refused(pattern, data):
    with pytest.raises(ValueError, match="no other field"):
        SampleGrid(*data, pattern)


@pytest.mark.parametrize("every", [0, -1, 1.5])
def test_every_must_be_a_number_of_epochs(every, data, tmp_path):
    with pytest.raises(ValueError, match="Invalid `every`"):
        SampleGrid(*data, "a.png", every=every)
    with pytest.raises(ValueError, match="Invalid `every`"):
        EvaluationCSV(tmp_path / "a.csv", {"all": data}, every=every)


def test_scores_are_those_of_the_classifier(fit, data, tmp_path):
    from sklearn.metrics import balanced_accuracy_score, f1_score, recall_score

    x, y = data
    part = (x[y < 2], y[y < 2])
    path = tmp_path / "new" / "scores.csv"
    callback = EvaluationCSV(path, {"full": data, "two": part}, batch_size=20)
    model = fit([callback], epochs=2)
    rows = rows_of(path)
    assert [(r["epoch"], r["steps"], r["data_set"]) for r in rows] == [
        ("1", "5", "full"),
        ("1", "5", "two"),
        ("2", "10", "full"),
        ("2", "10", "two"),
    ]
    predicted = model.classifier.predict(x, verbose=0).argmax(1)
    last = rows[2]
    recalls = recall_score(y, predicted, average=None)
    found = [float(last[f"recall_{k}"]) for k in range(3)]
    np.testing.assert_allclose(found, recalls)
    assert float(last["acsa"]) == pytest.approx(balanced_accuracy_score(y, predicted))
    assert float(last["macro_f1"]) == pytest.approx(
        f1_score(y, predicted, average="macro")
    )
    assert float(last["g_mean"]) == pytest.approx(np.prod(recalls) ** (1 / 3))
    assert rows[3]["recall_2"] == "" and rows[3]["recall_1"] != ""


def test_rows_are_on_disk_before_the_next_epoch(fit, data, tmp_path):
    path, seen = tmp_path / "scores.csv", []
    look = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(len(rows_of(path)))
    )
    fit([EvaluationCSV(path, {"a": data, "b": data}, every=2), look], epochs=5)
    assert seen == [0, 0, 2, 2, 4]
    assert [row["epoch"] for row in rows_of(path)] == ["2", "2", "4", "4"]


def test_a_resumed_run_has_each_epoch_once(fit, data, tmp_path):
    path, whole = tmp_path / "scores.csv", tmp_path / "whole.csv"
    fit([EvaluationCSV(whole, {"full": data})], epochs=5)
    model = fit([EvaluationCSV(path, {"full": data})], epochs=3)
    # The third epoch was not in the checkpoint, and its row was cut by a crash.
    text = path.read_text()
    path.write_text(text + "4,20,fu")
    fit([EvaluationCSV(path, {"full": data})], model, epochs=5, initial_epoch=2)
    rows = rows_of(path)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["steps"] for row in rows] == [row["steps"] for row in rows_of(whole)]
    assert path.read_text().startswith("\n".join(text.splitlines()[:3]))
    assert sorted(os.listdir(tmp_path)) == ["scores.csv", "whole.csv"]


@pytest.mark.parametrize("order", [1, -1])
def test_it_follows_an_epoch_restored_from_a_backup(fit, data, tmp_path, order):
    path = tmp_path / "scores.csv"

    class Backup(keras.callbacks.Callback):
        """Restores epoch 2 the way `BackupAndRestore` does."""

        def on_train_begin(self, logs=None):
            self.model._initial_epoch = 2

    fit([EvaluationCSV(path, {"full": data}, every=2)], epochs=3)
    fit([EvaluationCSV(path, {"full": data}, every=2), Backup()][::order], epochs=4)
    rows = [(row["epoch"], row["steps"]) for row in rows_of(path)]
    assert rows == [("2", "10"), ("4", "20")]


def test_steps_are_right_where_finished_epochs_have_no_row(fit, data, tmp_path):
    path = tmp_path / "scores.csv"
    fit([EvaluationCSV(path, {"a": data}, every=2)], epochs=6, initial_epoch=3)
    rows = [(row["epoch"], row["steps"]) for row in rows_of(path)]
    assert rows == [("4", "20"), ("6", "30")]


def test_training_from_the_start_empties_the_file(fit, data, tmp_path):
    path = tmp_path / "scores.csv"
    for _ in range(2):
        fit([EvaluationCSV(path, {"full": data})], epochs=2)
        assert [row["epoch"] for row in rows_of(path)] == ["1", "2"]


def test_tables_of_other_columns_are_kept(fit, data, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("name,value\na,1\n")
    with pytest.raises(ValueError, match="another table"):
        fit([EvaluationCSV(path, {"full": data})], initial_epoch=1)
    assert path.read_text() == "name,value\na,1\n"


def test_it_needs_a_classifier_and_data(fit, data, tmp_path):
    path = tmp_path / "a.csv"
    with pytest.raises(ValueError, match="trains a classifier"):
        fit([EvaluationCSV(path, {"a": data})], TinyModel(with_classifier=False))
    with pytest.raises(ValueError, match="at least one data set"):
        EvaluationCSV(path, {})
    with pytest.raises(ValueError, match=r"`data\['a'\]`"):
        EvaluationCSV(path, {"a": (data[0], data[1][:3])})
