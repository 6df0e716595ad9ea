"""A document as Markdown, and as one page of HTML that needs no other file."""

import html
import itertools
import re
from typing import NamedTuple

import pandas as pd

from harness.reporting_plots import to_uri
from kerasos.evaluation.compare.comparison_report import STYLE


class Plot(NamedTuple):
    """A plot of the page: what returns its matplotlib figure, and what it shows."""

    draw: object
    caption: str


class Plots(NamedTuple):
    """Plots that stand beside each other where there is room; a list of `Plot`."""

    plots: list


class Document(NamedTuple):
    """A list of blocks: Markdown, a `Plot` or `Plots`. Markdown leaves those out."""

    title: str
    blocks: list

    def to_markdown(self):
        texts = [block for block in self.blocks if isinstance(block, str)]
        return "\n\n".join(texts) + "\n"

    def to_html(self):
        """One page: styles and plots inside, no script, nothing from elsewhere."""
        body = []
        for block in self.blocks:
            if isinstance(block, Plots):
                figures = "".join(map(_figure, block.plots))
                body.append(f'<div class="plots">{figures}</div>\n')
            elif isinstance(block, Plot):
                body.append(_figure(block))
            else:
                body.append(_render(block))
        return PAGE.format(html.escape(self.title), STYLE + WIDE, "".join(body))


def _figure(plot):
    caption = html.escape(plot.caption)
    return (
        f'<figure class="scroll"><img alt="{caption}" src="{to_uri(plot.draw())}">'
        f"<figcaption>{caption}</figcaption></figure>\n"
    )


def table(rows, left=None):
    """Returns a Markdown table.

    Args:
        rows: Frame of texts, blank where there is none, or a list of dicts of them.
        left: Integer, so many columns stand to the left, the others to the right.
            Default: the reader's choice.
    """
    frame = pd.DataFrame(rows).fillna("").astype(str)
    head, *lines = (f"| {' | '.join(line)} |" for line in (frame, *frame.to_numpy()))
    rule = "|---" * frame.shape[1] + "|"
    if left is not None:
        rule = "| --- " * left + "| ---: " * (frame.shape[1] - left) + "|"
    return "\n".join([head, rule, *lines])


def bullets(items):
    return "\n".join(f"- {item}" for item in items)


def escape(text):
    return re.sub(r"([|*`<\[\]])", r"\\\1", text)


def slug(heading):
    """The name that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(heading):
    return f"[{escape(heading)}](#{slug(heading)})"


def _render(text):
    from markdown_it import MarkdownIt

    # No image of a note: it would be another file. No tags either.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.disable("image")
    tokens = parser.parse(text)
    for token, inside in itertools.pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", slug(inside.content))
    text = parser.renderer.render(tokens, parser.options, {})
    return re.sub(r"<table>.*?</table>\n", _scrolling, text, flags=re.DOTALL)


def _scrolling(match):
    """A table in a box that scrolls, below a hint where it is wide."""
    columns = match[0].partition("</tr>")[0].count("<th")
    hint = f'<p class="hint{" very" * (columns > 8)}">{HINT}</p>\n'
    return (
        f"{hint if columns > 3 else ''}"
        f'<div class="scroll" tabindex="0" role="region" aria-label="table">{match[0]}'
        "</div>\n"
    )


HINT = "Scroll the table sideways for its other columns →"
WIDE = """body{max-width:72rem}table{font-size:13px;margin:0}
.scroll{overflow-x:auto;margin:.5rem 0 1.5rem}
th,td{white-space:nowrap}th:first-child,td:first-child{white-space:normal;
min-width:9rem;max-width:22rem}td:nth-child(2):last-child{white-space:normal}
td strong{color:var(--worse)}td em{color:var(--better);font-style:italic}
h2{margin-top:3rem;padding-top:.5rem;border-top:1px solid var(--line)}
.plots{display:grid;gap:1rem;margin:1rem 0;
grid-template-columns:repeat(auto-fit,minmax(min(100%,356px),1fr))}
figure{margin:1rem 0}.plots figure{margin:0}img{background:#fff;max-width:none}
figcaption{color:var(--soft);font-size:14px;position:sticky;left:0}
.hint{color:var(--soft);font-size:13px;margin:.5rem 0 0}
code{overflow-wrap:anywhere}
@media(min-width:62rem){.hint:not(.very){display:none}}
"""
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{}</title><style>{}</style></head>
<body>
{}</body>
</html>
"""
