"""The simulation behind the folds of `compare`: both kinds of error."""

import re

import numpy as np
import pandas as pd
import pytest
import script_module
from scipy import stats

RESULTS = script_module.ROOT / "benchmarks"


@pytest.fixture(scope="module")
def script():
    path = script_module.ROOT / "benchmarks" / "compare_power.py"
    with script_module.loaded(path) as module:
        yield module


def test_the_classes_are_as_far_apart_as_said(script):
    """Without end, the discriminants have the accuracies that make the gain."""
    x, y = script.table(200_000, 0.1, np.random.default_rng(0))
    half = np.arange(len(y)) % 2 == 0
    found = script.scores_of(x, y, np.flatnonzero(half), np.flatnonzero(~half))
    assert found[0] == pytest.approx(0.75, abs=0.006)
    assert found[1] == pytest.approx(0.85, abs=0.006)
    assert found[2:] == pytest.approx([0.75] * 4, abs=0.006)
    assert script.distance(0.75) == pytest.approx(2 * stats.norm.ppf(0.75))


@pytest.mark.slow  # reason: 4,500 discriminants
def test_the_default_finds_gains_and_names_no_others(script):
    gained, none, halves = (
        script.simulate(300, gain, folds, 5, 60, seed=0)
        for gain, folds in ((0.15, 5), (0.0, 5), (0.15, 2))
    )
    assert gained["power"] > 0.6 and gained["power"] > halves["power"] + 0.15
    assert none["family_wise_error"] <= 0.05 and none["power"] <= 0.05
    assert gained["found_gain"] == pytest.approx(0.15, abs=0.03)


def test_the_table_of_the_results_is_that_of_the_stored_rows():
    found = pd.read_csv(RESULTS / "results" / "compare_power.csv")
    page = (RESULTS / "RESULTS.md").read_text("utf-8")
    text = page.split("### What `compare` finds")[1].split("###")[0]
    lines = [line for line in text.splitlines() if re.match(r"\| \d+x\d+ ", line)]
    assert len(lines) == 5 and set(found.tables) == {200}
    for line in lines:
        design, *cells, error = [part.strip() for part in line.strip("|").split("|")]
        folds, repeats = map(int, design.split("x"))
        part = found[(found.folds == folds) & (found.repeats == repeats)]
        assert float(error) == pytest.approx(part.family_wise_error.max(), abs=5e-4)
        gained = part[part.gain > 0].sort_values(["rows", "gain"]).power.to_numpy()
        told = [float(value) for cell in cells for value in cell.split(",")]
        np.testing.assert_allclose(told, gained, atol=0.0051)
