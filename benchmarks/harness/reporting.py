"""The numbers of the report: what the rows say beside the published tables.

A `Section` is a published table at one data set and setting. Its lines are methods;
a method that ran with several budgets or numbers of steps has a line for each, so no
mean mixes them. Nothing here is drawn or written.
"""

import dataclasses
import functools
import math
import re
import statistics

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


@dataclasses.dataclass(frozen=True)
class Figure:
    """A published figure, as printed and as a number."""

    text: str
    std_text: str
    repeats: int | None

    @property
    def mean(self):
        return float(self.text)

    @property
    def std(self):
        return float(self.std_text) if self.std_text else None


@dataclasses.dataclass
class Score:
    """One metric of one line: `values` by the number of the repeat."""

    values: dict = dataclasses.field(default_factory=dict)

    @property
    def repeats(self):
        return len(self.values)

    @property
    def mean(self):
        return statistics.fmean(self.values.values())

    @property
    def std(self):
        """Sample standard deviation (ddof 1); None for one repeat."""
        values = list(self.values.values())
        if len(values) < 2:
            return None
        return statistics.stdev(values) if all(map(math.isfinite, values)) else math.nan


@dataclasses.dataclass(frozen=True)
class Difference:
    """Ours less published.

    Args:
        value: Float.
        error: Its standard error; None where neither side has a spread.
        source: What `error` comes from: "both", "ours" (no published spread),
            "published" (ours ran once) or None.
    """

    value: float
    error: float | None
    source: str | None

    @property
    def misses(self):
        # The margin is for decimals that binary floats do not hold.
        return (
            self.error is not None and abs(self.value) > TOLERANCE * self.error + 1e-12
        )


@dataclasses.dataclass
class Line:
    """A method at one budget and number of steps.

    Args:
        method: Name in the published table, or ours.
        budget: Float, fraction of the published steps.
        steps: Integer, or None for a method without steps.
        scores: `{metric: Score}`.
        cells: `{cell: (seconds or None, peak MB or None)}`.
        facts: `{name: set of values}`, from the rows' notes.
    """

    method: str
    budget: float
    steps: int | None
    scores: dict = dataclasses.field(default_factory=dict)
    cells: dict = dataclasses.field(default_factory=dict)
    facts: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Section:
    """A published table at one data set and setting, and what we have of it."""

    paper: str
    table: str
    dataset: str
    setting: str
    published: dict = dataclasses.field(default_factory=dict)
    lines: list = dataclasses.field(default_factory=list)
    # All methods that the paper has a figure of, in this table or another.
    paper_methods: set = dataclasses.field(default_factory=set)

    @property
    def heading(self):
        place = f"{self.paper} {table_name(self.table)}"
        return ", ".join(filter(None, (place, self.dataset, self.setting)))

    @functools.cached_property
    def published_metrics(self):
        """The published metrics, in the paper's order."""
        found = (metric for row in self.published.values() for metric in row)
        return list(dict.fromkeys(found))

    @functools.cached_property
    def run_metrics(self):
        """All metrics that were run: published ones in the paper's order, then ours."""
        order = {metric: i for i, metric in enumerate(self.published_metrics)}
        found = {metric for line in self.lines for metric in line.scores}
        return sorted(
            found,
            key=lambda metric: (
                metric not in order,
                order.get(published_name(metric), len(order)),
                natural(metric),
            ),
        )

    @property
    def compared_metrics(self):
        return [m for m in self.run_metrics if m in self.published_metrics]

    @property
    def own_metrics(self):
        return [m for m in self.run_metrics if m not in self.published_metrics]

    @property
    def budgets(self):
        return sorted({line.budget for line in self.lines}, reverse=True)

    @property
    def methods(self):
        """The published methods in the paper's order, then ours."""
        names = [*self.published, *(line.method for line in self.lines)]
        return list(dict.fromkeys(names))

    def label(self, method):
        """The method's name, marked where the paper has no such method."""
        known = method in self.paper_methods or not self.paper_methods
        return method if known or "(ours)" in method else f"{method} (ours)"

    def lines_of(self, method):
        return [line for line in self.lines if line.method == method]

    def lines_at(self, budget):
        """One line a method at this budget, the one with the most steps."""
        lines = [line for line in self.lines if line.budget == budget]
        # Within a method the lines go from many steps to few.
        return list({line.method: line for line in reversed(lines)}.values())[::-1]

    def figure(self, method, metric):
        """Returns the published `Figure`, or None."""
        return self.published.get(method, {}).get(metric)

    def difference(self, line, metric):
        """Returns the `Difference` of a line's score, or None without both numbers."""
        score, figure = line.scores.get(metric), self.figure(line.method, metric)
        if score is None or figure is None:
            return None
        return difference(score, figure)

    def misses(self):
        """Yields (line, metric, difference) of the figures that we miss."""
        for line in self.lines:
            for metric in self.compared_metrics:
                gap = self.difference(line, metric)
                if gap is not None and gap.misses:
                    yield line, metric, gap


