"""Every method with a network on the device that is there.

    python benchmarks/device_check.py
    python benchmarks/device_check.py --methods=gamo,gamo:variant=conv --steps=50
    python benchmarks/device_check.py --replicas=2 --methods=cvae,gamo

Trains each method from `from_data` and `fit` with their defaults, on noise with the
class counts of MNIST at imbalance 100 (`--shape`), and adds a row a method to the CSV
file, with the device's name:

- `import_s`: a fresh process that imports TensorFlow and ends, the unit of what a user
  waits for; `build_s`: `from_data`; `first_step_s`: from the begin of `fit` or of a
  stage to the end of its first step (tracing, compiling, reading the data);
- `ms`: a step, in the best epoch of a stage; `product_ms`, `convolution_ms`: a product
  of 2048x2048 matrices and a 3x3 convolution of 64 images of 28x28x64, measured before
  each method, for the machine's moment;
- `onednn`: whether TensorFlow uses it, which `TF_ENABLE_ONEDNN_OPTS` decides;
- `compiled`: by XLA, which GAMO takes on a processor from 2,000 steps on only:
  `--jit_compile=true` measures such a run;
- `finite`: all losses; `vars_on`: devices of the variables;
- `kernels`: instructions of the step's program as XLA compiles it for this device that
  start a kernel, those in loops once, `fusions` of them fused. `whole` says whether a
  step is one program, with nothing on the host; where it is not, why. With
  `--nokernels` they are left out (compiling takes a while);
- `samples_s`: a second of `sample`; `saved_difference`, `chunk_difference`: largest
  difference of samples with the same seed after saving and loading, and in chunks of
  another size; `served`: the shape that the exported model answers with;
- `peak_mb`: of the device's memory, or of the process on a CPU.

An error is a row, too. With `--replicas` the device is split into as many logical
ones, and `fit` runs under `MirroredStrategy`; nothing but its columns is measured.
"""

import os
import re
import subprocess
import sys
import tempfile
import time

import entries
import keras
import numpy as np
import tensorflow as tf
from absl import app, flags, logging
from timing import add_row, forget_peak, machine, resident_mb, time_in_turn

import kerasos
from kerasos.command.doctor import onednn

_METHODS = flags.DEFINE_list("methods", None, "As in entries.py. Default: all.")
_SHAPE = flags.DEFINE_list("shape", ["28", "28", "1"], "Of an image, or of a row.")
_BATCH = flags.DEFINE_integer("batch", 64, "Rows a step; GAMO's are half.", 2)
_STEPS = flags.DEFINE_integer("steps", 20, "An epoch.", 2)
_COUNTS = flags.DEFINE_list(
    "counts", "4000,2000,1000,750,500,350,200,100,60,40".split(","), "Rows a class."
)
_SAMPLES = flags.DEFINE_integer("samples", 2_048, "Drawn for their speed.", 1)
_REPLICAS = flags.DEFINE_integer("replicas", 1, "Logical devices.", 1)
_KERNELS = flags.DEFINE_bool("kernels", True, "Count the kernels of a step.")
_JIT = flags.DEFINE_enum("jit_compile", "auto", ["auto", "true", "false"], "XLA.")
_SEED = flags.DEFINE_integer("seed", 0, "Fixes data and training.")
_OUTPUT = flags.DEFINE_string(
    "output", "benchmarks/results/device_check.csv", "Rows are added here."
)

NO_KERNEL = {
    "bitcast",
    "call",
    "conditional",
    "constant",
    "get-tuple-element",
    "parameter",
    "partition-id",
    "replica-id",
    "tuple",
    "while",
}
HOST = ("send", "recv", "infeed", "outfeed", "host_compute", "callback")


def device():
    """Returns the kind and the name of the device that TensorFlow takes."""
    cards = tf.config.list_physical_devices("GPU")
    if cards:
        details = tf.config.experimental.get_device_details(cards[0])
        return "GPU", details.get("device_name", "GPU")
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = re.findall(r"model name\s*: (.*)", info.read())
    return "CPU", names[0] if names else "CPU"


def split_device(kind, replicas):
    """Makes logical devices; before anything is computed."""
    memory = {"memory_limit": 16_000} if kind == "GPU" else {}
    part = tf.config.LogicalDeviceConfiguration(**memory)
    physical = tf.config.list_physical_devices(kind)[0]
    tf.config.set_logical_device_configuration(physical, [part] * replicas)
    return [f"{kind}:{index}" for index in range(replicas)]


