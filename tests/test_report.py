"""The report of the benchmarks: its numbers by hand, and what stands where."""

import base64
import html.parser
import math
import os
import pathlib
import random
import re
import subprocess
import sys
import xml.etree.ElementTree

import numpy as np
import pandas as pd
import pytest
import script_module
from absl import flags
from browser_pages import found_browser, measured

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))

from harness import (  # noqa: E402
    reporting,
    reporting_document,
    reporting_findings,
    reporting_names,
    reporting_notes,
    reporting_page,
    reporting_plots,
    reporting_ranks,
    rows,
)

MNIST = ("GAMO2019", "1", "MNIST", "loss=LS;IR=100")
HEADING = "GAMO2019 table 1, MNIST, loss=LS;IR=100"
WORDS = "GAMO (Mullick et al., 2019), table 1"
HEADING_WORDS = f"{WORDS}: MNIST, least-squares loss, imbalance ratio 100"
ACTIVEGAN = "ActiveGAN (Kong et al., 2019), table 1"
# (section, method, metric, mean, std)
PUBLISHED = [
    (MNIST, "Baseline CN", "ACSA", "0.88", "0.01"),
    (MNIST, "Baseline CN", "GM", "0.86", "0.01"),
    (MNIST, "SMOTE+CN", "ACSA", "0.89", "0.01"),
    (MNIST, "cGAN+CN", "ACSA", "0.88", "0.03"),
    (MNIST, "GAMO\\D", "ACSA", "0.90", "0.01"),
    (MNIST, "GAMO", "ACSA", "0.91", "0.02"),
    (("GAMO2019", "1", "Fashion-MNIST", "loss=LS;IR=100"), "DOS", "ACSA", "0.8", ""),
    (("ACTIVEGAN2019", "1", "CIFAR10", "n=5000"), "SVM", "F_score_pct", "83.4", ""),
]


def published(figures=PUBLISHED):
    lines = [(*key, *figure) for key, *figure in figures]
    return pd.DataFrame(lines, columns=rows.PUBLISHED)


def row(method, repeat, value, metric="ACSA", section=MNIST, budget=1, **others):
    result = dict.fromkeys(rows.COLUMNS, "")
    result.update(zip(reporting.PLACE, section, strict=True))
    result.update(method=method, metric=metric, mean=str(value), repeat=str(repeat))
    result.update(budget=str(budget), steps=str(round(25_000 * budget)))
    result.update(cell=f"{section[2:]}{method}{repeat}{budget}", part="1/1")
    return {**result, **others}


def runs(method, values, **others):
    return [row(method, i, value, **others) for i, value in enumerate(values)]


# Misses at both budgets; no row of "cGAN+CN".
ROWS = [
    *runs("Baseline CN", [0.90, 0.92, 0.94], seconds="10", peak_mb="100"),
    *runs("SMOTE+CN", [0.88, 0.89, 0.90]),
    *runs("GAMO\\D", [0.90, 0.91, 0.92]),
    *runs("GAMO", [0.87, 0.89, 0.91]),
    *runs("GAMO", [0.5, 0.7], budget=0.1),
    *runs("Random (ours)", [0.93, 0.94, 0.95]),
    *runs("DOS", [0.8]),
]


def build(found, figures=PUBLISHED):
    """Returns the sections of rows (dicts), and the sentences on replaced cells."""
    return reporting.build(pd.DataFrame(found), published(figures))


def section_of(found, key=MNIST):
    return next(section for section in build(found)[0] if section.place == key)


def scores_of(section, method):
    """The scores of a method, a row each."""
    return list(section.scores[section.scores.method == method].itertuples())


def document(found, notes=None, title=""):
    blocks = reporting_document.blocks(*build(found), notes or {})
    return reporting_page.Document(title, blocks)


def markdown(found, notes=None):
    return document(found, notes).to_markdown()


