"""What the timing scripts share: turns, medians and rows of a CSV."""

import csv
import time

import numpy as np
import tensorflow as tf


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


def append(path, row):
    """Appends a row to a CSV, with whatever columns it has."""
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
