"""A `Comparison` as Markdown, as one page of HTML, and as a notebook shows it."""

import base64
import html
import io
import re

import numpy as np

from kerasos.evaluation.compare.comparison_figures import (
    MARKS,
    WORDS,
    calibration_gap,
    difference_plot,
    key,
    ranked,
    reliabilities,
    reliability_plot,
    top_of,
)
from kerasos.evaluation.compare.scores import (
    COST,
    IDEALS,
    more_is_better,
    spoken,
    written,
)

TITLE = "Comparison of rebalancing methods"
# What any page of tables needs; the benchmarks' report has it, too.
STYLE = """
:root{color-scheme:light dark;--page:#ffffff;--text:#1d2327;--soft:#566069;
--line:#d5dbdf;--box:#f3f6f7;--better:#14607a;--worse:#a3302a;--same:#5a646c;--after:#a85a17}
@media(prefers-color-scheme:dark){:root{--page:#14181b;--text:#e4e8eb;--soft:#a7b1b8;
--line:#3a434a;--box:#1f262b;--better:#6cc4e2;--worse:#ff9d92;--same:#aeb7bd;
--after:#f0a868}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:var(--text);background:var(--page);overflow-wrap:break-word}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-size:14px}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:right}
th:first-child,td:first-child{text-align:left}img{max-width:100%}
.better{color:var(--better)}.worse{color:var(--worse)}
"""
PAGE_STYLE = """
body{max-width:70rem}main{margin-bottom:3rem}p,li{max-width:46rem}
h1{font-size:clamp(1.7rem,1.2rem + 2.2vw,2.6rem);line-height:1.2;margin:.3rem 0 1rem}
h1 span{display:block;font-size:1.2rem;font-weight:400;line-height:1.45;
margin-top:.7rem;max-width:46rem}
h1 code{background:none;padding:0}h2{font-size:1.35rem;margin:2.5rem 0 .5rem}
h3{font-size:1.05rem;margin:1.5rem 0 .3rem}
code{font-size:.93em;background:var(--box);padding:.05em .25em;border-radius:3px}
.soft,figcaption,caption{color:var(--soft);font-size:14px}.soft{margin:.4rem 0}
figure{margin:0}figcaption b{display:block;color:var(--text);font-size:16px}
.plots{display:grid;gap:1.5rem 3rem;margin-top:1rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,20.5rem),1fr))}
.plots figure{max-width:44rem;min-width:0}
.panels{display:flex;flex-wrap:wrap;gap:1rem .5rem}.panels figure{width:152px}
.pictures{display:flex;flex-wrap:wrap;gap:1rem}.pictures figure{max-width:100%}
.pictures img{display:block;width:20rem;image-rendering:pixelated}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:0;
font-size:14px;max-width:none}.key svg{vertical-align:-4px;margin-right:.4em}
details{border:1px solid var(--line);border-radius:6px;margin:.6rem 0;padding:0 .8rem}
details[open]{padding-bottom:.8rem}summary{cursor:pointer;padding:.6rem 0}
summary b{margin-right:.5em}
.scroll{overflow-x:auto}td{white-space:nowrap}thead th{vertical-align:bottom}
caption{text-align:left;padding-bottom:.3rem}caption span{display:inline-block;
position:sticky;left:0;max-width:min(46rem,100vw - 4.5rem)}
th{font-weight:600}tbody th{font-weight:400;position:sticky;left:0;
background:var(--page)}tbody th span{display:inline-block;max-width:11rem}
.shipped th,.shipped td{font-weight:700}.reference th,.reference td{font-style:italic}
svg{display:block}.key svg{display:inline;overflow:visible}
svg text{font:13px system-ui,sans-serif;fill:currentColor;stroke:var(--page);
stroke-width:4px;paint-order:stroke;font-variant-numeric:tabular-nums;white-space:pre}
svg .name{fill:var(--text)}svg .tick{fill:var(--soft);font-size:12px}
svg .bold{font-weight:700}
.grid,.path{stroke:var(--line);fill:none}.zero{stroke:var(--text);stroke-width:1.2}
.gain{stroke:var(--soft);stroke-dasharray:3 3;fill:none}
.same{color:var(--same)}.fold{fill:currentColor;opacity:.5}
.interval{stroke:currentColor;stroke-width:2}.mean{overflow:visible;stroke-width:2;
fill:currentColor;stroke:currentColor}.same .mean,.mean.same{fill:var(--page)}
.before{color:var(--better);fill:currentColor}.after{color:var(--after);
fill:currentColor}.before .path,.after .path{stroke:currentColor;opacity:.6}
"""
NOTEBOOK_STYLE = """
.kerasos-comparison{overflow-wrap:anywhere}.kerasos-comparison th span{
display:inline-block;max-width:16em;white-space:normal}
.kerasos-comparison .verdict{font-size:1.4em;font-weight:600;line-height:1.3}
.kerasos-comparison .scroll{overflow-x:auto}
.kerasos-comparison th,.kerasos-comparison td{white-space:nowrap;text-align:right;
padding:.2em .7em}.kerasos-comparison th:first-child,.kerasos-comparison caption{
text-align:left}
"""
_CELL = ("mean", "std")
_ENDS = ("difference", "low", "high")
_FIRST = 3  # methods of a classifier that a notebook shows


