"""Runs one cell and appends its rows; `reproduce.py` starts it as a process.

A process of its own gives each cell a fresh TensorFlow, and its peak memory. The one
argument is JSON: the names of the protocol and the method, the repeat, the budget, the
cell's folder, the file of rows, the folder of data, threads and `backup_seconds`.
"""

import json
import pathlib
import resource
import sys

from harness import cells, protocols, recipes, rows, training
from harness.provenance import provenance, use_threads


def main(
    protocol, method, repeat, budget, folder, path, data_dir, threads, backup_seconds
):
    training.backup_seconds = backup_seconds
    use_threads(threads)
    (protocol,) = (p for p in protocols.PROTOCOLS if p.name == protocol)
    (method,) = (m for m in protocol.methods if m.name == method)
    cell, folder = cells.Cell(protocol, method, repeat, budget), pathlib.Path(folder)
    scores, steps = recipes.run(cell, data_dir, folder)
    result = cell.rows(
        scores,
        steps=steps,
        seconds=round(training.read_progress(folder)["seconds"]),
        peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        note=provenance(
            threads,
            features=protocol.parameters.get("features"),
            trained_as=method.trained_as,
        ),
    )
    rows.append(path, result)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