def line_of(text, start):
    """The cells of the one table line that starts like this."""
    (line,) = [x for x in text.splitlines() if x.startswith(f"| {start} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


# Numbers.


def test_a_mean_has_the_sample_spread_and_the_error_of_both_sides():
    (score,) = scores_of(section_of(ROWS), "Baseline CN")
    assert (score.mean, score.std) == pytest.approx((0.92, 0.02))
    assert score.difference == pytest.approx(0.04)
    # sqrt(0.02 ** 2 / 3 + 0.01 ** 2 / 10): ten published repeats.
    assert score.error == pytest.approx(0.0119722, abs=1e-7)
    assert (score.source, score.misses) == ("both", True)


@pytest.mark.parametrize(
    ("values", "std", "paper", "error", "source", "misses"),
    [
        # 0.02 / sqrt(3); the mean is 0.04 off.
        ([0.90, 0.92, 0.94], "", "GAMO2019", 0.0115470, "ours", True),
        # A spread over nobody knows how many repeats.
        ([0.90, 0.92, 0.94], "0.01", "ACTIVEGAN2019", 0.0115470, "ours", True),
        # One run of ours: 0.02 * sqrt(1 + 1 / 5), five published repeats.
        ([0.92], "0.02", "DGC2020", 0.0219089, "published", False),
        ([0.92], "0.01", "DGC2020", 0.0109545, "published", True),
        ([0.92], "", "DGC2020", math.nan, "", False),
        # Equal runs that are off miss by any error; those that are right do not.
        ([0.92, 0.92], "", "GAMO2019", 0.0, "ours", True),
        ([0.88, 0.88], "", "GAMO2019", 0.0, "ours", False),
        # Exactly two errors, 0.02 * 2, are no miss.
        ([0.90, 0.94], "", "GAMO2019", 0.02, "ours", False),
        ([math.nan, 0.9], "", "GAMO2019", math.nan, "ours", False),
    ],
)
def test_the_error_says_what_it_comes_from(values, std, paper, error, source, misses):
    place = (paper, "1", "MNIST", "")
    found = runs("GAMO", values, section=place)
    ((section,), _) = build(found, [(place, "GAMO", "ACSA", "0.88", std)])
    (score,) = scores_of(section, "GAMO")
    assert score.error == pytest.approx(error, abs=1e-7, nan_ok=True)
    assert (score.source, score.misses) == (source, misses)
    assert math.isnan(score.mean) == any(map(math.isnan, values))


def test_budgets_and_steps_stay_apart():
    section = section_of([*ROWS, *runs("GAMO", [0.1, 0.3], steps="9")])
    found = [(s.budget, s.steps, round(s.mean, 6)) for s in scores_of(section, "GAMO")]
    assert found == [(1.0, 25_000, 0.89), (1.0, 9, 0.2), (0.1, 2_500, 0.6)]
    assert section.at(0.1, section.scores).method.tolist() == ["GAMO"]
    whole = section.at(1.0, section.scores)
    assert whole.steps[whole.method == "GAMO"].tolist() == [25_000]
    repeats = section.at(1.0, section.runs)
    assert repeats.value[repeats.method == "GAMO"].tolist() == [0.87, 0.89, 0.91]


def test_a_repeat_that_ran_again_counts_once_and_is_named():
    again = row("SMOTE+CN", 0, 0.94, cell="new")
    old = row("SMOTE+CN", 0, 0.1, metric="GM")
    sections, replaced = build([*ROWS, old, again])
    found = sections[0].runs[sections[0].runs.method == "SMOTE+CN"]
    values = dict(zip(found.repeat, found.value, strict=True))
    assert values == {0: 0.94, 1: 0.89, 2: 0.90}
    assert set(found.metric) == {"ACSA"}
    (sentence,) = replaced
    assert sentence.startswith(f"{HEADING}: SMOTE+CN, budget 1, repeat 0: cell new ")
    assert sentence in markdown([*ROWS, old, again])


def test_a_row_without_a_number_is_an_error_that_names_the_cell():
    broken = row("GAMO", 0, "oops", cell="abc")
    with pytest.raises(ValueError, match=r"`mean` .*number.*'oops' in cell abc"):
        build([broken])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("ACSA", "ACSA"),
        ("ACSA_full", "ACSA"),
        ("GM_full_last", "GM"),
        ("FID_cnn_class3", "FID_class3"),
        ("FID_cnn", "FID"),
        ("FID_class3", "FID_class3"),
        ("min_recall", "min_recall"),
    ],
)
def test_which_published_metric_ours_ranks_like(metric, expected):
    assert reporting.published_name(metric) == expected


