"""A page for each method: its docstrings, its options, and what was measured of it."""

import csv
import functools
import inspect
import re

from docstrings import arguments, parts, to_rst
from result_pages import ROOT

import kerasos

RESULTS = ROOT / "benchmarks" / "results"
# How the published tables call what is a method here; behind it may stand a word.
ROWS = {
    "acgan": r"(R-)?ACGAN",
    "activegan": r"ActiveGAN|AC-GAN(\+F)?",
    "augment": r"Augment\+CN",
    "bagan": r"BAGAN",
    "cdcgan": r"cDCGAN(\+CN)?",
    "cgan": r"(R-)?CGAN|cGAN\+CN",
    "cvae": r"(R-)?CVAE",
    "cwae": r"cWAE",
    "deepsmote": r"DeepSMOTE",
    "dgc": r"DGC",
    "dos": r"DOS",
    "gamo": r"GAMO(\\D)?",
    "gamo2pix": r"GAMO2pix",
    "imsic": r"IMSIC",
    "infogan": r"InfoGAN",
    "random": r"RANDOM|Random\+CN|Random copies",
    "smote": r"SMOTE(\+CN)?",
    "two_stage_cvae": r"two-stage CVAE",
}
NOTHING = r"Baseline CN|Imbalanced|None \(ours\)|SVM"  # nothing added
PLAIN = r"SMOTE(\+CN)?|RANDOM|Random\+CN \(ours\)"
# What the tables of RESULTS.md are about, in a line each.
ABOUT = {
    "MNIST": "MNIST, 40 to 4,000 images a class, dense networks (GAMO, table 1)",
    "Fashion-MNIST": "Fashion-MNIST, 40 to 4,000 images a class, convolutional "
    "networks (GAMO, table 1)",
    "CIFAR10": "CIFAR-10, 80 to 4,500 images a class (GAMO, table 2)",
    "FID": "Fashion-MNIST: FID of generated images, smaller is better, features of a "
    "network of ours (GAMO, table 5)",
    "ActiveGAN": "Few labels, classes alike: F-score in percent (ActiveGAN, table 1)",
    "Fajardo-320": "Ten images in each small class: F1 (Fajardo et al., tables 5, 7)",
    "Fajardo-80": "Forty images in each small class: F1 (Fajardo et al., tables 6, 8)",
    "IMSIC": "MNIST, classes of 60 and 40 images filled up to 4,000 (IMSIC, table 1)",
}
MEASURES = {
    "correlation": "correlation of strong pairs",
    "ends": "rows with a value at a column's end",
    "missing": "missing values, the column furthest off",
    "category": "share of the category that is furthest off",
    "deviation": "standard deviation over the real one, median column",
}
IMAGES = {"fashion_mnist": "Fashion-MNIST", "mnist": "MNIST"}
PICTURES = {
    "gamo": ["saved_models/gamo_digits/samples.png"],
    "cvae": ["docs/pictures/balance_images_cvae.png"],
    "deepsmote": ["docs/pictures/balance_images_deepsmote.png"],
}
CAPTIONS = {
    "fajardo": "a class of ten images filled up",
    "fashion": "Fashion-MNIST",
    "mnist": "MNIST",
    "compare": "in the comparison on images",
}


def method_pages():
    """Returns `{file: text}`: an index, and a page a method."""
    names = kerasos.list_methods()
    pages = {f"methods/{name}.rst": _page(name) for name in names}
    rows = []
    for name in names:
        cls = kerasos.get_method(name)
        makes = ", ".join(cls.makes) or "features"
        rows.append([f":doc:`{name}`", _lead(cls), makes])
    entries = "\n".join(f"   {name}" for name in names)
    pages["methods/index.rst"] = "\n".join(
        [
            *_title("Methods"),
            "Each goes by its name: ``kerasos.get_method(name)``, and "
            "``DeepOverSampler(name)`` for those that make samples. The pages are made "
            "from the methods' own docstrings. Which one to try first: "
            ":doc:`../../choose`.",
            "",
            *_table(["name", "what it does", "makes"], rows, "15 65 20"),
            ".. toctree::",
            "   :hidden:",
            "",
            entries,
            "",
        ]
    )
    return pages


def _title(text, line="="):
    return [text, line * len(text), ""]


def _table(header, rows, widths=None):
    text = [".. list-table::", "   :header-rows: 1", "   :class: scroll"]
    text += [f"   :widths: {widths}"] if widths else []
    text.append("")
    for row in (header, *rows):
        for place, cell in enumerate(row):
            text.append(f"   {'* ' if not place else '  '}- {cell}".rstrip())
    return [*text, ""]


def _lead(cls):
    return to_rst([inspect.cleandoc(cls.__doc__).splitlines()[0]])[0]


