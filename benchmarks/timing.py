"""What the timing scripts share: turns, medians, and rows of a CSV."""

import datetime
import os
import pathlib
import re
import resource
import time

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

import kerasos
from kerasos.files import whole_file


def time_in_turn(functions, data, rounds, steps):
    """Returns the median milliseconds a call of each function.

    Round after round after a warm-up, each function in turn, so that a slow moment of
    the machine falls on all alike.
    """
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


def peak_mb():
    """Returns the peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_mb(name):
    """Returns the resident memory now, "VmRSS", or at its peak, "VmHWM". Linux only."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s*(\d+) kB", status)[1]) // 1024


def forget_peak():
    """Lets "VmHWM" begin anew. Linux only."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def skewed_rows(rows, columns, minority, seed):
    """Returns float32 columns and labels; every second column is skewed."""
    rng = np.random.default_rng(seed)
    y = (rng.permutation(rows) < minority * rows).astype("int32")
    mixing = rng.normal(size=(columns, columns)) / np.sqrt(columns)
    x = rng.normal(size=(rows, columns)) @ mixing + 0.5 * y[:, None]
    x[:, ::2] = np.exp(x[:, ::2])
    return x.astype("float32"), y


def machine():
    """Returns what a time was measured with; call it before measuring."""
    return {
        "date": datetime.date.today().isoformat(),
        "kerasos": kerasos.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "cores": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 2),
    }


def add_row(path, row):
    """Prints a row and adds it to a CSV, with whatever columns it has."""
    for name, value in row.items():
        print(f"{name:34} {value}")
    path = pathlib.Path(path)
    rows = pd.DataFrame([row]).astype(str)
    if path.is_file():
        before = pd.read_csv(path, dtype=str, keep_default_na=False)
        rows = pd.concat([before, rows]).fillna("")
    with whole_file(path, "The table") as draft:
        rows.to_csv(draft, index=False)
