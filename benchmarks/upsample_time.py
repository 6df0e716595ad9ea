"""Time of upsampling and convolution: two layers, or folded into one.

    python benchmarks/upsample_time.py
    python benchmarks/upsample_time.py --side=14 --taps=5 --channels=256 --filters=128

`plain` is `Conv2D` of `UpSampling2D(2)`, `folded` is `UpsampleConv2D` with the same
weights; forward, and with the gradients of image and kernel. Both are timed in turn,
round after round after a warm-up: their ratio means more than milliseconds. One row a
run is appended to the CSV.
"""

import datetime
import os
import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from timing import append, time_in_turn

from kerasos.layers import UpsampleConv2D

# The second such block of IMSIC's generator at 32 pixels.
_BATCH = flags.DEFINE_integer("batch", 64, "Images a batch.", 1)
_SIDE = flags.DEFINE_integer("side", 16, "Side of the image before it is doubled.", 1)
_CHANNELS = flags.DEFINE_integer("channels", 128, "Channels before.", 1)
_FILTERS = flags.DEFINE_integer("filters", 64, "Channels after.", 1)
_TAPS = flags.DEFINE_integer("taps", 3, "Side of the kernel, odd.", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Timed rounds; medians are reported.", 1)
_STEPS = flags.DEFINE_integer("steps", 5, "Calls a round.", 1)
_OUTPUT = flags.DEFINE_string("output", "benchmarks/results/upsample_time.csv", "CSV.")


def layers():
    """`{name: layer}`, with equal weights."""
    start = keras.initializers.GlorotUniform(0)
    options = {"use_bias": False, "kernel_initializer": start}
    plain = keras.Sequential(
        [
            keras.layers.UpSampling2D(2),
            keras.layers.Conv2D(_FILTERS.value, _TAPS.value, padding="same", **options),
        ]
    )
    folded = UpsampleConv2D(_FILTERS.value, _TAPS.value, **options)
    for layer in (plain, folded):
        layer.build((None, _SIDE.value, _SIDE.value, _CHANNELS.value))
    return {"plain": plain, "folded": folded}


def with_gradients(layer):
    def step(x):
        (kernel,) = layer.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch(x)
            image = layer(x)
        return tape.gradient(image, [x, kernel.value])

    return step


def main(_):
    shape = (_BATCH.value, _SIDE.value, _SIDE.value, _CHANNELS.value)
    x = tf.random.stateless_normal(shape, [0, 0])
    functions, images = {}, []
    for name, layer in layers().items():
        images.append(layer(x))
        for mode in ("graph", "xla"):
            xla = mode == "xla"
            functions[f"{name}_forward_{mode}"] = tf.function(layer, jit_compile=xla)
            step = tf.function(with_gradients(layer), jit_compile=xla)
            functions[f"{name}_gradients_{mode}"] = step
    row = {
        "date": datetime.date.today().isoformat(),
        "tensorflow": tf.__version__,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "shape": "x".join(map(str, shape)),
        "filters": _FILTERS.value,
        "taps": _TAPS.value,
        "rounds": _ROUNDS.value,
        "steps": _STEPS.value,
        "difference": f"{np.max(np.abs(images[0] - images[1])):.1e}",
    }
    times = time_in_turn(functions, x, _ROUNDS.value, _STEPS.value)
    for part in ("forward", "gradients"):
        for mode in ("graph", "xla"):
            plain, folded = (times[f"{n}_{part}_{mode}"] for n in ("plain", "folded"))
            row[f"plain_{part}_{mode}_ms"] = round(plain, 2)
            row[f"folded_{part}_{mode}_ms"] = round(folded, 2)
            row[f"plain_over_folded_{part}_{mode}"] = round(plain / folded, 2)
    for name, value in row.items():
        print(f"{name:34} {value}")
    append(pathlib.Path(_OUTPUT.value), row)


if __name__ == "__main__":
    app.run(main)
