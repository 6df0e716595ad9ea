"""Memory and speed of a balanced stream over a folder of pictures.

    python benchmarks/balanced_stream.py --rows=20000 --side=128

Draws parts with defects (`kerasos.data.defects`) into a folder of PNG files, four
classes, reads it with `keras.utils.image_dataset_from_directory` and trains a method
for a few steps. Then two things are measured, each a row of the CSV file:

- `--measure=memory`: peak resident memory of making `balanced_dataset` and one epoch,
  and what was resident before: Python, TensorFlow and the method. Linux only.
- `--measure=speed`: steps a second of a classifier (`kerasos.evaluation.small_cnn`)
  trained from the stream and from arrays of as many pictures in memory (drawn class by
  class, `kerasos.data.batches(balanced=True)`), in turns, `--turns` epochs of each; by
  default so many that the pool of generated rows is made anew once. `ratio` is that of
  all steps by all seconds.
"""

import gc
import pathlib
import tempfile
import time

import keras
from absl import app, flags, logging
from timing import add_row, forget_peak, machine, resident_mb

import kerasos
from kerasos.evaluation import small_cnn

_MEASURE = flags.DEFINE_enum("measure", "memory", ["memory", "speed"], "What.")
_METHOD = flags.DEFINE_string("method", "cvae", "Name of the method.")
_ROWS = flags.DEFINE_integer("rows", 20_000, "Pictures in the folder.", 100)
_SIDE = flags.DEFINE_integer("side", 128, "Height and width of a picture.", 8)
_BATCH = flags.DEFINE_integer("batch_size", 32, "Of the classifier.", 1)
_STEPS = flags.DEFINE_integer("steps", 100, "Of a turn of the speed.", 1)
_TURNS = flags.DEFINE_integer("turns", 5, "Of each, for the speed.", 1)
_SHARES = flags.DEFINE_list("shares", ["0.8", "0.15", "0.04", "0.01"], "Of a class.")
_FOLDER = flags.DEFINE_string("folder", None, "Of the pictures. Default: temporary.")
_SEED = flags.DEFINE_integer("seed", 0, "Fixes data and training.")
_OUTPUT = flags.DEFINE_string(
    "output", "benchmarks/results/balanced_stream.csv", "Rows are added here."
)


def draw(folder):
    """Writes the pictures, some at a time."""
    counts = [max(1, round(float(share) * _ROWS.value)) for share in _SHARES.value]
    for part in range(-(-max(counts) // 100)):
        left = [min(100, max(1, count - 100 * part)) for count in counts]
        x, y, names = kerasos.data.defects(left, _SIDE.value, seed=_SEED.value + part)
        for number, (picture, label) in enumerate(zip(x, y, strict=True)):
            if counts[label] <= 100 * part:
                continue
            (folder / names[label]).mkdir(parents=True, exist_ok=True)
            path = folder / names[label] / f"{part:04d}_{number:03d}.png"
            keras.utils.save_img(path, picture, scale=False)


def memory(make, row):
    gc.collect()
    forget_peak()
    row["start_mb"] = resident_mb("VmRSS")
    began = time.perf_counter()
    for _ in make():
        pass
    row["seconds"] = round(time.perf_counter() - began, 1)
    row["peak_mb"] = resident_mb("VmHWM")
    row["grown_mb"] = row["peak_mb"] - row["start_mb"]


def speed(make, dataset, spec, row):
    x, y = kerasos.data.as_arrays(
        dataset.map(lambda x, y: (keras.ops.cast(x, "uint8"), y))
    )
    options = {"balanced": True, "seed": _SEED.value, "steps_per_epoch": _STEPS.value}
    arrays = kerasos.data.batches(x, y, _BATCH.value, **options)
    seconds, networks = {}, {}
    sources = {"stream": make(), "arrays": arrays}
    for name in sources:
        network = small_cnn(spec.shape, spec.num_classes, (0.0, 255.0), _SEED.value)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile("adam", loss)
        seconds[name], networks[name] = [], network
    for turn in range(_TURNS.value + 1):
        for name, source in sources.items():
            began = time.perf_counter()
            networks[name].fit(source, epochs=1, verbose=0, shuffle=False)
            if turn:  # the first one compiles
                seconds[name].append(time.perf_counter() - began)
    for name, values in seconds.items():
        rate = _STEPS.value * len(values) / sum(values)
        row[f"{name}_steps_a_second"] = round(rate, 2)
    row["ratio"] = round(sum(seconds["arrays"]) / sum(seconds["stream"]), 3)


def main(_):
    logging.set_verbosity(logging.ERROR)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(_FOLDER.value or temporary)
        if not any(folder.glob("*/*.png")):
            draw(folder)
        dataset = keras.utils.image_dataset_from_directory(
            folder,
            image_size=(_SIDE.value, _SIDE.value),
            batch_size=_BATCH.value,
            seed=_SEED.value,
            verbose=False,
        )
        model = kerasos.get_method(_METHOD.value).from_data(dataset, seed=_SEED.value)
        model.fit(dataset.take(20), verbose=0)
        model.sample([0, 1, 2, 3], seed=0)
        steps = _STEPS.value if _MEASURE.value == "speed" else None
        row = {
            **machine(),
            **{f.name: f.value for f in (_MEASURE, _METHOD, _ROWS, _SIDE, _BATCH)},
            "shares": " ".join(_SHARES.value),
            "steps": steps or len(dataset),
        }

        def make():
            options = {"seed": _SEED.value, "steps_per_epoch": steps}
            return model.balanced_dataset(dataset, _BATCH.value, **options)

        if _MEASURE.value == "memory":
            memory(make, row)
        else:
            speed(make, dataset, model.spec, row)
        add_row(_OUTPUT.value, row)


if __name__ == "__main__":
    app.run(main)
