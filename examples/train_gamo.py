"""Trains GAMO on any labelled data set; defaults are those of the paper.

    python examples/train_gamo.py --steps=1000 --output_dir=gamo_output

prints at the end

    steps 1000, acsa 0.9139, g_mean 0.9049

`--dataset=mnist --class_counts=gamo` is the paper's setting; `--variant=conv` adds
its feature extractor. A killed run goes on where it stopped with the same command
and `--resume`. Several GPUs (or logical CPUs) are used together. Into `--output_dir`
go `scores.csv`, `history.csv`, pictures for images, `model.keras` and `saved_model`.
"""

import csv
import pathlib
import shutil
import sys

import keras
import tensorflow as tf
from absl import app, flags

import kerasos
from kerasos.callbacks import EvaluationCSV, SampleGrid
from kerasos.plots import is_drawable

_DATASET = flags.DEFINE_string("dataset", "digits", "digits, a TFDS name, .csv, .npz.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared TFDS data.")
_COUNTS = flags.DEFINE_string(
    "class_counts", "20", "Imbalance ratio, counts with commas, protocol, or all."
)
_RANGE = flags.DEFINE_list("value_range", None, "low,high where data do not show it.")
_OUTPUT = flags.DEFINE_string("output_dir", "gamo_output", "Folder to write.")
_RESUME = flags.DEFINE_bool("resume", False, "Go on from the backup in output_dir.")
_SMOKE = flags.DEFINE_bool("smoke", False, "Train for 20 steps, to see that it runs.")
_TENSORBOARD = flags.DEFINE_string("tensorboard_dir", None, "Folder for TensorBoard.")

_VARIANT = flags.DEFINE_enum("variant", "dense", ["dense", "conv"], "Conv: images.")
_LOSS = flags.DEFINE_enum("loss", "ls", ["ls", "ce", "ce_binary", "ce_minimax"], "")
_G_UPDATE = flags.DEFINE_enum("g_update", "per_class", ["per_class", "joint"], "")
_GENERATOR = flags.DEFINE_enum(
    "generator", "convex", ["convex", "conditional", "copies", "pairs"], ""
)
_DISCRIMINATOR = flags.DEFINE_bool("discriminator", True, "False: GAMO\\D, cG+CN.")
_LATENT = flags.DEFINE_integer("latent_dim", 100, "Width of the noise.")
_SAMPLES = flags.DEFINE_integer(
    "samples_per_class", None, "q; by default max(4, ceil(batch / classes))."
)
_FAKE_RATIO = flags.DEFINE_float("fake_ratio", 1.0, "Fake batch over real batch.")
_NOISE = flags.DEFINE_float("label_noise", 0.1, "Width of the noise on D's targets.")
_SHARE = flags.DEFINE_float("anchor_share", 0.0, "Ours: keeps G off the corners.")
_ANCHORS = flags.DEFINE_integer("max_anchors", 4096, "Anchors of a class at most.")
_BANK = flags.DEFINE_enum("bank", "random", ["random", "kcenter"], "Choice of them.")

_STEPS = flags.DEFINE_integer("steps", 25_000, "Training steps.")
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Instead of --steps (conv: pairs of a pass of each stage)."
)
_BATCH = flags.DEFINE_integer("batch_size", 32, "Over all devices together.")
_EVERY = flags.DEFINE_integer(
    "evaluate_every", 250, "Steps in an epoch, scored at its end (conv: a pass)."
)
_RATE = flags.DEFINE_float("learning_rate", 2e-4, "Of every player's Adam.")
_BETA_1 = flags.DEFINE_float("beta_1", 0.5, "Of every player's Adam.")
_BETA_2 = flags.DEFINE_float("beta_2", 0.999, "Of every player's Adam.")
_JIT = flags.DEFINE_enum("jit_compile", "auto", ["auto", "true", "false"], "XLA.")
_SEED = flags.DEFINE_integer("seed", 0, "Fixes the subset, the weights, the noise.")


class HistoryCSV(keras.callbacks.CSVLogger):
    """Keras's logger, with a column for each loss, whatever the first stage logs."""

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        names = [metric.name for metric in self.model.metrics]
        self.keys = [name for name in names if name.endswith("_loss")]