def _page(name):
    cls = kerasos.get_method(name)
    known = parts(cls.__doc__)
    text = [f".. _method-{name}:", "", *_title(f"{name}: {cls.__name__}")]
    text += [_lead(cls), "", *_facts(cls, known)]
    about = inspect.cleandoc(inspect.getmodule(cls).__doc__).splitlines()[1:]
    if issubclass(cls, kerasos.OversamplingModel):
        text += [*_title("Paper and equations", "-"), *to_rst(about), ""]
    text += [*_title("In use", "-"), *_use(known)]
    text += [*_title("Options", "-"), *_options(cls)]
    measured = [*_on_tables(name), *_on_images(name), *_published(name)]
    if measured:
        text += [*_title("Measured", "-"), *measured]
    text += _pictures(name)
    text += [*_title("Known limits", "-"), *_limits(cls, known)]
    return "\n".join(text) + "\n"


def _home(cls):
    package = "kerasos" if cls.__name__ in kerasos.__all__ else "kerasos.over_sampling"
    return f"{package}.{cls.__name__}"


def _facts(cls, known):
    home = _home(cls)
    call = home if home.startswith("kerasos.over") else f"kerasos.{cls.__name__}"
    text = [f":In Python: ``{call}.from_data(x, y)``; all calls: :py:class:`{home}`"]
    if cls.makes:
        text.append(f':In a pipeline: ``DeepOverSampler("{cls.method_name}")``')
        text.append(f":Makes: {' and '.join(cls.makes)}")
    else:
        text.append(":Makes: features, no samples in the data's own space")
    if cls.trains_classifier:
        text.append(":Trains a classifier: yes, ``model.classifier``")
    if known.get("Reference"):
        paper = " ".join(line.strip() for line in known["Reference"]).strip()
        text.append(f":Paper: {to_rst([paper])[0]}")
    return [*text, ""]


def _use(known):
    kept = [p for p in _paragraphs(known[""][1:]) if not _is_limit(p)]
    lines = [line for paragraph in kept for line in (*paragraph, "")]
    return [*to_rst(lines), "", *to_rst(known.get("Example", [])), ""]


def _paragraphs(lines):
    found = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        else:
            found.append([])
    return [paragraph for paragraph in found if paragraph]


def _is_limit(paragraph):
    return paragraph[0].startswith("Rows ")


def _limits(cls, known):
    text = []
    for paragraph in _paragraphs(known[""][1:]):
        if _is_limit(paragraph):
            text += [*to_rst(paragraph), ""]
    if cls.makes == ("images",):
        text += ["It makes images only; tables are refused.", ""]
    if cls.makes == ("tables",):
        text += ["It makes rows of tables only; images are refused.", ""]
    if not cls.makes:
        text += ["It makes features: it cannot fill up a table or a folder.", ""]
    for line in _joined(known.get("Raises", [])):
        text += [f"- {inline_error(line)}"]
    if not text:
        text += [
            "None beyond those of oversampling itself: :doc:`../../guides/when_not`."
        ]
    return [*text, ""]


def inline_error(line):
    """Returns what an entry of Raises says, as a sentence with the error behind it."""
    error, _, when = line.partition(": ")
    return to_rst([f"`{error}` {when[0].lower()}{when[1:]}"])[0]


def _joined(lines):
    found = []
    for line in lines:
        if line.startswith("    ") and not line.startswith("     "):
            found.append(line.strip())
        elif line.strip():
            found[-1] += " " + line.strip()
    return found


@functools.cache
def _told(cls):
    """Returns `{option: what it is}` from the docstrings of a class and its bases."""
    found = {}
    for part in reversed(cls.__mro__):
        if not part.__module__.startswith("kerasos"):
            continue
        texts = [part.__doc__, getattr(vars(part).get("from_data"), "__doc__", "")]
        for text in texts:
            for name, line in arguments(text).items():
                if name not in found or not line.startswith("See "):
                    found[name] = line
    for name, line in found.items():
        other = re.match(r"As in `(\w+)(?:\.from_data)?`[.,;]? ?(.*)", line)
        if other and hasattr(kerasos, other[1]):
            own = _told(getattr(kerasos, other[1])).get(name, line)
            found[name] = f"{own} {other[2][:1].upper()}{other[2][1:]}".strip()
    return found


def _options(cls):
    own = cls.options
    if not own:
        return ["None.", ""]
    told = {**_told(kerasos.OversamplingModel), **_told(cls)}
    if cls.method_name == "cdcgan":
        told = {**_told(kerasos.CGAN), **told}
    rows = []
    for name, option in own.items():
        takes = "" if option.check is None else str(option.check)
        about = to_rst([told.get(name, "")])[0]
        rows.append([f"``{name}``", f"``{option.default!r}``", takes, about])
    return [
        "Keyword arguments of ``from_data``, and entries of ``method_params`` of "
        "``DeepOverSampler``.",
        "",
        *_table(["option", "default", "takes", "what it is"], rows, "18 14 23 45"),
    ]


# What was measured.


def _cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def _escaped(cell):
    return re.sub(r"([\\*|_])", r"\\\1", cell).replace("`", "``")


@functools.cache
def _published_tables():
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    found = re.findall(r"<!-- table: (\S+) -->\n\n(.*?)\n\n<!-- end -->", text, re.S)
    return {name: [_cells(x) for x in t.splitlines()] for name, t in found}


