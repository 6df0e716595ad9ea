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
    svg = file.getvalue()
    # Not the prolog, which names a document type elsewhere.
    encoded = base64.b64encode(svg[svg.index(b"<svg") :]).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"


def drawable(section, metrics):
    """Returns those of the metrics that have a finite number."""
    finite = np.isfinite(section.scores["mean"])
    return [m for m in metrics if m in set(section.scores.metric[finite])]


@styled
def bars(section, metrics):
    """Bars of a section: published beside ours, one panel a metric.

    Args:
        section: `harness.reporting.Section`.
        metrics: What to draw; at least one of them `drawable`.

    Returns:
        A matplotlib figure.
    """
    from matplotlib.figure import Figure

    metrics = drawable(section, metrics)
    scores = section.scores[np.isfinite(section.scores["mean"])]
    figures = section.published.rename(columns={"figure": "mean", "figure_std": "std"})
    drawn = pd.concat([figures.assign(label=figures.method, budget=math.inf), scores])
    drawn = drawn[drawn.metric.isin(metrics)]
    # A method that ran with several numbers of steps has a bar for each.
    drawn["bar"] = drawn.groupby(["metric", "label", "budget"]).cumcount()
    drawn = drawn.set_index(["metric", "label", "budget", "bar"])[["mean", "std"]]
    drawn = drawn.unstack(["budget", "bar"]).sort_index(axis=1, ascending=[0, 0, 1])
    labels = list(dict.fromkeys(section.labels[method] for method in section.methods))
    budgets = drawn["mean"].columns.get_level_values("budget")
    colours = dict(zip(section.budgets, COLOURS * len(section.budgets), strict=False))
    names = {math.inf: "published", 1.0: "ours"}
    names = [names.get(budget, f"ours, budget {budget:g}") for budget in budgets]
    columns = min(3, len(metrics))
    panel_rows = math.ceil(len(metrics) / columns)
    height = 0.55 + (0.1 + 0.1 * len(budgets)) * len(labels)
    figure = Figure(
        (2.6 + 2.3 * columns, 0.35 + panel_rows * height), layout="constrained"
    )
    axes = figure.subplots(panel_rows, columns, sharey=True, squeeze=False).ravel()
    for axis, metric in zip(axes, metrics, strict=False):
        panel = drawn.loc[metric].reindex(labels)
        means, stds = panel["mean"], panel["std"].replace(0, math.nan)
        means.set_axis(names, axis=1).plot.barh(
            ax=axis,
            xerr=stds.set_axis(names, axis=1),
            width=0.85,
            color=[colours.get(budget, PUBLISHED_COLOUR) for budget in budgets],
            legend=False,
            xlabel="",
            ylabel="",
            error_kw={"elinewidth": 0.8, "ecolor": "#222"},
        )
        axis.tick_params(axis="y", length=0)
        axis.xaxis.grid(True, color="#0001")
        axis.set_axisbelow(True)
        axis.set_title(metric, fontsize=8, loc="left")
        ends = means - stds.fillna(0), means + stds.fillna(0)
        _scale(axis, ends[0].min(axis=None), ends[1].max(axis=None))
    axes[0].set_yticklabels([textwrap.shorten(x, 40, placeholder="…") for x in labels])
    axes[0].invert_yaxis()
    for axis in axes[len(metrics) :]:
        axis.set_visible(False)
    patches, shown = axes[0].get_legend_handles_labels()
    legend = dict(zip(shown, patches, strict=True))
    figure.legend(
        legend.values(),
        legend,
        loc="outside upper right",
        ncols=len(legend),
        frameon=False,
    )
    return figure


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
