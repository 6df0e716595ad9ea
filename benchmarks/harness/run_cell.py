"""Runs one cell and appends its rows; `reproduce.py` starts it as a process.

A process of its own gives each cell a fresh TensorFlow, and its peak memory.
"""

import argparse
import pathlib
import resource
import sys

from harness import cells, protocols, rows, training
from harness.provenance import provenance, use_threads
from harness.recipes import RECIPES


def main(arguments):
    parser = argparse.ArgumentParser()
    for name in ("protocol", "method", "repeat", "budget", "folder", "rows"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--data_dir")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--backup_seconds", type=float, default=30.0)
    options = parser.parse_args(arguments)
    training.backup_seconds = options.backup_seconds
    use_threads(options.threads)
    cell = find(options)
    folder = pathlib.Path(options.folder)
    scores, steps = RECIPES[cell.protocol.recipe](cell, options.data_dir, folder)
    result = cell.rows(
        scores,
        steps=steps,
        seconds=round(training.read_progress(folder)["seconds"]),
        peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        note=provenance(
            options.threads,
            features=cell.protocol.parameters.get("features"),
            trained_as=cell.method.trained_as,
        ),
    )
    rows.append(options.rows, result)


def find(options):
    (protocol,) = (p for p in protocols.PROTOCOLS if p.name == options.protocol)
    (method,) = (m for m in protocol.methods if m.name == options.method)
    return cells.Cell(protocol, method, int(options.repeat), float(options.budget))


if __name__ == "__main__":
    main(sys.argv[1:])
