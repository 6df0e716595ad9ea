"""Time of a training step, against its own unit of work and a bare matrix product.

    python benchmarks/step_time.py
    python benchmarks/step_time.py --method=cvae --rounds=7 --steps=3 --output=FILE
    python benchmarks/step_time.py --method=upsample --shape=14,14,256 --filters=128

The unit of a GAMO step is its two classifier and two discriminator updates alone. Any
other method is held against the bare sum, the convolutions, matrix products and Adam
updates of its own step; and `sample` against its decoder. Where the generator has
`UpsampleConv2D`, its last stage is also held against the same step with upsampling
and convolution one after the other. `upsample` is that layer alone: `folded` is
`UpsampleConv2D`, `plain` is `Conv2D` of `UpSampling2D(2)` with the same weights;
forward, and with the gradients of image and kernel.

Everything is timed in turn, round after round after a warm-up, so that a slow moment
of the machine falls on all alike; medians are reported, and ratios mean more than
milliseconds. One row a run is appended to the CSV. `guarded_over_plain` is a step on a
user's own dataset of floats, each batch looked at on the way as `fit` does, over the
same without the look; both with the reading of the batch.
"""

import os
import warnings

import keras
import numpy as np
import step_parts
import tensorflow as tf
from absl import app, flags
from timing import add_row, machine, peak_mb, time_in_turn

import kerasos
from kerasos.data.pipeline import guarded
from kerasos.layers import UpsampleConv2D

# Of the papers; but 8 for BAGAN, not 128: its 5x5 convolutions of 256 maps take about
# a second a step even so, on two cores.
BATCHES = {"gamo": 32, "cvae": 64, "cgan": 64, "cdcgan": 32, "acgan": 64, "bagan": 8}
BATCHES.update(infogan=64, imsic=64, upsample=64)
# For `upsample`, the second such block of IMSIC's generator at 32 pixels.
SHAPES = {"upsample": (16, 16, 128)}

_METHOD = flags.DEFINE_enum("method", "gamo", list(BATCHES), "What is timed.")
_BATCH = flags.DEFINE_integer("batch", None, "Batch size; not for GAMO.", 1)
_SHAPE = flags.DEFINE_list("shape", None, "Shape of a sample; not for GAMO.")
_FILTERS = flags.DEFINE_integer("filters", 64, "Maps after `upsample`.", 1)
_TAPS = flags.DEFINE_integer("taps", 3, "Side of the kernel of `upsample`, odd.", 1)
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
    """Noise with the class counts of IR 100: what pixels show takes no time."""
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


def main(_):
    row = machine()
    if _METHOD.value == "gamo":
        row.update(jit_compile=_JIT.value, **gamo_times())
    else:
        shape = tuple(map(int, _SHAPE.value or SHAPES.get(_METHOD.value, (28, 28, 1))))
        batch = _BATCH.value or BATCHES[_METHOD.value]
        row.update(method=_METHOD.value, shape="x".join(map(str, shape)), batch=batch)
        row.update(rounds=_ROUNDS.value, steps=_STEPS.value)
        measure = upsample_times if _METHOD.value == "upsample" else method_times
        row.update(measure(shape, batch))
    row["load_average_after"] = round(os.getloadavg()[0], 2)
    add_row(_OUTPUT.value, {**row, "peak_memory_mb": round(peak_mb())})


def timed(functions, data, steps=None):
    return time_in_turn(functions, data, _ROUNDS.value, steps or _STEPS.value)


def gamo_times():
    """Steps of GAMO in units, and the rate of a matrix product."""
    x, y = mnist_like()
    joint, per_class = (
        kerasos.GAMO.from_data(x, y, seed=0, g_update=update)
        for update in ("joint", "per_class")
    )
    steps = {
        "unit": unit_step(joint),
        "joint": joint.train_step,
        "per_class": per_class.train_step,
    }
    if _CONV.value:
        conv = kerasos.GAMO.from_data(x, y, seed=0, variant="conv")
        for stage in conv.stages:
            steps[f"conv_{stage}"] = stage_step(conv, stage)
    functions = {
        name: tf.function(step, jit_compile=_JIT.value) for name, step in steps.items()
    }
    matrix = tf.random.normal((1024, 1024), seed=0)
    functions["matmul"] = tf.function(lambda _: matrix @ matrix)
    times = timed(functions, (tf.constant(x[:BATCH]), tf.constant(y[:BATCH], tf.int32)))
    row = {}
    for name in steps:
        row[f"{name}_ms"] = round(times[name], 3)
        row[f"{name}_units"] = round(times[name] / times["unit"], 2)
    row["matmul_gflops"] = round(2 * 1024**3 / times["matmul"] / 1e6, 1)
    return row


def method_times(shape, batch):
    """Steps of a method over their bare sum, `sample` over its decoder."""
    x, y = mnist_like(shape=shape)
    model = kerasos.get_method(_METHOD.value).from_data(x, y, seed=0)
    y = np.random.default_rng(0).permutation(y)[:batch]
    data = (tf.constant(x[:batch]), tf.constant(y, tf.int32))
    row = {"default": "xla" if model.jit_compile else "plain"}
    for stage in model.stages:
        prefix = f"{stage}_" if len(model.stages) > 1 else ""
        values = stage_times(model, stage, data)
        row.update({prefix + name: value for name, value in values.items()})
    row.update(unfolded_times(model, data))
    row.update(guard_times(shape, batch))
    return {**row, **sample_times(model)}


