"""Equations as the docstrings write them, in plain text, as HTML that reads as one.

    L = E_batch [ -log p(x | z, y) + KL(q(z | x, y) || N(0, I)) ]        (eq. 1)

Letters become italic, names of functions stay upright, `_` and `^` lower and raise
what follows, Greek letters and relations become signs, and the number of an equation
moves to the right. Lines and spaces stay. It needs no script and no network
where it is read.
"""

import html
import re

GREEK = dict(
    zip(
        "alpha beta gamma delta eps epsilon eta theta lambda lam mu nu rho sigma tau "
        "phi pi psi".split(),
        "αβγδεεηθλλμνρστφπψ",
        strict=True,
    )
)
SIGNS = {
    "->": "→",
    "<=": "≤",
    ">=": "≥",
    "||": "∥",
    "~": "∼",
    "-": "−",
    "*": "·",
    "'": "′",
    "sum": "∑",
}
NUMBER = re.compile(r"\s*(\((?:after )?eq\. [^()]*\))\s*$")
TOKEN = re.compile(
    r"(?P<word>[A-Za-z]+)|(?P<digits>\d+(?:\.\d+)?)"
    r"|(?P<shift>[_^])(?P<part>\{[^}]*\}|-?\d+(?:\.\d+)?|[A-Za-z0-9]+'*|\*)"
    r"|(?P<sign>->|<=|>=|\|\||.)",
    re.DOTALL,
)


def equations(text):
    """Returns HTML of a block of plain-text equations, one `div` a line."""
    return "".join(map(_line, text.splitlines()))


def _line(line):
    number = NUMBER.search(line)
    label = f'<span class="number">{html.escape(number[1])}</span>' if number else ""
    text = line[: number.start()] if number else line
    return f'<div class="line"><span>{_typeset(text)}</span>{label}</div>\n'


def _typeset(text):
    return "".join(map(_token, TOKEN.finditer(text)))


def _token(token):
    if token["word"]:
        return _word(token["word"])
    if token["shift"]:
        tag = "sub" if token["shift"] == "_" else "sup"
        part = token["part"].strip("{}") if len(token["part"]) > 2 else token["part"]
        return f"<{tag}>{_typeset(part)}</{tag}>"
    text = token["digits"] or token["sign"]
    return html.escape(SIGNS.get(text, text))


def _word(word):
    if word in GREEK:
        return f"<i>{GREEK[word]}</i>"
    if word in SIGNS:
        return SIGNS[word]
    return f"<i>{word}</i>" if len(word) == 1 else word