def build(x, y):
    """Returns a compiled model, on all devices if there are several."""
    options = {
        "variant": _VARIANT.value,
        "loss": _LOSS.value,
        "g_update": _G_UPDATE.value,
        "generator": _GENERATOR.value,
        "discriminator": _DISCRIMINATOR.value,
        "latent_dim": _LATENT.value,
        "samples_per_class": _SAMPLES.value,
        "fake_ratio": _FAKE_RATIO.value,
        "label_noise": _NOISE.value,
        "anchor_share": _SHARE.value,
        "max_anchors": _ANCHORS.value,
        "bank": _BANK.value,
    }
    if _RANGE.value:
        options["value_range"] = tuple(float(bound) for bound in _RANGE.value)
    devices = tf.config.list_logical_devices("GPU")
    devices = devices or tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.get_strategy()
    if len(devices) > 1:
        strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    with strategy.scope():
        model = kerasos.GAMO.from_data(x, y, seed=_SEED.value, **options)
        players = ("c_optimizer", "d_optimizer", "g_optimizer", "e_optimizer")
        jit_compile = {"auto": "auto", "true": True, "false": False}[_JIT.value]
        if _SMOKE.value and jit_compile == "auto":
            jit_compile = False  # XLA compiles for longer than 20 steps take
        adams = [
            keras.optimizers.Adam(_RATE.value, _BETA_1.value, _BETA_2.value)
            for _ in players
        ]
        model.compile(**dict(zip(players, adams, strict=True)), jit_compile=jit_compile)
    return model


def class_counts(text):
    """`"20"`, `"40,20,10"`, `"gamo"` or `"all"`, as `kerasos.data.load` takes it."""
    if text == "all":
        return None
    if "," in text:
        return [int(count) for count in text.split(",")]
    try:
        return float(text)
    except ValueError:
        return text


def callbacks(model, x, y, test, output, phases):
    """Scores, losses and pictures; the backup last, so that it covers the others."""
    backup = output / "backup"
    if not _RESUME.value:
        shutil.rmtree(backup, ignore_errors=True)
    result = [
        EvaluationCSV(output / "scores.csv", {"test": test}, every=phases),
        HistoryCSV(output / "history.csv", append=_RESUME.value),
    ]
    if is_drawable(model.sample_shape):
        path = output / "samples.png"
        result.append(SampleGrid(x, y, path, log_dir=_TENSORBOARD.value))
    if _TENSORBOARD.value:
        result.append(keras.callbacks.TensorBoard(_TENSORBOARD.value))
    return [*result, keras.callbacks.BackupAndRestore(backup, delete_checkpoint=False)]


def main(_):
    output = pathlib.Path(_OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    (x, y), test = kerasos.data.load(
        _DATASET.value, class_counts(_COUNTS.value), _DATA_DIR.value, _SEED.value
    )
    model = build(x, y)
    phases = len(model.stages)
    every = _EVERY.value if phases == 1 else len(x) // _BATCH.value
    steps = _STEPS.value
    if _SMOKE.value:
        every, steps = 10, 20
    epochs = phases * (_EPOCHS.value or -(-steps // every))
    data = kerasos.data.batches(
        x, y, _BATCH.value, seed=_SEED.value, steps_per_epoch=every
    )
    watchers = callbacks(model, x, y, test, output, phases)
    model.fit(data, epochs=epochs, callbacks=watchers)
    with open(output / "scores.csv", encoding="utf-8") as file:
        *_, last = csv.DictReader(file)
    print(", ".join(f"{name} {last[name][:6]}" for name in ("steps", "acsa", "g_mean")))
    model.save(output / "model.keras")
    name = pathlib.Path(_DATASET.value).stem
    card = {
        "command": " ".join(["python", *sys.argv]),
        "dataset": name,
        "scores": {
            "test_acsa": float(last["acsa"]),
            "test_g_mean": float(last["g_mean"]),
        },
    }
    model.export(output / "saved_model" / f"gamo_{name}", card=card)


if __name__ == "__main__":
    app.run(main)