def upsample_times(shape, batch):
    """Upsampling and convolution as two layers and as one."""
    folded = keras.Sequential([UpsampleConv2D(_FILTERS.value, _TAPS.value)])
    folded.build((None, *shape))
    plain = step_parts.unfolded(folded)
    plain.set_weights(folded.get_weights())
    x = tf.random.stateless_normal((batch, *shape), [0, 0])

    def with_gradients(layer):
        def step(x):
            kernel = layer.trainable_variables[0].value
            with tf.GradientTape() as tape:
                tape.watch([x, kernel])
                image = layer(x)
            return tape.gradient(image, [x, kernel])

        return step

    both = {"plain": plain, "folded": folded}
    functions = {
        f"{name}_{part}_{mode}": tf.function(call, jit_compile=mode == "xla")
        for name, layer in both.items()
        for part, call in (("forward", layer), ("gradients", with_gradients(layer)))
        for mode in ("graph", "xla")
    }
    row = {"filters": _FILTERS.value, "taps": _TAPS.value}
    row["difference"] = f"{np.max(np.abs(plain(x) - folded(x))):.1e}"
    times = timed(functions, x)
    row.update({f"{name}_ms": round(value, 2) for name, value in times.items()})
    for name in list(functions)[:4]:  # of `plain`
        ratio = times[name] / times[name.replace("plain", "folded")]
        row[name.replace("plain", "plain_over_folded")] = round(ratio, 2)
    return row


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
    times = timed(functions, data)
    row = {f"step_{name}_ms": round(value, 3) for name, value in times.items()}
    ratio = times["folded"] / times["unfolded"]
    return {**row, "folded_over_unfolded": round(ratio, 3)}


def guard_times(shape, batch):
    """A step on batches of a dataset that `fit` would guard, and on the bare ones."""
    x, y = mnist_like(shape=shape)
    x = (x[: 10 * batch] / 255).astype("float32")
    y = np.arange(len(x)) % len(COUNTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of repeated rows, which do not matter here
        model = kerasos.get_method(_METHOD.value).from_data(x, y, seed=0)
    plain = tf.data.Dataset.from_tensor_slices((x, y.astype("int32")))
    plain = plain.batch(batch, drop_remainder=True).repeat()
    step = tf.function(
        stage_step(model, model.stages[-1]), jit_compile=model.jit_compile
    )

    def reading(dataset):
        batches = iter(dataset)
        return lambda _: step(next(batches))

    functions = {
        "plain": reading(plain),
        "guarded": reading(guarded(plain, model.spec)),
    }
    times = timed(functions, None)
    row = {f"reading_{name}_ms": round(value, 3) for name, value in times.items()}
    ratio = times["guarded"] / times["plain"]
    return {**row, "guarded_over_plain": round(ratio, 3)}


def stage_times(model, stage, data):
    """Milliseconds of a step, with XLA and without, and of what it consists of."""
    step = stage_step(model, stage)
    traced = tf.function(step).get_concrete_function(data)
    operations = step_parts.needed_operations(traced)
    players = step_parts.moving_players(model, traced)
    by_keras, fused = step_parts.updates(model, players)
    types = {"convolutions": step_parts.CONVOLUTIONS, "products": step_parts.PRODUCTS}
    modes = ["plain", "xla"] if _JIT.value or model.jit_compile else ["plain"]
    functions = {"fused_adam": tf.function(fused)}
    for mode in modes:
        xla = mode == "xla"
        functions[f"step_{mode}"] = tf.function(step, jit_compile=xla)
        for part, names in types.items():
            calls = step_parts.bare_calls(operations, names)
            functions[f"{part}_{mode}"] = step_parts.run_all(calls, xla)
        functions[f"adam_{mode}"] = tf.function(by_keras, jit_compile=xla)
    times = timed(functions, data)
    row = {f"{name}_ms": round(value, 3) for name, value in times.items()}
    for mode in modes:
        bare = sum(times[f"{part}_{mode}"] for part in (*types, "adam"))
        row[f"bare_{mode}_ms"] = round(bare, 3)
        row[f"step_over_bare_{mode}"] = round(times[f"step_{mode}"] / bare, 2)
    # The hardest goal: each part as fast as it can be had, whatever the compiler.
    least = sum(min(times[f"{part}_{mode}"] for mode in modes) for part in types)
    least += min([times[f"adam_{mode}"] for mode in modes] + [times["fused_adam"]])
    default = "xla" if model.jit_compile else "plain"
    row["step_over_bare"] = row[f"step_over_bare_{default}"]
    row["step_over_least"] = round(times[f"step_{default}"] / least, 2)
    row["operations"] = step_parts.count_types(operations, sum(types.values(), ()))
    return row


def sample_times(model):
    """Images a second of `sample`, and of the decoder alone at the same batch."""
    rows, chunks = _SAMPLE_BATCH.value, _CHUNKS.value
    network = model.decoder if hasattr(model, "decoder") else model.generator
    inputs = tf.nest.map_structure(
        lambda spec: tf.random.normal((rows, spec.shape[-1]), seed=0), network.input
    )
    decode = tf.function(lambda: network(inputs, training=False))
    labels = np.resize(model.sampled_labels, rows * chunks)
    functions = {
        "sample": lambda _: model.sample(labels, seed=0, batch_size=rows, verbose=0),
        "decoder": lambda _: [decode() for _ in range(chunks)][-1][0],
    }
    times = timed(functions, None, 1)
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
