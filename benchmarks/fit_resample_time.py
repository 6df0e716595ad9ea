"""Seconds and peak memory of `DeepOverSampler.fit_resample` on a large table.

    python benchmarks/fit_resample_time.py --method=cvae --rows=100000 --columns=30

Two classes of Gaussian columns, skewed and correlated, `--minority` of the rows in the
rarer; the result is balanced. Appends a row to the CSV file: wall and processor seconds
of the one call with the sampler's defaults, the resident memory before it (Python and
TensorFlow) and its peak.
"""

import os
import pathlib
import resource
import time

import numpy as np
from absl import app, flags, logging

from kerasos.evaluation.result_rows import append_rows

_METHOD = flags.DEFINE_string("method", "cvae", "Name of the method.")
_ROWS = flags.DEFINE_integer("rows", 100_000, "Of the table.", 100)
_COLUMNS = flags.DEFINE_integer("columns", 30, "Of the table.", 1)
_MINORITY = flags.DEFINE_float("minority", 0.05, "Share of the rarer class.", 0, 0.5)
_EPOCHS = flags.DEFINE_integer("epochs", None, "Default: the sampler's own.", 1)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes data and training.")
_OUTPUT = flags.DEFINE_string(
    "output", "benchmarks/results/fit_resample_time.csv", "Rows are added here."
)

COLUMNS = (
    "method,rows,columns,minority,epochs,added,steps,wall_seconds,cpu_seconds,"
    "start_mb,peak_mb,cpus,load,versions"
).split(",")


def table(rows, columns, minority, seed):
    """Returns float32 columns and labels; every second column is skewed."""
    rng = np.random.default_rng(seed)
    y = (rng.permutation(rows) < minority * rows).astype("int32")
    mixing = rng.normal(size=(columns, columns)) / np.sqrt(columns)
    x = rng.normal(size=(rows, columns)) @ mixing + 0.5 * y[:, None]
    x[:, ::2] = np.exp(x[:, ::2])
    return x.astype("float32"), y


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(_):
    logging.set_verbosity(logging.ERROR)
    from kerasos.evaluation.compare import versions
    from kerasos.over_sampling import DeepOverSampler

    X, y = table(_ROWS.value, _COLUMNS.value, _MINORITY.value, _SEED.value)
    sampler = DeepOverSampler(
        _METHOD.value, epochs=_EPOCHS.value, random_state=_SEED.value
    )
    start_mb, load = peak_mb(), os.getloadavg()[0]
    wall, cpu = time.perf_counter(), time.process_time()
    X_res, _ = sampler.fit_resample(X, y)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    steps = getattr(sampler.model_, "steps_done", 0)
    row = {
        "method": _METHOD.value,
        "rows": _ROWS.value,
        "columns": _COLUMNS.value,
        "minority": _MINORITY.value,
        "epochs": "default" if _EPOCHS.value is None else _EPOCHS.value,
        "added": len(X_res) - len(X),
        "steps": int(np.asarray(steps)),
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "start_mb": round(start_mb),
        "peak_mb": round(peak_mb()),
        "cpus": len(os.sched_getaffinity(0)),
        "load": round(load, 1),
        "versions": versions(),
    }
    append_rows(pathlib.Path(_OUTPUT.value), COLUMNS, [row])
    print(", ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    app.run(main)