def import_seconds():
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import tensorflow"], check=True, capture_output=True
    )
    return round(time.perf_counter() - started, 1)


def noise(shape, counts, seed):
    """Returns images of uint8, or rows in (-1, 1), each class around its own."""
    source = np.random.default_rng(seed)
    y = source.permutation(np.repeat(np.arange(len(counts)), counts))
    if len(shape) == 1:
        centres = source.normal(size=(len(counts), *shape))
        rows = np.tanh(centres[y] + source.normal(size=(len(y), *shape)))
        return rows.astype("float32"), y
    centres = source.integers(0, 156, (len(counts), *shape))
    return (centres[y] + source.integers(0, 100, (len(y), *shape))).astype("uint8"), y


def units():
    """Milliseconds of a bare product and a bare convolution."""
    matrix = tf.random.normal((2048, 2048), seed=0)
    images = tf.random.normal((64, 28, 28, 64), seed=0)
    kernel = tf.random.normal((3, 3, 64, 64), seed=0)
    functions = {
        "product_ms": tf.function(lambda _: matrix @ matrix),
        "convolution_ms": tf.function(
            lambda _: tf.nn.conv2d(images, kernel, 1, "SAME")
        ),
    }
    return {k: round(v, 3) for k, v in time_in_turn(functions, None, 5, 3).items()}


