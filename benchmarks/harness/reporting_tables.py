"""The tables of one section, and how a number stands in them."""

import math

from harness import reporting, reporting_ranks
from harness import reporting_page as page

# Metrics beside each other in one table.
COLUMNS = 3


def compared_tables(section):
    """Published and ours, a line a method; "not run" where there is no row."""
    metrics = section.compared_metrics
    return [_compared_table(section, part) for part in chunks(metrics, COLUMNS)]


def _compared_table(section, metrics):
    head = ["method", "budget", "steps"]
    for metric in metrics:
        head += [f"{page.escape(metric)}, published", "ours", "difference"]
    rows = []
    for method in section.methods:
        lines = section.lines_of(method)
        if not any(m in line.scores for line in lines for m in metrics):
            if any(section.figure(method, metric) for metric in metrics):
                row = [page.escape(section.label(method)), "", ""]
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
    return page.table(head, rows, left=1)


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
                head.append(f"{page.escape(like)}, published")
            head.append(page.escape(metric))
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
        found.append(page.table(head, rows, left=1))
    return found


def agreements(section):
    """Kendall's tau, a line a metric, by budget."""
    rows = []
    for metric in section.run_metrics:
        like = reporting.published_name(metric)
        if like not in section.published_metrics:
            continue
        row = [page.escape(metric), page.escape(like)]
        for budget in section.budgets:
            tau, n, p = reporting_ranks.agreement(section, budget, metric)
            row.append(f"- (n {n})" if tau is None else f"{tau:.2f} (n {n}, p {p:.3f})")
        rows.append(row)
    if not rows:
        return None
    head = ["ours", "published"]
    head += [f"tau-b, budget {budget:g}" for budget in section.budgets]
    text = page.table(head, rows, left=2)
    intro = (
        "Do both rank the methods alike? Kendall's tau; p is exact without ties, by "
        "the normal distribution with them."
    )
    return f"{intro}\n\n{text}"


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
    text = page.table(head, rows, left=1)
    return f"Time and memory of a cell, training and scoring:\n\n{text}"


def line_head(section, line):
    steps = "" if line.steps is None else str(line.steps)
    return [page.escape(section.label(line.method)), f"{line.budget:g}", steps]


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


def chunks(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]
