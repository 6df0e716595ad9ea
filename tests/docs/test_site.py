"""The built site: no warning, no dead link, every name, and how a browser shows it."""

import fcntl
import functools
import html.parser
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse
import zlib

import pytest
from browser_pages import found_browser, measured

import kerasos

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
NEEDED = ("sphinx", "sphinx_gallery", "myst_parser", "pydata_sphinx_theme")
WIDTHS = (390, 1200)
SHOWN = (
    "index.html",
    "choose.html",
    "guides/csv.html",
    "generated/methods/gamo.html",
    "generated/api/kerasos.data.html",
    "generated/gallery/plot_thresholds.html",
    "generated/results/measured.html",
)

pytestmark = pytest.mark.slow(reason="builds the site, a minute or more")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built with one example of the gallery.

    Of several processes that test, one builds; the others wait for it.
    """
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)}: pip install -e '.[docs]' brings them.")
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with open(folder / "site.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "html" / "objects.inv").exists():
            build(folder)
    return folder / "html"


def build(folder):
    """Builds the site into `folder`; a warning is an error."""
    options = ["-D", "sphinx_gallery_conf.filename_pattern=plot_thresholds"]
    options += ["-W", "--keep-going", "-d", str(folder / "doctrees")]
    run = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(folder / "html")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1500,
    )
    if run.returncode:
        shutil.rmtree(folder / "html", ignore_errors=True)
    assert run.returncode == 0, run.stderr[-3000:]


class Links(html.parser.HTMLParser):
    """What a page refers to, and the places in it that can be referred to."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.places, self.loaded = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.places |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        targets = {attrs[key] for key in ("href", "src") if attrs.get(key)}
        self.targets |= targets
        if tag in ("script", "img") or attrs.get("rel") == "stylesheet":
            self.loaded |= targets


@functools.cache
def links_of(path):
    return Links(path.read_text(encoding="utf-8"))


def pages_of(site):
    found = sorted(site.rglob("*.html"))
    return [page for page in found if page.relative_to(site).parts[0] != "_static"]


def test_no_link_between_pages_is_dead(site):
    dead = []
    for page in pages_of(site):
        for target in links_of(page).targets:
            address = urllib.parse.urlsplit(target)
            if address.scheme or address.netloc:
                continue
            path = (page.parent / urllib.parse.unquote(address.path)).resolve()
            path = page if not address.path else path
            if not path.is_file():
                dead.append((page.name, target))
            elif address.fragment and path.suffix == ".html":
                place = urllib.parse.unquote(address.fragment)
                if place not in links_of(path).places:
                    dead.append((page.name, target))
    assert dead == []
    assert len(pages_of(site)) > 50


def test_pages_load_nothing_from_a_network(site):
    for page in pages_of(site):
        for target in links_of(page).loaded:
            assert not re.match(r"(\w+:)?//", target), (page.name, target)


def test_every_public_name_has_an_entry(site):
    header, packed = (site / "objects.inv").read_bytes().split(b"zlib.\n", 1)
    entries = {
        line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines()
    }
    assert b"Project: kerasos" in header
    found = 0
    for path in (ROOT / "kerasos").rglob("__init__.py"):
        package = ".".join(path.parent.relative_to(ROOT).parts)
        names = re.search(r"^__all__ = (\[.*?\])", path.read_text(), re.M | re.S)
        if names is None or package == "kerasos.evaluation.compare":
            continue
        for name in re.findall(r'"(\w+)"', names[1]):
            assert f"{package}.{name}" in entries, f"{package}.{name}"
            found += 1
    assert found > 80


@pytest.mark.parametrize("name", kerasos.list_methods())
def test_a_method_has_a_page_with_its_options_and_paper(site, name):
    text = (site / f"generated/methods/{name}.html").read_text(encoding="utf-8")
    cls = kerasos.get_method(name)
    for option in cls.options:
        assert f'<span class="pre">{option}</span>' in text, option
    if issubclass(cls, kerasos.OversamplingModel):
        assert 'class="equations"' in text and re.search("<su[bp]>", text)
        assert "Departures" in text or "Ours" in text or "ours" in text
    assert 'id="known-limits"' in text


def test_measured_rows_stand_on_the_page_of_their_method(site):
    text = (site / "generated/methods/cvae.html").read_text(encoding="utf-8")
    for figure in ("3.50", "0.773 [1] (0.750)", "0.599", "-0.060"):
        assert figure in text, figure
    assert "compare_images_mnist_cvae.png" in text


def test_the_search_needs_no_server(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert index.startswith("Search.setIndex(") and "oversampl" in index
    assert "searchindex.js" in {
        pathlib.PurePath(t.partition("?")[0]).name
        for t in links_of(site / "search.html").targets
    }


MEASURE = """
function measure(frame) {
  const page = frame.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll('main *')].filter(each => {
    for (let box = each.parentElement; box; box = box.parentElement) {
      const style = frame.contentWindow.getComputedStyle(box);
      if (['auto', 'scroll', 'hidden'].includes(style.overflowX)) return false;
      if (box === page.body) break;
    }
    return each.getBoundingClientRect().right > root.clientWidth + 1;
  });
  return {scroll: root.scrollWidth, client: root.clientWidth,
          wide: wide.slice(0, 5).map(each => each.outerHTML.slice(0, 120)),
          heading: page.querySelectorAll('h1').length};
}
"""


@pytest.mark.parametrize("page", SHOWN)
def test_nothing_is_wider_than_a_telephone_or_a_window(site, page, tmp_path):
    browser = found_browser()
    narrow, wide = measured(browser, [site / page], WIDTHS, MEASURE, tmp_path)
    for width, shown in zip(WIDTHS, (narrow, wide), strict=True):
        assert shown["client"] <= width and shown["heading"] == 1
        assert shown["wide"] == [] and shown["scroll"] <= shown["client"], shown
