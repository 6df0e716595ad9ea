"""The numbers of the report: what the rows say beside the published tables.

A `Section` is a published table at one data set and setting. Its lines are methods;
a method that ran with several budgets or numbers of steps has a line for each, so no
mean mixes them. Nothing here is drawn or written.
"""

import dataclasses
import difflib
import functools
import math
import re
import statistics
import warnings

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
SIGNIFICANCE = 0.05


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


def lower_is_better(metric):
    return metric.startswith("FID") or metric == "seconds"


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
    sections = {}
    for row in published:
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
    return list(sections.values()), replaced


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


def agreement(section, budget, metric):
    """Returns Kendall's tau-b between the published and our order of the methods.

    Args:
        section: `Section`.
        budget: Float; only lines of this budget.
        metric: Ours; `published_name` says what it is compared with.

    Returns:
        (tau, n, p); tau and p are None below three methods or where all tie.
    """
    pairs = []
    for line in section.lines_at(budget):
        figure = section.figure(line.method, published_name(metric))
        score = line.scores.get(metric)
        if figure and score and math.isfinite(score.mean):
            pairs.append((figure.mean, score.mean))
    if len(pairs) < 3 or any(len(set(side)) == 1 for side in zip(*pairs, strict=True)):
        return None, len(pairs), None
    from scipy.stats import kendalltau

    tau, p = kendalltau(*zip(*pairs, strict=True))
    return float(tau), len(pairs), float(p)


@dataclasses.dataclass(frozen=True)
class Ranks:
    """Average ranks of methods (1 is best) over blocks: repeats, or settings.

    Args:
        metric: What was ranked.
        budget: Of all lines compared.
        average: `{method: rank}`, best first.
        blocks: Names of the blocks.
        critical: Nemenyi's critical difference at `SIGNIFICANCE`.
        p: Of Friedman's test that all methods rank alike.
        left_out: Methods with too few of the blocks.
    """

    metric: str
    budget: float
    average: dict
    blocks: tuple
    critical: float
    p: float
    left_out: tuple


def critical_difference(methods, blocks):
    """Nemenyi's: `q sqrt(k (k + 1) / (6 N))`, q a studentized range over sqrt(2).

    Reference: Demsar. Statistical comparisons of classifiers over multiple data sets.
        JMLR 7, 2006.
    """
    from scipy.stats import studentized_range

    q = studentized_range.ppf(1 - SIGNIFICANCE, methods, math.inf) / math.sqrt(2)
    return float(q * math.sqrt(methods * (methods + 1) / (6 * blocks)))


def rank(table, metric, budget):
    """Ranks methods over the blocks that they share.

    The method with the fewest blocks is left out until three blocks are shared.

    Args:
        table: `{method: {block: value}}`.
        metric: Name of the values; says which end is best.
        budget: Of the values.

    Returns:
        `Ranks`, or None below three methods or three shared blocks.
    """
    from scipy.stats import friedmanchisquare, rankdata

    table = {
        method: {b: v for b, v in values.items() if math.isfinite(v)}
        for method, values in table.items()
    }
    left_out = []
    while len(table) >= 3:
        blocks = set.intersection(*(set(values) for values in table.values()))
        if len(blocks) >= 3:
            break
        fewest = min(reversed(table), key=lambda method: len(table[method]))
        left_out.append(fewest)
        del table[fewest]
    else:
        return None
    blocks = [b for b in next(iter(table.values())) if b in blocks]
    if all(isinstance(block, int) for block in blocks):
        blocks.sort()
    columns = [[values[b] for b in blocks] for values in table.values()]
    sign = 1 if lower_is_better(metric) else -1
    ranks = [rankdata([sign * v for v in block]) for block in zip(*columns)]  # noqa: B905
    average = [statistics.fmean(map(float, column)) for column in zip(*ranks)]  # noqa: B905
    with warnings.catch_warnings():
        # All tie: 0 / 0.
        warnings.simplefilter("ignore", RuntimeWarning)
        p = float(friedmanchisquare(*columns).pvalue)
    order = sorted(zip(average, table, strict=True), key=lambda pair: pair[0])
    return Ranks(
        metric,
        budget,
        {method: value for value, method in order},
        tuple(blocks),
        critical_difference(len(table), len(blocks)),
        1.0 if math.isnan(p) else p,
        tuple(left_out),
    )


