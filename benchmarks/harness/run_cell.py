"""Runs one cell and appends its rows; `reproduce.py` starts it as a process.

A process of its own gives each cell a fresh TensorFlow, and its peak memory.
"""

import argparse
import importlib.metadata
import pathlib
import platform
import resource
import subprocess
import sys

import tensorflow as tf

import kerasos
from harness import cells, protocols, rows, training
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
    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
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


def provenance(threads, **others):
    """Returns what a reader needs to run the same code again."""
    facts = {
        "kerasos": kerasos.__version__,
        "commit": _commit(),
        "keras": importlib.metadata.version("keras"),
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
        "threads": threads or "all",
        **others,
    }
    return ";".join(f"{name}={value}" for name, value in facts.items() if value)


def _commit():
    """Returns the commit of this checkout, marked where files differ from it."""
    here = pathlib.Path(__file__).parent
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


if __name__ == "__main__":
    main(sys.argv[1:])
