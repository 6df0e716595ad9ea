"""A document as Markdown, and as one page of HTML that needs no other file.

A document is a list of blocks: Markdown or a `Plot`. Markdown leaves the plots out.
"""

import dataclasses
import html
import itertools
import re


@dataclasses.dataclass(frozen=True)
class Plot:
    """An image of the page: data URI and what it shows."""

    uri: str
    caption: str


def table(head, rows, left):
    """Returns a Markdown table, the first `left` columns to the left."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def bullets(items):
    return "\n".join(f"- {item}" for item in items)


def escape(text):
    return re.sub(r"([|*`<\[\]])", r"\\\1", text)


def slug(heading):
    """The name that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(heading):
    return f"[{escape(heading)}](#{slug(heading)})"


def to_markdown(document):
    texts = [block for block in document if not isinstance(block, Plot)]
    return "\n\n".join(texts) + "\n"


def to_html(document, title):
    """Returns one page: styles and plots inside, no script, nothing from elsewhere."""
    body = []
    for block in document:
        if isinstance(block, Plot):
            caption = html.escape(block.caption)
            body.append(
                f'<figure><img alt="{caption}" src="{block.uri}">'
                f"<figcaption>{caption}</figcaption></figure>\n"
            )
        else:
            body.append(_render(block))
    return PAGE.format(title=html.escape(title), style=STYLE, body="".join(body))


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


STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; background: #fff;
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 3rem; padding-top: .6rem; border-top: 1px solid #d5dbe1; }
table { display: block; overflow-x: auto; border-collapse: collapse;
  font-size: 13px; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #e4e8ec;
  white-space: nowrap; }
th { background: #f3f5f7; }
tbody tr:hover { background: #f8fafb; }
td strong { color: #b03a2e; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { font-size: 12px; color: #5b6773; }
code { background: #f3f5f7; padding: 0 .2rem; }
"""
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}</body>
</html>
"""
