"""The one format of results: a CSV that several processes append to.

The first eight columns are those of the published tables in `benchmarks/published`,
so that both join on the first six; the others say how the number came about. A cell
(one data set, setting, method and repeat) appends all its rows in one write under a
lock. Every row names its cell and its `part`, "3/8": a cell of which rows are missing,
cut off by a crash or a full disk, counts as not run.
"""

import pathlib

import pandas as pd

from kerasos.evaluation.compare.result_rows import append_rows, read_rows

COLUMNS = (
    "paper,table,dataset,setting,method,metric,mean,std,"
    "n_repeats,repeat,seed,steps,budget,seconds,peak_mb,cell,part,note"
).split(",")
# What a published number and ours have in common.
KEY = COLUMNS[:6]
PUBLISHED = COLUMNS[:8]


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
    """Returns the rows of all complete cells, a frame of strings; none without a file.

    Raises:
        ValueError: If the file has other columns.
    """
    rows = pd.DataFrame(read_rows(path, COLUMNS), columns=COLUMNS, dtype=object)
    rows = rows[rows.part != ""].drop_duplicates(["cell", "part"], keep="last")

    def complete(parts):
        total = int(parts.iloc[0].split("/")[1])
        return set(parts) == {f"{number}/{total}" for number in range(1, total + 1)}

    return rows.groupby("cell").filter(lambda cell: complete(cell.part))


def finished(path):
    """Returns the hashes of the cells that are in the file."""
    return set(read(path).cell)


def published(folder):
    """Returns all published tables as a frame of strings, in the order of the files.

    Raises:
        FileNotFoundError: If there are none.
        ValueError: If a table has other columns.
    """
    tables = []
    for path in sorted(pathlib.Path(folder).glob("*.csv")):
        tables.append(pd.read_csv(path, dtype=object, keep_default_na=False))
        if list(tables[-1]) != PUBLISHED:
            raise ValueError(
                f"A published table must have the columns {PUBLISHED}. Received: "
                f"{list(tables[-1])} in {path}. Name another folder."
            )
    if not tables:
        raise FileNotFoundError(
            f"`--published` must be a folder of CSV tables. Received: {folder}, "
            "without any. Name another."
        )
    return pd.concat(tables, ignore_index=True)
