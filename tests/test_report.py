"""The report of the benchmarks: its numbers by hand, and what stands where."""

import base64
import csv
import html.parser
import math
import os
import pathlib
import random
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

from harness import (  # noqa: E402
    reporting,
    reporting_document,
    reporting_notes,
    reporting_page,
    reporting_plots,
    reporting_ranks,
    rows,
)

MNIST = ("GAMO2019", "1", "MNIST", "loss=LS;IR=100")
HEADING = "GAMO2019 table 1, MNIST, loss=LS;IR=100"
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


def published():
    names = ("paper", "table", "dataset", "setting")
    return [
        {**dict(zip(names, key, strict=True)), "method": m, "metric": k, **figure}
        for key, m, k, mean, std in PUBLISHED
        for figure in [{"mean": mean, "std": std}]
    ]


def row(method, repeat, value, metric="ACSA", section=MNIST, budget=1, **others):
    names = ("paper", "table", "dataset", "setting")
    result = dict.fromkeys(rows.COLUMNS, "")
    result.update(zip(names, section, strict=True))
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


def section_of(found, key=MNIST):
    sections, _ = reporting.build(found, published())
    names = ("paper", "table", "dataset", "setting")
    return next(s for s in sections if tuple(getattr(s, n) for n in names) == key)


def document(found, notes=None):
    sections, replaced = reporting.build(found, published())
    return reporting_document.blocks(sections, replaced, notes or {})


def markdown(found, notes=None):
    return reporting_page.to_markdown(document(found, notes))


