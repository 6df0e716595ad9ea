"""Writes the report: published figures beside ours, as Markdown and as a page.

    python benchmarks/report.py

All numbers come from the rows that `reproduce.py` wrote and from the published tables.
What a person has to say about a table stands in `notes.md` under that table's heading.
The same rows give the same bytes. The page opens without a network.
"""

import pathlib

from absl import app, flags
from harness import reporting_document

_ROWS = flags.DEFINE_string("rows", "benchmarks/results/reproduce.csv", "Our rows.")
_PUBLISHED = flags.DEFINE_string(
    "published", "benchmarks/published", "Folder of the published tables."
)
_NOTES = flags.DEFINE_string("notes", "benchmarks/notes.md", "Text for the tables.")
_OUTPUT = flags.DEFINE_string("output", "benchmarks/REPORT.md", "The report.")
_HTML = flags.DEFINE_string(
    "html", "benchmarks/REPORT.html", "The report with plots, as one page."
)


def main(_):
    try:
        texts = reporting_document.make_report(
            _ROWS.value, _PUBLISHED.value, _NOTES.value
        )
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    for path, text in zip((_OUTPUT.value, _HTML.value), texts, strict=True):
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(path)


if __name__ == "__main__":
    app.run(main)
