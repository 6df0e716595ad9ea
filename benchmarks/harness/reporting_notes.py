"""What a person wrote about the tables: reads it, and finds what it speaks of."""

import difflib
import re


def read_notes(text, headings):
    """Returns `{heading: text}` of a notes file.

    Args:
        text: Markdown; a section starts with `## ` and the heading of its table. What
            comes before the first is for whoever writes.
        headings: The headings that there are.

    Raises:
        ValueError: If a section has a heading of no table, or one comes twice.
    """
    parts = re.split(r"^## +(.+?) *$", text, flags=re.MULTILINE)
    notes = {}
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        if heading not in headings:
            close = difflib.get_close_matches(heading, headings, 3) or headings[:3]
            raise ValueError(
                "A section of the notes must have the heading of a table. Received: "
                f"{heading!r}. Closest: {close}."
            )
        if heading in notes:
            raise ValueError(
                f"A table has one section in the notes. Received: two {heading!r}. "
                "Join them."
            )
        notes[heading] = body.strip()
    return notes


def explained(section, line, text):
    """Whether a paragraph or list item of the notes speaks of this line.

    It must name the method and, where the method has several lines, the budget as in
    "budget 0.1". A longer name that holds the method's ("GAMO\\D") does not count.

    Args:
        section: `harness.reporting.Section`.
        line: A row of its `scores`.
        text: Of the notes.
    """
    longer = [m for m in section.methods if line.method in m and m != line.method]
    name = re.compile(rf"(?<![\w\\+-]){re.escape(line.method)}(?![\w\\+-])")
    budgets = set(section.lines.budget[section.lines.method == line.method])
    for paragraph in re.split(r"\n\s*\n|\n\s*(?=[-*] )", text):
        for other in sorted(longer, key=len, reverse=True):
            paragraph = paragraph.replace(other, "")
        if not name.search(" ".join(paragraph.split())):
            continue
        named = re.findall(r"\bbudget ([0-9]*\.?[0-9]+)", paragraph)
        if len(budgets) == 1 or line.budget in map(float, named):
            return True
    return False
