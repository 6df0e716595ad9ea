"""The report, block by block: what stands in it, from numbers to sentences."""

import functools
import itertools
import pathlib

from harness import (
    reporting,
    reporting_findings,
    reporting_names,
    reporting_notes,
    reporting_plots,
    reporting_ranks,
)
from harness import reporting_page as page
from harness import reporting_tables as tables
from harness import rows as result_rows

TITLE = "Published figures and ours"
FINDINGS = "What was found"
READING = "How to read the tables"
SUMMARY = "Summary"
NAMES = "Names"
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
    run = [section for section in sections if len(section.lines)]
    found = [f"# {TITLE}", *finding_blocks(run)]
    found += [f"## {READING}", introduction(sections)]
    found += [f"## {SUMMARY}", summary(sections)]
    found += [notes[SUMMARY]] if SUMMARY in notes else []
    if replaced:
        found += ["### Cells that a later run replaced", page.bullets(replaced)]
    if run:
        found += [f"## {NAMES}", names(run)]
        found += ["## Tables", page.bullets(map(page.link, (s.title for s in run)))]
    for section in run:
        found += section_blocks(section, notes.get(section.heading))
    found += across(run)
    found += [f"## {UNEXPLAINED}", unexplained(run, notes)]
    found += not_run([s for s in sections if not len(s.lines)], notes)
    return found


def finding_blocks(run):
    """What the methods earn, before any table: sentences and one plot."""
    found = reporting_findings.findings(run)
    if not found:
        return []
    text = (
        "Each method beside the same classifier on the data as they are; points are "
        "hundredths of the score, ± is the standard error over draws of the data. They "
        "are told apart where Welch's t-test, which knows how few draws there are, has "
        f"p below {reporting_ranks.SIGNIFICANCE:g}, not corrected for the number of "
        "lines."
    )
    caption = (
        "Points to doing nothing. Lines: two standard errors; a hollow mark: one draw."
    )
    draw = functools.partial(reporting_plots.differences, found)
    bullets = page.bullets(finding.sentence() for finding in found)
    return [f"## {FINDINGS}", text, bullets, page.Plot(draw, caption)]


def names(run):
    """A table of the metrics and methods whose names say little."""
    metrics = {m: None for s in run for m in (*s.published_metrics, *s.metrics)}
    methods = {m: None for s in run for m in s.methods}
    found = reporting_names.explained(metrics) | reporting_names.methods(methods)
    rows = [
        {"name": f"`{name}`", "what it is": page.escape(found[name])}
        for name in sorted(found, key=lambda name: (name.lower(), name))
    ]
    return page.table(rows, left=2) if rows else "All say what they are."


def introduction(sections):
    repeats = "; ".join(
        f"{paper}: {count}"
        for paper, count in reporting.PUBLISHED_REPEATS.items()
        if paper in {section.paper for section in sections}
    )
    text = pathlib.Path(__file__).with_name("introduction.md").read_text("utf-8")
    return text.strip().format(repeats=repeats, tolerance=reporting.TOLERANCE)


def summary(sections):
    """One line a published table: how much of it ran, and how much of that misses."""
    rows = []
    for place, group in itertools.groupby(sections, lambda s: (s.paper, s.table)):
        group = list(group)
        started = sum(len(section.lines) > 0 for section in group)
        compared = [s.scores[s.scores.figure.notna()] for s in group]
        ran = sum(
            len(part[["method", "metric"]].drop_duplicates()) for part in compared
        )
        rows.append(
            {
                "table": reporting_names.table_title(*place),
                "settings run": f"{started} of {len(group)}",
                "figures run": f"{ran} of {sum(len(s.published) for s in group)}",
                "comparisons": sum(map(len, compared)),
                "with an error": sum((part.source != "").sum() for part in compared),
                "misses": sum(part.misses.sum() for part in compared),
                "cells": len(set().union(*(s.runs.cell for s in group))),
            }
        )
    below = (
        f"Why figures miss stands below their tables, or in {page.link(UNEXPLAINED)}."
    )
    return f"{page.table(rows, left=1)}\n\n{below}"


