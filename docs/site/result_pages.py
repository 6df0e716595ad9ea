"""Pages of the site that are kept elsewhere in the project: results and changes."""

import os
import pathlib
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
# `{page: (file, where its links start from)}`.
PAGES = {
    "results/measured.md": "benchmarks/RESULTS.md",
    "results/notes.md": "benchmarks/notes.md",
    "results/report.md": "benchmarks/REPORT.md",
    "results/tables.md": "benchmarks/results/tabular.md",
    "results/images.md": "benchmarks/results/compare_images.md",
    "changes.md": "CHANGELOG.md",
}
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
COMMENT = re.compile(r"^<!--.*?-->\n", re.M)


def result_pages():
    """Returns `{file: text}`, with links that start from the page."""
    return {page: _moved(page, ROOT / source) for page, source in PAGES.items()}


def write_report(path):
    """Writes the page of `benchmarks/report.py`, unless it is fresh.

    Its plots are inside; pictures that notes link to are copied beside it.
    """
    inputs = [BENCHMARKS / "notes.md", BENCHMARKS / "results" / "reproduce.csv"]
    made_of = [*inputs, *(BENCHMARKS / "harness").glob("*"), *_published()]
    newest = max(os.path.getmtime(file) for file in [__file__, *made_of])
    if path.exists() and path.stat().st_mtime > newest:
        return
    if str(BENCHMARKS) not in sys.path:
        sys.path.append(str(BENCHMARKS))
    from harness.reporting_document import make_report

    notes, rows = inputs
    page = make_report(rows, BENCHMARKS / "published", notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_linked(page.to_html(), path.parent), encoding="utf-8")


def _linked(text, folder):
    """`text` with links that work beside the site's first page, where it will lie."""

    def moved(match):
        target = match[1]
        source = (BENCHMARKS / target).resolve()
        if source.suffix == ".md" and source.parent == ROOT / "docs":
            return f'href="{source.stem}.html"'
        if not target.startswith("results/"):
            raise ValueError(f"notes.md links to {target!r}, which the site lacks.")
        (folder / target).parent.mkdir(exist_ok=True)
        shutil.copyfile(source, folder / target)
        return match[0]

    return re.sub(r'href="(?!#|\w+:)([^"]+)"', moved, text)


def _published():
    return (BENCHMARKS / "published").glob("*.csv")


def _moved(page, source):
    depth = page.count("/") + 2  # docs/generated/<page>
    made = {(ROOT / path).resolve(): name for name, path in PAGES.items()}

    def moved(match):
        target = match[2]
        if target.startswith(("http", "#")):
            return match[0]
        path = (source.parent / target).resolve()
        if path in made:
            return f"{match[1]}{'../' * page.count('/')}{made[path]}{match[3]}"
        return f"{match[1]}{'../' * depth}{path.relative_to(ROOT)}{match[3]}"

    text = COMMENT.sub("", source.read_text(encoding="utf-8"))
    return LINK.sub(moved, text.replace("](\n", "]("))
