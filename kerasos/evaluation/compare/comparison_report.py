"""A `Comparison` as Markdown and as one page of HTML."""

import base64
import html
import io

from kerasos.evaluation.compare.scores import METRICS

MARKS = {"better": " ▲", "worse": " ▼", "": ""}
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;
padding:0 1rem;color:#222}table{border-collapse:collapse;margin:.5rem 0 1.5rem}
th,td{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child{text-align:left}.better{color:#14607a}
.worse{color:#a33}.verdict{background:#f3f6f7;padding:.8rem 1rem}img{max-width:100%}
"""


def notes(result):
    """Returns the sentences below the tables."""
    rows = result.rows
    train, test = round(rows.n_train.mean()), round(rows.n_test.mean())
    return [
        f"{rows.fold.nunique()} folds, the same for all methods; {train} rows to train "
        f"on and {test} to test on. Mean ± standard deviation over folds; ▲ better and "
        "▼ worse than `none` at 5 %, by the t-test corrected for folds that share rows "
        "(Nadeau and Bengio, 2003), p-values adjusted for the number of methods (Holm, "
        f"1979). Rank: mean over folds of the rank by {label(result.metrics[0])}, 1 is "
        "best. Seconds: to resample and to fit, mean of a fold.",
        f"Rows by class: {', '.join(f'{k}: {n}' for k, n in result.counts.items())}. "
        f"{rows.versions.iloc[0]}.",
    ]


def label(metric):
    return metric.replace("_", " ") + ("" if METRICS[metric] else " (less is better)")


def tables(result):
    """Yields `(classifier, header, lines)`; a cell is a text and an outcome."""
    for classifier in result.classifiers:
        part = result.summary[result.summary.classifier == classifier]
        part = part.set_index(["metric", "method"])
        header = ["method", *map(label, result.metrics), "rank", "seconds"]
        lines = []
        for method in result.methods:
            line = [(method, "")]
            for metric in result.metrics:
                cell = part.loc[metric, method]
                line.append((f"{cell['mean']:.3f} ± {cell['std']:.3f}", cell.outcome))
            first = part.loc[result.metrics[0], method]
            seconds = f"{first.resample_seconds:.1f} + {first.fit_seconds:.1f}"
            lines.append([*line, (f"{first.mean_rank:.1f}", ""), (seconds, "")])
        yield classifier, header, lines


def markdown(result):
    """Returns the verdict, the tables and the notes."""
    text = ["# Comparison of rebalancing methods", "", result.verdict]
    for classifier, header, lines in tables(result):
        text += ["", f"## {classifier}", "", f"| {' | '.join(header)} |"]
        text.append("|---" * len(header) + "|")
        for line in lines:
            cells = [
                cell.replace("|", "\\|") + MARKS[outcome] for cell, outcome in line
            ]
            text.append(f"| {' | '.join(cells)} |")
    return "\n".join([*text, "", "\n\n".join(notes(result)), ""])


def html_page(result):
    """Returns a whole page, its picture inside."""
    parts = [
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>Comparison of rebalancing methods</title><style>{STYLE}</style>",
        "</head><body><h1>Comparison of rebalancing methods</h1>",
        f"<p class='verdict'>{marked_up(result.verdict)}</p>",
        f"<img alt='Differences to none' src='{_to_uri(differences(result))}'>",
    ]
    for classifier, header, lines in tables(result):
        parts.append(f"<h2>{html.escape(classifier)}</h2><table><tr>")
        parts += [f"<th>{html.escape(name)}</th>" for name in header]
        parts.append("</tr>")
        for line in lines:
            cells = [
                f"<td class='{outcome}'>{html.escape(cell)}{MARKS[outcome]}</td>"
                for cell, outcome in line
            ]
            parts.append(f"<tr>{''.join(cells)}</tr>")
        parts.append("</table>")
    parts += [f"<p>{marked_up(note)}</p>" for note in notes(result)]
    return "\n".join([*parts, "</body></html>\n"])


def marked_up(text):
    """Returns the text as HTML, what stands between backticks as code."""
    pieces = html.escape(text).split("`")
    return "".join(
        f"<code>{piece}</code>" if number % 2 else piece
        for number, piece in enumerate(pieces)
    )


def differences(result):
    """Draws what each method changes: folds as dots, the mean and its interval.

    Returns:
        A matplotlib figure, a panel for each classifier.
    """
    from matplotlib.figure import Figure

    metric = result.metrics[0]
    methods = [method for method in result.methods if method != "none"]
    count = len(result.classifiers)
    figure = Figure(
        (3.2 * count + 1.2, 0.9 + 0.32 * len(methods)), layout="constrained"
    )
    panels = figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0]
    for axis, classifier in zip(panels, result.classifiers, strict=True):
        rows = result.rows[result.rows.classifier == classifier]
        scores = rows.pivot(index="fold", columns="method", values=metric)
        part = result.summary[
            (result.summary.classifier == classifier)
            & (result.summary.metric == metric)
        ].set_index("method")
        axis.axvline(0.0, color="#999", linewidth=1)
        for level, method in enumerate(methods):
            changes = scores[method] - scores["none"]
            axis.plot(changes, [level] * len(changes), "o", color="#14607a40", ms=4)
            colour = {"better": "#14607a", "worse": "#aa3333"}.get(
                part.outcome[method], "#555"
            )
            ends = (part.low[method], part.high[method])
            axis.plot(ends, (level, level), color=colour, linewidth=2)
            axis.plot(part.difference[method], level, "D", color=colour, ms=5)
        axis.set_yticks(range(len(methods)), methods)
        axis.set_title(classifier, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.grid(axis="x", color="#0001")
    panels[0].invert_yaxis()
    figure.supxlabel(f"{label(metric)}: difference to none", fontsize=9)
    return figure


def _to_uri(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
