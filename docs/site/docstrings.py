"""Docstrings of this package, which are written like Markdown, as reStructuredText."""

import inspect
import re
import textwrap

SECTIONS = (
    "Args",
    "Attributes",
    "Call arguments",
    "Example",
    "Examples",
    "Raises",
    "Reference",
    "References",
    "Returns",
    "Source",
    "Yields",
)
HEADER = re.compile(rf"^({'|'.join(SECTIONS)}):\s*$")
FENCE = re.compile(r"^( *)```(\w*)\s*$")
BULLET = re.compile(r"^ *- ")
NAME = r"""[`"*]*[A-Za-z_][\w.]*[`"]*"""
ENTRY = re.compile(rf"^{NAME}(?:, {NAME})*: ")
NAMES = re.compile(rf"^    {NAME}(?:, {NAME})*,$")  # the rest is on the next line
ENTRIES = ("Args", "Attributes", "Call arguments", "Raises")


def indent_of(line):
    """Returns the number of spaces before the text of a line."""
    return len(line) - len(line.lstrip())


def inline(text):
    """Returns a line with its code in double backticks, its other signs escaped."""
    parts = re.split(r"(`[^`\n]+`)", text)
    for i, part in enumerate(parts):
        if i % 2:
            # Code that letters follow, as in `x`s, needs an end that is not seen.
            follows = re.match(r"[A-Za-z0-9]", parts[i + 1])
            parts[i] = f"`{part}`" + ("\\ " if follows else "")
        else:
            part = part.replace("\\", "\\\\").replace("|", r"\|")
            part = re.sub(r"(?<!\\)\*", r"\\*", part)
            parts[i] = re.sub(r"(?<=\w)_(?!\w)", r"\\_", part)
    return "".join(parts)


def to_rst(lines):
    """Converts the lines of a docstring, whose sections napoleon can then read.

    Args:
        lines: List of strings, dedented.

    Returns:
        List of strings. Fences and doctests become code, indented blocks `equations`.
    """
    return _Reader(_joined(lines)).read()


def _joined(lines):
    """Joins what a line break cuts in two: code in backticks, names of an entry."""
    out = []
    for line in lines:
        fenced = line.strip().startswith(("```", ">>>", "..."))
        broken = out and (_is_open(out[-1]) or NAMES.match(out[-1]))
        if broken and not fenced and line.strip():
            out[-1] = f"{out[-1].rstrip()} {line.strip()}"
        else:
            out.append(line)
    return out


def _is_open(line):
    text = line.strip()
    return not text.startswith(("```", ">>>", "...")) and text.count("`") % 2 == 1