def ranked_metrics(section):
    """The metrics worth a diagram: of many, those over all classes; no single class."""
    found = [
        metric
        for metric in section.run_metrics
        if not metric.endswith("_last") and "_class" not in metric
    ]
    if section.published:
        known = section.published_metrics
        found = [metric for metric in found if published_name(metric) in known]
    return overall(found)


def overall(metrics):
    """Of more than four metrics those over all classes, if there are such."""
    chosen = [metric for metric in metrics if metric.startswith("all_")]
    return chosen if chosen and len(metrics) > 4 else list(metrics)


def repeat_ranks(section):
    """Returns `Ranks` over the repeats of one section, by budget and metric."""
    found = []
    for budget in section.budgets:
        for metric in ranked_metrics(section):
            table = {
                line.method: line.scores[metric].values
                for line in section.lines_at(budget)
                if metric in line.scores
            }
            found.append(rank(table, metric, budget))
    return [ranks for ranks in found if ranks]


def setting_ranks(sections):
    """Returns [(paper, table, `Ranks`)] over the settings of a published table.

    A block is a setting, its value the mean over repeats.
    """
    tables = {}
    for section in sections:
        name = f"{section.dataset} {section.setting}"
        for budget in section.budgets:
            for metric in ranked_metrics(section):
                key = (section.paper, section.table, budget, metric)
                for line in section.lines_at(budget):
                    if metric in line.scores:
                        methods = tables.setdefault(key, {})
                        blocks = methods.setdefault(line.method, {})
                        blocks[name] = line.scores[metric].mean
    found = []
    for (paper, table, budget, metric), methods in tables.items():
        ranks = rank(methods, metric, budget)
        if ranks:
            found.append((paper, table, ranks))
    return found


def read_notes(text, headings):
    """Returns `{heading: text}` of a notes file.

    Args:
        text: Markdown; a section starts with `## ` and the heading of its table. What
            comes before the first is for whoever writes.
        headings: The headings that there are.

    Raises:
        ValueError: If a section has a heading of no table, or one comes twice.
    """
    parts = re.split(r"^## +(.+?) *$", text, flags=re.MULTILINE)
    notes = {}
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        if heading not in headings:
            close = difflib.get_close_matches(heading, headings, 3) or headings[:3]
            raise ValueError(
                "A section of the notes must have the heading of a table. Received: "
                f"{heading!r}. Closest: {close}."
            )
        if heading in notes:
            raise ValueError(
                f"A table has one section in the notes. Received: two {heading!r}. "
                "Join them."
            )
        notes[heading] = body.strip()
    return notes


def explained(section, line, text):
    """Whether a paragraph or list item of the notes speaks of this line.

    It must name the method and, where the method has several lines, the budget as in
    "budget 0.1". A longer name that holds the method's ("GAMO\\D") does not count.
    """
    longer = [m for m in section.methods if line.method in m and m != line.method]
    name = re.compile(rf"(?<![\w\\+-]){re.escape(line.method)}(?![\w\\+-])")
    several = len({other.budget for other in section.lines_of(line.method)}) > 1
    for paragraph in re.split(r"\n\s*\n|\n\s*(?=[-*] )", text):
        for other in sorted(longer, key=len, reverse=True):
            paragraph = paragraph.replace(other, "")
        if not name.search(" ".join(paragraph.split())):
            continue
        budgets = re.findall(r"\bbudget ([0-9]*\.?[0-9]+)", paragraph)
        if not several or line.budget in map(float, budgets):
            return True
    return False
