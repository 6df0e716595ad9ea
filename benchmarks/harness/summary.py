"""Tables of README.md and RESULTS.md, from the rows of `reproduce.py`.

Each has a name: that of a data set for GAMO's table 1 or 2, one in `grids.csv` for a
score of another paper over several settings, `overview`, `short` (some lines of that),
or `tabular`. On a page it stands between `<!-- table: NAME -->` and `<!-- end -->`.
"""

import functools
import pathlib
import re

import pandas as pd

from harness import reporting, rows
from harness import reporting_page as page
from harness.reporting import PLACE

HERE = pathlib.Path(__file__).parent
# Data sets of GAMO's tables, by name; there the full budget on the full test set.
GAMO = {
    "MNIST": ("1", "MNIST", "loss=LS;IR=100"),
    "Fashion-MNIST": ("1", "Fashion-MNIST", "loss=LS;IR=100"),
    "CIFAR10": ("2", "CIFAR10", "loss=LS;IR=56.25"),
}
# A column of a table: its title, the section and metric it shows, and decimal places.
GRIDS = pd.read_csv(HERE / "grids.csv", dtype={"table": str})
# A line: a method of a paper beside what needs no network, on one data set. Blank: the
# paper's data are balanced.
OVERVIEW = pd.read_csv(HERE / "overview.csv", dtype={"table": str}).fillna("")
PLAIN = ("nothing added", "random copies", "SMOTE")


@functools.lru_cache(1)  # a page has several tables of the same rows
def _scores(results, published):
    """Returns the scores of all sections, `printed` being the figure they rank like."""
    figures = rows.published(published)
    sections, _ = reporting.build(rows.read(results), figures)
    scores = pd.concat(
        section.scores.assign(**dict(zip(PLACE, section.place, strict=True)))
        for section in sections
        if len(section.lines)
    )
    figures = figures.rename(columns={"metric": "like", "mean": "printed"})
    return scores.assign(like=scores.metric.map(reporting.published_name)).merge(
        figures.drop(columns="std"), "left", [*PLACE, "method", "like"]
    )


def gamo(scores, name):
    """Returns GAMO's scores, one method a line: a list of dicts of texts."""
    place = dict(zip(PLACE[1:], GAMO[name], strict=True))
    scores = scores[(scores[list(place)] == list(place.values())).all(axis=1)]
    lines = []
    for (method, _), line in scores[scores.budget == 1.0].groupby(
        ["method", "steps"], sort=False
    ):
        line = line.set_index("metric")
        if {"ACSA_full", "GM_full"} <= set(line.index):
            line = line.loc[["ACSA_full", "GM_full"]]
            means = dict(zip(("ACSA", "G-mean"), _means(line, 4), strict=True))
            printed = " / ".join(line.printed.dropna())
            others = {"repeats": line.n.iloc[0], "published": printed}
            lines.append({"method": method, **means, **others})
    return lines


def grid(scores, name):
    """Returns one score, a setting a column: a frame of texts.

    A cell has mean, sample standard deviation, number of repeats in square brackets
    and what the paper published in round ones.
    """
    columns = GRIDS[GRIDS.name == name]
    found = columns.merge(scores, on=[*PLACE, "metric"])
    found["cell"] = _cells(found, columns.digits.iloc[0], found.text)
    found["budget"] = found.budget.map("{:g}".format)
    found = found.drop_duplicates(["method", "budget", "title"], keep="last")
    lines = found[["method", "budget"]].drop_duplicates()
    for title in columns.title:
        part = found.loc[found.title == title, ["method", "budget", "cell"]]
        lines = lines.merge(part.rename(columns={"cell": title}), "left")
    return lines


def overview(scores, chosen=OVERVIEW):
    """Returns methods beside the plain baselines: a list of dicts of texts.

    Cells as in `grid`; of a method with several budgets the largest stands, as a share
    of the published steps. A method that did not run has no line.
    """
    scores = scores.sort_values("budget", ascending=False, kind="stable")
    scores = scores.drop_duplicates([*PLACE, "method", "metric"])
    lines = []
    for row in chosen.to_dict("records"):
        wanted = [row[name] for name in (*PLACE, "metric")]
        found = scores[(scores[[*PLACE, "metric"]] == wanted).all(axis=1)]
        cells = dict(
            zip(found.method, _cells(found, row["digits"], found.printed), strict=True)
        )
        method = row["method"]
        if method in cells:
            plain = {name: cells.get(row[name], "") for name in PLAIN}
            budget = found.budget[found.method == method].iloc[0]
            line = {"images and score": row["images and score"], **plain}
            line |= {"method": method, "": cells[method], "steps": f"{budget:g}"}
            lines.append(line)
    return lines


def _means(scores, digits):
    return [
        f"{mean:.{digits}f}" + (f" ± {std:.{digits}f}" if n > 1 else "")
        for mean, std, n in zip(scores["mean"], scores["std"], scores.n, strict=True)
    ]


def _cells(scores, digits, figures):
    return [
        f"{mean} [{n}]" + (f" ({figure})" if isinstance(figure, str) else "")
        for mean, n, figure in zip(
            _means(scores, digits), scores.n, figures, strict=True
        )
    ]


def lines_of(name, results, published):
    """Returns the lines of the Markdown table with that name.

    Args:
        name: As above.
        results: Path of the rows; `tabular.md` lies beside them.
        published: Folder of the published tables.
    """
    if name == "tabular":
        return tabular(pathlib.Path(results).with_name("tabular.md"))
    scores = _scores(results, published)
    if name in ("overview", "short"):
        chosen = OVERVIEW if name == "overview" else OVERVIEW[OVERVIEW.short == "yes"]
        return page.table(overview(scores, chosen)).splitlines()
    return page.table((gamo if name in GAMO else grid)(scores, name)).splitlines()


def tabular(summary):
    """Returns the lines of the first table in `tabular.md`, and the line before it."""
    lines = pathlib.Path(summary).read_text("utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    last = next(i for i in range(first, len(lines)) if not lines[i].startswith("|"))
    return lines[first - 2 : last]


def write(path, results, published):
    """Replaces the tables of a page, a `pathlib.Path`, and returns their names."""

    def fresh(match):
        lines = lines_of(match[1], results, published)
        return f"<!-- table: {match[1]} -->\n\n" + "\n".join(lines) + "\n\n<!-- end -->"

    text = path.read_text("utf-8")
    pattern = r"<!-- table: (\S+) -->\n.*?<!-- end -->"
    path.write_text(re.sub(pattern, fresh, text, flags=re.DOTALL), "utf-8")
    return re.findall(pattern, text, flags=re.DOTALL)
