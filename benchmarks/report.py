"""Writes the report: published figures beside ours, as Markdown and as a page.

    python benchmarks/report.py --write
    python benchmarks/report.py --table MNIST

All numbers come from the rows that `reproduce.py` wrote and from the published tables.
What a person has to say about a table stands in `notes.md` under that table's heading.
The same rows give the same bytes. The page opens without a network; it is not kept in
git. With `--write`, the tables of README.md and RESULTS.md are made anew too; with
`--table` one of them is printed and nothing written (`harness.summary` names them).
"""

import pathlib

from absl import app, flags
from harness import reporting_document, summary

_ROWS = flags.DEFINE_string("rows", "benchmarks/results/reproduce.csv", "Our rows.")
_PUBLISHED = flags.DEFINE_string(
    "published", "benchmarks/published", "Folder of the published tables."
)
_NOTES = flags.DEFINE_string("notes", "benchmarks/notes.md", "Text for the tables.")
_OUTPUT = flags.DEFINE_string("output", "benchmarks/REPORT.md", "The report.")
_HTML = flags.DEFINE_string(
    "html", "benchmarks/REPORT.html", "The report with plots, as one page."
)
_WRITE = flags.DEFINE_bool("write", False, "Put the tables into both pages too.")
_TABLE = flags.DEFINE_string("table", None, "Print the table of this name alone.")

PAGES = ("README.md", "benchmarks/RESULTS.md")


def main(_):
    inputs = _ROWS.value, _PUBLISHED.value
    if _TABLE.value:
        return print("\n".join(summary.lines_of(_TABLE.value, *inputs)))
    try:
        report = reporting_document.make_report(*inputs, _NOTES.value)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    for path, text_of in ((_OUTPUT, report.to_markdown), (_HTML, report.to_html)):
        path = pathlib.Path(path.value)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(), "utf-8")
        print(path)
    for page in PAGES if _WRITE.value else ():
        summary.write(pathlib.Path(page), *inputs)


if __name__ == "__main__":
    app.run(main)
