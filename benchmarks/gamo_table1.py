"""GAMO's table 1 on MNIST (dense) or Fashion-MNIST (convolutional), IR 100.

    python benchmarks/gamo_table1.py --dataset mnist --data_dir DIR \
        --methods none,random,smote,copies,gamo_no_d,gamo --repeats 3

Every repeat is a new subsample and a new initialisation. The classifier is scored
every 250 steps (dense) or pass (convolutional), on the full test set and on a draw
of 100 test images a class; a cell's score is the mean of its last ten evaluations.
A finished cell is a row of the CSV and is not run again; a killed run resumes inside
its cell.
"""

import csv
import fcntl
import os
import pathlib
import shutil
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

import kerasos
from kerasos.callbacks import EvaluationCSV
from kerasos.evaluation import gamo_classifier

_DATASET = flags.DEFINE_enum(
    "dataset", "mnist", ["mnist", "fashion_mnist"], "Data set."
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared TFDS data.")
_METHODS = flags.DEFINE_list("methods", "none,copies,gamo", "What to run.")
_REPEATS = flags.DEFINE_list("repeats", "0,1,2", "Numbers of the repeats.")
_STEPS = flags.DEFINE_integer("steps", 25_000, "Training steps (paper: 25,000).")
_OUTPUT = flags.DEFINE_string("output_dir", "benchmarks/results", "Folder.")
_WORK = flags.DEFINE_string("work_dir", "runs", "Folder of checkpoints and curves.")
_THREADS = flags.DEFINE_integer("threads", 0, "CPU threads; 0 for all.")

EVALUATE_EVERY = 250
BATCH = 32
NAMES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
# method: (name in the published table or ours, oversampler before, GAMO's options)
METHODS = {
    "none": ("Baseline CN", "none", None),
    "random": ("Random+CN", "random", None),
    "smote": ("SMOTE+CN", "smote", None),
    "augment": ("Augment+CN", "augment", None),
    "copies": ("Random copies, batch-wise", None, {"generator": "copies"}),
    "pairs": ("Random pairs, batch-wise", None, {"generator": "pairs"}),
    "gamo_no_d": ("GAMO\\D", None, {"discriminator": False}),
    "gamo": ("GAMO", None, {}),
    "gamo_anchor_share": ("GAMO, anchor share .9 (ours)", None, {"anchor_share": 0.9}),
}
COLUMNS = (
    "paper,table,dataset,setting,method,metric,mean,std,repeat,n_repeats,seed,steps,"
    "seconds,note"
).split(",")


def run_cell(dataset, method, repeat, steps, data_dir, work):
    """Trains one cell; returns the path of its curve and the seconds it took."""
    (x, y), (x_test, y_test) = kerasos.data.load(
        dataset, class_counts="gamo", data_dir=data_dir, seed=repeat
    )
    draw = kerasos.data.subsample(y_test, [100] * 10, seed=repeat)
    tests = {"full": (x_test, y_test), "1k": (x_test[draw], y_test[draw])}
    variant = "conv" if dataset == "fashion_mnist" else "dense"
    _, oversampler, options = METHODS[method]
    phases = 1
    if options is None:
        spec = kerasos.data.DataSpec.of(x, y)
        balancer = kerasos.get_method(oversampler).from_data(x, y, seed=repeat)
        x, y, _ = balancer.oversample(x, y, seed=repeat)
        model = gamo_classifier(spec, "ls", variant, seed=repeat)
    else:
        model = kerasos.GAMO.from_data(x, y, seed=repeat, variant=variant, **options)
        phases = len(model.stages)
    every = EVALUATE_EVERY if variant == "dense" else len(x) // BATCH
    data = kerasos.data.batches(x, y, BATCH, seed=repeat, steps_per_epoch=every)
    curve = work / "curve.csv"
    started = time.monotonic()
    model.fit(
        data,
        epochs=phases * round(steps / every),
        verbose=0,
        callbacks=[
            EvaluationCSV(curve, tests, every=phases),
            keras.callbacks.BackupAndRestore(work / "backup"),
        ],
    )
    seconds = time.monotonic() - started
    if options is not None and model.learns_generator:
        model.save(work / "model.keras")
        anchors = model.effective_anchors()
        (work / "effective_anchors.txt").write_text(f"{anchors}\n")
    return curve, seconds


def rows_of(curve, dataset, method, repeat, steps, seconds):
    """The result rows of a finished cell: mean of the last ten evaluations."""
    with open(curve, newline="", encoding="utf-8") as file:
        evaluations = list(csv.DictReader(file))
    for test in ("full", "1k"):
        last = [row for row in evaluations if row["data_set"] == test][-10:]
        for metric, column in (("ACSA", "acsa"), ("GM", "g_mean")):
            values = [float(row[column]) for row in last]
            note = (
                f"test={test};last={values[-1]:.4f};evaluations={len(values)};"
                f"keras={keras.__version__};tensorflow={tf.__version__}"
            )
            yield {
                "paper": "GAMO2019",
                "table": 1,
                "dataset": NAMES[dataset],
                "setting": "loss=LS;IR=100",
                "method": METHODS[method][0],
                "metric": metric,
                "mean": f"{np.mean(values):.4f}",
                "std": f"{np.std(values, ddof=1):.4f}" if len(values) > 1 else "",
                "repeat": repeat,
                "n_repeats": 1,
                "seed": repeat,
                "steps": steps,
                "seconds": round(seconds),
                "note": note,
            }


def finished(path):
    if not path.is_file():
        return set()
    with open(path, newline="", encoding="utf-8") as file:
        return {
            (r["dataset"], r["method"], int(r["repeat"]), int(r["steps"]))
            for r in csv.DictReader(file)
        }


def append(path, rows):
    with open(path, "a", newline="", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        writer = csv.DictWriter(file, COLUMNS)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())


def main(_):
    tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
    tf.config.threading.set_inter_op_parallelism_threads(_THREADS.value)
    output = pathlib.Path(_OUTPUT.value) / "gamo_table1.csv"
    output.parent.mkdir(parents=True, exist_ok=True)
    dataset, steps = _DATASET.value, _STEPS.value
    for repeat in map(int, _REPEATS.value):
        for method in _METHODS.value:
            key = (NAMES[dataset], METHODS[method][0], repeat, steps)
            if key in finished(output):
                continue
            work = pathlib.Path(_WORK.value, f"{dataset}_{method}_{repeat}_{steps}")
            work.mkdir(parents=True, exist_ok=True)
            curve, seconds = run_cell(
                dataset, method, repeat, steps, _DATA_DIR.value, work
            )
            rows = list(rows_of(curve, dataset, method, repeat, steps, seconds))
            append(output, rows)
            shutil.rmtree(work / "backup", ignore_errors=True)
            print(method, repeat, rows[0]["mean"], f"{seconds:.0f} s", file=sys.stderr)
            keras.backend.clear_session()


if __name__ == "__main__":
    app.run(main)
