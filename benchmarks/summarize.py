"""Puts the tables of the measured rows into README.md and RESULTS.md.

    python benchmarks/summarize.py --write
    python benchmarks/summarize.py --table MNIST

Without `--write` it prints one table. `harness.summary` says which there are.
"""

import pathlib

from absl import app, flags
from harness import summary

_ROWS = flags.DEFINE_string("rows", "benchmarks/results/reproduce.csv", "Rows.")
_PUBLISHED = flags.DEFINE_string(
    "published", "benchmarks/published", "Folder of the published tables."
)
_TABLE = flags.DEFINE_string("table", "overview", "A table's name.")
_WRITE = flags.DEFINE_bool("write", False, "Put the tables into both pages.")

PAGES = ("README.md", "benchmarks/RESULTS.md")


def main(_):
    if not _WRITE.value:
        lines = summary.lines_of(_TABLE.value, _ROWS.value, _PUBLISHED.value)
        return print("\n".join(lines))
    for page in PAGES:
        summary.write(pathlib.Path(page), _ROWS.value, _PUBLISHED.value)


if __name__ == "__main__":
    app.run(main)
