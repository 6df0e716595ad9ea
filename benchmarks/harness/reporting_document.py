"""The report as text: Markdown of all tables, and a page with the plots besides.

A document is a list of blocks, Markdown or a plot. `to_markdown` joins the first
kind, `to_html` turns both into one page that needs no other file.
"""

import dataclasses
import html
import itertools
import math
import re

from harness import reporting, reporting_plots

# Metrics beside each other in one table.
COLUMNS = 3
TITLE = "Published figures and ours"
SUMMARY = "Summary"
ACROSS = "Ranks across settings"
NOT_RUN = "Not run"


@dataclasses.dataclass(frozen=True)
class Plot:
    """An image of the page: data URI and what it shows."""

    uri: str
    caption: str


def blocks(sections, replaced, notes):
    """Returns the whole document.

    Args:
        sections: List of `reporting.Section`.
        replaced: Sentences on cells that no longer count.
        notes: `{heading: text}`.
    """
    run = [section for section in sections if section.lines]
    found = [f"# {TITLE}", introduction(sections)]
    found += [f"## {SUMMARY}", summary(sections)]
    found += [notes[SUMMARY]] if SUMMARY in notes else []
    found += unexplained(run, notes)
    if replaced:
        found += ["### Cells that a later run replaced", bullets(replaced)]
    if run:
        found += ["## Tables", bullets(map(link, (s.heading for s in run)))]
    for section in run:
        found += section_blocks(section, notes.get(section.heading))
    found += across(run)
    found += not_run([s for s in sections if not s.lines], notes)
    return found


def introduction(sections):
    repeats = "; ".join(
        f"{paper}: {count}"
        for paper, count in reporting.PUBLISHED_REPEATS.items()
        if paper in {section.paper for section in sections}
    )
    return (
        "`benchmarks/report.py` makes this page of the rows that `benchmarks/"
        "reproduce.py` wrote and of `notes.md`; the plots are in the HTML one. "
        "Change those, not this.\n\n"
        + bullets(
            [
                "A published figure stands as printed, mean ± standard deviation; "
                "its rounding is in no error given here. Ours is mean ± sample "
                "standard deviation over repeats, [number of repeats]. A repeat is a "
                "new subsample and a new initialisation.",
                "`budget` is the fraction of the published training steps. Budgets "
                "and numbers of steps are never mixed in a mean.",
                "A difference is ours less published ± its standard error, the root "
                "of the sum of both squared standard errors where the paper gives a "
                f"spread (number of repeats, {repeats}; others unknown). ° marks an "
                "error from our repeats alone, as the paper gives no spread; † one "
                "from the published spread alone, as ours ran once. No error: "
                "neither is known.",
                f"**Bold** with ▲ or ▼: ours is higher or lower by more than "
                f"{reporting.TOLERANCE:g} standard errors, a miss.",
                "A metric in `_full` is over the whole official test set, without it "
                "on the paper's test protocol; `_last` is the last checkpoint, "
                "without it the mean of the last evaluations. "
                "`FID_cnn` uses other features than the papers: only its ranking "
                "compares.",
                "Methods marked ours are in no table of that paper.",
            ]
        )
    )


def summary(sections):
    """One line a published table: how much of it ran, and how much of that misses."""
    rows = []
    for _, group in itertools.groupby(sections, lambda s: (s.paper, s.table)):
        group = list(group)
        scored = [
            (s, line, metric)
            for s in group
            for line in s.lines
            for metric in line.scores
        ]
        gaps = [s.difference(line, metric) for s, line, metric in scored]
        gaps = list(filter(None, gaps))
        compared = {
            (s.heading, line.method, metric)
            for s, line, metric in scored
            if s.figure(line.method, metric)
        }
        rows.append(
            [
                f"{group[0].paper} {reporting.table_name(group[0].table)}",
                f"{sum(bool(s.lines) for s in group)} of {len(group)}",
                f"{len(compared)} of {sum(map(figure_count, group))}",
                str(len(gaps)),
                str(sum(gap.error is not None for gap in gaps)),
                str(sum(gap.misses for gap in gaps)),
                str(len({cell for _, line, _ in scored for cell in line.cells})),
            ]
        )
    head = "table,settings run,figures run,comparisons,with an error,misses,cells"
    return table(head.split(","), rows, left=1)


def unexplained(run, notes):
    """The misses that the notes say nothing about."""
    rows = []
    for section in run:
        text = notes.get(section.heading, "")
        for line, metric, gap in section.misses():
            if not reporting.explained(section, line, text):
                rows.append(
                    [
                        link(section.heading),
                        escape(line.method),
                        f"{line.budget:g}",
                        escape(metric),
                        published(section.figure(line.method, metric)),
                        ours(line.scores[metric]),
                        shown(gap, line.scores[metric].mean),
                    ]
                )
    title = "### Misses without a sentence in the notes"
    if not rows:
        return [title, "None."]
    head = "table,method,budget,metric,published,ours,difference".split(",")
    return [title, table(head, rows, left=2)]