# Rankings.


def test_tau_counts_pairs_in_the_same_order():
    # Published .88 .89 .90 .91, ours .92 .89 .91 .89: pairs with the first method all
    # turn, of the others one holds, one turns and one ties on our side. tau-b is
    # (1 - 4) / sqrt(6 * 5).
    section = section_of(ROWS)
    tau, n, p = reporting_ranks.agreement(section, 1.0, "ACSA")
    assert n == 4
    assert tau == pytest.approx(-3 / math.sqrt(30))
    assert 0 < p <= 1
    assert reporting_ranks.agreement(section, 0.1, "ACSA") == (None, 1, None)
    assert line_of(markdown(ROWS), "ACSA | ACSA")[2:] == [
        f"-0.55 (n 4, p {p:.3f})",
        "- (n 1)",
    ]


def test_tau_without_ties_is_exact():
    found = [
        *runs("Baseline CN", [0.5]),
        *runs("SMOTE+CN", [0.6]),
        *runs("GAMO\\D", [0.8]),
        *runs("GAMO", [0.7]),
    ]
    # Of six pairs one turns; among the 24 orders of four, four are as near or nearer
    # to the published one (tau 1: one, 2/3: three), and as many to its reverse.
    tau, n, p = reporting_ranks.agreement(section_of(found), 1.0, "ACSA")
    assert (tau, n) == (pytest.approx(4 / 6), 4)
    assert p == pytest.approx(8 / 24)


@pytest.mark.parametrize(
    ("methods", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)]
)
def test_the_critical_difference_is_that_of_the_tables(methods, q):
    # Demsar, JMLR 7, 2006, table 5a: alpha = 0.05.
    expected = q * math.sqrt(methods * (methods + 1) / (6 * 14))
    found = reporting_ranks.critical_difference(methods, 14)
    assert found == pytest.approx(expected, rel=5e-4)


def test_average_ranks_over_the_repeats_that_all_share():
    none = math.nan
    table = pd.DataFrame(
        {
            "a": [0.9, 0.8, 0.9, 0.1],
            "b": [0.8, 0.9, 0.9, none],
            "c": [0.1, 0.1, 0.1, math.inf],
            "d": [1.0, none, none, none],
        }
    )
    ranks = reporting_ranks.rank(table, "ACSA", 1.0)
    assert ranks.blocks == (0, 1, 2)
    assert ranks.left_out == ("d",)
    assert ranks.average == {"a": 1.5, "b": 1.5, "c": 3.0}
    # With ties: 12 sum((rank sum - 6)^2) / (N k (k + 1)) is 13.5 * 12 / 36, over
    # 1 - 6 / (N k (k^2 - 1)) for the one tied pair: 4.5 / (11 / 12), and two degrees.
    assert ranks.p == pytest.approx(math.exp(-4.5 * 12 / 11 / 2))
    low = reporting_ranks.rank(table, "FID", 1.0)
    assert low.average == {"c": 1.0, "a": 2.5, "b": 2.5}


def test_no_ranks_below_three_methods_or_three_repeats():
    tied = pd.DataFrame({m: [1, 2, 3] for m in "abc"})
    assert reporting_ranks.rank(tied[["a", "b"]], "ACSA", 1.0) is None
    assert reporting_ranks.rank(tied[:2], "ACSA", 1.0) is None
    ranks = reporting_ranks.rank(tied, "ACSA", 1.0)
    assert (ranks.p, set(ranks.average.values())) == (1.0, {2.0})


def test_settings_are_the_blocks_of_a_whole_table():
    keys = [("own", "1", f"data {i}", "") for i in range(3)]
    found = [
        row(method, repeat, value + repeat / 10, section=key)
        for key in keys
        for method, value in (("a", 0.1), ("b", 0.3), ("c", 0.2))
        for repeat in (0, 1)
    ]
    sections, _ = build(found)
    ((paper, table, ranks),) = reporting_ranks.setting_ranks(sections)
    assert (paper, table, ranks.metric) == ("own", "1", "ACSA")
    assert ranks.average == {"b": 1.0, "c": 2.0, "a": 3.0}
    assert ranks.blocks == ("data 0 ", "data 1 ", "data 2 ")


