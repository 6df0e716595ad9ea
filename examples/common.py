"""What the training scripts share: flags of the data, devices, callbacks, export."""

import csv
import pathlib
import shutil
import sys

import keras
from absl import flags

import kerasos
from kerasos.callbacks import AtomicBackup, SampleGrid
from kerasos.command.training import class_counts, strategy_over
from kerasos.evaluation.downstream import QuickClassifier
from kerasos.files import whole_file
from kerasos.metrics import acsa, g_mean
from kerasos.plots import is_drawable

_DATASET = flags.DEFINE_string("dataset", "digits", "digits, a TFDS name, .csv, .npz.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared TFDS data.")
_COUNTS = flags.DEFINE_string(
    "class_counts", "20", "Imbalance ratio, counts with commas, protocol, or all."
)
_RANGE = flags.DEFINE_list("value_range", None, "low,high where data do not show it.")
RESUME = flags.DEFINE_bool("resume", False, "Go on from the backup in output_dir.")
SMOKE = flags.DEFINE_bool("smoke", False, "A few steps, to see that it runs.")
_TENSORBOARD = flags.DEFINE_string("tensorboard_dir", None, "Folder for TensorBoard.")
_JIT = flags.DEFINE_enum("jit_compile", "auto", ["auto", "true", "false"], "XLA.")
SEED = flags.DEFINE_integer("seed", 0, "Fixes the subset, the weights, the noise.")


class HistoryCSV(keras.callbacks.CSVLogger):
    """Keras's logger, with a column for each value, whatever the first stage logs.

    With `append` an epoch that is trained again, since the run was killed after its row
    and before its backup, has the later row alone.
    """

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.keys, self.begun = self.model.tracked, False

    def on_epoch_begin(self, epoch, logs=None):
        # Only here is the first epoch known: the backup says it after all have begun.
        if not self.begun and self.append:
            self.csv_file.close()
            self.append_header = not self.keep_rows_before(epoch)
            self.csv_file = open(self.filename, "a", newline="", encoding="utf-8")
        self.begun = True

    def keep_rows_before(self, epoch):
        """Drops rows of later epochs, and one cut off; returns whether any is left."""
        with open(self.filename, newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        kept = [row for row in rows if len(row) == len(header) and int(row[0]) < epoch]
        with (
            whole_file(self.filename, "The history") as draft,
            open(draft, "w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows([header, *kept] if kept else [])
        return bool(kept)


def load():
    """Returns `(x, y), (x_test, y_test)`, the first thinned out."""
    return kerasos.data.load(
        _DATASET.value, class_counts(_COUNTS.value), _DATA_DIR.value, SEED.value
    )


def build(method, x, y, options, optimizers=lambda model: {}):
    """Returns a compiled model, on all devices if there are several.

    Args:
        method: Class of the model.
        x, y: Training data.
        options: Options of `from_data`.
        optimizers: Function from the model to arguments of `compile`.
    """
    if _RANGE.value:
        options["value_range"] = tuple(float(bound) for bound in _RANGE.value)
    jit_compile = {"auto": "auto", "true": True, "false": False}[_JIT.value]
    if SMOKE.value and jit_compile == "auto":
        jit_compile = False  # XLA compiles for longer than a few steps take
    with strategy_over("GPU", "CPU").scope():
        model = method.from_data(x, y, seed=SEED.value, **options)
        model.compile(**optimizers(model), jit_compile=jit_compile)
    return model


def callbacks(model, x, y, output, *first):
    """Losses and pictures; the backup last, so that it covers the others."""
    backup = output / "backup"
    if not RESUME.value:
        shutil.rmtree(backup, ignore_errors=True)
    result = [*first, HistoryCSV(output / "history.csv", append=RESUME.value)]
    if is_drawable(model.sample_shape):
        path = output / "samples.png"
        result.append(SampleGrid(x, y, path, log_dir=_TENSORBOARD.value))
    if _TENSORBOARD.value:
        result.append(keras.callbacks.TensorBoard(_TENSORBOARD.value))
    return [*result, AtomicBackup(backup)]


def save(model, output, scores):
    """Writes `model.keras` and a SavedModel with its card into `output`."""
    model.save(output / "model.keras")
    name = pathlib.Path(_DATASET.value).stem
    card = {
        "command": " ".join(["python", *sys.argv]),
        "dataset": name,
        "scores": scores,
    }
    folder = f"{model.method_name}_{name}"
    model.export(output / "saved_model" / folder, card=card)


def score_oversampled(model, x, y, test):
    """Prints and returns what a quick classifier gains from the model's samples."""
    x_res, y_res, _ = model.oversample(x, y, seed=SEED.value)
    scores = {}
    x_test, y_test = test
    before = QuickClassifier(x, y).predict(x_test)
    after = QuickClassifier(x_res, y_res).predict(x_test)
    for name, metric in (("acsa", acsa), ("g_mean", g_mean)):
        scores[f"test_{name}"] = float(metric(y_test, after))
        without = float(metric(y_test, before))
        print(f"{name} {scores[f'test_{name}']:.4f}, without {without:.4f}")
    return scores