def section_blocks(section, note):
    found = [f"## {section.heading}"]
    for metrics in chunks(section.compared_metrics, COLUMNS):
        found.append(compared_table(section, metrics))
    absent = [m for m in section.published_metrics if m not in section.run_metrics]
    if absent:
        found.append(f"Published and not run: {', '.join(map(escape, absent))}.")
    found += own_tables(section)
    found += [agreements(section), costs(section), facts(section)]
    found += [note] if note else []
    drawn = section.compared_metrics or [
        metric for metric in section.own_metrics if not metric.endswith("_last")
    ]
    figure = reporting_plots.bars(section, reporting.overall(drawn))
    if figure:
        caption = f"{section.heading}. Error bars: one standard deviation."
        found.append(Plot(reporting_plots.to_uri(figure), caption))
    found += ranks_blocks(reporting.repeat_ranks(section), "repeats")
    return [block for block in found if block]


def compared_table(section, metrics):
    """Published and ours, a line a method; "not run" where there is no row."""
    head = ["method", "budget", "steps"]
    for metric in metrics:
        head += [f"{escape(metric)}, published", "ours", "difference"]
    rows = []
    for method in section.methods:
        lines = section.lines_of(method)
        if not any(m in line.scores for line in lines for m in metrics):
            if any(section.figure(method, metric) for metric in metrics):
                row = [method_name(section, method), "", ""]
                for metric in metrics:
                    row += [published(section.figure(method, metric)), "not run", ""]
                rows.append(row)
            continue
        for line in lines:
            row = line_head(section, line)
            for metric in metrics:
                score = line.scores.get(metric)
                gap = section.difference(line, metric)
                row += [
                    published(section.figure(method, metric)),
                    ours(score) if score else "not run",
                    shown(gap, score.mean) if gap else "",
                ]
            rows.append(row)
    return table(head, rows, left=1)


def own_tables(section):
    """Our metrics that the paper does not have, beside the figure they rank like.

    The figure stands here only if it stands in no other table.
    """
    found = []
    for metrics in chunks(section.own_metrics, 2 * COLUMNS):
        head, likes = ["method", "budget", "steps"], []
        for metric in metrics:
            like = reporting.published_name(metric)
            beside = like in section.published_metrics and like not in likes
            likes.append(like if beside and like not in section.run_metrics else None)
            if likes[-1]:
                head.append(f"{escape(like)}, published")
            head.append(escape(metric))
        rows = []
        for line in section.lines:
            if not any(metric in line.scores for metric in metrics):
                continue
            row = line_head(section, line)
            for metric, like in zip(metrics, likes, strict=True):
                if like:
                    row.append(published(section.figure(line.method, like)))
                score = line.scores.get(metric)
                row.append(ours(score) if score else "")
            rows.append(row)
        found.append(table(head, rows, left=1))
    return found


def agreements(section):
    """Kendall's tau, by budget and metric."""
    rows = []
    for budget in section.budgets:
        for metric in section.run_metrics:
            like = reporting.published_name(metric)
            if like not in section.published_metrics:
                continue
            tau, n, p = reporting.agreement(section, budget, metric)
            rows.append(
                [
                    escape(metric),
                    escape(like),
                    f"{budget:g}",
                    "-" if tau is None else f"{tau:.2f}",
                    str(n),
                    "-" if p is None else f"{p:.3f}",
                ]
            )
    if not rows:
        return None
    head = ["ours", "published", "budget", "Kendall's tau-b", "n", "p"]
    return "Do both rank the methods alike?\n\n" + table(head, rows, left=2)


def costs(section):
    """Seconds and peak memory of a cell, by line."""
    rows = []
    for line in section.lines:
        seconds = [s for s, _ in line.cells.values() if s is not None]
        peaks = [peak for _, peak in line.cells.values() if peak is not None]
        if not seconds and not peaks:
            continue
        time = reporting.Score(dict(enumerate(seconds)))
        rows.append(
            [
                *line_head(section, line),
                str(len(line.cells)),
                ours(time, count=False) if seconds else "",
                f"{max(peaks):.0f}" if peaks else "",
            ]
        )
    if not rows:
        return None
    head = "method,budget,steps,cells,seconds a cell,peak memory (MB)".split(",")
    return "Time and memory of a cell, training and scoring:\n\n" + table(head, rows, 1)


def facts(section):
    """What the rows say of the software and the machine."""
    found = {}
    for line in section.lines:
        for name, values in line.facts.items():
            found.setdefault(name, set()).update(values)
    if not found:
        return None
    told = "; ".join(
        f"{escape(name)} {escape(', '.join(sorted(filter(None, values))))}".strip()
        for name, values in sorted(found.items())
    )
    return f"Run with {told}."


