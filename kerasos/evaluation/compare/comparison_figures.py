"""The figures of a comparison's page, as SVG inside it.

Places across are shares of the width and texts have a size of their own, so that a
figure is read at any width without getting smaller; colours are those of the page,
light or dark. Each figure says its numbers in words, too.
"""

import html

import numpy as np

from kerasos.evaluation.compare.scores import (
    judged,
    more_is_better,
    spoken,
    worth_having,
    written,
)

WORDS = {"better": "better", "worse": "worse", "": "not told apart"}
MARKS = {"better": "▲", "worse": "▼", "": ""}
DIAMOND = '<path d="M0-6 6 0 0 6-6 0Z"/>'
_ROW = 42  # pixels
_LETTERS = 26  # of a name beside its numbers, on a telephone
_BINS = 10
_PANEL = 150
_TOPS = (0.04, 0.2, 0.4, 1.0)  # ends of an axis of probabilities


def ranked(result, classifier, metric=None):
    """Returns the summary of one metric and classifier by method, the best first."""
    metric = metric or result.metrics[0]
    part = result.summary[
        (result.summary.classifier == classifier) & (result.summary.metric == metric)
    ]
    part = part.sort_values("mean", ascending=not more_is_better(metric), kind="stable")
    return part.set_index("method")


def difference_plot(result, classifier):
    """Draws what each method changes: folds, their mean and its 95 % interval.

    All classifiers have the same axis. Returns an `<svg>`.
    """
    from matplotlib.ticker import MaxNLocator

    part, changes = ranked(result, classifier), _changes(result, classifier)
    low, high = _limits(result)

    def place(value):
        return f"{6 + 88 * (value - low) / (high - low):.2f}%"

    metric = result.metrics[0]
    more = more_is_better(metric)
    bottom = _ROW * len(part) + 4
    gain = worth_having(metric, result.smallest_gain, part["mean"]["none"])
    gain = gain if more else -gain
    shapes = []
    for tick in MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high):
        if low <= tick <= high:
            shapes.append(_upright(place(tick), bottom, "grid"))
            text = f"{tick:+.3g}" if abs(tick) > 1e-9 else "0"
            shapes.append(_text(place(tick), bottom + 16, text, "middle"))
    shapes += [
        _upright(place(0.0), bottom, "zero"),
        _upright(place(gain), bottom, "gain"),
    ]
    ends = ("← worse", "better →") if more else ("← better", "worse →")
    shapes += [
        _text("0", bottom + 36, ends[0], "start"),
        _text("100%", bottom + 36, ends[1], "end"),
    ]
    said = []
    for level, (method, row) in enumerate(part.iterrows()):
        middle, reference = _ROW * level + 29, method == "none"
        numbers = written(metric, row["mean"])
        words = f"{method}: {numbers}"
        change, least, most = (
            written(metric, row[name], "+") for name in ("difference", "low", "high")
        )
        if not reference:
            numbers += f"  {change} {MARKS[row.outcome] or '='}"
            words += (
                f", {change} to none (95 % interval {least} to {most}), "
                f"{WORDS[row.outcome]}"
            )
        said.append(words)
        name = method if len(method) <= _LETTERS else method[: _LETTERS - 1] + "…"
        kind = "reference" if reference else row.outcome or "same"
        bold = (classifier, method) == tuple(result.shipped)
        shapes += [
            f'<g class="{kind}"><title>{html.escape(words)}</title>',
            _text("0", middle - 12, name, "start", "name bold" if bold else "name"),
            _text("100%", middle - 12, numbers, "end", "numbers"),
        ]
        if not reference:
            shapes.append(
                f'<line class="interval" x1="{place(row.low)}" y1="{middle}" '
                f'x2="{place(row.high)}" y2="{middle}"/>'
            )
            shapes += [
                f'<circle class="fold" cx="{place(change)}" cy="{middle}" r="3"/>'
                for change in changes[method]
            ]
        shapes.append(
            f'<svg class="mean" x="{place(row.difference)}" y="{middle}">{DIAMOND}'
            "</svg></g>"
        )
    head = f"{classifier} by {spoken(result.metrics[0])}, the best first. "
    return _svg("100%", bottom + 42, head + "; ".join(said) + ".", shapes)


def pooled(texts):
    """Joins the bins of all folds into ten at most, neighbours with neighbours.

    Args:
        texts: Strings as in the column `reliability` of `Comparison.rows`: bins
            separated by ";", each of them rows, mean probability and share of
            positives. Others, such as missing values, count as empty.

    Returns:
        Float array `(bins, 3)`: the same three numbers, by mean probability; the bins
        hold about equally many rows.
    """
    texts = [text for text in texts if isinstance(text, str) and text]
    cells = [cell.split() for text in texts for cell in text.split(";")]
    bins = np.array(cells, float).reshape(-1, 3)
    bins = bins[bins[:, 0] > 0]
    if not len(bins):
        return bins
    rows, means, shares = bins[np.argsort(bins[:, 1], kind="stable")].T
    places = (_BINS * (rows.cumsum() - rows / 2) / rows.sum()).astype(int)
    sums = [np.bincount(places, rows * each) for each in (np.ones(1), means, shares)]
    found = np.stack(sums, axis=1)
    found = found[found[:, 0] > 0]
    found[:, 1:] /= found[:, :1]
    return found


