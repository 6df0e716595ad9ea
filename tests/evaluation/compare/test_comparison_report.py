"""The page of a comparison: what stands in it, and how a browser shows it."""

import base64
import html
import html.parser
import io
import re

import numpy as np
import pytest
from browser_pages import found_browser, measured
from matplotlib.image import imread
from test_comparison import made_up, rebuilt

from kerasos.evaluation.compare.comparison_figures import calibration_gap, pooled
from kerasos.evaluation.compare.comparison_report import STYLE

AWKWARD = "<i>a&b</i> \"c\" 'd' | `e`"
LONG = "a_sampler_of_many_words_" * 6
VOID = ("meta", "img", "br")


class Page(html.parser.HTMLParser):
    """The elements of a text: tag, attributes, and the text inside each."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open, "Tags are not closed."

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), []))
        assert len(attrs) == len(dict(attrs)), f"An attribute of {tag} comes twice."
        if tag not in VOID:
            self.open.append(self.found[-1])

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, texts in self.open:
            texts.append(data)

    def all(self, tag, **wanted):
        return [
            (attrs, "".join(texts))
            for name, attrs, texts in self.found
            if name == tag and wanted.items() <= attrs.items()
        ]


def page_of(result, folder):
    return result.to_html(folder / "page.html").read_text(encoding="utf-8")


def with_reliability(result):
    """Five bins a fold; probabilities are twice as high as they should be."""
    rows = result.rows.copy()
    bins = ";".join(f"10 {p} {p / 2}" for p in (0.02, 0.04, 0.1, 0.2, 0.36))
    right = ";".join(f"10 {p} {p}" for p in (0.01, 0.02, 0.05, 0.1, 0.18))
    rows["reliability"] = bins
    rows["reliability_corrected"] = np.where(rows.method == "none", "", right)
    return rebuilt(result, rows)


@pytest.fixture(scope="module")
def large():
    """Two classifiers, 15 methods with names of all sorts, five metrics."""
    shifts = {f"method_{i}": 0.02 * (i - 6) for i in range(12)}
    shifts |= {AWKWARD: 0.15, LONG: 0.2}
    return with_reliability(made_up(shifts))


def words(text):
    return re.sub(r"\W+", " ", text).lower()


def test_the_verdict_comes_first(large, tmp_path):
    page = Page(page_of(large, tmp_path))
    headings = [f for f in page.found if f[0] in ("h1", "h2", "h3")]
    assert headings[0][0] == "h1"
    text = "".join(headings[0][2])
    assert text.startswith(f"Ship {LONG} with ") and "95 % interval" in text
    # All of it, in order.
    assert words(large.verdict) in words(page.all("main")[0][1])
    starts = [text for _, text in page.all("p") if text.startswith("With ")]
    assert len(starts) == 2


@pytest.mark.parametrize("metric", ["balanced_accuracy", "brier"])
def test_rows_are_sorted_and_the_shipped_classifier_is_open(metric, tmp_path):
    shifts, brier = {"a": -0.05, "b": 0.05}, {"a": -0.02, "b": 0.02}
    result = made_up(shifts, metrics=[metric, "mcc"], **brier)
    page = Page(page_of(result, tmp_path))
    best = ["b", "none", "a"] if metric == "balanced_accuracy" else ["a", "none", "b"]
    rows = [name for _, name in page.all("th", scope="row")]
    assert rows == 2 * best
    shipped, other = page.all("details")
    assert shipped[1].startswith(result.shipped[0].replace("_", " "))
    assert "open" in shipped[0] and "open" not in other[0]
    assert f"best: {best[0]} 0." in shipped[1] and "; none 0." in shipped[1]
    assert len(page.all("tr", **{"class": "shipped"})) == 1
    assert len(page.all("tr", **{"class": "reference"})) == 2
    assert len(page.all("caption")) == 2
    headers = page.all("th", scope="col")
    assert len(headers) == 2 * 6 and len(page.all("th")) == len(headers) + len(rows)
    lines = result.to_markdown().split("\n")
    table = [line.split(" | ")[0] for line in lines if line.startswith("| ")]
    assert table == 2 * ["| method", *(f"| {name}" for name in best)]


def test_figures_say_their_numbers(large, tmp_path):
    page = Page(page_of(large, tmp_path))
    figures = [a for a, _ in page.all("svg") if "aria-hidden" not in a and "x" not in a]
    assert all(attrs["role"] == "img" for attrs in figures)
    assert len(figures) == 2 + 2 * 15
    summary = large.summary[large.summary.metric == large.metrics[0]]
    for figure, name in zip(figures, (large.shipped[0], "other"), strict=False):
        said = figure["aria-label"]
        if name != "other":
            assert said.startswith(name)
        part = summary[summary.classifier == said.split(" by ")[0]]
        for row in part[part.method != "none"].itertuples():
            told = {"better": "better", "worse": "worse", "": "not told apart"}
            assert (
                f"{row.method}: {row.mean:.3f}, {row.difference:+z.3f} to none (95 % "
                f"interval {row.low:+z.3f} to {row.high:+z.3f}), {told[row.outcome]}"
            ) in said
    calibration = [f["aria-label"] for f in figures[2:] if ", method_3," in str(f)]
    assert len(calibration) == 2
    # By hand: (.01 + .02 + .05 + .1 + .18) / 5, and nothing after the correction.
    assert "as trained: calibration error 0.072; 0.020 and 0.010" in calibration[0]
    assert "corrected: calibration error 0.000" in calibration[0]
    for mark in ("one fold", "95 % interval of the mean", "smallest gain", "better"):
        assert any(mark in text for _, text in page.all("li"))


def test_marks_stand_where_their_numbers_are(tmp_path):
    result = made_up({"a": 0.05, "b": -0.02}, classifiers=["mlp"])
    page = Page(page_of(result, tmp_path))
    part = result.summary[result.summary.metric == "balanced_accuracy"]
    part = part.sort_values("mean", ascending=False)
    means = [float(a["x"].strip("%")) for a, _ in page.all("svg", **{"class": "mean"})]
    unit = (means[0] - means[-1]) / (part.difference.iloc[0] - part.difference.iloc[-1])
    assert np.allclose(np.subtract(means, means[1]), unit * part.difference, atol=0.02)
    (zero,) = [a for a, _ in page.all("line", **{"class": "zero"})]
    (gain,) = [a for a, _ in page.all("line", **{"class": "gain"})]
    assert float(zero["x1"].strip("%")) == means[1]
    assert np.isclose(float(gain["x1"].strip("%")) - means[1], 0.01 * unit, atol=0.02)
    lines = [a for a, _ in page.all("line", **{"class": "interval"})]
    for line, row in zip(lines, part[part.method != "none"].itertuples(), strict=True):
        ends = [float(line[end].strip("%")) - means[1] for end in ("x1", "x2")]
        assert np.allclose(ends, [unit * row.low, unit * row.high], atol=0.02)
    assert len(page.all("circle", **{"class": "fold"})) == 2 * 10 + 1  # one explains


def test_nothing_is_unescaped_or_from_elsewhere(large, tmp_path):
    for text in (page_of(large, tmp_path), large._repr_html_()):
        page = Page(text)
        assert AWKWARD in [name for _, name in page.all("th", scope="row")]
        assert not page.all("i") and not page.all("script") and not page.all("link")
        assert not re.search(r"https?:|@import|url\(", text)
        sources = [a[k] for _, a, _ in page.found for k in ("src", "href") if k in a]
        assert all(source.startswith("data:") for source in sources)


def test_a_notebook_shows_the_head(large):
    text = large._repr_html_()
    page = Page(text)
    assert page.all("p", **{"class": "verdict"})[0][1].startswith(f"Ship {LONG}")
    assert words(large.verdict) in words("".join(page.found[0][2]))
    # The three best of each classifier and none.
    assert len(page.all("th", scope="row")) == 2 * 4
    rules = re.findall(r"([^{}]+)\{", page.all("style")[0][1])
    selectors = [one for rule in rules for one in rule.split(",")]
    assert len(selectors) > 3
    assert all(one.strip().startswith(".kerasos-comparison") for one in selectors)


def test_bins_of_all_folds_are_pooled():
    """24 bins of 10 rows become ten of 20 or 30, neighbours together."""
    texts = [
        ";".join(f"10 {0.1 * fold + 0.01 * i} {0.1 * fold}" for i in range(8))
        for fold in range(3)
    ]
    bins = pooled(texts)
    assert len(bins) == 10 and bins[:, 0].sum() == 240
    assert set(bins[:, 0]) == {20, 30}
    assert (np.diff(bins[:, 1]) > 0).all()
    assert np.average(bins[:, 1], weights=bins[:, 0]) == pytest.approx(0.135)
    assert np.average(bins[:, 2], weights=bins[:, 0]) == pytest.approx(0.1)
    # Probabilities are .035 too high on average, and nowhere too low.
    assert calibration_gap(bins) == pytest.approx(0.035)
    few = pooled(["30 0.5 0.25;10 0.1 0.2", "", float("nan")])
    assert few.tolist() == [[10, 0.1, 0.2], [30, 0.5, 0.25]]
    assert calibration_gap(few) == pytest.approx((10 * 0.1 + 30 * 0.25) / 40)
    assert pooled(["", None]).shape == (0, 3)


@pytest.mark.parametrize("columns", [[], ["reliability", "reliability_corrected"]])
def test_without_bins_there_is_no_section(columns, tmp_path):
    result = made_up({"a": 0.05}, classifiers=["mlp"])
    rows = result.rows.assign(**dict.fromkeys(columns, ""))
    page = page_of(rebuilt(result, rows), tmp_path)
    assert "probabilities right" not in page and "What was generated" not in page


def test_pictures_are_inside(tmp_path):
    result = made_up({"a": 0.05}, classifiers=["mlp"])
    rng = np.random.default_rng(0)
    pictures = {
        "<grey>": rng.integers(0, 200, (4, 6), "uint8"),
        "one": rng.integers(0, 200, (4, 6, 1), "uint8"),
        "colour": rng.integers(0, 256, (4, 6, 3), "uint8"),
    }
    object.__setattr__(result, "pictures", pictures)
    page = Page(page_of(result, tmp_path))
    assert ({}, "What was generated") in page.all("h2")
    for (attrs, _), (name, picture) in zip(
        page.all("img"), pictures.items(), strict=True
    ):
        assert attrs["alt"] == f"Pictures: {name}"
        kind, data = attrs["src"].split(",")
        assert kind == "data:image/png;base64"
        found = imread(io.BytesIO(base64.b64decode(data)), format="png")[..., :3]
        wanted = picture if picture.ndim == 3 else picture[..., None]
        assert np.array_equal((found * 255).round(), np.broadcast_to(wanted, (4, 6, 3)))


def test_texts_stand_out_in_both_schemes():
    """Contrast of WCAG 2.2, success criterion 1.4.3: 4.5 to 1 at least."""

    def luminance(colour):
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        low, high = parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4
        return np.where(parts <= 0.04045, low, high) @ [0.2126, 0.7152, 0.0722]

    schemes = re.findall(r":root\{(.+?)\}", STYLE, re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+):\s*(#\w+)", scheme))
        for text in ("text", "soft", "better", "worse", "same", "after"):
            for ground in ("page", "box"):
                pair = sorted(luminance(colours[each]) for each in (text, ground))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (text, ground)


WIDTHS = (390, 1200)
# All `details` are opened first, so that nothing is hidden from the measures.
MEASURE = """
function overlap(a, b) {
  return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
         Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
}
function measure(frame) {
  const page = frame.contentDocument, root = page.documentElement;
  const all = selector => [...page.querySelectorAll(selector)];
  const rect = element => element.getBoundingClientRect();
  all('details').forEach(each => { each.open = true; });
  const sizes = [], walk = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || parent.closest('title')) continue;
    const size = parseFloat(frame.contentWindow.getComputedStyle(parent).fontSize);
    const scale = parent.getScreenCTM ? parent.getScreenCTM().a : 1;
    sizes.push(size * scale);
  }
  const broken = all('td').filter(cell => {
    const range = page.createRange();
    range.selectNodeContents(cell);
    const boxes = [...range.getClientRects()].filter(box => box.width);
    return Math.max(...boxes.map(box => box.top)) >=
           Math.min(...boxes.map(box => box.bottom));
  });
  const clashes = [];
  for (const figure of all('svg[role=img]')) {
    const texts = [...figure.querySelectorAll('text')], outer = rect(figure);
    texts.forEach((text, i) => {
      const box = rect(text);
      if (box.left < outer.left - 1 || box.right > outer.right + 1 ||
          box.bottom > outer.bottom + 1) clashes.push(text.textContent);
      for (const other of texts.slice(i + 1))
        if (overlap(box, rect(other)))
          clashes.push(text.textContent + ' / ' + other.textContent);
    });
  }
  return {
    scroll: root.scrollWidth, client: root.clientWidth,
    beyond: all('body *').filter(each => !each.closest('.scroll table') &&
      !each.closest('title') && rect(each).right > root.clientWidth + 1)
      .map(each => each.outerHTML.slice(0, 80)),
    tables: all('.scroll').map(box => box.scrollWidth > box.clientWidth),
    cells: all('td').length, broken: broken.map(cell => cell.textContent),
    smallest: Math.min(...sizes), clashes: clashes,
    heading: parseFloat(frame.contentWindow.getComputedStyle(all('h1')[0]).fontSize),
    bottom: rect(all('h1')[0]).top,
    columns: new Set(all('.plots figure').map(each => rect(each).left)).size,
    colours: all('g.better .mean, g.worse .mean').filter(each => {
      const style = frame.contentWindow.getComputedStyle(each);
      const root = frame.contentWindow.getComputedStyle(page.documentElement);
      const name = '--' + each.parentElement.className.baseVal;
      const sample = page.body.appendChild(page.createElement('i'));
      sample.style.color = root.getPropertyValue(name);
      return style.fill !== frame.contentWindow.getComputedStyle(sample).color;
    }).length,
    nameless: all('svg:not([aria-hidden]):not(svg svg), img').filter(each =>
      !(each.getAttribute('aria-label') || each.alt)).length,
  };
}
"""


def test_a_browser_shows_it_on_a_telephone_and_on_a_desk(large, tmp_path):
    browser = found_browser()
    object.__setattr__(large, "pictures", {"a": np.zeros((40, 900, 3), "uint8")})
    page_of(large, tmp_path)
    page = tmp_path / "page.html"
    narrow, wide = measured(browser, [page], WIDTHS, MEASURE, tmp_path)
    for width, shown in zip(WIDTHS, (narrow, wide), strict=True):
        assert shown["client"] <= width and shown["scroll"] <= shown["client"], width
        assert shown["beyond"] == [] and shown["clashes"] == [], width
        assert shown["cells"] == 2 * 15 * 8 and shown["broken"] == [], width
        assert shown["smallest"] >= 11 and shown["nameless"] == 0, width
        assert shown["colours"] == 0, width
        assert shown["heading"] > 26 and shown["bottom"] < 120, width
    # Tables scroll inside their box where they do not fit, and figures stand in one
    # column or beside each other.
    assert all(narrow["tables"]) and len(narrow["tables"]) == 2
    assert narrow["columns"] == 1 and wide["columns"] == 2
