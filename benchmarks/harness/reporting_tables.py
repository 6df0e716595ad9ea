"""The tables of one section, and how a number stands in them."""

import math

import pandas as pd

from harness import reporting_page as page
from harness import reporting_ranks
from harness.reporting import LINE, published_name

# Metrics beside each other in one table.
COLUMNS = 3


def compared_tables(section):
    """Published and ours, a line a method; "not run" where there is no row."""
    found = []
    for metrics in chunks(section.compared, COLUMNS):
        figures, scores = (
            frame[frame.metric.isin(metrics)]
            for frame in (section.published, section.scores)
        )
        ran = section.lines[section.lines.method.isin(scores.method)]
        absent = figures.method[~figures.method.isin(ran.method)].unique()
        lines = pd.concat([ran, pd.DataFrame({"method": absent, "label": absent})])
        order = lines.method.map(section.methods.index).to_numpy()
        columns, figures, scores = [], _index(figures), _index(scores)
        for metric in metrics:
            head = f"{page.escape(metric)}, published"
            columns += [
                (head, figures, metric, published, "-"),
                ("ours", scores, metric, ours, "not run"),
                ("difference", scores, metric, shown, ""),
            ]
        found.append(_table(lines.iloc[order.argsort(kind="stable")], columns))
    return found


def own_tables(section):
    """Our metrics that the paper does not have, beside the figure they rank like.

    The figure stands here only if it stands in no other table.
    """
    found = []
    for metrics in chunks(section.own, 2 * COLUMNS):
        scores = section.scores[section.scores.metric.isin(metrics)]
        lines = scores[[*LINE, "label"]].drop_duplicates()
        figures, scores = _index(section.published), _index(scores)
        columns, elsewhere = [], set(section.metrics)
        for metric in metrics:
            like = published_name(metric)
            if like in section.published_metrics and like not in elsewhere:
                elsewhere.add(like)
                head = f"{page.escape(like)}, published"
                columns.append((head, figures, like, published, "-"))
            columns.append((page.escape(metric), scores, metric, ours, ""))
        found.append(_table(lines, columns))
    return found


def _index(frame):
    """Rows of scores by metric and line, or of figures by metric and method."""
    on = ["metric", *(name for name in LINE if name in frame)]
    keys = frame[on].itertuples(index=False, name=None)
    return dict(zip(keys, frame.itertuples(), strict=True))


def _table(lines, columns):
    """A table of lines beside columns `(head, index, metric, text, otherwise)`.

    A cell is `text(row)` of the row that the index has for this metric and line.
    """
    texts = line_head(lines)
    places = list(lines[LINE].itertuples(index=False, name=None))
    for number, (_, index, metric, text, otherwise) in enumerate(columns):
        rows = (index.get((metric, *p)) or index.get((metric, p[0])) for p in places)
        texts[number] = [text(row) if row else otherwise for row in rows]
    heads = {number: head for number, (head, *_) in enumerate(columns)}
    return page.table(texts.rename(columns=heads), left=1)


def agreements(section):
    """Kendall's tau, a line a metric, by budget."""
    rows = []
    for metric in section.metrics:
        like = published_name(metric)
        if like not in section.published_metrics:
            continue
        row = {"ours": page.escape(metric), "published": page.escape(like)}
        for budget in section.budgets:
            tau, n, p = reporting_ranks.agreement(section, budget, metric)
            text = f"- (n {n})" if tau is None else f"{tau:.2f} (n {n}, p {p:.3f})"
            row[f"tau-b, budget {budget:g}"] = text
        rows.append(row)
    intro = (
        "Do both rank the methods alike? Kendall's tau; p is exact without ties, by "
        "the normal distribution with them."
    )
    return f"{intro}\n\n{page.table(rows, left=2)}" if rows else None


def costs(section):
    """Seconds and peak memory of a cell, by line."""
    cells = section.runs.drop_duplicates([*LINE, "cell"], keep="last").groupby(LINE)
    found = cells.seconds.agg(["size", "mean", "std"]).join(cells.peak_mb.max())
    found = section.lines.merge(found, on=LINE)
    found = found.dropna(subset=["mean", "peak_mb"], how="all")
    if not len(found):
        return None
    table = line_head(found).assign(cells=found["size"].tolist())
    table["seconds a cell"] = [
        ours(line, count=False) if pd.notna(line.mean) else ""
        for line in found.itertuples()
    ]
    peaks = found.peak_mb.map("{:.0f}".format, na_action="ignore")
    table["peak memory (MB)"] = peaks.tolist()
    head = "Time and memory of a cell, training and scoring:"
    return f"{head}\n\n{page.table(table, left=1)}"


def line_head(lines):
    """Method, budget and steps of lines; blank where a published one did not run."""
    steps = lines.steps.where(lines.steps >= 0)
    return pd.DataFrame(
        {
            "method": lines.label.map(page.escape),
            "budget": lines.budget.map("{:g}".format, na_action="ignore"),
            "steps": steps.map("{:.0f}".format, na_action="ignore"),
        }
    ).reset_index(drop=True)


def number(value, like=None, sign=""):
    """A number with four decimals, or two where `like` (itself) is 10 or more."""
    size = abs(value if like is None else like)
    digits = 4 if size < 10 else 2 if size < 1000 else 0
    return f"{value:{sign}.{digits}f}"


def published(figure):
    """A published figure as printed; `figure` is a row with `text` and `std_text`."""
    return f"{figure.text} ± {figure.std_text}" if figure.std_text else figure.text


def ours(score, count=True):
    """Mean, spread and number of repeats of a row with `mean`, `std` and `n`."""
    text = number(score.mean)
    if math.isfinite(score.std):
        text += f" ± {number(score.std, score.mean)}"
    return f"{text} [{score.n}]" if count else text


def shown(score):
    """A difference with its error, the mark of where that comes from, and of a miss.

    Bold is worse than published, italic is better.
    """
    if not isinstance(score.text, str):  # nothing is published
        return ""
    text = number(score.difference, score.mean, "+")
    if score.source:
        text += f" ± {number(score.error, score.mean)}"
    text += {"ours": " °", "published": " †"}.get(score.source, "")
    if score.misses:
        higher = score.difference > 0
        better = higher != reporting_ranks.lower_is_better(score.metric)
        mark = "*" if better else "**"
        return f"{mark}{text} {'▲' if higher else '▼'}{mark}"
    return text


def chunks(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]