class Clock(keras.callbacks.Callback):
    """Times the first step and the other steps of each stage."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.first, self.milliseconds = {}, {}

    def on_train_begin(self, logs=None):
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if batch == 0:
            tf.nest.map_structure(np.asarray, logs)
            self.after_first = time.perf_counter()
            seconds = self.after_first - self.began
            self.first.setdefault(self.model.stage, round(seconds, 2))

    def on_epoch_end(self, epoch, logs=None):
        now, stage = time.perf_counter(), self.model.stage
        one = (now - self.after_first) * 1e3 / (self.steps - 1)
        self.milliseconds[stage] = min(one, self.milliseconds.get(stage, one))
        self.began = now


def by_stage(values, stages):
    """Returns the only value, or `stage value` of each."""
    if len(stages) == 1:
        return values[stages[0]]
    return " ".join(f"{stage} {values[stage]}" for stage in stages if stage in values)


def kernels(model, batch):
    """Returns the columns about the programs of the steps."""
    totals, fused, whole = {}, {}, {}
    for stage in model.stages:
        model.stage = stage
        step = tf.function(model.train_step, jit_compile=True, autograph=False)
        try:
            text = step.experimental_get_compiler_ir(batch)(stage="optimized_hlo")
        except Exception as error:  # of many kinds, and the row says which
            whole[stage] = f"no: {type(error).__name__} {str(error)[:200]}"
            continue
        counts = count_kernels(text)
        totals[stage], fused[stage] = counts["kernels"], counts["fusions"]
        whole[stage] = "yes" if not counts["host"] else f"no: {counts['host']}"
    found = {"kernels": totals, "fusions": fused, "whole": whole}
    return {name: by_stage(v, model.stages) for name, v in found.items() if v}


def count_kernels(text):
    """Counts in a program what starts a kernel; what a fusion consists of does not.

    Args:
        text: Optimised HLO.

    Returns:
        `{"kernels", "fusions", "host"}`, the last with what calls the host.
    """
    entry, parts = None, {}
    for line in text.splitlines():
        head = re.match(r"(ENTRY )?%?([\w.\-]+) \(.*\{$", line)
        if head:
            body = parts[head[2]] = []
            entry = head[2] if head[1] else entry
        found = re.match(r"\s+(?:ROOT )?%?[\w.\-]+ = .*? ([a-z][\w\-]*)\(", line)
        if found:
            body.append((found[1], line))
    counts, host, todo = {}, set(), [entry]
    while todo:
        for name, line in parts[todo.pop()]:
            counts[name] = counts.get(name, 0) + 1
            if name in ("while", "call", "conditional"):
                called = re.findall(
                    r"(?:body|condition|to_apply|computation)=%?([\w.\-]+)", line
                )
                branches = re.findall(r"branch_computations=\{(.*?)\}", line)
                called += re.findall(r"[\w.\-]+", " ".join(branches))
                todo.extend(called)
            if name.startswith(HOST) or (
                name == "custom-call" and any(word in line for word in HOST)
            ):
                host.add(name)
    total = sum(count for name, count in counts.items() if name not in NO_KERNEL)
    return {
        "kernels": total,
        "fusions": counts.get("fusion", 0),
        "host": " ".join(sorted(host)),
    }


def after_training(model, labels):
    """Returns the columns about samples, files and servers."""
    draw = {"seed": 1, "verbose": 0}
    samples = model.sample(labels, **draw)
    started = time.perf_counter()
    model.sample(labels, **draw)
    row = {"samples_s": round(len(labels) / (time.perf_counter() - started))}
    some, few = samples[:300].astype("float64"), labels[:300]

    def difference(others):
        return float(np.max(np.abs(some - others)))

    chunks = model.sample(few, batch_size=37, **draw)
    row["chunk_difference"] = difference(chunks)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model.save(path)
        loaded = keras.saving.load_model(path)
        row["saved_difference"] = difference(loaded.sample(few, **draw))
        served = tf.saved_model.load(model.export(os.path.join(folder, "served")))
        answer = served.signatures["serving_default"](
            labels=tf.constant(few[:5], tf.int32), seed=tf.range(5, dtype=tf.int64)
        )
        row["served"] = "x".join(map(str, answer["samples"].shape))
    return row


def check(row, entry, data, devices):
    """Adds to the row of one method."""
    method, options = entries.read(entry, passes=2)
    batch = row["batch"]
    row.update(units())
    kind = devices[0][:3]
    if kind == "GPU":
        tf.config.experimental.reset_memory_stats("GPU:0")
    else:
        forget_peak()
    started = time.perf_counter()
    strategy = tf.distribute.get_strategy()
    if len(devices) > 1:
        strategy = tf.distribute.MirroredStrategy(
            devices, tf.distribute.ReductionToOneDevice()
        )
    with strategy.scope():
        model = method.from_data(*data, seed=_SEED.value, **options)
        if _JIT.value != "auto":
            model.compile(jit_compile=_JIT.value == "true")
    row["build_s"] = round(time.perf_counter() - started, 2)
    row["parameters"] = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    clock = Clock(_STEPS.value)
    epochs = 2 * len(model.stages)
    batches = kerasos.data.batches(
        *data, batch, seed=_SEED.value, steps_per_epoch=_STEPS.value
    )
    history = model.fit(batches, epochs=epochs, verbose=0, callbacks=[clock]).history
    row["compiled"] = bool(model.uses_jit)
    row["first_step_s"] = by_stage(clock.first, model.stages)
    times = {stage: round(value, 2) for stage, value in clock.milliseconds.items()}
    row["ms"] = by_stage(times, model.stages)
    row["finite"] = all(np.isfinite(values[-1]) for values in history.values())
    if len(devices) == 1:
        places = {v.value.device.split(":", 3)[-1] for v in model.variables}
        row["vars_on"] = " ".join(sorted(places))
        if model.produces_samples:
            labels = np.resize(model.sampled_labels, _SAMPLES.value)
            row.update(after_training(model, labels))
    if kind == "GPU":
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6
    else:
        peak = resident_mb("VmHWM")
    row["peak_mb"] = round(peak)
    if _KERNELS.value and len(devices) == 1:
        row.update(kernels(model, next(iter(model.arrange(batches)))))


def main(_):
    logging.set_verbosity(logging.ERROR)
    kind, name = device()
    devices = [f"{kind}:0"]
    if _REPLICAS.value > 1:
        devices = split_device(kind, _REPLICAS.value)
    shape = tuple(map(int, _SHAPE.value))
    data = noise(shape, list(map(int, _COUNTS.value)), _SEED.value)
    found = {
        **machine(),
        "device": name,
        "onednn": onednn()["on"],
        "replicas": len(devices),
        "shape": "x".join(_SHAPE.value),
        "steps": _STEPS.value,
        "seed": _SEED.value,
        "import_s": import_seconds(),
    }
    for entry in _METHODS.value or methods_with_networks(shape):
        name, *options = entry.split(":")
        batch = _BATCH.value // 2 if name == "gamo" else _BATCH.value
        row = {"method": name, "options": ":".join(options), "batch": batch}
        try:
            check(row, entry, data, devices)
        except Exception as error:  # the next method is checked all the same
            row["error"] = f"{type(error).__name__}: {str(error)[:300]}"
        add_row(_OUTPUT.value, {**found, **row})
        print(flush=True)
        keras.backend.clear_session()


def methods_with_networks(shape):
    """Lists the methods that make data of this shape, and their variants."""
    kind = "images" if len(shape) == 3 else "tables"
    names = entries.with_networks()
    names = [name for name in names if kind in kerasos.get_method(name).makes]
    return names + (["gamo:variant=conv"] if kind == "images" else [])


if __name__ == "__main__":
    app.run(main)
