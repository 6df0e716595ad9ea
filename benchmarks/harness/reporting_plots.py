"""The plots of the report, as SVG images inside data URIs.

An image of its own keeps the ids of one SVG from meeting those of another on the page.
The same numbers give the same bytes.
"""

import base64
import io
import math
import textwrap

import numpy as np
import pandas as pd

PUBLISHED_COLOUR = "#8a929a"
# Ours, by budget from full to small.
COLOURS = ("#14607a", "#d98324", "#7b9e3c", "#8d5a97")
STYLE = {
    "font.size": 9,
    # Named in every text of an SVG.
    "font.sans-serif": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "kerasos",
}


def styled(draw):
    """Runs `draw` under our settings, whatever the reader's matplotlib has."""

    def wrapped(*arguments):
        import matplotlib.style

        with matplotlib.style.context(["default", STYLE]):
            return draw(*arguments)

    return wrapped


@styled
def to_uri(figure):
    """Returns a figure as a data URI."""
    file = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=nothing)
    svg = file.getvalue()
    # Not the prolog, which names a document type elsewhere.
    encoded = base64.b64encode(svg[svg.index(b"<svg") :]).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"


def drawable(section, metrics):
    """Returns those of the metrics that have a finite number."""
    finite = np.isfinite(section.scores["mean"])
    return [m for m in metrics if m in set(section.scores.metric[finite])]


WIDTH = 3.7  # inches; what a telephone shows without scaling
ROW, LINE = 0.42, 0.13  # inches of a row below its label's one line; of a second


@styled
def dots(section, metric):
    """One metric of a section: published and ours, a row a method.

    A method that did not run says so; error bars are one standard deviation.

    Args:
        section: `harness.reporting.Section`.
        metric: One of those that are `drawable`.

    Returns:
        A matplotlib figure.
    """
    scores = section.scores[np.isfinite(section.scores["mean"])]
    scores = scores[scores.metric == metric]
    figures = section.published[section.published.metric == metric]
    figures = figures.rename(columns={"figure": "mean", "figure_std": "std"})
    known = {*figures.method, *scores.method}
    methods = [method for method in section.methods if method in known]
    colours = dict(zip(section.budgets, COLOURS * len(section.budgets), strict=False))
    figure, axis = _rows([section.labels[method] for method in methods])
    shown = {}
    for place, method in enumerate(methods):
        printed = figures[figures.method == method]
        ours = scores[scores.method == method]
        for line in printed.itertuples():
            shown["published"] = _mark(axis, line, place, PUBLISHED_COLOUR, "D")
        for number, line in enumerate(ours.itertuples()):
            level = place + 0.13 * (number + bool(len(printed)))
            mark = _mark(axis, line, level, colours[line.budget], "o")
            name = "ours" if line.budget == 1 else f"ours, budget {line.budget:g}"
            shown[name] = mark
        if not len(ours):
            _beside(axis, printed["mean"].iloc[0], place, "not run")
    ends = pd.concat([figures, scores])
    spread = ends["std"].astype(float).fillna(0)
    _scale(axis, (ends["mean"] - spread).min(), (ends["mean"] + spread).max())
    _finish(figure, axis, metric, shown)
    return figure


@styled
def differences(found):
    """Methods beside doing nothing, a row a method and data set.

    Args:
        found: List of `harness.reporting_findings.Finding`.

    Returns:
        A matplotlib figure.
    """
    figure, axis = _rows([f"{one.method} | {one.about}" for one in found])
    axis.axvline(0, color="#222", linewidth=0.8)
    marks = {"random copies": ("s", "#8a929a"), "SMOTE": ("^", "#d98324")}
    shown = {}
    for place, one in enumerate(found):
        for name, difference in one.differences.items():
            shape, colour = marks.get(name, ("o", COLOURS[0]))
            alone = math.isnan(difference.error)
            own = name == one.method
            if own and not alone:
                reach = 2 * difference.error
                ends = difference.points - reach, difference.points + reach
                axis.plot(ends, (place, place), color=colour, linewidth=1.2)
            (mark,) = axis.plot(
                difference.points,
                place,
                shape,
                color=colour,
                markersize=6 if own else 4.5,
                markerfacecolor="white" if alone else colour,
            )
            shown["the method" if own else name] = mark
    axis.margins(x=0.06)
    _finish(figure, axis, "points to doing nothing", shown)
    return figure