def notes(result):
    """Returns the sentences below the tables."""
    rows = result.rows
    train, test = round(rows.n_train.mean()), round(rows.n_test.mean())
    return [
        f"{rows.fold.nunique()} folds, the same for all methods; {train} rows to train "
        f"on and {test} to test on. Mean ± standard deviation over folds; ▲ better and "
        "▼ worse than `none` at 5 %, by the paired t-test, corrected where folds share "
        "rows (Nadeau and Bengio, 2003), p-values adjusted for the number of methods "
        "(Holm, 1979). Rank: mean over folds of the rank by "
        f"{label(result.metrics[0])}, 1 is best. Seconds: to resample and to fit, "
        "mean of a fold.",
        f"Rows by class: {', '.join(f'{k}: {n}' for k, n in result.counts.items())}. "
        f"{rows.versions.iloc[0]}.",
    ]


def label(metric):
    if metric in IDEALS:
        return f"{spoken(metric)} (distance from {IDEALS[metric]:g})"
    return spoken(metric) + ("" if more_is_better(metric) else " (less is better)")


def verdict_parts(result):
    """Returns `(what to ship, why, paragraphs)`, which together are the verdict.

    The first sentence is cut at its colon; each classifier has a paragraph.
    """
    head, rest = _cut(r"(?<=\.)\s+(?=[A-Z])", result.verdict)
    what, why = _cut(r":\s+", head)
    names = "|".join(re.escape(spoken(name)) for name in result.classifiers)
    return what, why, re.split(rf"\s+(?=With (?:{names}), )", rest) if rest else []


def _cut(pattern, text):
    """Cuts at the first match that does not stand between backticks."""
    for match in re.finditer(f"`[^`]*`|({pattern})", text):
        if match[1]:
            return text[: match.start()], text[match.end() :]
    return text, ""


def classifiers_of(result):
    """Returns the classifiers, that which is shipped first."""
    return sorted(result.classifiers, key=lambda name: name != result.shipped[0])


def tables(result):
    """Yields `(classifier, header, lines)`; a cell is a text and an outcome.

    The best method comes first; the second column is the first metric, the third what
    it differs by.
    """
    first, *others = result.metrics
    header = ["method", label(first), "to none (95\xa0% interval)", *map(label, others)]
    for classifier in classifiers_of(result):
        part = {metric: ranked(result, classifier, metric) for metric in result.metrics}
        lines = []
        for method, row in part[first].iterrows():
            line = [(method, "")]
            for metric in result.metrics:
                cell = part[metric].loc[method]
                text = " ± ".join(written(metric, cell[name]) for name in _CELL)
                line.append((text, cell.outcome))
            ends = (written(first, row[name], "+") for name in _ENDS)
            change = "{} ({} to {})".format(*ends)
            line.insert(2, ("reference" if method == "none" else change, row.outcome))
            seconds = f"{row.resample_seconds:.1f} + {row.fit_seconds:.1f}"
            lines.append([*line, (f"{row.mean_rank:.1f}", ""), (seconds, "")])
        yield classifier, [*header, "rank", "seconds"], lines