class _Reader:
    def __init__(self, lines):
        self.lines, self.place, self.out = lines, 0, []
        self.nested = None  # indentation of a list that is being made
        self.hanging = False  # whether the paragraph has a hanging indent

    def read(self):
        section = ""
        while self.place < len(self.lines):
            line = self.lines[self.place]
            if HEADER.match(line):
                section, self.nested = HEADER.match(line)[1], None
                self.blank()
                self.out.append(line)
                self.place += 1
            elif fence := FENCE.match(line):
                self.fence(fence)
            elif line.strip().startswith(">>> "):
                self.doctest()
            elif self.is_block(line):
                self.block(line)
            else:
                self.text(line, section)
                self.place += 1
        return self.out

    def blank(self):
        if self.out and self.out[-1].strip():
            self.out.append("")

    def before(self):
        """Returns the last line of text before this one."""
        return next((line for line in reversed(self.out) if line.strip()), "")

    def fence(self, fence):
        self.place += 1
        code = []
        while not FENCE.match(self.lines[self.place]):
            code.append(self.lines[self.place])
            self.place += 1
        self.place += 1
        self.code(fence[1], fence[2] or "text", code)

    def doctest(self):
        code = []
        while self.place < len(self.lines) and self.lines[self.place].strip():
            code.append(self.lines[self.place])
            self.place += 1
        self.code(" " * indent_of(code[0]), "pycon", code)

    def code(self, indent, language, code):
        self.blank()
        self.out += [f"{indent}.. code-block:: {language}", ""]
        code = textwrap.dedent("\n".join(code)).splitlines()
        self.out += [f"{indent}   {line}".rstrip() for line in code] + [""]

    def is_block(self, line):
        """Whether an indented block begins here that is no part of a list."""
        alone = not self.out or not self.out[-1].strip()
        before = self.before()
        deeper = indent_of(line) >= indent_of(before) + 4
        return alone and line.strip() and deeper and not HEADER.match(before)

    def block(self, line):
        least, found = indent_of(line), []
        outer = " " * indent_of(self.before())
        while self.place < len(self.lines):
            line = self.lines[self.place]
            if line.strip() and indent_of(line) < least:
                break
            found.append(line[least:])
            self.place += 1
        while not found[-1].strip():
            found.pop()
        self.out += [f"{outer}.. equations::", ""]
        self.out += [f"{outer}   {line}".rstrip() for line in found] + [""]

    def text(self, line, section):
        """Adds a line, and makes lists of what is indented inside a paragraph."""
        if not line.strip():
            self.nested, self.hanging = None, False
            self.out.append("")
            return
        indent, begins = indent_of(line), ENTRY.match(line.strip())
        last = self.out[-1] if self.out else ""
        goes_on = bool(last.strip()) and not HEADER.match(last)
        if self.nested is not None and indent < self.nested:
            self.nested = None
            self.blank()
            goes_on = False
        level = (8 if section in ENTRIES else 4) if section else 0
        if self.nested is not None and indent > self.nested:
            line = " " * (self.nested + 2) + line.strip()
        elif self.nested is not None and indent == self.nested:
            line = f"{' ' * indent}- {line.strip()}"
        elif goes_on and self.is_deep(line, level) and not self.in_bullet(line):
            if begins:
                self.blank()
                self.nested = indent
                line = f"{' ' * indent}- {line.strip()}"
            else:
                self.hanging = True
                line = " " * level + line.strip()
        elif goes_on and self.hanging:
            before = self.lines[self.place - 1]
            sentence = before.endswith(".") and line.strip().startswith("`")
            if indent_of(before) > indent or sentence:
                self.blank()
        elif goes_on and BULLET.match(line) and not self.in_bullet(line):
            self.blank()
        elif goes_on and self.in_bullet("") and not self.in_bullet(line):
            self.blank()
        self.out.append(inline(line))

    def is_deep(self, line, level):
        """Whether a line is deeper than running text, or a quoted entry of a list."""
        quoted = level == 8 == indent_of(line) and line.strip().startswith(("`", '"'))
        return indent_of(line) >= level + 4 or quoted and ENTRY.match(line.strip())

    def in_bullet(self, line):
        """Whether a line belongs to a list of the docstring's own that is going on."""
        for before in reversed(self.out):
            if not before.strip():
                return False
            if BULLET.match(before):
                deeper = indent_of(line) > indent_of(before)
                same = BULLET.match(line) and indent_of(line) == indent_of(before)
                return bool(not line or deeper or same)
        return False


def parts(text):
    """Splits a docstring into the text before its sections and `{section: lines}`."""
    found, section = {"": []}, ""
    for line in inspect.cleandoc(text or "").splitlines():
        header = HEADER.match(line)
        if header:
            section = header[1]
            found.setdefault(section, [])
        elif section and line.strip() and indent_of(line) == 0 and section != "Example":
            section = ""
            found[""] += ["", line]
        else:
            found[section].append(line)
    return found


def arguments(text):
    """Returns `{name: description}` of the section Args of a docstring."""
    found, names = {}, []
    for line in _joined(parts(text).get("Args", [])):
        if indent_of(line) == 4 and ENTRY.match(line.strip()):
            head, _, rest = line.strip().partition(": ")
            names = [name.strip(" *`") for name in head.split(",")]
            for name in names:
                found[name] = rest
        elif line.strip():
            for name in names:
                found[name] += " " + line.strip()
    return found