def _rows(labels):
    """A figure with a row for each label, which stands above it; the first on top."""
    from matplotlib.figure import Figure

    labels = ["\n".join(textwrap.wrap(label, 52)) for label in labels]
    row = ROW + LINE * max(label.count("\n") for label in labels)
    figure = Figure((WIDTH, 0.95 + row * len(labels)), layout="constrained")
    axis = figure.subplots()
    axis.set_ylim(len(labels) - 0.4, -0.85)
    axis.spines["left"].set_visible(False)
    axis.set_yticks([])
    axis.xaxis.grid(True, color="#0001")
    axis.set_axisbelow(True)
    for place, label in enumerate(labels):
        axis.axhline(place, color="#0001", linewidth=0.6)
        axis.text(
            0,
            place - 0.2,
            label,
            transform=axis.get_yaxis_transform(),
            fontsize=8.5,
            linespacing=1.05,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    return figure, axis


def _mark(axis, line, level, colour, shape):
    if np.isfinite(line.std) and line.std > 0:
        ends = line.mean - line.std, line.mean + line.std
        axis.plot(ends, (level, level), color=colour, linewidth=1)
    (mark,) = axis.plot(line.mean, level, shape, color=colour, markersize=5)
    return mark


def _beside(axis, value, level, words):
    axis.annotate(
        words,
        (value, level),
        (7, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color="#666",
    )


def _finish(figure, axis, title, shown):
    axis.set_title(title, fontsize=9, loc="left", weight="bold")
    figure.legend(
        shown.values(), shown, loc="outside lower left", ncols=2, frameon=False
    )


def _scale(axis, low, high):
    """Shows all marks with room beside them; by powers of ten where they differ by
    more than two of them. Marks have no length, so an axis need not begin at 0."""
    from matplotlib.ticker import MaxNLocator

    if 0 < low < high / 100:
        axis.set_xscale("log")
        axis.minorticks_off()
        axis.set_xlim(low / 2, high * 2)
        axis.set_xlabel("by powers of ten", fontsize=8.5, color="#666")
        return
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    axis.set_xlim(low - room, high + 2.5 * room)


@styled
def critical_difference(ranks):
    """Average ranks on a line; a bar joins methods that differ by less than the
    critical difference (Demsar, JMLR 7, 2006, figure 1).

    Args:
        ranks: `harness.reporting_ranks.Ranks`.

    Returns:
        A matplotlib figure.
    """
    from matplotlib.figure import Figure

    values = list(ranks.average.values())
    count, half = len(values), math.ceil(len(values) / 2)
    joined = cliques(values, ranks.critical)
    depth = 0.4 + 0.35 * len(joined)
    width = max(count, 1 + ranks.critical)
    bottom = depth + 0.6 * half
    figure = Figure((7.8, 0.2 * (2.0 + bottom)))
    axis = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    axis.axis("off")
    # Room for the names on both sides of the ranks; a letter takes 0.06 inches.
    names = [
        f"{textwrap.shorten(method, 34, placeholder='…')} {value:.2f}"
        for method, value in ranks.average.items()
    ]
    inches = 0.2 + 0.06 * max(map(len, names))
    room = (width - 1) * inches / (7.6 - 2 * inches)
    axis.set_xlim(1 - room, width + room)
    axis.set_ylim(bottom, -2.0)

    def line(xs, ys, width=0.9, color="#222"):
        axis.plot(xs, ys, color=color, linewidth=width)

    def text(x, y, words, ha="left", va="bottom", fontsize=7, **style):
        axis.text(x, y, words, ha=ha, va=va, fontsize=fontsize, **style)

    line((1, count), (0, 0))
    for tick in range(1, count + 1):
        line((tick, tick), (-0.15, 0))
        text(tick, -0.22, str(tick), ha="center")
    line((1, 1 + ranks.critical), (-1.0, -1.0), 2, "#d98324")
    text(1, -1.12, f"critical difference {ranks.critical:.2f}")
    text(1 - room, -1.95, ranks.metric, va="top", fontsize=8, weight="bold")
    pad = 0.015 * width
    for number, (first, last) in enumerate(joined):
        level = 0.4 + 0.35 * number
        line((values[first] - pad, values[last] + pad), (level, level), 2.5, "#14607a")
    for number, value in enumerate(values):
        left = number < half
        level = depth + 0.6 * (number if left else count - 1 - number) + 0.2
        side = -width if left else width
        edge = (1 if left else width) + 0.02 * side
        line((value, value, edge), (0, level, level), 0.6)
        ha = "right" if left else "left"
        text(edge + 0.006 * side, level, names[number], ha=ha, va="center")
    return figure


def cliques(values, critical):
    """Returns (first, last) of the longest runs of sorted ranks within `critical`.

    Example:
        >>> cliques([1.0, 1.5, 2.2, 4.0], 1.0)
        [(0, 1), (1, 2)]
    """
    found = []
    for first, value in enumerate(values):
        last = max(i for i, other in enumerate(values) if other - value < critical)
        if last > first and not any(last <= end for _, end in found):
            found.append((first, last))
    return found
