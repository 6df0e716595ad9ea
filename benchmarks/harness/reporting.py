"""The numbers of the report: what the rows say beside the published tables.

A `Section` is a published table at one data set and setting. Its lines are methods;
a method that ran with several budgets or numbers of steps has a line for each, so no
mean mixes them. Nothing here is drawn or written.
"""

import math
import re

import numpy as np
import pandas as pd

from harness import reporting_names

# Repeats behind a published standard deviation: GAMO and IMSIC ten, DGC five subsets,
# Fajardo et al. five training sets of three classifiers. Kong et al. give no number.
PUBLISHED_REPEATS = {
    "DGC2020": 5,
    "FAJARDO2021": 15,
    "GAMO2019": 10,
    "IMSIC2021": 10,
}
# What a difference may be, in standard errors, before it counts as a miss.
TOLERANCE = 2.0
PLACE = ["paper", "table", "dataset", "setting"]
LINE = ["method", "budget", "steps"]


def build(rows, published):
    """Joins the rows with the published tables.

    Args:
        rows: As `harness.rows.read` returns them.
        published: As `harness.rows.published` returns them.

    Returns:
        List of `Section`, the published ones in their order, then ours; and a list of
        sentences about repeats that were run twice, of which the later one counts.

    Raises:
        ValueError: If a number of a row is none.
    """
    runs, replaced = counted(rows)
    published = figures(published)
    places = pd.concat([published[PLACE], runs[PLACE].sort_values(PLACE)])
    places = places.drop_duplicates()
    # A setting of ours stands with the published settings of its table.
    tables = places.groupby(PLACE[:2], sort=False).ngroup().to_numpy()
    places = places.iloc[tables.argsort(kind="stable")]
    methods = published.groupby("paper").method.agg(set)
    frames = (published, runs, compare(runs, published))
    parts = [dict(list(frame.groupby(PLACE))) for frame in frames]
    sections = []
    for place in places.itertuples(index=False, name=None):
        found = (p.get(place, f[:0]) for p, f in zip(parts, frames, strict=True))
        sections.append(Section(place, *found, methods.get(place[0], set())))
    return sections, replaced


def counted(rows):
    """Returns the rows that count, with their numbers, and sentences on the others.

    Where two cells give the same figure, a recipe was changed and run again: the later
    cell counts, whole. No number of steps is -1.
    """
    runs = rows.assign(
        value=_numbers(rows, "mean"),
        budget=_numbers(rows, "budget", 1.0),
        steps=_numbers(rows, "steps", -1).round().astype(int),
        repeat=_numbers(rows, "repeat", 0).round().astype(int),
        seconds=_numbers(rows, "seconds"),
        peak_mb=_numbers(rows, "peak_mb"),
    )
    repeat = [*PLACE, *LINE, "repeat"]
    runs["newer"] = runs.groupby([*repeat, "metric"]).cell.shift(-1)
    again = runs[runs.newer.notna() & (runs.newer != runs.cell)]
    again = again.drop_duplicates([*repeat, "cell"], keep="last")
    old = pd.MultiIndex.from_frame(runs[[*repeat, "cell"]]).isin(
        pd.MultiIndex.from_frame(again[[*repeat, "cell"]])
    )
    sentences = [
        f"{heading(row[:4])}: {row.method}, budget {row.budget:g}, repeat "
        f"{row.repeat}: cell {row.newer} counts in place of {row.cell}."
        for row in again[[*repeat, "newer", "cell"]].itertuples(index=False)
    ]
    return runs[~old], sorted(sentences)


def _numbers(rows, name, empty=math.nan):
    values = []
    for text, row in zip(rows[name], rows.itertuples(), strict=True):
        try:
            values.append(float(text or empty))
        except ValueError:
            raise ValueError(
                f"`{name}` of a row must be a number. Received: {text!r} in cell "
                f"{row.cell} ({row.method}, {row.metric}). Remove that cell's rows and "
                "run it again."
            ) from None
    return pd.Series(values, rows.index, "float64")


