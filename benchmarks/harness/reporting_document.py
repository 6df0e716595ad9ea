"""The report, block by block: what stands in it, from numbers to sentences."""

import itertools
import pathlib

from harness import reporting, reporting_notes, reporting_plots, reporting_ranks
from harness import reporting_page as page
from harness import reporting_tables as tables
from harness import rows as result_rows

TITLE = "Published figures and ours"
SUMMARY = "Summary"
ACROSS = "Ranks across settings"
UNEXPLAINED = "Misses without a sentence in the notes"
NOT_RUN = "Not run"


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
    if replaced:
        found += ["### Cells that a later run replaced", page.bullets(replaced)]
    if run:
        found += ["## Tables", page.bullets(map(page.link, (s.heading for s in run)))]
    for section in run:
        found += section_blocks(section, notes.get(section.heading))
    found += across(run)
    found += [f"## {UNEXPLAINED}", unexplained(run, notes)]
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
        + page.bullets(
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
    below = (
        f"Why figures miss stands below their tables, or in {page.link(UNEXPLAINED)}."
    )
    return f"{page.table(head.split(','), rows, left=1)}\n\n{below}"


def unexplained(run, notes):
    """Returns a table of the misses that the notes say nothing about."""
    rows = []
    for section in run:
        text = notes.get(section.heading, "")
        for line, metric, gap in section.misses():
            if not reporting_notes.explained(section, line, text):
                rows.append(
                    [
                        page.link(section.heading),
                        page.escape(line.method),
                        f"{line.budget:g}",
                        page.escape(metric),
                        tables.published(section.figure(line.method, metric)),
                        tables.ours(line.scores[metric]),
                        tables.shown(gap, line.scores[metric].mean),
                    ]
                )
    if not rows:
        return "None."
    head = "table,method,budget,metric,published,ours,difference".split(",")
    return page.table(head, rows, left=2)


def section_blocks(section, note):
    found = [f"## {section.heading}"]
    found += tables.compared_tables(section)
    absent = [m for m in section.published_metrics if m not in section.run_metrics]
    if absent:
        found.append(f"Published and not run: {', '.join(map(page.escape, absent))}.")
    found += tables.own_tables(section)
    found += [note, tables.agreements(section), tables.costs(section), facts(section)]
    drawn = section.compared_metrics or [
        metric for metric in section.own_metrics if not metric.endswith("_last")
    ]
    figure = reporting_plots.bars(section, reporting_ranks.overall(drawn))
    if figure:
        caption = f"{section.heading}. Error bars: one standard deviation."
        found.append(page.Plot(reporting_plots.to_uri(figure), caption))
    found += ranks_blocks(reporting_ranks.repeat_ranks(section), "repeats")
    return [block for block in found if block]


def facts(section):
    """What the rows say of the software and the machine."""
    found = {}
    for line in section.lines:
        for name, values in line.facts.items():
            found.setdefault(name, set()).update(values)
    if not found:
        return None
    told = (
        f"{name} {', '.join(sorted(found[name]))}".strip() for name in sorted(found)
    )
    return page.escape(f"Run with {'; '.join(told)}.")


def ranks_blocks(found, over):
    """Diagrams of average ranks, and the same in words."""
    result = []
    for ranks in found:
        methods = "; ".join(
            f"{method} {value:.2f}" for method, value in ranks.average.items()
        )
        shared = ", ".join(map(str, ranks.blocks))
        text = (
            f"Average ranks by {ranks.metric}, budget {ranks.budget:g}, over "
            f"{len(ranks.blocks)} {over} ({shared}): {methods}. Friedman p = "
            f"{ranks.p:.3g}; Nemenyi's critical difference at "
            f"{reporting_ranks.SIGNIFICANCE:g}: {ranks.critical:.2f}."
        )
        if ranks.left_out:
            left_out = "; ".join(ranks.left_out)
            text += f" Left out, as they share too few {over}: {left_out}."
        figure = reporting_plots.critical_difference(ranks)
        caption = (
            f"Average ranks by {ranks.metric}, 1 is best. A thick bar joins methods "
            "that do not differ by the critical difference."
        )
        result += [
            page.escape(text),
            page.Plot(reporting_plots.to_uri(figure), caption),
        ]
    return result


def across(run):
    """Ranks over the settings of a table, where three or more were run."""
    found = []
    for paper, number, ranks in reporting_ranks.setting_ranks(run):
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
            page.escape(s.dataset),
            page.escape(s.setting),
            str(figure_count(s)),
        ]
        for s in sections
    ]
    head = ["table", "data set", "setting", "published figures"]
    found = [f"## {NOT_RUN}", page.table(head, rows, left=3)]
    for section in sections:
        if section.heading in notes:
            found.append(f"### {section.heading}\n\n{notes[section.heading]}")
    return found


def figure_count(section):
    return sum(map(len, section.published.values()))


def make_report(rows, published, notes):
    """Reads the inputs and returns the report.

    Args:
        rows: CSV file in the format of `harness.rows`.
        published: Folder of published tables.
        notes: Markdown file, sections by heading of a table.

    Returns:
        Markdown and HTML, two strings.

    Raises:
        FileNotFoundError: If an input does not exist.
        ValueError: If an input is not in its format.
    """
    for name, path, way_out in (
        ("--rows", rows, "Run benchmarks/reproduce.py first"),
        ("--notes", notes, "Make an empty one"),
    ):
        if not pathlib.Path(path).is_file():
            raise FileNotFoundError(
                f"`{name}` must be a file. Received: {path}, which is none. "
                f"{way_out}, or name another."
            )
    figures = result_rows.published(published)
    if not figures:
        raise FileNotFoundError(
            f"`--published` must be a folder of CSV tables. Received: {published}, "
            "without any. Name another."
        )
    expected = [*result_rows.KEY, "mean", "std"]
    for figure in figures:
        if list(figure) != expected:
            raise ValueError(
                f"A published table must have the columns {expected}. Received: "
                f"{list(figure)} in {published}. Name another folder."
            )
    sections, replaced = reporting.build(result_rows.read(rows), figures)
    headings = [SUMMARY, *(s.heading for s in sections)]
    text = pathlib.Path(notes).read_text("utf-8")
    document = blocks(sections, replaced, reporting_notes.read_notes(text, headings))
    markdown = page.to_markdown(document)
    return markdown, page.to_html(document, TITLE)
