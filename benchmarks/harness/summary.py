"""Tables of README.md and RESULTS.md, from the rows of `reproduce.py`.

Each has a name: that of a data set for GAMO's table 1 or 2, one in `GRIDS` for a score
of another paper over several settings, `overview`, or `tabular`. On a page it stands
between `<!-- table: NAME -->` and `<!-- end -->`.
"""

import pathlib
import re

from harness import reporting, rows

# Data sets of GAMO's tables, by name; there the full budget on the full test set.
GAMO = {
    "MNIST": ("GAMO2019", "1", "MNIST", "loss=LS;IR=100"),
    "Fashion-MNIST": ("GAMO2019", "1", "Fashion-MNIST", "loss=LS;IR=100"),
    "CIFAR10": ("GAMO2019", "2", "CIFAR10", "loss=LS;IR=56.25"),
}
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
    "FID": (
        1,
        [
            (title, ("GAMO2019", "5", "Fashion-MNIST", "per-class mean"), metric)
            for title, metric in [("mean of 1 to 9", "FID_cnn")]
            + [(str(label), f"FID_cnn_class{label}") for label in range(1, 10)]
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
# Fajardo et al., by the ratio of a large class to a small one.
GRIDS |= {
    name: (
        3,
        [
            (
                f"{dataset}, {classes}",
                ("FAJARDO2021", number, dataset, f"m=1 2 3 4 5;rho={ratio}"),
                f"{group}_F1",
            )
            for dataset, number in numbers
            for classes, group in (("all classes", "all"), ("1 to 5", "min"))
        ],
    )
    for name, ratio, numbers in (
        ("Fajardo-320", 320, (("MNIST", "5"), ("Fashion-MNIST", "7"))),
        ("Fajardo-80", 80, (("MNIST", "6"), ("Fashion-MNIST", "8"))),
    )
}
# A line is a method of a paper beside what needs no network, on one data set: a title,
# the section, our metric, the published one, decimal places, the names of three plain
# rows (None: the paper's data are balanced), and the methods.
PLAIN = ("nothing added", "random copies", "SMOTE")
OVERVIEW = [
    (
        f"{name}, 40 to 4,000 a class: ACSA",
        GAMO[name],
        ("ACSA_full", "ACSA", 3),
        ("Baseline CN", "Random+CN (ours)", "SMOTE+CN"),
        ("GAMO", "DOS"),
    )
    for name in ("MNIST", "Fashion-MNIST")
]
OVERVIEW += [
    (
        "CIFAR-10 (JPEG copies), 80 to 4,500 a class: ACSA",
        GAMO["CIFAR10"],
        ("ACSA_full", "ACSA", 3),
        ("Baseline CN", "Random+CN (ours)", "SMOTE+CN"),
        ("GAMO", "DOS"),
    ),
]
OVERVIEW += [
    (
        f"{dataset}, 10 or 3,200 a class: F1",
        ("FAJARDO2021", number, dataset, "m=1 2 3 4 5;rho=320"),
        ("all_F1", "all_F1", 3),
        ("Imbalanced", "RANDOM", "SMOTE"),
        methods,
    )
    for dataset, number, methods in (
        ("MNIST", "5", ("CVAE", "R-CVAE")),
        ("Fashion-MNIST", "7", ("R-CVAE",)),
    )
]
OVERVIEW += [
    (
        "MNIST, 40 to 4,000 a class: recall of the 60 images' class",
        ("IMSIC2021", "1", "MNIST", "class=8;IR=67"),
        ("recall", "recall", 3),
        ("None (ours)", None, "SMOTE"),
        ("InfoGAN", "IMSIC"),
    ),
    (
        "MNIST, 500 labels, balanced: F-score in percent",
        ("ACTIVEGAN2019", "1", "MNIST", "n=500"),
        ("F_score_pct", "F_score_pct", 1),
        ("SVM", None, None),
        ("AC-GAN", "ActiveGAN"),
    ),
]


def gamo(results, published, name):
    """Returns the lines of a Markdown table of GAMO's scores, one method a line.

    Args:
        results: Path of the rows.
        published: Folder of the published tables.
        name: In `GAMO`.
    """
    section = _sections(results, published)[GAMO[name]]
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
            text = _cell(score, figure, digits)
            cells.setdefault((line.method, line.budget), {})[title] = text
    lines = [
        f"| method | budget | {' | '.join(titles)} |",
        "|---" * (2 + len(titles)) + "|",
    ]
    for (method, budget), texts in cells.items():
        shown = " | ".join(texts.get(title, "") for title in titles)
        lines.append(f"| {method} | {budget:g} | {shown} |")
    return lines


def overview(results, published):
    """Returns the lines of a Markdown table of methods beside the plain baselines.

    Cells as in `grid`; of a method with several budgets the largest stands, as a share
    of the published steps. A method that did not run has no line.
    """
    sections = _sections(results, published)
    lines = [
        f"| images and score | {' | '.join(PLAIN)} | method |  | steps |",
        "|---" * (len(PLAIN) + 4) + "|",
    ]

    def cell(section, method, metric, printed, digits):
        found = [line for line in section.lines_of(method) if metric in line.scores]
        if not found:
            return "", ""
        line = max(found, key=lambda line: line.budget)
        text = _cell(line.scores[metric], section.figure(method, printed), digits)
        return text, f"{line.budget:g}"

    for title, place, (metric, printed, digits), plain, methods in OVERVIEW:
        section = sections[place]
        shown = [cell(section, name, metric, printed, digits)[0] for name in plain]
        for method in methods:
            score, budget = cell(section, method, metric, printed, digits)
            if score:
                line = [title, *shown, method, score, budget]
                lines.append(f"| {' | '.join(line)} |")
    return lines


def _cell(score, figure, digits):
    spread = f" ± {score.std:.{digits}f}" if score.repeats > 1 else ""
    text = f"{score.mean:.{digits}f}{spread} [{score.repeats}]"
    return f"{text} ({figure.text})" if figure else text


def lines_of(name, results, published):
    """Returns the lines of the table with that name."""
    if name == "tabular":
        return tabular(pathlib.Path(results).with_name("tabular.md"))
    if name == "overview":
        return overview(results, published)
    if name in GRIDS:
        return grid(results, published, name)
    return gamo(results, published, name)


def tabular(summary):
    """Returns the lines of the first table in `tabular.md`, and the line before it."""
    lines = pathlib.Path(summary).read_text("utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    last = next(i for i in range(first, len(lines)) if not lines[i].startswith("|"))
    return lines[first - 2 : last]


def _sections(results, published):
    """Returns `{(paper, table, data set, setting): harness.reporting.Section}`."""
    sections, _ = reporting.build(rows.read(results), rows.published(published))
    return {(s.paper, s.table, s.dataset, s.setting): s for s in sections}


def write(page, results, published):
    """Replaces the tables of a page, a `pathlib.Path`, and returns their names."""

    def fresh(match):
        lines = lines_of(match[1], results, published)
        return f"<!-- table: {match[1]} -->\n\n" + "\n".join(lines) + "\n\n<!-- end -->"

    text = page.read_text("utf-8")
    pattern = r"<!-- table: (\S+) -->\n.*?<!-- end -->"
    page.write_text(re.sub(pattern, fresh, text, flags=re.DOTALL), "utf-8")
    return re.findall(pattern, text, flags=re.DOTALL)