# The document.


def test_the_line_of_a_method_shows_both_sides_and_the_miss():
    text = markdown(ROWS)
    assert line_of(text, "Baseline CN | 1 | 25000 | 0.88 ± 0.01")[3:6] == [
        "0.88 ± 0.01",
        "0.9200 ± 0.0200 [3]",
        "*+0.0400 ± 0.0120 ▲*",
    ]
    # 0.89 less 0.91; sqrt(0.02 ** 2 / 3 + 0.02 ** 2 / 10).
    assert line_of(text, "GAMO | 1 | 25000")[4:] == [
        "0.8900 ± 0.0200 [3]",
        "-0.0200 ± 0.0132",
    ]
    assert line_of(text, "GAMO | 0.1 | 2500")[4:] == [
        "0.6000 ± 0.1414 [2]",
        "**-0.3100 ± 0.1002 ▼**",
    ]
    assert line_of(text, "Random (ours) | 1 | 25000")[3:] == [
        "-",
        "0.9400 ± 0.0100 [3]",
        "",
    ]


def test_what_did_not_run_is_said_once():
    text = markdown(ROWS)
    assert line_of(text, "cGAN+CN")[1:] == ["", "", "0.88 ± 0.03", "not run", ""]
    assert "Published and not run: GM." in text
    absent = f"{ACTIVEGAN} | CIFAR10 | 5,000 labelled images"
    assert line_of(text, absent)[3] == "1"
    assert f"## {ACTIVEGAN}" not in text
    assert line_of(text, f"{WORDS} | 1 of 2")[2:] == [
        "4 of 7",
        "5",
        "5",
        "2",
        "18",
    ]


def test_a_method_is_ours_if_the_paper_has_it_nowhere():
    text = markdown([*ROWS, *runs("Copies", [0.5])])
    # Of another data set of the paper.
    assert line_of(text, "DOS | 1 | 25000")[4] == "0.8000 [1]"
    assert line_of(text, "Copies (ours) | 1 | 25000")[4] == "0.5000 [1]"
    assert "(ours) (ours)" not in text


def test_metrics_of_ours_have_a_table_of_their_own():
    found = [*ROWS, *runs("GAMO", [0.4, 0.6], metric="ACSA_full")]
    found += runs("GAMO", [0.2], metric="GM_full_last")
    text = markdown(found)
    # GM itself did not run, so its figures stand beside.
    head = ["ACSA_full", "GM, published", "GM_full_last"]
    assert line_of(text, "method | budget | steps | ACSA_full")[3:] == head
    assert line_of(text, "GAMO | 1 | 25000 | 0.5000 ± 0.1414 [2]")[4:] == [
        "-",
        "0.2000 [1]",
    ]


def test_time_and_memory_are_of_cells_not_of_rows():
    found = [
        row("GAMO", repeat, 0.9, metric, seconds=seconds, peak_mb=peak)
        for repeat, seconds, peak in ((0, "10", "300"), (1, "14", "200"))
        for metric in ("ACSA", "GM", "ACSA_full")
    ]
    line = line_of(markdown(found), "GAMO | 1 | 25000 | 2")
    assert line[4:] == ["12.00 ± 2.83", "300"]


def test_what_the_rows_say_of_the_software_stands_below():
    found = [row("GAMO", i, 0.9, note=f"keras=3.{i};threads=all") for i in (1, 0)]
    assert "Run with keras 3.0, 3.1; threads all." in markdown(found)