def unexplained(run, notes):
    """Returns a table of the misses that the notes say nothing about."""
    rows = [
        {
            "table": page.link(section.title),
            "method": page.escape(line.method),
            "budget": f"{line.budget:g}",
            "metric": page.escape(line.metric),
            "published": tables.published(line),
            "ours": tables.ours(line),
            "difference": tables.shown(line),
        }
        for section in run
        for line in section.scores[section.scores.misses].itertuples()
        if not reporting_notes.explained(section, line, notes.get(section.heading, ""))
    ]
    return page.table(rows, left=2) if rows else "None."


def section_blocks(section, note):
    found = [f"## {section.title}", *tables.compared_tables(section)]
    absent = [m for m in section.published_metrics if m not in section.metrics]
    if absent:
        found.append(f"Published and not run: {', '.join(map(page.escape, absent))}.")
    found += tables.own_tables(section)
    found += [note, tables.agreements(section), tables.costs(section), facts(section)]
    drawn = section.compared or [m for m in section.own if not m.endswith("_last")]
    drawn = reporting_ranks.overall(drawn)
    plots = [
        page.Plot(functools.partial(reporting_plots.dots, section, metric), caption)
        for metric in reporting_plots.drawable(section, drawn)
        for caption in [f"{metric}: {reporting_names.metric(metric) or section.title}."]
    ]
    if plots:
        found.append(page.Plots(plots))
    found += ranks_blocks(reporting_ranks.repeat_ranks(section), "repeats")
    return [block for block in found if block]


def facts(section):
    """What the rows say of the software and the machine."""
    found = sorted(
        {
            fact.partition("=")[::2]
            for note in section.runs.note
            for fact in filter(None, note.split(";"))
        }
    )
    told = [
        f"{name} {', '.join(value for _, value in group)}".strip()
        for name, group in itertools.groupby(found, lambda fact: fact[0])
    ]
    return page.escape(f"Run with {'; '.join(told)}.") if told else None


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
        draw = functools.partial(reporting_plots.critical_difference, ranks)
        caption = (
            f"Average ranks by {ranks.metric}, 1 is best. A thick bar joins methods "
            "that do not differ by the critical difference."
        )
        result += [page.escape(text), page.Plot(draw, caption)]
    return result


def across(run):
    """Ranks over the settings of a table, where three or more were run."""
    found = []
    for *place, ranks in reporting_ranks.setting_ranks(run):
        title = f"### {reporting_names.table_title(*place)}"
        found += [] if title in found else [title]
        found += ranks_blocks([ranks], "settings")
    return [f"## {ACROSS}", *found] if found else []


def not_run(sections, notes):
    """One line for each setting without a row."""
    if not sections:
        return []
    rows = [
        {
            "table": reporting_names.table_title(section.paper, section.table),
            "data set": page.escape(section.place[2]),
            "setting": page.escape(reporting_names.in_words(section.place[3])),
            "published figures": len(section.published),
        }
        for section in sections
    ]
    return [f"## {NOT_RUN}", page.table(rows, left=3)] + [
        f"### {section.title}\n\n{notes[section.heading]}"
        for section in sections
        if section.heading in notes
    ]


def make_report(rows, published, notes):
    """Reads the inputs and returns the report.

    Args:
        rows: CSV file in the format of `harness.rows`.
        published: Folder of published tables.
        notes: Markdown file, sections by heading of a table.

    Returns:
        `reporting_page.Document`.

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
    sections, replaced = reporting.build(
        result_rows.read(rows), result_rows.published(published)
    )
    text = pathlib.Path(notes).read_text("utf-8")
    found = reporting_notes.read_notes(text, [SUMMARY, *(s.heading for s in sections)])
    return page.Document(TITLE, blocks(sections, replaced, found))