def calibration_gap(bins):
    """Mean distance of the bins' probabilities and shares, by rows."""
    return float(np.average(np.abs(bins[:, 1] - bins[:, 2]), weights=bins[:, 0]))


def reliabilities(result, classifier):
    """Returns a dict of method to its bins, `(before, after)`, without empty ones.

    `after` is `prior_corrected`; it has no bins where nothing was to be corrected.
    """
    if not {"reliability", "reliability_corrected"} <= set(result.rows):
        return {}
    found = {}
    for method in ranked(result, classifier).index:
        rows = result.rows[
            (result.rows.classifier == classifier) & (result.rows.method == method)
        ]
        before, after = pooled(rows.reliability), pooled(rows.reliability_corrected)
        if len(before):
            found[method] = before, after
    return found


def top_of(found):
    """Returns where the axes of these reliabilities end."""
    largest = max(bins[:, 1:].max(initial=0.0) for both in found for bins in both)
    return next((top for top in _TOPS if largest <= top), 1.0)


def reliability_plot(before, after, name, top):
    """Draws bins, probability across and share of positives up, by square roots.

    Args:
        before, after: What `reliabilities` returns of a method.
        name: String, for those who cannot see it.
        top: Float, the end of both axes.

    Returns:
        An `<svg>`.
    """
    left, base, size = 30, _PANEL - 22, _PANEL - 36

    def point(x, y):
        x, y = np.sqrt(np.clip([x, y], 0.0, top) / top) * size
        return f"{left + x:.1f}", f"{base - y:.1f}"

    shapes = []
    for tick in (0.0, top / 4, top):
        (x, y), text = point(tick, tick), f"{tick:g}"
        shapes += [
            f'<path class="grid" d="M{left} {y}h{size}M{x} {base}v-{size}"/>',
            _text(x, base + 15, text, "middle" if tick < top else "end"),
            _text(left - 4, float(y) + 4, text, "end"),
        ]
    shapes.append(f'<path class="gain" d="M{left} {base}l{size}-{size}"/>')
    said = []
    for bins, kind, words in ((before, "before", ""), (after, "after", " corrected")):
        if not len(bins):
            continue
        points = [point(x, y) for x, y in bins[:, 1:]]
        path = "L".join(" ".join(xy) for xy in points)
        shapes.append(f'<g class="{kind}"><path class="path" d="M{path}"/>')
        if kind == "before":
            shapes += [f'<circle cx="{x}" cy="{y}" r="3.2"/>' for x, y in points]
        else:
            shapes += [f'<path d="M{x} {y}m-3-3h6v6h-6z"/>' for x, y in points]
        shapes.append("</g>")
        told = ", ".join(f"{x:.3f} and {y:.3f}" for x, y in bins[:, 1:])
        error = calibration_gap(bins)
        said.append(f"{words or 'as trained'}: calibration error {error:.3f}; {told}")
    head = f"{name}, probability and share of positives. "
    return _svg(left + size + 8, _PANEL, head + ". ".join(map(str.strip, said)), shapes)


def key(*marks):
    """Returns a list that explains marks; each is the name of one and a text."""
    drawn = {
        "fold": '<g class="same"><circle class="fold" r="3"/></g>',
        "mean": f'<g class="mean same">{DIAMOND}</g>',
        "interval": '<g class="same"><path class="interval" d="M-10 0H10"/></g>',
        "better": f'<g class="mean better">{DIAMOND}</g>',
        "worse": f'<g class="mean worse">{DIAMOND}</g>',
        "zero": '<path class="zero" d="M0-8V8"/>',
        "gain": '<path class="gain" d="M0-8V8"/>',
        "before": '<g class="before"><circle r="3.2"/></g>',
        "after": '<g class="after"><path d="M-3-3h6v6h-6z"/></g>',
        "diagonal": '<path class="gain" d="M-8 8 8-8"/>',
    }
    items = [
        '<li><svg aria-hidden="true" width="24" height="18" viewBox="-12 -9 24 18">'
        f"{drawn[mark]}</svg>{html.escape(text)}</li>"
        for mark, text in marks
    ]
    return f'<ul class="key">{"".join(items)}</ul>'


def _changes(result, classifier):
    rows = judged(result.rows[result.rows.classifier == classifier])
    scores = rows.pivot(index="fold", columns="method", values=result.metrics[0])
    return scores.sub(scores["none"], axis=0)


def _limits(result):
    """The ends of the axis that all classifiers share."""
    metric = result.metrics[0]
    main = result.summary[result.summary.metric == metric]
    largest = main["mean"][main.method == "none"].max()
    gain = worth_having(metric, result.smallest_gain, largest)
    ends = [np.array([-gain, gain]), main.low.to_numpy(), main.high.to_numpy()]
    ends += [_changes(result, name).to_numpy().ravel() for name in result.classifiers]
    ends = np.concatenate(ends)
    low, high = float(ends.min()), float(ends.max())
    return (low, high) if high > low else (low - 0.01, high + 0.01)


def _upright(x, bottom, kind):
    return f'<line class="{kind}" x1="{x}" y1="0" x2="{x}" y2="{bottom}"/>'


def _text(x, y, text, anchor, kind="tick"):
    return (
        f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">'
        f"{html.escape(text)}</text>"
    )


def _svg(width, height, words, shapes):
    return (
        f'<svg role="img" width="{width}" height="{height}" '
        f'aria-label="{html.escape(words)}">{"".join(shapes)}</svg>'
    )