def _published(name):
    if name not in ROWS:
        return []
    text = []
    for table, about in ABOUT.items():
        header, _, *rows = _published_tables()[table]
        pattern = rf"({ROWS[name]})( .*)?"
        own = [row for row in rows if re.fullmatch(pattern, row[0])]
        if not own:
            continue
        beside = [
            row
            for row in rows
            if row not in own and re.fullmatch(f"{NOTHING}|{PLAIN}", row[0])
        ]
        shown = beside + own
        kept = [i for i in range(len(header)) if any(row[i] for row in shown)]
        shown = [[row[i] for i in kept] for row in shown]
        text += [f"{about}:", ""]
        text += _table(
            [_escaped(header[i]) for i in kept],
            [[_escaped(cell) for cell in row] for row in shown],
        )
    if text:
        text += [
            "Mean ± sample standard deviation [number of draws] (published). "
            '"(ours)" are rows that the paper does not have; a budget is the share of '
            "the published steps. Commands and what the figures mean: "
            ":doc:`../results/measured`.",
            "",
        ]
    return text


def _markdown_tables(path):
    """Returns `{heading above it: [header, *rows]}` of a Markdown file."""
    found, heading, rows = {}, "", []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if line.startswith("|"):
            rows.append(_cells(line))
        elif rows:
            found.setdefault(heading, [rows[0], *rows[2:]])
            rows = []
    return found


def _on_tables(name):
    text = []
    overview = _markdown_tables(RESULTS / "tabular.md")["Rebalancing tables"]
    own = [row for row in overview[1:] if row[0] == name]
    if own:
        beside = [r for r in overview[1:] if r[0] in ("none", "smote") and r not in own]
        text += [
            "13 real tables, two classifiers, 5x2 cross-validation "
            "(:doc:`../results/tables`): mean rank among eight ways by balanced "
            "accuracy and by two scores of the probabilities, points of balanced "
            "accuracy to doing nothing, cases ahead and behind:",
            "",
            *_table(
                [_escaped(cell) for cell in overview[0]],
                [[_escaped(cell) for cell in row] for row in own + beside],
            ),
        ]
    return text + _rows_made(name)


def _rows_made(name):
    with open(RESULTS / "table_quality.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == name]
    found = [
        [row["table"].replace("_", " "), MEASURES[row["measure"]]]
        + [row["real"], row["generated"]]
        for row in rows
        if row["measure"] in MEASURES and not _says_nothing(row)
    ]
    if not found:
        return []
    return [
        "A thousand generated rows of the rarest class beside the real ones, with the "
        "defaults of ``DeepOverSampler`` and seed 0 (``benchmarks/table_quality.py``):",
        "",
        *_table(["table", "measure", "real", "generated"], found),
    ]


def _says_nothing(row):
    """Whether a table has no missing values, or no categories, and none were made."""
    none = {"missing": 0.0, "category": 1.0}.get(row["measure"])
    return float(row["real"]) == float(row["generated"]) == none


def _on_images(name):
    text = []
    for heading, rows in _markdown_tables(RESULTS / "compare_images.md").items():
        own = [row for row in rows[1:] if row[0] == name]
        if not own:
            continue
        beside = [r for r in rows[1:] if r[0] in ("none", "random") and r not in own]
        kept = [i for i, cell in enumerate(rows[0]) if cell != "outcome"]
        text += [
            f"{IMAGES[heading]}, 2,251 images, 10 to 1,000 a class, three training "
            "sets, equally many updates for all (:doc:`../results/images`):",
            "",
            *_table(
                [_escaped(rows[0][i]) for i in kept],
                [[_escaped(row[i]) for i in kept] for row in own + beside],
            ),
        ]
    return text


def _pictures(name):
    files = [ROOT / path for path in PICTURES.get(name, [])]
    found = re.compile(rf"(fajardo_mnist|fashion|mnist|compare_images_\w+?)_{name}")
    for path in sorted(RESULTS.glob("*.png")):
        ends = path.stem.endswith(("_samples", f"_{name}"))
        if found.match(path.stem) and ends and not _of_another(path.stem, name):
            files.append(path)
    if not files:
        return []
    text = _title("Pictures", "-")
    for path in files:
        text += [
            f".. figure:: ../../../{path.relative_to(ROOT)}",
            f"   :alt: {_caption(path, name)}",
            "",
            f"   {_caption(path, name)}",
            "",
        ]
    return text


def _of_another(stem, name):
    longer = [n for n in kerasos.list_methods() if n.startswith(name) and n != name]
    return any(f"_{n}" in stem for n in longer)


def _caption(path, name):
    if path.name.startswith("balance_images"):
        return f"Drawn parts beside those that {name} generated"
    if path.parent.name == "gamo_digits":
        return "Real digits (left) beside generated ones (right), a row a class"
    about = next(
        text for start, text in CAPTIONS.items() if path.name.startswith(start)
    )
    variant = path.stem.removesuffix("_samples").rpartition(f"{name}")[2].strip("_")
    return f"{about}: {path.stem if not variant else variant.replace('_', ' ')}"
