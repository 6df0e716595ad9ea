"""Prints a table of README.md from the rows of `reproduce.py`.

    python benchmarks/summarize.py --table MNIST

Mean and sample standard deviation over repeats, beside the published figures: GAMO's
table 1 at the full budget, on the full test set (published: on 1,000 images), by the
name of the data set; and one score of another paper over several settings, by a name
in `GRIDS`. `--write` puts all tables into README.md, between their markers, and the
summary that `tabular.py` wrote beside the rows.
"""

import pathlib
import re

from absl import app, flags
from harness import reporting, rows

_ROWS = flags.DEFINE_string("rows", "benchmarks/results/reproduce.csv", "Rows.")
_PUBLISHED = flags.DEFINE_string(
    "published", "benchmarks/published", "Folder of the published tables."
)
_TABLE = flags.DEFINE_string("table", "MNIST", "A table's name in README.md.")
_WRITE = flags.DEFINE_bool("write", False, "Put the tables into README.md.")

SETTING = "loss=LS;IR=100"
# Decimal places; columns: a title, and the section and the metric that it shows.
GRIDS = {
    "ActiveGAN": (
        2,
        [
            (title, ("ACTIVEGAN2019", "1", dataset, setting), "F_score_pct")
            for title, dataset, setting in (
                ("MNIST, 500", "MNIST", "n=500"),
                ("MNIST, 1,000", "MNIST", "n=1000"),
                ("Fashion-MNIST, 5,000", "Fashion-MNIST", "n=5000"),
            )
        ],
    ),
    "Fajardo": (
        3,
        [
            (
                f"{dataset}, {classes}",
                ("FAJARDO2021", number, dataset, "m=1 2 3 4 5;rho=320"),
                f"{group}_F1",
            )
            for dataset, number in (("MNIST", "5"), ("Fashion-MNIST", "7"))
            for classes, group in (("all classes", "all"), ("1 to 5", "min"))
        ],
    ),
    "IMSIC": (
        3,
        [
            (f"{label}, {metric}", ("IMSIC2021", "1", "MNIST", setting), metric)
            for label, setting in (("8", "class=8;IR=67"), ("9", "class=9;IR=100"))
            for metric in ("recall", "F1")
        ],
    ),
}


def table(results, published, dataset):
    """Returns the lines of a Markdown table of GAMO's table 1, one method a line.

    Args:
        results: Path of the rows.
        published: Folder of the published tables.
        dataset: As in the rows.
    """
    section = _sections(results, published)["GAMO2019", "1", dataset, SETTING]
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


def grid(results, published, name):
    """Returns the lines of a Markdown table of one score, a setting a column.

    A cell has mean, sample standard deviation, number of repeats in square brackets
    and what the paper published in round ones.

    Args:
        results: Path of the rows.
        published: Folder of the published tables.
        name: In `GRIDS`.
    """
    (digits, columns), titles, cells = GRIDS[name], [], {}
    found = _sections(results, published)
    for title, place, metric in columns:
        titles.append(title)
        for line in found[place].lines:
            score = line.scores.get(metric)
            figure = found[place].figure(line.method, metric)
            if score is None:
                continue
            spread = f" ± {score.std:.{digits}f}" if score.repeats > 1 else ""
            text = f"{score.mean:.{digits}f}{spread} [{score.repeats}]"
            text += f" ({figure.text})" if figure else ""
            cells.setdefault((line.method, line.budget), {})[title] = text
    lines = [
        f"| method | budget | {' | '.join(titles)} |",
        "|---" * (2 + len(titles)) + "|",
    ]
    for (method, budget), texts in cells.items():
        shown = " | ".join(texts.get(title, "") for title in titles)
        lines.append(f"| {method} | {budget:g} | {shown} |")
    return lines


def _sections(results, published):
    """Returns `{(paper, table, data set, setting): harness.reporting.Section}`."""
    sections, _ = reporting.build(rows.read(results), rows.published(published))
    return {(s.paper, s.table, s.dataset, s.setting): s for s in sections}


def lines_of(name, results, published):
    """Returns the lines of the table with that name in README.md."""
    if name == "tabular":
        return tabular(pathlib.Path(results).with_name("tabular.md"))
    if name in GRIDS:
        return grid(results, published, name)
    return table(results, published, name)


def tabular(summary):
    """Returns the lines of the first table in `tabular.md`, and the line before it."""
    lines = pathlib.Path(summary).read_text("utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    last = next(i for i in range(first, len(lines)) if not lines[i].startswith("|"))
    return lines[first - 2 : last]


def write(readme, results, published):
    """Replaces the tables between `<!-- table: NAME -->` and `<!-- end -->`."""

    def fresh(match):
        lines = lines_of(match[1], results, published)
        return f"<!-- table: {match[1]} -->\n\n" + "\n".join(lines) + "\n\n<!-- end -->"

    text = readme.read_text("utf-8")
    pattern = r"<!-- table: (\S+) -->\n.*?<!-- end -->"
    readme.write_text(re.sub(pattern, fresh, text, flags=re.DOTALL), "utf-8")


def main(_):
    if _WRITE.value:
        return write(pathlib.Path("README.md"), _ROWS.value, _PUBLISHED.value)
    print("\n".join(lines_of(_TABLE.value, _ROWS.value, _PUBLISHED.value)))


if __name__ == "__main__":
    app.run(main)