def line_of(text, start):
    """The cells of the one table line that starts like this."""
    (line,) = [x for x in text.splitlines() if x.startswith(f"| {start} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


# Numbers.


def test_a_mean_has_the_sample_spread_and_the_error_of_both_sides():
    section = section_of(ROWS)
    (line,) = section.lines_of("Baseline CN")
    score = line.scores["ACSA"]
    assert score.mean == pytest.approx(0.92)
    assert score.std == pytest.approx(0.02)
    gap = section.difference(line, "ACSA")
    assert gap.value == pytest.approx(0.04)
    # sqrt(0.02 ** 2 / 3 + 0.01 ** 2 / 10): ten published repeats.
    assert gap.error == pytest.approx(0.0119722, abs=1e-7)
    assert (gap.source, gap.misses) == ("both", True)


@pytest.mark.parametrize(
    ("values", "std", "repeats", "error", "source", "misses"),
    [
        # 0.02 / sqrt(3); the mean is 0.04 off.
        ([0.90, 0.92, 0.94], "", 10, 0.0115470, "ours", True),
        ([0.90, 0.92, 0.94], "0.01", None, 0.0115470, "ours", True),
        # One run of ours: 0.02 * sqrt(1 + 1 / 4).
        ([0.92], "0.02", 4, 0.0223607, "published", False),
        ([0.92], "0.01", 4, 0.0111803, "published", True),
        ([0.92], "", 4, None, None, False),
        # Equal runs that are off miss by any error; those that are right do not.
        ([0.92, 0.92], "", 4, 0.0, "ours", True),
        ([0.88, 0.88], "", 4, 0.0, "ours", False),
        # Exactly two errors, 0.02 * 2, are no miss.
        ([0.90, 0.94], "", 4, 0.02, "ours", False),
        ([math.nan, 0.9], "", 4, math.nan, "ours", False),
    ],
)
def test_the_error_says_what_it_comes_from(values, std, repeats, error, source, misses):
    score = reporting.Score(dict(enumerate(values)))
    gap = reporting.difference(score, reporting.Figure("0.88", std, repeats))
    if error is None:
        assert gap.error is None
    else:
        assert gap.error == pytest.approx(error, abs=1e-7, nan_ok=True)
    assert (gap.source, gap.misses) == (source, misses)


def test_budgets_and_steps_stay_apart():
    section = section_of([*ROWS, *runs("GAMO", [0.1, 0.3], steps="9")])
    found = [
        (line.budget, line.steps, round(line.scores["ACSA"].mean, 6))
        for line in section.lines_of("GAMO")
    ]
    assert found == [(1.0, 25_000, 0.89), (1.0, 9, 0.2), (0.1, 2_500, 0.6)]
    assert [line.method for line in section.lines_at(0.1)] == ["GAMO"]
    (gamo,) = [line for line in section.lines_at(1.0) if line.method == "GAMO"]
    assert gamo.steps == 25_000


def test_a_repeat_that_ran_again_counts_once_and_is_named():
    again = row("SMOTE+CN", 0, 0.94, cell="new")
    old = row("SMOTE+CN", 0, 0.1, metric="GM")
    sections, replaced = reporting.build([*ROWS, old, again], published())
    (line,) = sections[0].lines_of("SMOTE+CN")
    assert line.scores["ACSA"].values == {0: 0.94, 1: 0.89, 2: 0.90}
    assert "GM" not in line.scores
    (sentence,) = replaced
    assert sentence.startswith(f"{HEADING}: SMOTE+CN, budget 1, repeat 0: cell new ")
    assert sentence in markdown([*ROWS, old, again])


def test_a_row_without_a_number_is_an_error_that_names_the_cell():
    broken = row("GAMO", 0, "oops", cell="abc")
    with pytest.raises(ValueError, match=r"`mean` .*number.*'oops' in cell abc"):
        reporting.build([broken], published())


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
    table = {
        "a": {0: 0.9, 1: 0.8, 2: 0.9, 3: 0.1},
        "b": {0: 0.8, 1: 0.9, 2: 0.9},
        "c": {2: 0.1, 1: 0.1, 0: 0.1},
        "d": {0: 1.0},
    }
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
    three = {"a": {0: 1, 1: 2, 2: 3}, "b": {0: 1, 1: 2, 2: 3}}
    assert reporting_ranks.rank(three, "ACSA", 1.0) is None
    short = {m: {0: 1, 1: 2} for m in "abc"}
    assert reporting_ranks.rank(short, "ACSA", 1.0) is None
    tied = {m: {0: 1, 1: 2, 2: 3} for m in "abc"}
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
    sections, _ = reporting.build(found, published())
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
        "**+0.0400 ± 0.0120 ▲**",
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
    assert line_of(text, "ACTIVEGAN2019 table 1 | CIFAR10 | n=5000")[3] == "1"
    assert "## ACTIVEGAN2019" not in text
    assert line_of(text, "GAMO2019 table 1 | 1 of 2")[2:] == [
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
    heading, table, note, ranks = (
        text.index(part)
        for part in (f"## {HEADING}", "| cGAN+CN", "GAMO is *slow*.", "Average ranks")
    )
    assert heading < table < note < ranks
    assert text.index("## Summary") < text.index("All in all.") < heading


def test_a_note_on_a_table_that_did_not_run_is_kept():
    other = "ACTIVEGAN2019 table 1, CIFAR10, n=5000"
    text = markdown(ROWS, {other: "No VGG here."})
    assert text.index("## Not run") < text.index(f"### {other}\n\nNo VGG here.")


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
    text = reporting_page.to_html(document(ROWS, {HEADING: note}), "A & B")
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
    # Bars, and one diagram of ranks.
    assert len(images) == 2
    for image in images:
        svg = base64.b64decode(image.partition(",")[2]).decode("utf-8")
        root = xml.etree.ElementTree.fromstring(svg)
        texts = [element.text for element in root.iter() if element.text]
        assert any("GAMO\\D" in text for text in texts)
        references = re.findall(r'href="([^"]*)"|url\(([^)]*)\)', svg)
        assert all((a or b).startswith("#") for a, b in references)
        assert len(svg) < 40_000


def test_bars_have_the_length_and_error_of_the_numbers():
    figure = reporting_plots.bars(section_of(ROWS), ["ACSA"])
    (axis,) = figure.axes
    lengths = [round(bar.get_width(), 6) for bar in axis.patches]
    # By method published, then ours by budget; DOS and ours without published.
    assert lengths == [
        *(0.88, 0.92),
        *(0.89, 0.89),
        0.88,
        *(0.90, 0.91),
        *(0.91, 0.89, 0.6),
        0.8,
        0.94,
    ]
    errors = [bar.get_segments()[0][:, 0] for bar in axis.collections]
    # Published 0.88 with 0.01 and ours 0.92 with 0.02; DOS has neither.
    assert errors[0] == pytest.approx([0.87, 0.89])
    assert errors[1] == pytest.approx([0.90, 0.94])
    assert len(errors) == 11
    # 0.6 less its spread is far from the rest: the axis starts at 0.
    assert axis.get_xlim()[0] == 0
    cut = reporting_plots.bars(section_of(runs("GAMO", [0.87, 0.91])), ["ACSA"])
    assert cut.axes[0].get_xlim()[0] == pytest.approx(0.82)
    assert cut.axes[0].get_xlabel() == "axis starts at 0.82"
    assert reporting_plots.bars(section_of(ROWS), ["GM"]) is None


def test_a_thick_bar_joins_what_is_nearer_than_the_critical_difference():
    assert reporting_plots.cliques([1.0, 1.5, 2.2, 4.0], 1.0) == [(0, 1), (1, 2)]
    assert reporting_plots.cliques([1.0, 2.0, 3.0], 1.0) == []
    assert reporting_plots.cliques([1.0, 2.0, 3.0], 9.0) == [(0, 2)]


def write_inputs(folder, found):
    tables = folder / "published"
    tables.mkdir(parents=True)
    with open(tables / "tables.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows.KEY, "mean", "std"])
        writer.writeheader()
        writer.writerows(published())
    for one in found:
        rows.append(folder / "rows.csv", [{**one, "part": ""}])
    (folder / "notes.md").write_text(f"## {HEADING}\n\nGAMO is slow.\n", "utf-8")
    return folder / "rows.csv", tables, folder / "notes.md"


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path):
    first = reporting_document.make_report(*write_inputs(tmp_path / "a", ROWS))
    shuffled = random.Random(0).sample(ROWS, len(ROWS))
    second = reporting_document.make_report(*write_inputs(tmp_path / "b", shuffled))
    assert first == second


def test_the_script_writes_both_files_or_says_what_is_missing(tmp_path):
    found, tables, notes = write_inputs(tmp_path, ROWS)
    script = [sys.executable, str(ROOT / "benchmarks" / "report.py")]
    script += [f"--published={tables}", f"--notes={notes}"]
    script += [f"--output={tmp_path / 'R.md'}", f"--html={tmp_path / 'R.html'}"]
    # A process's own order of sets changes nothing.
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    options = {"capture_output": True, "text": True, "env": environment, "timeout": 300}
    result = subprocess.run([*script, f"--rows={found}"], **options)
    assert result.returncode == 0, result.stderr
    texts = [(tmp_path / name).read_text("utf-8") for name in ("R.md", "R.html")]
    expected = reporting_document.make_report(found, tables, notes)
    assert texts == list(expected)
    missing = subprocess.run([*script, f"--rows={tmp_path / 'none.csv'}"], **options)
    assert missing.returncode != 0
    assert "`--rows` must be a file" in missing.stderr
    assert "reproduce.py" in missing.stderr and "Traceback" not in missing.stderr


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
    published = ROOT / "benchmarks" / "published"
    text, _ = reporting_document.make_report(empty, published, notes)
    total = sum(1 for _ in rows.published(published))
    counts = re.findall(r"\| 0 of \d+ \| 0 of (\d+) \|", text)
    assert sum(map(int, counts)) == total > 2000


def test_the_report_of_the_project_is_that_of_its_rows_and_notes():
    folder = ROOT / "benchmarks"
    text, _ = reporting_document.make_report(
        folder / "results" / "reproduce.csv", folder / "published", folder / "notes.md"
    )
    assert text == (folder / "REPORT.md").read_text("utf-8")