def test_three_methods_with_three_repeats_have_a_diagram():
    text = markdown(ROWS)
    # Random, Baseline, GAMO\\D, SMOTE, GAMO have in repeat 0 .93 .90 .90 .88 .87, so
    # ranks 1 2.5 2.5 4 5; in 1 .94 .92 .91 .89 .89, so 1 2 3 4.5 4.5; in 2 .95 .94 .92
    # .90 .91, so 1 2 3 5 4.
    assert (
        "Average ranks by ACSA, budget 1, over 3 repeats (0, 1, 2): "
        "Random (ours) 1.00; Baseline CN 2.17; GAMO\\D 2.83; SMOTE+CN 4.50; GAMO 4.50."
    ) in text
    assert "Left out, as they share too few repeats: DOS." in text


# Notes.


def test_a_note_stands_below_its_table():
    text = markdown(ROWS, {HEADING: "GAMO is *slow*.", "Summary": "All in all."})
    parts = (f"## {HEADING_WORDS}", "| cGAN+CN", "GAMO is *slow*.", "Average ranks")
    heading, table, note, ranks = map(text.index, parts)
    assert heading < table < note < ranks
    assert text.index("## Summary") < text.index("All in all.") < heading


def test_a_note_on_a_table_that_did_not_run_is_kept():
    other = "ACTIVEGAN2019 table 1, CIFAR10, n=5000"
    text = markdown(ROWS, {other: "No VGG here."})
    title = f"### {ACTIVEGAN}: CIFAR10, 5,000 labelled images"
    assert text.index("## Not run") < text.index(f"{title}\n\nNo VGG here.")


def test_notes_are_read_by_heading():
    text = "For writers.\n\n## A, b \n\nOne.\n\n### More\n\nTwo.\n## B\nThree.\n"
    found = reporting_notes.read_notes(text, ["A, b", "B", "C"])
    assert found == {"A, b": "One.\n\n### More\n\nTwo.", "B": "Three."}
    with pytest.raises(ValueError, match=r"'A, c'. Closest: \['A, b'"):
        reporting_notes.read_notes("## A, c\n", ["A, b", "B"])
    with pytest.raises(ValueError, match="two 'B'"):
        reporting_notes.read_notes("## B\n## B\n", ["B"])


def unexplained(notes):
    text = markdown(ROWS, {HEADING: notes} if notes else None)
    part = text.split(f"## {reporting_document.UNEXPLAINED}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| \[.*?\]\(\S+\) \| (.+?) \| (.+?) \|", part, re.MULTILINE)


@pytest.mark.parametrize(
    ("notes", "left"),
    [
        (None, [("Baseline CN", "1"), ("GAMO", "0.1")]),
        ("Baseline CN is\nstrong here.", [("GAMO", "0.1")]),
        ("Baseline\nCN does well.\n- GAMO at budget 0.1 is young.", []),
        # Another budget, another method, two paragraphs.
        ("Baseline CN; GAMO at budget 1 is good.", [("GAMO", "0.1")]),
        ("Baseline CN; GAMO\\D at budget 0.1 is good.", [("GAMO", "0.1")]),
        ("Baseline CN; GAMO\n\nAt budget 0.1.", [("GAMO", "0.1")]),
        ("Baseline CNN.", [("Baseline CN", "1"), ("GAMO", "0.1")]),
    ],
)
def test_a_miss_without_a_sentence_is_listed(notes, left):
    assert unexplained(notes) == left


def test_no_miss_is_said_too():
    assert "notes\n\nNone.\n" in markdown(runs("GAMO", [0.91, 0.92]))


# The page.


class Page(html.parser.HTMLParser):
    """Checks that tags close in order; keeps what they refer to."""

    VOID = ("meta", "img", "br", "hr", "link", "input")

    def __init__(self):
        super().__init__()
        self.open, self.references, self.ids, self.tags = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.references += [v for k, v in attrs if k in ("src", "href", "srcset")]
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page():
    note = '<script src="a.js"></script> ![x](https://a.example/b.png)'
    text = document(ROWS, {HEADING: note}, "A & B").to_html()
    parser = Page()
    parser.feed(text)
    parser.close()
    return text, parser


