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


class Document(NamedTuple):
    """A list of blocks: Markdown or a `Plot`. Markdown leaves the plots out."""

    title: str
    blocks: list

    def to_markdown(self):
        texts = [block for block in self.blocks if not isinstance(block, Plot)]
        return "\n\n".join(texts) + "\n"

    def to_html(self):
        """One page: styles and plots inside, no script, nothing from elsewhere."""
        body = []
        for block in self.blocks:
            if isinstance(block, Plot):
                caption = html.escape(block.caption)
                body.append(
                    f'<figure><img alt="{caption}" src="{to_uri(block.draw())}">'
                    f"<figcaption>{caption}</figcaption></figure>\n"
                )
            else:
                body.append(_render(block))
        return PAGE.format(html.escape(self.title), STYLE + WIDE, "".join(body))


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
    return parser.renderer.render(tokens, parser.options, {})


WIDE = """body{max-width:72rem}table{display:block;overflow-x:auto;font-size:13px}
th,td{white-space:nowrap}td strong{color:var(--worse)}
h2{margin-top:3rem;border-top:1px solid}img{background:#fff}
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