def markdown(result):
    """Returns the verdict, the tables and the notes."""
    what, why, paragraphs = verdict_parts(result)
    text = [f"# {TITLE}", "", f"**{what}**" + (f": {why}" if why else "")]
    for paragraph in paragraphs:
        text += ["", paragraph]
    for classifier, header, lines in tables(result):
        text += ["", f"## {_plain(classifier)}", "", f"| {' | '.join(header)} |"]
        text.append("|---" + "|---:" * (len(header) - 1) + "|")
        for line in lines:
            cells = [
                f"{_plain(cell)} {MARKS[outcome]}".strip() for cell, outcome in line
            ]
            text.append(f"| {' | '.join(cells)} |")
    return "\n".join([*text, "", "\n\n".join(notes(result)), ""])


def _plain(name):
    """A name that Markdown takes for no mark of its own."""
    return re.sub(r"([|*`<\[\]\\])", r"\\\1", " ".join(name.split()))


def html_page(result):
    """Returns a whole page, its pictures inside."""
    what, why, paragraphs = verdict_parts(result)
    why = f" <span>{marked_up(_capital(why))}</span>" if why else ""
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{TITLE}</title><style>{STYLE}{PAGE_STYLE}</style></head><body><main>",
        f'<p class="soft">{TITLE}</p><h1>{marked_up(what)}{why}</h1>',
        *(f"<p>{marked_up(paragraph)}</p>" for paragraph in paragraphs),
        *_differences(result),
        *_pictures(result),
        "<h2>Classifier by classifier</h2>",
    ]
    for classifier, header, lines in tables(result):
        parts += _classifier(result, classifier, header, lines)
    parts.append("<h2>How it was measured</h2>")
    parts += [f'<p class="soft">{marked_up(note)}</p>' for note in notes(result)]
    return "\n".join([*parts, "</main></body></html>\n"])


def _differences(result):
    metric = html.escape(spoken(result.metrics[0]))
    smallest = f"{result.smallest_gain:g}"
    if result.metrics[0] == COST:
        smallest = f"{100 * result.smallest_gain:g} % of the cost of none"
    yield "<h2>What each method changes</h2>"
    yield (
        f"<p>Right of each name the mean of {metric}, and its difference to "
        "<code>none</code>, the data as they are; the best first. Colours and ▲ ▼ "
        "allow for the number of methods, so a line may stay clear of 0 and yet be no "
        "finding.</p>"
    )
    yield key(
        ("fold", "one fold"),
        ("mean", "mean, not told apart (=)"),
        ("better", "better (▲)"),
        ("worse", "worse (▼)"),
        ("interval", "95 % interval of the mean"),
        ("zero", "no difference to none"),
        ("gain", f"smallest gain worth having, {smallest}"),
    )
    yield '<div class="plots">'
    for classifier in classifiers_of(result):
        yield (
            f"<figure><figcaption><b>{html.escape(spoken(classifier))}</b>"
            f"difference in {html.escape(label(result.metrics[0]))}</figcaption>"
            f"{difference_plot(result, classifier)}</figure>"
        )
    yield "</div>"


def _classifier(result, classifier, header, lines):
    best, none = lines[0], next(line for line in lines if line[0][0] == "none")
    opened = " open" if classifier == result.shipped[0] else ""
    name = html.escape(spoken(classifier))
    told = f"best: {html.escape(best[0][0])} {_mean(best)}"
    if best is not none:
        told += f"; none {_mean(none)}"
    folds = result.rows.fold.nunique()
    caption = f"{name}: mean ± standard deviation over {folds} folds, the best first"
    caption += "; in bold what to ship" if opened else ""
    yield f"<details{opened}><summary><b>{name}</b> {told}</summary>"
    yield _table(result, caption, header, [(classifier, x) for x in lines])
    yield from _reliability(result, classifier)
    yield "</details>"


def _mean(line):
    return line[1][0].split()[0]