class Section:
    """A published table at one data set and setting, and what we have of it.

    Args:
        place: `(paper, table, data set, setting)`.
        published: Its figures, as `figures` returns them.
        runs: Repeats of ours that count, as `counted` returns them.
        scores: Means over repeats beside the figures, as `compare` returns them.
        paper_methods: All methods that the paper has a figure of, in this table or
            another; all of ours if it has none.

    Attributes:
        published, runs, scores: As given; those of ours sorted by line and metric, with
            `label`, and `first`: whether no line of the method and budget has more
            steps.
        lines: Frame of the lines: a method at one budget and number of steps.
        metrics: Those that were run, published ones in the paper's order, then ours.
        methods: The published ones in the paper's order, then ours.
        heading, title: Its name in short, as the notes have it, and in words.
        labels: `{method: name}`, with "(ours)" where the paper has no such method.
        budgets: Of the lines, from large to small.
    """

    def __init__(self, place, published, runs, scores, paper_methods=()):
        self.paper, self.table, *_ = place
        self.place, self.heading = place, heading(place)
        self.title = reporting_names.title(place)
        self.published = published
        self.published_metrics = list(dict.fromkeys(published.metric))
        order = {metric: i for i, metric in enumerate(self.published_metrics)}
        self.metrics = sorted(
            set(runs.metric),
            key=lambda metric: (
                metric not in order,
                order.get(published_name(metric), len(order)),
                natural(metric),
            ),
        )
        self.compared = [metric for metric in self.metrics if metric in order]
        self.own = [metric for metric in self.metrics if metric not in order]
        self.methods = list(dict.fromkeys([*published.method, *sorted(runs.method)]))
        known = set(paper_methods or runs.method)
        self.labels = {
            name: name if name in known or "(ours)" in name else f"{name} (ours)"
            for name in self.methods
        }
        self.runs, self.scores = map(self._sorted, (runs, scores))
        self.lines = self.scores[[*LINE, "label"]].drop_duplicates()
        self.budgets = sorted(set(self.lines.budget), reverse=True)

    def _sorted(self, frame):
        places = {"method": self.methods.index, "metric": self.metrics.index}
        frame = frame.sort_values(
            [*LINE, "metric"],
            key=lambda column: column.map(places.get(column.name, lambda x: -x)),
            kind="stable",
        )
        most = frame.groupby(["method", "budget"]).steps.transform("max")
        labels = frame.method.map(self.labels)
        return frame.assign(label=labels, first=frame.steps == most)

    def at(self, budget, frame):
        """Rows of `scores` or `runs` at a budget, a method's at its most steps."""
        return frame[(frame.budget == budget) & frame["first"]]


def figures(published):
    """Returns published rows with their figures as numbers.

    `text` and `std_text` are as printed, `figure` and `figure_std` numbers, and
    `figure_error` the standard error.
    """
    published = published.rename(columns={"mean": "text", "std": "std_text"})
    std = published.std_text.replace("", "nan").astype(float)
    return published.assign(
        figure=published.text.astype(float),
        figure_std=std,
        figure_error=std
        / np.sqrt(published.paper.map(PUBLISHED_REPEATS).astype(float)),
    )


def compare(runs, published):
    """Returns means over repeats, and ours less published.

    Args:
        runs: As `counted` returns them.
        published: As `figures` returns them.

    Returns:
        Frame, a metric of a line each: `mean`, `std` (sample standard deviation; NaN
        for one repeat) and `n`; the columns of `figures`, NaN where nothing is
        published; `difference`, its standard `error` and what that comes from,
        `source`: "both", "ours" (no published spread), "published" (ours ran once) or
        "" (neither has one, or there is no figure); and `misses`.
    """
    line = runs.groupby([*PLACE, *LINE, "metric"], sort=False, as_index=False)
    found = line.agg(
        mean=("value", lambda values: values.mean(skipna=False)),
        std=("value", lambda values: values.std(skipna=False)),
        n=("value", "size"),
    )
    found = found.merge(published, "left", [*PLACE, "method", "metric"])
    ours, theirs = found["std"] / np.sqrt(found.n), found.figure_error
    known, several = found.figure.notna(), found.n > 1
    cases = [known & several & theirs.notna(), known & several, theirs.notna()]
    # From the published spread alone: one more draw from what the paper drew from.
    errors = [np.hypot(ours, theirs), ours, np.hypot(found.figure_std, theirs)]
    found["difference"] = found["mean"] - found.figure
    found["error"] = np.select(cases, errors, math.nan)
    found["source"] = np.select(cases, ["both", "ours", "published"], "")
    # The margin is for decimals that binary floats do not hold.
    found["misses"] = found.difference.abs() > TOLERANCE * found.error + 1e-12
    return found


def heading(place):
    paper, table, dataset, setting = place
    return ", ".join(filter(None, (table_name(paper, table), dataset, setting)))


def table_name(paper, table):
    return f"{paper} table {table}" if table.isdigit() else f"{paper} {table}"


def natural(text):
    """Sort key that puts class 10 after class 9."""
    return [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", text)]


def published_name(metric):
    """Returns the published metric that ours ranks methods like.

    The same score over the full test set or at the last checkpoint, or a Fréchet
    distance by another network, where only the ranking compares.

    Example:
        >>> published_name("ACSA_full_last"), published_name("FID_cnn_class3")
        ('ACSA', 'FID_class3')
    """
    metric = re.sub(r"^FID_(?!class)[A-Za-z0-9]+", "FID", metric)
    return re.sub(r"(_full)?(_last)?$", "", metric)