def test_the_page_is_whole_and_needs_no_other_file(page):
    text, parser = page
    assert parser.open == []
    assert {"table", "figure", "h2"} <= parser.tags
    assert not {"script", "link", "iframe", "object"} & parser.tags
    # An image in a note is no image here: it becomes a link that nothing follows.
    local = [r for r in parser.references if r != "https://a.example/b.png"]
    assert all(r.startswith(("#", "data:image/svg+xml;base64,")) for r in local)
    assert "@import" not in text and "url(" not in text
    assert "<title>A &amp; B</title>" in text
    links = [r[1:] for r in local if r.startswith("#")]
    assert links and set(links) <= set(parser.ids)


def test_the_plots_are_images_that_need_no_other_file(page):
    _, parser = page
    images = [r for r in parser.references if r.startswith("data:")]
    # Dots of the one metric that ran, and one diagram of ranks.
    assert len(images) == 2
    for image in images:
        svg = base64.b64decode(image.partition(",")[2]).decode("utf-8")
        root = xml.etree.ElementTree.fromstring(svg)
        texts = [element.text for element in root.iter() if element.text]
        assert any("GAMO\\D" in text for text in texts)
        references = re.findall(r'href="([^"]*)"|url\(([^)]*)\)', svg)
        assert all((a or b).startswith("#") for a, b in references)


def marks_of(axis):
    """`(colour, shape, value)` of the marks, row by row; lines are no marks."""
    found = [
        (line.get_color(), line.get_marker(), round(float(line.get_xdata()[0]), 6))
        for line in axis.lines
        if line.get_marker() not in ("None", None)
    ]
    return found


def test_dots_stand_at_the_numbers_with_their_spread():
    figure = reporting_plots.dots(section_of(ROWS), "ACSA")
    (axis,) = figure.axes
    grey, full, tenth = (reporting_plots.PUBLISHED_COLOUR, *reporting_plots.COLOURS[:2])
    # Baseline, SMOTE, cGAN, GAMO\\D, GAMO (full and a tenth), DOS, Random.
    assert marks_of(axis) == [
        *((grey, "D", 0.88), (full, "o", 0.92), (grey, "D", 0.89), (full, "o", 0.89)),
        *((grey, "D", 0.88), (grey, "D", 0.9), (full, "o", 0.91)),
        *((grey, "D", 0.91), (full, "o", 0.89), (tenth, "o", 0.6)),
        *((full, "o", 0.8), (full, "o", 0.94)),
    ]
    spreads = [x for x in axis.lines if x.get_marker() == "None" and len(x.get_xdata())]
    ends = [
        tuple(np.round(x.get_xdata(), 6)) for x in spreads if x.get_linewidth() == 1
    ]
    # Published 0.88 with 0.01 and ours 0.92 with 0.02; DOS has neither.
    assert ends[:2] == [(0.87, 0.89), (0.9, 0.94)] and len(ends) == 11
    # Every mark and spread is inside the axis, and what did not run is said.
    low, high = axis.get_xlim()
    assert low < 0.6 - 0.1414 and high > 0.95
    texts = [text.get_text() for text in axis.texts]
    assert texts.count("not run") == 1 and "GAMO\\D" in texts
    assert not axis.patches
    assert reporting_plots.drawable(section_of(ROWS), ["GM"]) == []


def test_dots_that_differ_by_powers_of_ten_say_so():
    found = section_of([*runs("GAMO", [0.002]), *runs("DOS", [0.9])])
    (axis,) = reporting_plots.dots(found, "ACSA").axes
    assert axis.get_xscale() == "log" and axis.get_xlabel() == "by powers of ten"


FULL = "ACSA_full"


