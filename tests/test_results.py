"""The tables of README.md and RESULTS.md are those of the stored rows."""

import pathlib
import re
import sys

import pandas as pd
import pytest
import script_module
from absl import flags

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from harness import summary  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
PUBLISHED = ROOT / "benchmarks" / "published"
PAGES = (ROOT / "README.md", ROOT / "benchmarks" / "RESULTS.md")


def shown(page):
    """Returns `{name: lines of the table}` of a page."""
    found = re.findall(
        r"<!-- table: (\S+) -->\n(.*?)<!-- end -->", page.read_text("utf-8"), re.S
    )
    return {name: text.strip().splitlines() for name, text in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_those_of_the_stored_rows(page):
    tables = shown(page)
    assert tables
    for name, lines in tables.items():
        rows = RESULTS / "reproduce.csv"
        assert lines == summary.lines_of(name, rows, PUBLISHED), name
        assert len([line for line in lines if line.startswith("|")]) > 2


def test_every_table_stands_on_a_page():
    names = [name for page in PAGES for name in shown(page)]
    known = [*summary.GAMO, *summary.GRIDS.name.unique()]
    known += ["overview", "short", "tabular"]
    assert sorted(names) == sorted(known)


def test_links_of_the_results_lead_to_files():
    page = PAGES[1]
    targets = re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))
    assert targets
    for target in targets:
        assert (page.parent / target).exists(), target


def test_the_script_prints_one_table(capsys):
    with script_module.loaded(ROOT / "benchmarks" / "report.py") as script:
        rows = RESULTS / "reproduce.csv"
        flags.FLAGS(["", "--table=FID", f"--rows={rows}", f"--published={PUBLISHED}"])
        script.main([])
    assert capsys.readouterr().out.splitlines() == shown(PAGES[1])["FID"]


def test_write_replaces_what_stands_between_the_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- table: MNIST -->\n| old |\n<!-- end -->\nb\n", "utf-8")
    assert summary.write(page, RESULTS / "reproduce.csv", PUBLISHED) == ["MNIST"]
    text = page.read_text("utf-8")
    assert text.startswith("a\n<!-- table: MNIST -->\n\n| method | ACSA |")
    assert text.endswith("|\n\n<!-- end -->\nb\n") and "old" not in text


def test_the_overview_takes_the_largest_budget_and_leaves_out_what_did_not_run(
    tmp_path,
):
    rows = pd.read_csv(RESULTS / "reproduce.csv", dtype=str)
    rows = rows[(rows.setting == "class=8;IR=67") & (rows.metric == "recall")]
    rows = rows[rows.repeat == "0"]
    kept = rows[rows.method.isin(["SMOTE", "IMSIC"])].copy()
    assert sorted(kept.budget) == ["0.05", "0.1", "1"]
    by_budget = {"0.05": "0.7", "0.1": "0.75", "1": "0.8"}
    kept["mean"] = kept.budget.map(by_budget)
    kept["part"] = "1/1"
    kept.to_csv(tmp_path / "rows.csv", index=False)
    lines = summary.lines_of("overview", tmp_path / "rows.csv", PUBLISHED)
    assert len(lines) == 3
    cells = [cell.strip() for cell in lines[2].split("|")[2:-1]]
    smote, imsic = "0.800 [1] (0.829)", "0.750 [1] (0.893)"
    assert cells == ["", "", smote, "IMSIC", imsic, "0.1"]


def test_a_cell_of_a_grid_is_mean_spread_repeats_and_the_published_figure(
    tmp_path,
):
    rows = pd.read_csv(RESULTS / "reproduce.csv", dtype=str)
    rows = rows[rows.paper == "ACTIVEGAN2019"]
    # Two repeats of 90.5 and 92.0: mean 91.25, deviation 1.5 / sqrt(2) = 1.0607.
    kept = rows[(rows.method == "AC-GAN") & (rows.metric == "F_score_pct")]
    first = kept[(kept.setting == "n=500") & (kept.budget == "0.1")].iloc[:2].copy()
    first["mean"] = ["90.5", "92.0"]
    others = kept[kept.setting.isin(["n=1000", "n=5000"])].iloc[:6]
    found = pd.concat([first, others])
    found["part"] = "1/1"  # all that there is of their cells
    found.to_csv(tmp_path / "rows.csv", index=False)
    lines = summary.lines_of("ActiveGAN", tmp_path / "rows.csv", PUBLISHED)
    assert lines[0] == "| method | budget | MNIST, 500 | MNIST, 1,000 | " + (
        "Fashion-MNIST, 5,000 |"
    )
    assert len(lines) == 3
    assert lines[2].startswith("| AC-GAN | 0.1 | 91.25 ± 1.06 [2] (94.1) | ")


def test_the_table_of_tables_is_that_of_the_stored_summary():
    stored = (RESULTS / "tabular.md").read_text("utf-8")
    rows = pd.read_csv(RESULTS / "tabular.csv")
    classifiers = rows.classifier.unique()
    pictures = {name: f"tabular_ranks_{name}.png" for name in classifiers}
    with script_module.loaded(ROOT / "benchmarks" / "tabular.py") as tabular:
        assert tabular.markdown(rows, pictures) == stored
    assert all((RESULTS / name).is_file() for name in pictures.values())
    lines = [line for line in shown(PAGES[1])["tabular"] if line.startswith("|")]
    assert rows.table.nunique() == 13 and len(lines) == 2 + rows.method.nunique()
