"""Time of a training step, against its own unit of work and a bare matrix product.

    python benchmarks/step_time.py

The unit of a GAMO step is its two classifier and two discriminator updates alone.
Everything is timed in turn, round after round after a warm-up, so that a slow moment
of the machine falls on all alike; medians are reported, and ratios mean more than
milliseconds. One row a run is appended to the CSV.
"""

import csv
import datetime
import os
import pathlib
import resource
import time

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

import kerasos

_ROUNDS = flags.DEFINE_integer("rounds", 9, "Timed rounds; medians are reported.")
_STEPS = flags.DEFINE_integer("steps", 30, "Steps a round.")
_JIT = flags.DEFINE_bool("jit_compile", True, "Compile the steps with XLA.")
_CONV = flags.DEFINE_bool("conv", False, "Time the convolutional variant too.")
_OUTPUT = flags.DEFINE_string("output", "benchmarks/results/step_time.csv", "CSV.")

COUNTS = (4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)
BATCH = 32


def mnist_like(seed=0):
    """Noise of MNIST's shape with the class counts of IR 100: time is no matter of
    what the pixels show."""
    source = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(COUNTS)), COUNTS)
    return source.integers(0, 256, (len(y), 28, 28, 1), dtype="uint8"), y


def unit_step(model):
    """Two updates of M and two of D, as in a step, and nothing else."""

    def step(data):
        x, y = data
        one_hot = tf.one_hot(y, model.spec.num_classes)
        features = tf.reshape(model.to_model(x), (-1, model.spec.num_features))
        for tag in ("real", "fake"):
            model._classifier_step(features, one_hot)
            target = model.uniform(BATCH, f"target_{tag}", 0.1)
            model._discriminator_step(features, one_hot, target)
        return model.finish_step()

    return step


def matrix_product(size=1024):
    a = tf.random.normal((size, size), seed=0)

    def product(_):
        return a @ a

    return product, 2 * size**3


def time_in_turn(functions, data, rounds, steps):
    """Returns the median milliseconds a call of each function."""
    for function in functions.values():
        function(data)
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            started = time.perf_counter()
            for _ in range(steps):
                result = function(data)
            tf.nest.map_structure(np.asarray, result)
            times[name].append((time.perf_counter() - started) / steps * 1e3)
    return {name: float(np.median(values)) for name, values in times.items()}


def main(_):
    x, y = mnist_like()
    build = kerasos.GAMO.from_data
    joint = build(x, y, seed=0, g_update="joint")
    per_class = build(x, y, seed=0, g_update="per_class")
    product, operations = matrix_product()
    steps = {
        "unit": unit_step(joint),
        "joint": joint.train_step,
        "per_class": per_class.train_step,
    }
    if _CONV.value:
        conv = build(x, y, seed=0, variant="conv")
        for stage in conv.stages:
            steps[f"conv_{stage}"] = stage_step(conv, stage)
    functions = {
        name: tf.function(step, jit_compile=_JIT.value) for name, step in steps.items()
    }
    functions["matmul"] = tf.function(product)
    data = (tf.constant(x[:BATCH]), tf.constant(y[:BATCH], tf.int32))
    times = time_in_turn(functions, data, _ROUNDS.value, _STEPS.value)
    row = {
        "date": datetime.date.today().isoformat(),
        "kerasos": kerasos.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "cores": os.cpu_count(),
        "jit_compile": _JIT.value,
    }
    for name in steps:
        row[f"{name}_ms"] = round(times[name], 3)
        row[f"{name}_units"] = round(times[name] / times["unit"], 2)
    row["matmul_gflops"] = round(operations / times["matmul"] / 1e6, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row["peak_memory_mb"] = round(peak)
    for name, value in row.items():
        print(f"{name:24} {value}")
    append(pathlib.Path(_OUTPUT.value), row)


def stage_step(model, stage):
    def step(data):
        model.stage = stage
        return model.train_step(data)

    return step


def append(path, row):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    if path.is_file():
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    columns = list(dict.fromkeys([k for r in [*rows, row] for k in r]))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows([*rows, row])


if __name__ == "__main__":
    app.run(main)
