"""The one format of results: a CSV that several processes append to.

The first eight columns are those of the published tables in `benchmarks/published`,
so that both join on the first six; the others say how the number came about. A cell
(one data set, setting, method and repeat) appends all its rows in one write under a
lock. Every row names its cell and its `part`, "3/8": a cell of which rows are missing,
cut off by a crash or a full disk, counts as not run.
"""

import csv
import pathlib

from kerasos.evaluation.result_rows import append_rows, read_rows

COLUMNS = (
    "paper,table,dataset,setting,method,metric,mean,std,"
    "n_repeats,repeat,seed,steps,budget,seconds,peak_mb,cell,part,note"
).split(",")
# What a published number and ours have in common.
KEY = COLUMNS[:6]


def append(path, rows):
    """Appends the rows of one finished cell, all or nothing.

    Args:
        path: CSV file; made with a header where there is none.
        rows: List of dicts with the names in `COLUMNS`, except `part`.
    """
    total = len(rows)
    rows = [{**row, "part": f"{n}/{total}"} for n, row in enumerate(rows, 1)]
    append_rows(path, COLUMNS, rows)


def read(path):
    """Returns the rows of all complete cells; an empty list without a file.

    Raises:
        ValueError: If the file has other columns.
    """
    cells = {}
    for row in read_rows(path, COLUMNS):
        if row["part"]:
            cells.setdefault(row["cell"], {})[row["part"]] = row
    complete = []
    for parts in cells.values():
        total = int(next(iter(parts)).split("/")[1])
        if set(parts) == {f"{number}/{total}" for number in range(1, total + 1)}:
            complete.extend(parts.values())
    return complete


def finished(path):
    """Returns the hashes of the cells that are in the file."""
    return {row["cell"] for row in read(path)}


def published(folder):
    """Returns the rows of all published tables, in the order of the files."""
    rows = []
    for path in sorted(pathlib.Path(folder).glob("*.csv")):
        with open(path, newline="", encoding="utf-8") as file:
            rows.extend(csv.DictReader(file))
    return rows
