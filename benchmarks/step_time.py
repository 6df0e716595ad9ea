"""Time of a training step, against its own unit of work and a bare matrix product.

    python benchmarks/step_time.py
    python benchmarks/step_time.py --method=cvae --rounds=7 --steps=3 --output=FILE

The unit of a GAMO step is its two classifier and two discriminator updates alone. Any
other method is held against the bare sum, the convolutions, matrix products and Adam
updates of its own step; and `sample` against its decoder. Where the generator has
`UpsampleConv2D`, its last stage is also held against the same step with upsampling
and convolution one after the other.

Everything is timed in turn, round after round after a warm-up, so that a slow moment
of the machine falls on all alike; medians are reported, and ratios mean more than
milliseconds. One row a run is appended to the CSV.
"""

import datetime
import os
import pathlib
import resource

import keras
import numpy as np
import step_parts
import tensorflow as tf
from absl import app, flags
from timing import append, time_in_turn

import kerasos

# Of the papers; but 8 for BAGAN, not 128: its 5x5 convolutions of 256 maps take about
# a second a step even so, on two cores.
BATCHES = {"gamo": 32, "cvae": 64, "cgan": 64, "cdcgan": 32, "acgan": 64, "bagan": 8}
BATCHES.update(infogan=64, imsic=64)

_METHOD = flags.DEFINE_enum("method", "gamo", list(BATCHES), "What is timed.")
_BATCH = flags.DEFINE_integer("batch", None, "Batch size; not for GAMO.", 1)
_SHAPE = flags.DEFINE_list("shape", [28, 28, 1], "Shape of a sample; not for GAMO.")
_SAMPLE_BATCH = flags.DEFINE_integer("sample_batch", 512, "Samples a batch.", 1)
_CHUNKS = flags.DEFINE_integer("sample_chunks", 2, "Batches a `sample` call.", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Timed rounds; medians are reported.")
_STEPS = flags.DEFINE_integer("steps", 30, "Steps a round.")
_JIT = flags.DEFINE_bool("jit_compile", True, "Compile the steps with XLA.")
_CONV = flags.DEFINE_bool("conv", False, "Time the convolutional variant too.")
_OUTPUT = flags.DEFINE_string("output", "benchmarks/results/step_time.csv", "CSV.")

COUNTS = (4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)
BATCH = BATCHES["gamo"]


def mnist_like(seed=0, shape=(28, 28, 1)):
    """Noise of MNIST's shape with the class counts of IR 100: time is no matter of
    what the pixels show."""
    source = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(COUNTS)), COUNTS)
    return source.integers(0, 256, (len(y), *shape), dtype="uint8"), y


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