def _table(result, caption, header, lines):
    """A table in a box that scrolls.

    Args:
        result: `Comparison`.
        caption: HTML.
        header: List of strings.
        lines: List of `(classifier, cells)`; a cell is a text and an outcome.
    """
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    text = [
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">',
        f"<table><caption><span>{caption}</span></caption>",
        f"<thead><tr>{head}</tr></thead><tbody>",
    ]
    for classifier, ((method, _), *cells) in lines:
        kind = "reference" if method == "none" else ""
        if (classifier, method) == tuple(result.shipped):
            kind = f"{kind} shipped".strip()
        text.append(f'<tr class="{kind}"><th scope="row"><span>')
        text.append(f"{html.escape(method)}</span></th>")
        text += [
            f'<td class="{outcome}">{html.escape(cell)} {_mark(outcome)}</td>'
            for cell, outcome in cells
        ]
        text.append("</tr>")
    return "".join([*text, "</tbody></table></div>"])


def _mark(outcome):
    if not outcome:
        return ""
    return f'<span role="img" aria-label="{WORDS[outcome]}">{MARKS[outcome]}</span>'


def _reliability(result, classifier):
    found = reliabilities(result, classifier)
    if not found:
        return
    top = top_of(found.values())
    many = len(result.counts) > 2
    whose = "all classes, each against the rest" if many else "the rarer class"
    yield "<h3>Are the probabilities right?</h3>"
    yield (
        f"<p>Across the mean probability of {whose}, up the share of rows that are of "
        "it, in ten bins of about equally many rows, all folds together; both axes by "
        "square roots, since small probabilities crowd near 0. Below the diagonal a "
        "probability is too high. Error: the mean distance to it.</p>"
    )
    marks = [("before", "as trained"), ("diagonal", "right on average")]
    if any(len(after) for _, after in found.values()):
        marks.insert(1, ("after", "after prior_corrected"))
    yield key(*marks)
    yield '<div class="panels">'
    for method, (before, after) in found.items():
        name = f"{spoken(classifier)}, {method}"
        error = f"error {calibration_gap(before):.3f}"
        if len(after):
            error += f", corrected {calibration_gap(after):.3f}"
        yield (
            f"<figure>{reliability_plot(before, after, name, top)}<figcaption>"
            f"<b>{html.escape(method)}</b>{error}</figcaption></figure>"
        )
    yield "</div>"


def _pictures(result):
    if result.pictures:
        yield '<h2>What was generated</h2><div class="pictures">'
    for name, picture in result.pictures.items():
        name = html.escape(str(name))
        yield (
            f'<figure><img alt="Pictures: {name}" src="{_to_uri(picture)}">'
            f"<figcaption>{name}</figcaption></figure>"
        )
    if result.pictures:
        yield "</div>"


def _to_uri(picture):
    from matplotlib.image import imsave

    picture = np.atleast_3d(picture)
    if picture.shape[-1] == 1:
        picture = picture.repeat(3, axis=-1)
    file = io.BytesIO()
    imsave(file, picture, format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def notebook_head(result):
    """Returns the verdict and the best of each classifier; its style stays inside."""
    what, why, paragraphs = verdict_parts(result)
    text = [f'<div class="kerasos-comparison"><style>{NOTEBOOK_STYLE}</style>']
    text.append(f'<p class="verdict">{marked_up(what)}</p>')
    paragraphs = [_capital(why), *paragraphs] if why else paragraphs
    text += [f"<p>{marked_up(each)}</p>" for each in paragraphs]
    chosen = []
    for classifier, header, lines in tables(result):
        columns = [header[0], "classifier", *header[1:3]]
        for place, (name, *cells) in enumerate(lines):
            shipped = (classifier, name[0]) == tuple(result.shipped)
            if place < _FIRST or name[0] == "none" or shipped:
                cells = [name, (spoken(classifier), ""), *cells[:2]]
                chosen.append((classifier, cells))
    caption = f"The best {_FIRST} of each classifier, and none"
    return "\n".join([*text, _table(result, caption, columns, chosen), "</div>"])


def _capital(text):
    return text[:1].upper() + text[1:]


def marked_up(text):
    """Returns the text as HTML, what stands between backticks as code."""
    pieces = html.escape(text).split("`")
    return "".join(
        f"<code>{piece}</code>" if number % 2 else piece
        for number, piece in enumerate(pieces)
    )
