"""Docstrings as the site shows them: equations by hand, lists, code, sections."""

import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[2] / "docs" / "site"))

from docstrings import arguments, parts, to_rst  # noqa: E402
from equations import equations  # noqa: E402


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("x_t = (1 - t) x0", "<i>x</i><sub><i>t</i></sub> = (1 − <i>t</i>) <i>x</i>0"),
        (
            "sum_p w_p |f(x)|^2",
            "∑<sub><i>p</i></sub> <i>w</i><sub><i>p</i></sub> |<i>f</i>(<i>x</i>)|"
            "<sup>2</sup>",
        ),
        ("mu, log sigma^2", "<i>μ</i>, log <i>σ</i><sup>2</sup>"),
        ("min_{f,g}  c'_i >= 0", "min<sub><i>f</i>,<i>g</i></sub>  <i>c</i>′<sub><i>i"
         "</i></sub> ≥ 0"),
        ("a < b & c", "<i>a</i> &lt; <i>b</i> &amp; <i>c</i>"),
    ],
)  # fmt: skip
def test_an_equation_is_typeset(text, html):
    assert equations(text) == f'<div class="line"><span>{html}</span></div>\n'


def test_the_number_of_an_equation_stands_apart():
    found = equations("min_D (p - s)^2        on real   (eq. 5)\nx (after eq. 6)")
    first, second = found.splitlines()
    assert first.endswith('on real</span><span class="number">(eq. 5)</span></div>')
    assert '<span class="number">(after eq. 6)</span>' in second


DOCSTRING = """Mixes `a` and `b`s, *not* c_ | d.

With a step:

    L = |x|^2                (eq. 1)

Of these:
- one, over
  two lines
- two
Then more.

Args:
    first: One of
        `"x"`: the first
            of all;
        `"y"`: the second.
    second, third,
        fourth: See `first`.

Returns:
    `table`, a row each. It has
        mean: of all
            rows.

Example:

>>> mix(1)
2
"""

CONVERTED = """Mixes ``a`` and ``b``\\ s, \\*not\\* c\\_ \\| d.

With a step:

.. equations::

   L = |x|^2                (eq. 1)

Of these:

- one, over
  two lines
- two

Then more.

Args:
    first: One of

        - ``"x"``: the first
          of all;
        - ``"y"``: the second.

    second, third, fourth: See ``first``.

Returns:
    ``table``, a row each. It has

        - mean: of all
          rows.

Example:

.. code-block:: pycon

   >>> mix(1)
   2
"""


def test_a_docstring_becomes_what_napoleon_reads():
    assert "\n".join(to_rst(DOCSTRING.splitlines())).rstrip() == CONVERTED.rstrip()


def test_fences_become_code():
    text = ["Text.", "```python", "x = 1", "", "y = `2`", "```", "More."]
    assert to_rst(text) == [
        *("Text.", "", ".. code-block:: python", "", "   x = 1", "", "   y = `2`", ""),
        "More.",
    ]


def test_arguments_are_read_by_name():
    found = arguments(DOCSTRING)
    assert found["second"] == found["fourth"] == "See `first`."
    assert found["first"].startswith('One of `"x"`')
    known = parts(DOCSTRING)
    assert known[""][0].startswith("Mixes") and known["Example"][1] == ">>> mix(1)"