def table_name(table):
    return f"table {table}" if table.isdigit() else table


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


def difference(score, figure):
    """Returns ours less published, with the standard error that can be known."""
    ours = None if score.std is None else score.std / math.sqrt(score.repeats)
    theirs = None
    if figure.std is not None and figure.repeats:
        theirs = figure.std / math.sqrt(figure.repeats)
    value = score.mean - figure.mean
    if ours is not None and theirs is not None:
        return Difference(value, math.hypot(ours, theirs), "both")
    if ours is not None:
        return Difference(value, ours, "ours")
    if theirs is not None:
        # One more draw from what the paper drew from.
        return Difference(value, math.hypot(figure.std, theirs), "published")
    return Difference(value, None, None)


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
    sections, paper_methods = {}, {}
    for row in published:
        paper_methods.setdefault(row["paper"], set()).add(row["method"])
        key = tuple(row[name] for name in ("paper", "table", "dataset", "setting"))
        section = sections.setdefault(key, Section(*key))
        figure = Figure(row["mean"], row["std"], PUBLISHED_REPEATS.get(row["paper"]))
        section.published.setdefault(row["method"], {})[row["metric"]] = figure
    kept, replaced = _latest(rows)
    lines = {}
    for place, repeat, row in kept:
        key, line_key = place[:4], place[4:]
        line = lines.setdefault(key, {}).setdefault(line_key, Line(*line_key))
        score = line.scores.setdefault(row["metric"], Score())
        score.values[repeat] = _number(row, "mean", math.nan)
        line.cells[row["cell"]] = (_number(row, "seconds"), _number(row, "peak_mb"))
        for fact in filter(None, row["note"].split(";")):
            name, _, value = fact.partition("=")
            line.facts.setdefault(name, set()).add(value)
    for key in sorted(lines):
        section = sections.setdefault(key, Section(*key))
        order = {method: i for i, method in enumerate(section.published)}
        section.lines = sorted(
            lines[key].values(),
            key=lambda line, order=order: (
                order.get(line.method, len(order)),
                line.method,
                -line.budget,
                -(line.steps or 0),
            ),
        )
    # A setting of ours stands with the published settings of its table.
    places = {}
    for section in sections.values():
        section.paper_methods = paper_methods.get(section.paper, set())
        places.setdefault((section.paper, section.table), len(places))
    ordered = sorted(sections.values(), key=lambda s: places[s.paper, s.table])
    return ordered, replaced


def _latest(rows):
    """Returns (place, repeat, row) of the rows that count, and sentences on others.

    A place is the section's key and the line's key. Where two cells give the same
    figure, a recipe was changed and run again: the later cell counts, whole.
    """
    placed, owner, dropped = [], {}, {}
    for row in rows:
        steps = _number(row, "steps")
        place = (
            *(row[name] for name in ("paper", "table", "dataset", "setting", "method")),
            _number(row, "budget", 1.0),
            None if steps is None else round(steps),
        )
        repeat = round(_number(row, "repeat", 0))
        placed.append((place, repeat, row))
        before = owner.get((place, repeat, row["metric"]))
        owner[place, repeat, row["metric"]] = row["cell"]
        if before not in (None, row["cell"]):
            dropped[place, repeat, before] = row["cell"]
    kept = [p for p in placed if (p[0], p[1], p[2]["cell"]) not in dropped]
    sentences = [
        f"{Section(*place[:4]).heading}: {place[4]}, budget {place[5]:g}, repeat "
        f"{repeat}: cell {new} counts in place of {old}."
        for (place, repeat, old), new in dropped.items()
    ]
    return kept, sorted(sentences)


def _number(row, name, default=None):
    if row[name] == "":
        return default
    try:
        return float(row[name])
    except ValueError:
        raise ValueError(
            f"`{name}` of a row must be a number. Received: {row[name]!r} in cell "
            f"{row['cell']} ({row['method']}, {row['metric']}). Remove that cell's "
            "rows and run it again."
        ) from None
