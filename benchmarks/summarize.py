"""Prints the table of README.md from the rows of `gamo_table1.py`.

    python benchmarks/summarize.py --dataset MNIST

Mean and sample standard deviation over repeats, on the full test set, beside the
figures that the paper published.
"""

import csv
import pathlib
import statistics

from absl import app, flags

_ROWS = flags.DEFINE_string(
    "rows", "benchmarks/results/gamo_table1.csv", "Rows of gamo_table1.py."
)
_DATASET = flags.DEFINE_string("dataset", "MNIST", "Data set, as in the rows.")

# Mullick et al. 2019, table 1, loss LS: (ACSA, GM).
PUBLISHED = {
    ("MNIST", "Baseline CN"): (0.88, 0.86),
    ("MNIST", "SMOTE+CN"): (0.89, 0.89),
    ("MNIST", "GAMO\\D"): (0.88, 0.87),
    ("MNIST", "GAMO"): (0.91, 0.90),
    ("Fashion-MNIST", "Baseline CN"): (0.81, 0.79),
    ("Fashion-MNIST", "Augment+CN"): (0.82, 0.78),
    ("Fashion-MNIST", "GAMO\\D"): (0.82, 0.80),
    ("Fashion-MNIST", "GAMO"): (0.83, 0.81),
}


def table(path, dataset):
    """Returns the lines of a Markdown table, one method a line."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == dataset]
    rows = [row for row in rows if row["note"].startswith("test=full")]
    lines = [
        "| method | ACSA | G-mean | repeats | published |",
        "|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(row["method"] for row in rows):
        cells = []
        for metric in ("ACSA", "GM"):
            values = [
                float(row["mean"])
                for row in rows
                if (row["method"], row["metric"]) == (method, metric)
            ]
            spread = statistics.stdev(values) if len(values) > 1 else float("nan")
            cells.append(f"{statistics.fmean(values):.4f} ± {spread:.4f}")
        published = PUBLISHED.get((dataset, method))
        cells.append(str(len(values)))
        cells.append("{:.2f} / {:.2f}".format(*published) if published else "")
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines


def main(_):
    print("\n".join(table(pathlib.Path(_ROWS.value), _DATASET.value)))


if __name__ == "__main__":
    app.run(main)
