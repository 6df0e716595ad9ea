"""The plots of the report, as SVG images inside data URIs.

An image of its own keeps the ids of one SVG from meeting those of another on the page.
The same numbers give the same bytes.
"""

import base64
import io
import math
import re
import textwrap

PUBLISHED_COLOUR = "#b8bfc6"
# Ours, by budget from full to small.
COLOURS = ("#14607a", "#d98324", "#7b9e3c", "#8d5a97")
STYLE = {
    "font.size": 8,
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
    svg = _compact(file.getvalue().decode("utf-8"))
    encoded = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"


def _compact(svg):
    """Returns the SVG of the same picture in some third of its bytes."""
    # Not the prolog, which names a document type elsewhere.
    svg = svg[svg.index("<svg") :]
    # Comments, decimals that no screen shows, turns by nothing, names of groups.
    idle = r"""<!--.*?-->|(?<=\d\.\d\d)\d+| transform="rotate\(-0 [^"]*\)"|"""
    svg = re.sub(idle + r"""(?<=<g) id="[^"]*\"""", "", svg, flags=re.DOTALL)
    # Each style once, as a class, and not at each element.
    styles = list(dict.fromkeys(re.findall(r' style="([^"]*)"', svg)))
    svg = re.sub(
        r' style="([^"]*)"', lambda match: f' class="c{styles.index(match[1])}"', svg
    )
    rules = "".join(f".c{i}{{{style}}}" for i, style in enumerate(styles))
    return re.sub(r"\s+", " ", svg.replace("</style>", f"{rules}</style>", 1))


@styled
def bars(section, metrics):
    """Bars of a section: published beside ours, one panel a metric.

    Args:
        section: `harness.reporting.Section`.
        metrics: What to draw.

    Returns:
        A matplotlib figure, or None without a finite number.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    panels = [(metric, _groups(section, metric)) for metric in metrics]
    panels = [(metric, groups) for metric, groups in panels if groups]
    if not panels:
        return None
    columns = min(3, len(panels))
    panel_rows = math.ceil(len(panels) / columns)
    tall = sum(len(places) + 0.7 for _, places in panels[0][1])
    figure = Figure(
        (2.6 + 2.3 * columns, 0.35 + panel_rows * (0.55 + 0.13 * tall)),
        layout="constrained",
    )
    axes = figure.subplots(panel_rows, columns, squeeze=False).ravel()
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    colours = dict(zip(section.budgets, COLOURS * len(section.budgets), strict=False))
    for number, (axis, (metric, groups)) in enumerate(zip(axes, panels, strict=False)):
        _draw_groups(axis, groups, colours, number % columns == 0)
        axis.set_title(metric, fontsize=8, loc="left")
    handles = []
    if set(metrics) & set(section.published_metrics):
        handles.append(Patch(color=PUBLISHED_COLOUR, label="published"))
    for budget, colour in colours.items():
        label = "ours" if budget == 1 else f"ours, budget {budget:g}"
        handles.append(Patch(color=colour, label=label))
    figure.legend(
        handles=handles, loc="outside upper right", ncols=len(handles), frameon=False
    )
    return figure


def _groups(section, metric):
    """Returns [(method, [(budget or None for published, mean, std) or None])].

    A method has the same places in every panel, so that panels line up; None where
    nothing is known.
    """
    groups, found = [], False
    for method in section.methods:
        places = []
        if method in section.published and metric in section.published_metrics:
            figure = section.figure(method, metric)
            places.append(figure and (None, figure.mean, figure.std))
        for line in section.lines_of(method):
            score = line.scores.get(metric)
            known = score is not None and math.isfinite(score.mean)
            places.append((line.budget, score.mean, score.std) if known else None)
            found = found or known
        groups.append((section.label(method), places))
    return groups if found else []


def _draw_groups(axis, groups, colours, names):
    top, ticks, low, high = 0.0, [], math.inf, -math.inf
    for _, places in groups:
        for number, place in enumerate(places):
            if place is None:
                continue
            budget, mean, std = place
            colour = PUBLISHED_COLOUR if budget is None else colours[budget]
            axis.barh(top + number, mean, 0.9, color=colour)
            if std:
                level = top + number
                axis.errorbar(mean, level, xerr=std, color="#222", elinewidth=0.8)
            low, high = min(low, mean - (std or 0)), max(high, mean + (std or 0))
        ticks.append(top + (len(places) - 1) / 2)
        top += len(places) + 0.7
    labels = [textwrap.shorten(method, 40, placeholder="…") for method, _ in groups]
    axis.set_yticks(ticks, labels if names else [""] * len(labels))
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(top - 0.7, -0.8)
    axis.margins(x=0.02)
    axis.xaxis.grid(True, color="#0001")
    axis.set_axisbelow(True)
    _scale(axis, low, high)


def _scale(axis, low, high):
    """Cuts the axis where all bars are long, and says so; by powers of ten where they
    differ by more than two of them."""
    from matplotlib.ticker import MaxNLocator

    grey = {"fontsize": 6.5, "color": "#666"}
    if 0 < low < high / 100:
        axis.set_xscale("log")
        axis.minorticks_off()
        axis.set_xlim(low / 2, high * 1.5)
        axis.set_xlabel("by powers of ten", **grey)
        return
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    if low <= 0.6 * high:
        return
    # Two digits, and never to the right of a bar.
    unit = 10.0 ** (math.floor(math.log10(high)) - 1)
    start = math.floor((low - 0.35 * (high - low)) / unit) * unit
    if start > 0:
        axis.set_xlim(start, max(high + 0.05 * (high - start), start + unit))
        axis.set_xlabel(f"axis starts at {start:.2g}", **grey)


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
    dark = {"color": "#222", "linewidth": 0.9}
    axis.plot((1, count), (0, 0), **dark)
    for tick in range(1, count + 1):
        axis.plot((tick, tick), (-0.15, 0), **dark)
        axis.text(tick, -0.22, str(tick), ha="center", va="bottom", fontsize=7)
    axis.plot((1, 1 + ranks.critical), (-1.0, -1.0), color="#d98324", linewidth=2)
    axis.text(
        1,
        -1.12,
        f"critical difference {ranks.critical:.2f}",
        ha="left",
        va="bottom",
        fontsize=7,
    )
    axis.text(
        1 - room, -1.95, ranks.metric, ha="left", va="top", fontsize=8, weight="bold"
    )
    for number, (first, last) in enumerate(joined):
        level = 0.4 + 0.35 * number
        pad = 0.015 * width
        axis.plot(
            (values[first] - pad, values[last] + pad),
            (level, level),
            color="#14607a",
            linewidth=2.5,
        )
    for number, value in enumerate(values):
        left = number < half
        level = depth + 0.6 * (number if left else count - 1 - number) + 0.2
        edge = 1 - 0.02 * width if left else width + 0.02 * width
        axis.plot((value, value, edge), (0, level, level), **{**dark, "linewidth": 0.6})
        axis.text(
            edge - 0.006 * width if left else edge + 0.006 * width,
            level,
            names[number],
            ha="right" if left else "left",
            va="center",
            fontsize=7,
        )
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
