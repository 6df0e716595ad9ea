"""Prints a table of README.md from the rows of `reproduce.py`.

    python benchmarks/summarize.py --dataset MNIST

Mean and sample standard deviation over repeats at the full budget, on the full test
set, beside the figures that the paper published for 1,000 images. `--write` puts the
tables of all data sets into README.md, between their markers, and the summary that
`tabular.py` wrote beside the rows.
"""

import pathlib
import re

from absl import app, flags
from harness import reporting, rows

_ROWS = flags.DEFINE_string("rows", "benchmarks/results/reproduce.csv", "Rows.")
_PUBLISHED = flags.DEFINE_string(
    "published", "benchmarks/published", "Folder of the published tables."
)
_DATASET = flags.DEFINE_string("dataset", "MNIST", "Data set, as in the rows.")
_WRITE = flags.DEFINE_bool("write", False, "Put the tables into README.md.")

SETTING = "loss=LS;IR=100"


def table(results, published, dataset):
    """Returns the lines of a Markdown table of GAMO's table 1, one method a line.

    Args:
        results: Path of the rows.
        published: Folder of the published tables.
        dataset: As in the rows.
    """
    sections, _ = reporting.build(rows.read(results), rows.published(published))
    (section,) = (
        s
        for s in sections
        if (s.paper, s.table, s.dataset, s.setting)
        == ("GAMO2019", "1", dataset, SETTING)
    )
    lines = [
        "| method | ACSA | G-mean | repeats | published |",
        "|---|---|---|---|---|",
    ]
    for line in section.lines:
        scores = [line.scores.get(name) for name in ("ACSA_full", "GM_full")]
        if line.budget != 1.0 or None in scores:
            continue
        cells = []
        for score in scores:
            spread = f" ± {score.std:.4f}" if score.repeats > 1 else ""
            cells.append(f"{score.mean:.4f}{spread}")
        figures = [section.figure(line.method, name) for name in ("ACSA", "GM")]
        cells.append(str(scores[0].repeats))
        cells.append(" / ".join(figure.text for figure in figures if figure))
        lines.append(f"| {line.method} | {' | '.join(cells)} |")
    return lines


def tabular(summary):
    """Returns the lines of the first table in `tabular.md`, and the line before it."""
    lines = pathlib.Path(summary).read_text("utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    last = next(i for i in range(first, len(lines)) if not lines[i].startswith("|"))
    return lines[first - 2 : last]


def write(readme, results, published):
    """Replaces the tables between `<!-- table: NAME -->` and `<!-- end -->`."""

    def fresh(match):
        if match[1] == "tabular":
            lines = tabular(pathlib.Path(results).with_name("tabular.md"))
        else:
            lines = table(results, published, match[1])
        return f"<!-- table: {match[1]} -->\n\n" + "\n".join(lines) + "\n\n<!-- end -->"

    text = readme.read_text("utf-8")
    pattern = r"<!-- table: (\S+) -->\n.*?<!-- end -->"
    readme.write_text(re.sub(pattern, fresh, text, flags=re.DOTALL), "utf-8")


def main(_):
    if _WRITE.value:
        return write(pathlib.Path("README.md"), _ROWS.value, _PUBLISHED.value)
    print("\n".join(table(_ROWS.value, _PUBLISHED.value, _DATASET.value)))


if __name__ == "__main__":
    app.run(main)
