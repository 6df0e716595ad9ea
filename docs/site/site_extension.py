"""What is made when the site is built: pages, docstrings, equations."""

import pathlib
import re

import equations
from docstrings import to_rst
from docutils import nodes
from docutils.parsers.rst import Directive
from method_pages import method_pages
from reference_pages import api_pages
from result_pages import result_pages, write_report

DOCS = pathlib.Path(__file__).parents[1]
GENERATED = DOCS / "generated"
OPTIONAL = re.compile(r"^([\w./]+)\*\n", re.M)
FOLDER = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)\)")


class Equations(Directive):
    """Equations in plain text; see `equations.py`."""

    has_content = True

    def run(self):
        text = "\n".join(self.content)
        page = nodes.raw(
            "", f'<div class="equations">{equations.equations(text)}</div>'
        )
        page["format"] = "html"
        return [page]


def write_pages(app):
    """Writes the generated pages, each only if its text has changed."""
    pages = {**api_pages(), **method_pages(), **result_pages()}
    for name, text in pages.items():
        path = GENERATED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    write_report(GENERATED / "extra" / "report.html")


def read(app, name, source):
    """Leaves out, from a page in Markdown, what Sphinx has no place for.

    An entry of a table of contents that ends in `*` and names no page, and links to
    folders of the project, of which only the words stay.
    """
    folder = (DOCS / name).parent

    def entry(match):
        return match[0] if [*folder.glob(f"{match[1]}*.md")] else ""

    def link(match):
        return match[1] if (folder / match[2]).is_dir() else match[0]

    source[0] = FOLDER.sub(link, OPTIONAL.sub(entry, source[0]))


def convert(app, what, name, obj, options, lines):
    """Turns a docstring of ours into reStructuredText, before napoleon reads it."""
    if name.startswith("kerasos"):
        lines[:] = to_rst(lines)


def setup(app):
    """Registers all of it with Sphinx."""
    app.add_directive("equations", Equations)
    app.connect("builder-inited", write_pages, priority=100)
    app.connect("source-read", read)
    app.connect("autodoc-process-docstring", convert, priority=400)
    return {"parallel_read_safe": True}