def ranks_blocks(found, over):
    """Diagrams of average ranks, and the same in words."""
    result = []
    for ranks in found:
        methods = "; ".join(
            f"{escape(method)} {value:.2f}" for method, value in ranks.average.items()
        )
        shared = ", ".join(map(str, ranks.blocks))
        text = (
            f"Average ranks by {escape(ranks.metric)}, budget {ranks.budget:g}, over "
            f"{len(ranks.blocks)} {over} ({escape(shared)}): {methods}. Friedman "
            f"p = {ranks.p:.3g}; Nemenyi's critical difference at "
            f"{reporting.SIGNIFICANCE:g}: {ranks.critical:.2f}."
        )
        if ranks.left_out:
            left_out = escape("; ".join(ranks.left_out))
            text += f" Left out, as they share too few {over}: {left_out}."
        figure = reporting_plots.critical_difference(ranks)
        caption = (
            f"Average ranks by {ranks.metric}, 1 is best. A thick bar joins methods "
            "that do not differ by the critical difference."
        )
        result += [text, Plot(reporting_plots.to_uri(figure), caption)]
    return result


def across(run):
    """Ranks over the settings of a table, where three or more were run."""
    found = []
    for paper, number, ranks in reporting.setting_ranks(run):
        title = f"### {paper} {reporting.table_name(number)}"
        found += [] if title in found else [title]
        found += ranks_blocks([ranks], "settings")
    return [f"## {ACROSS}", *found] if found else []


def not_run(sections, notes):
    """One line for each setting without a row."""
    if not sections:
        return []
    rows = [
        [
            f"{s.paper} {reporting.table_name(s.table)}",
            escape(s.dataset),
            escape(s.setting),
            str(figure_count(s)),
        ]
        for s in sections
    ]
    head = ["table", "data set", "setting", "published figures"]
    found = [f"## {NOT_RUN}", table(head, rows, left=3)]
    for section in sections:
        if section.heading in notes:
            found.append(f"### {section.heading}\n\n{notes[section.heading]}")
    return found


def figure_count(section):
    return sum(map(len, section.published.values()))


def chunks(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]


def line_head(section, line):
    steps = "" if line.steps is None else str(line.steps)
    return [method_name(section, line.method), f"{line.budget:g}", steps]


def method_name(section, method):
    if method in section.published or not section.published or "(ours)" in method:
        return escape(method)
    return f"{escape(method)} (ours)"


def number(value, like=None, sign=""):
    """A number with four decimals, or two where `like` (itself) is 10 or more."""
    size = abs(value if like is None else like)
    digits = 4 if size < 10 else 2 if size < 1000 else 0
    return f"{value:{sign}.{digits}f}"


def published(figure):
    if figure is None:
        return "-"
    return f"{figure.text} ± {figure.std_text}" if figure.std_text else figure.text


def ours(score, count=True):
    text = number(score.mean)
    if score.std is not None and math.isfinite(score.std):
        text += f" ± {number(score.std, score.mean)}"
    return f"{text} [{score.repeats}]" if count else text


def shown(gap, like):
    """A difference with its error, the mark of where that comes from, and of a miss."""
    text = number(gap.value, like, "+")
    if gap.error is not None:
        text += f" ± {number(gap.error, like)}"
    text += {"ours": " °", "published": " †"}.get(gap.source, "")
    if gap.misses:
        return f"**{text} {'▲' if gap.value > 0 else '▼'}**"
    return text


def table(head, rows, left):
    """Returns a Markdown table, the first `left` columns to the left."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def bullets(items):
    return "\n".join(f"- {item}" for item in items)


def escape(text):
    return re.sub(r"([|*`<\[\]])", r"\\\1", text)


def slug(heading):
    """The name that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(heading):
    return f"[{escape(heading)}](#{slug(heading)})"


def to_markdown(document):
    texts = [block for block in document if not isinstance(block, Plot)]
    return "\n\n".join(texts) + "\n"


def to_html(document):
    """Returns one page: styles and plots inside, no script, nothing from elsewhere."""
    body = []
    for block in document:
        if isinstance(block, Plot):
            caption = html.escape(block.caption)
            body.append(
                f'<figure><img alt="{caption}" src="{block.uri}">'
                f"<figcaption>{caption}</figcaption></figure>\n"
            )
        else:
            body.append(_render(block))
    return PAGE.format(title=TITLE, style=STYLE, body="".join(body))


def _render(text):
    from markdown_it import MarkdownIt

    # No image of a note: it would be another file. No tags either.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.disable("image")
    tokens = parser.parse(text)
    for token, inside in itertools.pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", slug(inside.content))
    return parser.renderer.render(tokens, parser.options, {})


STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; background: #fff;
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 3rem; padding-top: .6rem; border-top: 1px solid #d5dbe1; }
table { display: block; overflow-x: auto; border-collapse: collapse;
  font-size: 13px; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #e4e8ec;
  white-space: nowrap; }
th { background: #f3f5f7; }
tbody tr:hover { background: #f8fafb; }
td strong { color: #b03a2e; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { font-size: 12px; color: #5b6773; }
code { background: #f3f5f7; padding: 0 .2rem; }
"""
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}</body>
</html>
"""
