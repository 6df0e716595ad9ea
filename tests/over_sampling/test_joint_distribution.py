"""Generated rows look like the real ones of their class, jointly, on real tables."""

import numpy as np
import pandas as pd
import pytest
import script_module

LIMITS = {
    "correlation": 0.2,  # of strongly correlated pairs, mean
    "ends": 0.05,  # rows with a value at a column's end, above the real share
    "missing": 0.1,  # rate of a column
    "category": 2.0,  # factor of a share of at least 4 %
    "deviation": 0.25,  # of a column, median over columns
    "grid": 0.0,  # values off their column's decimal grid
}
# What a method cannot hold, with what it holds; its docstring says why.
WIDER = {
    ("smote", "mixed"): {"category": 8.0},  # the neighbours' most frequent one
    ("cvae", "wine"): {"correlation": 0.25},
}


@pytest.fixture(scope="module")
def script():
    path = script_module.ROOT / "benchmarks" / "table_quality.py"
    with script_module.loaded(path) as module:
        yield module


@pytest.mark.slow  # trains the methods that tables are sent to, as by default
@pytest.mark.parametrize("table", ["breast_cancer", "wine", "mixed"])
@pytest.mark.parametrize("method", ["smote", "cvae", "flow"])
def test_rows_are_like_the_data(script, method, table):
    found = script.deviations(*script.generated(method, table))
    limits = {**LIMITS, **WIDER.get((method, table), {})}
    off = {name: part for name, part in found.items() if part[2] > limits[name]}
    assert not off, found


def test_the_measures_see_what_is_wrong(script):
    """Columns drawn apart, values at the ends, a category lost, noise: each shows."""
    x, y = script.mixed()
    real = x[y == 1].reset_index(drop=True)
    source = np.random.default_rng(0)

    def wrong(new):
        found = script.deviations(real, new)
        return {name for name, part in found.items() if part[2] > LIMITS[name]}

    assert wrong(real.sample(150, random_state=0)) == set()
    apart = pd.DataFrame({name: source.permutation(real[name]) for name in real})
    assert wrong(apart.infer_objects()) == {"correlation"}
    radius = real["mean radius"]
    at_end = real.assign(**{"mean radius": radius.mask(radius > 20, radius.max())})
    assert "ends" in wrong(at_end)
    assert wrong(real.assign(site=real["site"].replace("rare", "left"))) == {"category"}
    assert wrong(real.assign(symmetry=real["symmetry"].fillna(0.2))) >= {"missing"}
    assert wrong(real.assign(price=real["price"] + 0.003)) == {"grid"}
    spread = real.copy()
    for name in real.select_dtypes("number"):
        spread[name] = real[name].mean() + 2 * (real[name] - real[name].mean())
    assert "deviation" in wrong(spread)