def test_the_page_begins_with_what_methods_earn():
    found = runs("Baseline CN", [0.90, 0.92, 0.94], metric=FULL)
    found += runs("Random+CN (ours)", [0.93, 0.94, 0.95], metric=FULL)
    found += runs("GAMO", [0.97, 0.98, 0.99], metric=FULL)
    found += runs("DOS", [0.95], metric=FULL)
    text = markdown(found)
    # 0.98 less 0.92; sqrt((0.01 ** 2 + 0.02 ** 2) / 3) is 0.0129, so t is 4.648 with
    # (1 + 4) ** 2 / ((1 + 16) / 2) = 2.941 degrees: p is 0.0196.
    assert (
        "- MNIST, 40 to 4,000 a class: ACSA: **GAMO**, better than doing nothing "
        "(p 0.020): 0.980 beside 0.920, +6.0 ± 1.3 points (random copies +2.0)."
    ) in text
    assert "**DOS**, one draw, so nothing can be told: 0.950 beside 0.920, +3.0" in text
    first = text.index(f"## {reporting_document.FINDINGS}")
    assert first < text.index(f"## {reporting_document.READING}")
    assert first < text.index(f"## {reporting_document.SUMMARY}")
    sections = build(found)[0]
    gamo, dos = reporting_findings.findings(sections)
    (axis,) = reporting_plots.differences([gamo, dos]).axes
    points = [value for _, _, value in marks_of(axis)]
    assert points == pytest.approx([6.0, 2.0, 3.0, 2.0])
    hollow = [line.get_markerfacecolor() == "white" for line in axis.lines]
    assert sum(hollow) == 1


def test_without_a_line_of_the_overview_there_are_no_findings():
    assert reporting_document.FINDINGS not in markdown(ROWS)


def test_short_names_are_told_in_words():
    assert reporting_names.title(MNIST) == HEADING_WORDS
    place = ("FAJARDO2021", "5", "MNIST", "m=1 2 3 4 5;rho=320")
    assert reporting_names.title(place) == (
        "Conditional models (Fajardo et al., 2021), table 5: MNIST, small classes "
        "1 2 3 4 5, large classes 320 times as large"
    )
    assert reporting_names.title(("own", "1", "data", "")) == "own, table 1: data"
    assert line_of(markdown(ROWS), "`GAMO\\D`")[1] == "GAMO without its discriminator"
    # All of the published tables, and of ours, but for names that nobody knows.
    frames = (rows.read(BENCHMARKS / "results/reproduce.csv"),)
    frames += (rows.published(BENCHMARKS / "published"),)
    for frame in frames:
        for metric in frame.metric.unique():
            assert reporting_names.metric(metric), metric
        for setting in frame.setting.unique():
            assert "=" not in reporting_names.in_words(setting), setting
        assert set(frame.paper) <= set(reporting_names.NAMES["paper"])
    assert reporting_names.metric("nobody_knows") is None


def test_a_miss_in_our_favour_is_not_red(page):
    text, _ = page
    assert "<em>+0.0400 ± 0.0120 ▲</em>" in text
    assert "<strong>-0.3100 ± 0.1002 ▼</strong>" in text
    style = text[text.index("<style>") : text.index("</style>")]
    assert "td em{color:var(--better)" in style
    assert "td strong{color:var(--worse)}" in style


def test_a_smaller_distance_is_in_our_favour():
    figures = [*PUBLISHED, (MNIST, "GAMO", "FID", "5.0", "0.1")]
    found, replaced = build(runs("GAMO", [3.0, 3.1, 3.2], metric="FID"), figures)
    text = "\n".join(
        block
        for block in reporting_document.blocks(found, replaced, {})
        if isinstance(block, str)
    )
    assert re.search(r"\| \*-1\.9000 ± [\d.]+ ▼\* \|", text)


MEASURE = """
function measure(frame) {
  const page = frame.contentDocument, root = page.documentElement;
  const all = selector => [...page.querySelectorAll(selector)];
  return {
    scroll: root.scrollWidth, client: root.clientWidth,
    beyond: all('body *').filter(each => !each.closest('.scroll') &&
      each.getBoundingClientRect().right > root.clientWidth + 1).length,
    hidden: all('.scroll').filter(box => box.scrollWidth > box.clientWidth + 1 &&
      box.tagName === 'DIV' && getComputedStyle(box).overflowX !== 'auto').length,
    hints: all('.hint').filter(each => each.getClientRects().length).length,
    tables: all('table').length,
    cut: all('.plots img').filter(each =>
      each.getBoundingClientRect().width > root.clientWidth).length,
  };
}
"""


