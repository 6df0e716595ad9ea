"""Seconds and peak memory of each part of the way, on large data.

    python benchmarks/large_data.py --kind=table --rows=1000000 --method=cvae
    python benchmarks/large_data.py --kind=images --rows=200000 --method=gamo

Draws two classes, `--minority` of the rows in the rarer: float32 rows with
`--columns` Gaussian columns, skewed and correlated, or uint8 images of 28x28x1. Adds a
row a part to the CSV file:

- `model`: `from_data`; `fit`: `--steps` steps of it; `sample`: `--samples` rows;
  `oversample`: of a table or images as they are, until the classes are equal;
- of a table besides: `fit_resample` of `DeepOverSampler` with as many steps,
  `encoder`: the pipeline by which `compare` hands rows to a classifier, and `quality`.

`start_mb` is resident before the part, `grown_mb` its peak beyond that, and `result_mb`
what it returned; `data_mb` the data as they came, `float32_mb` as float32. With linear
parts, twice the rows take twice of both. Linux only.
"""

import gc
import time

import numpy as np
import pandas as pd
from absl import app, flags, logging
from sklearn.linear_model import LogisticRegression
from timing import add_row, forget_peak, machine, resident_mb, skewed_rows

import kerasos
from kerasos.evaluation import quality
from kerasos.evaluation.compare.encoding import encoder_for
from kerasos.over_sampling import DeepOverSampler

_KIND = flags.DEFINE_enum("kind", "table", ["table", "images"], "Of the data.")
_METHOD = flags.DEFINE_string("method", "cvae", "Name of the method.")
_ROWS = flags.DEFINE_integer("rows", 1_000_000, "Of the data.", 100)
_COLUMNS = flags.DEFINE_integer("columns", 30, "Of the table.", 1)
_MINORITY = flags.DEFINE_float("minority", 0.3, "Share of the rarer class.", 0, 0.5)
_STEPS = flags.DEFINE_integer("steps", 200, "Of training, batches of 64.", 1)
_SAMPLES = flags.DEFINE_integer("samples", 100_000, "Drawn of the rarer class.", 1)
_PARTS = flags.DEFINE_list("parts", None, "Default: all that the kind has.")
_SEED = flags.DEFINE_integer("seed", 0, "Fixes data and training.")
_OUTPUT = flags.DEFINE_string(
    "output", "benchmarks/results/large_data.csv", "Rows are added here."
)
MB = 2**20


def images(rows, minority, seed):
    """Returns uint8 images and labels, made a part at a time."""
    source = np.random.default_rng(seed)
    y = (source.permutation(rows) < minority * rows).astype("int32")
    x = np.empty((rows, 28, 28, 1), "uint8")
    for start in range(0, rows, 10_000):
        part = x[start : start + 10_000]
        part[:] = source.integers(0, 128, part.shape, dtype="uint8")
    x[y == 1, :14] += 100
    return x, y


class Way:
    """The parts, each of which may use what an earlier one has made."""

    def __init__(self, x, y):
        self.x, self.y = x, y
        self.steps = {"batch_size": 64, "steps_per_epoch": _STEPS.value}

    def model(self):
        method = kerasos.get_method(_METHOD.value)
        # Rows in any units, as a sampler would scale them; images say their range.
        units = {}
        if self.x.ndim == 2:
            units = {"value_range": (float(self.x.min()), float(self.x.max()))}
        self.trained = method.from_data(self.x, self.y, seed=_SEED.value, **units)

    def fit(self):
        batches = kerasos.data.batches(self.x, self.y, seed=_SEED.value, **self.steps)
        self.trained.fit(batches, verbose=0)

    def sample(self):
        return self.trained.sample([1] * _SAMPLES.value, seed=0, verbose=0)

    def oversample(self):
        return self.trained.oversample(self.x, self.y)

    def fit_resample(self):
        # As many batches of 64 of one pass as there are.
        sampler = DeepOverSampler(_METHOD.value, epochs=1, random_state=_SEED.value)
        self.resampled = sampler.fit_resample(self.x, self.y)
        self.is_synthetic = sampler.sample_is_synthetic_
        return self.resampled

    def encoder(self):
        frame = pd.DataFrame(self.x).rename(columns=str)
        return encoder_for(LogisticRegression(), frame).fit_transform(frame)

    def quality(self):
        real, new = self.x[self.y == 1], self.resampled[0][self.is_synthetic]
        quality(real, new, random_state=_SEED.value)


PARTS = {
    "images": ("model", "fit", "sample", "oversample"),
    "table": (
        *("model", "fit", "sample", "oversample"),
        *("fit_resample", "encoder", "quality"),
    ),
}


def bytes_of(result):
    arrays = result if isinstance(result, tuple) else (result,)
    return sum(getattr(array, "nbytes", 0) for array in arrays)


def main(_):
    logging.set_verbosity(logging.ERROR)
    if _KIND.value == "images":
        x, y = images(_ROWS.value, _MINORITY.value, _SEED.value)
    else:
        x, y = skewed_rows(_ROWS.value, _COLUMNS.value, _MINORITY.value, _SEED.value)
    shown = (_KIND, _METHOD, _ROWS, _COLUMNS, _MINORITY, _STEPS, _SAMPLES, _SEED)
    way, about = Way(x, y), {f.name: f.value for f in shown}
    for part in _PARTS.value or PARTS[_KIND.value]:
        gc.collect()
        forget_peak()
        row = {**machine(), **about, "part": part}
        row["data_mb"] = round(x.nbytes / MB)
        row["float32_mb"] = round(x.size * 4 / MB)
        row["start_mb"] = resident_mb("VmRSS")
        began = time.perf_counter()
        result = getattr(way, part)()
        row["seconds"] = round(time.perf_counter() - began, 2)
        row["grown_mb"] = resident_mb("VmHWM") - row["start_mb"]
        row["result_mb"] = round(bytes_of(result) / MB)
        del result
        add_row(_OUTPUT.value, row)


if __name__ == "__main__":
    app.run(main)