def main(_):
    row = {
        "date": datetime.date.today().isoformat(),
        "kerasos": kerasos.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "cores": os.cpu_count(),
    }
    if _METHOD.value == "gamo":
        row["jit_compile"] = _JIT.value
        row.update(gamo_times())
    else:
        row["load_average"] = round(os.getloadavg()[0], 2)
        row.update(method_times())
        row["load_average_after"] = round(os.getloadavg()[0], 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row["peak_memory_mb"] = round(peak)
    for name, value in row.items():
        print(f"{name:32} {value}")
    append(pathlib.Path(_OUTPUT.value), row)


def gamo_times():
    """Steps of GAMO in units, and the rate of a matrix product."""
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
    row = {}
    for name in steps:
        row[f"{name}_ms"] = round(times[name], 3)
        row[f"{name}_units"] = round(times[name] / times["unit"], 2)
    row["matmul_gflops"] = round(operations / times["matmul"] / 1e6, 1)
    return row


def method_times():
    """Steps of a method over their bare sum, `sample` over its decoder."""
    shape = tuple(int(size) for size in _SHAPE.value)
    batch = _BATCH.value or BATCHES[_METHOD.value]
    x, y = mnist_like(shape=shape)
    model = kerasos.get_method(_METHOD.value).from_data(x, y, seed=0)
    y = np.random.default_rng(0).permutation(y)[:batch]
    data = (tf.constant(x[:batch]), tf.constant(y, tf.int32))
    row = {
        "method": _METHOD.value,
        "shape": "x".join(map(str, shape)),
        "batch": batch,
        "rounds": _ROUNDS.value,
        "steps": _STEPS.value,
        "default": "xla" if model.jit_compile else "plain",
    }
    for stage in model.stages:
        prefix = f"{stage}_" if len(model.stages) > 1 else ""
        values = stage_times(model, stage, data)
        row.update({prefix + name: value for name, value in values.items()})
    row.update(unfolded_times(model, data))
    return {**row, **sample_times(model)}


def unfolded_times(model, data):
    """The last stage's step with and without folded upsampling, if there is any."""
    if not step_parts.is_folded(getattr(model, "generator", None)):
        return {}
    unfolded = type(model).from_config(model.get_config())
    unfolded.generator = step_parts.unfolded(unfolded.generator)
    unfolded.compile(jit_compile=model.jit_compile)
    functions = {
        name: tf.function(stage_step(m, m.stages[-1]), jit_compile=m.jit_compile)
        for name, m in (("folded", model), ("unfolded", unfolded))
    }
    times = time_in_turn(functions, data, _ROUNDS.value, _STEPS.value)
    row = {f"step_{name}_ms": round(value, 3) for name, value in times.items()}
    ratio = times["folded"] / times["unfolded"]
    return {**row, "folded_over_unfolded": round(ratio, 3)}


def stage_times(model, stage, data):
    """Milliseconds of a step, with XLA and without, and of what it consists of."""
    step = stage_step(model, stage)
    plain = tf.function(step)
    traced = plain.get_concrete_function(data)
    operations = step_parts.needed_operations(traced)
    players = step_parts.moving_players(model, traced)
    by_keras, fused = step_parts.updates(model, players)
    convolutions, products = (
        step_parts.bare_calls(operations, types)
        for types in (step_parts.CONVOLUTIONS, step_parts.PRODUCTS)
    )
    modes = ["plain", "xla"] if _JIT.value or model.jit_compile else ["plain"]
    functions = {"fused_adam": tf.function(fused)}
    for mode in modes:
        jit = mode == "xla"
        functions[f"step_{mode}"] = (
            tf.function(step, jit_compile=True) if jit else plain
        )
        functions[f"convolutions_{mode}"] = step_parts.run_all(convolutions, jit)
        functions[f"products_{mode}"] = step_parts.run_all(products, jit)
        functions[f"adam_{mode}"] = tf.function(by_keras, jit_compile=jit)
    times = time_in_turn(functions, data, _ROUNDS.value, _STEPS.value)
    row = {f"{name}_ms": round(value, 3) for name, value in times.items()}
    parts = ("convolutions", "products", "adam")
    for mode in modes:
        bare = sum(times[f"{part}_{mode}"] for part in parts)
        row[f"bare_{mode}_ms"] = round(bare, 3)
        row[f"step_over_bare_{mode}"] = round(times[f"step_{mode}"] / bare, 2)
    # The hardest goal: each part as fast as it can be had, whatever the compiler.
    least = sum(min(times[f"{part}_{mode}"] for mode in modes) for part in parts[:2])
    least += min([times[f"adam_{mode}"] for mode in modes] + [times["fused_adam"]])
    default = "xla" if model.jit_compile else "plain"
    row["step_over_bare"] = row[f"step_over_bare_{default}"]
    row["step_over_least"] = round(times[f"step_{default}"] / least, 2)
    every = (*step_parts.CONVOLUTIONS, *step_parts.PRODUCTS)
    row["operations"] = step_parts.count_types(operations, every)
    return row


def sample_times(model):
    """Images a second of `sample`, and of the decoder alone at the same batch."""
    rows, chunks = _SAMPLE_BATCH.value, _CHUNKS.value
    network = model.decoder if hasattr(model, "decoder") else model.generator
    specs = tf.nest.flatten(network.input)
    inputs = [tf.random.normal((rows, spec.shape[-1]), seed=0) for spec in specs]
    inputs = tf.nest.pack_sequence_as(network.input, inputs)
    decode = tf.function(lambda: network(inputs, training=False))
    labels = np.resize(model.sampled_labels, rows * chunks)

    def sample(_):
        return model.sample(labels, seed=0, batch_size=rows, verbose=0)

    def decoder(_):
        for _ in range(chunks):
            images = decode()
        return images[0]

    functions = {"sample": sample, "decoder": decoder}
    times = time_in_turn(functions, None, _ROUNDS.value, 1)
    row = {"sample_batch": rows}
    for name, milliseconds in times.items():
        row[f"{name}_images_s"] = round(1e3 * len(labels) / milliseconds, 1)
    row["sample_over_decoder"] = round(times["sample"] / times["decoder"], 2)
    return row


def stage_step(model, stage):
    def step(data):
        model.stage = stage
        return model.train_step(data)

    return step


if __name__ == "__main__":
    app.run(main)