def test_a_browser_shows_it_on_a_telephone_and_on_a_desk(page, tmp_path):
    browser = found_browser()
    path = tmp_path / "page.html"
    path.write_text(page[0], encoding="utf-8")
    narrow, wide = measured(browser, [path], (390, 1200), MEASURE, tmp_path)
    for shown in (narrow, wide):
        assert shown["scroll"] <= shown["client"] and shown["beyond"] == 0
        assert shown["hidden"] == 0 and shown["tables"] > 3 and shown["cut"] == 0
    assert narrow["hints"] > 0 and wide["hints"] < narrow["hints"]


def test_a_thick_bar_joins_what_is_nearer_than_the_critical_difference():
    assert reporting_plots.cliques([1.0, 1.5, 2.2, 4.0], 1.0) == [(0, 1), (1, 2)]
    assert reporting_plots.cliques([1.0, 2.0, 3.0], 1.0) == []
    assert reporting_plots.cliques([1.0, 2.0, 3.0], 9.0) == [(0, 2)]


def write_inputs(folder, found):
    tables = folder / "published"
    tables.mkdir(parents=True)
    published().to_csv(tables / "tables.csv", index=False)
    for one in found:
        rows.append(folder / "rows.csv", [{**one, "part": ""}])
    (folder / "notes.md").write_text(f"## {HEADING}\n\nGAMO is slow.\n", "utf-8")
    return folder / "rows.csv", tables, folder / "notes.md"


def texts_of(*inputs):
    report = reporting_document.make_report(*inputs)
    return [report.to_markdown(), report.to_html()]


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path):
    first = texts_of(*write_inputs(tmp_path / "a", ROWS))
    shuffled = random.Random(0).sample(ROWS, len(ROWS))
    assert first == texts_of(*write_inputs(tmp_path / "b", shuffled))


def test_the_script_writes_both_files_or_says_what_is_missing(tmp_path):
    found, tables, notes = write_inputs(tmp_path, ROWS)
    script = BENCHMARKS / "report.py"
    options = [f"--published={tables}", f"--notes={notes}"]
    options += [f"--output={tmp_path / 'R.md'}", f"--html={tmp_path / 'R.html'}"]
    # A process's own order of sets changes nothing.
    paths = [str(ROOT), os.environ.get("PYTHONPATH")]
    paths = os.pathsep.join(filter(None, paths))
    result = subprocess.run(
        [sys.executable, str(script), *options, f"--rows={found}"],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    texts = [(tmp_path / name).read_text("utf-8") for name in ("R.md", "R.html")]
    assert texts == texts_of(found, tables, notes)
    with script_module.loaded(script) as module:
        flags.FLAGS(["", *options, f"--rows={tmp_path / 'none.csv'}"])
        with pytest.raises(SystemExit, match="`--rows` must be a file.*reproduce.py"):
            module.main([])


def test_missing_notes_and_tables_are_errors(tmp_path):
    found, tables, notes = write_inputs(tmp_path, ROWS)
    with pytest.raises(FileNotFoundError, match="`--notes` must be a file"):
        reporting_document.make_report(found, tables, tmp_path / "none.md")
    with pytest.raises(FileNotFoundError, match="`--published` must be a folder"):
        reporting_document.make_report(found, tmp_path / "none", notes)
    # Our own rows are no published table.
    with pytest.raises(ValueError, match="must have the columns .*'std'.*n_repeats"):
        reporting_document.make_report(found, found.parent, notes)


def test_the_published_tables_of_the_project_make_a_report(tmp_path):
    empty, notes = tmp_path / "rows.csv", tmp_path / "notes.md"
    empty.write_text(",".join(rows.COLUMNS) + "\n", "utf-8")
    notes.write_text("# Notes\n", "utf-8")
    report = reporting_document.make_report(empty, BENCHMARKS / "published", notes)
    counts = re.findall(r"\| 0 of \d+ \| 0 of (\d+) \|", report.to_markdown())
    total = len(rows.published(BENCHMARKS / "published"))
    assert sum(map(int, counts)) == total > 2000


def test_the_report_of_the_project_is_that_of_its_rows_and_notes():
    inputs = (
        BENCHMARKS / x for x in ("results/reproduce.csv", "published", "notes.md")
    )
    report = reporting_document.make_report(*inputs)
    assert report.to_markdown() == (BENCHMARKS / "REPORT.md").read_text("utf-8")
