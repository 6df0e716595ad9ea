"""The simulation behind the folds of `compare`: both kinds of error."""

import numpy as np
import pytest
import script_module
from scipy import stats


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
