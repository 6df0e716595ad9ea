"""Seconds and peak memory of `DeepOverSampler.fit_resample` on a large table.

    python benchmarks/fit_resample_time.py --method=cvae --rows=100000 --columns=30

Two classes of Gaussian columns, skewed and correlated, `--minority` of the rows in the
rarer; the result is balanced. Adds a row to the CSV file: wall and processor seconds of
the one call with the sampler's defaults, the resident memory before it (Python and
TensorFlow) and its peak; and what the rows are like, on 3,000 of them and as many real
ones of their class (`kerasos.evaluation.quality`): how well boosting tells the two
apart (`auc`, 0.5 is best), and the mean difference of the columns' correlations.
"""

import time

import numpy as np
from absl import app, flags, logging
from timing import add_row, machine, peak_mb, skewed_rows

from kerasos.evaluation import quality
from kerasos.over_sampling import DeepOverSampler

_METHOD = flags.DEFINE_string("method", "cvae", "Name of the method.")
_ROWS = flags.DEFINE_integer("rows", 100_000, "Of the table.", 100)
_COLUMNS = flags.DEFINE_integer("columns", 30, "Of the table.", 1)
_MINORITY = flags.DEFINE_float("minority", 0.05, "Share of the rarer class.", 0, 0.5)
_EPOCHS = flags.DEFINE_integer("epochs", None, "Default: the sampler's own.", 1)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes data and training.")
_OUTPUT = flags.DEFINE_string(
    "output", "benchmarks/results/fit_resample_time.csv", "Rows are added here."
)


def likeness(real, new, seed):
    """Returns what `quality` says of as many rows of both."""
    source = np.random.default_rng(seed)
    most = min(3_000, len(real), len(new))
    parts = (source.permutation(rows)[:most] for rows in (real, new))
    summary = quality(*parts, random_state=seed).tables["summary"]
    values = summary.set_index("measure").synthetic
    return {name: round(values[name], 3) for name in ("auc", "pair_difference")}


def main(_):
    logging.set_verbosity(logging.ERROR)
    X, y = skewed_rows(_ROWS.value, _COLUMNS.value, _MINORITY.value, _SEED.value)
    sampler = DeepOverSampler(
        _METHOD.value, epochs=_EPOCHS.value, random_state=_SEED.value
    )
    row = {
        **machine(),
        **{f.name: f.value for f in (_METHOD, _ROWS, _COLUMNS, _MINORITY)},
        "epochs": _EPOCHS.value or "default",
        "start_mb": round(peak_mb()),
    }
    wall, cpu = time.perf_counter(), time.process_time()
    X_res, _ = sampler.fit_resample(X, y)
    row["wall_seconds"] = round(time.perf_counter() - wall, 1)
    row["cpu_seconds"] = round(time.process_time() - cpu, 1)
    row["added"] = len(X_res) - len(X)
    row["steps"] = int(np.asarray(getattr(sampler.model_, "steps_done", 0)))
    row["peak_mb"] = round(peak_mb())
    row |= likeness(X[y == 1], X_res[len(X) :], _SEED.value)
    add_row(_OUTPUT.value, row)


if __name__ == "__main__":
    app.run(main)
